#include "posix/clock.h"

#include "net/loop.h"

namespace nunc {

std::int64_t PosixClock::MonotonicUs() {
  return nunc::MonotonicUs();
}

std::int64_t PosixClock::WallUs() {
  return nunc::WallUs();
}

}  // namespace nunc
