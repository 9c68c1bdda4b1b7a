// Virtual time: what happens next, and in which order.
//
// Shape:   events ordered by time, then by when they were asked for. Time stands still while an
//          event runs, and jumps to the next one.
// Units:   microseconds from the start of the simulation.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

namespace nunc {

class SimSchedule {
 public:
  using Event = std::move_only_function<void()>;

  // Names an event, until it has begun.
  struct Id {
    std::int64_t time_us = 0;
    std::uint64_t sequence = 0;
    auto operator<=>(const Id&) const = default;
  };

  [[nodiscard]] std::int64_t now_us() const { return now_us_; }
  [[nodiscard]] std::size_t events() const { return events_.size(); }
  [[nodiscard]] std::optional<std::int64_t> NextUs() const;

  // A time that has passed means now.
  Id At(std::int64_t time_us, Event event);
  Id After(std::int64_t delay_us, Event event);
  // False when it has begun or was cancelled before.
  bool Cancel(Id id);

  // Goes on to the next event and runs it; false when there is none. An event may call it too.
  bool RunOne();
  // Runs what is due until then, and makes it that late.
  void RunUntil(std::int64_t time_us);

 private:
  std::int64_t now_us_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::map<Id, Event> events_;
};

}  // namespace nunc
