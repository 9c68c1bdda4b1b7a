#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "core/delivery.h"
#include "core/delta_walk.h"

namespace nunc {
// ---- tokens and the words around what is told

bool Delivery::MayWait(const WatchingSession& to) const {
  const Database& database = to.database();
  return WaitsForLog(database.level()) || (to.admin && database.secure_revision() > durable_);
}

Revision Delivery::ToldUpTo(const WatchingSession& to) const {
  return MayWait(to) && !Planted(Bug::kWatchTokenAhead) ? std::min(durable_, newest_) : newest_;
}

void Delivery::TellOne(const WatchingSession& to, Change change, Output& output) {
  change.database = to.database().id();
  change.first = output.targets.size();
  change.count = 1;
  output.targets.push_back(to.id());
  output.items.emplace_back(change);
}

void Delivery::TellReady(const WatchingSession& to, std::string_view pattern, Revision revision,
                         Output& output) const {
  const Token token = history_.At(revision, to.database().id());
  TellOne(to,
          {.kind = ChangeKind::kReady,
           .key = output.Keep(std::string(pattern)),
           .value = output.Keep(FormatToken(token)),
           .revision = revision},
          output);
}

void Delivery::TellProgress(Session& session, Output& output) {
  if (session.lagging) {
    return;
  }
  for (const Session::DatabaseWatches& watching : session.watches) {
    WatchingSession& to = *watching.watches;
    const Revision revision = ToldUpTo(to);
    const bool current =
        (to.behind == 0 || Planted(Bug::kWatchProgressBehind)) && !to.closes_at && MayClose(to, {});
    if (to.wants_tokens && to.size() > 0 && current && to.token_at < revision) {
      to.token_at = revision;
      TellReady(to, {}, revision, output);
    }
  }
}

// ---- the beginning of a watch

bool Delivery::Judge(const Database& database, std::string_view since, Begin& begin) const {
  begin.from_now = since.empty();
  if (since.empty() || since == "0") {
    return true;
  }
  const std::optional<Token> token = ParseToken(since);
  if (!token) {
    return false;
  }
  begin.since = token->revision;
  begin.judged = history_.Judge(*token, database.id(), newest_);
  return begin.judged.worth != History::Worth::kForeign &&
         begin.judged.worth != History::Worth::kFuture;
}

void Delivery::StartListing(PatternWatch& watch, std::string_view with) {
  watch.Become(std::make_unique<CatchUp>());
  watch.catch_up->phase = CatchUp::Phase::kListing;
  watch.catch_up->begins = watch.silent ? std::string_view() : with;
}

std::string Delivery::RewindTo(Revision shared, const Database& database) const {
  return "rewind " + FormatToken(history_.At(shared, database.id()));
}

void Delivery::BeginPattern(const std::shared_ptr<PatternWatch>& watch, const Begin& begin) {
  WatchingSession& session = *watch->session;
  watch->Become(nullptr);
  Stir(*watch);
  watch->policy = begin.policy;
  watch->interval_us = begin.interval_us;
  watch->next_us = 0;
  watch->live_version = -1;
  watch->gap = false;
  // Who asks for all knows what a gap and a `ready` are.
  watch->wants_tokens = !begin.from_now || begin.policy == WatchPolicy::kAll;
  session.wants_tokens = session.wants_tokens || watch->wants_tokens;
  if (begin.from_now) {
    return;
  }
  if (begin.judged.worth == History::Worth::kGood && RightsOf(session) > begin.since &&
      !Planted(Bug::kWatchRightsAway)) {
    StartListing(*watch, "rights");
  } else if (begin.judged.worth == History::Worth::kGood) {
    watch->Become(std::make_unique<CatchUp>());
    watch->catch_up->from = begin.since;
    watch->catch_up->exact = true;
    watch->catch_up->begins = "delta";
  } else if (begin.judged.worth == History::Worth::kRewound) {
    StartListing(*watch, RewindTo(begin.judged.shared, session.database()));
  } else {
    StartListing(*watch, "snapshot");
  }
  Queue(watch);
}

void Delivery::BeginKey(const std::shared_ptr<WatchingSession>& watching, std::string_view key,
                        const Begin& begin, Output& output) {
  if (begin.from_now) {
    return;
  }
  watching->wants_tokens = true;
  Database& database = watching->database();
  if (database.secure_revision() > durable_) {
    // As for patterns. Until then it is told nothing, so it begins with all that is there then.
    database.watches().Remove(*watching, key, database.Hash(key));
    const bool rewound = begin.judged.worth == History::Worth::kRewound;
    begin_later_.push_back({.watching = watching,
                            .key = std::string(key),
                            .begin = {.from_now = false,
                                      .judged = rewound ? begin.judged : History::Judged{},
                                      .policy = begin.policy}});
    return;
  }
  const Entry* entry = database.FindAny(key, database.Hash(key));
  const bool good = begin.judged.worth == History::Worth::kGood;
  const bool delta = good && RightsOf(*watching) <= begin.since;
  const Revision changed = entry != nullptr                 ? entry->revision()
                           : Planted(Bug::kWatchKeyHorizon) ? Revision{}
                                                            : database.horizon();
  const bool live_key = entry != nullptr && entry->revision() == Revision{};  // none says when
  const bool news = !delta || changed > begin.since || live_key;
  const bool there = entry != nullptr && !entry->is_tombstone();
  Change started{.kind = ChangeKind::kStarted,
                 .key = output.Keep(std::string(key)),
                 .value = !good    ? "snapshot"
                          : !delta ? "rights"
                          : news   ? "delta"
                                   : "current"};
  if (begin.judged.worth == History::Worth::kRewound) {
    started.value = output.Keep(RewindTo(begin.judged.shared, database));
  }
  TellOne(*watching, started, output);
  // What is not on disk is told when the gate opens for it; no change is left to be told of one
  // whose tombstone is gone.
  const bool comes = entry != nullptr && NeededFor(database, key, changed) > durable_;
  watching->awaits = comes ? std::max(watching->awaits, changed) : watching->awaits;
  if (news && (there || delta) && !comes) {
    Change change{.kind = ChangeKind::kRemoved, .key = started.key};
    if (there) {
      change = ChangeOf(*entry);
    } else if (entry != nullptr) {
      change.revision = changed;
    }
    change.more = true;
    const Revision shown =
        NeededFor(database, key, there ? database.ShownRevision(*entry) : changed);
    change.after = shown > durable_ ? shown : Revision{};
    TellOne(*watching, change, output);
  }
  watching->closes_at = ClosesAt(*watching);
  if (!watching->lagging()) {
    CloseKeys(watching, output);
  }
}

void Delivery::Unwatch(const WatchingSession& watching, std::string_view key) {
  std::erase_if(begin_later_, [&](const BeginLater& later) {
    return later.watching.lock().get() == &watching && (key.empty() || later.key == key);
  });
}

void Delivery::Forget(Database& database, Revision dropped, Output& output) {
  const auto tell = [&](const WatchingSession& to, std::string_view what) {
    TellOne(to, {.kind = ChangeKind::kStarted, .key = what, .value = kDropped, .after = dropped},
            output);
  };
  for (const WatchedKey* watched : database.watches().All()) {
    const std::string_view key = output.Keep(std::string(watched->key()));
    for (const WatchedKey::Watcher& watcher : watched->watchers()) {
      if (!watcher.session->IsSilent()) {
        tell(*watcher.session, key);
      }
    }
  }
  for (PatternWatch* watch : database.watches().patterns().All()) {
    if (!watch->silent) {
      tell(*watch->session, output.Keep(watch->pattern()));
    } else if (MaySee(*watch, database, watch->prefix)) {
      output.items.emplace_back(Change{.kind = ChangeKind::kRemoved,
                                       .key = output.Keep(watch->prefix),
                                       .first = output.targets.size(),
                                       .count = 1,
                                       .after = dropped});
      output.targets.push_back(watch->session->id());
    }
  }
}

// ---- slices

void Delivery::SetDurable(Revision durable) {
  durable_ = durable;
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(advancing_));
  waiting_.clear();
}

void Delivery::Advance(Output& output) {
  Wake();
  AdvancePatterns(output);
  for (const BeginLater& later : std::exchange(begin_later_, {})) {
    const std::shared_ptr<WatchingSession> watching = later.watching.lock();
    if (watching == nullptr) {
      continue;
    }
    Database& database = watching->database();
    database.watches().Add(*watching, later.key, database.Hash(later.key), later.begin.policy);
    if (MayRead(*watching, later.key)) {
      BeginKey(watching, later.key, later.begin, output);
    } else {
      BeginAgain(*watching);
    }
  }
  closing_is_new_ = false;
  for (const std::weak_ptr<WatchingSession>& closing : std::exchange(closing_, {})) {
    const std::shared_ptr<WatchingSession> watching = closing.lock();
    if (watching != nullptr) {
      watching->in_closing = false;
    }
    // One that lags is closed when it has drained.
    if (watching != nullptr && watching->closes_at && !watching->lagging()) {
      CloseKeys(watching, output);
    }
  }
}

void Delivery::Queue(const std::shared_ptr<PatternWatch>& watch) {
  if (!std::exchange(watch->queued, true)) {
    advancing_.push_back({.watch = watch});
  }
}

void Delivery::AdvancePatterns(Output& output) {
  if (advancing_.empty()) {
    return;  // nearly always; even an empty deque allocates
  }
  std::size_t budget = entries_per_turn_;
  const std::size_t at_once = std::clamp<std::size_t>(advancing_.size(), 1, kCatchUpsAtOnce);
  const std::size_t share = std::max<std::size_t>(1, entries_per_turn_ / at_once);
  std::deque<Job> left;
  while (left.size() < kCatchUpsAtOnce && budget > 0 && !advancing_.empty()) {
    const Job job = advancing_.front();
    advancing_.pop_front();
    const std::shared_ptr<PatternWatch> watch = job.watch.lock();
    const std::shared_ptr<DeltaWalk> walk = job.walk.lock();
    const std::size_t given = std::min(share, budget);
    std::size_t own = given;
    budget -= given;
    Step step = Step::kDone;
    if (walk != nullptr) {
      step = AdvanceWalk(*walk, own, output);
    } else if (watch != nullptr) {
      watch->queued = false;
      // Drain comes back to one that lags.
      if (watch->catch_up != nullptr && !watch->resting && !watch->session->lagging()) {
        step = AdvanceOne(watch, own, output);
        watch->queued = step == Step::kMore || step == Step::kWaits;
        End(watch, step);
      }
    }
    // To look at one costs something also when there is nothing to tell.
    budget += std::min(own, given - 1);
    if (step == Step::kMore) {
      left.push_back(job);
    } else if (step == Step::kWaits) {
      waiting_.push_back(job);
    }
  }
  // In front again: no more than these hold a place in the order of revisions.
  advancing_.insert(advancing_.begin(), left.begin(), left.end());
}

// What follows when it has nothing more to do for now.
void Delivery::End(const std::shared_ptr<PatternWatch>& watch, Step step) {
  if (step == Step::kRests) {
    GoOnLater(watch);
  } else if (step == Step::kDone && MustRest(*watch)) {
    Rest(*watch, watch->catch_up->from);
    watch->session->database().watches().patterns().Settle(*watch);
  } else if (step == Step::kDone) {
    watch->Become(nullptr);
  }
}

Delivery::Step Delivery::AdvanceOne(const std::shared_ptr<PatternWatch>& watch, std::size_t& budget,
                                    Output& output) {
  const Database& database = watch->session->database();
  // No one may act on a right that a power cut takes back; the status of the watch waits as well.
  if (database.secure_revision() > durable_) {
    return Step::kWaits;
  }
  if (std::exchange(watch->gap, false) && !Planted(Bug::kWatchGapUntold)) {
    TellOne(*watch->session, {.kind = ChangeKind::kGap, .key = output.Keep(watch->pattern())},
            output);
  }
  if (watch->catch_up->phase == CatchUp::Phase::kBehind) {
    if (watch->one_key) {
      return AdvanceKey(*watch, budget, output);
    }
    if (database.horizon() > watch->catch_up->from && !Planted(Bug::kWatchHorizonIgnored)) {
      StartListing(*watch, "snapshot");
    } else {
      Join(watch);
    }
  }
  if (!watch->catch_up->lazy) {
    TellBegins(*watch, output);
  }
  switch (watch->catch_up->phase) {
    case CatchUp::Phase::kListing:
      return AdvanceListing(*watch, budget, output);
    case CatchUp::Phase::kClosing:
      return Close(*watch, output);
    case CatchUp::Phase::kBehind:
    case CatchUp::Phase::kWalking:
      break;
  }
  --budget;
  return Step::kJoined;
}

void Delivery::StartClosing(PatternWatch& watch, Output& output) const {
  CatchUp& catch_up = *watch.catch_up;
  catch_up.phase = CatchUp::Phase::kClosing;
  catch_up.walk = nullptr;
  catch_up.closes_at = ClosesAt(*watch.session);
  // What the disk is waited for belongs to this.
  if (!MayClose(*watch.session, catch_up.closes_at)) {
    TellBegins(watch, output);
  }
}

// What has been changed and not told, because it is not on disk, is told by then.
// What is held leaves in order, so also behind changes that left nothing in the database.
Revision Delivery::ClosesAt(const WatchingSession& to) const {
  return WaitsForLog(to.database().level()) ? newest_ : Revision{};
}

// Where only `$$` keys wait, the others have been told beyond them: no revision says how far.
bool Delivery::MayClose(const WatchingSession& to, Revision closes_at) const {
  if (Planted(Bug::kWatchReadyEarly)) {
    return true;
  }
  return closes_at <= durable_ && (WaitsForLog(to.database().level()) || !MayWait(to));
}

void Delivery::CloseLater(const std::shared_ptr<WatchingSession>& watching) {
  if (!std::exchange(watching->in_closing, true)) {
    closing_.push_back(watching);
  }
}

// The token is for all watches of the session, so none may be behind.
void Delivery::CloseKeys(const std::shared_ptr<WatchingSession>& watching, Output& output) {
  if ((watching->behind > 0 && !Planted(Bug::kWatchReadyForAll)) ||
      !MayClose(*watching, *watching->closes_at)) {
    return CloseLater(watching);
  }
  if (watching->rewound && watching->size() > 0) {
    TellBegun(*watching, output);
  }
  watching->rewound.reset();
  watching->closes_at.reset();
  watching->keys_begun = false;
  if (watching->size() > 0) {
    watching->token_at = ToldUpTo(*watching);
    TellReady(*watching, {}, watching->token_at, output);
  }
}

Delivery::Step Delivery::AdvanceListing(PatternWatch& watch, std::size_t& budget,
                                        Output& output) const {
  const Database& database = watch.session->database();
  CatchUp& catch_up = *watch.catch_up;
  KeyOrder::Cursor cursor = database.SeekBehind(catch_up.listed_to, watch.prefix);
  std::size_t bytes = 0;
  std::string_view listed_to;
  for (; !cursor.at_end() && watch.Matches(cursor.entry()->key()); cursor.Advance()) {
    if (budget == 0 || bytes >= kSliceBytes) {
      catch_up.listed_to = listed_to;
      return Step::kMore;
    }
    --budget;
    const Entry& entry = *cursor.entry();
    listed_to = entry.key();
    // What is not on disk yet is told by the gate, as to who is live: the key is behind the listing
    // then. What is newer than something missed is told with it.
    if (!MaySee(watch, database, entry.key()) ||
        (NeededFor(database, entry.key(), entry.revision()) > durable_ &&
         !Planted(Bug::kWatchUnsyncedListed)) ||
        (!Planted(Bug::kWatchMissedTwice) && catch_up.missed &&
         entry.revision() > *catch_up.missed)) {
      continue;
    }
    bytes += TellTo(watch, entry, output);
  }
  StartClosing(watch, output);
  return Close(watch, output);
}

bool Delivery::IsNews(const PatternWatch& watch, const Entry& connections) {
  return watch.policy != WatchPolicy::kEvery || connections.version() != watch.live_version;
}

// No revision orders the keys that the server keeps itself: they come again.
void Delivery::TellConnections(PatternWatch& watch, Output& output) const {
  const Database& database = watch.session->database();
  const Entry* connections = database.Find(kConnectionsKey);
  if (!Planted(Bug::kWatchConnectionsLost) && connections != nullptr &&
      watch.Matches(connections->key()) && MaySee(watch, database, kConnectionsKey) &&
      IsNews(watch, *connections)) {
    watch.live_version = connections->version();
    TellTo(watch, *connections, output);
  }
}

Delivery::Step Delivery::Close(PatternWatch& watch, Output& output) const {
  CatchUp& catch_up = *watch.catch_up;
  if (!MayClose(*watch.session, catch_up.closes_at)) {
    return Step::kWaits;
  }
  if (catch_up.missed && !Planted(Bug::kWatchMissedForgotten)) {
    const Revision from = *catch_up.missed;
    const bool begun = catch_up.begun;
    catch_up = {};
    catch_up.from = from;
    catch_up.begun = begun;
    return GoBehind(watch);
  }
  WatchingSession& session = *watch.session;
  catch_up.from = ToldUpTo(session);
  if (EndsWithReady(watch) && !catch_up.lazy) {
    session.token_at = catch_up.from;
    TellReady(session, watch.pattern(), session.token_at, output);
  }
  return Step::kDone;
}

}  // namespace nunc
