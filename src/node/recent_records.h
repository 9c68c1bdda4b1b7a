// The newest records as they stand in the log, for nodes that are close behind: what they are sent
// is not read from the disk.
//
// Shape:   whole records in chunks; a run is never longer than its chunk.
// Units:   bytes of records.
// Limits:  kRecentRecordsBytesMax: beyond it the oldest chunk goes, and its records are read from
//          the log.
// Owner:   ClusterDriver; loop thread only. What From gives holds until the next change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/position.h"

namespace nunc {

// Records of one term that follow each other.
struct RecordBytes {
  std::string_view bytes{};
  std::uint64_t count = 0;
  Term term{};
  Revision last{};
};

class RecentRecords {
 public:
  // What was here ends right before them.
  void Append(std::string_view records);
  // What is beyond the limit goes: it must be in the log by then.
  void Trim();
  void CutTo(Revision last);

  // From that record on, none beyond `last`, at most `bytes_max` but at least one. Nothing: the
  // record is not here any more.
  [[nodiscard]] std::optional<RecordBytes> From(Revision first, Revision last,
                                                std::size_t bytes_max) const;
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kChunkBytes = std::size_t{256} << 10;

  struct Chunk {
    Revision first{};
    Revision last{};
    std::string bytes{};
  };

  std::deque<Chunk> chunks_;
  std::size_t bytes_ = 0;
};

// Of whole records: those from `first` on that are of one term, as RecentRecords::From.
RecordBytes TakeRun(std::string_view records, Revision first, Revision last, std::size_t bytes_max);

}  // namespace nunc
