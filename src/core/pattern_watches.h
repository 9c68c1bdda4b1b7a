// Watches of all keys that begin with a prefix, and how far what each was told reaches.
//
// Shape:   one that is told once in an interval rests in between, in a list of its own. Also a
// single
//          key is watched so when it is with an interval. An ordered map by prefix. A key finds its
//          watches by going from the greatest prefix that is not above it to ever shorter ones: the
//          cost follows what matches, not what is there.
// Owner:   Watches has the index; a watch belongs to the WatchingSession that made it.
// Source:  docs/architecture.md §3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/planted.h"
#include "core/catch_up.h"
#include "core/ids.h"
#include "core/permissions.h"
#include "core/watch_policy.h"
#include "core/watch_timers.h"

namespace nunc {

class WatchingSession;

struct PatternWatch {
  PatternWatch() = default;
  PatternWatch(const PatternWatch&) = delete;
  PatternWatch& operator=(const PatternWatch&) = delete;
  ~PatternWatch() { Stop(); }

  WatchingSession* session = nullptr;
  std::string prefix;
  // Of `prefix` itself: with an interval, or one that was withheld from its user.
  bool one_key = false;
  bool wants_tokens = false;  // kStarted and kReady, too
  bool silent = false;        // neither, whatever happens: its client knows no such words
  WatchPolicy policy = WatchPolicy::kLatest;
  bool gap = false;  // changes were left out of all that it wants, and it has not been told so
  // Looked up again when the database's epoch has moved on.
  std::uint64_t permissions_epoch = 0;
  const PermissionList* permissions = nullptr;
  std::unique_ptr<CatchUp> catch_up;  // null: it is told every change as it comes
  bool queued = false;                // to be worked on
  // Of WatchPolicy::kEvery: the interval, when it may be told again, and whether it waits for that.
  std::int64_t interval_us = 0;
  std::int64_t next_us = 0;
  bool resting = false;
  std::int64_t live_version = -1;  // of `$connections`, as it was told
  std::size_t place = 0;           // in its list of PatternWatches

  // In the place of catch_up; the session counts those that are behind.
  void Become(std::unique_ptr<CatchUp> next);

  // Sets `resting`; PatternWatches::Settle is to follow.
  void Start(WatchTimers& timers) {
    Stop();
    resting = true;
    timers_ = &timers;
    timer_ = timers.Set(*this, next_us);
  }
  void Stop() {
    resting = false;
    if (timers_ != nullptr) {
      timers_->Cancel(timer_);
      timers_ = nullptr;
    }
  }

  [[nodiscard]] std::string pattern() const { return one_key ? prefix : prefix + '*'; }
  [[nodiscard]] bool Matches(std::string_view key) const {
    return one_key ? key == prefix : key.starts_with(prefix);
  }

 private:
  WatchTimers* timers_ = nullptr;  // null: it has no time there
  WatchTimers::Place timer_{};
};

// `a/*` watches all keys that begin with `a/`, `*` all keys.
inline bool IsWatchPattern(std::string_view key) {
  return key.ends_with('*');
}

class DeltaWalk;

class PatternWatches {
 public:
  // Those that can be joined, by whether they are for admins, and for such that rest in between.
  std::array<std::array<std::weak_ptr<DeltaWalk>, 2>, 2> open_walks;

  void Add(PatternWatch& watch);
  void Remove(PatternWatch& watch);
  // It has begun or ceased to rest.
  void Settle(PatternWatch& watch);
  [[nodiscard]] bool empty() const { return by_prefix_.empty(); }
  // All; a list of its own, so that they may come and go meanwhile.
  [[nodiscard]] std::vector<PatternWatch*> All() const;

  // All that watch the key and do not rest, those of the longest prefix first. One that rests
  // afterwards has gone from its list, so a change costs nothing for those that rest.
  template <class Visit>
  void ForEachMatch(std::string_view key, Visit visit) {
    for (auto found = LongestIn(key, key); found != by_prefix_.end();) {
      if (found->first.size() == key.size()) {
        VisitAll(found->second, found->second.of_one, visit);
      }
      VisitAll(found->second, found->second.of_many, visit);
      if (Planted(Bug::kWatchLongestAlone)) {
        return;
      }
      found = found->first.empty() ? by_prefix_.end()
                                   : LongestIn(key, key.substr(0, found->first.size() - 1));
    }
  }
  // Those too that rest.
  template <class Visit>
  void ForAllOf(std::string_view key, Visit visit) const {
    for (std::size_t size = 0; size <= key.size(); ++size) {
      if (const auto found = by_prefix_.find(key.substr(0, size)); found != by_prefix_.end()) {
        found->second.ForEach([&](PatternWatch& watch) {
          if (watch.Matches(key)) {
            visit(watch);
          }
        });
      }
    }
  }

 private:
  using List = std::vector<PatternWatch*>;
  struct Lists {
    List of_one;   // the key alone
    List of_many;  // all that begin so
    List resting;

    template <class Visit>
    void ForEach(Visit visit) const {
      for (const List* list : {&of_one, &of_many, &resting}) {
        for (PatternWatch* watch : *list) {
          visit(*watch);
        }
      }
    }
    [[nodiscard]] bool empty() const {
      return of_one.empty() && of_many.empty() && resting.empty();
    }
  };
  using Map = std::map<std::string, Lists, std::less<>>;

  template <class Visit>
  static void VisitAll(Lists& lists, List& list, Visit& visit) {
    for (std::size_t i = 0; i < list.size();) {
      PatternWatch& watch = *list[i];
      visit(watch);
      if (watch.resting) {
        Take(list, watch);
        Put(lists.resting, watch);
      } else {
        ++i;
      }
    }
  }
  static void Put(List& list, PatternWatch& watch);
  static void Take(List& list, const PatternWatch& watch);
  static List& ListOf(Lists& lists, const PatternWatch& watch);

  // The longest prefix of `key` that is watched and not longer than `upto`, itself one.
  [[nodiscard]] Map::iterator LongestIn(std::string_view key, std::string_view upto);

  Map by_prefix_;  // no list is empty
};

}  // namespace nunc
