// The tail of the log is taken back: kept beside it first, then cut off.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "storage/oplog.h"

namespace nunc {
namespace {

Result<void> Because(const Error& error) {
  return Fail(error.fault, error.detail);
}

}  // namespace

// The one that has the record; the log has it.
std::size_t OpLog::SegmentOf(Revision revision) const {
  std::size_t segment = segments_.size() - 1;
  while (segment > 0 && segments_[segment].first > revision) {
    --segment;
  }
  return segment;
}

Result<SegmentReader> OpLog::ReadFrom(const SegmentInfo& segment) {
  const std::string name = SegmentName(segment.first);
  auto file = disk_.Open(name, OpenMode::kRead);
  if (!file) {
    return NamedError(disk_, name, file.error());
  }
  const auto header = ReadSegmentHeader(**file, segment.first, options_.cluster);
  if (!header) {
    return NamedError(disk_, name, header.error());
  }
  return SegmentReader(
      std::move(*file), kSegmentHeaderBytes,
      {.revision = {segment.first.value - 1}, .checksum = header->previous_checksum},
      kScanReadBytes);
}

Result<ChainEnd> OpLog::SaveTail(Revision to, Term by) {
  CHECK(syncs_.empty());
  if (failed_) {
    return Fail(Fault::kIo, "the op log could not be written before");
  }
  if (to == end_.revision) {
    return end_;
  }
  if (to < segments_.front().first || to > end_.revision) {
    return Fail(Fault::kNotFound, "the op log has no revision " + std::to_string(to.value));
  }
  const std::size_t segment = SegmentOf(to);
  auto reader = ReadFrom(segments_[segment]);
  if (!reader) {
    return tl::unexpected(std::move(reader.error()));
  }
  ChainEnd end;
  while (end.revision < to) {
    const auto run = reader->Next({.bytes = segments_[segment].used_bytes, .last = to});
    if (!run) {
      return tl::unexpected(run.error());
    }
    if (run->state == RunState::kEnded) {
      return Fail(Fault::kDamaged,
                  SegmentName(segments_[segment].first) + " reads differently now: " + run->why);
    }
    end = run->end;
  }
  const std::string name = RewoundName(by, {to.value + 1});
  Result<void> done = WriteTail(segment, end);
  if (done) {
    done = disk_.Rename(kUnfinishedSegmentName, name);
  }
  if (done) {
    done = disk_.SyncFolder();
  }
  if (!done) {
    return tl::unexpected(std::move(done.error()));
  }
  return end;
}

// As one segment, however many it comes from.
Result<void> OpLog::WriteTail(std::size_t segment, const ChainEnd& to) {
  auto out = disk_.Open(kUnfinishedSegmentName, OpenMode::kCreate);
  if (!out) {
    return Because(out.error());
  }
  std::uint64_t at = 0;
  for (; segment < segments_.size(); ++segment) {
    const SegmentInfo& info = segments_[segment];
    auto reader = ReadFrom(info);
    if (!reader) {
      return Because(reader.error());
    }
    for (RunState state = RunState::kMore; state != RunState::kLast;) {
      const auto run = reader->Next({.bytes = info.used_bytes, .last = info.last});
      if (!run || run->state == RunState::kEnded) {
        return run ? Fail(Fault::kDamaged, SegmentName(info.first) + " reads differently now")
                   : Because(run.error());
      }
      state = run->state;
      std::string_view rest = run->bytes;
      while (!rest.empty() && HeadOfRecord(rest).end.revision <= to.revision) {
        rest.remove_prefix(HeadOfRecord(rest).bytes);
      }
      if (rest.empty()) {
        continue;
      }
      std::string bytes;
      if (at == 0) {
        const ChainEnd first = HeadOfRecord(rest).end;
        bytes = EncodeSegmentHeader({.cluster = options_.cluster,
                                     .first = first.revision,
                                     .first_term = first.term,
                                     .first_time_us = first.time_us,
                                     .previous_checksum = to.checksum});
      }
      bytes.append(rest);
      if (Result<void> written = (*out)->Write(at, bytes); !written) {
        return written;
      }
      at += bytes.size();
    }
  }
  return (*out)->Sync();
}

Result<void> OpLog::Cut(const ChainEnd& to) {
  CHECK(syncs_.empty());
  if (failed_) {
    return Fail(Fault::kIo, "the op log could not be written before");
  }
  if (to.revision == end_.revision) {
    return {};
  }
  CHECK(to.revision >= segments_.front().first && to.revision < end_.revision);
  Result<void> done = CutSegments(to);
  failed_ = !done.has_value();
  return done;
}

// A stop before the end leaves what the next start takes for a torn tail, for the mark is not above
// `to`. Nothing is written in the place of what goes before all of that is on the medium.
Result<void> OpLog::CutSegments(const ChainEnd& to) {
  const std::size_t kept = SegmentOf(to.revision);
  SegmentInfo& segment = segments_[kept];
  auto reader = ReadFrom(segment);
  if (!reader) {
    return Because(reader.error());
  }
  std::uint64_t offset = 0;
  for (RunState state = RunState::kMore; state == RunState::kMore;) {
    const auto run = reader->Next({.bytes = segment.used_bytes, .last = to.revision});
    if (!run || run->state == RunState::kEnded ||
        (run->state == RunState::kLast && run->end != to)) {
      return run ? Fail(Fault::kDamaged, SegmentName(segment.first) + " has no such record")
                 : Because(run.error());
    }
    state = run->state;
    offset = run->end_offset();
  }
  auto current = OpenCurrent(disk_, SegmentName(segment.first));
  if (!current) {
    return Because(current.error());
  }
  const std::string mark(std::min<std::uint64_t>(kEndMarkBytes, segment.file_bytes - offset), '\0');
  Result<void> done = current->file->Write(offset, mark);
  if (done) {
    done = current->file->Sync();
  }
  for (std::size_t i = segments_.size(); i > kept && done; --i) {
    const Revision first = segments_[i - 1].first;
    std::erase_if(sealed_, [&](const SealedIndex& index) { return index.first == first; });
    done = RemoveIfThere(disk_, IndexName(first));
    if (done && i - 1 > kept) {
      done = RemoveIfThere(disk_, SegmentName(first));
    }
  }
  if (done) {
    done = disk_.SyncFolder();
  }
  if (!done) {
    return done;
  }
  file_ = std::move(current->file);
  beside_ = std::move(current->beside);
  index_ = reader->TakeIndex();
  segment.last = to.revision;
  segment.used_bytes = offset;
  segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(kept) + 1, segments_.end());
  durable_ = std::min(durable_, to.revision);
  end_ = to;
  return {};
}

}  // namespace nunc
