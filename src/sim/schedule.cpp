#include "sim/schedule.h"

#include <algorithm>
#include <utility>

namespace nunc {

std::optional<std::int64_t> SimSchedule::NextUs() const {
  if (events_.empty()) {
    return std::nullopt;
  }
  return events_.begin()->first.time_us;
}

SimSchedule::Id SimSchedule::At(std::int64_t time_us, Event event) {
  const Id id{.time_us = std::max(time_us, now_us_), .sequence = next_sequence_++};
  events_.emplace(id, std::move(event));
  return id;
}

SimSchedule::Id SimSchedule::After(std::int64_t delay_us, Event event) {
  return At(now_us_ + delay_us, std::move(event));
}

bool SimSchedule::Cancel(Id id) {
  return events_.erase(id) > 0;
}

bool SimSchedule::RunOne() {
  if (events_.empty()) {
    return false;
  }
  auto next = events_.extract(events_.begin());
  now_us_ = next.key().time_us;
  next.mapped()();
  return true;
}

void SimSchedule::RunUntil(std::int64_t time_us) {
  while (!events_.empty() && events_.begin()->first.time_us <= time_us) {
    RunOne();
  }
  now_us_ = std::max(now_us_, time_us);
}

}  // namespace nunc
