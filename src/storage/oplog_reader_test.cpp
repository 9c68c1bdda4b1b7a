#include "storage/oplog_reader.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/oplog_fixture.h"
#include "storage/record_fixture.h"

namespace nunc {
namespace {

// Large enough for several entries of an index.
constexpr LogOptions kLargeLog{.cluster = {11, 12}, .segment_bytes = 2U << 20};

std::vector<std::string> RecordsOf(LogReader& reader) {
  std::vector<std::string> records;
  while (true) {
    const auto record = reader.Next();
    EXPECT_TRUE(record.has_value()) << record.error().detail;
    if (!record || !record->has_value()) {
      return records;
    }
    EXPECT_EQ(HeadOfRecord(reader.bytes()).end.revision, Have(record).record.revision);
    records.push_back(Describe(Have(record).record));
  }
}

// The revision of the next record, 0 at the end.
std::uint64_t NextRevision(LogReader& reader) {
  const auto record = reader.Next();
  EXPECT_TRUE(record.has_value()) << record.error().detail;
  return record && record->has_value() ? Have(record).record.revision.value : 0;
}

std::unique_ptr<Writer> LargeLog(FaultyDisk& disk) {
  auto writer = Writer::Start(disk, kLargeLog);
  const std::string value(60'000, 'v');
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE((*writer)->AppendValue(value).has_value());
  }
  EXPECT_TRUE((*writer)->Sync().has_value());
  return std::move(*writer);
}

TEST(LogReader, EachRevisionIsFound) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->Append(40).has_value());
  LogReader reader(disk, (*writer)->log().View());
  for (std::uint64_t revision = 1; revision <= 41; ++revision) {
    ASSERT_TRUE(reader.SeekRevision({revision}).has_value());
    const auto records = RecordsOf(reader);
    EXPECT_EQ(records.size(), 41 - revision);
    EXPECT_TRUE(AreWritten(records, revision));
    EXPECT_EQ(NextRevision(reader), 0U) << "the end stays the end";
  }
  for (const std::uint64_t revision : {std::uint64_t{0}, std::uint64_t{42}}) {
    const auto found = reader.SeekRevision({revision});
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().fault, Fault::kNotFound);
  }
}

TEST(LogReader, EachTimeIsFound) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->Append(40).has_value());
  LogReader reader(disk, (*writer)->log().View());
  // Revision N has the time 1,000,000 + N.
  for (std::uint64_t revision = 1; revision <= 40; ++revision) {
    ASSERT_TRUE(reader.SeekTime(static_cast<std::int64_t>(1'000'000 + revision)).has_value());
    EXPECT_EQ(NextRevision(reader), revision);
  }
  ASSERT_TRUE(reader.SeekTime(0).has_value());
  EXPECT_EQ(NextRevision(reader), 1U);
  ASSERT_TRUE(reader.SeekTime(INT64_MAX).has_value());
  EXPECT_EQ(NextRevision(reader), 0U);
}

TEST(LogReader, AnEmptyLogHasNothingToRead) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  LogReader reader(disk, (*writer)->log().View());
  EXPECT_FALSE(reader.Next().has_value()) << "it has no position";
  ASSERT_TRUE(reader.SeekTime(5).has_value());
  EXPECT_EQ(NextRevision(reader), 0U);
  ASSERT_TRUE(reader.SeekRevision({1}).has_value());
  EXPECT_EQ(NextRevision(reader), 0U);
}

TEST(LogReader, ItEndsWhereTheLogEndedWhenTheViewWasTaken) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->Append(5).has_value());
  LogReader reader(disk, (*writer)->log().View());
  ASSERT_TRUE(reader.SeekRevision({1}).has_value());
  ASSERT_TRUE((*writer)->Append(40).has_value());
  EXPECT_EQ(RecordsOf(reader).size(), 5U);
}

TEST(LogReader, ASegmentOfAnotherHistoryIsNotReadOn) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->Append(15).has_value());
  const LogView view = (*writer)->log().View();
  const Revision first = view.segments.back().first;
  // Whole in itself, with the same revisions, behind another record.
  std::uint64_t chain = 99;
  std::string other =
      EncodeSegmentHeader({.cluster = view.cluster, .first = first, .previous_checksum = chain});
  for (std::uint64_t revision = first.value; revision <= 15; ++revision) {
    AppendRecord(other, SetRecord(revision, "key", "other").get(), {4}, chain);
  }
  disk.Content(SegmentName(first)).replace(0, other.size(), other);
  LogReader reader(disk, view);
  ASSERT_TRUE(reader.SeekRevision({1}).has_value());
  for (std::uint64_t revision = 1; revision < first.value; ++revision) {
    EXPECT_EQ(NextRevision(reader), revision);
  }
  const auto record = reader.Next();
  ASSERT_FALSE(record.has_value());
  EXPECT_EQ(record.error().detail, SegmentName(first) + ": it does not follow the segment before");
}

TEST(LogReader, WithTheIndexASearchReadsLittle) {
  FaultyDisk disk;
  const auto writer = LargeLog(disk);
  const LogView view = writer->log().View();
  ASSERT_EQ(view.segments.size(), 3U);
  EXPECT_GE(view.index.size(), 3U);
  for (std::uint64_t revision = 1; revision <= 100; ++revision) {
    LogReader reader(disk, view);
    disk.read_bytes = 0;
    ASSERT_TRUE(reader.SeekRevision({revision}).has_value());
    EXPECT_EQ(NextRevision(reader), revision);
    EXPECT_LT(disk.read_bytes, 3 * kIndexStepBytes);
    ASSERT_TRUE(reader.SeekTime(static_cast<std::int64_t>(1'000'000 + revision)).has_value());
    EXPECT_EQ(NextRevision(reader), revision);
  }
}

TEST(LogReader, WithoutTheIndexOrWithADamagedOneItFindsTheSame) {
  FaultyDisk disk;
  const auto writer = LargeLog(disk);
  const std::string name = IndexName({1});
  const std::string index = disk.Content(name);
  const LogView view = writer->log().View();
  const auto expect_found = [&] {
    for (const std::uint64_t revision : {std::uint64_t{2}, std::uint64_t{17}, std::uint64_t{30}}) {
      LogReader reader(disk, view);
      const auto found = reader.SeekRevision({revision});
      ASSERT_TRUE(found.has_value()) << found.error().detail;
      EXPECT_EQ(NextRevision(reader), revision);
      ASSERT_TRUE(reader.SeekTime(static_cast<std::int64_t>(1'000'000 + revision)).has_value());
      EXPECT_EQ(NextRevision(reader), revision);
    }
  };
  ASSERT_TRUE(disk.Remove(name).has_value());
  expect_found();
  for (std::size_t byte = 0; byte < index.size(); byte += 3) {
    std::string damaged = index;
    damaged[byte] ^= 0x10;
    disk.Put(name, damaged);
    expect_found();
  }
  disk.Put(name, "");
  expect_found();
  // Whole, but of a log that was here before.
  auto entries = *DecodeIndex(index, {1});
  for (IndexEntry& entry : entries) {
    entry.offset -= 8;
  }
  disk.Put(name, EncodeIndex({1}, entries));
  expect_found();
}

TEST(LogReader, AStartMakesALostIndexAnew) {
  FaultyDisk disk;
  LargeLog(disk);
  const std::string index = disk.Content(IndexName({1}));
  ASSERT_TRUE(disk.Remove(IndexName({1})).has_value());
  const auto found = Find(disk, {.log = kLargeLog, .start = {}, .durable = {}});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(disk.Content(IndexName({1})), index);
  const auto entries = DecodeIndex(index, {1});
  ASSERT_TRUE(entries.has_value());
  EXPECT_GE(entries->size(), 6U);
}

TEST(LogReader, WhatIsCleanedMeanwhileIsSaidSoAndNeverReadWrong) {
  // Cleaned after so many records were read, and the file used again or not.
  for (std::size_t read = 0; read < 40; ++read) {
    for (const bool reused : {false, true}) {
      FaultyDisk disk;
      auto writer = Writer::Start(disk, kSmallLog);
      OpLog& log = (*writer)->log();
      ASSERT_TRUE((*writer)->Append(40).has_value());
      ASSERT_TRUE((*writer)->Sync().has_value());
      LogReader reader(disk, log.View());
      ASSERT_TRUE(reader.SeekRevision({1}).has_value());
      for (std::size_t i = 0; i < read; ++i) {
        ASSERT_EQ(NextRevision(reader), i + 1);
      }
      ASSERT_TRUE(log.Clean({1000}).has_value());
      ASSERT_TRUE((*writer)->Sync().has_value());
      if (reused) {
        ASSERT_TRUE((*writer)->Append(40).has_value());
      }
      for (std::size_t i = read; i < 40; ++i) {
        const auto record = reader.Next();
        if (!record) {
          EXPECT_EQ(record.error().fault, Fault::kNotFound) << record.error().detail;
          EXPECT_NE(record.error().detail.find("cleaned meanwhile"), std::string::npos);
          EXPECT_FALSE(reader.Next().has_value());
          break;
        }
        ASSERT_TRUE(record->has_value());
        EXPECT_EQ(Describe(Have(record).record), Written(i + 1));
      }
    }
  }
}

TEST(LogReader, DamageIsNamedAndNeverReadAsAValue) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->Append(20).has_value());
  const LogView view = (*writer)->log().View();
  std::string& content = disk.Content(SegmentName({1}));
  content[kSegmentHeaderBytes + std::size_t{80} * 3 + 70] ^= 1;
  LogReader reader(disk, view);
  ASSERT_TRUE(reader.SeekRevision({1}).has_value());
  for (std::uint64_t revision = 1; revision <= 3; ++revision) {
    EXPECT_EQ(NextRevision(reader), revision);
  }
  const auto record = reader.Next();
  ASSERT_FALSE(record.has_value());
  EXPECT_EQ(record.error().fault, Fault::kDamaged);
  EXPECT_EQ(record.error().detail.find(SegmentName({1}) + ": offset 368: checksum"), 0U)
      << record.error().detail;
}

TEST(LogReader, AFailureOfTheDiskIsPassedOn) {
  bool failed = true;
  for (std::uint64_t n = 1; failed; ++n) {
    FaultyDisk disk;
    auto writer = Writer::Start(disk, kSmallLog);
    ASSERT_TRUE((*writer)->Append(30).has_value());
    ASSERT_TRUE((*writer)->Sync().has_value());
    LogReader reader(disk, (*writer)->log().View());
    disk.FailFrom(n, Fault::kIo);
    std::uint64_t last = 4;
    Result<void> done = reader.SeekRevision({5});
    while (done && last < 30) {
      const auto record = reader.Next();
      if (!record) {
        done = Fail(record.error().fault, record.error().detail);
        break;
      }
      ASSERT_TRUE(record->has_value());
      EXPECT_EQ(Have(record).record.revision.value, ++last);
    }
    failed = disk.failed();
    EXPECT_NE(done.has_value(), failed) << n;
    if (!done) {
      EXPECT_EQ(done.error().fault, Fault::kIo);
    }
  }
}

}  // namespace
}  // namespace nunc
