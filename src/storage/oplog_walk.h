// Reads an op log from a given place to its end, and says how it ends.
//
// Shape:   Next gives the checked records of about one read at a time; what comes before the start
//          is checked and not given. It decides nothing: oplog_recovery.h judges the end.
// Errors:  kDamaged when the log and the start are not of one history; kInvalid for files of a
//          newer version or another cluster; those of the disk.
// Thread:  any, one at a time: a job takes it along, to read ahead.
// Source:  docs/cluster.md §4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/disk.h"
#include "storage/oplog_state.h"
#include "storage/segment_reader.h"

namespace nunc {

// How the log ends: in `segment`, at `offset`, behind `end`.
struct WalkEnd {
  std::size_t segment = 0;
  std::uint64_t offset = 0;
  ChainEnd end;
  std::string why;
  bool header_bad = false;  // the segment cannot be entered: the log ends with the one before
  bool intact = false;      // a whole record that this program does not know
  std::uint64_t torn_bytes = 0;
};

struct LogChunk {
  std::string bytes{};  // whole, checked records
  bool more = true;
};

class LogWalk {
 public:
  // `segments[begin]` has the record behind `start`, or begins with it.
  LogWalk(Disk& disk, const ClusterId& cluster, const ChainEnd& start,
          std::vector<SegmentInfo> segments, std::size_t begin);

  Result<LogChunk> Next();

  // Once there is no more:
  [[nodiscard]] const WalkEnd& end() const { return end_; }
  // Those that were walked have `last` and `used_bytes` as they were found.
  [[nodiscard]] const std::vector<SegmentInfo>& segments() const { return segments_; }
  std::vector<IndexEntry> TakeIndex(std::size_t segment) { return std::move(indexes_[segment]); }
  [[nodiscard]] std::size_t begin() const { return begin_; }

 private:
  Result<bool> Enter();
  Result<void> Leave(const RecordRun& run);
  [[nodiscard]] Revision LastOfSegment() const;

  Disk& disk_;
  ClusterId cluster_;
  ChainEnd start_;
  std::vector<SegmentInfo> segments_;
  std::vector<std::vector<IndexEntry>> indexes_;
  std::size_t begin_;
  std::size_t segment_;
  std::unique_ptr<SegmentReader> reader_;
  bool past_start_ = false;
  WalkEnd end_;
};

}  // namespace nunc
