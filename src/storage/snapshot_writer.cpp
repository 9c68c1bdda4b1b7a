#include "storage/snapshot_writer.h"

#include <utility>

#include "base/planted.h"

namespace nunc {

SnapshotEncoder::SnapshotEncoder(const SnapshotHead& head, BlockCodec codec)
    : head_(EncodeSnapshotHead(head)),
      next_{.ordinal = 0, .seed = SnapshotSeed(head_)},
      codec_(codec) {}

std::string SnapshotEncoder::Block(BlockKind kind, std::string_view raw) {
  std::string block = EncodeBlock(kind, raw, next_, codec_);
  ++next_.ordinal;
  return block;
}

std::string SnapshotEncoder::End(const SnapshotEnd& end) {
  return Block(BlockKind::kEnd, EncodeSnapshotEnd(end));
}

SnapshotFile::SnapshotFile(SnapshotEncoder encoder, std::unique_ptr<File> file)
    : encoder_(std::move(encoder)), file_(std::move(file)) {}

Result<SnapshotFile> SnapshotFile::Create(Disk& disk, std::string_view name,
                                          const SnapshotHead& head, BlockCodec codec) {
  auto file = disk.Open(name, OpenMode::kCreate);
  if (!file) return tl::unexpected(std::move(file.error()));
  SnapshotFile snapshot(SnapshotEncoder(head, codec), std::move(*file));
  if (auto written = snapshot.Write(snapshot.encoder_.head()); !written) {
    return tl::unexpected(std::move(written.error()));
  }
  return snapshot;
}

Result<void> SnapshotFile::Append(BlockKind kind, std::string_view raw) {
  return Write(encoder_.Block(kind, raw));
}

Result<void> SnapshotFile::Finish(const SnapshotEnd& end) {
  if (auto written = Write(encoder_.End(end)); !written) return written;
  return Planted(Bug::kSnapshotNotSynced) ? Result<void>() : file_->Sync();
}

Result<void> SnapshotFile::Write(std::string_view bytes) {
  if (auto written = file_->Write(bytes_, bytes); !written) return written;
  bytes_ += bytes.size();
  unsynced_ += bytes.size();
  if (unsynced_ < kSyncBytes) return {};
  unsynced_ = 0;
  return file_->Sync();
}

}  // namespace nunc
