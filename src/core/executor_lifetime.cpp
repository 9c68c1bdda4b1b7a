#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/planted.h"
#include "core/executor.h"

namespace nunc {
namespace {

// Of a record about one key, beside the key.
constexpr std::size_t kBytesPerRecord = 128;

}  // namespace

// ---- commands

bool Executor::RefuseLifetime(const Session& session, const Command& command, const Entry* existing,
                              Output& out) {
  const bool with_session = command.verb == Verb::kSetSession;
  if (!command.ttl_ms && !with_session) {
    return false;
  }
  if (!MayEnd(command.key)) {
    Error(session, ErrorCode::kSecureLifetime, out, command.key);
    return true;
  }
  if (command.ttl_ms && (*command.ttl_ms < 1 || *command.ttl_ms > kLifetimeMsMax)) {
    Error(session, ErrorCode::kBadTtl, out, {}, *command.ttl_ms);
    return true;
  }
  const std::int64_t grace_ms = command.grace_ms.value_or(0);
  if (grace_ms < 0 || grace_ms > kLifetimeMsMax) {
    Error(session, ErrorCode::kBadGrace, out, {}, grace_ms);
    return true;
  }
  const bool own = with_session && existing != nullptr && session.owner != 0 &&
                   session.database->LifetimeOf(*existing).owner == session.owner;
  if (with_session && !own && store_.lifetimes().CountOf(session.owner) >= kSessionKeysMax) {
    Error(session, ErrorCode::kTooManySessionKeys, out);
    return true;
  }
  return false;
}

Lifetime Executor::LifetimeAfter(Session& session, const Command& command,
                                 const Entry* existing) const {
  if (command.verb == Verb::kSetSession) {
    if (session.owner == 0) {
      session.owner = store_.revision().value + 1;  // of this very write: nobody else has it
    }
    session.may_own = true;
    return {.owner = session.owner, .grace_us = command.grace_ms.value_or(0) * kUsPerMs};
  }
  if (command.ttl_ms) {
    return {.expires_us = store_.lifetimes().log_now_us() + *command.ttl_ms * kUsPerMs};
  }
  return command.keeps_lifetime && existing != nullptr ? session.database->LifetimeOf(*existing)
                                                       : Lifetime{};
}

void Executor::ChangeLifetime(const Place& place, const Lifetime& lifetime, Output& output) {
  const Store::Stamp stamp = recorder_.For(place.database, output);
  place.database.ChangeLifetime(*place.existing, lifetime, stamp.revision);
  output.record_items.push_back({.type = RecordType::kExpire,
                                 .key = place.existing->key(),
                                 .version = place.existing->version(),
                                 .lifetime = lifetime,
                                 .previous = place.previous});
  recorder_.Need(Delivery::NeededFor(place.database, place.key, stamp.revision));
}

// `expire` and `persist`: the key has one lifetime, which is replaced.
void Executor::Expire(Session& session, const Command& command, Output& output) {
  if (RefuseServerKey(session, command.key, output)) {
    return;
  }
  const Place place = Locate(*session.database, command.key);
  recorder_.Need(
      Delivery::NeededFor(place.database, place.key, place.database.lifetime_revision()));
  if (RefuseLifetime(session, command, place.existing, output)) {
    return;
  }
  if (place.existing == nullptr) {
    return Error(session, ErrorCode::kKeyAbsent, output, {}, -1);
  }
  if (command.ttl_ms || place.existing->has_lifetime()) {
    ChangeLifetime(place, LifetimeAfter(session, command, nullptr), output);
  }
  Ok(session, output);
  std::get<Reply>(output.items.back()).revision = {};  // the key's own is as it was
}

// Who names a former session gets its keys: they live with this one from now on.
void Executor::Hello(Session& session, const Command& command, Output& output) {
  std::optional<SessionName> former;
  if (!command.secret.empty()) {
    former = ParseSessionName(command.secret);
    if (!former) {
      return Error(session, ErrorCode::kBadSession, output);
    }
  }
  // What the former one has may not have come here yet.
  if (follows_ && options_.forwards && former && former->owner() != session.owner) {
    return Forward(session, command, output);
  }
  std::vector<Lifetimes::Item> taken;
  std::size_t bytes = kRecordBytesAround;
  if (former && former->owner() != session.owner && !Planted(Bug::kWatchLifetimeUnowned)) {
    const Lifetimes::Item* item = store_.lifetimes().NextOf(former->owner(), 0);
    for (; item != nullptr; item = store_.lifetimes().NextOf(former->owner(), item->number)) {
      taken.push_back(*item);
      bytes += item->entry->key().size() + kBytesPerRecord;
    }
  }
  if (follows_ && !taken.empty()) {
    return Error(session, ErrorCode::kNotPrimary, output, primary_);
  }
  if (store_.lifetimes().CountOf(session.owner) + taken.size() > kSessionKeysMax) {
    return Error(session, ErrorCode::kTooManySessionKeys, output);
  }
  if (!taken.empty() && !recorder_.HasRoom(bytes)) {
    return Error(session, ErrorCode::kDiskFull, output);
  }
  if (!taken.empty() && session.owner == 0) {
    session.owner = store_.revision().value + 1;
  }
  session.may_own = session.may_own || !taken.empty();
  for (const Lifetimes::Item& item : taken) {
    if (store_.Find(item.database->id()) == item.database) {
      ChangeLifetime(Locate(*item.database, item.entry->key()),
                     {.owner = session.owner, .grace_us = item.lifetime.grace_us}, output);
    }
  }
  recorder_.Close();
  Data(session,
       {.kind = ReplyKind::kHello,
        .text = output.Keep(FormatSessionName(session.name)),
        .number = taken.empty() ? 0 : 1},
       output);
  Ok(session, output);
}

// ---- the end of keys

void Executor::BeginTerm(Output& output) {
  // No conflict id of a former life returns: each was at most as late as the log.
  last_conflict_.value = std::max(last_conflict_.value, (store_.LogTimeUs(0) + 1) * 1000);
  follows_ = false;
  store_.lifetimes().Begin(now_.mono_us, store_.LogTimeUs(now_.wall_us));
  // The other nodes have yet to say whom they have.
  if (options_.cluster == nullptr) {
    KeepOwners({});
  }
  recorder_.New({.type = RecordType::kNoop}, output);
  recorder_.Close();
}

// The records are ordinary ones, so that no other node and no start ever asks a clock.
void Executor::EndKeys(Output& output) {
  recorder_.Begin();
  Lifetimes& lifetimes = store_.lifetimes();
  std::size_t bytes = 0;  // that have been taken of the log
  bool more = true;
  for (std::size_t ended = 0; more && ended < kExpiriesPerTurn; ++ended) {
    const Lifetimes::Item* item = lifetimes.Next();
    if (item == nullptr) {
      break;
    }
    Database& database = *item->database;
    if (store_.Find(database.id()) != &database) {
      store_.ForgetLifetime(database, *item->entry);
      continue;
    }
    const std::string_view key = output.Keep(std::string(item->entry->key()));
    Lifetime lifetime = item->lifetime;
    const bool waits = lifetime.expires_us == 0 && lifetime.grace_us > 0;
    const bool conflicts = item->entry->in_conflict() && !waits;
    if (conflicts && bytes > 0) {
      break;  // they ask for room as if they were alone, so they do in the next turn
    }
    if (!recorder_.HasRoom(bytes + key.size() + kRecordBytesAround) ||
        (conflicts && !ForgetConflicts(database, key, output))) {
      lifetimes.PutOff();
      break;
    }
    if (waits) {
      lifetime.expires_us = lifetimes.log_now_us() + lifetime.grace_us;
      ChangeLifetime(Locate(database, key), lifetime, output);
    } else {
      RemoveAndAnnounce(Locate(database, key), output);
    }
    recorder_.Close();
    bytes += key.size() + kBytesPerRecord;
    more = !conflicts;
  }
  recorder_.Finish(output);
}

}  // namespace nunc
