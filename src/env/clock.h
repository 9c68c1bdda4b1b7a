// What time it is, for those who must not ask the machine themselves.
//
// Shape:   two implementations: posix/clock.h, and the simulator's, which moves when told to.
// Units:   microseconds.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstdint>

namespace nunc {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // Only moves forward.
  [[nodiscard]] virtual std::int64_t MonotonicUs() = 0;
  // Since 1970; may jump.
  [[nodiscard]] virtual std::int64_t WallUs() = 0;
};

}  // namespace nunc
