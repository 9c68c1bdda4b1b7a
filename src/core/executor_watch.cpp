#include "base/limits.h"
#include "base/planted.h"
#include "core/executor.h"

namespace nunc {

void Executor::Watch(Session& session, const Command& command, Output& output) {
  Database& database = *session.database;
  const std::shared_ptr<WatchingSession> watching = session.WatchingIn(database);
  delivery_.SetNewest(store_.revision());
  Delivery::Begin begin;
  if (!delivery_.Judge(database, command.since, begin)) {
    return RefuseToken(session, command, begin, output);
  }
  // Conflicts are told again as long as they are open: none is left out.
  begin.policy = command.key == kConflictsKey ? WatchPolicy::kLatest : command.policy;
  if (begin.policy == WatchPolicy::kEvery) {
    if (command.every_ms < 1 || command.every_ms > kEveryMsMax) {
      return Error(session, ErrorCode::kEveryRange, output, {}, command.every_ms);
    }
    begin.interval_us = command.every_ms * kUsPerMs;
  }
  watching->admin = watching->admin || session.admin;
  if (IsWatchPattern(command.key) || begin.policy == WatchPolicy::kEvery) {
    return WatchPattern(session, *watching, command, begin, output);
  }
  const std::uint64_t hash = database.Hash(command.key);
  if (database.watches().Add(*watching, command.key, hash, begin.policy) ==
      Watches::Added::kLimit) {
    return Error(session, ErrorCode::kTooManyWatches, output);
  }
  database.watches().RemovePattern(*watching, command.key, /*one_key=*/true);
  // Who asks for all knows what a gap and a `ready` are.
  watching->wants_tokens = watching->wants_tokens || begin.policy == WatchPolicy::kAll;
  if (command.key == kConflictsKey) {
    if (const Refusal refusal = NoteArbiter(database, output); refusal) {
      if (*refusal == ErrorCode::kNotPrimary && options_.forwards) {
        return Forward(session, {.verb = Verb::kArbiter}, output);
      }
      database.watches().Remove(*watching, command.key, hash);
      return Error(session, *refusal, output, primary_);
    }
  }
  Ok(session, output);
  delivery_.BeginKey(watching, command.key, begin, output);
}

void Executor::WatchPattern(const Session& session, WatchingSession& watching,
                            const Command& command, Delivery::Begin begin, Output& output) {
  // With an interval also one key is watched so.
  const bool one_key = !IsWatchPattern(command.key);
  const std::string_view prefix = command.key.substr(0, command.key.size() - (one_key ? 0 : 1));
  Watches& watches = watching.database().watches();
  const std::shared_ptr<PatternWatch> watch = watches.AddPattern(watching, prefix, one_key);
  if (watch == nullptr) {
    return Error(session, ErrorCode::kTooManyWatches, output);
  }
  if (one_key) {
    watches.Remove(watching, prefix, watching.database().Hash(prefix));
    delivery_.Unwatch(watching, prefix);
  }
  watch->silent = false;
  delivery_.BeginPattern(watch, begin);
  Ok(session, output);
}

void Executor::Unwatch(Session& session, const Command& command, Output& output) {
  Database& database = *session.database;
  if (const auto watching = session.FindWatching(database); watching != nullptr) {
    if (Planted(Bug::kWatchNotEnded) && command.verb == Verb::kUnwatch) {
      return Ok(session, output);
    }
    if (command.verb == Verb::kUnwatchAll) {
      database.watches().RemoveAll(*watching);
      delivery_.Unwatch(*watching, {});
    } else if (IsWatchPattern(command.key)) {
      database.watches().RemovePattern(*watching, command.key.substr(0, command.key.size() - 1));
    } else {
      database.watches().Remove(*watching, command.key, database.Hash(command.key));
      database.watches().RemovePattern(*watching, command.key, /*one_key=*/true);
      delivery_.Unwatch(*watching, command.key);
    }
  }
  Ok(session, output);
}

}  // namespace nunc
