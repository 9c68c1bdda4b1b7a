#include "storage/oplog.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "storage/oplog_fixture.h"
#include "storage/record_fixture.h"

namespace nunc {
namespace {

// So many records of the Writer, of 80 bytes, fit one segment of kSmallLog.
constexpr std::size_t kFit = (1024 - kSegmentHeaderBytes) / 80;

TEST(OpLog, WhatIsAppendedIsFound) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->Append(3).has_value());
  ASSERT_TRUE((*writer)->Append(0).has_value());
  EXPECT_EQ((*writer)->log().written(), Revision{3});
  const auto found = Find(disk, 0);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->records.size(), 3U);
  EXPECT_TRUE(AreWritten(found->records, 1));
  EXPECT_EQ(found->state.end, (*writer)->log().end());
}

TEST(OpLog, AGroupIsOneWritePerSegment) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->MakeSpare().has_value());
  disk.writes = 0;
  ASSERT_TRUE((*writer)->Append(kFit).has_value());
  EXPECT_EQ(disk.writes, 1U);
  ASSERT_TRUE((*writer)->Append(4).has_value());
  EXPECT_EQ(disk.writes, 2U);
  ASSERT_TRUE((*writer)->Append(kFit).has_value());
  EXPECT_EQ(disk.writes, 4U);
  EXPECT_EQ(Find(disk, 0)->records.size(), 2 * kFit + 4);
}

TEST(OpLog, ASegmentIsFilledToTheLastByteAndNotBeyond) {
  for (const std::size_t more : {std::size_t{0}, std::size_t{8}}) {
    FaultyDisk disk;
    auto writer = Writer::Start(disk, kSmallLog);
    ASSERT_TRUE((*writer)->Append(1).has_value());
    // Header, one record of 80 bytes, one that takes what is left or 8 bytes more.
    const std::string value(1024 - kSegmentHeaderBytes - 80 - kRecordHeaderBytes - 3 + more, 'v');
    ASSERT_EQ(EncodedBytes(SetRecord(2, "key", value).get()), 1024 - 128 - 80 + more);
    ASSERT_TRUE((*writer)->AppendValue(value).has_value());
    EXPECT_EQ((*writer)->log().Info().segments, more == 0 ? 1U : 2U);
    ASSERT_TRUE((*writer)->Append(1).has_value());
    EXPECT_EQ((*writer)->log().Info().segments, more == 0 ? 2U : 3U);
    EXPECT_EQ(Find(disk, 0)->records.size(), 3U);
  }
}

TEST(OpLog, ARecordLargerThanASegmentGetsOneOfItsOwn) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  const std::string large(5000, 'v');
  ASSERT_TRUE((*writer)->AppendValue(large).has_value());
  ASSERT_TRUE((*writer)->Append(1).has_value());
  ASSERT_TRUE((*writer)->AppendValue(large).has_value());
  ASSERT_TRUE((*writer)->Append(1).has_value());
  EXPECT_EQ((*writer)->log().Info().segments, 4U);
  ASSERT_TRUE((*writer)->Sync().has_value());
  disk.CutPower();
  const auto found = Find(disk, 4);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->records.size(), 4U);
  EXPECT_NE(found->records[2].find(large), std::string::npos);
}

TEST(OpLog, TheLargestRecordFitsASegmentOfTheDefaultSize) {
  FaultyDisk disk;
  const LogOptions options{.cluster = {1, 2}};
  auto writer = Writer::Start(disk, options);
  const std::string value(kRecordBytesMax - kRecordHeaderBytes - 3, 'v');
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE((*writer)->AppendValue(value).has_value());
  }
  EXPECT_EQ((*writer)->log().Info().segments, 2U);
  const auto found = Find(disk, {.log = options, .start = {}, .durable = {}});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->records.size(), 4U);
}

TEST(OpLog, ARecordIsDurableOnlyAfterTheSyncThatBeganBehindIt) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  EXPECT_FALSE(log.NeedsSync());
  ASSERT_TRUE((*writer)->Append(2).has_value());
  EXPECT_TRUE(log.NeedsSync());
  SyncWork work = log.BeginSync();
  EXPECT_EQ(work.revision(), Revision{2});
  EXPECT_FALSE(log.NeedsSync());
  ASSERT_TRUE((*writer)->Append(1).has_value());
  EXPECT_EQ(log.durable(), Revision{0});
  ASSERT_TRUE(work.Run().has_value());
  log.OnSynced(work.revision());
  EXPECT_EQ(log.durable(), Revision{2});
  EXPECT_TRUE(log.NeedsSync());
}

TEST(OpLog, ASyncThatOvertakesAnotherCountsWhenThatHasEndedToo) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  std::vector<SyncWork> works;
  for (std::size_t i = 0; i < OpLog::kSyncsMax; ++i) {
    ASSERT_TRUE((*writer)->Append(1).has_value());
    ASSERT_TRUE(log.NeedsSync());
    works.push_back(log.BeginSync());
  }
  EXPECT_EQ(log.sync_begun(), Revision{2});
  ASSERT_TRUE((*writer)->Append(1).has_value());
  EXPECT_FALSE(log.NeedsSync());  // both are busy
  ASSERT_TRUE(works[1].Run().has_value());
  log.OnSynced(works[1].revision());
  EXPECT_EQ(log.durable(), Revision{0});
  ASSERT_TRUE(works[0].Run().has_value());
  log.OnSynced(works[0].revision());
  EXPECT_EQ(log.durable(), Revision{2});
  EXPECT_TRUE(log.NeedsSync());
}

TEST(OpLog, WhatWasOvertakenByASyncIsNotDurableWhenItFails) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  ASSERT_TRUE((*writer)->Append(1).has_value());
  const SyncWork first = log.BeginSync();
  ASSERT_TRUE((*writer)->Append(1).has_value());
  SyncWork second = log.BeginSync();
  ASSERT_TRUE(second.Run().has_value());
  log.OnSynced(second.revision());
  log.OnSyncFailed();
  EXPECT_EQ(log.durable(), Revision{0});
  EXPECT_FALSE(log.NeedsSync());
}

// Names, and files of before, must be on the disk in the order in which they came to be.
TEST(OpLog, ASyncOfMoreThanTheCurrentFileGoesAlone) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  const std::size_t segments = log.Info().segments;
  ASSERT_TRUE((*writer)->Append(1).has_value());
  SyncWork plain = log.BeginSync();
  while (log.Info().segments == segments) {
    ASSERT_TRUE((*writer)->Append(1).has_value());
  }
  EXPECT_FALSE(log.NeedsSync());
  ASSERT_TRUE(plain.Run().has_value());
  log.OnSynced(plain.revision());
  ASSERT_TRUE(log.NeedsSync());
  SyncWork alone = log.BeginSync();
  ASSERT_TRUE((*writer)->Append(1).has_value());
  EXPECT_FALSE(log.NeedsSync());
  ASSERT_TRUE(alone.Run().has_value());
  log.OnSynced(alone.revision());
  EXPECT_TRUE(log.NeedsSync());
}

// Whatever the sizes of the groups and however many segments they fill: what counts as durable is
// there after a power cut.
TEST(OpLog, WhatIsDurableSurvivesAPowerCut) {
  for (std::size_t group = 1; group < 3 * kFit; ++group) {
    FaultyDisk disk;
    std::uint64_t durable = 0;
    {
      auto writer = Writer::Start(disk, kSmallLog);
      for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE((*writer)->Append(group).has_value());
        ASSERT_TRUE((*writer)->Sync().has_value());
      }
      durable = (*writer)->log().durable().value;
      ASSERT_EQ(durable, 3 * group);
      ASSERT_TRUE((*writer)->Append(group).has_value());
    }
    disk.CutPower();
    const auto found = Find(disk, durable);
    ASSERT_TRUE(found.has_value()) << found.error().detail;
    EXPECT_GE(found->records.size(), durable);
    EXPECT_TRUE(AreWritten(found->records, 1));
  }
}

TEST(OpLog, RoomIsWhatFitsForSure) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  const std::uint64_t all = 1024 - kSegmentHeaderBytes;
  EXPECT_EQ(log.room(), all);
  ASSERT_TRUE((*writer)->Append(kFit).has_value());
  EXPECT_EQ(log.room(), all - kFit * 80);
  EXPECT_TRUE(log.NeedsSpare());
  SpareWork work = log.BeginSpare();
  EXPECT_FALSE(log.NeedsSpare());
  EXPECT_LT(log.room(), 80U);
  const auto made = work.Run();
  log.OnSpare(work, made);
  EXPECT_EQ(log.room(), all);
  EXPECT_FALSE(log.NeedsSpare());

  // The disk takes nothing more, and that much fits.
  disk.set_bytes_max(0);
  ASSERT_TRUE((*writer)->Append(kFit).has_value());
  EXPECT_TRUE(log.NeedsSpare());
}

TEST(OpLog, ASpareIsFilledInPieces) {
  FaultyDisk disk;
  SpareWork one(disk, 1, SpareWork::kPieceBytes);
  ASSERT_TRUE(one.Run().has_value());
  EXPECT_TRUE(one.finished());

  const std::uint64_t bytes = SpareWork::kSyncBytes + 1;
  SpareWork many(disk, 2, bytes);
  std::uint64_t pieces = 0;
  while (!many.finished()) {
    EXPECT_FALSE(disk.Open(SpareName(2), OpenMode::kRead).has_value());
    ASSERT_TRUE(many.Run().has_value());
    ++pieces;
  }
  EXPECT_EQ(pieces, SpareWork::kSyncBytes / SpareWork::kPieceBytes + 1);
  const auto file = disk.Open(SpareName(2), OpenMode::kRead);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(*(*file)->Size(), bytes);
}

TEST(OpLog, AFullDiskRefusesARecordWithoutATraceAndMayTakeItLater) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  ASSERT_TRUE((*writer)->Append(kFit - 1).has_value());
  disk.set_bytes_max(1024 + 500);
  auto reserved = log.ReserveNow();
  ASSERT_FALSE(reserved.has_value());
  EXPECT_EQ(reserved.error().fault, Fault::kNoSpace);
  const ChainEnd before = log.end();
  // The first of the two would fit.
  const auto refused = (*writer)->Append(2);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().fault, Fault::kNoSpace);
  EXPECT_EQ(log.end(), before);
  EXPECT_EQ(disk.Names(), SegmentName({1}));
  const auto made = (*writer)->MakeSpare();
  EXPECT_FALSE(made.has_value());
  EXPECT_EQ(disk.Names(), SegmentName({1}));

  disk.set_bytes_max(1 << 20);
  ASSERT_TRUE(log.ReserveNow().has_value());
  ASSERT_TRUE((*writer)->Append(2).has_value());
  EXPECT_EQ(Find(disk, 0)->records.size(), kFit + 1);
}

TEST(OpLog, AfterAWriteThatFailedNothingIsWrittenAnyMore) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->Append(1).has_value());
  disk.FailFrom(1, Fault::kIo);
  EXPECT_FALSE((*writer)->Append(1).has_value());
  disk.FailFrom(0, Fault::kIo);
  const auto again = (*writer)->Append(1);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().fault, Fault::kIo);
  EXPECT_FALSE((*writer)->log().NeedsSync());
  EXPECT_FALSE((*writer)->log().ReserveNow().has_value());
  EXPECT_FALSE((*writer)->log().Clean({100}).has_value());
}

TEST(OpLog, AfterASyncThatFailedNothingCountsAsDurableAnyMore) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  ASSERT_TRUE((*writer)->Append(1).has_value());
  disk.FailFrom(1, Fault::kIo);
  EXPECT_FALSE((*writer)->Sync().has_value());
  disk.FailFrom(0, Fault::kIo);
  EXPECT_EQ((*writer)->log().durable(), Revision{0});
  EXPECT_FALSE((*writer)->log().NeedsSync());
  EXPECT_FALSE((*writer)->Append(1).has_value());
}

TEST(OpLog, CleaningTakesWholeSegmentsBelowAndDurable) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  ASSERT_TRUE((*writer)->Append(5 * kFit).has_value());
  EXPECT_EQ(*log.Clean({1000}), 0U) << "nothing is durable";
  ASSERT_TRUE((*writer)->Sync().has_value());
  EXPECT_EQ(*log.Clean({kFit}), 0U) << "revision kFit itself must stay";
  EXPECT_EQ(*log.Clean({kFit + 1}), 1024U);
  EXPECT_EQ(log.Info().first, Revision{kFit + 1});
  EXPECT_EQ(*log.Clean({1000}), 3U * 1024);
  EXPECT_EQ(log.Info().segments, 1U);
  EXPECT_EQ(log.Info().first, Revision{4 * kFit + 1});
  EXPECT_EQ(log.Info().last, Revision{5 * kFit});
  ASSERT_TRUE((*writer)->Append(1).has_value());
}

TEST(OpLog, CleanedSegmentsBecomeSparesOnceTheFolderIsSynced) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  ASSERT_TRUE((*writer)->Append(5 * kFit).has_value());
  ASSERT_TRUE((*writer)->Sync().has_value());
  ASSERT_TRUE(log.Clean({1000}).has_value());
  EXPECT_EQ(log.Info().spares, 2U);
  EXPECT_EQ(log.room(), 1024 - kSegmentHeaderBytes - kFit * 80) << "they may not be used yet";
  EXPECT_TRUE(log.NeedsSync());
  ASSERT_TRUE((*writer)->Sync().has_value());
  EXPECT_EQ(log.room(), 1024 - kSegmentHeaderBytes);
  disk.set_bytes_max(0);
  ASSERT_TRUE((*writer)->Append(2 * kFit).has_value());
  EXPECT_EQ(log.Info().spares, 0U);
}

// Records that were cleaned stand behind the new ones in the same file.
TEST(OpLog, WhatASegmentHeldBeforeIsNeverReadAsNew) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  OpLog& log = (*writer)->log();
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE((*writer)->Append(3).has_value());
    ASSERT_TRUE((*writer)->Sync().has_value());
    ASSERT_TRUE(log.Clean({log.written().value - 1}).has_value());
    const auto copy = disk.Copy();
    const ChainEnd start = *BeginningOf(*copy);
    const auto found = Find(*copy, {.log = kSmallLog, .start = start, .durable = {}});
    ASSERT_TRUE(found.has_value()) << found.error().detail;
    EXPECT_EQ(found->state.end, log.end());
    EXPECT_TRUE(AreWritten(found->records, start.revision.value + 1));
    EXPECT_FALSE(found->cut.has_value());
  }
  EXPECT_GT(log.Info().first.value, 30U);
}

TEST(OpLog, TheCleanPointKeepsSoManyBytesOrSoMuchTime) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  const OpLog& log = (*writer)->log();
  ASSERT_TRUE((*writer)->Append(3 * kFit + 1).has_value());
  const std::uint64_t full = kSegmentHeaderBytes + kFit * 80;
  EXPECT_EQ(log.CleanPointForSize(0), Revision{3 * kFit + 1});
  EXPECT_EQ(log.CleanPointForSize(kSegmentHeaderBytes + 80), Revision{3 * kFit + 1});
  EXPECT_EQ(log.CleanPointForSize(kSegmentHeaderBytes + 81), Revision{2 * kFit + 1});
  EXPECT_EQ(log.CleanPointForSize(full + kSegmentHeaderBytes + 80), Revision{2 * kFit + 1});
  EXPECT_EQ(log.CleanPointForSize(1 << 20), Revision{1});
  // Revision N has the time 1,000,000 + N.
  EXPECT_EQ(log.CleanPointForTime(0), Revision{1});
  EXPECT_EQ(log.CleanPointForTime(1'000'000 + kFit), Revision{1});
  EXPECT_EQ(log.CleanPointForTime(1'000'000 + kFit + 1), Revision{kFit + 1});
  EXPECT_EQ(log.CleanPointForTime(INT64_MAX), Revision{3 * kFit + 1});
}

TEST(OpLog, TheStatisticsSayWhatThereIs) {
  FaultyDisk disk;
  auto writer = Writer::Start(disk, kSmallLog);
  const OpLog& log = (*writer)->log();
  OpLogInfo info = log.Info();
  EXPECT_EQ(info.first, Revision{0});
  EXPECT_EQ(info.last, Revision{0});
  EXPECT_EQ(info.segments, 1U);
  ASSERT_TRUE((*writer)->Append(kFit + 1).has_value());
  info = log.Info();
  EXPECT_EQ(info.segments, 2U);
  EXPECT_EQ(info.bytes, 2048U);
  EXPECT_EQ(info.first, Revision{1});
  EXPECT_EQ(info.first_time_us, 1'000'001);
  EXPECT_EQ(info.last, Revision{kFit + 1});
  EXPECT_EQ(info.last_time_us, static_cast<std::int64_t>(1'000'000 + kFit + 1));
}

TEST(OpLog, ItGoesOnWhereItStopped) {
  FaultyDisk disk;
  std::uint64_t written = 0;
  for (int start = 0; start < 12; ++start) {
    auto writer = Writer::Start(disk, kSmallLog, written);
    ASSERT_TRUE(writer.has_value()) << writer.error().detail;
    EXPECT_EQ((*writer)->log().written().value, written);
    EXPECT_EQ((*writer)->log().durable().value, written);
    ASSERT_TRUE((*writer)->AppendSynced(7).has_value());
    written += 7;
    disk.CutPower();
  }
  EXPECT_TRUE(AreWritten(Find(disk, written)->records, 1));
}

// The n-th call of a node's life fails, for each n; then the power is cut, or only the process
// ends. What was durable is there, and nothing but what was written.
TEST(OpLog, AFailureAtAnyCallKeepsWhatWasDurable) {
  for (const Fault fault : {Fault::kIo, Fault::kNoSpace}) {
    for (const bool power_cut : {false, true}) {
      bool failed = true;
      for (std::uint64_t n = 1; failed; ++n) {
        FaultyDisk disk;
        std::uint64_t durable = 0;
        disk.FailFrom(n, fault);
        {
          auto writer = Writer::Start(disk, kSmallLog);
          Result<void> done = writer ? Result<void>() : Fail(fault, "");
          for (int i = 0; i < 6 && done; ++i) {
            done = (*writer)->Append(kFit - 3);
            if (done) {
              done = (*writer)->Sync();
            }
            durable = (*writer)->log().durable().value;
            if (done && (*writer)->log().NeedsSpare()) {
              done = (*writer)->MakeSpare();
            }
          }
          if (done) {
            const auto cleaned = (*writer)->log().Clean({20});
            done = cleaned ? (*writer)->Append(2 * kFit) : Fail(fault, "");
          }
          if (done) {
            done = (*writer)->Sync();
          }
          durable = writer ? (*writer)->log().durable().value : durable;
          // Only the file of an index may fail unheard.
          EXPECT_TRUE(done.has_value() || disk.failed()) << n;
        }
        failed = disk.failed();
        disk.FailFrom(0, fault);
        if (power_cut) {
          disk.CutPower();
        }
        const auto listed = ListLogFiles(disk);
        if (listed->segments.empty()) {
          EXPECT_EQ(durable, 0U) << n;
          continue;
        }
        const auto start = BeginningOf(disk);
        ASSERT_TRUE(start.has_value()) << n;
        const auto found = Find(disk, {.log = kSmallLog, .start = *start, .durable = {durable}});
        ASSERT_TRUE(found.has_value()) << n << ": " << found.error().detail;
        EXPECT_GE(found->state.end.revision.value, durable) << n;
        EXPECT_TRUE(AreWritten(found->records, start->revision.value + 1)) << n;
      }
    }
  }
}

}  // namespace
}  // namespace nunc
