// The tail of the op log is cut off while the power goes, at every call of the disk.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "sim/sim_disk.h"
#include "storage/oplog.h"
#include "storage/oplog_recovery.h"
#include "storage/segment_reader.h"

namespace nunc {
namespace {

constexpr LogOptions kLog{.cluster = {1, 2}, .segment_bytes = 1024};
constexpr std::uint64_t kBefore = 30;  // records, over several segments
constexpr std::uint64_t kAfter = 20;   // others, in the place of those that were cut
constexpr Term kOld{1};
constexpr Term kNew{2};

// NOOP records of one term.
Result<void> Append(OpLog& log, Term term, std::uint64_t records) {
  std::string bytes;
  ChainEnd end = log.end();
  for (std::uint64_t i = 0; i < records; ++i) {
    ++end.revision.value;
    ++end.time_us;
    AppendRecord(bytes, {.revision = end.revision, .time_us = end.time_us}, term, end.checksum);
  }
  if (Result<void> done = log.Append(bytes); !done) {
    return done;
  }
  SyncWork work = log.BeginSync();
  Result<void> done = work.Run();
  if (done) {
    log.OnSynced(work.revision());
  }
  return done;
}

// The life of a log up to the crash. Gives up to where the mark says that it must be there.
std::uint64_t Live(OpLog& log, Revision to) {
  const Result<ChainEnd> end = log.SaveTail(to, kNew);
  if (!end) {
    return kBefore;
  }
  // From here on the mark is lowered.
  if (!log.Cut(*end) || !Append(log, kNew, kAfter)) {
    return to.value;
  }
  return to.value + kAfter;
}

// Up to where the records that were cut are kept.
std::uint64_t KeptUpTo(SimDisk& disk, Revision to) {
  const Revision first{to.value + 1};
  auto file = disk.Open(RewoundName(kNew, first), OpenMode::kRead);
  if (!file) {
    return 0;
  }
  const auto header = ReadSegmentHeader(**file, first, kLog.cluster);
  if (!header) {
    return 0;
  }
  SegmentReader reader(std::move(*file), kSegmentHeaderBytes,
                       {.revision = to, .checksum = header->previous_checksum}, kScanReadBytes);
  for (;;) {
    const auto run = reader.Next({.bytes = UINT64_MAX, .last = {UINT64_MAX}});
    if (!run || run->state == RunState::kEnded) {
      return run ? run->end.revision.value : 0;
    }
  }
}

// Power that goes at the n-th call of what follows, or one call that fails; true: there was none.
bool Play(std::uint64_t n, Revision to, bool crashes) {
  Prng prng(n * 64 + to.value);
  SimDevice device;
  SimDisk disk(device, "/log");
  std::uint64_t mark = 0;
  {
    auto log = OpLog::Open(disk, kLog, std::move(*CreateLog(disk, kLog, {})));
    EXPECT_TRUE(log.has_value() && Append(**log, kOld, kBefore).has_value());
    const std::uint64_t begun = device.calls();
    if (crashes) {
      device.CrashAtCall(n);
    } else {
      device.FailCall(n, Fault::kIo);
    }
    mark = Live(**log, to);
    if (device.calls() < begun + n) {
      return true;
    }
  }
  device.Crash(prng);
  bool cut = true;  // nothing of the old term is behind `to`
  std::uint64_t last = 0;
  const auto found = ScanLog(disk, {.log = kLog, .start = {}, .durable = {mark}},
                             [&](const DecodedRecord& record) {
                               last = record.record.revision.value;
                               cut = cut && (record.term == kNew) == (last > to.value);
                               return Result<void>();
                             });
  EXPECT_TRUE(found.has_value()) << found.error().detail;
  EXPECT_GE(last, mark);
  if (last < kBefore || (cut && last > to.value)) {
    EXPECT_EQ(KeptUpTo(disk, to), kBefore) << "nothing is lost";
  }
  return false;
}

TEST(OpLogCutSim, AtEveryCallTheLogIsTheOldOneOrTheNewOneAndWhatWasCutIsKept) {
  for (const bool crashes : {true, false}) {
    for (const std::uint64_t to : {3U, 14U, 25U, 29U}) {
      std::uint64_t n = 1;
      while (!Play(n, {to}, crashes)) {
        ASSERT_FALSE(testing::Test::HasFailure()) << "call " << n << ", to " << to;
        ++n;
      }
      EXPECT_GT(n, 15U);
    }
  }
}

}  // namespace
}  // namespace nunc
