#include <algorithm>

#include "storage/oplog.h"

namespace nunc {

Result<std::uint64_t> OpLog::Clean(Revision below) {
  if (failed_) {
    return Fail(Fault::kIo, "the op log could not be written before");
  }
  // The sync that runs may still write the index of a segment that was full just when the last one
  // began; all before that are done with.
  const Revision done{durable_.value + (syncs_.empty() ? 1 : 0)};
  std::uint64_t bytes = 0;
  while (segments_.size() > 1 && segments_.front().last < std::min(below, done)) {
    const auto dropped = DropOldest();
    if (!dropped) {
      failed_ = true;
      return Fail(dropped.error().fault, dropped.error().detail);
    }
    bytes += segments_.front().file_bytes;
    segments_.pop_front();
  }
  return bytes;
}

// A stop in between leaves an index without segment, which the next start removes, or a segment
// that is older than anyone needs.
Result<void> OpLog::DropOldest() {
  const SegmentInfo& segment = segments_.front();
  const std::string name = SegmentName(segment.first);
  std::erase_if(sealed_, [&](const SealedIndex& index) { return index.first == segment.first; });
  auto done = RemoveIfThere(disk_, IndexName(segment.first));
  if (!done) {
    return done;
  }
  folder_changed_ = true;
  if (segment.file_bytes != options_.segment_bytes || FilesWaiting() >= kSparesMax) {
    return RemoveIfThere(disk_, name);
  }
  const std::uint64_t number = next_spare_++;
  done = disk_.Rename(name, SpareName(number));
  if (done) {
    cooling_.push_back({.number = number, .bytes = segment.file_bytes});
  }
  return done;
}

Revision OpLog::CleanPointForSize(std::uint64_t bytes) const {
  std::uint64_t kept = 0;
  for (std::size_t i = segments_.size(); i > 0; --i) {
    const SegmentInfo& segment = segments_[i - 1];
    kept += segment.used_bytes;
    if (kept >= bytes) {
      return segment.first;
    }
  }
  return segments_.front().first;
}

Revision OpLog::CleanPointForTime(std::int64_t time_us) const {
  for (std::size_t i = segments_.size(); i > 0; --i) {
    const SegmentInfo& segment = segments_[i - 1];
    if (HasRecords(segment) && segment.first_time_us <= time_us) {
      return segment.first;
    }
  }
  return segments_.front().first;
}

OpLogInfo OpLog::Info() const {
  OpLogInfo info{.segments = segments_.size(),
                 .spares = spares_.size() + cooling_.size() + cooling_in_sync_.size()};
  for (const SegmentInfo& segment : segments_) {
    info.bytes += segment.file_bytes;
  }
  if (HasRecords(segments_.front())) {
    info.first = segments_.front().first;
    info.first_time_us = segments_.front().first_time_us;
    info.last = end_.revision;
    info.last_time_us = end_.time_us;
  }
  return info;
}

LogView OpLog::View() const {
  return {.cluster = options_.cluster,
          .segments = {segments_.begin(), segments_.end()},
          .index = index_};
}

}  // namespace nunc
