#include "core/delivery.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/planted.h"
#include "core/delta_walk.h"

namespace nunc {
namespace {

// Where the newer value begins in the text of an open conflict.
std::size_t NewerValueAt(Database& database, const Entry& conflict) {
  constexpr int kWordsBefore = 4;  // of `resolve ID DATABASE VERSION KEY REFERENCE NEW`
  const std::string_view text = conflict.value();
  std::size_t from = 0;
  for (int word = 0; word < kWordsBefore; ++word) {
    from = text.find(' ', from) + 1;
  }
  const std::size_t reference = text.find(' ', from) + 1;
  const std::string_view key = text.substr(from, reference - 1 - from);
  // The reference of a key's first conflict is what is stored, which waits for the decision as it
  // is; that of a later one is a word.
  const Entry* stored = database.Find(key);
  const bool first = stored != nullptr && !database.conflicts().OpenOf(key).empty() &&
                     ConflictKey(key, database.conflicts().OpenOf(key).front()) == conflict.key();
  const std::size_t behind = first ? reference + stored->value().size() : text.size();
  if (behind < text.size() && text[behind] == ' ' &&
      text.substr(reference, behind - reference) == stored->value()) {
    return behind + 1;
  }
  return std::min(text.find(' ', reference), text.size() - 1) + 1;
}

}  // namespace

// Secrets and rights are always synced: no one may act on a right that a power cut takes back.
Revision Delivery::NeededFor(const Database& database, std::string_view key, Revision revision) {
  return WaitsForLog(database.level()) || IsSecureKey(key) ? revision : Revision{};
}

Change Delivery::ChangeOf(const Entry& entry) {
  return {.kind = ChangeKind::kSet,
          .key = entry.key(),
          .value = entry.value(),
          .version = entry.in_conflict() ? kVersionInConflict : std::int64_t{entry.version()},
          .revision = entry.revision()};
}

Change Delivery::ConflictChangeOf(Database& database, const Entry& conflict) {
  return {.kind = ChangeKind::kConflict,
          .key = conflict.key(),
          .value = conflict.value(),
          .newer_at = NewerValueAt(database, conflict)};
}

void Delivery::Announce(Database& database, std::uint64_t hash, Change change, Output& output) {
  change.database = database.id();
  change.after = NeededFor(database, change.key, change.revision);
  if (change.after > durable_ && !Planted(Bug::kWatchUnsyncedTold)) {
    // Also while nobody watches: who begins to before it may be seen must hear of it then.
    output.items.emplace_back(change);
    return;
  }
  Tell(database, hash, change, output);
}

void Delivery::Tell(Database& database, std::uint64_t hash, Change change, Output& output) {
  Watches& watches = database.watches();
  if (watches.empty()) {
    return;
  }
  change.database = database.id();
  change.first = output.targets.size();
  const bool for_arbiters = change.kind == ChangeKind::kConflict;
  const bool patterns = !watches.patterns().empty() && !for_arbiters;
  told_ += patterns ? 1 : 0;
  if (const WatchedKey* watched = watches.Find(for_arbiters ? kConflictsKey : change.key, hash);
      watched != nullptr) {
    const std::size_t bytes = change.key.size() + change.value.size();
    for (const WatchedKey::Watcher& watcher : watched->watchers()) {
      WatchingSession& to = *watcher.session;
      if (to.lagging() && !to.MayTell(watcher.interest, bytes)) {
        to.MarkDirty(watcher.interest);
        continue;
      }
      output.targets.push_back(to.id());
      CloseUnit(to, change);
      if (patterns) {
        to.BeginTelling(told_);
      }
    }
  }
  if (patterns) {
    watches.patterns().ForEachMatch(
        change.key, [&](PatternWatch& watch) { TellPattern(watch, database, change, output); });
  }
  change.count = output.targets.size() - change.first;
  if (change.count > 0) {
    output.items.emplace_back(change);
  }
}

// The keys of a transaction are one unit, which only a `ready` closes.
void Delivery::CloseUnit(WatchingSession& to, const Change& change) {
  if (!change.more || !(to.wants_tokens || to.knows_ready) || Planted(Bug::kWatchUnitOpen)) {
    return;
  }
  if (const std::shared_ptr<WatchingSession> watching = to.weak_from_this().lock();
      watching != nullptr) {
    to.closes_at = ClosesAt(to);
    closing_is_new_ = true;
    CloseLater(watching);
  }
}

// What the watch has yet to come to, it will come to, and so it is once it has missed something;
// what it has passed is told, or noted while the session lags.
void Delivery::TellPattern(PatternWatch& watch, const Database& database, const Change& change,
                           Output& output) {
  const bool live = watch.catch_up == nullptr;
  if (!live) {
    const CatchUp::Phase phase = watch.catch_up->phase;
    const bool just_listed = Planted(Bug::kWatchListedLost) && phase == CatchUp::Phase::kListing &&
                             change.key == std::string_view(watch.catch_up->listed_to);
    const bool passed = phase == CatchUp::Phase::kClosing ||
                        (phase == CatchUp::Phase::kListing &&
                         (Planted(Bug::kWatchListedTwice) ||
                          change.key <= std::string_view(watch.catch_up->listed_to)));
    if (!passed || just_listed || (watch.catch_up->missed && !Planted(Bug::kWatchMissedTwice))) {
      return;
    }
  }
  if (!MaySee(watch, database, change.key)) {
    return;
  }
  if (!watch.session->lagging() || Planted(Bug::kWatchLagTold)) {
    if (live && watch.policy == WatchPolicy::kEvery && change.more) {
      return RestBefore(watch, change);
    }
    if (!live && !MayTellClosing(watch, change)) {
      watch.catch_up->missed = ToldBefore(change, *watch.session);
      return;
    }
    if (watch.session->BeginTelling(told_) || Planted(Bug::kWatchEachTold)) {
      output.targets.push_back(watch.session->id());
      CloseUnit(*watch.session, change);
    }
    if (watch.policy == WatchPolicy::kEvery) {
      RestBehind(watch, change);
    }
    return;
  }
  if (live && watch.policy == WatchPolicy::kAll) {
    WatchingSession& to = *watch.session;
    if (to.WasTold(told_) || to.TakeAllowance(change.key.size() + change.value.size())) {
      if (to.BeginTelling(told_)) {
        output.targets.push_back(to.id());
        CloseUnit(to, change);
      }
      return;
    }
    watch.gap = true;
  }
  if (Planted(Bug::kWatchLagUnnoted)) {
    return;
  }
  const Revision before = ToldBefore(change, *watch.session);
  if (live) {
    watch.Become(std::make_unique<CatchUp>());
    watch.catch_up->from = before;
    watch.catch_up->exact = true;
    // What it is told next may leave out changes, up to the `ready` that follows.
    watch.catch_up->begins = watch.wants_tokens ? "delta" : "";
  } else {
    watch.catch_up->missed = before;
  }
}

// Changes are told in their order, but for those that wait where others do not.
Revision Delivery::ToldBefore(const Change& change, const WatchingSession& to) const {
  if (change.revision == Revision{}) {
    return ToldUpTo(to);
  }
  const Revision before{change.revision.value - 1};
  return to.admin ? std::min(before, ToldUpTo(to)) : before;
}

std::size_t Delivery::ReplayConflicts(Database& database, const WatchingSession& to,
                                      Output& output) const {
  std::size_t bytes = 0;
  for (const std::string& key : database.conflicts().OpenConflictKeys()) {
    const Entry* entry = database.Find(key);
    CHECK(entry != nullptr);
    if (NeededFor(database, entry->key(), entry->revision()) > durable_) {
      continue;  // arbiters, this one too, are told when the gate opens for it
    }
    TellOne(to, ConflictChangeOf(database, *entry), output);
    bytes += entry->key().size() + entry->value().size();
  }
  return bytes;
}

void Delivery::MarkLagging(Session& session) const {
  session.lagging = true;
  session.allowance = all_bytes_max_;
  for (const Session::DatabaseWatches& watching : session.watches) {
    watching.watches->set_lagging(true);
    for (const auto& [prefix, watch] : watching.watches->patterns()) {
      if (watch->catch_up != nullptr) {
        // It would hold a place in the order of revisions for as long as the client likes.
        DeltaWalk::Leave(*watch->catch_up);
      }
    }
  }
}

std::size_t Delivery::TellDirty(const WatchingSession::Dirty& dirty, WatchingSession& to,
                                Output& output) const {
  const WatchedKey& watched = *dirty.key;
  const Database& database = to.database();
  const Entry* entry = database.FindAny(watched.key(), database.Hash(watched.key()));
  std::size_t bytes = 0;
  if (dirty.gap && !Planted(Bug::kWatchGapUntold)) {
    TellOne(to, {.kind = ChangeKind::kGap, .key = watched.key()}, output);
    bytes = watched.key().size();
  }
  if (to.wants_tokens) {
    bytes += TellBegun(to, output);
    to.closes_at = ClosesAt(to);
  }
  if (entry != nullptr && NeededFor(database, watched.key(), entry->revision()) > durable_) {
    to.awaits = std::max(to.awaits, entry->revision());
    return bytes;  // it is told when the gate opens for it
  }
  // Without a revision: what was marked may have been the removal of a key that was not there.
  Change change{.kind = ChangeKind::kRemoved, .key = watched.key()};
  if (entry != nullptr && !entry->is_tombstone()) {
    change = ChangeOf(*entry);
  }
  change.more = to.wants_tokens;
  // That it has come to wait for an arbiter is announced to nobody, so it is held here; one that
  // is not even a tombstone is removed by whatever was dropped last.
  const Revision shown = NeededFor(
      database, change.key, entry == nullptr ? database.horizon() : database.ShownRevision(*entry));
  change.after = shown > durable_ ? shown : Revision{};
  TellOne(to, change, output);
  return bytes + (change.after == Revision{} ? change.key.size() + change.value.size() : 0);
}

// That what follows of its keys is a part; gives its bytes.
std::size_t Delivery::TellBegun(WatchingSession& to, Output& output) const {
  Change started{.kind = ChangeKind::kStarted};
  if (to.rewound) {
    started.value = output.Keep(RewoundTo(*to.rewound, to.database()));
  } else if (!to.keys_begun) {
    started.value = "delta";
  } else {
    return 0;
  }
  to.rewound.reset();
  to.keys_begun = true;
  TellOne(to, started, output);
  return started.value.size();
}

void Delivery::Drain(Session& session, Output& output) {
  std::size_t bytes = 0;
  std::size_t told = 0;
  for (const Session::DatabaseWatches& watching : session.watches) {
    Database& database = *watching.database;
    while (bytes < kSliceBytes && told < entries_per_turn_) {
      const WatchingSession::Dirty dirty = watching.watches->TakeDirty();
      if (dirty.key == nullptr) {
        break;
      }
      const std::size_t now = dirty.key->key() == kConflictsKey
                                  ? ReplayConflicts(database, *watching.watches, output)
                                  : TellDirty(dirty, *watching.watches, output);
      bytes += now;
      told += now > 0 ? 1 : 0;
    }
  }
  // What is held now comes by itself later.
  if (bytes > 0) {
    return;
  }
  session.lagging = false;
  for (const Session::DatabaseWatches& watching : session.watches) {
    WatchingSession& live = *watching.watches;
    live.set_lagging(false);
    for (const auto& [prefix, watch] : live.patterns()) {
      if (watch->catch_up != nullptr) {
        GoOnLater(watch);
      }
    }
    if (live.closes_at) {
      closing_is_new_ = true;
      CloseLater(watching.watches);
    }
  }
}

}  // namespace nunc
