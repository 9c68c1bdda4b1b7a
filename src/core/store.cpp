#include "core/store.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/planted.h"

namespace nunc {
namespace {

// What stands under a database's name in `$admin`; existing backup scripts list these keys.
constexpr std::string_view kListedValue = "{}";

Error Misfit(Revision revision, std::string_view what) {
  return {.fault = Fault::kDamaged,
          .detail = "revision " + std::to_string(revision.value) + ": " + std::string(what)};
}

}  // namespace

Store::Store(std::uint64_t hash_seed, std::string_view admin_token)
    : hash_seed_(hash_seed), by_id_(1) {
  AddAdmin(admin_token);
}

void Store::AddAdmin(std::string_view token) {
  admin_ = &Register(
      {.id = kAdminDatabaseId,
       .name = std::string(kAdminDatabase),
       .strategy = Strategy::kNewer,
       // Which databases there are, nobody may hear of before a power cut cannot take it back.
       .level = AckLevel::kDisk});
  admin_->SetLive(kTokenKey, token);
  admin_->SetLive(kAdminDatabase, kListedValue);
}

Database* Store::Find(std::string_view name) const {
  const auto found = databases_.find(name);
  return found == databases_.end() ? nullptr : found->second.get();
}

Database* Store::Find(DatabaseId id) const {
  return id.value < by_id_.size() ? by_id_[id.value] : nullptr;
}

std::vector<DatabaseState> Store::States() const {
  std::vector<DatabaseState> states;
  for (const Database* database : by_id_) {
    if (database != nullptr) {
      states.push_back(database->State());
    }
  }
  return states;
}

Store::Stamp Store::NextStamp(std::int64_t wall_us) {
  ++last_.revision.value;
  last_.time_us = std::max(wall_us, last_.time_us + 1);
  undo_.Begin(last_.revision);
  return last_;
}

std::int64_t Store::LogTimeUs(std::int64_t wall_us) const {
  return std::max(wall_us, last_.time_us);
}

Database& Store::Register(DatabaseOptions options) {
  options.hash_seed = hash_seed_;
  options.store_bytes = &bytes_;
  options.lifetimes = &lifetimes_;
  options.undo = &undo_;
  std::string name = options.name;
  if (by_id_.size() <= options.id.value) {
    by_id_.resize(std::size_t{options.id.value} + 1);
  }
  const DatabaseId id = options.id;
  auto database = std::make_unique<Database>(std::move(options));
  by_id_[id.value] = database.get();
  return *databases_.emplace(std::move(name), std::move(database)).first->second;
}

Database& Store::Add(DatabaseId id, const DatabaseSpec& spec, const Stamp& stamp) {
  Database& added = Register(
      {.id = id, .name = std::string(spec.name), .strategy = spec.strategy, .level = spec.level});
  if (in_loading_) {
    added.StartLoading({});
  }
  if (undo_.open()) {
    undo_.NoteCreated(added);
  }
  added.Set(nullptr, {.key = kTokenKey,
                      .hash = added.Hash(kTokenKey),
                      .value = spec.token,
                      .revision = stamp.revision});
  const std::uint64_t hash = admin_->Hash(spec.name);
  Entry* listed = admin_->Find(spec.name, hash);
  const std::uint32_t version = listed == nullptr ? 0 : listed->version();
  admin_->Set(listed, {.key = spec.name,
                       .hash = hash,
                       .value = kListedValue,
                       .version = version,
                       .revision = stamp.revision});
  return added;
}

void Store::Drop(Database& database, const Stamp& stamp) {
  const std::uint64_t hash = admin_->Hash(database.name());
  if (Entry* listed = admin_->Find(database.name(), hash); listed != nullptr) {
    admin_->Remove(listed, hash, stamp.revision, stamp.time_us);
  } else if (in_loading_) {
    LoadTombstone(*admin_, database.name(), stamp);
  }
  by_id_[database.id().value] = nullptr;
  const auto found = databases_.find(database.name());
  CHECK(found != databases_.end());
  database.revision_order().EndWalks();  // no other begins
  if (undo_.open()) {
    undo_.NoteDropped(std::move(found->second));
  } else {
    dropped_.push_back(std::move(found->second));
  }
  databases_.erase(found);
}

void Store::FreeDropped() {
  if (!dropped_.empty() && dropped_.back()->FreeSome(kFreedPerTurn)) {
    dropped_.pop_back();
  }
}

// ---- recovery

void Store::StartLoading() {
  const std::string admin_token(admin_->Find(kTokenKey)->value());
  undo_.Clear({});
  databases_.clear();
  dropped_.clear();
  lifetimes_ = {};
  retries_.Clear();
  by_id_.assign(1, nullptr);
  last_ = {};
  members_.clear();
  loading_ = nullptr;
  AddAdmin(admin_token);
  in_loading_ = true;
  admin_->StartLoading({});
}

Result<void> Store::LoadDatabase(const DatabaseState& state) {
  loading_ = Find(state.id);
  if (loading_ == nullptr) {
    if (state.id.value > kDatabaseIdMax || Find(state.name) != nullptr) {
      return Fail(Fault::kDamaged, "database " + std::to_string(state.id.value) + ", " +
                                       std::string(state.name) + ", cannot be one");
    }
    loading_ = &Register({.id = state.id,
                          .name = std::string(state.name),
                          .strategy = state.strategy,
                          .level = state.level});
    loading_->StartLoading(state);
  } else if (loading_->name() != state.name) {
    return Fail(Fault::kDamaged, "two databases have the id " + std::to_string(state.id.value));
  }
  if (state.arbiter_seen) {
    loading_->conflicts().set_arbiter_seen();
  }
  LoadHorizon(state.id, state.horizon);
  return {};
}

Result<void> Store::LoadEntry(const EntryState& state) {
  if (loading_ == nullptr) {
    return Fail(Fault::kDamaged, "an entry of no database");
  }
  if (!IsKept(*loading_, state.key)) {
    loading_->Load(state);
  }
  return {};
}

void Store::ExpectEntry(std::string_view key) const {
  if (loading_ != nullptr) {
    loading_->Prefetch(key);
  }
}

void Store::ExpectRecord(DatabaseId id, std::string_view key) const {
  if (const Database* database = Find(id); database != nullptr) {
    database->Prefetch(key);
  }
}

bool Store::IsLive(const Database& database, std::string_view key) const {
  return IsKept(database, key) || key == kConnectionsKey;
}

bool Store::IsKept(const Database& database, std::string_view key) const {
  return &database == admin_ && (key == kTokenKey || key == kAdminDatabase);
}

Result<void> Store::LoadRetries(const RetryState& state) {
  return loading_ != nullptr && retries_.Load(loading_->id(), state)
             ? Result<void>()
             : Fail(Fault::kDamaged, "a session's results that cannot be in the retry table");
}

void Store::LoadHorizon(DatabaseId id, Revision horizon) {
  if (id == DatabaseId{}) {
    retries_.LoadForgotten(horizon);
  } else if (Database* database = Find(id); database != nullptr) {
    database->RaiseHorizon(horizon);
  }
}

void Store::LoadMembers(MembersRecord record) {
  members_ = {std::move(record)};
}

void Store::SetLoaded(const Stamp& stamp, DatabaseId newest_database) {
  last_ = stamp;
  undo_.Clear(stamp.revision);
  if (by_id_.size() <= newest_database.value) {
    by_id_.resize(std::size_t{newest_database.value} + 1);
  }
}

// A record of a good log always fits; one that does not was made by no node of ours.
Result<void> Store::Check(const Record& record) const {
  const Database* database = Find(record.database);
  switch (record.type) {
    case RecordType::kNoop:
    case RecordType::kConfig:
      return {};
    case RecordType::kCreateDatabase:
      return record.database.value == by_id_.size() && record.database.value <= kDatabaseIdMax &&
                     Find(record.spec.name) == nullptr && !IsLive(*admin_, record.spec.name)
                 ? Result<void>()
                 : tl::unexpected(Misfit(record.revision, "a database that is there already"));
    case RecordType::kDropDatabase:
    case RecordType::kArbiter: {
      const bool admin = database == admin_ && (record.type == RecordType::kDropDatabase ||
                                                Planted(Bug::kAdminArbiterRefused));
      return database != nullptr && !admin
                 ? Result<void>()
                 : tl::unexpected(Misfit(record.revision, "no such database"));
    }
    case RecordType::kSet:
    case RecordType::kRemove:
    case RecordType::kMark:
    case RecordType::kExpire:
    case RecordType::kBatch:
      break;
  }
  if (database == nullptr) {
    return tl::unexpected(Misfit(record.revision, "a change of no database"));
  }
  const bool live = std::ranges::any_of(
      record.items, [](const RecordItem& item) { return item.key == kConnectionsKey; });
  return live ? tl::unexpected(Misfit(record.revision, "a change of a key that each node keeps"))
              : Result<void>();
}

Result<void> Store::Apply(const Record& record) {
  if (Result<void> fits = Check(record); !fits) {
    return fits;
  }
  last_ = {.revision = record.revision, .time_us = record.time_us};
  undo_.Begin(last_.revision);
  Database* database = Find(record.database);
  switch (record.type) {
    case RecordType::kNoop:
      break;
    case RecordType::kConfig:
      NoteMembers({.revision = last_.revision, .members = std::string(record.members)});
      break;
    case RecordType::kCreateDatabase:
      Add(record.database, record.spec, last_);
      break;
    case RecordType::kDropDatabase:
      Drop(*database, last_);
      break;
    case RecordType::kArbiter:
      NoteArbiter(*database);
      break;
    case RecordType::kSet:
    case RecordType::kRemove:
    case RecordType::kMark:
    case RecordType::kExpire:
    case RecordType::kBatch:
      for (const RecordItem& item : record.items) {
        ApplyItem(*database, item, last_);
      }
  }
  if (record.retry.session != 0) {
    NoteRetry(record);
  }
  return {};
}

void Store::NoteRetry(const Record& record) {
  Retries::Was was = retries_.Note(record);
  if (undo_.open()) {
    undo_.NoteRetry(std::move(was));
  }
}

void Store::NoteArbiter(Database& database) {
  if (undo_.open() && !database.conflicts().arbiter_seen()) {
    undo_.NoteArbiter(database);
  }
  database.conflicts().set_arbiter_seen();
}

void Store::ApplyItem(Database& database, const RecordItem& item, const Stamp& stamp) {
  if (IsKept(database, item.key)) {
    return;
  }
  ChangeItem(database, item, stamp);
  if (!in_loading_) {
    FollowConflicts(database, item);  // FinishLoading finds them all at once
  }
}

// The queue follows from its entries, as at a start.
void Store::FollowConflicts(Database& database, const RecordItem& item) {
  Conflicts& conflicts = database.conflicts();
  const bool removed = item.type == RecordType::kRemove;
  const std::optional<ConflictName> name = ParseConflictKey(item.key);
  if (!name) {
    while (removed && !conflicts.OpenOf(item.key).empty()) {
      conflicts.CloseOldest(item.key);  // there is nothing left to decide on
    }
    return;
  }
  if (!removed && item.type != RecordType::kSet) {
    return;
  }
  conflicts.Drop(*name, item.key);
  if (!removed && (item.value.starts_with(kDecidedPrefix) || database.Find(name->key) == nullptr)) {
    conflicts.LoadClosed(item.key);
  } else if (!removed) {
    conflicts.LoadOpen(name->key, name->id);
  }
}

void Store::ChangeItem(Database& database, const RecordItem& item, const Stamp& stamp) {
  const std::uint64_t hash = database.Hash(item.key);
  Entry* existing = database.Find(item.key, hash);
  if (item.type == RecordType::kSet) {
    database.Set(existing, {.key = item.key,
                            .hash = hash,
                            .value = item.value,
                            .version = item.version,
                            .revision = stamp.revision,
                            .in_conflict = item.in_conflict,
                            .lifetime = item.lifetime});
  } else if (Planted(Bug::kTombstoneNotReplayed) && item.type == RecordType::kRemove) {
    return;
  } else if (existing == nullptr) {
    // It was there, but a snapshot that was walked meanwhile has left it out.
    if (in_loading_ && item.type == RecordType::kRemove && item.previous != Revision{}) {
      LoadTombstone(database, item.key, stamp);
    }
  } else if (item.type == RecordType::kRemove) {
    database.Remove(existing, hash, stamp.revision, stamp.time_us);
    database.DropOldTombstones(stamp.time_us, kTombstonesPerTurn);
  } else if (item.type == RecordType::kExpire) {
    // It may be there already: the snapshot that was walked meanwhile shows the entry as it was
    // then.
    if (!Planted(Bug::kLifetimeNotReplayed)) {
      database.ChangeLifetime(*existing, item.lifetime, stamp.revision);
    }
  } else {
    database.Mark(existing);
  }
}

void Store::LoadTombstone(Database& database, std::string_view key, const Stamp& stamp) {
  database.Load(
      {.key = key, .removed = true, .revision = stamp.revision, .removed_at_us = stamp.time_us});
}

void Store::FinishLoading() {
  in_loading_ = false;
  loading_ = nullptr;
  retries_.FinishLoading();
  for (const auto& [name, database] : databases_) {
    database->FinishLoading();
  }
  for (const Undo::Record& record : undo_.records()) {
    if (record.dropped != nullptr) {
      record.dropped->FinishLoading();
    }
  }
  while (!dropped_.empty()) {
    FreeDropped();
  }
}

}  // namespace nunc
