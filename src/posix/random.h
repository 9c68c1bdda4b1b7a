// Random numbers of the kernel: a system call for each, so not for use by the thousand.
#pragma once

#include <cstdint>

#include "env/random.h"

namespace nunc {

class PosixRandom final : public Random {
 public:
  [[nodiscard]] std::uint64_t Next() override;
};

}  // namespace nunc
