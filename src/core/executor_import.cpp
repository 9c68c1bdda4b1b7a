#include <algorithm>
#include <limits>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/utf8.h"
#include "core/executor.h"
#include "core/form.h"

namespace nunc {
namespace {

// Fields of one item of a batch. A conflict's key may bring a mark of the key that it is about.
constexpr std::size_t kBytesPerItem = 48;
// The key of a conflict is a key with a prefix and an id around it.
constexpr std::size_t kConflictKeyBytesAround = 32;
// Ids are nanoseconds since 1970; beyond that none could follow.
constexpr std::int64_t kConflictIdMax = std::numeric_limits<std::int64_t>::max() / 2;

bool HasTwice(std::span<const EntryState> entries) {
  std::vector<std::string_view> keys;
  keys.reserve(entries.size());
  for (const EntryState& entry : entries) {
    keys.push_back(entry.key);
  }
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

std::optional<ErrorCode> CheckEntry(const EntryState& entry, std::size_t value_bytes_max) {
  const bool conflict = entry.key.starts_with(kConflictKeyPrefix);
  if (const std::optional<ErrorCode> refusal =
          CheckKey(entry.key, kKeyBytesMax + (conflict ? kConflictKeyBytesAround : 0));
      refusal) {
    return refusal;
  }
  if (entry.value.size() > (conflict ? kConflictBytesMax : value_bytes_max)) {
    return ErrorCode::kValueTooLong;
  }
  const std::optional<ConflictName> name = ParseConflictKey(entry.key);
  const bool good = entry.key != kConnectionsKey && entry.key != kConflictsKey &&
                    (entry.key != kTokenKey || !entry.value.empty()) &&
                    (!name || name->id.value <= kConflictIdMax) &&
                    (entry.lifetime.empty() || MayEnd(entry.key)) && IsValidUtf8(entry.key) &&
                    IsValidUtf8(entry.value);
  return good ? std::nullopt : std::optional(ErrorCode::kBadImport);
}

}  // namespace

std::optional<ErrorCode> Executor::CheckImport(const Database* database,
                                               std::span<const EntryState> entries) const {
  if (entries.size() > kImportEntriesMax || HasTwice(entries)) {
    return ErrorCode::kBadImport;
  }
  std::size_t bytes = kRecordBytesAround;
  for (const EntryState& entry : entries) {
    if (const std::optional<ErrorCode> refusal = CheckEntry(entry, options_.value_bytes_max);
        refusal) {
      return refusal;
    }
    // What is there may be in conflict, or shown by an item of this very record.
    if (database != nullptr && entry.key != kTokenKey && database->Find(entry.key) != nullptr) {
      return ErrorCode::kBadImport;
    }
    const bool conflict = entry.key.starts_with(kConflictKeyPrefix);
    bytes += (conflict ? 2 : 1) * (entry.key.size() + kBytesPerItem) + entry.value.size();
  }
  // One record, all or nothing.
  if (bytes > kRecordBytesMax) {
    return ErrorCode::kBadImport;
  }
  if (!recorder_.HasRoom(bytes + kRecordBytesAround)) {
    return ErrorCode::kDiskFull;
  }
  return store_.entry_bytes() + bytes > options_.memory_bytes_max
             ? std::optional(ErrorCode::kMemoryFull)
             : std::nullopt;
}

// The first part makes the database; what an import that was broken off has left goes away.
std::optional<ErrorCode> Executor::BeginImport(const Imported& imported, Output& output) {
  if (Database* there = store_.Find(imported.name); there != nullptr) {
    recorder_.Need(there->secure_revision());
    if (!there->is_unfinished()) {
      return ErrorCode::kDatabaseExists;
    }
    Drop(*there, output);
  }
  if (const std::optional<ErrorCode> refusal = CheckNewDatabase(imported.name); refusal) {
    return refusal;
  }
  CreateDatabase({.name = imported.name,
                  .token = {},
                  .strategy = imported.state.strategy,
                  .level = imported.state.level},
                 output);
  return imported.state.arbiter_seen ? NoteArbiter(*store_.Find(imported.name), output)
                                     : std::nullopt;
}

std::optional<ErrorCode> Executor::ContinueImport(const Imported& imported, Output& output) {
  Database* database = FindNamed(imported.name);
  if (database == nullptr || database->id() != imported.id) {
    return ErrorCode::kUnknownDatabase;
  }
  recorder_.Need(database->secure_revision());
  if (!database->is_unfinished()) {
    return ErrorCode::kDatabaseExists;
  }
  if (imported.gives_up) {
    if (!recorder_.HasRoom(kRecordBytesAround)) {
      return ErrorCode::kDiskFull;
    }
    Drop(*database, output);
    return std::nullopt;
  }
  return CheckImport(database, imported.entries);
}

void Executor::Import(SessionId id, const Imported& imported, Output& output) {
  const Session* session = SessionOf(id);
  if (session == nullptr) {
    return;
  }
  recorder_.Begin(*session);
  std::optional<ErrorCode> refusal;
  if (imported.unreadable) {
    refusal = ErrorCode::kBadImport;
  } else if (follows_) {
    refusal = ErrorCode::kNotPrimary;
  } else if (imported.begins) {
    refusal = CheckImport(nullptr, imported.entries);
    refusal = refusal ? refusal : BeginImport(imported, output);
  } else {
    refusal = ContinueImport(imported, output);
  }
  if (refusal) {
    Error(*session, *refusal, output,
          *refusal == ErrorCode::kNotPrimary ? std::string_view(primary_) : imported.name,
          LimitOf(*refusal));
    return recorder_.Finish(output);
  }
  Database* database = store_.Find(imported.name);
  for (const EntryState& entry : imported.entries) {
    Lifetime lifetime = entry.lifetime;
    if (lifetime.owner != 0 && lifetime.expires_us == 0) {
      // Its session is another server's: it has ended here before it began.
      lifetime.expires_us = store_.lifetimes().log_now_us() + lifetime.grace_us;
    }
    WriteAndAnnounce(Locate(*database, entry.key),
                     {.value = entry.value, .version = entry.version, .lifetime = lifetime},
                     output);
    ImportConflict(*database, entry, output);
  }
  Ok(*session, output);
  if (database != nullptr) {
    std::get_if<Reply>(&output.items.back())->number = database->id().value;
  }
  recorder_.Finish(output);
}

// The queue follows from its entries, here as at a start: one that is not decided is open if its
// key is there, which then waits for the decision.
void Executor::ImportConflict(Database& database, const EntryState& entry, Output& output) {
  const std::optional<ConflictName> conflict = ParseConflictKey(entry.key);
  if (!conflict) {
    return;
  }
  last_conflict_ = std::max(last_conflict_, conflict->id);
  const Place place = Locate(database, conflict->key);
  if (entry.value.starts_with(kDecidedPrefix) || place.existing == nullptr) {
    database.conflicts().LoadClosed(entry.key);
    return;
  }
  database.conflicts().LoadOpen(conflict->key, conflict->id);
  if (!place.existing->in_conflict()) {
    recorder_.For(database, output);
    database.Mark(place.existing);
    output.record_items.push_back({.type = RecordType::kMark,
                                   .key = place.existing->key(),
                                   .version = place.existing->version(),
                                   .in_conflict = true,
                                   .previous = place.previous});
  }
}

}  // namespace nunc
