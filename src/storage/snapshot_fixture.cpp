#include "storage/snapshot_fixture.h"

#include <algorithm>

#include "storage/memory_file_fixture.h"

namespace nunc {
namespace {

bool IsBeginningOf(const StoredDatabase& seen, const StoredDatabase& whole) {
  StoredDatabase cut = whole;
  if (seen.entries.size() > whole.entries.size()) return false;
  cut.entries.resize(seen.entries.size());
  return seen == cut;
}

}  // namespace

EntryState StoredEntry::State() const {
  return {.key = key,
          .value = value,
          .version = version,
          .removed = removed,
          .in_conflict = in_conflict,
          .lifetime = lifetime,
          .revision = revision,
          .removed_at_us = removed_at_us};
}

DatabaseState StoredDatabase::State() const {
  return {.id = id,
          .name = name,
          .strategy = strategy,
          .level = level,
          .arbiter_seen = arbiter_seen,
          .horizon = horizon};
}

StoredSnapshot SmallSnapshot() {
  StoredSnapshot snapshot;
  snapshot.head = {.kind = SnapshotKind::kSnapshot,
                   .cluster = {0x1111111111111111, 0x2222222222222222},
                   .start = {.term = {3},
                             .revision = {9},
                             .time_us = 1'700'000'000'000'000,
                             .chain = 0x3333333333333333},
                   .highest_database = {7},
                   .last_conflict = 1'700'000'000'000,
                   .terms = {{.term = {1}, .last = {4}}, {.term = {3}, .last = {9}}}};
  snapshot.databases = {
      {.id = {1},
       .name = "$admin",
       .level = AckLevel::kDisk,
       .entries =
           {{.key = "color", .value = "blue", .version = 2, .revision = {5}},
            {.key = "size", .value = "", .version = 1, .in_conflict = true, .revision = {8}}}},
      {.id = {7},
       .name = "shop",
       .strategy = Strategy::kArbiter,
       .arbiter_seen = true,
       .horizon = {2},
       .entries = {
           {.key = "gone",
            .version = 4,
            .removed = true,
            .revision = {6},
            .removed_at_us = 1'699'999'999'000'000},
           {.key = "here",
            .value = "ann",
            .lifetime = {.owner = UINT64_MAX, .grace_us = 5'000},
            .revision = {7}},
           {.key = "soon",
            .value = "x",
            .in_conflict = true,
            .lifetime = {.expires_us = 1'700'000'001'000'000, .owner = 2},
            .revision = {8}},
           {.key = "timed", .lifetime = {.expires_us = 1'700'000'002'000'000}, .revision = {9}}}}};
  return snapshot;
}

SnapshotEnd EndOf(const StoredSnapshot& snapshot) {
  const SnapshotPoint& start = snapshot.head.start;
  SnapshotEnd end{.term = start.term,
                  .revision = {start.revision.value + 1},
                  .time_us = start.time_us + 1,
                  .databases = static_cast<std::uint32_t>(snapshot.databases.size())};
  for (const StoredDatabase& database : snapshot.databases) {
    end.entries += database.entries.size();
    end.horizons.push_back({.database = database.id, .horizon = database.horizon});
  }
  return end;
}

std::vector<std::string> RawBlocks(const StoredSnapshot& snapshot, std::size_t block_bytes) {
  std::vector<std::string> blocks;
  BlockBuilder builder(block_bytes);
  for (const StoredDatabase& database : snapshot.databases) {
    if (builder.full()) blocks.push_back(builder.Take());
    builder.Begin(database.State());
    for (const StoredEntry& entry : database.entries) {
      if (builder.full()) blocks.push_back(builder.Take());
      builder.Add(entry.State());
    }
  }
  if (!builder.empty()) blocks.push_back(builder.Take());
  return blocks;
}

std::string FileBytes(const StoredSnapshot& snapshot, const WriteOptions& options) {
  SnapshotEncoder encoder(snapshot.head, options.codec);
  std::string bytes = encoder.head();
  for (const std::string& raw : RawBlocks(snapshot, options.block_bytes)) {
    bytes += encoder.Block(BlockKind::kEntries, raw);
  }
  if (!snapshot.records.empty()) bytes += encoder.Block(BlockKind::kRecords, snapshot.records);
  return bytes + encoder.End(EndOf(snapshot));
}

Result<void> KeepingVisitor::OnDatabase(const DatabaseState& database) {
  seen.databases.push_back({.id = database.id,
                            .name = std::string(database.name),
                            .strategy = database.strategy,
                            .level = database.level,
                            .arbiter_seen = database.arbiter_seen,
                            .horizon = database.horizon});
  return {};
}

Result<void> KeepingVisitor::OnContinued(const DatabaseState& database) {
  ++continued;
  // A block that is read alone.
  if (seen.databases.empty()) return OnDatabase(database);
  if (seen.databases.back().name != database.name) {
    return Fail(Fault::kDamaged, "another database continues");
  }
  return {};
}

Result<void> KeepingVisitor::OnEntry(const EntryState& entry) {
  if (entries_ == entries_max) return Fail(Fault::kNoSpace, "the memory is full");
  ++entries_;
  seen.databases.back().entries.push_back({.key = std::string(entry.key),
                                           .value = std::string(entry.value),
                                           .version = entry.version,
                                           .removed = entry.removed,
                                           .in_conflict = entry.in_conflict,
                                           .lifetime = entry.lifetime,
                                           .revision = entry.revision,
                                           .removed_at_us = entry.removed_at_us});
  return {};
}

Result<void> KeepingVisitor::OnRecords(std::string_view records) {
  seen.records += records;
  return {};
}

ReadBack ReadAll(std::string_view bytes, const SnapshotReadOptions& options, std::size_t step) {
  MemorySource source(bytes, step);
  auto reader = SnapshotReader::Open(source, "the-file");
  if (!reader) return {.seen = {}, .result = tl::unexpected(reader.error())};
  KeepingVisitor visitor;
  visitor.seen.head = reader->head();
  auto result = ReadSnapshot(*reader, visitor, options);
  return {.seen = std::move(visitor.seen), .result = std::move(result)};
}

bool IsBeginningOf(const StoredSnapshot& seen, const StoredSnapshot& whole) {
  if (seen.databases.empty()) return true;
  if (seen.head != whole.head || seen.databases.size() > whole.databases.size()) return false;
  if (!whole.records.starts_with(seen.records)) return false;
  const std::size_t last = seen.databases.size() - 1;
  return std::equal(seen.databases.begin(), seen.databases.end() - 1, whole.databases.begin()) &&
         IsBeginningOf(seen.databases[last], whole.databases[last]);
}

}  // namespace nunc
