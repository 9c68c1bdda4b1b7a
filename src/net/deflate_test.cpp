#include "net/deflate.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <zlib.h>

namespace nunc {
namespace {

using std::string_literals::operator""s;

constexpr std::size_t kRoomy = std::size_t{1} << 24;

std::string Repetitive(std::size_t size) {
  std::string text;
  while (text.size() < size)
    text += "{\"name\":\"value\",\"n\":" + std::to_string(text.size()) + "}";
  text.resize(size);
  return text;
}

std::string Noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 12345;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// Raw deflate with what a peer may choose: level, flush (Z_FINISH marks the last block final).
std::string PeerDeflate(std::string_view text, int flush, int level = 6) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string input(text);
  std::string output(text.size() + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<unsigned>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<unsigned>(output.size());
  deflate(&stream, flush);
  output.resize(output.size() - stream.avail_out);
  deflateEnd(&stream);
  if (flush != Z_FINISH) output.resize(output.size() - 4);
  return output;
}

std::string InflateOk(std::string_view input) {
  Inflater inflater;
  std::string output = "left from before";
  EXPECT_EQ(inflater.Inflate(input, kRoomy, output), InflateOutcome::kOk);
  return output;
}

InflateOutcome InflateTo(std::string_view input, std::size_t output_bytes_max) {
  Inflater inflater;
  std::string output;
  const InflateOutcome outcome = inflater.Inflate(input, output_bytes_max, output);
  EXPECT_LE(output.size(), output_bytes_max);
  return outcome;
}

TEST(Deflate, InflateGivesBackWhatWasCompressed) {
  Deflater deflater;
  Inflater inflater;
  std::string compressed;
  std::string output;
  for (const std::size_t size : {40U, 100U, 1000U, 1024U, 65'535U, 65'536U, 3'000'000U}) {
    const std::string text = Repetitive(size);
    ASSERT_TRUE(deflater.Compress(text, compressed)) << size;
    EXPECT_LT(compressed.size(), text.size());
    ASSERT_EQ(inflater.Inflate(compressed, kRoomy, output), InflateOutcome::kOk);
    EXPECT_EQ(output, text);
  }
}

TEST(Deflate, EachMessageStandsAlone) {
  Deflater deflater;
  std::string first;
  std::string second;
  ASSERT_TRUE(deflater.Compress(Repetitive(500), first));
  ASSERT_TRUE(deflater.Compress(Repetitive(500), second));
  EXPECT_EQ(first, second);
}

TEST(Deflate, TailOfTheFlushIsNotSent) {
  Deflater deflater;
  std::string compressed;
  ASSERT_TRUE(deflater.Compress(Repetitive(500), compressed));
  EXPECT_FALSE(compressed.ends_with("\x00\x00\xff\xff"s));
}

TEST(Deflate, RefusesWhatDoesNotBecomeSmaller) {
  Deflater deflater;
  std::string compressed = "old";
  EXPECT_FALSE(deflater.Compress("", compressed));
  EXPECT_FALSE(deflater.Compress("a", compressed));
  EXPECT_FALSE(deflater.Compress(Noise(5'000), compressed));
  EXPECT_EQ(compressed, "");
  EXPECT_TRUE(deflater.Compress(Repetitive(500), compressed)) << "and goes on afterwards";
}

TEST(Inflate, ReadsTheExamplesOfRfc7692) {
  EXPECT_EQ(InflateOk("\xf2\x48\xcd\xc9\xc9\x07\x00"s), "Hello");                  // §7.2.3.1
  EXPECT_EQ(InflateOk("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s), "Hello");  // §7.2.3.3
  EXPECT_EQ(InflateOk("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s), "Hello");              // §7.2.3.4
  EXPECT_EQ(InflateOk("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s), "Hello");  // .5
  EXPECT_EQ(InflateOk("\x00"s), "");  // §7.2.3.6
}

TEST(Inflate, TakesAnEmptyPayloadAsAnEmptyMessage) {
  EXPECT_EQ(InflateOk(""), "");
}

TEST(Inflate, TakesFinalBlocksAlsoSeveralAndAtTheEnd) {
  const std::string final_block = PeerDeflate("first", Z_FINISH);
  EXPECT_EQ(InflateOk(final_block), "first");
  EXPECT_EQ(InflateOk(final_block + final_block), "firstfirst");
  EXPECT_EQ(InflateOk(final_block + PeerDeflate(Repetitive(3000), Z_SYNC_FLUSH)),
            "first" + Repetitive(3000));
}

TEST(Inflate, TakesStoredBlocksOfNoise) {
  const std::string noise = Noise(200'000);
  EXPECT_EQ(InflateOk(PeerDeflate(noise, Z_SYNC_FLUSH, 0)), noise);
}

TEST(Inflate, StopsAtItsLimit) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1024}, std::size_t{100'000}}) {
    const std::string bomb = PeerDeflate(std::string(size, 'a'), Z_SYNC_FLUSH);
    EXPECT_EQ(InflateTo(bomb, size), InflateOutcome::kOk) << size;
    EXPECT_EQ(InflateTo(bomb, size - 1), InflateOutcome::kTooLarge) << size;
    EXPECT_EQ(InflateTo(PeerDeflate(std::string(size, 'a'), Z_FINISH), size), InflateOutcome::kOk);
  }
}

TEST(Inflate, RefusesDamagedAndCutMessages) {
  EXPECT_EQ(InflateTo("\xff\xff\xff", kRoomy), InflateOutcome::kCorrupt);
  EXPECT_EQ(InflateTo("\x00\x05\x00\x00\x00Hello"s, kRoomy), InflateOutcome::kCorrupt);
  const std::string whole = PeerDeflate(Noise(300), Z_SYNC_FLUSH);
  EXPECT_EQ(InflateTo(whole.substr(0, whole.size() / 2), kRoomy), InflateOutcome::kCorrupt);
}

TEST(Inflate, GoesOnAfterARefusedMessage) {
  Inflater inflater;
  std::string output;
  EXPECT_EQ(inflater.Inflate("\xff\xff\xff", kRoomy, output), InflateOutcome::kCorrupt);
  EXPECT_EQ(inflater.Inflate(PeerDeflate(std::string(999, 'a'), Z_SYNC_FLUSH), 10, output),
            InflateOutcome::kTooLarge);
  EXPECT_EQ(inflater.Inflate("\xf2\x48\xcd\xc9\xc9\x07\x00"s, kRoomy, output), InflateOutcome::kOk);
  EXPECT_EQ(output, "Hello");
}

}  // namespace
}  // namespace nunc
