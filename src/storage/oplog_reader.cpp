#include "storage/oplog_reader.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "base/check.h"

namespace nunc {

LogReader::LogReader(Disk& disk, LogView view) : disk_(disk), view_(std::move(view)) {
  CHECK(!view_.segments.empty());
}

bool LogReader::Target::IsBefore(const ChainEnd& record) const {
  return revision.has_value() ? record.revision < *revision : record.time_us < time_us;
}

Result<void> LogReader::SeekRevision(Revision revision) {
  const auto after = std::ranges::upper_bound(view_.segments, revision, {}, &SegmentInfo::first);
  if (after == view_.segments.begin() || revision.value > view_.segments.back().last.value + 1) {
    return Fail(Fault::kNotFound, "revision " + std::to_string(revision.value) +
                                      " is not in the op log, which has " +
                                      std::to_string(view_.segments.front().first.value) + " to " +
                                      std::to_string(view_.segments.back().last.value));
  }
  return Seek(static_cast<std::size_t>(after - view_.segments.begin()) - 1, {.revision = revision});
}

Result<void> LogReader::SeekTime(std::int64_t time_us) {
  // A segment without records has no time of its own yet.
  const bool empty = view_.segments.back().last < view_.segments.back().first;
  const std::span<const SegmentInfo> segments(view_.segments.data(),
                                              view_.segments.size() - (empty ? 1 : 0));
  const auto after = std::ranges::lower_bound(segments, time_us, {}, &SegmentInfo::first_time_us);
  const auto place = static_cast<std::size_t>(after - segments.begin());
  return Seek(place == 0 ? 0 : place - 1, {.time_us = time_us});
}

Result<void> LogReader::Seek(std::size_t segment, const Target& target) {
  const auto index = IndexOf(segment);
  if (!index) {
    return Explain(segment, index.error());
  }
  const IndexEntry* const entry = target.revision.has_value()
                                      ? FindRevision(*index, *target.revision)
                                      : FindTime(*index, target.time_us);
  auto found = SeekBy(segment, entry, target);
  if (found && !*found) {
    found = SeekBy(segment, nullptr, target);
  }
  return found ? Result<void>() : Fail(found.error().fault, found.error().detail);
}

// False when the entry of the index has misled.
Result<bool> LogReader::SeekBy(std::size_t segment, const IndexEntry* entry, const Target& target) {
  auto entered = Enter(segment, entry);
  if (!entered) {
    return Fail(entered.error().fault, std::move(entered.error().detail));
  }
  while (true) {
    const auto filled = Fill();
    if (!filled) {
      const bool misled = entry != nullptr && filled.error().fault == Fault::kDamaged;
      return misled ? Result<bool>(false) : Fail(filled.error().fault, filled.error().detail);
    }
    if (!*filled) {
      return true;
    }
    const RecordHead head = HeadOfRecord(std::string_view(run_.bytes).substr(at_));
    if (!target.IsBefore(head.end)) {
      return true;
    }
    at_ += head.bytes;
  }
}

Result<void> LogReader::Enter(std::size_t segment, const IndexEntry* entry) {
  const SegmentInfo& info = view_.segments[segment];
  reader_ = nullptr;
  run_ = {};
  at_ = 0;
  at_end_ = false;
  segment_ = segment;
  if (info.last < info.first) {
    // No record: only the newest is so, and its header may be written anew at this moment.
    at_end_ = true;
    return {};
  }
  auto file = disk_.Open(SegmentName(info.first), OpenMode::kRead);
  if (!file) {
    return Explain(segment, file.error());
  }
  const auto header = ReadSegmentHeader(**file, info.first, view_.cluster);
  if (!header) {
    return Explain(segment, header.error());
  }
  std::uint64_t offset = kSegmentHeaderBytes;
  end_ = {.revision = {info.first.value - 1}, .checksum = header->previous_checksum};
  if (entry != nullptr) {
    offset = entry->offset;
    end_ = {.revision = {entry->revision.value - 1}, .checksum = entry->previous_checksum};
  }
  reader_ = std::make_unique<SegmentReader>(std::move(*file), offset, end_, kSearchReadBytes);
  return {};
}

// False at the end of the view; otherwise a record begins at `at_` of the run.
Result<bool> LogReader::Fill() {
  while (at_ == run_.bytes.size()) {
    if (reader_ == nullptr) {
      return at_end_ ? Result<bool>(false) : Fail(Fault::kInvalid, "the reader has no position");
    }
    const SegmentInfo& info = view_.segments[segment_];
    if (end_.revision >= info.last) {
      if (segment_ + 1 == view_.segments.size()) {
        at_end_ = true;
        reader_ = nullptr;
        continue;
      }
      const ChainEnd before = end_;
      const auto entered = Enter(segment_ + 1, nullptr);
      if (!entered) {
        return Fail(entered.error().fault, entered.error().detail);
      }
      if (!at_end_ && (end_.checksum != before.checksum || end_.revision != before.revision)) {
        return Explain(segment_, {Fault::kDamaged, "it does not follow the segment before"});
      }
      continue;
    }
    auto run = reader_->Next({.bytes = info.used_bytes, .last = info.last});
    if (!run) {
      return Explain(segment_, run.error());
    }
    if (run->bytes.empty()) {
      const std::uint64_t offset = run->offset;
      return Explain(segment_,
                     {Fault::kDamaged, "offset " + std::to_string(offset) + ": " + run->why});
    }
    run_ = std::move(*run);
    at_ = 0;
    end_ = run_.end;
  }
  return true;
}

Result<std::optional<DecodedRecord>> LogReader::Next() {
  const auto filled = Fill();
  if (!filled) {
    return Fail(filled.error().fault, filled.error().detail);
  }
  if (!*filled) {
    return std::nullopt;
  }
  const auto record = decoder_.DecodeChecked(std::string_view(run_.bytes).substr(at_));
  CHECK(record.has_value());
  bytes_ = std::string_view(run_.bytes).substr(at_, record->bytes);
  at_ += bytes_.size();
  return std::optional(*record);
}

// Empty when there is none that can be used: then the segment is read from its beginning.
Result<std::vector<IndexEntry>> LogReader::IndexOf(std::size_t segment) {
  if (segment + 1 == view_.segments.size()) {
    return view_.index;
  }
  const Revision first = view_.segments[segment].first;
  auto file = disk_.Open(IndexName(first), OpenMode::kRead);
  if (!file) {
    return file.error().fault == Fault::kNotFound ? Result<std::vector<IndexEntry>>()
                                                  : Fail(file.error().fault, file.error().detail);
  }
  const auto size = (*file)->Size();
  if (!size) {
    return Fail(size.error().fault, size.error().detail);
  }
  std::string bytes(std::min(*size, kIndexFileBytesMax), '\0');
  const auto read = (*file)->Read(0, std::span(bytes));
  if (!read) {
    return Fail(read.error().fault, read.error().detail);
  }
  bytes.resize(*read);
  auto index = DecodeIndex(bytes, first);
  return index ? std::move(index) : Result<std::vector<IndexEntry>>();
}

// A segment that is gone by now was cleaned, and what was read of it may have been anything.
tl::unexpected<Error> LogReader::Explain(std::size_t segment, const Error& error) {
  reader_ = nullptr;
  run_ = {};
  at_ = 0;
  const std::string name = SegmentName(view_.segments[segment].first);
  const auto file = disk_.Open(name, OpenMode::kRead);
  if (!file && file.error().fault == Fault::kNotFound) {
    return Fail(Fault::kNotFound, disk_.PathOf(name) + ": cleaned meanwhile");
  }
  return NamedError(disk_, name, error);
}

}  // namespace nunc
