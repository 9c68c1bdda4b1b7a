#include "base/prng.h"

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// The expected numbers come from a second implementation in another language, which gives the
// published outputs of both generators.
TEST(Prng, GivesTheKnownNumbersOfASeed) {
  Prng zero(0);
  for (const std::uint64_t expected :
       {0x99ec5f36cb75f2b4U, 0xbf6e1f784956452aU, 0x1a5f849d4933e6e0U, 0x6aa594f1262d2d2cU}) {
    EXPECT_EQ(zero.Next(), expected);
  }
  Prng other(42);
  for (const std::uint64_t expected :
       {0x15780b2e0c2ec716U, 0x6104d9866d113a7eU, 0xae17533239e499a1U, 0xecb8ad4703b360a1U}) {
    EXPECT_EQ(other.Next(), expected);
  }
}

TEST(Prng, BelowGivesTheKnownNumbers) {
  Prng prng(7);
  for (const std::uint64_t expected : {4U, 4U, 8U, 4U, 4U, 1U, 6U, 6U, 8U, 9U, 3U, 6U}) {
    EXPECT_EQ(prng.Below(10), expected);
  }
}

TEST(Prng, BelowThrowsAwayWhatWouldFavourTheLowNumbers) {
  Prng prng(7);
  // Of the first five numbers of this seed, the second is thrown away.
  for (const std::uint64_t expected :
       {0x3358faf74ef97659U, 0x56f1d349952c7995U, 0x7b2938731e80723fU, 0x7da904ec7e540317U}) {
    EXPECT_EQ(prng.Below((std::uint64_t{1} << 63) + 1), expected);
  }
}

TEST(Prng, BelowGivesEachNumberAboutEquallyOften) {
  Prng prng(1);
  std::array<int, 6> seen{};
  for (int i = 0; i < 60'000; ++i) {
    ++seen[prng.Below(seen.size())];
  }
  for (const int count : seen) {
    EXPECT_NEAR(count, 10'000, 500);
  }
}

TEST(Prng, InRangeIncludesBothEnds) {
  Prng prng(7);
  for (const std::int64_t expected : {1, -3, 5, 3, -2, -4, -4, 4, 5, -3, 4, 0}) {
    EXPECT_EQ(prng.InRange(-5, 5), expected);
  }
  EXPECT_EQ(prng.InRange(9, 9), 9);
}

TEST(Prng, InRangeTakesAllNumbersThereAre) {
  using Limits = std::numeric_limits<std::int64_t>;
  Prng whole(3);
  Prng same(3);
  EXPECT_EQ(static_cast<std::uint64_t>(whole.InRange(Limits::min(), Limits::max())),
            same.Next() + (std::uint64_t{1} << 63));
}

TEST(Prng, ChanceIsTrueThatOften) {
  Prng prng(7);
  for (const bool expected : {false, false, false, true, true, false, true, true}) {
    EXPECT_EQ(prng.Chance(1, 4), expected);
  }
  EXPECT_FALSE(prng.Chance(0, 1));
  EXPECT_TRUE(prng.Chance(1, 1));
}

}  // namespace
}  // namespace nunc
