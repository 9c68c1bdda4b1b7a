#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/secret.h"
#include "core/executor.h"

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

}  // namespace

void Executor::Auth(Session& session, const Command& command, Output& output) {
  // Both are always compared, so that the time does not tell a known user from an unknown one.
  const bool user = SecretsEqual(options_.user, command.name);
  const bool password = SecretsEqual(options_.password, command.secret);
  const bool valid = user && password;
  // A wrong attempt leaves a right won before as it is; the answer is about the attempt.
  session.admin = session.admin || valid;
  Data(session, {.kind = valid ? ReplyKind::kAuthValid : ReplyKind::kAuthInvalid}, output);
  Ok(session, output);
}

const Database* Executor::FindDatabase(std::string_view name) const {
  const auto found = databases_.find(name);
  return found == databases_.end() ? nullptr : found->second.get();
}

void Executor::UseDb(Session& session, const Command& command, Output& output) {
  const auto found = databases_.find(command.name);
  if (found == databases_.end()) {
    return Error(session, ErrorCode::kUnknownDatabase, output);
  }
  Database& database = *found->second;
  const Entry* stored = command.user.empty()
                            ? database.Find(kTokenKey)
                            : database.Find(std::string(kUserKeyPrefix).append(command.user));
  if (stored == nullptr || !SecretsEqual(stored->value(), command.secret)) {
    return Error(session, ErrorCode::kInvalidToken, output);
  }
  Select(session, &database);
  session.user = command.user;
  session.permissions_epoch = 0;
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

void Executor::CreateDb(Session& session, const Command& command, Output& output) {
  if (!IsGoodName(command.name)) {
    return Error(session, ErrorCode::kBadName, output, command.name);
  }
  if (!IsGoodSecret(command.secret)) {
    return Error(session, ErrorCode::kBadSecret, output);
  }
  if (FindDatabase(command.name) != nullptr) {
    return Error(session, ErrorCode::kDatabaseExists, output);
  }
  // The name becomes a key of the admin database, where `$$token` is its own token.
  if (command.name.starts_with('$')) {
    return Error(session, ErrorCode::kServerKey, output, command.name);
  }
  if (databases_.size() >= kDatabasesMax) {
    return Error(session, ErrorCode::kTooManyDatabases, output);
  }
  CreateDatabase(command.name, command.secret, command.strategy, output);
  Data(session, {.kind = ReplyKind::kDatabaseCreated}, output);
  Ok(session, output);
}

void Executor::CreateDatabase(std::string_view name, std::string_view token, Strategy strategy,
                              Output& output) {
  auto database = std::make_unique<Database>(DatabaseOptions{.id = {++databases_created_},
                                                             .name = std::string(name),
                                                             .strategy = strategy,
                                                             .hash_seed = options_.hash_seed});
  Database& created = *database;
  databases_.emplace(std::string(name), std::move(database));
  if (name == kAdminDatabase) {
    admin_ = &created;
  }
  Store(Locate(created, kTokenKey), {.value = token});
  // One key per database: backup scripts list them here.
  StoreAndAnnounce(Locate(*admin_, name), {.value = "{}"}, output);
}

void Executor::StoreSecureKey(Session& session, std::string_view prefix, const Command& command,
                              std::string_view value, Output& output) {
  const std::string key = std::string(prefix).append(command.name);
  const Place place = Locate(*session.database, key);
  const std::uint32_t version = place.existing == nullptr ? 0 : place.existing->version() + 1;
  StoreAndAnnounce(place, {.value = value, .version = version}, output);
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

std::vector<std::string_view> Executor::UnknownDatabases(std::string_view names) const {
  std::vector<std::string_view> unknown = SplitNames(names);
  std::erase_if(unknown, [this](std::string_view name) { return FindDatabase(name) != nullptr; });
  return unknown;
}

void Executor::Snapshot(Session& session, const Command& command, Output& output) {
  if (!IsFlag(command.name)) {
    return Error(session, ErrorCode::kSnapshotFlag, output, command.name);
  }
  if (command.value.empty() && session.database == nullptr) {
    return Error(session, ErrorCode::kSnapshotWithoutDatabase, output);
  }
  const std::vector<std::string_view> unknown = UnknownDatabases(command.value);
  if (!unknown.empty()) {
    for (const std::string_view name : unknown) {
      output.rows.push_back({.name = name});
    }
    return Error(session, ErrorCode::kSnapshotUnknownDatabases, output);
  }
  Ok(session, output);
}

void Executor::ReplicateSnapshot(Session& session, const Command& command, Output& output) {
  if (!IsFlag(command.name)) {
    return Error(session, ErrorCode::kSnapshotFlag, output, command.name);
  }
  const std::vector<std::string_view> unknown = UnknownDatabases(command.value);
  if (!unknown.empty()) {
    return Error(session, ErrorCode::kReplicateSnapshotUnknown, output, unknown.front());
  }
  Ok(session, output);
}

void Executor::Debug(Session& session, const Command& command, Output& output) {
  if (command.name == "list-dbs") {
    for (const auto& [name, database] : databases_) {
      output.rows.push_back({.name = name, .detail = NameOf(database->strategy())});
    }
    Data(session, {.kind = ReplyKind::kDatabases}, output);
  } else if (command.name == "pending-ops") {
    // Writes that other nodes have not confirmed; a single node waits for nobody.
    Data(session, {.kind = ReplyKind::kPendingOps}, output);
  } else if (command.name == "process-info") {
    Data(session, {.kind = ReplyKind::kProcess, .number = options_.start_time_ms}, output);
  } else if (command.name == "pending-conflicts" || command.name == "pendding-conflitcts") {
    if (session.database == nullptr) {
      return Error(session, ErrorCode::kNoDatabaseSelected, output);
    }
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
