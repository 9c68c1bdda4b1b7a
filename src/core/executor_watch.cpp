#include "core/executor.h"
#include "core/permissions.h"

namespace nunc {

void Executor::Keys(Session& session, const Command& command, Output& output) {
  const std::string_view pattern = command.key;
  NeedListing(*session.database);
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
  WatchingSession& watching = WatchingIn(session, database);
  const std::uint64_t hash = database.Hash(command.key);
  if (database.watches().Add(watching, command.key, hash) == Watches::Added::kLimit) {
    return Error(session, ErrorCode::kTooManyWatches, output);
  }
  if (command.key == kConflictsKey && !NoteArbiter(database, output)) {
    database.watches().Remove(watching, command.key, hash);
    return Error(session, ErrorCode::kDiskFull, output);
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
