#include "core/executor.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "core/form.h"
#include "core/retry_answer.h"

namespace nunc {
namespace {

const PermissionList* RefreshPermissions(Session& session) {
  if (session.permissions_epoch != session.database->permissions_epoch()) {
    session.permissions_epoch = session.database->permissions_epoch();
    session.permissions =
        session.database->PermissionsOf(session.user.empty() ? "all" : session.user);
  }
  return session.permissions;
}

}  // namespace

Executor::Executor(ExecutorOptions options)
    : options_(std::move(options)),
      store_(options_.hash_seed, options_.password),
      delivery_(options_.catch_up_entries_per_turn, options_.all_bytes_max) {
  // Of one that keeps nothing; another has its log say it.
  delivery_.history().Begin(
      options_.hash_seed, {.value = static_cast<std::uint64_t>(options_.start_time_ms / 1000)}, {});
}

void Executor::SetNow(Now now) {
  now_ = now;
  delivery_.SetNow(now.mono_us);
  store_.lifetimes().SetNow(now.mono_us, store_.LogTimeUs(now.wall_us));
}

std::optional<std::int64_t> Executor::next_deadline_us() const {
  const std::optional<std::int64_t> watches_us = delivery_.next_deadline_us();
  const std::optional<std::int64_t> keys_us = store_.lifetimes().next_deadline_us();
  return watches_us && keys_us ? std::min(watches_us, keys_us) : watches_us ? watches_us : keys_us;
}

// ---- sessions

void Executor::Open(SessionId id, SessionKind kind, const SessionName& name, bool knows_ready) {
  if (sessions_.size() <= id.slot) {
    sessions_.resize(std::size_t{id.slot} + 1);
  }
  CHECK(sessions_[id.slot] == nullptr);
  sessions_[id.slot] = std::make_unique<Session>();
  sessions_[id.slot]->id = id;
  sessions_[id.slot]->kind = kind;
  sessions_[id.slot]->name = name;
  sessions_[id.slot]->knows_ready = knows_ready;
  sessions_[id.slot]->owner = name.owner();
}

void Executor::Close(SessionId id) {
  Session* session = SessionOf(id);
  if (session == nullptr) {
    return;
  }
  for (const Session::DatabaseWatches& watching : session->watches) {
    leaving_.Add(watching.watches);
  }
  Deselect(*session);
  forwards_open_ -= session->forwards;
  if (!follows_ && !session->stands_in) {
    store_.lifetimes().EndOwner(session->owner);
  } else if (session->may_own && !session->stands_in) {
    ended_owners_.push_back(session->owner);
  }
  EndTransaction(*session);
  sessions_[id.slot].reset();
}

Session* Executor::SessionOf(SessionId id) {
  return const_cast<Session*>(std::as_const(*this).SessionOf(id));
}

const Session* Executor::SessionOf(SessionId id) const {
  if (id.slot >= sessions_.size() || sessions_[id.slot] == nullptr ||
      !(sessions_[id.slot]->id == id)) {
    return nullptr;
  }
  return sessions_[id.slot].get();
}

void Executor::MarkLagging(SessionId id) {
  if (Session* session = SessionOf(id); session != nullptr) {
    delivery_.MarkLagging(*session);
  }
}

void Executor::Drain(SessionId id, Output& output) {
  if (Session* session = SessionOf(id); session != nullptr) {
    delivery_.SetNewest(store_.revision());
    delivery_.Drain(*session, output);
  }
}

void Executor::EndTurn(Output& output) {
  delivery_.SetNewest(store_.revision());
  for (Database* database : connections_changed_) {
    database->connections().changed = false;
    const std::uint64_t hash = database->Hash(kConnectionsKey);
    if (const Entry* entry = database->Find(kConnectionsKey, hash); entry != nullptr) {
      delivery_.Tell(*database, hash, Delivery::ChangeOf(*entry), output);
    }
  }
  connections_changed_.clear();
  delivery_.Advance(output);
  leaving_.EndSome();
  transactions_.executed.clear();
  store_.FreeDropped();
}

void Executor::Tick(Output& output) {
  for (const auto& [name, database] : store_.databases()) {
    database->DropOldTombstones(store_.LogTimeUs(now_.wall_us), kTombstonesPerTurn);
  }
  if (now_.mono_us < next_progress_us_) {
    return;
  }
  next_progress_us_ = now_.mono_us + kProgressIntervalUs;
  delivery_.SetNewest(store_.revision());
  for (const std::unique_ptr<Session>& session : sessions_) {
    if (session != nullptr) {
      delivery_.TellProgress(*session, output);
    }
  }
}

// ---- form and rights

std::optional<ErrorCode> Executor::CheckForm(const Command& command, const CommandRow& row) const {
  if (row.level == Level::kKey || command.verb == Verb::kResolve) {
    if (const std::optional<ErrorCode> refusal = CheckKey(command.key, kKeyBytesMax); refusal) {
      return refusal;
    }
  }
  if (command.keys.size() > kGetManyKeysMax) {
    return ErrorCode::kTooManyKeys;
  }
  for (const std::string_view key : command.keys) {
    if (const std::optional<ErrorCode> refusal = CheckKey(key, kKeyBytesMax); refusal) {
      return refusal;
    }
  }
  if (command.value.size() > options_.value_bytes_max) {
    return ErrorCode::kValueTooLong;
  }
  return std::nullopt;
}

std::optional<ErrorCode> Executor::CheckRights(Session& session, const Command& command,
                                               const CommandRow& row) {
  const bool secure =
      row.level == Level::kSecure || (row.level == Level::kKey && IsSecureKey(command.key));
  if (secure && !session.admin) {
    return ErrorCode::kSecureKey;
  }
  if (row.level == Level::kAdmin && !session.admin) {
    return ErrorCode::kNotAuth;
  }
  if (row.level == Level::kOpen || row.level == Level::kAdmin) {
    return std::nullopt;
  }
  if (session.database == nullptr) {
    return ErrorCode::kNoDatabaseSelected;
  }
  // A watch of a pattern shows what may be read of it.
  const bool pattern = command.verb == Verb::kWatch && IsWatchPattern(command.key);
  if (row.level == Level::kKey && !secure && !pattern &&
      !Permits(session, row.permission, command.key)) {
    return ErrorCode::kPermissionDenied;
  }
  if (command.edit != nullptr && !MayRead(session, command.key)) {
    return ErrorCode::kPermissionDenied;
  }
  return std::nullopt;
}

bool Executor::Permits(Session& session, Permission permission, std::string_view key) {
  const PermissionList* list = RefreshPermissions(session);
  // Without a list the token opens everything, and a user nothing.
  return list == nullptr ? session.user.empty() : list->Allows(permission, key);
}

void Executor::Expect(SessionId id, std::span<const std::string_view> keys) {
  if (const Session* session = SessionOf(id); session != nullptr && session->database != nullptr) {
    session->database->Expect(keys);
  }
}

void Executor::Execute(SessionId id, const Command& command, Output& output) {
  Session* session = SessionOf(id);
  if (session == nullptr) {
    return;
  }
  ++counters_.commands;
  if (command.verb == Verb::kRejected) {
    if (session->transaction != nullptr) {
      session->transaction->Spoil();
    }
    Error(*session, ErrorCode::kRejected, output, command.name);
    return;
  }
  recorder_.Begin(*session);
  const bool ends = command.verb == Verb::kExec || command.verb == Verb::kDiscard;
  if (session->transaction != nullptr && !ends) {
    Hold(*session, command, output);
    return recorder_.Finish(output);
  }
  const CommandRow& row = RowOf(command.verb);
  if (options_.cluster != nullptr && !options_.cluster->holds_data() &&
      !NeedsNoData(command.verb)) {
    Error(*session, ErrorCode::kNotPrimary, output, primary_);
    return recorder_.Finish(output);
  }
  std::optional<ErrorCode> refusal = CheckForm(command, row);
  if (!refusal) {
    refusal = CheckRights(*session, command, row);
  }
  const bool forwards = follows_ && row.effect != Effect::kReads;
  const bool again = command.retry.sequence != 0 && row.effect != Effect::kReads && !forwards;
  if (!refusal && again && MayBeRetried(command.verb) &&
      AnswerRetry({*session, command, store_.revision()}, store_.retries(), recorder_, output)) {
    return recorder_.Finish(output);
  }
  if (!refusal && !forwards && row.effect != Effect::kReads) {
    refusal = CheckSpace(*session, command, row.effect);
  }
  if (refusal) {
    Error(*session, *refusal, output, {}, LimitOf(*refusal));
  } else if (forwards) {
    Forward(*session, command, output);
  } else {
    Dispatch(*session, command, output);
  }
  recorder_.Finish(output);
}

std::int64_t Executor::LimitOf(ErrorCode code) const {
  switch (code) {
    case ErrorCode::kValueTooLong:
      return static_cast<std::int64_t>(options_.value_bytes_max);
    case ErrorCode::kMemoryFull:
      return static_cast<std::int64_t>(options_.memory_bytes_max);
    default:
      return 0;
  }
}

void Executor::Dispatch(Session& session, const Command& command, Output& output) {
  switch (command.verb) {
    case Verb::kGet:
    case Verb::kGetSafe:
    case Verb::kTtl:
      return Get(session, command, output);
    case Verb::kGetMany:
      return GetMany(session, command, output);
    case Verb::kSet:
    case Verb::kSetSafe:
    case Verb::kPut:
    case Verb::kSetSession:
      return SetKey(session, command, output);
    case Verb::kIncrement:
      return Increment(session, command, output);
    case Verb::kRemove:
      return RemoveKey(session, command, output);
    case Verb::kExpire:
    case Verb::kPersist:
      return Expire(session, command, output);
    case Verb::kMulti:
    case Verb::kDiscard:
      return BeginOrDiscard(session, command, output);
    case Verb::kExec:
      return Exec(session, command, output);
    case Verb::kKeys:
      return Keys(session, command, output);
    case Verb::kScan:
      return Scan(session, command, output);
    case Verb::kWatch:
      return Watch(session, command, output);
    case Verb::kUnwatch:
    case Verb::kUnwatchAll:
      return Unwatch(session, command, output);
    case Verb::kArbiter:
      return Arbiter(session, command, output);
    case Verb::kResolve:
      return Resolve(session, command, output);
    default:
      return DispatchOther(session, command, output);
  }
}

// Sessions and administration.
void Executor::DispatchOther(Session& session, const Command& command, Output& output) {
  switch (command.verb) {
    case Verb::kAuth:
      return Auth(session, command, output);
    case Verb::kUseDb:
      return UseDb(session, command, output);
    case Verb::kCreateDb:
      return CreateDb(session, command, output);
    case Verb::kDropDb:
      return DropDb(session, command, output);
    case Verb::kOplog:
      return Oplog(session, command, output);
    case Verb::kCreateUser:
      return CreateUser(session, command, output);
    case Verb::kSetPermissions:
      return SetPermissions(session, command, output);
    case Verb::kSnapshot:
    case Verb::kReplicateSnapshot:
      return Snapshot(session, command, output);
    case Verb::kDebug:
      return Debug(session, command, output);
    case Verb::kListCommands:
    case Verb::kMetricsState:
    case Verb::kPing:
    case Verb::kWhoami:
      return TellState(session, command, output);
    case Verb::kClusterState:
      return ClusterState(session, command, output);
    case Verb::kLeave:
    case Verb::kPromote:
    case Verb::kAddNode:
      return AskCluster(session, command, output);
    case Verb::kPeerAddress:
      return TellPeerAddress(session, command, output);
    case Verb::kHello:
      return Hello(session, command, output);
    case Verb::kWait:
      return Wait(session, command, output);
    case Verb::kExplain:
      return Explain(session, command, output);
    case Verb::kDelivered:
      return Delivered(session, command, output);
    default:
      break;
  }
  CHECK(false);
}

// ---- data

void Executor::SetKey(Session& session, const Command& command, Output& output) {
  if (command.edit != nullptr) {
    return EditKey(session, command, output);
  }
  if (RefuseServerKey(session, command.key, output)) {
    return;
  }
  // An empty one says that the restore of the database has not ended.
  if (command.key == kTokenKey && command.value.empty()) {
    return Error(session, ErrorCode::kBadSecret, output);
  }
  if (const std::optional<ErrorCode> refusal = CheckVersion(command); refusal) {
    return Error(session, *refusal, output);
  }
  const Place place = Locate(*session.database, command.key);
  const Entry* existing = place.existing;
  if (RefuseLifetime(session, command, existing, output) ||
      RefuseIf(session, command, existing, output)) {
    return;
  }
  const bool behind = existing != nullptr && command.version &&
                      static_cast<std::uint64_t>(*command.version) < existing->version();
  if (existing != nullptr && (existing->in_conflict() || behind)) {
    return HandleConflict(session, command, place.existing, output);
  }
  std::uint32_t version = 0;
  if (command.version) {
    version = static_cast<std::uint32_t>(*command.version + 1);
  } else if (existing != nullptr) {
    if (existing->version() == std::numeric_limits<std::uint32_t>::max()) {
      return Error(session, ErrorCode::kVersionLimit, output);
    }
    version = existing->version() + 1;
  }
  WriteAndAnnounce(place,
                   {.value = command.value,
                    .version = version,
                    .lifetime = LifetimeAfter(session, command, existing)},
                   output);
  if (command.verb == Verb::kPut) {
    Data(session,
         {.kind = ReplyKind::kPut, .number = version, .revision = recorder_.stamp().revision},
         output);
  }
  Ok(session, output, version);
}

void Executor::Increment(Session& session, const Command& command, Output& output) {
  if (RefuseServerKey(session, command.key, output)) {
    return;
  }
  const Place place = Locate(*session.database, command.key);
  const Entry* existing = place.existing;
  std::int64_t number = 0;
  std::uint32_t version = 0;
  Lifetime lifetime;
  if (existing != nullptr) {
    lifetime = session.database->LifetimeOf(*existing);
    if (existing->in_conflict()) {
      // An amount cannot be handed to an arbiter, and the decision would overwrite it.
      return Error(session, ErrorCode::kConflictUnresolved, output,
                   output.Keep(session.database->conflicts().NewestKeyOf(command.key)));
    }
    const std::string_view text = existing->value();
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc{} || end != text.data() + text.size()) {
      return Error(session, ErrorCode::kNotNumeric, output);
    }
    if (existing->version() == std::numeric_limits<std::uint32_t>::max()) {
      return Error(session, ErrorCode::kVersionLimit, output);
    }
    version = existing->version() + 1;
  }
  std::int64_t sum = 0;
  if (__builtin_add_overflow(number, command.amount, &sum)) {
    return Error(session, ErrorCode::kNumberOverflow, output);
  }
  char digits[24];
  const auto written = std::to_chars(digits, digits + sizeof(digits), sum);
  const std::string_view text = output.Keep(std::string(digits, written.ptr));
  WriteAndAnnounce(place, {.value = text, .version = version, .lifetime = lifetime}, output);
  Ok(session, output, version);
  std::get<Reply>(output.items.back()).text = text;
}

void Executor::RemoveKey(Session& session, const Command& command, Output& output) {
  if (command.key == kTokenKey) {
    return Error(session, ErrorCode::kTokenRemoval, output);
  }
  if (RefuseServerKey(session, command.key, output)) {
    return;
  }
  Database& database = *session.database;
  const Place place = Locate(database, command.key);
  if (RefuseIf(session, command, place.existing, output)) {
    return;
  }
  if (place.existing != nullptr && place.existing->in_conflict() &&
      !ForgetConflicts(database, command.key, output)) {
    return Error(session, ErrorCode::kDiskFull, output);
  }
  RemoveAndAnnounce(place, output);
  Ok(session, output);
}

// Keys that follow from what happens; a client that wrote them would make them lie.
bool Executor::RefuseServerKey(const Session& session, std::string_view key, Output& output) {
  if (!store_.IsKept(*session.database, key) && key != kConnectionsKey && key != kConflictsKey &&
      !key.starts_with(kConflictKeyPrefix)) {
    return false;
  }
  Error(session, ErrorCode::kServerKey, output, key);
  return true;
}

// ---- changes and who hears of them

Place Executor::Locate(Database& database, std::string_view key) {
  Place place{.database = database, .key = key, .hash = database.Hash(key)};
  Entry* entry = database.FindAny(key, place.hash);
  if (entry != nullptr) {
    place.existing = entry->is_tombstone() ? nullptr : entry;
    place.previous = entry->revision();
    recorder_.Need(Delivery::NeededFor(database, key, database.ShownRevision(*entry)));
  } else {
    // Its tombstone may have been dropped.
    recorder_.Need(Delivery::NeededFor(database, key, database.horizon()));
  }
  return place;
}

Entry* Executor::WriteKey(const Place& place, const NewValue& fresh, Output& output) {
  const Store::Stamp stamp = recorder_.For(place.database, output);
  Entry* entry = place.database.Set(place.existing, {.key = place.key,
                                                     .hash = place.hash,
                                                     .value = fresh.value,
                                                     .version = fresh.version,
                                                     .revision = stamp.revision,
                                                     .in_conflict = fresh.in_conflict,
                                                     .lifetime = fresh.lifetime});
  output.record_items.push_back({.type = RecordType::kSet,
                                 .key = entry->key(),
                                 .value = entry->value(),
                                 .version = fresh.version,
                                 .in_conflict = fresh.in_conflict,
                                 .lifetime = fresh.lifetime,
                                 .previous = place.previous});
  recorder_.Need(Delivery::NeededFor(place.database, place.key, stamp.revision));
  NoteRights(place);
  return entry;
}

void Executor::NoteRights(const Place& place) {
  if (place.key.starts_with(kPermissionKeyPrefix)) {
    const std::string_view user = place.key.substr(kPermissionKeyPrefix.size());
    for (const std::unique_ptr<Session>& session : sessions_) {
      const auto watching = session == nullptr ? nullptr : session->FindWatching(place.database);
      if (watching != nullptr && watching->rights_of() == user) {
        delivery_.BeginAgain(*watching);
      }
    }
  }
}

void Executor::WriteAndAnnounce(const Place& place, const NewValue& fresh, Output& output) {
  if (transactions_.plan != nullptr) {
    transactions_.plan->push_back({.place = place, .fresh = fresh});
    return;
  }
  const Entry* entry = WriteKey(place, fresh, output);
  Announce(place.database, place.hash, Delivery::ChangeOf(*entry), entry->revision(), output);
}

void Executor::RemoveAndAnnounce(const Place& place, Output& output) {
  if (transactions_.plan != nullptr) {
    transactions_.plan->push_back({.place = place, .removes = true});
    return;
  }
  const Store::Stamp stamp = recorder_.For(place.database, output);
  if (place.existing != nullptr) {
    place.database.Remove(place.existing, place.hash, stamp.revision, stamp.time_us);
    place.database.DropOldTombstones(stamp.time_us, kTombstonesPerTurn);
  }
  output.record_items.push_back(
      {.type = RecordType::kRemove, .key = place.key, .previous = place.previous});
  NoteRights(place);
  recorder_.Need(Delivery::NeededFor(place.database, place.key, stamp.revision));
  // Also for a key that is not there: existing clients hear that too.
  Announce(place.database, place.hash, {.kind = ChangeKind::kRemoved, .key = place.key},
           stamp.revision, output);
}

void Executor::Announce(Database& database, std::uint64_t hash, Change change, Revision revision,
                        Output& output) {
  change.revision = revision;
  change.time_us = recorder_.stamp().time_us;
  change.more = transactions_.announces_more;
  delivery_.Announce(database, hash, change, output);
}

void Executor::AnnounceNow(const Change& change, Output& output) {
  if (Database* database = store_.Find(change.database); database != nullptr) {
    const std::string_view watched =
        change.kind == ChangeKind::kConflict ? kConflictsKey : change.key;
    delivery_.Tell(*database, database->Hash(watched), change, output);
  }
}

// ---- replies

void Executor::Ok(const Session& session, Output& output, std::int64_t version) const {
  output.items.emplace_back(Reply{.session = session.id,
                                  .kind = ReplyKind::kOk,
                                  .number = version,
                                  .revision = recorder_.open()});
}

void Executor::Data(const Session& session, Reply reply, Output& output) {
  reply.session = session.id;
  reply.row_count = output.rows.size();
  output.items.emplace_back(reply);
}

void Executor::Error(const Session& session, ErrorCode code, Output& output, std::string_view text,
                     std::int64_t number) {
  output.items.emplace_back(Reply{.session = session.id,
                                  .kind = ReplyKind::kError,
                                  .error = code,
                                  .text = text,
                                  .number = number,
                                  .row_count = output.rows.size()});
}

}  // namespace nunc
