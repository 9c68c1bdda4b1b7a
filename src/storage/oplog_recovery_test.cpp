#include "storage/oplog_recovery.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/little_endian.h"
#include "storage/oplog_fixture.h"
#include "storage/record_fixture.h"

namespace nunc {
namespace {

// Where the checksum of a record and of a segment header stand.
constexpr std::size_t kRecordChecksumAt = 8;
constexpr std::size_t kRecordTypeAt = 40;
constexpr std::size_t kHeaderChecksumAt = 120;

// A log of SmallLog with so many records, all on the medium.
std::unique_ptr<FaultyDisk> LogOf(std::size_t records) {
  auto disk = std::make_unique<FaultyDisk>();
  auto writer = Writer::Start(*disk, kSmallLog);
  EXPECT_TRUE(writer && (*writer)->AppendSynced(records));
  return disk;
}

void ExpectDamaged(const Result<Found>& found, std::string_view part) {
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().fault, Fault::kDamaged);
  EXPECT_NE(found.error().detail.find(part), std::string::npos) << found.error().detail;
}

// A start may only give the records that were written, from the first on, at least up to the mark;
// or refuse and name the file. It may never give another value, and a second start agrees.
void ExpectPrefixOrRefusal(FaultyDisk& disk, std::uint64_t durable, std::uint64_t written) {
  const std::string before = disk.Names();
  const auto found = Find(disk, durable);
  if (!found) {
    EXPECT_NE(found.error().detail.find("oplog-"), std::string::npos) << found.error().detail;
    EXPECT_EQ(disk.Names(), before) << "a refusal must leave the files as they are";
    return;
  }
  EXPECT_TRUE(AreWritten(found->records, 1));
  EXPECT_LE(found->records.size(), written);
  EXPECT_GE(found->records.size(), durable);
  EXPECT_EQ(found->state.end.revision.value, found->records.size());
  disk.CutPower();
  const auto again = Find(disk, durable);
  ASSERT_TRUE(again.has_value()) << again.error().detail;
  EXPECT_EQ(again->records, found->records);
  EXPECT_FALSE(again->cut.has_value()) << Have(again->cut).why;
}

TEST(Recovery, AFolderWithoutALogIsNotFound) {
  FaultyDisk disk;
  const auto found = Find(disk, 0);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().fault, Fault::kNotFound);
}

TEST(Recovery, ANewLogIsFoundEmpty) {
  FaultyDisk disk;
  ASSERT_TRUE(CreateLog(disk, kSmallLog, {}).has_value());
  disk.CutPower();
  const auto found = Find(disk, 0);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->records.empty());
  EXPECT_EQ(found->state.end, ChainEnd{});
  EXPECT_FALSE(CreateLog(disk, kSmallLog, {}).has_value());
}

TEST(Recovery, EveryRecordOfEverySegmentIsFoundInOrder) {
  const auto disk = LogOf(60);
  disk->CutPower();
  const auto found = Find(*disk, 60);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->records.size(), 60U);
  EXPECT_TRUE(AreWritten(found->records, 1));
  EXPECT_GT(found->state.segments.size(), 5U);
  EXPECT_FALSE(found->cut.has_value());
}

TEST(Recovery, ALogThatIsCutAtAnyByteGivesAPrefixOrIsRefused) {
  const auto whole = LogOf(20);
  const auto newest = Find(*whole->Copy(), 0)->state.segments.back();
  const std::string name = SegmentName(newest.first);
  const std::string content = whole->Content(name);
  for (std::size_t length = 0; length <= newest.used_bytes; ++length) {
    for (const std::uint64_t durable : {std::uint64_t{0}, std::uint64_t{20}}) {
      const auto disk = whole->Copy();
      disk->Put(name, content.substr(0, length));
      ExpectPrefixOrRefusal(*disk, durable, 20);
      const auto zeroed = whole->Copy();
      zeroed->Put(name, content.substr(0, length) + std::string(content.size() - length, '\0'));
      ExpectPrefixOrRefusal(*zeroed, durable, 20);
    }
  }
}

TEST(Recovery, AnOlderSegmentThatIsCutAtAnyByteGivesAPrefixOrIsRefused) {
  const auto whole = LogOf(25);
  const auto segments = Find(*whole->Copy(), 0)->state.segments;
  ASSERT_GE(segments.size(), 3U);
  const std::string name = SegmentName(segments[1].first);
  const std::string content = whole->Content(name);
  for (std::size_t length = 0; length <= content.size(); ++length) {
    for (const std::uint64_t durable : {std::uint64_t{0}, std::uint64_t{25}}) {
      const auto disk = whole->Copy();
      disk->Put(name, content.substr(0, length));
      ExpectPrefixOrRefusal(*disk, durable, 25);
    }
  }
}

TEST(Recovery, EveryFlippedBitOfASegmentGivesAPrefixOrIsRefused) {
  const auto whole = LogOf(16);
  const auto segments = Find(*whole->Copy(), 0)->state.segments;
  ASSERT_EQ(segments.size(), 2U);
  for (const SegmentInfo& segment : segments) {
    const std::string name = SegmentName(segment.first);
    for (std::size_t bit = 0; bit < segment.used_bytes * 8; ++bit) {
      const std::uint64_t durable = bit % 3 == 0 ? 0 : 16;
      const auto disk = whole->Copy();
      char& byte = disk->Content(name)[bit / 8];
      byte = static_cast<char>(byte ^ (1 << (bit % 8)));
      disk->Put(name, disk->Content(name));
      ExpectPrefixOrRefusal(*disk, durable, 16);
    }
  }
}

TEST(Recovery, ATornTailIsCutAndTold) {
  const auto disk = LogOf(20);
  const auto state = Find(*disk->Copy(), 0)->state;
  const std::string name = SegmentName(state.segments.back().first);
  disk->Content(name)[state.segments.back().used_bytes - 1] ^= 1;
  const auto found = Find(*disk, 19);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->records.size(), 19U);
  ASSERT_TRUE(found->cut.has_value());
  EXPECT_EQ(Have(found->cut).file, name);
  EXPECT_EQ(Have(found->cut).records, 1U);
  EXPECT_EQ(Have(found->cut).bytes, 80U);
  EXPECT_EQ(Have(found->cut).offset, state.segments.back().used_bytes - 80);
  EXPECT_EQ(Have(found->cut).why.substr(0, 9), "checksum:");
}

TEST(Recovery, WhatIsLostBelowTheMarkIsRefusedByName) {
  const auto disk = LogOf(20);
  const auto state = Find(*disk->Copy(), 0)->state;
  const std::string name = SegmentName(state.segments.back().first);
  disk->Content(name)[state.segments.back().used_bytes - 1] ^= 1;
  const auto found = Find(*disk, 20);
  ExpectDamaged(found, name + ", offset " + std::to_string(state.segments.back().used_bytes - 80) +
                           ": checksum: ");
  ExpectDamaged(found, "; the last intact revision is 19, below the durable mark 20");
}

TEST(Recovery, SegmentsBehindACutAreGoneForGood) {
  const auto disk = LogOf(40);
  const auto state = Find(*disk->Copy(), 0)->state;
  ASSERT_GE(state.segments.size(), 4U);
  const std::string name = SegmentName(state.segments[1].first);
  disk->Content(name)[kSegmentHeaderBytes + 20] ^= 1;
  const auto found = Find(*disk, 0);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state.end.revision.value, state.segments[0].last.value);
  ASSERT_TRUE(found->cut.has_value());
  EXPECT_EQ(Have(found->cut).records,
            state.segments.back().first.value - state.segments[1].first.value);
  for (std::size_t i = 1; i < state.segments.size(); ++i) {
    EXPECT_FALSE(disk->Has(SegmentName(state.segments[i].first)));
  }
  disk->CutPower();
  EXPECT_EQ(Find(*disk, 0)->records.size(), state.segments[0].last.value);
}

TEST(Recovery, ALogThatDoesNotReachBackIsRefused) {
  const auto disk = LogOf(30);
  ASSERT_TRUE(disk->Remove(SegmentName({1})).has_value());
  ExpectDamaged(Find(*disk, 0), ": the op log begins here, but revision 1 is needed");
  while (disk->Names().find("oplog-") != std::string::npos) {
    ASSERT_TRUE(disk->Remove(disk->List()->front().name).has_value());
  }
  ExpectDamaged(Find(*disk, 30), "the op log is missing, which was there up to revision 30");
}

TEST(Recovery, AMissingSegmentIsAHoleNobodyStepsOver) {
  const auto disk = LogOf(40);
  const auto state = Find(*disk->Copy(), 0)->state;
  ASSERT_TRUE(disk->Remove(SegmentName(state.segments[1].first)).has_value());
  ExpectDamaged(Find(*disk, 40), "below the durable mark 40");
  const auto found = Find(*disk, 0);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state.end.revision, state.segments[0].last);
}

TEST(Recovery, BehindASnapshotOnlyNewerRecordsAreGiven) {
  const auto whole = LogOf(30);
  for (std::uint64_t at = 1; at <= 30; ++at) {
    ChainEnd start;
    ASSERT_TRUE(ScanLog(*whole->Copy(), {.log = kSmallLog, .start = {}, .durable = {}},
                        [&](const DecodedRecord& record) {
                          if (record.record.revision.value == at) {
                            start = {.term = record.term,
                                     .revision = record.record.revision,
                                     .time_us = record.record.time_us,
                                     .checksum = record.checksum};
                          }
                          return Result<void>();
                        })
                    .has_value());
    const auto disk = whole->Copy();
    const auto found = Find(*disk, {.log = kSmallLog, .start = start, .durable = {30}});
    ASSERT_TRUE(found.has_value()) << found.error().detail;
    EXPECT_EQ(found->records.size(), 30 - at);
    EXPECT_TRUE(AreWritten(found->records, at + 1));
    EXPECT_EQ(found->state.end.revision, Revision{30});

    ChainEnd other = start;
    ++other.checksum;
    const auto refused = Find(*whole->Copy(), {.log = kSmallLog, .start = other, .durable = {}});
    ASSERT_FALSE(refused.has_value()) << at;
    EXPECT_EQ(refused.error().fault, Fault::kDamaged);
  }
}

TEST(Recovery, ALogThatEndsBeforeTheSnapshotIsRefused) {
  const auto disk = LogOf(10);
  ExpectDamaged(Find(*disk, {.log = kSmallLog,
                             .start = {.term = {4}, .revision = {12}, .checksum = 1},
                             .durable = {}}),
                "; the last intact revision is 10, below the durable mark 12");
}

TEST(Recovery, WithoutRecordsBehindTheSnapshotTheLogGoesOnThere) {
  FaultyDisk disk;
  const ChainEnd start{.term = {4}, .revision = {100}, .time_us = 5, .checksum = 77};
  ASSERT_TRUE(CreateLog(disk, kSmallLog, start).has_value());
  const ScanOptions options{.log = kSmallLog, .start = start, .durable = {100}};
  // Its header is lost too: nothing was ever written there.
  disk.Content(SegmentName({101}))[kHeaderChecksumAt] ^= 1;
  auto found = Find(disk, options);
  ASSERT_TRUE(found.has_value()) << found.error().detail;
  EXPECT_EQ(found->state.end, start);
  disk.CutPower();
  found = Find(disk, options);
  ASSERT_TRUE(found.has_value());
  auto log = OpLog::Open(disk, kSmallLog, std::move(found->state));
  ASSERT_TRUE(log.has_value());
  std::uint64_t chain = start.checksum;
  std::string record;
  AppendRecord(record, SetRecord(101, "key-101", "value-101").get(), {4}, chain);
  ASSERT_TRUE((*log)->Append(record).has_value());
  found = Find(disk, options);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->records, std::vector<std::string>{Written(101)});
}

TEST(Recovery, ASegmentOfAnotherClusterIsRefused) {
  const auto disk = LogOf(5);
  LogOptions other = kSmallLog;
  other.cluster = {1, 1};
  const auto found = Find(*disk, {.log = other, .start = {}, .durable = {}});
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().fault, Fault::kInvalid);
  EXPECT_EQ(found.error().detail, SegmentName({1}) + ": belongs to another cluster");
}

TEST(Recovery, AFileOfSomebodyElseInThePlaceOfALaterSegmentIsNotRemoved) {
  constexpr std::size_t kRecords = 5;
  const std::string name = SegmentName({kRecords + 1});
  const auto put = [&](FaultyDisk& disk, std::string_view bytes) {
    const auto file = disk.Open(name, OpenMode::kCreate);
    ASSERT_TRUE(file && (*file)->Write(0, bytes) && (*file)->Sync() && disk.SyncFolder());
  };
  const auto foreign = LogOf(kRecords);
  put(*foreign, "somebody's notes");
  const std::string before = foreign->Names();
  const auto refused = Find(*foreign, kRecords);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::kInvalid);
  EXPECT_NE(refused.error().detail.find(name), std::string::npos) << refused.error().detail;
  EXPECT_EQ(foreign->Names(), before);
  // What a power cut may leave of a segment has no header, or not even its length.
  for (const std::string& begun : {std::string(), std::string("some"), std::string(512, '\0')}) {
    const auto disk = LogOf(kRecords);
    put(*disk, begun);
    const auto found = Find(*disk, kRecords);
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_EQ(found->records.size(), kRecords);
  }
}

TEST(Recovery, ASegmentOfANewerVersionIsNeverTakenForATornTail) {
  const auto disk = LogOf(20);
  const auto segments = Find(*disk->Copy(), 0)->state.segments;
  std::string& content = disk->Content(SegmentName(segments.back().first));
  PutLittle(content.data() + 8, std::uint32_t{2});
  PutLittle(content.data() + kHeaderChecksumAt,
            HashBytes(std::string_view(content).substr(0, kHeaderChecksumAt), 0));
  const auto found = Find(*disk, 0);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().fault, Fault::kInvalid);
  EXPECT_NE(found.error().detail.find("version 2 of the op log format"), std::string::npos);
}

TEST(Recovery, ARecordOfANewerVersionIsNeverTakenForATornTail) {
  const auto disk = LogOf(20);
  const auto state = Find(*disk->Copy(), 0)->state;
  const SegmentInfo& newest = state.segments.back();
  const std::string name = SegmentName(newest.first);
  auto& content = disk->Content(name);
  // Behind the last record, one of a kind that only a later version knows.
  std::string record = Encode(SetRecord(21, "key", "value").get(), {4}, 0);
  PutLittle(record.data() + kRecordTypeAt, std::uint8_t{23});
  Reseal(record, state.end.checksum);
  content.replace(newest.used_bytes, record.size(), record);
  ExpectDamaged(Find(*disk, 0), "type 23 is not known to this version");
  // A revision that is left out is no accident of a disk either.
  record = Encode(SetRecord(22, "key", "value").get(), {4}, state.end.checksum);
  content.replace(newest.used_bytes, record.size(), record);
  ExpectDamaged(Find(*disk, 0), "revision 22 where 21 must stand");
}

TEST(Recovery, AnOlderSegmentThatNobodyNeedsMayBeUnreadable) {
  const auto disk = LogOf(40);
  const auto state = Find(*disk->Copy(), 0)->state;
  disk->Content(SegmentName({1}))[0] = 'x';
  const ChainEnd start = state.end;
  const auto found = Find(*disk, {.log = kSmallLog, .start = start, .durable = {40}});
  ASSERT_TRUE(found.has_value()) << found.error().detail;
  EXPECT_EQ(found->state.segments.size(), state.segments.size());
  EXPECT_EQ(found->state.segments[0].last, state.segments[0].last);
}

// What a process wrote and never synced is in the system's memory, and a power cut takes it.
TEST(Recovery, WhatIsFoundIsOnTheMediumAfterwards) {
  FaultyDisk disk;
  {
    auto writer = Writer::Start(disk, kSmallLog);
    ASSERT_TRUE((*writer)->AppendSynced(3).has_value());
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE((*writer)->Append(1).has_value());
    }
  }
  ASSERT_EQ(Find(disk, 3)->records.size(), 43U);
  disk.CutPower();
  EXPECT_EQ(Find(disk, 43)->records.size(), 43U);
}

TEST(Recovery, AFailureAtAnyCallChangesNothingOfWhatIsFound) {
  const auto whole = LogOf(40);
  const auto state = Find(*whole->Copy(), 0)->state;
  whole->Content(SegmentName(state.segments[2].first))[kSegmentHeaderBytes + 90] ^= 1;
  const std::uint64_t left = state.segments[2].first.value;
  for (const Fault fault : {Fault::kIo, Fault::kNoSpace}) {
    bool failed = true;
    for (std::uint64_t n = 1; failed; ++n) {
      const auto disk = whole->Copy();
      disk->FailFrom(n, fault);
      const auto found = Find(*disk, left - 2);
      failed = disk->failed();
      EXPECT_NE(found.has_value(), failed) << n;
      if (!found) {
        EXPECT_EQ(found.error().fault, fault) << n;
      }
      disk->CutPower();
      const auto again = Find(*disk, left - 2);
      ASSERT_TRUE(again.has_value()) << n << ": " << again.error().detail;
      EXPECT_EQ(again->state.end.revision.value, left) << n;
      EXPECT_TRUE(AreWritten(again->records, 1));
    }
  }
}

TEST(Recovery, AFullDiskIsNoObstacleWhileThereIsASpare) {
  FaultyDisk disk;
  {
    auto writer = Writer::Start(disk, kSmallLog);
    ASSERT_TRUE((*writer)->AppendSynced(5).has_value());
    ASSERT_TRUE((*writer)->MakeSpare().has_value());
  }
  disk.set_bytes_max(kSmallLog.segment_bytes);
  EXPECT_TRUE(Find(disk, 4).has_value());
  const auto full = Find(disk, 4);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().fault, Fault::kNoSpace);
}

TEST(Recovery, WhatTheMarkCoversIsNotWrittenAnew) {
  FaultyDisk disk;
  {
    auto writer = Writer::Start(disk, kSmallLog);
    ASSERT_TRUE((*writer)->AppendSynced(5).has_value());
  }
  disk.set_bytes_max(kSmallLog.segment_bytes);
  EXPECT_FALSE(Find(disk, 4).has_value());
  const auto found = Find(disk, 5);
  ASSERT_TRUE(found.has_value()) << found.error().detail;
  EXPECT_EQ(found->state.end.revision.value, 5U);
}

TEST(Recovery, WhatIsLeftOverIsRemoved) {
  const auto disk = LogOf(20);
  disk->Put("spare-1", std::string(1024, 'x'));
  disk->Put("spare-2", std::string(1024, 'x'));
  disk->Put("spare-3", std::string(1024, 'x'));
  disk->Put("spare-4", std::string(1024, 'x'));
  disk->Put("spare-5", std::string(1000, 'x'));
  disk->Put("spare-6.tmp", "x");
  disk->Put(IndexName({1000}), "x");
  disk->Put("meta", "x");
  const auto found = Find(*disk, 0);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->records.size(), 20U);
  EXPECT_EQ(found->state.spares.size(), 2U);
  EXPECT_EQ(found->state.next_spare, 7U);
  EXPECT_FALSE(disk->Has(IndexName({1000})));
  EXPECT_FALSE(disk->Has("spare-6.tmp"));
  EXPECT_FALSE(disk->Has("spare-5"));
  EXPECT_TRUE(disk->Has("meta"));
}

// A spare holds whole records of the past, and they must not come back.
TEST(Recovery, WhatASpareHeldBeforeIsNeverRead) {
  const auto disk = LogOf(30);
  const auto state = Find(*disk->Copy(), 0)->state;
  // The copy goes into a file that holds this very segment with more records than are left.
  const std::string name = SegmentName(state.segments.back().first);
  disk->Put(kUnfinishedSegmentName, disk->Content(name));
  disk->Content(name)[kSegmentHeaderBytes + 80 + kRecordChecksumAt] ^= 1;
  const auto found = Find(*disk, state.segments.back().first.value - 1);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state.end.revision, state.segments.back().first);
  const auto again = Find(*disk, 0);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->state.end.revision, state.segments.back().first);
}

TEST(Recovery, AWorkerThatReadsAheadFindsTheSame) {
  FaultyDisk disk;
  const LogOptions options{.cluster = {1, 2}, .segment_bytes = 3U << 20};
  const std::string value(200'000, 'v');
  {
    auto writer = Writer::Start(disk, options);
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE((*writer)->AppendValue(value).has_value());
    }
    ASSERT_TRUE((*writer)->Sync().has_value());
  }
  LaterWorker worker;
  auto scanner = LogScanner::Begin(disk, {.log = options, .start = {}, .durable = {}}, &worker);
  ASSERT_TRUE(scanner.has_value());
  std::uint64_t records = 0;
  std::size_t chunks = 0;
  for (bool more = true; more; ++chunks) {
    const auto next = (*scanner)->Next([&](const DecodedRecord& record) {
      EXPECT_EQ(record.record.revision.value, ++records);
      EXPECT_EQ(record.record.items.front().value, value);
      return Result<void>();
    });
    ASSERT_TRUE(next.has_value());
    more = *next;
  }
  EXPECT_EQ(records, 40U);
  EXPECT_GT(chunks, 5U);
  const auto state = (*scanner)->Settle();
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->end.revision, Revision{40});
}

TEST(Recovery, AnErrorOfWhoAppliesEndsTheScanAndTheJobAheadIsHarmless) {
  const auto disk = LogOf(40);
  LaterWorker worker;
  {
    auto scanner =
        LogScanner::Begin(*disk, {.log = kSmallLog, .start = {}, .durable = {}}, &worker);
    ASSERT_TRUE(scanner.has_value());
    const auto next = (*scanner)->Next(
        [](const DecodedRecord&) -> Result<void> { return Fail(Fault::kInvalid, "no"); });
    ASSERT_FALSE(next.has_value());
    EXPECT_EQ(next.error().detail, "no");
  }
  worker.Collect(Wait::kForOne);
}

}  // namespace
}  // namespace nunc
