#include "node/recent_records.h"

#include <string>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "storage/record.h"

namespace nunc {
namespace {

class RecentRecordsTest : public testing::Test {
 protected:
  std::string Make(Term term, std::size_t value_bytes = 8) {
    ++revision_;
    const std::string value(value_bytes, 'v');
    const RecordItem item{.key = "k", .value = value, .version = 1};
    std::string bytes;
    AppendRecord(bytes,
                 {.type = RecordType::kSet,
                  .database = {2},
                  .revision = {revision_},
                  .time_us = static_cast<std::int64_t>(revision_),
                  .items = {&item, 1}},
                 term, chain_);
    return bytes;
  }

  std::uint64_t revision_ = 0;
  std::uint64_t chain_ = 0;
  RecentRecords recent_;
};

TEST_F(RecentRecordsTest, ARunIsOfOneTermAndFitsWhatIsAllowed) {
  std::string all;
  for (int i = 0; i < 4; ++i) {
    all += Make({i < 3 ? 1U : 2U});
  }
  recent_.Append(all);
  const std::size_t each = all.size() / 4;
  EXPECT_EQ(recent_.From({1}, {4}, 1'000)->count, 3U);
  EXPECT_EQ(recent_.From({1}, {2}, 1'000)->last, Revision{2});
  EXPECT_EQ(recent_.From({2}, {4}, 2 * each)->bytes, std::string_view(all).substr(each, 2 * each));
  EXPECT_EQ(recent_.From({2}, {4}, 2 * each - 1)->count, 1U);
  EXPECT_EQ(recent_.From({1}, {4}, 1)->count, 1U);
  EXPECT_EQ(recent_.From({4}, {4}, 1'000)->term, Term{2});
  EXPECT_FALSE(recent_.From({5}, {5}, 1'000).has_value());
}

TEST_F(RecentRecordsTest, BeyondTheLimitTheOldestGo) {
  constexpr std::size_t kValueBytes = 100'000;
  while (recent_.bytes() + kValueBytes + 200 <= kRecentRecordsBytesMax) {
    recent_.Append(Make({1}, kValueBytes));
  }
  EXPECT_TRUE(recent_.From({1}, {1}, 1).has_value());
  recent_.Append(Make({1}, kValueBytes));
  recent_.Append(Make({1}, kValueBytes));
  EXPECT_TRUE(recent_.From({1}, {1}, 1).has_value());
  recent_.Trim();
  EXPECT_FALSE(recent_.From({1}, {1}, 1).has_value());
  EXPECT_LE(recent_.bytes(), kRecentRecordsBytesMax);
  EXPECT_TRUE(recent_.From({revision_}, {revision_}, 1).has_value());
}

TEST_F(RecentRecordsTest, WhatIsCutIsGoneAndOthersComeInItsPlace) {
  std::string all;
  for (int i = 0; i < 5; ++i) {
    all += Make({1});
  }
  recent_.Append(all);
  recent_.CutTo({2});
  EXPECT_FALSE(recent_.From({3}, {3}, 1).has_value());
  EXPECT_EQ(recent_.From({1}, {5}, 1'000)->last, Revision{2});
  revision_ = 2;
  recent_.Append(Make({2}));
  EXPECT_EQ(recent_.From({3}, {3}, 1)->term, Term{2});
}

}  // namespace
}  // namespace nunc
