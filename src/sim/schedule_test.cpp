#include "sim/schedule.h"

#include <string>

#include <gtest/gtest.h>

#include "sim/sim_clock.h"
#include "sim/sim_random.h"

namespace nunc {
namespace {

TEST(SimSchedule, RunsByTimeAndThenByOrderOfAsking) {
  SimSchedule schedule;
  std::string order;
  schedule.At(20, [&] { order += "c"; });
  schedule.At(10, [&] { order += "a"; });
  schedule.At(20, [&] { order += "d"; });
  schedule.At(10, [&] { order += "b"; });
  EXPECT_EQ(schedule.events(), 4U);
  EXPECT_EQ(schedule.NextUs(), 10);
  while (schedule.RunOne()) {
  }
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(schedule.now_us(), 20);
  EXPECT_EQ(schedule.NextUs(), std::nullopt);
}

TEST(SimSchedule, AnEventMayAskForMoreAndRunOthers) {
  SimSchedule schedule;
  std::string order;
  schedule.At(10, [&] {
    order += "a";
    schedule.After(5, [&] { order += "c" + std::to_string(schedule.now_us()); });
    schedule.At(3, [&] { order += "b" + std::to_string(schedule.now_us()); });
    EXPECT_TRUE(schedule.RunOne());
    order += "-";
  });
  while (schedule.RunOne()) {
  }
  EXPECT_EQ(order, "ab10-c15");
}

TEST(SimSchedule, ACancelledEventDoesNotRun) {
  SimSchedule schedule;
  std::string order;
  const SimSchedule::Id first = schedule.At(10, [&] { order += "a"; });
  const SimSchedule::Id second = schedule.At(10, [&] { order += "b"; });
  EXPECT_TRUE(schedule.Cancel(first));
  EXPECT_FALSE(schedule.Cancel(first));
  EXPECT_TRUE(schedule.RunOne());
  EXPECT_FALSE(schedule.Cancel(second));
  EXPECT_FALSE(schedule.RunOne());
  EXPECT_EQ(order, "b");
}

TEST(SimSchedule, RunUntilStopsAtItsTime) {
  SimSchedule schedule;
  std::string order;
  schedule.At(10, [&] { order += "a"; });
  schedule.At(20, [&] {
    order += "b";
    schedule.After(0, [&] { order += "c"; });
  });
  schedule.At(21, [&] { order += "d"; });
  schedule.RunUntil(20);
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(schedule.now_us(), 20);
  schedule.RunUntil(5);
  EXPECT_EQ(schedule.now_us(), 20);
  schedule.RunUntil(30);
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(schedule.now_us(), 30);
}

TEST(SimClock, FollowsTheScheduleAtItsRate) {
  SimSchedule schedule;
  schedule.RunUntil(500);
  SimClock clock(schedule, 1'000'000);
  EXPECT_EQ(clock.MonotonicUs(), 0);
  EXPECT_EQ(clock.WallUs(), 1'000'000);
  schedule.RunUntil(600);
  EXPECT_EQ(clock.MonotonicUs(), 100);
  clock.SetRate(1'300);
  EXPECT_EQ(clock.MonotonicUs(), 100);
  schedule.RunUntil(700);
  EXPECT_EQ(clock.MonotonicUs(), 230);
  EXPECT_EQ(clock.WallUs(), 1'000'230);
}

TEST(SimClock, AWallJumpLeavesTheMonotonicClockAlone) {
  SimSchedule schedule;
  SimClock clock(schedule, 1'000);
  schedule.RunUntil(10);
  clock.JumpWall(-500);
  EXPECT_EQ(clock.WallUs(), 510);
  EXPECT_EQ(clock.MonotonicUs(), 10);
}

TEST(SimRandom, FollowsItsSeed) {
  SimRandom first(1);
  SimRandom same(1);
  SimRandom other(2);
  const std::uint64_t number = first.Next();
  EXPECT_EQ(number, same.Next());
  EXPECT_NE(number, other.Next());
  EXPECT_NE(number, first.Next());
}

}  // namespace
}  // namespace nunc
