// The machine's clocks.
#pragma once

#include <cstdint>

#include "env/clock.h"

namespace nunc {

class PosixClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t MonotonicUs() override;
  [[nodiscard]] std::int64_t WallUs() override;
};

}  // namespace nunc
