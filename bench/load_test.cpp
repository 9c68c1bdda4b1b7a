// The generator's own arithmetic: a benchmark that counts wrong is worse than none.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "change_reader.h"
#include "histogram.h"
#include "requests.h"
#include "told.h"
#include "wire.h"

namespace nunc::bench {
namespace {

std::string Numbered(std::uint64_t number) {
  return "payload-" + SequenceDigits(number);
}

// What a watcher receives for one change, as the servers write it.
std::string Delivery(Wire wire, std::uint64_t number) {
  const Dialect dialect(wire);
  const std::string value = Numbered(number);
  if (wire == Wire::kResp) {
    return "*3\r\n$7\r\nmessage\r\n$1\r\nk\r\n$16\r\n" + value + "\r\n";
  }
  if (wire == Wire::kNats) return "MSG k 1 16\r\n" + value + "\r\n";
  if (wire == Wire::kNunc1) {
    return dialect.Reply(R"({"push":"set","db":"bench","key":"k","text":")" + value +
                         R"(","version":18446744073709551,"revision":9,"at":1795879670292})");
  }
  return dialect.Reply("changed k " + value + "\n") +
         dialect.Reply("changed-version k " + std::to_string(number + 7) + " " + value + "\n");
}

struct Totals {
  std::uint64_t changes = 0;
  std::uint64_t last = 0;
  std::string answers;
};

Totals FeedInPieces(Wire wire, const std::string& stream, std::size_t piece) {
  ChangeReader reader;
  ReadBuffer buffer;
  Totals totals;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    const std::string part = stream.substr(at, piece);
    std::copy(part.begin(), part.end(), buffer.Space().begin());
    const ChangeReader::Counted counted = reader.Feed(Dialect(wire), buffer, part.size());
    totals.changes += counted.changes;
    if (counted.changes > 0) totals.last = counted.last;
  }
  totals.answers = reader.Answers();
  return totals;
}

class EveryWire : public testing::TestWithParam<Wire> {};

TEST_P(EveryWire, ChangesAreCountedWhateverTheCutsBetweenReads) {
  std::string stream;
  for (std::uint64_t i = 1; i <= 20; ++i)
    stream += Delivery(GetParam(), i);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const Totals totals = FeedInPieces(GetParam(), stream, piece);
    ASSERT_EQ(totals.changes, 20U) << "pieces of " << piece;
    ASSERT_EQ(totals.last, 20U) << "pieces of " << piece;
  }
}

TEST_P(EveryWire, AnUnfinishedChangeDoesNotCount) {
  const std::string whole = Delivery(GetParam(), 1);
  const std::string second = Delivery(GetParam(), 2);
  for (std::size_t size = 0; size < second.size(); ++size) {
    const std::string stream = whole + second.substr(0, size);
    const Totals totals = FeedInPieces(GetParam(), stream, stream.size());
    ASSERT_EQ(totals.changes, 1U) << size;
    ASSERT_EQ(totals.last, 1U) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Others, EveryWire, testing::Values(Wire::kNunc1, Wire::kNats));

class EveryStore : public EveryWire {};

TEST_P(EveryStore, AnAnswerToABatchIsTheAnswersToItsRequests) {
  Options options;
  options.target.dialect = Dialect(GetParam());
  options.keys = 40;
  const Requests requests(options, Operation::kSet, 4);
  EXPECT_EQ(requests.Count(), 10U);
  const std::string one = Dialect(GetParam()).SetReply();
  EXPECT_EQ(requests.Reply(), one + one + one + one);
}

constexpr auto kStores = {Wire::kResp, Wire::kNqlTcp, Wire::kNqlWs};
INSTANTIATE_TEST_SUITE_P(Stores, EveryWire, testing::ValuesIn(kStores));
INSTANTIATE_TEST_SUITE_P(Stores, EveryStore, testing::ValuesIn(kStores));

TEST(ChangeReader, AFrameWithATwoByteLengthIsTakenOff) {
  const Dialect dialect(Wire::kNqlWs);
  const std::string value = std::string(300, 'x') + "00000042";
  const std::string stream = dialect.Reply("changed k " + value + "\n") +
                             dialect.Reply("changed-version k 1 " + value + "\n");
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const Totals totals = FeedInPieces(Wire::kNqlWs, stream, piece);
    ASSERT_EQ(totals.changes, 1U) << piece;
    ASSERT_EQ(totals.last, 42U) << piece;
  }
}

TEST(ChangeReader, APingIsAnsweredWithItsPayloadAndNotCounted) {
  const std::string ping =
      "\x89\x03"
      "a\nb";
  const std::string change = Delivery(Wire::kNqlWs, 1);
  const std::string stream = ping + change + ping + std::string("\x89\x00", 2);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const Totals totals = FeedInPieces(Wire::kNqlWs, stream, piece);
    ASSERT_EQ(totals.changes, 1U) << piece;
    const std::string pong = ClientFrame(Opcode::kPong, "a\nb");
    ASSERT_EQ(totals.answers, pong + pong + ClientFrame(Opcode::kPong, "")) << piece;
  }
}

TEST(ChangeReader, OtherPushesOfNunc1AreNotCounted) {
  const std::string ready =
      Dialect(Wire::kNunc1).Reply(R"({"push":"ready","db":"bench","token":"1.2.3","revision":2})");
  const std::string stream =
      ready + Delivery(Wire::kNunc1, 1) + ready + ready + Delivery(Wire::kNunc1, 2) + ready;
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const Totals totals = FeedInPieces(Wire::kNunc1, stream, piece);
    ASSERT_EQ(totals.changes, 2U) << piece;
    ASSERT_EQ(totals.last, 2U) << piece;
  }
}

TEST(ChangeReader, APingOfNatsIsAnsweredAndNotCounted) {
  const std::string ping = "PING\r\n";
  const std::string stream =
      ping + Delivery(Wire::kNats, 1) + ping + Delivery(Wire::kNats, 2) + ping + ping;
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const Totals totals = FeedInPieces(Wire::kNats, stream, piece);
    ASSERT_EQ(totals.changes, 2U) << piece;
    ASSERT_EQ(totals.last, 2U) << piece;
    ASSERT_EQ(totals.answers, "PONG\r\nPONG\r\nPONG\r\nPONG\r\n") << piece;
  }
}

TEST(Dialect, TheNthWatchOfAConnectionIsAnsweredByItsNumber) {
  EXPECT_EQ(Dialect(Wire::kResp).WatchReply("k", 12),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\nk\r\n:12\r\n");
  EXPECT_EQ(Dialect(Wire::kNqlTcp).WatchReply("k", 12), "ok \n");
}

TEST(LineReader, LinesAreWholeWhateverTheCutsBetweenReads) {
  const std::string stream = "started * delta\nchanged k/1 a b\n\nready * 1.2.3\nunfinished";
  const std::vector<std::string> expected = {"started * delta", "changed k/1 a b", "",
                                             "ready * 1.2.3"};
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    LineReader reader;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.Feed(std::string_view(stream).substr(at, piece),
                  [&](std::string_view line) { lines.emplace_back(line); });
    }
    ASSERT_EQ(lines, expected) << piece;
  }
}

TEST(ChangeOf, AChangeIsReadFromItsSecondLine) {
  const auto change = ChangeOf("changed-version k/1 7 a b");
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->key, "k/1");
  EXPECT_EQ(change->value, "a b");
  for (const char* line : {"changed k/1 a b", "removed k/1", "changed-version k/1", ""}) {
    EXPECT_FALSE(ChangeOf(line).has_value()) << line;
  }
}

TEST(EndsWithNewestOfEachKey, EachOnceAndInOrder) {
  const auto ends = [](std::vector<std::uint64_t> told) {
    return EndsWithNewestOfEachKey(told, 12, 3);
  };
  EXPECT_TRUE(ends({10, 11, 12}));
  EXPECT_TRUE(ends({1, 2, 5, 10, 11, 12}));
  EXPECT_FALSE(ends({11, 12})) << "one is missing";
  EXPECT_FALSE(ends({9, 11, 12})) << "an older one";
  EXPECT_FALSE(ends({10, 11, 11, 12})) << "one came twice";
  EXPECT_FALSE(ends({5, 5, 10, 11, 12})) << "an old one came twice";
  EXPECT_FALSE(ends({12, 10, 11, 12})) << "out of order";
  EXPECT_FALSE(ends({10, 11, 12, 13})) << "one never made";
}

TEST(ClientFrame, IsMaskedAndUnmasksToThePayload) {
  const std::string payload(200, 'p');
  const std::string frame = ClientFrame(Opcode::kText, payload);
  ASSERT_EQ(frame.size(), 2U + 2U + 4U + payload.size());
  EXPECT_EQ(static_cast<unsigned char>(frame[0]), 0x81U);
  EXPECT_EQ(static_cast<unsigned char>(frame[1]), 0x80U | 126U);
  std::string unmasked;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    unmasked += static_cast<char>(frame[8 + i] ^ frame[4 + i % 4]);
  }
  EXPECT_EQ(unmasked, payload);
}

TEST(Histogram, PercentilesAreWithinOnePercent) {
  Histogram histogram;
  for (std::int64_t us = 1; us <= 100'000; ++us)
    histogram.Add(us * 1000);
  EXPECT_EQ(histogram.Count(), 100'000U);
  EXPECT_NEAR(histogram.PercentileUs(0.50), 50'000, 500);
  EXPECT_NEAR(histogram.PercentileUs(0.99), 99'000, 990);
  EXPECT_DOUBLE_EQ(histogram.MaxUs(), 100'000);
  EXPECT_LE(histogram.PercentileUs(1.0), histogram.MaxUs());
}

TEST(Histogram, EmptyAndExtremeValuesAreHarmless) {
  Histogram histogram;
  EXPECT_DOUBLE_EQ(histogram.PercentileUs(0.99), 0);
  histogram.Add(-5);
  histogram.Add(0);
  EXPECT_DOUBLE_EQ(histogram.MaxUs(), 0);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.Count(), 3U);
  EXPECT_GT(histogram.MaxUs(), 1e9);
}

TEST(ShuffledNumbers, HoldsEveryNumberOnce) {
  std::vector<std::uint32_t> numbers = ShuffledNumbers(1000);
  EXPECT_FALSE(std::is_sorted(numbers.begin(), numbers.end()));
  std::sort(numbers.begin(), numbers.end());
  for (std::uint32_t i = 0; i < 1000; ++i)
    ASSERT_EQ(numbers[i], i);
}

}  // namespace
}  // namespace nunc::bench
