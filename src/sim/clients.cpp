// The checks; what is asked is in clients_script.cpp.
#include "sim/clients.h"

#include <algorithm>
#include <span>
#include <variant>

#include "base/hash.h"

namespace nunc {
namespace {

std::string NameOf(Verb verb) {
  return std::string(RowOf(verb).name);
}

}  // namespace

void Clients::Hash(std::uint64_t number, std::string_view text) {
  hash_ = HashBytes(text, hash_ ^ (number * 0x9E3779B97F4A7C15ULL));
}

void Clients::BeginLife() {
  for (Session& session : sessions_) {
    session = {.id = session.id};
  }
  events_.clear();
  promises_.clear();
}

SessionId Clients::Open(std::uint32_t slot) {
  Session& session = sessions_[slot];
  session = {.id = {.slot = slot, .generation = session.id.generation + 1}, .open = true};
  return session.id;
}

void Clients::Close(std::uint32_t slot) {
  sessions_[slot] = {.id = sessions_[slot].id};
}

bool Clients::AnyWaits() const {
  return std::ranges::any_of(sessions_,
                             [](const Session& session) { return !session.pending.empty(); });
}

const ModelDatabase* Clients::Selected(const Session& session) const {
  return oracle_->model().Find(session.database);
}

// ---- commands

void Clients::Begin(std::uint32_t slot, const Script& script) {
  running_ = &sessions_[slot];
  now_ = {.verb = script.verb, .name = script.name};
  const ModelDatabase* database = Selected(*running_);
  if (script.verb == Verb::kUseDb) {
    database = oracle_->model().Find(script.name);
  }
  now_.rests_on = database == nullptr ? Revision{} : database->secure;
  now_.denied = IsDenied(*running_, script);
  Expect(*running_, script);
}

// Sessions come with the database's token, which opens what the list of `all` says, if there is
// one.
bool Clients::IsDenied(const Session& session, const Script& script) const {
  const ModelDatabase* database = Selected(session);
  const CommandRow& row = RowOf(script.verb);
  if (database == nullptr || row.level != Level::kKey || IsSecureKey(script.key)) {
    return false;
  }
  const ModelEntry* list = database->Find(std::string(kPermissionKeyPrefix) + "all");
  return list != nullptr &&
         !PermissionList::ParseLenient(list->value).Allows(row.permission, script.key);
}

// A read is answered with what is there, and rests on the change that brought it.
void Clients::Expect(const Session& session, const Script& script) {
  const ModelDatabase* database = Selected(session);
  if (database == nullptr) {
    return;
  }
  if (script.verb == Verb::kKeys && WaitsForLog(database->level)) {
    now_.rests_on = std::max(now_.rests_on, database->newest);
  }
  const bool lives = script.verb == Verb::kTtl;
  if (now_.denied || (!lives && script.verb != Verb::kGet && script.verb != Verb::kGetSafe)) {
    return;
  }
  const bool safe = script.verb == Verb::kGetSafe;
  const auto found = database->entries.find(script.key);
  if (found != database->entries.end() && database->IsGated(script.key)) {
    now_.rests_on = std::max(now_.rests_on, found->second.revision);
    now_.rests_on = std::max(now_.rests_on, lives ? found->second.lived : Revision{});
  }
  const ModelEntry* entry = database->Find(script.key);
  Reply expected;
  if (lives) {
    expected.kind = entry == nullptr ? ReplyKind::kNoTtl : ReplyKind::kTtl;
    expected.number = entry == nullptr || entry->lifetime.expires_us == 0 ? 0 : 1;
  } else if (entry == nullptr) {
    expected.kind = safe ? ReplyKind::kNoValueVersion : ReplyKind::kNoValue;
  } else {
    expected.kind = safe ? ReplyKind::kValueVersion : ReplyKind::kValue;
    now_.text = entry->value;
    if (safe) {
      expected.number = entry->in_conflict ? kVersionInConflict : std::int64_t{entry->version};
    }
  }
  now_.expected = expected;
}

void Clients::End(const Script& script) {
  now_.end = oracle_->newest();
  Follow(*running_, script);
  running_->pending.push_back(std::move(now_));
  running_ = nullptr;
}

// What the session has selected and watches from now on.
void Clients::Follow(Session& session, const Script& script) {
  if (script.verb == Verb::kUseDb) {
    const ModelDatabase* selected = oracle_->model().Find(script.name);
    session.database = selected == nullptr ? session.database : selected->id;
    return;
  }
  if ((script.verb != Verb::kWatch && script.verb != Verb::kUnwatch) || now_.denied) {
    return;
  }
  const Place place{session.database.value, script.key};
  const auto found = std::ranges::find(session.watches, place, &Watch::place);
  if (script.verb == Verb::kUnwatch) {
    if (found != session.watches.end()) {
      session.watches.erase(found);
    }
  } else if (found == session.watches.end()) {
    const std::vector<KeyEvent>& events = events_[place];
    // What is not on the medium yet, nobody has heard.
    const auto unheard = std::ranges::find_if(events, [this](const KeyEvent& event) {
      return event.gated && event.revision > oracle_->synced();
    });
    session.watches.push_back({.place = place,
                               .next = {static_cast<std::size_t>(unheard - events.begin())},
                               .before = events.size()});
  }
}

// ---- records

void Clients::AddEvent(const Place& place, KeyEvent event) {
  events_[place].push_back(std::move(event));
}

void Clients::OnRecord(const DecodedRecord& decoded, const Model& before) {
  const Record& record = decoded.record;
  const bool creates = record.type == RecordType::kCreateDatabase;
  now_.writes = true;
  now_.gated = now_.gated || before.IsGated(record);
  if (creates || record.type == RecordType::kDropDatabase) {
    const ModelDatabase* dropped = before.Find(record.database);
    const std::string name(creates ? record.spec.name : std::string_view(dropped->name));
    const ModelEntry* listed = before.Find(kAdminDatabaseId)->Find(name);
    AddEvent({kAdminDatabaseId.value, name},
             {.revision = record.revision,
              .removed = !creates,
              .gated = true,
              .value = creates ? "{}" : "",
              .version = listed == nullptr ? 0 : std::int64_t{listed->version}});
  }
  if (record.type == RecordType::kDropDatabase) {
    for (Session& session : sessions_) {
      if (session.database == record.database) {
        session.database = {};
      }
      for (Watch& watch : session.watches) {
        if (watch.place.first == record.database.value) {
          watch.dropped = true;
          watch.dropped_at = record.revision;
        }
      }
    }
    return;
  }
  const ModelDatabase* database = before.Find(record.database);
  for (const RecordItem& item : record.items) {
    if (item.type == RecordType::kMark || item.type == RecordType::kExpire || database == nullptr) {
      continue;  // who waits for the key hears of the decision; of how long it lives nobody does
    }
    const bool removed = item.type == RecordType::kRemove;
    Withhold(record.database, item);
    AddEvent({record.database.value, std::string(item.key)},
             {.revision = record.revision,
              .removed = removed,
              .gated = database->IsGated(item.key),
              .value = std::string(item.value),
              .version = removed            ? 0
                         : item.in_conflict ? kVersionInConflict
                                            : std::int64_t{item.version}});
  }
}

void Clients::Withhold(DatabaseId database, const RecordItem& rights) {
  if (rights.key != std::string(kPermissionKeyPrefix) + "all" ||
      rights.type == RecordType::kRemove) {
    return;
  }
  const PermissionList list = PermissionList::ParseLenient(rights.value);
  for (Session& session : sessions_) {
    for (Watch& watch : session.watches) {
      const bool denied = watch.place.first == database.value && !IsSecureKey(watch.place.second) &&
                          !list.Allows(Permission::kRead, watch.place.second);
      watch.withheld = watch.withheld || denied;
    }
  }
}

// ---- what is told

Result<void> Clients::OnOutput(const Output& output) {
  for (const auto& item : output.items) {
    Result<void> checked;
    if (const auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
      checked = OnReply(*reply);
    } else {
      const Change& change = *std::get_if<Change>(&item);
      for (std::size_t i = 0; i < change.count && checked; ++i) {
        checked = OnChange(change, output.targets[change.first + i]);
      }
    }
    if (!checked) {
      return checked;
    }
  }
  return {};
}

Result<void> Clients::OnReply(const Reply& reply) {
  Hash(static_cast<std::uint64_t>(reply.kind) * 64 + static_cast<std::uint64_t>(reply.error),
       reply.text);
  Session& session = sessions_[reply.session.slot];
  if (!(session.id == reply.session) || session.pending.empty()) {
    return Violated("a reply to nobody, or to nothing");
  }
  const Pending& pending = session.pending.front();
  if (Result<void> synced = oracle_->MustBeSynced(
          pending.gated ? std::max(pending.rests_on, pending.end) : pending.rests_on,
          "a reply to " + NameOf(pending.verb));
      !synced) {
    return synced;
  }
  if (reply.is_status()) {
    return OnStatus(session, reply);
  }
  // How much is left of a life follows from a clock, so only whether it ends is held against it.
  const bool lives = reply.kind == ReplyKind::kTtl;
  const std::int64_t number = lives ? std::int64_t{reply.number >= 0} : reply.number;
  if (pending.expected && (reply.kind != pending.expected->kind || reply.text != pending.text ||
                           number != pending.expected->number)) {
    return Violated("a " + NameOf(pending.verb) + " was answered \"" +
                    std::string(reply.text.substr(0, 80)) + "\", not \"" +
                    pending.text.substr(0, 80) + "\"");
  }
  return {};
}

Result<void> Clients::OnStatus(Session& session, const Reply& reply) {
  const Pending pending = std::move(session.pending.front());
  session.pending.pop_front();
  if ((reply.kind == ReplyKind::kError && reply.error == ErrorCode::kPermissionDenied) !=
      pending.denied) {
    return Violated("rights were not what they are: " + NameOf(pending.verb));
  }
  const bool snapshot = pending.verb == Verb::kSnapshot && reply.kind == ReplyKind::kOk;
  if (snapshot) {
    if (Result<void> synced = oracle_->MustBeSynced(pending.end, "the reply to snapshot");
        !synced) {
      return synced;
    }
  }
  if (pending.writes || snapshot) {
    promises_.push_back({.revision = pending.end, .gated = pending.gated || snapshot});
  }
  if (reply.kind == ReplyKind::kError && reply.error == ErrorCode::kDiskFull) {
    ++refused_full_;
    if (RowOf(pending.verb).effect == Effect::kReads && !pending.writes &&
        pending.verb != Verb::kArbiter && pending.verb != Verb::kWatch &&
        pending.verb != Verb::kHello) {
      return Violated("a full disk has refused " + NameOf(pending.verb));
    }
  }
  return {};
}

void Clients::Release() {
  for (const Promise& promise : promises_) {
    ++acknowledged_;
    if (promise.gated) {
      oracle_->OnPromised(promise.revision);
    }
  }
  promises_.clear();
}

Result<void> Clients::OnChange(const Change& change, SessionId target) {
  Hash(static_cast<std::uint64_t>(change.kind) + std::uint64_t{target.slot} * 8, change.key);
  Hash(static_cast<std::uint64_t>(change.version), change.value);
  Session& session = sessions_[target.slot];
  if (!(session.id == target) || !session.open) {
    return {};  // its connection is gone, and the driver drops what comes for it
  }
  if (change.kind == ChangeKind::kConflict) {
    return OnConflict(change, change.database);
  }
  if (change.key == kConnectionsKey) {
    return {};
  }
  Revision gone;
  for (Watch& watch : session.watches) {
    if (watch.place.second != change.key) {
      continue;
    }
    if (watch.place.first == change.database.value) {
      return OnKeyEvent(watch, change);
    }
    // With its database the key is gone. Of several that were dropped, it may be any.
    if (change.database == DatabaseId{} && watch.dropped && change.kind == ChangeKind::kRemoved &&
        (gone.value == 0 || watch.dropped_at < gone)) {
      gone = watch.dropped_at;
    }
  }
  if (gone.value > 0) {
    return oracle_->MustBeSynced(gone, "the end of " + std::string(change.key));
  }
  return Violated("a change of " + std::string(change.key) + " that nobody watches");
}

Result<void> Clients::OnKeyEvent(Watch& watch, const Change& change) {
  const std::vector<KeyEvent>& events = events_[watch.place];
  const bool removed = change.kind == ChangeKind::kRemoved;
  std::set<std::size_t> next;
  Revision early;  // of one that it may be, but not yet
  const auto try_at = [&](std::size_t at) {
    const KeyEvent& event = events[at];
    if (event.removed == removed && event.value == change.value &&
        (removed || event.version == change.version)) {
      if (event.gated && event.revision > oracle_->synced()) {
        early = event.revision;
      } else {
        next.insert(at + 1);
      }
    }
  };
  for (const std::size_t from : watch.next) {
    for (std::size_t at = from; at < events.size() && at <= std::max(from, watch.before); ++at) {
      try_at(at);
    }
  }
  if (next.empty() && change.version == kVersionInConflict) {
    return {};  // the first watcher is told the value of a key that has just come to wait
  }
  if (next.empty()) {
    for (std::size_t at = 0; at < (watch.withheld ? events.size() : watch.before); ++at) {
      try_at(at);
    }
    if (!next.empty()) {
      next = watch.next;
    }
  }
  if (next.empty() && early.value > 0) {
    return oracle_->MustBeSynced(early, "a change of " + std::string(change.key));
  }
  if (next.empty() && watch.withheld) {
    return {};  // one of an earlier life, told again
  }
  if (next.empty()) {
    const std::size_t at = *watch.next.begin();
    return Violated("a watcher of " + watch.place.second + " was told \"" +
                    std::string(change.value.substr(0, 80)) + "\" where " +
                    (at < events.size() ? "\"" + events[at].value.substr(0, 80) + "\""
                                        : std::string("nothing")) +
                    " was next");
  }
  watch.next = std::move(next);
  return {};
}

Result<void> Clients::OnConflict(const Change& change, DatabaseId database) {
  const auto found = events_.find({database.value, std::string(change.key)});
  if (found == events_.end()) {
    return {};  // one of an earlier life, told again
  }
  for (const KeyEvent& event : found->second) {
    if (event.value == change.value) {
      return event.gated ? oracle_->MustBeSynced(event.revision, "a conflict") : Result<void>();
    }
  }
  return Violated("an arbiter was told of a conflict that is not in the log");
}

Result<void> Clients::CheckAllHeard() const {
  for (const Session& session : sessions_) {
    for (const Watch& watch : session.watches) {
      const auto events = events_.find(watch.place);
      const std::size_t count = events == events_.end() ? 0 : events->second.size();
      const std::size_t heard = std::max(*watch.next.rbegin(), watch.before);
      if (!watch.dropped && !watch.withheld && heard < count) {
        return Violated("a watcher of " + watch.place.second + " has not heard of everything: " +
                        std::to_string(heard) + " of " + std::to_string(count));
      }
    }
  }
  return {};
}

}  // namespace nunc
