#include "core/delivery_times.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

std::vector<std::string> LinesOf(const DeliveryTimes& times) {
  static constexpr std::string_view kNames[] = {"", "one", "two", "three"};
  return times.Lines([](DatabaseId id) { return kNames[id.value]; });
}

TEST(DeliveryTimes, AreToldOfTheServerAndOfEachDatabase) {
  DeliveryTimes times;
  EXPECT_EQ(LinesOf(times), std::vector<std::string>{});
  times.Sent({1}, 3);
  times.Sent({2}, 5);
  times.Sent({2}, 5);
  times.Shown({1}, 9);
  EXPECT_EQ(LinesOf(times),
            (std::vector<std::string>{"sent * count 3 p50_us 5 p99_us 5 p99.9_us 5 max_us 5",
                                      "shown * count 1 p50_us 9 p99_us 9 p99.9_us 9 max_us 9",
                                      "sent one count 1 p50_us 3 p99_us 3 p99.9_us 3 max_us 3",
                                      "shown one count 1 p50_us 9 p99_us 9 p99.9_us 9 max_us 9",
                                      "sent two count 2 p50_us 5 p99_us 5 p99.9_us 5 max_us 5"}));
  times.Forget({2});
  EXPECT_EQ(LinesOf(times).size(), 4U);
  times.Sent({2}, 1);
  EXPECT_EQ(LinesOf(times).back(), "sent two count 1 p50_us 1 p99_us 1 p99.9_us 1 max_us 1");
}

TEST(DeliveryTimes, NonsenseIsPassedOver) {
  DeliveryTimes times;
  times.Shown({1}, -1);
  times.Shown({1}, kShownUsMax + 1);
  EXPECT_EQ(LinesOf(times), std::vector<std::string>{});
  times.Shown({1}, kShownUsMax);
  EXPECT_EQ(LinesOf(times).size(), 2U);
}

TEST(DeliveryTimes, SoManyDatabasesAreMeasuredAndAllCountForTheServer) {
  DeliveryTimes times;
  for (std::uint32_t id = 1; id <= kMeasuredDatabasesMax + 1; ++id) {
    times.Sent({id}, 1);
  }
  EXPECT_EQ(times.measured(), kMeasuredDatabasesMax);
  EXPECT_EQ(times.Lines([](DatabaseId) { return "d"; }).front().substr(0, 17),
            "sent * count " + std::to_string(kMeasuredDatabasesMax + 1));
  times.Forget({1});
  times.Sent({kMeasuredDatabasesMax + 1}, 1);
  EXPECT_EQ(times.measured(), kMeasuredDatabasesMax);
}

}  // namespace
}  // namespace nunc
