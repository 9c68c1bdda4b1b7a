// `explain`, `wait` and `delivered`: how far a key, a token and a change have come.
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "core/executor.h"

namespace nunc {
namespace {

std::string NameOf(WatchPolicy policy, std::int64_t interval_us) {
  if (policy == WatchPolicy::kEvery) {
    return "every " + std::to_string(interval_us / kUsPerMs);
  }
  return policy == WatchPolicy::kAll ? "all" : "latest";
}

std::string_view NameOf(Writer writer) {
  switch (writer) {
    case Writer::kServer:
      return "server";
    case Writer::kToken:
      return "token";
    case Writer::kAdmin:
      return "admin";
    case Writer::kUser:
      return "user";
    case Writer::kUnknown:
      break;
  }
  return "unknown";
}

constexpr std::string_view kLinear = "linear";

// `max-age=MS`; empty: it is something else.
std::optional<std::int64_t> MaxAgeUs(std::string_view since) {
  constexpr std::string_view kMaxAge = "max-age=";
  std::int64_t ms = -1;
  if (!since.starts_with(kMaxAge)) {
    return std::nullopt;
  }
  const char* end = since.data() + since.size();
  const auto [read, fault] = std::from_chars(since.data() + kMaxAge.size(), end, ms);
  const bool good = fault == std::errc{} && read == end && ms >= 0 && ms <= kMaxAgeMsMax;
  return good ? std::optional(ms * kUsPerMs) : std::nullopt;
}

}  // namespace

void Executor::Explain(Session& session, const Command& command, Output& output) {
  Database& database = *session.database;
  const Place place = Locate(database, command.key);
  const auto number = [&output](std::string_view name, std::uint64_t value) {
    output.rows.push_back({.name = name, .version = static_cast<std::int64_t>(value)});
  };
  output.rows.push_back({.name = "key", .detail = command.key});
  const Entry* entry = database.FindAny(command.key, place.hash);
  output.rows.push_back({.name = "state",
                         .detail = place.existing != nullptr ? "present"
                                   : entry != nullptr        ? "removed"
                                                             : "absent"});
  if (place.existing != nullptr) {
    output.rows.push_back(
        {.name = "version", .version = Delivery::ChangeOf(*place.existing).version});
  }
  const Revision revision = entry == nullptr ? Revision{} : entry->revision();
  const RecentWrites::Write* write = recorder_.recent().Find(revision);
  if (revision != Revision{}) {
    number("revision", revision.value);
    output.rows.push_back(
        {.name = "writer", .detail = write == nullptr ? "unknown" : NameOf(write->writer)});
    if (write != nullptr && write->writer == Writer::kUser) {
      output.rows.push_back({.name = "user", .detail = write->user()});
    }
    if (write != nullptr) {
      output.rows.push_back({.name = "at", .version = write->time_us / kUsPerMs});
    }
  }
  ExplainWatchers(session, database, place, output);
  Data(session, {.kind = ReplyKind::kExplain}, output);
  Ok(session, output);
}

void Executor::ExplainWatchers(const Session& session, const Database& database, const Place& place,
                               Output& output) {
  std::size_t patterns = 0;
  std::uint64_t lagging = 0;
  std::uint64_t shown = 0;
  std::vector<Output::Row> watchers;  // their sessions are for admins alone
  const auto note = [&](const WatchingSession& watching, std::string_view what,
                        const std::string& policy, bool behind) {
    lagging += watching.lagging() ? 1U : 0U;
    const Session* watcher = SessionOf(watching.id());
    if (!session.admin || watcher == nullptr || shown == kExplainWatchersMax) {
      return;
    }
    ++shown;
    std::string line =
        std::to_string(watching.id().slot) + '.' + std::to_string(watching.id().generation) + ' ';
    line.append(NameOf(watcher->writer())).append(" ").append(watcher->user);
    line.append(watcher->user.empty() ? "" : " ").append(what).append(" ").append(policy);
    line.append(watching.lagging() ? " lagging" : behind ? " behind" : " live");
    watchers.push_back({.name = "watcher", .detail = output.Keep(std::move(line))});
  };
  const WatchedKey* watched = database.watches().Find(place.key, place.hash);
  std::size_t keys = watched == nullptr ? 0 : watched->watchers().size();
  for (std::size_t i = 0; i < keys; ++i) {
    const WatchedKey::Watcher& watcher = watched->watchers()[i];
    note(*watcher.session, place.key, NameOf(watcher.session->policy(watcher.interest), 0), false);
  }
  database.watches().patterns().ForAllOf(place.key, [&](const PatternWatch& watch) {
    ++(watch.one_key ? keys : patterns);
    note(*watch.session, watch.pattern(), NameOf(watch.policy, watch.interval_us),
         watch.catch_up != nullptr && !watch.resting);
  });
  output.entries_visited = keys + patterns;
  output.rows.push_back({.name = "watchers", .version = static_cast<std::int64_t>(keys)});
  output.rows.push_back(
      {.name = "pattern-watchers", .version = static_cast<std::int64_t>(patterns)});
  output.rows.push_back({.name = "lagging", .version = static_cast<std::int64_t>(lagging)});
  output.rows.insert(output.rows.end(), watchers.begin(), watchers.end());
}

void Executor::Delivered(Session& session, const Command& command, Output& output) {
  const std::int64_t now_ms = now_.wall_us / kUsPerMs;
  if (command.amount >= 0 && command.amount <= now_ms) {
    delivery_times_.Shown(session.database->id(), (now_ms - command.amount) * kUsPerMs);
  }
  Ok(session, output);
}

// Where the database waits for the disk, the status waits at the gate until the token's revision
// may be seen; replies of others do not wait for it.
// A token of what has not come here yet, an age that is too high, a primary that may be none.
bool Executor::LacksYet(const Session& session, const Command& command,
                        std::int64_t asked_us) const {
  const bool is_wait = command.verb == Verb::kWait;
  if (is_wait && command.since == kLinear) {
    return !follows_ && !options_.cluster->Confirmed(asked_us);
  }
  if (now_.mono_us - asked_us >= options_.token_wait_us) {
    return false;
  }
  if (const std::optional<std::int64_t> max_us = MaxAgeUs(command.since); is_wait && max_us) {
    return options_.cluster->age_us().value_or(INT64_MAX) > *max_us;
  }
  // As of the turn before: what has come since is seen in the next one.
  Delivery::Begin begin;
  return session.database != nullptr && !delivery_.Judge(*session.database, command.since, begin) &&
         begin.judged.worth == History::Worth::kFuture;
}

// One of what has not come here may be good elsewhere; alone there never was such a thing.
void Executor::RefuseToken(const Session& session, const Command& command,
                           const Delivery::Begin& begin, Output& output) const {
  if (begin.judged.worth == History::Worth::kFuture && options_.cluster != nullptr) {
    return Error(session, ErrorCode::kBehind, output, primary_);
  }
  Error(session, ErrorCode::kBadToken, output, command.since);
}

void Executor::Wait(Session& session, const Command& command, Output& output) {
  if (command.since == kLinear) {
    return follows_ ? Forward(session, command, output) : Ok(session, output);
  }
  if (const std::optional<std::int64_t> max_us = MaxAgeUs(command.since)) {
    const bool fresh =
        options_.cluster == nullptr || options_.cluster->age_us().value_or(INT64_MAX) <= *max_us;
    return fresh ? Ok(session, output) : Error(session, ErrorCode::kBehind, output, primary_);
  }
  const Database& database = *session.database;
  delivery_.SetNewest(store_.revision());
  Delivery::Begin begin;
  const bool token = !command.since.empty() && delivery_.Judge(database, command.since, begin);
  // What a lost tail had, nobody will ever see.
  const bool known = command.since == "0" || begin.judged.worth == History::Worth::kGood;
  if (!token || !known) {
    return RefuseToken(session, command, begin, output);
  }
  if (WaitsForLog(database.level())) {
    recorder_.Need(begin.since);
  }
  Ok(session, output);
}

}  // namespace nunc
