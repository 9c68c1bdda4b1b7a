#include "core/oplog_request.h"

#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

constexpr std::int64_t kNowUs = 1'000'000'000'000'000;

Result<OplogRequest> Parse(std::string_view what, std::string_view rest) {
  return ParseOplogRequest(what, rest, kNowUs);
}

TEST(OplogRequest, InfoTakesNothing) {
  EXPECT_EQ(Parse("info", "")->operation.kind, OperationKind::kOplogInfo);
  EXPECT_FALSE(Parse("info", "now"));
}

TEST(OplogRequest, APlaceIsARevisionATimeOrAnAge) {
  EXPECT_EQ(Parse("since", "12")->operation.from.revision, Revision{12});
  const auto time = [](std::string_view text) {
    return Parse("since", text)->operation.from.time_us;
  };
  EXPECT_EQ(time("1970-01-02"), 86'400'000'000);
  EXPECT_EQ(time("1970-01-02T00:01"), 86'460'000'000);
  EXPECT_EQ(time("1970-01-02T00:01:01Z"), 86'461'000'000);
  EXPECT_EQ(time("2000-02-29"), 951'782'400'000'000);
  EXPECT_EQ(time("90s"), kNowUs - 90'000'000);
  EXPECT_EQ(time("2h"), kNowUs - 7'200'000'000);
  EXPECT_EQ(time("3d"), kNowUs - 259'200'000'000);
  for (const std::string_view bad : {"", "x", "-1", "1970-13-01", "1970-02-30", "1970-01-01T24:00",
                                     "1970-1-1", "1970-01-01T10", "5y", "h"}) {
    EXPECT_FALSE(Parse("since", bad)) << bad;
  }
}

TEST(OplogRequest, SinceMayNameDatabasePatternAndLimit) {
  const Result<OplogRequest> all = Parse("since", "5 db user* 7");
  EXPECT_EQ(all->database, "db");
  EXPECT_EQ(all->operation.pattern, "user*");
  EXPECT_EQ(all->operation.limit, 7U);
  EXPECT_EQ(Parse("since", "5 *")->database, "");
  EXPECT_EQ(Parse("since", "5")->operation.limit, kOplogRecordsDefault);
  EXPECT_TRUE(Parse("since", "5 * k " + std::to_string(kOplogRecordsMax)));
  EXPECT_FALSE(Parse("since", "5 * k " + std::to_string(kOplogRecordsMax + 1)));
  EXPECT_FALSE(Parse("since", "5 * k 0"));
  EXPECT_FALSE(Parse("since", "5 * k many"));
  EXPECT_FALSE(Parse("since", "5 * k 1 more"));
}

TEST(OplogRequest, CleanTakesAPlaceOrWhatStays) {
  EXPECT_FALSE(Parse("clean", "before 9")->operation.by_keep);
  EXPECT_EQ(Parse("clean", "before 9")->operation.from.revision, Revision{9});
  EXPECT_TRUE(Parse("clean", "keep 512MiB")->operation.by_keep);
  EXPECT_EQ(Parse("clean", "keep 512MiB")->operation.keep.bytes, std::uint64_t{512} << 20);
  EXPECT_EQ(Parse("clean", "keep 0")->operation.keep.bytes, 0U);
  EXPECT_EQ(Parse("clean", "keep 15m")->operation.keep.age_us, 900'000'000);
  for (const std::string_view bad : {"", "9", "before", "keep", "keep much", "after 9"}) {
    EXPECT_FALSE(Parse("clean", bad)) << bad;
  }
  EXPECT_FALSE(Parse("dump", ""));
}

TEST(OplogRequest, SizesAndAgesThatDoNotFitAreRefused) {
  EXPECT_EQ(*ParseBytes("1TiB"), std::uint64_t{1} << 40);
  EXPECT_FALSE(ParseBytes("99999999TiB"));
  EXPECT_FALSE(ParseBytes("1GB"));
  EXPECT_FALSE(ParseBytes("-1"));
  EXPECT_EQ(*ParseAge("50ms"), 50'000);
  EXPECT_FALSE(ParseAge("99999999999999d"));
  EXPECT_FALSE(ParseAge("10"));
}

}  // namespace
}  // namespace nunc
