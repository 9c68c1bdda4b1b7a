// Numbers for a simulated machine, which follow from the seed.
#pragma once

#include <cstdint>

#include "base/prng.h"
#include "env/random.h"

namespace nunc {

class SimRandom final : public Random {
 public:
  explicit SimRandom(std::uint64_t seed) : prng_(seed) {}

  [[nodiscard]] std::uint64_t Next() override { return prng_.Next(); }

 private:
  Prng prng_;
};

}  // namespace nunc
