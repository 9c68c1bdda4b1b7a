#include "core/executor.h"
#include "core/permissions.h"

namespace nunc {

void Executor::Keys(Session& session, const Command& command, Output& output) {
  const std::string_view pattern = command.key;
  if (session.database->level() == AckLevel::kDisk) {
    Need(session.database->newest_revision());
  }
  const std::string_view prefix = PatternPrefix(pattern);  // all that can bound the walk
  for (KeyOrder::Cursor cursor = session.database->Seek(prefix); !cursor.at_end();
       cursor.Advance()) {
    const std::string_view key = cursor.entry()->key();
    if (!key.starts_with(prefix)) {
      break;
    }
    if (MatchesPattern(key, pattern) && (session.admin || !IsSecureKey(key))) {
      output.rows.push_back({.name = key});
    }
  }
  Data(session, {.kind = ReplyKind::kKeys}, output);
  Ok(session, output);
}

void Executor::Watch(Session& session, const Command& command, Output& output) {
  Database& database = *session.database;
  // While nobody watched anything, changes that are not to be seen yet were not kept for later.
  const bool unheard = database.watches().size() == 0;
  const Watches::Added added = database.watches().Add(WatchingIn(session, database), command.key,
                                                      database.Hash(command.key));
  if (added == Watches::Added::kLimit) {
    return Error(session, ErrorCode::kTooManyWatches, output);
  }
  if (command.key == kConflictsKey) {
    NoteArbiter(database, output);
  }
  const Entry* entry = database.FindAny(command.key, database.Hash(command.key));
  if (unheard && entry != nullptr) {
    const Change change = entry->is_tombstone()
                              ? Change{.kind = ChangeKind::kRemoved, .key = entry->key()}
                              : ChangeOf(*entry);
    if (NeededFor(database, command.key, entry->revision()) > durable_) {
      Announce(database, database.Hash(command.key), change, entry->revision(), output);
    }
  }
  Ok(session, output);
}

void Executor::Unwatch(Session& session, const Command& command, Output& output) {
  Database& database = *session.database;
  if (WatchingSession* watching = FindWatching(session, database); watching != nullptr) {
    database.watches().Remove(*watching, command.key, database.Hash(command.key));
  }
  Ok(session, output);
}

void Executor::UnwatchAll(Session& session, Output& output) {
  Database& database = *session.database;
  if (WatchingSession* watching = FindWatching(session, database); watching != nullptr) {
    database.watches().RemoveAll(*watching);
  }
  Ok(session, output);
}

}  // namespace nunc
