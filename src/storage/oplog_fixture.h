// An op log in memory for tests: written, stopped, found again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/faulty_disk_fixture.h"
#include "storage/oplog.h"
#include "storage/oplog_recovery.h"

namespace nunc {

inline constexpr LogOptions kSmallLog{.cluster = {11, 12}, .segment_bytes = 1024};

// What a start found.
struct Found {
  std::vector<std::string> records;  // Describe of each
  LogState state;
  std::optional<CutTail> cut;
};

Result<Found> Find(FaultyDisk& disk, const ScanOptions& options);
// The log of SmallLog from its beginning, with this durable mark.
Result<Found> Find(FaultyDisk& disk, std::uint64_t durable);

// Where the log begins after cleaning, as its first segment says.
Result<ChainEnd> BeginningOf(FaultyDisk& disk);

// A node that writes SET records `key-N` with the value `value-N`.
class Writer {
 public:
  // The log that is there or, in an empty folder, a new one.
  static Result<std::unique_ptr<Writer>> Start(FaultyDisk& disk, const LogOptions& options,
                                               std::uint64_t durable = 0);

  Result<void> Append(std::size_t records);
  Result<void> AppendValue(std::string_view value);
  Result<void> Sync();
  // Both, one record at a time.
  Result<void> AppendSynced(std::size_t records);
  Result<void> MakeSpare();
  OpLog& log() { return *log_; }

 private:
  std::unique_ptr<OpLog> log_;
};

// Describe of the record that a Writer makes at that revision.
std::string Written(std::uint64_t revision);
// Whether the records are those of a Writer, from `first` on.
bool AreWritten(const std::vector<std::string>& records, std::uint64_t first);

}  // namespace nunc
