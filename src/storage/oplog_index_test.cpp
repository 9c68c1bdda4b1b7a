#include "storage/oplog_index.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

std::vector<IndexEntry> SomeEntries() {
  std::vector<IndexEntry> index;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    index.push_back({.revision = {100 + 10 * i},
                     .time_us = static_cast<std::int64_t>(1000 * i),
                     .offset = kIndexStepBytes * i + 8,
                     .previous_checksum = 7 * i});
  }
  return index;
}

TEST(OpLogIndex, ComesBackAsItWasWritten) {
  for (const auto& index : {SomeEntries(), std::vector<IndexEntry>()}) {
    const auto decoded = DecodeIndex(EncodeIndex({100}, index), {100});
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, index);
  }
}

TEST(OpLogIndex, EveryFlippedBitAndEveryShorterPieceIsRefused) {
  const std::string bytes = EncodeIndex({100}, SomeEntries());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(DecodeIndex(damaged, {100}).has_value()) << bit;
  }
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeIndex(std::string(bytes, 0, length), {100}).has_value()) << length;
  }
}

TEST(OpLogIndex, AnotherSegmentsIndexIsRefused) {
  EXPECT_FALSE(DecodeIndex(EncodeIndex({100}, SomeEntries()), {101}).has_value());
  // The first record of a segment has no entry.
  EXPECT_FALSE(DecodeIndex(EncodeIndex({110}, SomeEntries()), {110}).has_value());
}

TEST(OpLogIndex, TheLastEntryAtOrBeforeARevisionAndBeforeATimeIsFound) {
  const auto index = SomeEntries();
  EXPECT_EQ(FindRevision(index, {109}), nullptr);
  EXPECT_EQ(FindRevision(index, {110}), &index[0]);
  EXPECT_EQ(FindRevision(index, {129}), &index[1]);
  EXPECT_EQ(FindRevision(index, {999}), &index[3]);
  EXPECT_EQ(FindTime(index, 1000), nullptr);
  EXPECT_EQ(FindTime(index, 1001), &index[0]);
  EXPECT_EQ(FindTime(index, 4001), &index[3]);
}

TEST(OpLogIndex, HasOneEntryForEachStep) {
  std::vector<IndexEntry> index;
  std::uint64_t revision = 1;
  const std::uint64_t step = kIndexStepBytes / 4;
  for (std::uint64_t offset = 128; offset < 4 * kIndexStepBytes; offset += step) {
    NoteInIndex(index, offset, {.bytes = step, .end = {.revision = {revision}, .time_us = 9}},
                revision - 1);
    ++revision;
  }
  ASSERT_EQ(index.size(), 3U);
  EXPECT_EQ(
      index[0],
      (IndexEntry{
          .revision = {5}, .time_us = 9, .offset = kIndexStepBytes + 128, .previous_checksum = 4}));
  EXPECT_EQ(index[2].revision, Revision{13});
}

}  // namespace
}  // namespace nunc
