// The watch contract under everything that may happen at once (watch_world.h).
//
// NUNC_WATCH_SEEDS says how many histories.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "sim/watch_world.h"

namespace nunc {
namespace {

TEST(Watches, KeepTheContractWhateverHappens) {
  const char* asked = std::getenv("NUNC_WATCH_SEEDS");
  const std::uint64_t seeds = asked == nullptr ? 300 : std::stoull(asked);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    WatchWorld world(seed);
    for (int i = 0; i < 500; ++i) {
      ASSERT_EQ(world.Happen(), "") << "seed " << seed << ", step " << i;
      if (i % 100 == 99) {
        ASSERT_EQ(world.Rest(), "") << "seed " << seed << ", at rest after step " << i;
      }
    }
  }
}

}  // namespace
}  // namespace nunc
