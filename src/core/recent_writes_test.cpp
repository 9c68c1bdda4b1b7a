#include "core/recent_writes.h"

#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

TEST(RecentWrites, TheNewestAreKnownUpToTheLimitAndNotOneMore) {
  RecentWrites writes;
  EXPECT_EQ(writes.Find({}), nullptr);
  for (std::uint64_t i = 1; i <= kRecentWritesMax; ++i) {
    writes.Note({i}, static_cast<std::int64_t>(i) * 10, Writer::kUser, std::to_string(i));
  }
  ASSERT_NE(writes.Find({1}), nullptr);
  EXPECT_EQ(writes.Find({1})->user(), "1");
  EXPECT_EQ(writes.Find({1})->time_us, 10);
  writes.Note({kRecentWritesMax + 1}, 7, Writer::kUser, "new");
  EXPECT_EQ(writes.Find({1}), nullptr);
  ASSERT_NE(writes.Find({2}), nullptr);
  EXPECT_EQ(writes.Find({kRecentWritesMax + 1})->user(), "new");
  EXPECT_EQ(writes.Find({kRecentWritesMax + 2}), nullptr) << "has not happened";
}

TEST(RecentWrites, ANameOfAnyAllowedLengthIsKeptWhole) {
  RecentWrites writes;
  const std::string longest(kNameBytesMax, 'u');
  writes.Note({1}, 0, Writer::kUser, longest);
  EXPECT_EQ(writes.Find({1})->user(), longest);
}

}  // namespace
}  // namespace nunc
