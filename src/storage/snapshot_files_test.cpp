// Snapshots on a disk: names, publishing, and disks that fail.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/memory_file_fixture.h"
#include "storage/snapshot_fixture.h"
#include "storage/snapshot_names.h"

namespace nunc {
namespace {

constexpr Revision kStart{9};

Result<void> WriteTo(Disk& disk, const StoredSnapshot& snapshot) {
  const std::string unfinished = UnfinishedSnapshotName(kStart);
  auto file = SnapshotFile::Create(disk, unfinished, snapshot.head);
  if (!file) return tl::unexpected(file.error());
  for (const std::string& raw : RawBlocks(snapshot, 60)) {
    if (auto appended = file->Append(BlockKind::kEntries, raw); !appended) return appended;
  }
  if (auto finished = file->Finish(EndOf(snapshot)); !finished) return finished;
  return PublishSnapshot(disk, unfinished, SnapshotName(kStart));
}

Result<SnapshotSummary> ReadFrom(Disk& disk, std::string_view name, KeepingVisitor& visitor) {
  auto file = disk.Open(name, OpenMode::kRead);
  if (!file) return tl::unexpected(file.error());
  FileSource source(**file);
  auto reader = SnapshotReader::Open(source, disk.PathOf(name));
  if (!reader) return tl::unexpected(reader.error());
  visitor.seen.head = reader->head();
  return ReadSnapshot(*reader, visitor);
}

TEST(SnapshotFiles, NamesAreReadBackAndSortByRevision) {
  EXPECT_EQ(SnapshotName({1}), "snapshot-00000000000000000001");
  EXPECT_EQ(SnapshotName({UINT64_MAX}), "snapshot-18446744073709551615");
  EXPECT_EQ(ParseSnapshotName(SnapshotName({0})), Revision{0});
  EXPECT_EQ(ParseSnapshotName(SnapshotName({UINT64_MAX})), Revision{UINT64_MAX});
  EXPECT_LT(SnapshotName({9}), SnapshotName({10}));
}

TEST(SnapshotFiles, OtherNamesAreNoSnapshots) {
  for (const std::string name :
       {"", "snapshot-", "snapshot-1", "snapshot-0000000000000000000x",
        "snapshot--0000000000000001", "snapshot-18446744073709551616",
        "snapshot-000000000000000000010", "snapshot-00000000000000000001.tmp",
        "Snapshot-00000000000000000001", "meta"}) {
    EXPECT_FALSE(ParseSnapshotName(name)) << name;
  }
}

TEST(SnapshotFiles, ListsTheNewestFirst) {
  MemoryDisk disk;
  for (const std::uint64_t start : {7U, 100U, 20U}) {
    ASSERT_TRUE(disk.Open(SnapshotName({start}), OpenMode::kCreate));
  }
  ASSERT_TRUE(disk.Open(UnfinishedSnapshotName({200}), OpenMode::kCreate));
  ASSERT_TRUE(disk.Open("meta", OpenMode::kCreate));
  disk.Bytes(SnapshotName({20})) = "bytes";
  const auto snapshots = ListSnapshots(disk);
  ASSERT_TRUE(snapshots);
  ASSERT_EQ(snapshots->size(), 3U);
  EXPECT_EQ((*snapshots)[0].start, Revision{100});
  EXPECT_EQ((*snapshots)[1].name, SnapshotName({20}));
  EXPECT_EQ((*snapshots)[1].bytes, 5U);
  EXPECT_EQ((*snapshots)[2].start, Revision{7});
}

TEST(SnapshotFiles, UnfinishedOnesAreRemovedAndNothingElse) {
  MemoryDisk disk;
  const std::vector<std::string> kept = {SnapshotName({7}), "meta.tmp", "snapshot-.tmp"};
  for (const std::string& name : kept) {
    ASSERT_TRUE(disk.Open(name, OpenMode::kCreate));
  }
  ASSERT_TRUE(disk.Open(UnfinishedSnapshotName({8}), OpenMode::kCreate));
  ASSERT_TRUE(RemoveUnfinishedSnapshots(disk));
  EXPECT_FALSE(disk.Has(UnfinishedSnapshotName({8})));
  for (const std::string& name : kept) {
    EXPECT_TRUE(disk.Has(name)) << name;
  }
}

TEST(SnapshotFiles, OneIsSyncedBeforeAndAfterItGetsItsName) {
  MemoryDisk disk;
  const StoredSnapshot snapshot = SmallSnapshot();
  ASSERT_TRUE(WriteTo(disk, snapshot));
  EXPECT_EQ(disk.syncs(), 2U);
  EXPECT_FALSE(disk.Has(UnfinishedSnapshotName(kStart)));
  EXPECT_EQ(disk.Bytes(SnapshotName(kStart)),
            FileBytes(snapshot, {.codec = BlockCodec::kZstd, .block_bytes = 60}));
  KeepingVisitor visitor;
  ASSERT_TRUE(ReadFrom(disk, SnapshotName(kStart), visitor));
  EXPECT_TRUE(visitor.seen == snapshot);
}

TEST(SnapshotFiles, ADiskThatFailsWhileWritingLeavesNoSnapshotOrAWholeOne) {
  const StoredSnapshot snapshot = SmallSnapshot();
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    MemoryDisk disk;
    disk.FailCall(n);
    const auto written = WriteTo(disk, snapshot);
    if (!disk.failed()) {
      EXPECT_TRUE(written);
      break;
    }
    ++failures;
    ASSERT_FALSE(written) << n;
    EXPECT_EQ(written.error().fault, Fault::kIo) << n;
    // Only the last call, the sync of the folder, comes after the name.
    if (disk.Has(SnapshotName(kStart))) {
      KeepingVisitor visitor;
      EXPECT_TRUE(ReadFrom(disk, SnapshotName(kStart), visitor)) << n;
      EXPECT_TRUE(visitor.seen == snapshot) << n;
    }
  }
  EXPECT_GE(failures, 7U);
}

TEST(SnapshotFiles, ADiskThatFailsWhileReadingIsReported) {
  MemoryDisk disk;
  const StoredSnapshot snapshot = SmallSnapshot();
  ASSERT_TRUE(WriteTo(disk, snapshot));
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    disk.FailCall(n);
    KeepingVisitor visitor;
    const auto read = ReadFrom(disk, SnapshotName(kStart), visitor);
    if (!disk.failed()) {
      EXPECT_TRUE(read);
      break;
    }
    ++failures;
    ASSERT_FALSE(read) << n;
    EXPECT_EQ(read.error().fault, Fault::kIo) << n;
    EXPECT_TRUE(IsBeginningOf(visitor.seen, snapshot)) << n;
  }
  EXPECT_GE(failures, 8U);
}

TEST(SnapshotFiles, ADiskThatFailsWhileListingIsReported) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.Open(UnfinishedSnapshotName({8}), OpenMode::kCreate));
  disk.FailCall(1);
  EXPECT_FALSE(ListSnapshots(disk));
  for (const std::uint64_t n : {1U, 2U}) {
    disk.FailCall(n);
    EXPECT_FALSE(RemoveUnfinishedSnapshots(disk)) << n;
  }
}

TEST(SnapshotFiles, VerifyingKeepsNothingAndSaysWhatIsThere) {
  MemoryDisk disk;
  ASSERT_TRUE(WriteTo(disk, SmallSnapshot()));
  auto file = disk.Open(SnapshotName(kStart), OpenMode::kRead);
  ASSERT_TRUE(file);
  FileSource source(**file);
  const auto summary = VerifySnapshot(source, disk.PathOf(SnapshotName(kStart)));
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->end.entries, 6U);
  EXPECT_EQ(summary->tombstones, 1U);
  EXPECT_EQ(summary->bytes, disk.Bytes(SnapshotName(kStart)).size());
  disk.Bytes(SnapshotName(kStart)).pop_back();
  FileSource again(**file);
  const auto cut = VerifySnapshot(again, disk.PathOf(SnapshotName(kStart)));
  ASSERT_FALSE(cut);
  EXPECT_TRUE(cut.error().detail.starts_with("/memory/snapshot-00000000000000000009: not whole"));
}

}  // namespace
}  // namespace nunc
