#include "storage/block.h"

#include <string>

#include <gtest/gtest.h>

#include "base/byte_fields.h"
#include "base/hash.h"

namespace nunc {
namespace {

constexpr BlockPlace kPlace{.ordinal = 5, .seed = 77};

Result<std::string> Decode(std::string_view block, const BlockPlace& place) {
  const auto head = DecodeBlockHead(block.substr(0, kBlockHeadBytes), place);
  if (!head) return tl::unexpected(head.error());
  std::string raw;
  const std::string_view stored = block.substr(kBlockHeadBytes);
  if (stored.size() != head->stored_bytes) return Fail(Fault::kDamaged, "length");
  auto decoded = DecodeBlock(*head, stored, raw);
  if (!decoded) return tl::unexpected(decoded.error());
  return raw;
}

// As an attacker would: the checksum fits what was changed.
std::string Reseal(std::string block, const BlockPlace& place) {
  const std::uint64_t fields = HashBytes(std::string_view(block).substr(0, 24), place.seed);
  byte_fields::Store(block.data() + 24,
                     HashBytes(std::string_view(block).substr(kBlockHeadBytes), fields));
  return block;
}

TEST(Block, WhatShrinksIsCompressedAndComesBack) {
  const std::string raw(100'000, 'a');
  const std::string block = EncodeBlock(BlockKind::kEntries, raw, kPlace);
  EXPECT_LT(block.size(), 1'000U);
  const auto head = DecodeBlockHead(std::string_view(block).substr(0, kBlockHeadBytes), kPlace);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->kind, BlockKind::kEntries);
  EXPECT_EQ(head->codec, BlockCodec::kZstd);
  EXPECT_EQ(Decode(block, kPlace).value(), raw);
}

TEST(Block, WhatDoesNotShrinkIsStored) {
  for (const std::string raw : {"x", "xy", "no repetition"}) {
    const std::string block = EncodeBlock(BlockKind::kRecords, raw, kPlace);
    EXPECT_EQ(block.substr(kBlockHeadBytes), raw);
    EXPECT_EQ(Decode(block, kPlace).value(), raw);
  }
}

TEST(Block, StoredBytesAreNotCompressedWhereThatIsAskedFor) {
  const std::string raw(1'000, 'a');
  const std::string block = EncodeBlock(BlockKind::kEnd, raw, kPlace, BlockCodec::kStored);
  EXPECT_EQ(block.substr(kBlockHeadBytes), raw);
  EXPECT_EQ(Decode(block, kPlace).value(), raw);
}

TEST(Block, ItsMemoryIsUsedAgain) {
  const std::string block = EncodeBlock(BlockKind::kEntries, std::string(100, 'a'), kPlace);
  const auto head = DecodeBlockHead(std::string_view(block).substr(0, kBlockHeadBytes), kPlace);
  ASSERT_TRUE(head);
  std::string raw(1'000, 'b');
  const char* const memory = raw.data();
  ASSERT_TRUE(DecodeBlock(*head, std::string_view(block).substr(kBlockHeadBytes), raw));
  EXPECT_EQ(raw, std::string(100, 'a'));
  EXPECT_EQ(raw.data(), memory);
}

TEST(Block, EveryBitCounts) {
  for (const BlockCodec codec : {BlockCodec::kStored, BlockCodec::kZstd}) {
    const std::string block = EncodeBlock(BlockKind::kEntries, std::string(60, 'a'), kPlace, codec);
    for (std::size_t bit = 0; bit < block.size() * 8; ++bit) {
      std::string changed = block;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      const auto decoded = Decode(changed, kPlace);
      ASSERT_FALSE(decoded) << bit;
      ASSERT_EQ(decoded.error().fault, Fault::kDamaged) << bit;
    }
  }
}

TEST(Block, FitsOnlyItsPlaceAndItsFile) {
  const std::string block = EncodeBlock(BlockKind::kEntries, "payload", kPlace);
  EXPECT_TRUE(Decode(block, kPlace));
  EXPECT_FALSE(Decode(block, {.ordinal = 6, .seed = kPlace.seed}));
  EXPECT_FALSE(Decode(block, {.ordinal = kPlace.ordinal, .seed = 78}));
}

TEST(Block, LengthsBeyondTheirLimitsAreRefusedByTheHead) {
  const std::string block = EncodeBlock(BlockKind::kEntries, "payload", kPlace);
  const auto with = [&](std::size_t at, std::size_t length) {
    std::string head = block.substr(0, kBlockHeadBytes);
    byte_fields::Store(head.data() + at, static_cast<std::uint32_t>(length));
    return DecodeBlockHead(head, kPlace).has_value();
  };
  EXPECT_TRUE(with(8, kBlockRawBytesMax));
  EXPECT_FALSE(with(8, kBlockRawBytesMax + 1));
  EXPECT_FALSE(with(8, 0));
  EXPECT_FALSE(with(12, 8));  // more than the raw bytes
}

TEST(Block, OneOfTheGreatestLengthComesBack) {
  const std::string raw(kBlockRawBytesMax, 'a');
  EXPECT_EQ(Decode(EncodeBlock(BlockKind::kEntries, raw, kPlace), kPlace).value(), raw);
}

TEST(Block, NeverGivesMoreThanItDeclares) {
  const std::string bomb = EncodeBlock(BlockKind::kEntries, std::string(1'000'000, 'a'), kPlace);
  for (const std::uint32_t declared : {999'999U, 1'000U, 1'000'001U}) {
    std::string changed = bomb;
    byte_fields::Store(changed.data() + 8, declared);
    const auto decoded = Decode(Reseal(changed, kPlace), kPlace);
    ASSERT_FALSE(decoded) << declared;
    EXPECT_EQ(decoded.error().detail, "it does not decompress to its declared length");
  }
}

TEST(Block, UnknownKindsAndCodecsAreRefused) {
  const std::string block = EncodeBlock(BlockKind::kEntries, "payload", kPlace);
  EXPECT_TRUE(Decode(Reseal(block, kPlace), kPlace));
  for (const auto& [at, value, detail] :
       {std::tuple{4, '\0', "the kind is unknown"}, std::tuple{4, '\4', "the kind is unknown"},
        std::tuple{5, '\2', "the codec is unknown"}}) {
    std::string changed = block;
    changed[static_cast<std::size_t>(at)] = value;
    const auto decoded = Decode(Reseal(changed, kPlace), kPlace);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().detail, detail);
  }
}

}  // namespace
}  // namespace nunc
