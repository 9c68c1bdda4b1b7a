// Numbers that nobody can foresee: ids of clusters and incarnations, hash seeds.
//
// Shape:   two implementations: posix/random.h asks the kernel; the simulator's follows its seed.
#pragma once

#include <cstdint>

namespace nunc {

class Random {
 public:
  Random() = default;
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  virtual ~Random() = default;

  [[nodiscard]] virtual std::uint64_t Next() = 0;
};

}  // namespace nunc
