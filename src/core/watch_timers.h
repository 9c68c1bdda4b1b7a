// When watches that rest go on.
//
// Shape:   in the order of their time, and of their coming where that is the same.
// Units:   microseconds of the monotonic clock, as the node is told it.
// Limits:  one place for each watch, which a watch that ends gives back.
// Owner:   Delivery; it outlives the watches.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace nunc {

struct PatternWatch;

class WatchTimers {
 public:
  using Place = std::pair<std::int64_t, std::uint64_t>;  // time, number

  Place Set(PatternWatch& watch, std::int64_t due_us) {
    const Place place{due_us, ++last_};
    due_.emplace(place, &watch);
    return place;
  }
  void Cancel(const Place& place) { due_.erase(place); }

  // The one that is due first; null: none is by then.
  [[nodiscard]] PatternWatch* Due(std::int64_t now_us) const {
    return due_.empty() || due_.begin()->first.first > now_us ? nullptr : due_.begin()->second;
  }
  [[nodiscard]] std::optional<std::int64_t> next_us() const {
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->first.first);
  }

 private:
  std::map<Place, PatternWatch*> due_;
  std::uint64_t last_ = 0;
};

}  // namespace nunc
