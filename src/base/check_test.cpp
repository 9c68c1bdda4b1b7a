#include "base/check.h"

#include <csignal>

#include <gtest/gtest.h>

namespace nunc {
namespace {

TEST(CheckDeathTest, AFalseConditionEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(CHECK(1 + 1 == 3), testing::KilledBySignal(SIGABRT), "");
}

TEST(Check, ATrueConditionIsEvaluatedOnce) {
  int evaluations = 0;
  CHECK(++evaluations > 0);
  EXPECT_EQ(evaluations, 1);
}

}  // namespace
}  // namespace nunc
