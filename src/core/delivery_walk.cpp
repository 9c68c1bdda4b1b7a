// What has changed since watches of patterns were told last: many of them go through it together.
#include <algorithm>

#include "base/planted.h"
#include "core/delivery.h"
#include "core/delta_walk.h"

namespace nunc {

// From now on what changes is met by the walk, which comes to the end of the order.
void Delivery::Join(const std::shared_ptr<PatternWatch>& watch) {
  Database& database = watch->session->database();
  CatchUp& catch_up = *watch->catch_up;
  if (!catch_up.begins.empty() && !catch_up.lazy && database.newest_revision() <= catch_up.from) {
    catch_up.begins = "current";
  }
  catch_up.exact = false;
  catch_up.phase = CatchUp::Phase::kWalking;
  const bool admin = watch->session->admin;
  const bool every = watch->policy == WatchPolicy::kEvery;
  std::weak_ptr<DeltaWalk>& open = database.watches().patterns().open_walks[admin][every];
  std::shared_ptr<DeltaWalk> walk = open.lock();
  if (walk == nullptr || !walk->CanBeJoined()) {
    walk = std::make_shared<DeltaWalk>(database, admin, every);
    open = walk;
    // Behind those that are about to begin, who can join it.
    advancing_.push_back({.walk = walk});
  }
  walk->Join(walk, watch);
}

Delivery::Step Delivery::AdvanceWalk(DeltaWalk& walk, std::size_t& budget, Output& output) {
  const Database& database = walk.database();
  if (database.secure_revision() > durable_) {
    return Step::kWaits;
  }
  CheckHorizon(walk);
  walk.Start();
  while (walk.goes_back()) {
    if (budget == 0) {
      return Step::kMore;
    }
    --budget;
    walk.GoBack();
    for (int late = 0; !walk.goes_back() && Planted(Bug::kWatchDeltaLate) && late < 2; ++late) {
      walk.Next();
    }
  }
  // Keys that were changed as one are told as one: a slice does not end between them.
  bool whole = true;
  for (std::size_t bytes = 0; (bytes < kSliceBytes && budget > 0) || !whole;) {
    const Entry* entry = walk.Peek();
    const bool waits = entry != nullptr &&
                       NeededFor(database, entry->key(), entry->revision()) > durable_ &&
                       !Planted(Bug::kWatchUnsyncedWalked);
    // Where all keys wait, what follows is newer, waits at the gate, and is told from there as to
    // who is live; under steady writing the walk would never come to an end.
    if (entry == nullptr || (waits && WaitsForLog(database.level()))) {
      return EndWalk(walk, /*behind=*/false, budget, output);
    }
    if (waits && walk.admin()) {
      return Step::kWaits;  // for a `$$` key, which others do not see
    }
    // Of what has changed since this time began, some may have been told in it.
    if (walk.every() && entry->revision() > walk.upto() && !Planted(Bug::kWatchRateExceeded)) {
      return EndWalk(walk, /*behind=*/true, budget, output);
    }
    bytes += TellNext(walk, budget, output);
    const Entry* next = walk.Peek();
    whole = next == nullptr || next->revision() > entry->revision();
    if (whole || Planted(Bug::kWatchUnitSplit)) {
      walk.Pass(entry->revision());
    }
  }
  return Step::kMore;
}

// A tombstone that it has yet to come to may be gone.
void Delivery::CheckHorizon(DeltaWalk& walk) {
  const Revision horizon = walk.database().horizon();
  if (horizon <= std::max(walk.horizon, walk.passed()) || Planted(Bug::kWatchHorizonIgnored) ||
      (Planted(Bug::kWatchHorizonOnce) && !walk.goes_back())) {
    return;
  }
  walk.horizon = horizon;
  for (const std::shared_ptr<PatternWatch>& watch : walk.All()) {
    if (horizon > watch->catch_up->from) {
      StartListing(*watch, "snapshot");
      Queue(watch);
    }
  }
}

// Gives the bytes that were told.
std::size_t Delivery::TellNext(DeltaWalk& walk, std::size_t& budget, Output& output) const {
  const Entry& entry = *walk.Next();
  budget -= budget > 0 ? 1 : 0;
  std::size_t bytes = 0;
  if (Planted(Bug::kWatchTombstoneUntold) && entry.is_tombstone()) {
    return bytes;
  }
  walk.ForEachMatch(entry.key(), [&](PatternWatch& watch) {
    const Revision told = Planted(Bug::kWatchUnitSplit)
                              ? std::max(watch.catch_up->from, walk.passed())
                              : watch.catch_up->from;
    if (entry.revision() > told && MaySee(watch, walk.database(), entry.key())) {
      bytes += TellTo(watch, entry, output);
      budget -= budget > 0 ? 1 : 0;
    }
  });
  return bytes;
}

// Each of its watches goes its own way; those that are `behind` when they may be told again.
Delivery::Step Delivery::EndWalk(DeltaWalk& walk, bool behind, std::size_t& budget,
                                 Output& output) {
  for (auto watch = walk.First(); watch != nullptr; watch = walk.First()) {
    if (budget == 0) {
      return Step::kMore;
    }
    --budget;
    Step step = Step::kMore;
    if (behind) {
      watch->catch_up->from = std::max(watch->catch_up->from, walk.upto());
      step = GoBehind(*watch);
    } else {
      TellConnections(*watch, output);
      StartClosing(*watch, output);
      step = Close(*watch, output);
    }
    if (step == Step::kMore) {
      Queue(watch);
    } else if (step == Step::kWaits) {
      watch->queued = true;
      waiting_.push_back({.watch = watch});
    }
    End(watch, step);
  }
  return Step::kDone;
}

// Its place in the order of revisions is given back meanwhile.
Delivery::Step Delivery::GoBehind(PatternWatch& watch) const {
  DeltaWalk::Leave(*watch.catch_up);
  watch.catch_up->closing_keys.clear();
  watch.catch_up->phase = CatchUp::Phase::kBehind;
  return MustRest(watch) ? Step::kRests : Step::kMore;
}

}  // namespace nunc
