#include "storage/oplog_walk.h"

#include <limits>
#include <optional>
#include <utility>

namespace nunc {

LogWalk::LogWalk(Disk& disk, const ClusterId& cluster, const ChainEnd& start,
                 std::vector<SegmentInfo> segments, std::size_t begin)
    : disk_(disk),
      cluster_(cluster),
      start_(start),
      segments_(std::move(segments)),
      indexes_(segments_.size()),
      begin_(begin),
      segment_(begin) {
  past_start_ = segments_[begin].first.value == start.revision.value + 1;
  end_.end = past_start_ ? start : ChainEnd{.revision = {segments_[begin].first.value - 1}};
}

// The next segment's name says where this one ends; nothing says it of the newest.
Revision LogWalk::LastOfSegment() const {
  const bool newest = segment_ + 1 == segments_.size();
  return {newest ? std::numeric_limits<std::uint64_t>::max()
                 : segments_[segment_ + 1].first.value - 1};
}

Result<LogChunk> LogWalk::Next() {
  while (true) {
    if (reader_ == nullptr) {
      const auto entered = Enter();
      if (!entered) {
        return NamedError(disk_, SegmentName(segments_[segment_].first), entered.error());
      }
      if (!*entered) {
        return LogChunk{.more = false};
      }
    }
    const Revision last = past_start_ ? LastOfSegment() : start_.revision;
    auto run = reader_->Next({.bytes = segments_[segment_].file_bytes, .last = last});
    if (!run) {
      return NamedError(disk_, SegmentName(segments_[segment_].first), run.error());
    }
    const bool given = past_start_;
    end_.end = run->end;
    if (run->state != RunState::kMore) {
      const auto left = Leave(*run);
      if (!left) {
        return NamedError(disk_, SegmentName(segments_[segment_].first), left.error());
      }
    }
    LogChunk chunk{.bytes = given ? std::move(run->bytes) : std::string(),
                   .more = run->state != RunState::kEnded};
    if (!chunk.bytes.empty() || !chunk.more) {
      return chunk;
    }
  }
}

// False: the log ends before this segment.
Result<bool> LogWalk::Enter() {
  const SegmentInfo& segment = segments_[segment_];
  auto file = disk_.Open(SegmentName(segment.first), OpenMode::kRead);
  if (!file) {
    return Fail(file.error().fault, file.error().detail);
  }
  const auto header = ReadSegmentHeader(**file, segment.first, cluster_);
  if (!header && header.error().fault != Fault::kDamaged) {
    return Fail(header.error().fault, header.error().detail);
  }
  // Before the first one walked is a chain that is not known, unless the start is just there.
  const bool known = segment_ > begin_ || past_start_;
  const bool follows = header && (!known || header->previous_checksum == end_.end.checksum);
  if (header && !follows && segment_ == begin_) {
    // No accident of a disk makes a whole header that follows another record than the snapshot's.
    return Fail(Fault::kDamaged, "it does not follow revision " +
                                     std::to_string(start_.revision.value) +
                                     " as the snapshot has it");
  }
  if (!follows) {
    end_.header_bad = true;
    end_.segment = segment_;
    end_.offset = 0;
    end_.why =
        header ? "segment header: it does not follow the record before" : header.error().detail;
    return false;
  }
  end_.end.checksum = header->previous_checksum;
  reader_ = std::make_unique<SegmentReader>(std::move(*file), kSegmentHeaderBytes, end_.end,
                                            kScanReadBytes);
  return true;
}

// The run is the last one of the segment, or reaches the start.
Result<void> LogWalk::Leave(const RecordRun& run) {
  if (run.state == RunState::kLast && !past_start_) {
    if (run.end.checksum != start_.checksum || run.end.term != start_.term) {
      return Fail(Fault::kDamaged, "revision " + std::to_string(start_.revision.value) +
                                       " is not the one that the snapshot has");
    }
    past_start_ = true;
    return {};
  }
  segments_[segment_].last = run.end.revision;
  segments_[segment_].used_bytes = run.end_offset();
  indexes_[segment_] = reader_->TakeIndex();
  if (run.state == RunState::kLast) {
    ++segment_;
    reader_ = nullptr;
    return {};
  }
  end_.segment = segment_;
  end_.offset = run.end_offset();
  end_.why = run.why;
  end_.intact = run.intact;
  end_.torn_bytes = run.torn_bytes;
  return {};
}

}  // namespace nunc
