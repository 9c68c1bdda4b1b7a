#include "storage/segment.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/little_endian.h"
#include "storage/record_fixture.h"

namespace nunc {
namespace {

const SegmentHeader kHeader{.cluster = {0x0102030405060708, 9},
                            .first = {7},
                            .first_term = {3},
                            .first_time_us = 1'700'000'000'000'000,
                            .previous_checksum = 0xABCDEF};

// With the checksum that belongs to it.
std::string Sealed(std::string bytes) {
  const std::size_t checked = bytes.size() - 8;
  PutLittle(bytes.data() + checked, HashBytes(std::string_view(bytes).substr(0, checked), 0));
  return bytes;
}

TEST(Segment, AHeaderComesBackAsItWasWritten) {
  const std::string bytes = EncodeSegmentHeader(kHeader);
  EXPECT_EQ(bytes.size(), kSegmentHeaderBytes);
  const auto header = DecodeSegmentHeader(bytes + "records");
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(*header, kHeader);
}

TEST(Segment, EveryFlippedBitOfAHeaderIsSeen) {
  const std::string bytes = EncodeSegmentHeader(kHeader);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto header = DecodeSegmentHeader(damaged);
    ASSERT_FALSE(header.has_value()) << bit;
    EXPECT_EQ(header.error().fault, Fault::kDamaged) << bit;
  }
}

TEST(Segment, EveryHeaderThatIsTooShortIsRefused) {
  const std::string bytes = EncodeSegmentHeader(kHeader);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeSegmentHeader(std::string(bytes, 0, length)).has_value()) << length;
  }
}

TEST(Segment, AHeaderOfANewerVersionIsNamedAndIsNoDamage) {
  std::string bytes = EncodeSegmentHeader(kHeader);
  PutLittle(bytes.data() + 8, std::uint32_t{2});
  auto header = DecodeSegmentHeader(Sealed(bytes));
  ASSERT_FALSE(header.has_value());
  EXPECT_EQ(header.error().fault, Fault::kInvalid);
  EXPECT_EQ(header.error().detail,
            "version 2 of the op log format is not known to this program, which knows version 1");

  // It may be longer too.
  bytes.resize(256);
  PutLittle(bytes.data() + 12, std::uint32_t{256});
  header = DecodeSegmentHeader(Sealed(bytes) + std::string(100, 'x'));
  ASSERT_FALSE(header.has_value());
  EXPECT_EQ(header.error().fault, Fault::kInvalid);
}

TEST(Segment, WhatIsNoSegmentIsNamed) {
  const auto header = DecodeSegmentHeader(std::string(200, 'x'));
  ASSERT_FALSE(header.has_value());
  EXPECT_EQ(header.error().detail, "not a segment of the op log");
  std::string long_one = EncodeSegmentHeader(kHeader);
  PutLittle(long_one.data() + 12, std::uint32_t{0xFFFFFFFF});
  EXPECT_FALSE(DecodeSegmentHeader(long_one).has_value());
  PutLittle(long_one.data() + 12, std::uint32_t{4});
  EXPECT_FALSE(DecodeSegmentHeader(long_one).has_value());
}

TEST(Segment, NamesSortAsTheirRevisions) {
  EXPECT_EQ(SegmentName({1}), "oplog-00000000000000000001");
  EXPECT_EQ(SegmentName({UINT64_MAX}), "oplog-18446744073709551615");
  EXPECT_LT(SegmentName({99}), SegmentName({100}));
  EXPECT_EQ(IndexName({5}), "oplog-00000000000000000005.idx");
  EXPECT_EQ(SpareName(12), "spare-12");
}

TEST(Segment, EachNameIsReadBack) {
  const LogFileName segment = Have(ParseLogFileName(SegmentName({UINT64_MAX})));
  EXPECT_EQ(segment.kind, LogFileKind::kSegment);
  EXPECT_EQ(segment.number, UINT64_MAX);
  const LogFileName index = Have(ParseLogFileName(IndexName({5})));
  EXPECT_EQ(index.kind, LogFileKind::kIndex);
  EXPECT_EQ(index.number, 5U);
  EXPECT_EQ(Have(ParseLogFileName(SpareName(0))).kind, LogFileKind::kSpare);
  const LogFileName unfinished = Have(ParseLogFileName(UnfinishedSpareName(3)));
  EXPECT_EQ(unfinished.kind, LogFileKind::kUnfinished);
  EXPECT_EQ(unfinished.number, 3U);
  EXPECT_EQ(Have(ParseLogFileName(kUnfinishedSegmentName)).kind, LogFileKind::kUnfinished);
}

TEST(Segment, OtherNamesAreNotOurs) {
  for (const std::string_view name :
       {"", "meta", "oplog-", "oplog-1", "oplog-0000000000000000000x", "oplog-00000000000000000000",
        "oplog-99999999999999999999", "oplog-00000000000000000001.tmp",
        "oplog-00000000000000000001.idx.idx", "spare-", "spare-01", "spare--1", "spare-1.idx",
        "spare-99999999999999999999", "snapshot-00000000000000000001"}) {
    EXPECT_FALSE(ParseLogFileName(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace nunc
