// What a segment of the op log begins with, and how the files of the op log are named.
//
// Shape:   `oplog-` and the 20 digits of its first revision, so byte order of the names is the
// order
//          of the log; `.idx` behind it: its sparse index. `spare-N`: a file that waits to become a
//          segment. What ends in `.tmp` was being made and is of no use after a stop.
// Errors:  kDamaged: not a header, or not as it was written. kInvalid: a whole header of a newer
//          version of the format, which this program must not touch.
// Source:  docs/formats.md (segment); docs/cluster.md §4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/ids.h"

namespace nunc {

inline constexpr std::size_t kSegmentHeaderBytes = 128;
// A header of a later version may be longer, but not than this.
inline constexpr std::size_t kSegmentHeaderBytesMax = 4096;
inline constexpr std::uint32_t kSegmentVersion = 1;

struct SegmentHeader {
  ClusterId cluster{};
  Revision first{};
  Term first_term{};
  std::int64_t first_time_us = 0;
  std::uint64_t previous_checksum = 0;  // of the record before the first one; 0: there is none
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

std::string EncodeSegmentHeader(const SegmentHeader& header);
// `bytes`: the first kSegmentHeaderBytesMax of the file, or all it has.
Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);
// A file that begins so was never a segment: neither one whose header is whole or damaged further
// on, nor one whose header never reached the disk, which has zeros there.
bool IsForeign(std::string_view bytes);

std::string SegmentName(Revision first);
std::string IndexName(Revision first);
std::string SpareName(std::uint64_t number);
// What was taken back when `by` began: as a segment, whose first record has that revision.
std::string RewoundName(Term by, Revision first);
std::string UnfinishedSpareName(std::uint64_t number);
// A segment that is being written anew at a start.
inline constexpr std::string_view kUnfinishedSegmentName = "oplog.tmp";

enum class LogFileKind : std::uint8_t { kSegment, kIndex, kSpare, kUnfinished };

struct LogFileName {
  LogFileKind kind = LogFileKind::kSegment;
  std::uint64_t number = 0;  // first revision, or of the spare
};

// Nothing for a name that is not one of the above.
std::optional<LogFileName> ParseLogFileName(std::string_view name);

}  // namespace nunc
