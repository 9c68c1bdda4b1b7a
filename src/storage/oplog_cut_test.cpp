// The tail of the op log is kept beside it and cut off.
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/oplog_fixture.h"
#include "storage/record_fixture.h"
#include "storage/segment_reader.h"

namespace nunc {
namespace {

constexpr std::uint64_t kRecords = 30;  // over several segments of kSmallLog
constexpr Term kBy{9};

Result<void> CutTo(OpLog& log, Revision to) {
  const auto end = log.SaveTail(to, kBy);
  return end ? log.Cut(*end) : Fail(end.error().fault, end.error().detail);
}

// Up to which revision the kept tail reaches; 0: there is none.
std::uint64_t EndOfTail(FaultyDisk& disk, Revision first) {
  if (!disk.Has(RewoundName(kBy, first))) {
    return 0;
  }
  auto file = disk.Open(RewoundName(kBy, first), OpenMode::kRead);
  const auto header = ReadSegmentHeader(**file, first, kSmallLog.cluster);
  SegmentReader reader(std::move(*file), kSegmentHeaderBytes,
                       {.revision = {first.value - 1}, .checksum = header->previous_checksum},
                       kScanReadBytes);
  for (;;) {
    const auto run = reader.Next({.bytes = UINT64_MAX, .last = {UINT64_MAX}});
    if (!run || run->state == RunState::kEnded) {
      return run ? run->end.revision.value : 0;
    }
  }
}

TEST(OpLogCut, TheLogEndsThereAndGoesOnAndTheTailIsKept) {
  for (std::uint64_t to = 1; to < kRecords; ++to) {
    FaultyDisk disk;
    auto writer = Writer::Start(disk, kSmallLog);
    ASSERT_TRUE(writer.has_value());
    ASSERT_TRUE((*writer)->AppendSynced(kRecords).has_value());
    OpLog& log = (*writer)->log();
    ASSERT_TRUE(CutTo(log, {to}).has_value()) << to;
    EXPECT_EQ(log.end().revision.value, to);
    EXPECT_EQ(log.durable().value, to);
    EXPECT_EQ(EndOfTail(disk, {to + 1}), kRecords) << to;
    disk.CutPower();
    EXPECT_EQ(Find(disk, to)->records.size(), to);
  }
}

TEST(OpLogCut, OtherRecordsFollowInItsPlace) {
  for (std::uint64_t to = 1; to < kRecords; ++to) {
    FaultyDisk disk;
    auto writer = Writer::Start(disk, kSmallLog);
    ASSERT_TRUE((*writer)->AppendSynced(kRecords).has_value());
    ASSERT_TRUE(CutTo((*writer)->log(), {to}).has_value());
    ASSERT_TRUE((*writer)->AppendValue("other").has_value());
    ASSERT_TRUE((*writer)->Append(kRecords).has_value());
    ASSERT_TRUE((*writer)->Sync().has_value());
    disk.CutPower();
    const auto found = Find(disk, to + 1 + kRecords);
    ASSERT_TRUE(found.has_value()) << to << ": " << found.error().detail;
    ASSERT_EQ(found->records.size(), to + 1 + kRecords);
    EXPECT_NE(found->records[to], Written(to + 1));
    EXPECT_FALSE(found->cut) << to;
  }
}

TEST(OpLogCut, WhatIsNotInTheLogIsRefused) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->AppendSynced(kRecords).has_value());
  OpLog& log = (*writer)->log();
  ASSERT_TRUE(log.Clean({kRecords / 2}).has_value());
  ASSERT_TRUE((*writer)->Sync().has_value());
  for (const Revision to : {Revision{1}, Revision{kRecords + 1}}) {
    const auto saved = log.SaveTail(to, kBy);
    ASSERT_FALSE(saved.has_value());
    EXPECT_EQ(saved.error().fault, Fault::kNotFound);
  }
  EXPECT_TRUE(CutTo(log, {kRecords}).has_value());  // nothing is to be done
  EXPECT_EQ(EndOfTail(disk, {kRecords + 1}), 0U);
  EXPECT_TRUE((*writer)->AppendSynced(1).has_value());
}

// The n-th call of saving and cutting fails, for each n; then the power is cut, or only the process
// ends. The log ends at or behind where it was to end, and what it lacks is kept beside it.
TEST(OpLogCut, AFailureAtAnyCallLosesNothing) {
  for (const bool power_cut : {false, true}) {
    for (const std::uint64_t to : {3U, 14U, 25U, 29U}) {
      bool failed = true;
      for (std::uint64_t n = 1; failed; ++n) {
        FaultyDisk disk;
        {
          auto writer = Writer::Start(disk, kSmallLog);
          ASSERT_TRUE((*writer)->AppendSynced(kRecords).has_value());
          disk.FailFrom(n, Fault::kIo);
          const auto done = CutTo((*writer)->log(), {to});
          EXPECT_EQ(done.has_value(), !disk.failed()) << n;
        }
        failed = disk.failed();
        disk.FailFrom(0, Fault::kIo);
        if (power_cut) {
          disk.CutPower();
        }
        const auto found = Find(disk, to);  // the mark has been lowered
        ASSERT_TRUE(found.has_value()) << to << ", " << n << ": " << found.error().detail;
        EXPECT_GE(found->records.size(), to);
        EXPECT_TRUE(AreWritten(found->records, 1));
        if (found->records.size() < kRecords) {
          EXPECT_EQ(EndOfTail(disk, {to + 1}), kRecords) << to << ", " << n;
        }
      }
    }
  }
}

}  // namespace
}  // namespace nunc
