// Reads the records of one segment in order; nobody sees one that has not been checked.
//
// Shape:   Next gives a run: the whole records of about one read, checked for structure, checksum,
//          chain and dense revisions. A record may lie across reads.
// Errors:  those of the disk alone. Bytes that are no record are how a log ends, so they end a run:
//          what that means, whoever reads has to judge.
// Limits:  at most one read and one record are held.
// Thread:  any, one at a time.
// Source:  docs/formats.md (record); docs/cluster.md §4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/disk.h"
#include "storage/oplog_index.h"
#include "storage/record.h"

namespace nunc {

inline constexpr std::size_t kScanReadBytes = std::size_t{1} << 20;
inline constexpr std::size_t kSearchReadBytes = std::size_t{256} << 10;

// Up to where a segment is read; what comes first ends it.
struct SegmentLimit {
  std::uint64_t bytes = 0;
  Revision last{};
};

enum class RunState : std::uint8_t {
  kMore,
  kLast,   // the last revision of the limit has been read
  kEnded,  // what stands behind the run is not the next record
};

struct RecordRun {
  std::string bytes;         // whole records
  std::uint64_t offset = 0;  // of the first one in the file
  ChainEnd end;              // after the last one
  RunState state = RunState::kMore;

  // With kEnded:
  std::string why;
  bool intact = false;           // a whole record, but of a kind that is not known
  std::uint64_t torn_bytes = 0;  // of the beginning of the next record, if it can be recognised

  [[nodiscard]] std::uint64_t end_offset() const { return offset + bytes.size(); }
};

class SegmentReader {
 public:
  // `offset` is where the record behind `end` begins.
  SegmentReader(std::unique_ptr<File> file, std::uint64_t offset, const ChainEnd& end,
                std::size_t read_bytes);

  Result<RecordRun> Next(const SegmentLimit& limit);
  // Of all that has been read since the beginning.
  std::vector<IndexEntry> TakeIndex() { return std::move(index_); }

 private:
  Result<bool> ReadMore(std::string& bytes, const SegmentLimit& limit);
  void EndRun(RecordRun& run, std::string_view rest, std::string why) const;

  std::unique_ptr<File> file_;
  std::uint64_t offset_;  // of the first byte that was not given out
  ChainEnd end_;
  std::size_t read_bytes_;
  std::string carry_;  // what has been read from there on
  std::vector<IndexEntry> index_;
  RecordDecoder decoder_;
};

}  // namespace nunc
