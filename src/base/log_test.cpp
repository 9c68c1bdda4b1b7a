#include "base/log.h"

#include <gtest/gtest.h>

namespace nunc {
namespace {

class LogTest : public testing::Test {
 protected:
  void TearDown() override { SetLogLevel(before_); }

  // Whether a line of `level` reaches standard error.
  static bool IsWritten(LogLevel level) {
    testing::internal::CaptureStderr();
    Log(level, "line");
    return !testing::internal::GetCapturedStderr().empty();
  }

 private:
  LogLevel before_ = GetLogLevel();
};

TEST_F(LogTest, TheLevelIsTheOneThatWasSet) {
  for (const LogLevel level : {LogLevel::kTrace, LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn,
                               LogLevel::kError, LogLevel::kOff}) {
    SetLogLevel(level);
    EXPECT_EQ(GetLogLevel(), level);
  }
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  SetLogLevel(LogLevel::kWarn);
  EXPECT_FALSE(IsWritten(LogLevel::kTrace));
  EXPECT_FALSE(IsWritten(LogLevel::kInfo));
  EXPECT_TRUE(IsWritten(LogLevel::kWarn));
  EXPECT_TRUE(IsWritten(LogLevel::kError));
}

TEST_F(LogTest, OffSilencesErrorsToo) {
  SetLogLevel(LogLevel::kOff);
  EXPECT_FALSE(IsWritten(LogLevel::kError));
}

TEST_F(LogTest, TextWithBracesIsTakenAsItIs) {
  SetLogLevel(LogLevel::kInfo);
  testing::internal::CaptureStderr();
  LogInfo("{} {0} {");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("{} {0} {"), std::string::npos);
}

}  // namespace
}  // namespace nunc
