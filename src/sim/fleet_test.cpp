#include "sim/fleet.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// A sanitizer makes each of them take far longer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kFleetSeeds = 10;
#else
constexpr std::uint64_t kFleetSeeds = 100;
#endif
constexpr std::uint64_t kFewSeeds = kFleetSeeds / 5;

// As many as NUNC_FLEET_SEEDS asks for.
std::uint64_t SeedsOr(std::uint64_t fixed) {
  const char* asked = std::getenv("NUNC_FLEET_SEEDS");
  return asked == nullptr ? fixed : std::strtoull(asked, nullptr, 10);
}

// How many full syncs there were.
std::uint64_t ExpectKept(const FleetOptions& options) {
  const FleetReport report = SimulateFleet(options);
  EXPECT_FALSE(report.violation.has_value())
      << options.nodes << " nodes, seed " << options.seed << ": " << *report.violation;
  EXPECT_GT(report.acknowledged, 0U);
  EXPECT_GT(report.forwarded, 0U);
  return report.full_syncs;
}

TEST(Fleet, KeepsWhatIsFinalWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= SeedsOr(kFleetSeeds); ++seed) {
    ExpectKept({.seed = seed, .nodes = seed % 3 == 0 ? 5U : 3U});
  }
}

TEST(Fleet, KeepsItWithFullSyncs) {
  std::uint64_t full_syncs = 0;
  for (std::uint64_t seed = 1; seed <= SeedsOr(kFewSeeds); ++seed) {
    full_syncs += ExpectKept({.seed = seed, .nodes = seed % 3 == 0 ? 5U : 3U, .cleans = true});
  }
  EXPECT_GT(full_syncs, 0U);
}

TEST(Fleet, CountsEachNumberOnceHoweverOftenItIsAsked) {
  for (std::uint64_t seed = 1; seed <= SeedsOr(kFewSeeds); ++seed) {
    const FleetReport report = SimulateFleet(
        {.seed = seed, .nodes = seed % 3 == 0 ? 5U : 3U, .cleans = seed % 2 == 0, .counts = true});
    EXPECT_FALSE(report.violation.has_value()) << "seed " << seed << ": " << *report.violation;
    EXPECT_GT(report.counted, 0U);
    EXPECT_GT(report.asked_again, 0U);
  }
}

TEST(Fleet, KeepsItOnTwoNodesBesideAnArbiterNode) {
  for (std::uint64_t seed = 1; seed <= SeedsOr(kFewSeeds); ++seed) {
    ExpectKept({.seed = seed, .cleans = seed % 3 == 0, .arbiter_node = true});
  }
}

// Seeds that found something.
TEST(Fleet, KeptSeeds) {
  ExpectKept({.seed = 48});               // a tail that was not final at a start was never told
  ExpectKept({.seed = 100, .nodes = 5});  // nobody dialed a learner that lacked the list
  ExpectKept({.seed = 197, .nodes = 5});
  ExpectKept(
      {.seed = 56});  // a loaded value that only what was taken back had replaced was never told
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
