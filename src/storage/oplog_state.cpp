#include "storage/oplog_state.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace nunc {

namespace {

// One that is there under the unfinished name and is large enough.
Result<std::unique_ptr<File>> ReopenUnfinished(Disk& disk, std::uint64_t bytes) {
  auto file = disk.Open(kUnfinishedSegmentName, OpenMode::kReadWrite);
  if (!file) {
    return file;
  }
  const auto size = (*file)->Size();
  if (!size) {
    return Fail(size.error().fault, size.error().detail);
  }
  return *size >= bytes ? std::move(file) : Fail(Fault::kNotFound, "too small");
}

Result<std::unique_ptr<File>> CreateUnfinished(Disk& disk, std::uint64_t bytes) {
  auto file = disk.Open(kUnfinishedSegmentName, OpenMode::kCreate);
  if (!file) {
    return file;
  }
  const auto reserved = (*file)->Reserve(bytes);
  if (!reserved) {
    file->reset();
    // What it took is given back; that it failed is what is told.
    static_cast<void>(disk.Remove(kUnfinishedSegmentName));
    return Fail(reserved.error().fault, reserved.error().detail);
  }
  return file;
}

}  // namespace

Result<LogFiles> ListLogFiles(Disk& disk) {
  const auto listed = disk.List();
  if (!listed) {
    return Fail(listed.error().fault, listed.error().detail);
  }
  LogFiles files;
  for (const FileInfo& file : *listed) {
    const auto name = ParseLogFileName(file.name);
    if (!name.has_value()) {
      continue;
    }
    switch (name->kind) {
      case LogFileKind::kSegment:
        files.segments.push_back({.first = {name->number},
                                  .last = {name->number - 1},
                                  .used_bytes = file.bytes,
                                  .file_bytes = file.bytes});
        break;
      case LogFileKind::kIndex:
        files.indexes.push_back({name->number});
        break;
      case LogFileKind::kSpare:
        files.spares.push_back({.number = name->number, .bytes = file.bytes});
        break;
      case LogFileKind::kUnfinished:
        files.unfinished.push_back(file.name);
        break;
    }
    if (name->kind == LogFileKind::kSpare || name->kind == LogFileKind::kUnfinished) {
      files.next_spare = std::max(files.next_spare, name->number + 1);
    }
  }
  return files;
}

tl::unexpected<Error> NamedError(const Disk& disk, std::string_view name, const Error& error) {
  return Fail(error.fault, disk.PathOf(name) + ": " + error.detail);
}

Result<SegmentHeader> ReadSegmentHeader(File& file, Revision first, const ClusterId& cluster) {
  std::string bytes(kSegmentHeaderBytesMax, '\0');
  const auto read = file.Read(0, std::span(bytes));
  if (!read) {
    return Fail(read.error().fault, read.error().detail);
  }
  bytes.resize(*read);
  auto header = DecodeSegmentHeader(bytes);
  if (!header) {
    return header;
  }
  // A node that joins has its log before it knows whose: its first record names the cluster.
  const bool unknown = header->cluster == ClusterId{} && first.value == 1;
  if (header->cluster != cluster && !unknown) {
    return Fail(Fault::kInvalid, "belongs to another cluster");
  }
  if (header->first != first) {
    return Fail(Fault::kDamaged, "segment header: it is of the segment that begins with revision " +
                                     std::to_string(header->first.value));
  }
  return header;
}

Result<std::unique_ptr<File>> OpenFreshSegment(Disk& disk, std::uint64_t bytes, LogFiles& files) {
  auto left = ReopenUnfinished(disk, bytes);
  if (left || left.error().fault != Fault::kNotFound) {
    return left;
  }
  const auto spare = std::ranges::find_if(
      files.spares, [bytes](const SpareFile& file) { return file.bytes >= bytes; });
  if (spare == files.spares.end()) {
    return CreateUnfinished(disk, bytes);
  }
  const auto renamed = disk.Rename(SpareName(spare->number), kUnfinishedSegmentName);
  if (!renamed) {
    return Fail(renamed.error().fault, renamed.error().detail);
  }
  files.spares.erase(spare);
  return disk.Open(kUnfinishedSegmentName, OpenMode::kReadWrite);
}

Result<std::uint64_t> PublishSegment(Disk& disk, File& file, std::uint64_t used_bytes,
                                     Revision first) {
  auto size = file.Size();
  if (!size) {
    return size;
  }
  const std::uint64_t room = *size - std::min(*size, used_bytes);
  const std::string mark(std::min<std::uint64_t>(room, kEndMarkBytes), '\0');
  auto done = file.Write(used_bytes, mark);
  if (done) {
    done = file.Sync();
  }
  if (done) {
    done = disk.Rename(kUnfinishedSegmentName, SegmentName(first));
  }
  return done ? size : Fail(done.error().fault, done.error().detail);
}

Result<void> RemoveIfThere(Disk& disk, std::string_view name) {
  auto removed = disk.Remove(name);
  return !removed && removed.error().fault == Fault::kNotFound ? Result<void>() : removed;
}

Result<void> WriteIndexFile(Disk& disk, Revision first, std::span<const IndexEntry> index) {
  auto file = disk.Open(IndexName(first), OpenMode::kCreate);
  return file ? (*file)->Write(0, EncodeIndex(first, index))
              : Fail(file.error().fault, file.error().detail);
}

Result<LogState> CreateLog(Disk& disk, const LogOptions& options, const ChainEnd& start) {
  auto files = ListLogFiles(disk);
  if (!files) {
    return Fail(files.error().fault, files.error().detail);
  }
  if (!files->segments.empty()) {
    return Fail(Fault::kInvalid, disk.PathOf(SegmentName(files->segments.front().first)) +
                                     ": there is an op log already");
  }
  const Revision first{start.revision.value + 1};
  auto segment = WriteEmptySegment(disk, options, start, *files);
  if (!segment) {
    return NamedError(disk, SegmentName(first), segment.error());
  }
  const auto synced = disk.SyncFolder();
  if (!synced) {
    return Fail(synced.error().fault, synced.error().detail);
  }
  return LogState{.segments = {*segment},
                  .end = start,
                  .spares = std::move(files->spares),
                  .next_spare = files->next_spare};
}

Result<SegmentInfo> WriteEmptySegment(Disk& disk, const LogOptions& options, const ChainEnd& start,
                                      LogFiles& files) {
  const Revision first{start.revision.value + 1};
  auto file = OpenFreshSegment(disk, options.segment_bytes, files);
  if (!file) {
    return Fail(file.error().fault, file.error().detail);
  }
  // Term and time are those of the first record, which will write them.
  const auto written = (*file)->Write(
      0, EncodeSegmentHeader(
             {.cluster = options.cluster, .first = first, .previous_checksum = start.checksum}));
  if (!written) {
    return Fail(written.error().fault, written.error().detail);
  }
  const auto bytes = PublishSegment(disk, **file, kSegmentHeaderBytes, first);
  if (!bytes) {
    return Fail(bytes.error().fault, bytes.error().detail);
  }
  return SegmentInfo{.first = first,
                     .last = start.revision,
                     .used_bytes = kSegmentHeaderBytes,
                     .file_bytes = *bytes};
}

}  // namespace nunc
