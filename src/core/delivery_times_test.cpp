#include "core/delivery_times.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

// What, of which database, how often, and how long.
std::vector<std::string> LinesOf(const DeliveryTimes& times) {
  std::vector<std::string> lines;
  for (const DeliveryTimes::Summary& summary : times.Summaries()) {
    lines.push_back(std::string(summary.what));
    for (const std::int64_t number :
         {std::int64_t{summary.database.value}, static_cast<std::int64_t>(summary.count),
          summary.p50_us, summary.p99_us, summary.p999_us, summary.max_us}) {
      lines.back() += ' ' + std::to_string(number);
    }
  }
  return lines;
}

TEST(DeliveryTimes, AreToldOfTheServerAndOfEachDatabase) {
  DeliveryTimes times;
  EXPECT_EQ(LinesOf(times), std::vector<std::string>{});
  times.Sent({1}, 3);
  times.Sent({2}, 5);
  times.Sent({2}, 5);
  times.Shown({1}, 9);
  EXPECT_EQ(LinesOf(times),
            (std::vector<std::string>{"sent 0 3 5 5 5 5", "shown 0 1 9 9 9 9", "sent 1 1 3 3 3 3",
                                      "shown 1 1 9 9 9 9", "sent 2 2 5 5 5 5"}));
  times.Forget({2});
  EXPECT_EQ(LinesOf(times).size(), 4U);
  times.Sent({2}, 1);
  EXPECT_EQ(LinesOf(times).back(), "sent 2 1 1 1 1 1");
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
  EXPECT_EQ(times.Summaries().front().count, kMeasuredDatabasesMax + 1);
  times.Forget({1});
  times.Sent({kMeasuredDatabasesMax + 1}, 1);
  EXPECT_EQ(times.measured(), kMeasuredDatabasesMax);
}

}  // namespace
}  // namespace nunc
