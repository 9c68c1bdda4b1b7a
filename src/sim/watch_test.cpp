// The watch contract under everything that may happen at once (watch_world.h).
#include <cstdint>

#include <gtest/gtest.h>

#include "sim/watch_world.h"

namespace nunc {
namespace {

TEST(Watches, KeepTheContractWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
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
