#include "base/histogram.h"

#include <gtest/gtest.h>

namespace nunc {
namespace {

using Small = Histogram<4, 28>;

TEST(Histogram, WithoutSamplesThereIsNothing) {
  const Small histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.Percentile(0.5), 0);
}

TEST(Histogram, ShortTimesAreExactAndLongOnesWithinASixteenth) {
  for (const std::int64_t value :
       std::initializer_list<std::int64_t>{0, 1, 15, 16, 17, 1'000, 123'456, 4'000'000'000}) {
    Small histogram;
    histogram.Add(value);
    histogram.Add(2 * value);  // so that the maximum does not cap it
    const auto exact = static_cast<double>(value);
    EXPECT_NEAR(histogram.Percentile(0.0), exact, value < 16 ? 0.0 : exact / 16) << value;
  }
}

TEST(Histogram, PercentilesGoUpWithTheSamples) {
  Small histogram;
  for (std::int64_t value = 1; value <= 1000; ++value) {
    histogram.Add(value);
  }
  EXPECT_EQ(histogram.count(), 1000U);
  EXPECT_EQ(histogram.max(), 1000U);
  EXPECT_NEAR(histogram.Percentile(0.5), 500, 500.0 / 16);
  EXPECT_NEAR(histogram.Percentile(0.99), 990, 990.0 / 16);
  EXPECT_EQ(histogram.Percentile(1.0), 1000);
}

TEST(Histogram, WhatIsOutOfItsRangeCountsAsItsEnds) {
  Small histogram;
  histogram.Add(-5);
  EXPECT_EQ(histogram.max(), 0U);
  histogram.Add(static_cast<std::int64_t>(Small::kValueMax));
  EXPECT_EQ(histogram.max(), Small::kValueMax);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.max(), Small::kValueMax);
  EXPECT_EQ(histogram.count(), 3U);
}

}  // namespace
}  // namespace nunc
