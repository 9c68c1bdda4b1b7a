// A machine's clocks over the virtual time.
//
// Shape:   runs `rate_permille` thousandths as fast as the schedule; the wall clock is the
//          monotonic one plus a distance that jumps when told to.
// Units:   microseconds.
// Owner:   the schedule must outlive it.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstdint>

#include "env/clock.h"
#include "sim/schedule.h"

namespace nunc {

class SimClock final : public Clock {
 public:
  SimClock(const SimSchedule& schedule, std::int64_t wall_us)
      : schedule_(schedule), rated_us_(schedule.now_us()), wall_distance_us_(wall_us) {}

  [[nodiscard]] std::int64_t MonotonicUs() override {
    return shown_us_ + (schedule_.now_us() - rated_us_) * rate_permille_ / 1000;
  }
  [[nodiscard]] std::int64_t WallUs() override { return MonotonicUs() + wall_distance_us_; }

  void JumpWall(std::int64_t by_us) { wall_distance_us_ += by_us; }
  // From now on; what it shows does not jump.
  void SetRate(std::int64_t rate_permille) {
    shown_us_ = MonotonicUs();
    rated_us_ = schedule_.now_us();
    rate_permille_ = rate_permille;
  }

 private:
  const SimSchedule& schedule_;
  std::int64_t shown_us_ = 0;  // at rated_us_ of the schedule
  std::int64_t rated_us_;
  std::int64_t rate_permille_ = 1000;
  std::int64_t wall_distance_us_;
};

}  // namespace nunc
