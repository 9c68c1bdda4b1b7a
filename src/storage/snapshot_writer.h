// Makes snapshot and backup files: SnapshotEncoder gives the bytes, SnapshotFile puts them on a
// disk.
//
// Shape:   head, blocks, end. A backup that is sent and not kept uses the encoder alone: at no time
//          is more than one block in memory. What has no end block is not a snapshot, so a file
//          is written under a name of its own and renamed when the log has passed its end
//          (docs/cluster.md §11): Create, Append..., Finish, and then Publish.
// Errors:  those of the disk. After one the file is of no use: remove it.
// Thread:  one job at a time on a worker, in the order of the blocks; compression is done here.
// Source:  docs/formats.md, "Snapshots and backups".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/disk.h"
#include "storage/block.h"
#include "storage/snapshot_head.h"

namespace nunc {

class SnapshotEncoder {
 public:
  explicit SnapshotEncoder(const SnapshotHead& head, BlockCodec codec = BlockCodec::kZstd);

  // The first bytes of the file.
  [[nodiscard]] const std::string& head() const { return head_; }
  // The next block, of kEntries or kRecords.
  std::string Block(BlockKind kind, std::string_view raw);
  // The last block.
  std::string End(const SnapshotEnd& end);

 private:
  std::string head_;
  BlockPlace next_;
  BlockCodec codec_;
};

class SnapshotFile {
 public:
  // Replaces a file of that name.
  static Result<SnapshotFile> Create(Disk& disk, std::string_view name, const SnapshotHead& head,
                                     BlockCodec codec = BlockCodec::kZstd);

  Result<void> Append(BlockKind kind, std::string_view raw);
  // The end block; then all of it is on the medium, under a name that may not be.
  Result<void> Finish(const SnapshotEnd& end);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  SnapshotFile(SnapshotEncoder encoder, std::unique_ptr<File> file);
  Result<void> Write(std::string_view bytes);

  // Synced as it grows: all of it at the end would keep the disk from the syncs of the log.
  static constexpr std::size_t kSyncBytes = std::size_t{4} << 20;

  SnapshotEncoder encoder_;
  std::unique_ptr<File> file_;
  std::uint64_t bytes_ = 0;
  std::size_t unsynced_ = 0;
};

}  // namespace nunc
