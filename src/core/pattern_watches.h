// Watches of all keys that begin with a prefix, and how far what each was told reaches.
//
// Shape:   an ordered map by prefix. A key finds its watches by going from the greatest prefix that
//          is not above it to ever shorter ones: the cost follows what matches, not what is there.
// Owner:   Watches has the index; a watch belongs to the WatchingSession that made it.
// Source:  docs/architecture.md §3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/planted.h"
#include "core/entry.h"
#include "core/ids.h"
#include "core/permissions.h"
#include "core/watch_policy.h"

namespace nunc {

class WatchingSession;

// What one that begins, resumes or lagged has yet to hear. All of it is told in slices.
struct CatchUp {
  enum class Phase : std::uint8_t {
    kBehind,   // the session lags; nothing is told
    kListing,  // goes through the keys
    kSeeking,  // goes back through the revisions, to where it is to begin
    kTelling,  // and forward again
    kClosing,  // told is all, but some of it is not on disk
  };
  Phase phase = Phase::kBehind;
  std::string begins;     // with what; empty: it has been told
  Revision from{};        // kBehind to kTelling: all up to there has been told
  std::string listed_to;  // of kListing: all keys up to it have been told
  // Of kListing and kClosing: all up to there has been told, except what the listing has yet to
  // meet; the session lagged.
  std::optional<Revision> missed;
  Revision closes_at{};  // of kClosing
  std::unique_ptr<RevisionWalk> walk;
};

struct PatternWatch {
  WatchingSession* session = nullptr;
  std::string prefix;
  // Whose rights decide what it is told: those of who made it.
  std::string user;
  bool admin = false;
  bool wants_tokens = false;  // kStarted and kReady, too
  WatchPolicy policy = WatchPolicy::kLatest;
  bool gap = false;  // changes were left out of all that it wants, and it has not been told so
  // Looked up again when the database's epoch has moved on.
  std::uint64_t permissions_epoch = 0;
  const PermissionList* permissions = nullptr;
  std::unique_ptr<CatchUp> catch_up;  // null: it is told every change as it comes
  bool queued = false;                // to be worked on

  // In the place of catch_up; the session counts those that are behind.
  void Become(std::unique_ptr<CatchUp> next);

  [[nodiscard]] std::string pattern() const { return prefix + '*'; }
  // The user whose list counts.
  [[nodiscard]] std::string_view rights_of() const {
    return user.empty() ? std::string_view("all") : user;
  }
};

// `a/*` watches all keys that begin with `a/`, `*` all keys.
inline bool IsWatchPattern(std::string_view key) {
  return key.ends_with('*');
}

class PatternWatches {
 public:
  void Add(PatternWatch& watch) { by_prefix_[watch.prefix].push_back(&watch); }
  void Remove(const PatternWatch& watch);
  [[nodiscard]] bool empty() const { return by_prefix_.empty(); }

  template <class Visit>
  void ForEach(Visit visit) const {
    for (const auto& [prefix, watches] : by_prefix_) {
      for (PatternWatch* watch : watches) {
        visit(*watch);
      }
    }
  }

  // All whose prefix `key` begins with, longest first.
  template <class Visit>
  void ForEachMatch(std::string_view key, Visit visit) const {
    for (auto found = LongestIn(key, key); found != by_prefix_.end();) {
      for (PatternWatch* watch : found->second) {
        visit(*watch);
      }
      if (Planted(Bug::kWatchLongestAlone)) {
        return;
      }
      found = found->first.empty() ? by_prefix_.end()
                                   : LongestIn(key, key.substr(0, found->first.size() - 1));
    }
  }

 private:
  using Map = std::map<std::string, std::vector<PatternWatch*>, std::less<>>;

  // The longest prefix of `key` that is watched and not longer than `upto`, itself one.
  [[nodiscard]] Map::const_iterator LongestIn(std::string_view key, std::string_view upto) const;

  Map by_prefix_;  // no list is empty
};

}  // namespace nunc
