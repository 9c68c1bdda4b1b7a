// Who hears of a change now, and what sessions that begin, resume or lag have yet to hear.
//
// Shape:   Announce and Tell append a change with its targets to an Output. One that must not be
//          seen yet goes without targets: the gate (node/gate.h) holds it and has it told when its
//          revision is on disk, to whoever watches then. A lagging session costs marks, no values,
//          but what kAllBytesMax allow those of its watches that want all.
//          Watches of patterns that are not live are worked on in slices, by Advance.
// Limits:  kCatchUpEntriesPerTurn, kCatchUpsAtOnce, kAllBytesMax.
// Owner:   Executor; sessions, databases and their watches belong to others.
// Source:  docs/architecture.md §3-4; docs/delivery.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/database.h"
#include "core/ids.h"
#include "core/output.h"
#include "core/session.h"
#include "core/token.h"

namespace nunc {

class Delivery {
 public:
  Delivery(std::size_t entries_per_turn, std::size_t all_bytes_max)
      : entries_per_turn_(entries_per_turn), all_bytes_max_(all_bytes_max) {}

  // Everything up to there is on disk.
  void SetDurable(Revision durable);
  // As of the newest record.
  void SetNewest(Revision newest) { newest_ = newest; }
  // By the monotonic clock.
  void SetNow(std::int64_t now_us) { now_us_ = now_us; }
  History& history() { return history_; }

  // What must be on disk before anyone may see what `revision` made of the key; zero: nothing.
  [[nodiscard]] static Revision NeededFor(const Database& database, std::string_view key,
                                          Revision revision);
  static Change ChangeOf(const Entry& entry);
  // Of an open conflict, as arbiters are told it.
  static Change ConflictChangeOf(Database& database, const Entry& conflict);

  // A change of the record at change.revision; `hash` is the key's in `database`.
  void Announce(Database& database, std::uint64_t hash, Change change, Output& output);
  // One that may be seen, to who watches now.
  void Tell(Database& database, std::uint64_t hash, Change change, Output& output);
  // All open conflicts of the database, to this one session. Gives the bytes it appended.
  std::size_t ReplayConflicts(Database& database, const WatchingSession& to, Output& output) const;

  // The session's socket takes no more: from now on what it watches is only marked, but what its
  // allowance is for.
  void MarkLagging(Session& session) const;
  // The socket has drained: some newest values of what was marked. When nothing was marked any
  // more, no item is appended and the session is live again.
  void Drain(Session& session, Output& output);

  // A watch begins with what `since` has not seen: empty, only with what comes from now on; `0`,
  // with all that is there. False: the token is none, or not of this database.
  struct Begin {
    bool from_now = true;
    History::Judged judged{};
    Revision since{};
    WatchPolicy policy = WatchPolicy::kLatest;
    std::int64_t interval_us = 0;  // of kEvery
  };
  [[nodiscard]] bool Judge(const Database& database, std::string_view since, Begin& begin) const;
  void BeginPattern(const std::shared_ptr<PatternWatch>& watch, const Begin& begin);
  void BeginKey(const std::shared_ptr<WatchingSession>& watching, std::string_view key,
                const Begin& begin, Output& output);
  // The key's watch has ended, also if it has yet to begin; empty: those of all keys.
  void Unwatch(const WatchingSession& watching, std::string_view key);
  // Who watches something in it hears that nothing of it is there any more.
  static void Forget(Database& database, Revision dropped, Output& output);
  // Its rights have changed (delivery_rights.cpp): watches of keys that may no longer be read ask
  // for them at each change from now on, as those of patterns do, and all of these begin again.
  void BeginAgain(WatchingSession& watching);
  // So do those of one that has become another user of `selected`, or an admin.
  void BeginAs(const Session& session, const Database* selected);

  // All behind `shared` is about to be taken back, and a session may have been told of it. Then
  // what that has changed, and what each session hears of it (delivery_rewind.cpp).
  void BeginRewind(Session& session, Revision shared) const;
  void Rewind(Revision shared, std::span<Undo::Cut> cuts);
  void TellRewind(Session& session, std::span<const Undo::Cut> cuts, Output& output);

  // Some of what is yet to be told; once per turn.
  void Advance(Output& output);
  // Advance has something to do without anything else happening.
  [[nodiscard]] bool has_work() const { return !advancing_.empty() || closing_is_new_; }
  // When a watch that rests is to be told; empty: none rests.
  [[nodiscard]] std::optional<std::int64_t> next_deadline_us() const { return timers_.next_us(); }
  // Gives sessions that keep tokens a newer one; now and then.
  void TellProgress(Session& session, Output& output);

 private:
  // How much a session or a watch is given at once, so that it cannot fill its socket's queue.
  static constexpr std::size_t kSliceBytes = std::size_t{256} << 10;

  enum class Step : std::uint8_t { kMore, kWaits, kRests, kJoined, kDone };
  // A watch, or a walk that several share.
  struct Job {
    std::weak_ptr<PatternWatch> watch{};
    std::weak_ptr<DeltaWalk> walk{};
  };
  // A watch of a key whose status waits for the disk.
  struct BeginLater {
    std::weak_ptr<WatchingSession> watching;
    std::string key;
    Begin begin;
  };

  // Gives the bytes that may be sent now; zero: it is told, or comes by itself later.
  std::size_t TellDirty(const WatchingSession::Dirty& dirty, WatchingSession& to,
                        Output& output) const;
  void TellPattern(PatternWatch& watch, const Database& database, const Change& change,
                   Output& output);
  void CloseUnit(WatchingSession& to, const Change& change);
  static bool MaySee(PatternWatch& watch, const Database& database, std::string_view key);
  static bool MayRead(const WatchingSession& watching, std::string_view key);
  void WithholdKeys(WatchingSession& watching);
  // It may have to hear of a change that waits for the disk.
  [[nodiscard]] bool MayWait(const WatchingSession& to) const;
  // All that may be seen up to there has been told to who is live.
  [[nodiscard]] Revision ToldUpTo(const WatchingSession& to) const;
  // As of just before the change.
  [[nodiscard]] Revision ToldBefore(const Change& change, const WatchingSession& to) const;
  [[nodiscard]] std::string RewindTo(Revision shared, const Database& database) const;
  [[nodiscard]] std::string RewoundTo(Revision shared, const Database& database) const;
  void TellRewindTo(const std::shared_ptr<PatternWatch>& watch, bool other_rights,
                    std::span<const Undo::Cut> cuts, Output& output);
  void TellCuts(PatternWatch& watch, std::span<const Undo::Cut> cuts, Output& output);
  std::size_t TellBegun(WatchingSession& to, Output& output) const;
  static Revision RightsOf(const WatchingSession& watching);
  static void StartListing(PatternWatch& watch, std::string_view with);

  // Watches that rest (delivery_paced.cpp).
  void NoteTold(PatternWatch& watch) const;
  [[nodiscard]] bool MustRest(const PatternWatch& watch) const;
  void Rest(PatternWatch& watch, Revision from);
  void RestBehind(PatternWatch& watch, const Change& change);
  void RestBefore(PatternWatch& watch, const Change& change);
  void GoOnLater(const std::shared_ptr<PatternWatch>& watch);
  static void Stir(PatternWatch& watch);
  void Wake();
  static bool MayTellClosing(PatternWatch& watch, const Change& change);
  static bool EndsWithReady(const PatternWatch& watch);
  void TellBegins(PatternWatch& watch, Output& output) const;
  void BeginTelling(PatternWatch& watch, std::string_view key, Output& output) const;
  std::size_t TellTo(PatternWatch& watch, const Entry& entry, Output& output) const;
  Step AdvanceKey(PatternWatch& watch, std::size_t& budget, Output& output);
  void Queue(const std::shared_ptr<PatternWatch>& watch);
  void AdvancePatterns(Output& output);
  void End(const std::shared_ptr<PatternWatch>& watch, Step step);
  Step AdvanceOne(const std::shared_ptr<PatternWatch>& watch, std::size_t& budget, Output& output);
  Step AdvanceListing(PatternWatch& watch, std::size_t& budget, Output& output) const;

  // Ways through the revisions (delivery_walk.cpp).
  void Join(const std::shared_ptr<PatternWatch>& watch);
  Step AdvanceWalk(DeltaWalk& walk, std::size_t& budget, Output& output);
  void CheckHorizon(DeltaWalk& walk);
  std::size_t TellNext(DeltaWalk& walk, std::size_t& budget, Output& output) const;
  Step EndWalk(DeltaWalk& walk, bool behind, std::size_t& budget, Output& output);
  Step Close(PatternWatch& watch, Output& output) const;
  Step GoBehind(PatternWatch& watch) const;
  static bool IsNews(const PatternWatch& watch, const Entry& connections);
  void TellConnections(PatternWatch& watch, Output& output) const;
  void StartClosing(PatternWatch& watch, Output& output) const;
  [[nodiscard]] Revision ClosesAt(const WatchingSession& to) const;
  // What was to be told by then has been, and a token can say so.
  [[nodiscard]] bool MayClose(const WatchingSession& to, Revision closes_at) const;
  void CloseLater(const std::shared_ptr<WatchingSession>& watching);
  void CloseKeys(const std::shared_ptr<WatchingSession>& watching, Output& output);
  static void TellOne(const WatchingSession& to, Change change, Output& output);
  void TellReady(const WatchingSession& to, std::string_view pattern, Revision revision,
                 Output& output) const;

  std::size_t entries_per_turn_;
  std::size_t all_bytes_max_;
  Revision durable_{UINT64_MAX};
  Revision newest_;
  History history_;
  std::int64_t now_us_ = 0;
  WatchTimers timers_;
  std::uint64_t told_ = 0;  // changes
  std::deque<Job> advancing_;
  std::vector<Job> waiting_;                             // for the disk
  std::vector<std::weak_ptr<WatchingSession>> closing_;  // so do these
  std::vector<BeginLater> begin_later_;                  // and these
  bool closing_is_new_ = false;                          // one of them has not been looked at
};

}  // namespace nunc
