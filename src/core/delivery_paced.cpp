// Watches that are told once in an interval: in between they rest, and cost a change nothing.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "core/delivery.h"

namespace nunc {
namespace {

Change RemovedChange(const Entry& tombstone) {
  return {.kind = ChangeKind::kRemoved, .key = tombstone.key(), .revision = tombstone.revision()};
}

}  // namespace

// What it was told of a moment ago may be told again an interval later.
void Delivery::NoteTold(PatternWatch& watch) const {
  if (watch.policy == WatchPolicy::kEvery) {
    watch.next_us = now_us_ + watch.interval_us;
  }
}

bool Delivery::MustRest(const PatternWatch& watch) const {
  return watch.policy == WatchPolicy::kEvery && now_us_ < watch.next_us &&
         !Planted(Bug::kWatchRateExceeded);
}

// All up to `from` has been told. Only its list has yet to follow.
void Delivery::Rest(PatternWatch& watch, Revision from) {
  watch.Become(std::make_unique<CatchUp>());
  watch.catch_up->from = from;
  watch.catch_up->exact = true;
  watch.catch_up->lazy = true;
  watch.catch_up->begins = watch.wants_tokens ? "delta" : "";
  watch.Start(timers_);
}

// With what it has yet to hear, as soon as it may be told.
void Delivery::GoOnLater(const std::shared_ptr<PatternWatch>& watch) {
  const bool tells = watch->catch_up->phase == CatchUp::Phase::kBehind;
  if (watch->resting) {
    return;
  }
  if (!tells || !MustRest(*watch)) {
    return Queue(watch);
  }
  watch->Start(timers_);
  watch->session->database().watches().patterns().Settle(*watch);
}

void Delivery::Stir(PatternWatch& watch) {
  watch.Stop();
  watch.session->database().watches().patterns().Settle(watch);
}

void Delivery::Wake() {
  for (std::size_t woken = 0; woken < kWakesPerTurn; ++woken) {
    PatternWatch* watch = timers_.Due(now_us_);
    if (watch == nullptr) {
      return;
    }
    Stir(*watch);
    if (Planted(Bug::kWatchTrailingLost)) {
      watch->Become(nullptr);
    } else if (!watch->session->lagging()) {  // Drain comes to one that lags
      Queue(watch->session->FindPattern(watch->prefix, watch->one_key));
    }
  }
}

// While the disk is waited for, what comes is told as to one that is live, but of each key once.
bool Delivery::MayTellClosing(PatternWatch& watch, const Change& change) {
  CatchUp& catch_up = *watch.catch_up;
  if (watch.policy != WatchPolicy::kEvery || catch_up.phase != CatchUp::Phase::kClosing) {
    return true;
  }
  const std::uint64_t hash = watch.session->database().Hash(change.key);
  std::vector<std::uint64_t>& told = catch_up.closing_keys;
  if (change.more || change.revision > catch_up.closes_at || told.size() >= kClosingKeysMax ||
      std::find(told.begin(), told.end(), hash) != told.end()) {
    return false;
  }
  told.push_back(hash);
  return true;
}

// Of a transaction it is told all together, as if it had rested: at once, when its time has come.
void Delivery::RestBefore(PatternWatch& watch, const Change& change) {
  const Revision before = ToldBefore(change, *watch.session);
  Rest(watch, MayWait(*watch.session) ? std::min(before, durable_) : before);
}

// A live one has been told a change.
void Delivery::RestBehind(PatternWatch& watch, const Change& change) {
  NoteTold(watch);
  if (change.key == kConnectionsKey) {
    watch.live_version = change.version;
  }
  if (watch.catch_up == nullptr && MustRest(watch)) {
    const Revision told =
        change.revision == Revision{} ? ToldUpTo(*watch.session) : change.revision;
    Rest(watch, MayWait(*watch.session) ? std::min(told, durable_) : told);
  }
}

// A watch that is behind is about to be told of the key.
void Delivery::BeginTelling(PatternWatch& watch, std::string_view key, Output& output) const {
  TellBegins(watch, output);
  NoteTold(watch);
  std::vector<std::uint64_t>& told = watch.catch_up->closing_keys;
  if (watch.policy == WatchPolicy::kEvery && MayWait(*watch.session) &&
      told.size() < kClosingKeysMax) {
    told.push_back(watch.session->database().Hash(key));
  }
}

// Who is told what a part begins with is told when it ends.
bool Delivery::EndsWithReady(const PatternWatch& watch) {
  return watch.wants_tokens || watch.catch_up->begun;
}

// An entry to a watch that is behind. It waits at the gate for what has come to it since its own
// change.
std::size_t Delivery::TellTo(PatternWatch& watch, const Entry& entry, Output& output) const {
  BeginTelling(watch, entry.key(), output);
  const Database& database = watch.session->database();
  Change change = entry.is_tombstone() ? RemovedChange(entry) : ChangeOf(entry);
  const Revision shown = NeededFor(database, entry.key(), database.ShownRevision(entry));
  change.after = shown > durable_ ? shown : Revision{};
  change.more = EndsWithReady(watch);
  TellOne(*watch.session, change, output);
  return change.key.size() + change.value.size();
}

void Delivery::TellBegins(PatternWatch& watch, Output& output) const {
  watch.catch_up->lazy = false;
  if (std::string begins = std::exchange(watch.catch_up->begins, {}); !begins.empty()) {
    watch.catch_up->begun = true;
    TellOne(*watch.session,
            {.kind = ChangeKind::kStarted,
             .key = output.Keep(watch.pattern()),
             .value = output.Keep(std::move(begins))},
            output);
  }
}

// Of one key no order of revisions has to be walked.
Delivery::Step Delivery::AdvanceKey(PatternWatch& watch, std::size_t& budget, Output& output) {
  const Database& database = watch.session->database();
  const Entry* entry = database.FindAny(watch.prefix, database.Hash(watch.prefix));
  CatchUp& catch_up = *watch.catch_up;
  --budget;
  if (!catch_up.lazy) {
    const Revision changed = entry == nullptr ? database.horizon() : entry->revision();
    if (!catch_up.begins.empty() && changed <= catch_up.from && changed != Revision{}) {
      catch_up.begins = "current";
    }
    TellBegins(watch, output);
  }
  if (entry == nullptr) {
    // Its tombstone may be gone.
    if (database.horizon() > catch_up.from) {
      BeginTelling(watch, watch.prefix, output);
      TellOne(*watch.session,
              {.kind = ChangeKind::kRemoved,
               .key = output.Keep(watch.prefix),
               .more = EndsWithReady(watch)},
              output);
    }
  } else if (entry->revision() == Revision{}) {
    TellConnections(watch, output);
  } else if (entry->revision() > catch_up.from && MaySee(watch, database, watch.prefix) &&
             NeededFor(database, watch.prefix, entry->revision()) <= durable_) {
    TellTo(watch, *entry, output);
  }
  StartClosing(watch, output);
  return Close(watch, output);
}

}  // namespace nunc
