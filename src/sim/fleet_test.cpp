#include "sim/fleet.h"

#include <gtest/gtest.h>

namespace nunc {
namespace {

void ExpectKept(const FleetOptions& options) {
  const FleetReport report = SimulateFleet(options);
  EXPECT_FALSE(report.violation.has_value())
      << options.nodes << " nodes, seed " << options.seed << ": " << *report.violation;
  EXPECT_GT(report.acknowledged, 0U);
}

TEST(Fleet, KeepsWhatIsFinalWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    ExpectKept({.seed = seed});
  }
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    ExpectKept({.seed = seed, .nodes = 5});
  }
}

// Seeds that found something.
TEST(Fleet, KeptSeeds) {
  ExpectKept({.seed = 48});               // a tail that was not final at a start was never told
  ExpectKept({.seed = 100, .nodes = 5});  // nobody dialed a learner that lacked the list
  ExpectKept({.seed = 197, .nodes = 5});
}

TEST(Fleet, TheSameSeedIsTheSameRun) {
  const FleetReport first = SimulateFleet({.seed = 3});
  const FleetReport second = SimulateFleet({.seed = 3});
  EXPECT_EQ(first.acknowledged, second.acknowledged);
  EXPECT_EQ(first.refused, second.refused);
  EXPECT_EQ(first.primaries, second.primaries);
}

}  // namespace
}  // namespace nunc
