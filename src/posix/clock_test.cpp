#include "posix/clock.h"

#include <chrono>

#include <gtest/gtest.h>

#include "posix/random.h"

namespace nunc {
namespace {

TEST(PosixClock, GivesMicrosecondsThatDoNotGoBack) {
  PosixClock clock;
  const std::int64_t first = clock.MonotonicUs();
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(2)) {
  }
  const std::int64_t second = clock.MonotonicUs();
  EXPECT_GE(second - first, 2'000);
  EXPECT_LT(second - first, 60'000'000);
}

TEST(PosixClock, CountsWallTimeFrom1970) {
  PosixClock clock;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  EXPECT_GE(clock.WallUs(), now_us);
  EXPECT_LT(clock.WallUs() - now_us, 60'000'000);
}

TEST(PosixRandom, GivesNumbersThatDifferInAllTheirBits) {
  PosixRandom random;
  std::uint64_t ever_one = 0;
  std::uint64_t ever_zero = 0;
  for (int i = 0; i < 128; ++i) {
    const std::uint64_t number = random.Next();
    ever_one |= number;
    ever_zero |= ~number;
  }
  EXPECT_EQ(ever_one, ~std::uint64_t{0});
  EXPECT_EQ(ever_zero, ~std::uint64_t{0});
}

}  // namespace
}  // namespace nunc
