#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "core/executor.h"

namespace nunc {

ConflictId Executor::NextConflictId() {
  last_conflict_.value = std::max(last_conflict_.value + 1, now_.wall_us * 1000);
  return last_conflict_;
}

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
      StoreAndAnnounce(Locate(*session.database, command.key),
                       {.value = command.value, .version = version}, output);
      return Ok(session, output);
    }
    case Strategy::kArbiter:
      if (IsSecureKey(command.key)) {
        // Arbiters are ordinary sessions: they may neither read a secret nor decide on it.
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
  const ConflictId id = NextConflictId();
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
  if (!database.conflicts().Open(command.key, id)) {
    return Error(session, ErrorCode::kTooManyConflicts, output);
  }
  existing->set_in_conflict(true);
  const std::string_view conflict_key = output.Keep(ConflictKey(command.key, id));
  const Place place = Locate(database, conflict_key);
  const Entry* queued = Store(place, {.value = message});
  // Arbiters first, then who watches the queue entry, then the writer.
  Announce(database, database.Hash(kConflictsKey),
           {.kind = ChangeKind::kConflict, .key = conflict_key, .value = queued->value()}, output);
  Announce(database, place.hash, ChangeOf(*queued), output);
  Error(session, ErrorCode::kConflictUnresolved, output, conflict_key);
}

void Executor::Arbiter(Session& session, Output& output) {
  Database& database = *session.database;
  WatchingSession& watching = WatchingIn(session, database);
  if (database.watches().Add(watching, kConflictsKey, database.Hash(kConflictsKey)) ==
      Watches::Added::kLimit) {
    return Error(session, ErrorCode::kTooManyWatches, output);
  }
  database.conflicts().set_arbiter_seen();
  RemoveConflictKeys(database, database.conflicts().TakeClosed(), output);
  ReplayConflicts(database, watching, output);
  Ok(session, output);
}

bool Executor::IsArbiter(const Session& session, Database& database) {
  const WatchingSession* watching = FindWatching(session, database);
  return watching != nullptr &&
         database.watches().Contains(*watching, kConflictsKey, database.Hash(kConflictsKey));
}

// All open conflicts of the database, to this one session.
std::size_t Executor::ReplayConflicts(Database& database, const WatchingSession& watching,
                                      Output& output) {
  std::size_t bytes = 0;
  for (const std::string& key : database.conflicts().OpenConflictKeys()) {
    const Entry* entry = database.Find(key);
    CHECK(entry != nullptr);
    output.items.emplace_back(Change{.kind = ChangeKind::kConflict,
                                     .key = entry->key(),
                                     .value = entry->value(),
                                     .first = output.targets.size(),
                                     .count = 1});
    output.targets.push_back(watching.id());
    bytes += entry->key().size() + entry->value().size();
  }
  return bytes;
}

void Executor::RemoveConflictKeys(Database& database, const std::vector<std::string>& keys,
                                  Output& output) {
  for (const std::string& key : keys) {
    const Place place = Locate(database, output.Keep(key));
    if (place.existing != nullptr) {
      RemoveAndAnnounce(place, output);
    }
  }
}

void Executor::Resolve(Session& session, const Command& command, Output& output) {
  Database* database = session.database;
  if (session.admin) {
    const auto found = databases_.find(command.name);
    if (found == databases_.end()) {
      return Error(session, ErrorCode::kUnknownDatabase, output);
    }
    database = found->second.get();
  }
  // One error for every lack of rights, not the usual ones: the JavaScript client waits for no
  // answer to resolve, and would take those texts for the answer to another call.
  const bool allowed = session.admin || (database != nullptr && IsArbiter(session, *database) &&
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
  const std::string decided = std::string("resolved ").append(command.value);
  StoreAndAnnounce(queued, {.value = decided, .version = queued.existing->version() + 1}, output);
  const Place place = Locate(database, command.key);
  CHECK(place.existing != nullptr);
  conflicts.CloseOldest(command.key);
  if (!conflicts.OpenOf(command.key).empty()) {
    StoreAndAnnounce(
        place, {.value = command.value, .version = place.existing->version(), .in_conflict = true},
        output);
  } else {
    const auto version = static_cast<std::uint32_t>(command.version.value_or(-1) + 1);
    StoreAndAnnounce(place, {.value = command.value, .version = version}, output);
  }
  RemoveConflictKeys(database, conflicts.TakeClosedOverLimit(), output);
}

}  // namespace nunc
