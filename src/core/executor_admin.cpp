#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/secret.h"
#include "core/executor.h"
#include "core/oplog_request.h"

namespace nunc {
namespace {

// Database and user names become parts of keys and listings, which separate with these.
bool IsGoodName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte != 0x7F && c != '/' && c != '\\' && c != ',' && c != ';' &&
                  c != '|';
         });
}

bool IsGoodSecret(std::string_view secret) {
  return !secret.empty() && secret.size() <= kSecretBytesMax;
}

std::string_view NameOf(Strategy strategy) {
  switch (strategy) {
    case Strategy::kNone:
      return "none";
    case Strategy::kNewer:
      return "newer";
    case Strategy::kArbiter:
      break;
  }
  return "arbiter";
}

// The pieces of `A|B|C`.
std::vector<std::string_view> SplitNames(std::string_view names) {
  std::vector<std::string_view> pieces;
  while (!names.empty()) {
    const std::size_t bar = names.find('|');
    if (bar != 0) {
      pieces.push_back(names.substr(0, bar));
    }
    names.remove_prefix(bar == std::string_view::npos ? names.size() : bar + 1);
  }
  return pieces;
}

bool IsFlag(std::string_view word) {
  return word.empty() || word == "true" || word == "false";
}

// `*`: of all databases.
std::string_view WhoseTimes(const Store& store, const DeliveryTimes::Summary& summary) {
  if (summary.database == DatabaseId{}) {
    return "*";
  }
  const Database* database = store.Find(summary.database);
  return database == nullptr ? std::string_view("-") : database->name();
}

std::string LineOf(const DeliveryTimes::Summary& summary, std::string_view whose) {
  return std::string(summary.what) + ' ' + std::string(whose) + " count " +
         std::to_string(summary.count) + " p50_us " + std::to_string(summary.p50_us) + " p99_us " +
         std::to_string(summary.p99_us) + " p99.9_us " + std::to_string(summary.p999_us) +
         " max_us " + std::to_string(summary.max_us);
}

void AddTimes(const Store& store, const DeliveryTimes& times, Output& output) {
  for (const DeliveryTimes::Summary& summary : times.Summaries()) {
    output.rows.push_back({.name = summary.what,
                           .detail = WhoseTimes(store, summary),
                           .version = static_cast<std::int64_t>(summary.count)});
    output.rows.push_back({.name = "p50_us", .version = summary.p50_us});
    output.rows.push_back({.name = "p99_us", .version = summary.p99_us});
    output.rows.push_back({.name = "p99.9_us", .version = summary.p999_us});
    output.rows.push_back({.name = "max_us", .version = summary.max_us});
  }
}

}  // namespace

// Both are always compared, so that the time does not tell a known user from an unknown one.
bool Executor::IsAdmin(std::string_view user, std::string_view password) const {
  const bool known = SecretsEqual(options_.user, user);
  const bool right = SecretsEqual(options_.password, password);
  return known && right;
}

void Executor::SetDefaultAddress(std::string_view address) {
  if (options_.address.empty()) {
    options_.address = address;
  }
}

void Executor::Auth(Session& session, const Command& command, Output& output) {
  const bool valid = IsAdmin(command.name, command.secret);
  // A wrong attempt leaves a right won before as it is; the answer is about the attempt.
  if (valid && !session.admin) {
    session.admin = true;
    delivery_.BeginAs(session, session.database);
  }
  Data(session, {.kind = valid ? ReplyKind::kAuthValid : ReplyKind::kAuthInvalid}, output);
  Ok(session, output);
}

// Which databases there are is in `$admin`, and a reply may rest on that.
Database* Executor::FindNamed(std::string_view name) {
  Locate(store_.admin(), name);
  return store_.Find(name);
}

void Executor::UseDb(Session& session, const Command& command, Output& output) {
  Database* database = FindNamed(command.name);
  if (database == nullptr) {
    return Error(session, ErrorCode::kUnknownDatabase, output);
  }
  recorder_.Need(database->secure_revision());
  if (database->is_unfinished()) {
    return Error(session, ErrorCode::kUnfinished, output, command.name);
  }
  const Entry* stored = command.user.empty()
                            ? database->Find(kTokenKey)
                            : database->Find(std::string(kUserKeyPrefix).append(command.user));
  if (stored == nullptr || !SecretsEqual(stored->value(), command.secret)) {
    return Error(session, ErrorCode::kInvalidToken, output);
  }
  Select(session, database);
  session.user = command.user;
  session.permissions_epoch = 0;
  delivery_.BeginAs(session, database);
  Ok(session, output);
}

void Executor::Select(Session& session, Database* database) {
  if (session.database != database) {
    Deselect(session);
    session.database = database;
    if (session.kind == SessionKind::kConnection) {
      ++database->connections().count;
    }
  } else if (database->Find(kConnectionsKey) != nullptr) {
    return;
  }
  // The key is there from the first selection on, also if only a request makes it.
  if (session.kind == SessionKind::kConnection || database->Find(kConnectionsKey) == nullptr) {
    UpdateConnections(*database);
  }
}

void Executor::Deselect(Session& session) {
  if (session.database != nullptr && session.kind == SessionKind::kConnection) {
    --session.database->connections().count;
    UpdateConnections(*session.database);
  }
  session.database = nullptr;
}

void Executor::UpdateConnections(Database& database) {
  database.SetLive(kConnectionsKey, std::to_string(database.connections().count));
  if (!database.connections().changed) {
    database.connections().changed = true;
    connections_changed_.push_back(&database);
  }
}

std::optional<ErrorCode> Executor::CheckNewDatabase(std::string_view name) const {
  if (!IsGoodName(name)) {
    return ErrorCode::kBadName;
  }
  // The name becomes a key of the admin database, where `$$token` is its own token.
  if (name.starts_with('$')) {
    return ErrorCode::kServerKey;
  }
  const bool full =
      store_.databases().size() >= kDatabasesMax || store_.NextDatabaseId().value > kDatabaseIdMax;
  return full ? std::optional(ErrorCode::kTooManyDatabases) : std::nullopt;
}

void Executor::CreateDb(Session& session, const Command& command, Output& output) {
  if (!IsGoodName(command.name)) {
    return Error(session, ErrorCode::kBadName, output, command.name);
  }
  if (!IsGoodSecret(command.secret)) {
    return Error(session, ErrorCode::kBadSecret, output);
  }
  if (const Database* there = FindNamed(command.name); there != nullptr) {
    recorder_.Need(there->secure_revision());
    return Error(session, ErrorCode::kDatabaseExists, output);
  }
  if (const std::optional<ErrorCode> refusal = CheckNewDatabase(command.name); refusal) {
    return Error(session, *refusal, output, command.name);
  }
  CreateDatabase({.name = command.name,
                  .token = command.secret,
                  .strategy = command.strategy,
                  .level = command.level.value_or(options_.ack_default)},
                 output);
  Data(session, {.kind = ReplyKind::kDatabaseCreated}, output);
  Ok(session, output);
}

void Executor::DropDb(Session& session, const Command& command, Output& output) {
  Database* database = FindNamed(command.name);
  if (database == nullptr) {
    return Error(session, ErrorCode::kUnknownDatabase, output);
  }
  if (database == &store_.admin()) {
    return Error(session, ErrorCode::kAdminDrop, output);
  }
  Drop(*database, output);
  Ok(session, output);
}

void Executor::Drop(Database& database, Output& output) {
  const Store::Stamp stamp =
      recorder_.New({.type = RecordType::kDropDatabase, .database = database.id()}, output);
  recorder_.Close();
  recorder_.Need(stamp.revision);
  ForgetDatabase(database, stamp.revision, output);
  delivery_times_.Forget(database.id());
  const std::string_view name = output.Keep(database.name());
  store_.Drop(database, stamp);
  Database& admin = store_.admin();
  Announce(admin, admin.Hash(name), {.kind = ChangeKind::kRemoved, .key = name}, stamp.revision,
           output);
}

// Who watches hears that its keys are gone, as `remove` tells it of a key that is not there: one
// that lags, or whose removal still waits for the disk, may not have heard. Who has it selected has
// nothing selected any more.
void Executor::ForgetDatabase(Database& database, Revision revision, Output& output) {
  leaving_.End(database);
  for (const WatchedKey* watched : database.watches().All()) {
    if (watched->key() == kConflictsKey) {
      continue;  // arbiters watch no key
    }
    Change change{.kind = ChangeKind::kRemoved,
                  .key = output.Keep(std::string(watched->key())),
                  .first = output.targets.size(),
                  .count = watched->watchers().size(),
                  .after = revision};
    for (const WatchedKey::Watcher& watcher : watched->watchers()) {
      output.targets.push_back(watcher.session->id());
    }
    output.items.emplace_back(change);
  }
  Delivery::Forget(database, revision, output);
  for (const std::unique_ptr<Session>& session : sessions_) {
    if (session == nullptr) {
      continue;
    }
    std::erase_if(session->watches, [&database](const Session::DatabaseWatches& watching) {
      if (watching.database != &database) {
        return false;
      }
      database.watches().RemoveAll(*watching.watches);
      return true;
    });
    if (session->database == &database) {
      session->database = nullptr;
      session->dropped = revision;
    }
  }
  std::erase(connections_changed_, &database);
}

void Executor::StoreSecureKey(Session& session, std::string_view prefix, const Command& command,
                              std::string_view value, Output& output) {
  std::string key = std::string(prefix).append(command.name);
  const Place place = Locate(*session.database, output.Keep(std::move(key)));
  if (place.existing != nullptr &&
      place.existing->version() == std::numeric_limits<std::uint32_t>::max()) {
    return Error(session, ErrorCode::kVersionLimit, output);
  }
  const std::uint32_t version = place.existing == nullptr ? 0 : place.existing->version() + 1;
  WriteAndAnnounce(place, {.value = value, .version = version}, output);
  Ok(session, output);
}

void Executor::CreateUser(Session& session, const Command& command, Output& output) {
  if (!IsGoodName(command.name)) {
    return Error(session, ErrorCode::kBadName, output, command.name);
  }
  if (!IsGoodSecret(command.secret)) {
    return Error(session, ErrorCode::kBadSecret, output);
  }
  StoreSecureKey(session, kUserKeyPrefix, command, command.secret, output);
}

void Executor::SetPermissions(Session& session, const Command& command, Output& output) {
  if (!IsGoodName(command.name)) {
    return Error(session, ErrorCode::kBadName, output, command.name);
  }
  const Result<PermissionList> list = PermissionList::Parse(command.value);
  if (!list) {
    return Error(session, ErrorCode::kBadPermissionList, output, output.Keep(list.error().detail));
  }
  StoreSecureKey(session, kPermissionKeyPrefix, command, command.value, output);
}

// `snapshot` and `replicate-snapshot`. It is of everything, whatever names were given; in memory
// there is nothing to be done.
void Executor::Snapshot(Session& session, const Command& command, Output& output) {
  const bool replicates = command.verb == Verb::kReplicateSnapshot;
  if (!IsFlag(command.name)) {
    return Error(session, ErrorCode::kSnapshotFlag, output, command.name);
  }
  if (!replicates && command.value.empty() && session.database == nullptr) {
    return Error(session, ErrorCode::kSnapshotWithoutDatabase, output);
  }
  std::vector<std::string_view> unknown = SplitNames(command.value);
  std::erase_if(unknown, [this](std::string_view name) { return FindNamed(name) != nullptr; });
  if (!unknown.empty() && replicates) {
    return Error(session, ErrorCode::kReplicateSnapshotUnknown, output, unknown.front());
  }
  if (!unknown.empty()) {
    for (const std::string_view name : unknown) {
      output.rows.push_back({.name = name});
    }
    return Error(session, ErrorCode::kSnapshotUnknownDatabases, output);
  }
  if (!options_.has_log) {
    return Ok(session, output);
  }
  StartOperation(session, {.kind = OperationKind::kSnapshot}, output);
}

void Executor::StartOperation(const Session& session, Operation operation, Output& output) {
  operation.id = {.value = ++operations_};
  output.items.emplace_back(
      Reply{.session = session.id, .kind = ReplyKind::kOk, .operation = operation.id});
  output.operations.push_back(std::move(operation));
}

void Executor::Oplog(Session& session, const Command& command, Output& output) {
  if (!options_.has_log) {
    return Error(session, ErrorCode::kNoLog, output);
  }
  Result<OplogRequest> request =
      ParseOplogRequest(command.name, command.value, store_.LogTimeUs(now_.wall_us));
  if (!request) {
    return Error(session, ErrorCode::kBadOplogCommand, output, output.Keep(request.error().detail));
  }
  if (!request->database.empty()) {
    const Database* database = FindNamed(request->database);
    if (database == nullptr) {
      return Error(session, ErrorCode::kUnknownDatabase, output);
    }
    request->operation.database = database->id();
  }
  if (request->operation.kind == OperationKind::kOplogSince) {
    request->operation.to = store_.revision();
    recorder_.Need(request->operation.to);
  }
  StartOperation(session, std::move(request->operation), output);
}

void Executor::NoteTurn(const TurnTime& turn, const Counters& measured) {
  const std::uint64_t commands = counters_.commands;
  counters_ = measured;
  counters_.commands = commands;
  longest_turn_.wall_us = std::max(longest_turn_.wall_us, turn.wall_us);
  longest_turn_.cpu_us = std::max(longest_turn_.cpu_us, turn.cpu_us);
}

// What the session, the server and its doings are, which no data decides.
void Executor::TellState(Session& session, const Command& command, Output& output) {
  const Verb verb = command.verb;
  Reply reply{.kind = ReplyKind::kPong};
  if (verb == Verb::kListCommands) {
    reply.kind = ReplyKind::kCommands;
  } else if (verb == Verb::kMetricsState) {
    if (!command.name.empty() && command.name != "json") {
      return Error(session, ErrorCode::kUnknownForm, output, command.name);
    }
    output.counters = counters_;
    reply.kind = command.name.empty() ? ReplyKind::kMetrics : ReplyKind::kMetricsJson;
    if (reply.kind == ReplyKind::kMetricsJson) {
      AddTimes(store_, delivery_times_, output);
    }
  } else if (verb == Verb::kWhoami) {
    reply.kind = ReplyKind::kWhoami;
    // A user is one of a database; who has none selected is nobody.
    const bool nowhere = session.database == nullptr;
    const std::string_view database = nowhere ? std::string_view{} : session.database->name();
    output.rows.push_back({.name = "database", .detail = database});
    output.rows.push_back(
        {.name = "user", .detail = nowhere ? std::string_view{} : std::string_view(session.user)});
    output.rows.push_back({.name = "admin", .detail = session.admin ? "true" : "false"});
  }
  Data(session, reply, output);
  Ok(session, output);
}

void Executor::Debug(Session& session, const Command& command, Output& output) {
  if (command.name == "list-dbs") {
    recorder_.NeedListing(store_.admin());
    for (const auto& [name, database] : store_.databases()) {
      output.rows.push_back({.name = name, .detail = NameOf(database->strategy())});
    }
    Data(session, {.kind = ReplyKind::kDatabases}, output);
  } else if (command.name == "pending-ops") {
    return PendingOps(session, command, output);
  } else if (command.name == "force-election") {
    return AskCluster(session, command, output);
  } else if (command.name == "process-info") {
    Data(session, {.kind = ReplyKind::kProcess, .number = options_.start_time_ms}, output);
  } else if (command.name == "loop") {
    const TurnTime longest = std::exchange(longest_turn_, {});
    const std::string_view line =
        output.Keep("longest_turn_wall_us: " + std::to_string(longest.wall_us) +
                    ", longest_turn_cpu_us: " + std::to_string(longest.cpu_us));
    output.rows.push_back({.name = line});
    Data(session, {.kind = ReplyKind::kLines, .text = "debug-loop"}, output);
  } else if (command.name == "delivery") {
    for (const DeliveryTimes::Summary& summary : delivery_times_.Summaries()) {
      output.rows.push_back({.name = output.Keep(LineOf(summary, WhoseTimes(store_, summary)))});
    }
    Data(session, {.kind = ReplyKind::kLines, .text = "debug-delivery"}, output);
  } else if (command.name == "pending-conflicts" || command.name == "pendding-conflitcts") {
    if (session.database == nullptr) {
      return Error(session, ErrorCode::kNoDatabaseSelected, output);
    }
    recorder_.NeedListing(*session.database);
    for (const std::string& key : session.database->conflicts().OpenConflictKeys()) {
      const Entry* entry = session.database->Find(key);
      CHECK(entry != nullptr);
      output.rows.push_back({.name = entry->value()});
    }
    Data(session, {.kind = ReplyKind::kConflicts}, output);
  } else {
    return Error(session, ErrorCode::kUnknownDebugCommand, output, command.name);
  }
  Ok(session, output);
}

}  // namespace nunc
