// Watches of connections that have ended, until they have gone: many of them take a while.
//
// Shape:   what is added goes at once as far as the turn reaches, the rest in the turns that
// follow.
//          Meanwhile it hears nothing: it lags, and nobody asks what it has missed.
// Limits:  kWatchesEndedPerTurn, kLeavingWatchesMax.
// Owner:   Executor. A database outlives what it has here: End comes before it goes.
// Source:  docs/limits.md.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/database.h"
#include "core/watches.h"

namespace nunc {

class LeavingWatches {
 public:
  explicit LeavingWatches(std::size_t per_turn) : per_turn_(per_turn), left_(per_turn) {}

  void Add(std::shared_ptr<WatchingSession> watching);
  // Once per turn.
  void EndSome();
  // All of the database's.
  void End(const Database& database);
  // EndSome has something to do.
  [[nodiscard]] bool has_work() const { return !leaving_.empty(); }

 private:
  std::size_t per_turn_;
  std::size_t left_;         // of this turn
  std::size_t waiting_ = 0;  // watches
  std::vector<std::shared_ptr<WatchingSession>> leaving_;
};

}  // namespace nunc
