// What is known of an op log between finding it on the disk and writing to it.
//
// Source:  docs/cluster.md §4; docs/formats.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/ids.h"
#include "env/disk.h"
#include "storage/oplog_index.h"
#include "storage/record.h"
#include "storage/segment.h"

namespace nunc {

inline constexpr std::uint64_t kSegmentBytesDefault = std::uint64_t{64} << 20;
// Files that wait to become segments; more are removed.
inline constexpr std::size_t kSparesMax = 2;

struct LogOptions {
  ClusterId cluster{};
  // A record that does not fit an empty segment of this size gets a larger one.
  std::uint64_t segment_bytes = kSegmentBytesDefault;
};

struct SegmentInfo {
  Revision first{};
  Revision last{};                 // the one before `first`: no record yet
  std::int64_t first_time_us = 0;  // of its first record, as its header says
  std::uint64_t used_bytes = 0;    // the records end here or, in an older segment, before
  std::uint64_t file_bytes = 0;
};

struct SpareFile {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
};

// A log that is whole and on the medium.
struct LogState {
  std::vector<SegmentInfo> segments;  // at least one; records are added to the last
  ChainEnd end;
  std::vector<IndexEntry> index{};  // of the last segment
  std::vector<SpareFile> spares;
  std::uint64_t next_spare = 0;  // no file has this number or a higher one
};

// What stands behind the last record of a segment that is new or has been cut: whatever the file
// held before does not go on there.
inline constexpr std::size_t kEndMarkBytes = 8;

struct LogFiles {
  std::vector<SegmentInfo> segments;  // name and size alone, by name
  std::vector<Revision> indexes;
  std::vector<SpareFile> spares;
  std::vector<std::string> unfinished;
  std::uint64_t next_spare = 0;
};

Result<LogFiles> ListLogFiles(Disk& disk);

// The error with the file's name before it.
tl::unexpected<Error> NamedError(const Disk& disk, std::string_view name, const Error& error);

// The header of the segment with this name; kDamaged also when it is another segment's, kInvalid
// when it is another cluster's.
Result<SegmentHeader> ReadSegmentHeader(File& file, Revision first, const ClusterId& cluster);

// An empty or used file of at least so many bytes, named kUnfinishedSegmentName: one that an
// interrupted start has left, a spare, which leaves `files`, or a new one.
Result<std::unique_ptr<File>> OpenFreshSegment(Disk& disk, std::uint64_t bytes, LogFiles& files);
// Ends it behind `used_bytes` and gives it the name of the segment; how large it is.
Result<std::uint64_t> PublishSegment(Disk& disk, File& file, std::uint64_t used_bytes,
                                     Revision first);

// One without records that goes on behind `start`.
Result<SegmentInfo> WriteEmptySegment(Disk& disk, const LogOptions& options, const ChainEnd& start,
                                      LogFiles& files);

// Removes it if it is there.
Result<void> RemoveIfThere(Disk& disk, std::string_view name);

// Not synced: it is a help, and may be missing.
Result<void> WriteIndexFile(Disk& disk, Revision first, std::span<const IndexEntry> index);

// A log without records in a folder that has none, to go on behind `start`: the first start of a
// node, or the arrival of a whole state from elsewhere.
Result<LogState> CreateLog(Disk& disk, const LogOptions& options, const ChainEnd& start);

}  // namespace nunc
