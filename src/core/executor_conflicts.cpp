#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/planted.h"
#include "core/executor.h"
#include "core/form.h"

namespace nunc {
namespace {

constexpr std::size_t kClosingBytesPerRecord = std::size_t{1} << 20;
constexpr std::size_t kBytesPerRemoval = 32;  // beside the key

// Of the records that remove these keys.
template <class Keys>
std::size_t RemovalBytes(const Keys& keys) {
  std::size_t bytes = kRecordBytesAround;
  for (const std::string& key : keys) {
    bytes += key.size() + kBytesPerRemoval;
  }
  return bytes + bytes / kClosingBytesPerRecord * kRecordBytesAround;
}

}  // namespace

// A write whose version is behind the stored one, or on a key that waits for a decision.
void Executor::HandleConflict(Session& session, const Command& command, Entry* existing,
                              Output& output) {
  switch (session.database->strategy()) {
    case Strategy::kNone:
      return Error(session, ErrorCode::kInvalidVersion, output);
    case Strategy::kNewer: {
      if (existing->version() == std::numeric_limits<std::uint32_t>::max()) {
        return Error(session, ErrorCode::kVersionLimit, output);
      }
      // One primary takes all writes in one order, so the one that arrives is the newer one.
      const std::uint32_t version = existing->version() + 1;
      WriteAndAnnounce(Locate(*session.database, command.key),
                       {.value = command.value, .version = version}, output);
      return Ok(session, output, version);
    }
    case Strategy::kArbiter:
      if (IsSecureKey(command.key) || transactions_.plan != nullptr) {
        // Arbiters are ordinary sessions: they may neither read a secret nor decide on it. And a
        // transaction is done as a whole or not at all.
        return Error(session, ErrorCode::kInvalidVersion, output);
      }
      return QueueConflict(session, command, existing, output);
  }
}

void Executor::QueueConflict(Session& session, const Command& command, Entry* existing,
                             Output& output) {
  Database& database = *session.database;
  if (!database.conflicts().arbiter_seen()) {
    return Error(session, ErrorCode::kNoArbiter, output);
  }
  last_conflict_.value = std::max(last_conflict_.value + 1, now_.wall_us * 1000);
  const ConflictId id = last_conflict_;
  const std::deque<ConflictId>& open = database.conflicts().OpenOf(command.key);
  // `resolve ID DB VERSION KEY REFERENCE NEW`: the reference is the stored value, or the conflict
  // that must be decided before this one.
  const bool first = open.empty();
  const std::int64_t version =
      first ? std::int64_t{existing->version()}
            : command.version.value_or(-1) + static_cast<std::int64_t>(open.size());
  std::string message = "resolve " + std::to_string(id.value) + ' ' + database.name() + ' ' +
                        std::to_string(version) + ' ';
  message.append(command.key).append(" ");
  message.append(first ? std::string(existing->value()) : ConflictKey(command.key, open.back()));
  message.append(" ").append(command.value);
  if (message.size() > kConflictBytesMax) {
    return Error(session, ErrorCode::kConflictTooLong, output);
  }
  if (!recorder_.HasRoom(message.size() + 2 * command.key.size() + kRecordBytesAround)) {
    return Error(session, ErrorCode::kDiskFull, output);
  }
  if (!database.conflicts().Open(command.key, id)) {
    return Error(session, ErrorCode::kTooManyConflicts, output);
  }
  const Store::Stamp stamp = recorder_.For(database, output);
  if (!Planted(Bug::kMarkNotLogged)) {
    output.record_items.push_back({.type = RecordType::kMark,
                                   .key = existing->key(),
                                   .version = existing->version(),
                                   .in_conflict = true,
                                   .previous = existing->revision()});
  }
  database.Mark(existing);
  const std::string_view conflict_key = output.Keep(ConflictKey(command.key, id));
  const Place place = Locate(database, conflict_key);
  const Entry* queued = WriteKey(place, {.value = message}, output);
  // Arbiters first, then who watches the queue entry, then the writer.
  Announce(database, database.Hash(kConflictsKey),
           {.kind = ChangeKind::kConflict,
            .key = conflict_key,
            .value = queued->value(),
            .newer_at = message.size() - command.value.size()},
           stamp.revision, output);
  Announce(database, place.hash, Delivery::ChangeOf(*queued), stamp.revision, output);
  Error(session, ErrorCode::kConflictUnresolved, output, conflict_key);
}

void Executor::Arbiter(Session& session, const Command& command, Output& output) {
  Database& database = *session.database;
  WatchingSession& watching = *session.WatchingIn(database);
  const std::uint64_t hash = database.Hash(kConflictsKey);
  // One of another node is told there.
  if (!session.stands_in &&
      database.watches().Add(watching, kConflictsKey, hash) == Watches::Added::kLimit) {
    return Error(session, ErrorCode::kTooManyWatches, output);
  }
  if (follows_ && options_.forwards &&
      !(database.conflicts().arbiter_seen() && database.conflicts().closed().empty())) {
    delivery_.ReplayConflicts(database, watching, output);
    return Forward(session, command, output);
  }
  if (const Refusal refusal = NoteArbiter(database, output); refusal) {
    database.watches().Remove(watching, kConflictsKey, hash);
    return Error(session, *refusal, output, primary_);
  }
  if (!follows_ && recorder_.HasRoom(RemovalBytes(database.conflicts().closed()))) {
    RemoveConflictKeys(database, database.conflicts().TakeClosed(), output);
  }
  if (!session.stands_in) {
    delivery_.ReplayConflicts(database, watching, output);
  }
  Ok(session, output);
}

// From now on conflicts are queued, also after a restart before an arbiter is back.
Executor::Refusal Executor::NoteArbiter(Database& database, Output& output) {
  if (database.conflicts().arbiter_seen()) {
    return std::nullopt;
  }
  if (follows_ || !recorder_.HasRoom(kRecordBytesAround)) {
    return follows_ ? ErrorCode::kNotPrimary : ErrorCode::kDiskFull;
  }
  const Store::Stamp stamp =
      recorder_.New({.type = RecordType::kArbiter, .database = database.id()}, output);
  store_.NoteArbiter(database);
  recorder_.Need(Delivery::NeededFor(database, kConflictsKey, stamp.revision));
  recorder_.Close();
  return std::nullopt;
}

// Removing a key decides its conflicts: nothing is left to merge with.
bool Executor::ForgetConflicts(Database& database, std::string_view key, Output& output) {
  std::vector<std::string> queued;
  for (const ConflictId id : database.conflicts().OpenOf(key)) {
    queued.push_back(ConflictKey(key, id));
  }
  if (!recorder_.HasRoom(RemovalBytes(queued) + key.size())) {
    return false;
  }
  database.conflicts().Forget(key);
  RemoveConflictKeys(database, queued, output);
  return true;
}

void Executor::RemoveConflictKeys(Database& database, const std::vector<std::string>& keys,
                                  Output& output) {
  std::size_t bytes = 0;
  for (const std::string& key : keys) {
    const Place place = Locate(database, output.Keep(key));
    if (place.existing == nullptr) {
      continue;
    }
    RemoveAndAnnounce(place, output);
    bytes += key.size();
    if (bytes > kClosingBytesPerRecord) {
      recorder_.Close();
      bytes = 0;
    }
  }
}

void Executor::Resolve(Session& session, const Command& command, Output& output) {
  Database* database = session.database;
  if (session.admin) {
    database = FindNamed(command.name);
    if (database == nullptr) {
      return Error(session, ErrorCode::kUnknownDatabase, output);
    }
  }
  // One error for every lack of rights, not the usual ones: the JavaScript client waits for no
  // answer to resolve, and would take those texts for the answer to another call.
  const bool allowed = session.admin || (database != nullptr && session.is_arbiter() &&
                                         Permits(session, Permission::kWrite, command.key));
  if (!allowed) {
    return Error(session, ErrorCode::kNotArbiter, output);
  }
  if (const std::optional<ErrorCode> refusal = CheckVersion(command); refusal) {
    return Error(session, *refusal, output);
  }
  // Only a key with an open conflict passes, so no `$$` key and no other key can be written here.
  const std::deque<ConflictId>& open = database->conflicts().OpenOf(command.key);
  if (std::find(open.begin(), open.end(), command.conflict) == open.end()) {
    return Error(session, ErrorCode::kConflictNotOpen, output,
                 output.Keep(ConflictKey(command.key, command.conflict)));
  }
  if (!(open.front() == command.conflict)) {
    return Error(session, ErrorCode::kConflictNotFirst, output,
                 output.Keep(ConflictKey(command.key, open.front())));
  }
  Decide(*database, command, output);
  Ok(session, output);
}

void Executor::Decide(Database& database, const Command& command, Output& output) {
  Conflicts& conflicts = database.conflicts();
  const Place queued = Locate(database, output.Keep(ConflictKey(command.key, command.conflict)));
  CHECK(queued.existing != nullptr);
  const std::string decided = std::string(kDecidedPrefix).append(command.value);
  WriteAndAnnounce(queued, {.value = decided, .version = queued.existing->version() + 1}, output);
  if (2 * command.value.size() > kConflictBytesMax) {
    recorder_.Close();  // twice the value is more than a record holds; both are in one write all
                        // the same
  }
  const Place place = Locate(database, command.key);
  CHECK(place.existing != nullptr);
  conflicts.CloseOldest(command.key);
  if (!conflicts.OpenOf(command.key).empty()) {
    WriteAndAnnounce(
        place, {.value = command.value, .version = place.existing->version(), .in_conflict = true},
        output);
  } else {
    const auto version = static_cast<std::uint32_t>(command.version.value_or(-1) + 1);
    WriteAndAnnounce(place, {.value = command.value, .version = version}, output);
  }
  if (std::optional<std::string> oldest = conflicts.TakeOneClosedOverLimit(); oldest) {
    RemoveConflictKeys(database, {std::move(*oldest)}, output);
  }
}

}  // namespace nunc
