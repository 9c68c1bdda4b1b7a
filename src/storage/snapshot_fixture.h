// Small snapshots for tests: what is in one, written and read back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/snapshot_reader.h"
#include "storage/snapshot_writer.h"

namespace nunc {

// The states own what they show.
struct StoredEntry {
  std::string key{};
  std::string value{};
  std::uint32_t version = 0;
  bool removed = false;
  bool in_conflict = false;
  Lifetime lifetime{};
  Revision revision{};
  std::int64_t removed_at_us = 0;
  friend bool operator==(const StoredEntry&, const StoredEntry&) = default;

  [[nodiscard]] EntryState State() const;
};

struct StoredDatabase {
  DatabaseId id{};
  std::string name{};
  Strategy strategy = Strategy::kNone;
  AckLevel level = AckLevel::kWritten;
  bool arbiter_seen = false;
  Revision horizon{};
  std::vector<StoredEntry> entries{};
  friend bool operator==(const StoredDatabase&, const StoredDatabase&) = default;

  [[nodiscard]] DatabaseState State() const;
};

struct StoredSnapshot {
  SnapshotHead head{};
  std::vector<StoredDatabase> databases{};
  std::string records{};
  friend bool operator==(const StoredSnapshot&, const StoredSnapshot&) = default;
};

// A snapshot with two databases and one entry of each kind.
StoredSnapshot SmallSnapshot();
// The end that belongs to it.
SnapshotEnd EndOf(const StoredSnapshot& snapshot);

struct WriteOptions {
  BlockCodec codec = BlockCodec::kStored;
  std::size_t block_bytes = kBlockTargetBytes;
};

// Its blocks of entries.
std::vector<std::string> RawBlocks(const StoredSnapshot& snapshot, std::size_t block_bytes);
std::string FileBytes(const StoredSnapshot& snapshot, const WriteOptions& options = {});

class KeepingVisitor : public SnapshotVisitor {
 public:
  Result<void> OnDatabase(const DatabaseState& database) override;
  Result<void> OnContinued(const DatabaseState& database) override;
  Result<void> OnEntry(const EntryState& entry) override;
  Result<void> OnRecords(std::string_view records) override;

  // At this many entries it refuses the next.
  std::size_t entries_max = SIZE_MAX;
  std::size_t continued = 0;
  StoredSnapshot seen;

 private:
  std::size_t entries_ = 0;
};

// All that `bytes` hold, and what came of reading them.
struct ReadBack {
  StoredSnapshot seen;
  Result<SnapshotSummary> result;
};
ReadBack ReadAll(std::string_view bytes, const SnapshotReadOptions& options = {},
                 std::size_t step = SIZE_MAX);

// What was told before an error must be the beginning of the truth.
bool IsBeginningOf(const StoredSnapshot& seen, const StoredSnapshot& whole);

}  // namespace nunc
