#include "language/nql_reply.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

std::string Data(Reply reply, const Output& output = {}) {
  std::string out;
  reply.row_count = output.rows.size();
  AppendData(out, reply, output);
  return out;
}

std::string Status(Reply reply, const Output& output = {}) {
  std::string out;
  reply.row_count = output.rows.size();
  AppendStatus(out, reply, output);
  return out;
}

TEST(NqlReply, StatusesKeepTheSpaceBeforeTheLineFeed) {
  EXPECT_EQ(Status({.kind = ReplyKind::kOk}), "ok \n");
  EXPECT_EQ(Status({.kind = ReplyKind::kError, .error = ErrorCode::kInvalidToken}),
            "error Invalid token \n");
}

TEST(NqlReply, TwoErrorsAreToldTwiceWithALineFeedInside) {
  const Reply denied{.kind = ReplyKind::kError, .error = ErrorCode::kPermissionDenied};
  EXPECT_EQ(ErrorEcho(denied), "permission denied\n");
  EXPECT_EQ(Status(denied), "error permission denied\n \n");
  const Reply nowhere{.kind = ReplyKind::kError, .error = ErrorCode::kNoDatabaseSelected};
  EXPECT_EQ(ErrorEcho(nowhere), "error no-db-selected\n");
  EXPECT_EQ(Status(nowhere), "error error no-db-selected\n \n");
  EXPECT_EQ(ErrorEcho({.kind = ReplyKind::kError, .error = ErrorCode::kNotAuth}), "");
}

TEST(NqlReply, ValuesComeByteForByte) {
  EXPECT_EQ(Data({.kind = ReplyKind::kValue, .text = " a  b "}), "value  a  b \n");
  EXPECT_EQ(Data({.kind = ReplyKind::kNoValue}), "value <Empty>\n");
  EXPECT_EQ(Data({.kind = ReplyKind::kValueVersion, .text = "v", .number = -2}),
            "value-version -2 v\n");
  EXPECT_EQ(Data({.kind = ReplyKind::kNoValueVersion}), "value-version 1 <Empty>\n");
}

TEST(NqlReply, AValueOfAnotherProtocolCannotEndItsMessageNorBreakItsUtf8) {
  EXPECT_EQ(Data({.kind = ReplyKind::kValue, .text = "a\nok \nb\xFF"}),
            "value aok b\xEF\xBF\xBD\n");
  EXPECT_EQ(Data({.kind = ReplyKind::kValueVersion, .text = "\n\xC3\xA9", .number = 1}),
            "value-version 1 \xC3\xA9\n");
  Output output;
  output.rows = {{.name = "resolve 1 d 0 k a\nb c"}};
  EXPECT_EQ(Data({.kind = ReplyKind::kConflicts}, output),
            "conflitcts-list \nresolve 1 d 0 k ab c\n");
  const Change change{.key = "k", .value = "1\n2", .version = 3};
  std::string out;
  AppendChanged(out, change);
  AppendChangedVersion(out, change);
  AppendConflict(out, change);
  EXPECT_EQ(out, "changed k 12\nchanged-version k 3 12\n12\n");
}

TEST(NqlReply, ListingsBeginWithACommaAndAreBareWhenEmpty) {
  Output output;
  EXPECT_EQ(Data({.kind = ReplyKind::kKeys}, output), "keys \n");
  output.rows = {{.name = "a"}, {.name = "b"}};
  EXPECT_EQ(Data({.kind = ReplyKind::kKeys}, output), "keys ,a,b\n");
  output.rows = {{.name = "d", .detail = "newer"}};
  EXPECT_EQ(Data({.kind = ReplyKind::kDatabases}, output), "dbs-list \nd : newer\n");
}

TEST(NqlReply, EntriesAreALineEachBelowTheirNumber) {
  Output output;
  EXPECT_EQ(Data({.kind = ReplyKind::kEntries}, output), "values 0\n");
  output.rows = {{.name = "a", .detail = "x y", .version = 4}, {.name = "b", .version = -2}};
  EXPECT_EQ(Data({.kind = ReplyKind::kEntries}, output), "values 2\na 4 x y\nb -2 \n");
}

TEST(NqlReply, AScanSaysHowItEndsAboveItsEntries) {
  Output output;
  EXPECT_EQ(Data({.kind = ReplyKind::kScan}, output), "scan 0 end\n");
  output.rows = {{.name = "a", .detail = "x", .version = 4}};
  EXPECT_EQ(Data({.kind = ReplyKind::kScan, .text = "b"}, output), "scan 1 more b\na 4 x\n");
}

TEST(NqlReply, WhoamiIsALineForEachField) {
  Output output;
  output.rows = {{.name = "database", .detail = "d"}, {.name = "user"}};
  EXPECT_EQ(Data({.kind = ReplyKind::kWhoami}, output), "whoami\ndatabase: d\nuser:\n");
}

TEST(NqlReply, MetricsEndInTwoLineFeedsAndLackASpaceBehindTheThirdComma) {
  Output output;
  output.counters = {
      .commands = 9, .query_time_ms_average = 0.25, .log_bytes = 64, .log_records = 3};
  EXPECT_EQ(Data({.kind = ReplyKind::kMetrics}, output),
            "metrics-state pending_ops: 0, op_log_file_size: 64, op_log_count: 3,"
            "replication_time_moving_avg: 0.0, get_query_time_moving_avg: 0.25\n\n");
}

TEST(NqlReply, MetricsAsJsonHaveAnObjectForEachKindOfTime) {
  Output output;
  output.counters = {.commands = 9, .log_bytes = 64, .log_records = 3};
  const std::string counters =
      R"(metrics-state {"commands":9,"query_ms":0.0,"oplog_bytes":64,"oplog_records":3,)";
  EXPECT_EQ(Data({.kind = ReplyKind::kMetricsJson}, output), counters + "\"delivery\":[]}\n");
  output.rows = {{"sent", "*", 2}, {"max_us", "", 5}, {"shown", "a\"b", 1}, {"max_us", "", 6}};
  EXPECT_EQ(Data({.kind = ReplyKind::kMetricsJson}, output),
            counters + R"("delivery":[{"what":"sent","database":"*","count":2,"max_us":5},)"
                       R"({"what":"shown","database":"a\"b","count":1,"max_us":6}]})"
                       "\n");
}

TEST(NqlReply, AFailedConditionTellsWhatIsThere) {
  EXPECT_EQ(Data({.kind = ReplyKind::kPut, .number = 4}), "put 4\n");
  const auto status = [](ErrorCode code, std::string_view text = {}) {
    return Status({.kind = ReplyKind::kError, .error = code, .text = text, .number = 4});
  };
  EXPECT_EQ(status(ErrorCode::kVersionDiffers, "3"), "error the key has version 4, not 3 \n");
  EXPECT_EQ(status(ErrorCode::kKeyAbsent), "error the key is absent, not at version 4 \n");
  EXPECT_EQ(status(ErrorCode::kKeyExists), "error the key exists already, at version 4 \n");
}

TEST(NqlReply, HowLongAKeyLives) {
  EXPECT_EQ(Data({.kind = ReplyKind::kTtl, .number = -1}), "ttl -1\n");
  EXPECT_EQ(Data({.kind = ReplyKind::kNoTtl}), "ttl <Empty>\n");
  EXPECT_EQ(Data({.kind = ReplyKind::kHello, .text = "ab"}), "hello ab new\n");
  EXPECT_EQ(Data({.kind = ReplyKind::kHello, .text = "ab", .number = 1}), "hello ab resumed\n");
  const auto status = [](ErrorCode code, std::int64_t number, std::string_view text = {}) {
    return Status({.kind = ReplyKind::kError, .error = code, .text = text, .number = number});
  };
  EXPECT_EQ(status(ErrorCode::kKeyAbsent, -1), "error the key is absent \n");
  EXPECT_EQ(status(ErrorCode::kBadTtl, 0),
            "error the time to live must be from 1 to 315360000000 milliseconds, not 0 \n");
  EXPECT_EQ(status(ErrorCode::kBadGrace, -5),
            "error the grace must be from 0 to 315360000000 milliseconds, not -5 \n");
  EXPECT_EQ(status(ErrorCode::kSecureLifetime, 0, "$$token"),
            "error a key that begins with $$ lives until it is removed: '$$token' \n");
  EXPECT_EQ(status(ErrorCode::kTooManySessionKeys, 0),
            "error too many keys that live with this session: allowed are 1000 \n");
  EXPECT_EQ(status(ErrorCode::kNotPrimary, 0, "10.0.0.2:3014"),
            "error not-primary 10.0.0.2:3014 \n");
  EXPECT_EQ(status(ErrorCode::kNotPrimary, 0, "-"), "error not-primary - \n");
}

TEST(NqlReply, UnknownDatabasesAreNamed) {
  Output output;
  output.rows = {{.name = "a"}};
  const Reply reply{.kind = ReplyKind::kError, .error = ErrorCode::kSnapshotUnknownDatabases};
  EXPECT_EQ(Status(reply, output), "error a is not a valid database name \n");
  output.rows.push_back({.name = "b"});
  EXPECT_EQ(Status(reply, output), "error a, b, are not a valid database names \n");
}

TEST(NqlReply, EveryErrorHasATextOfItsOwn) {
  // These bring their text with them.
  const std::set<ErrorCode> told_by_the_reply = {
      ErrorCode::kRejected, ErrorCode::kBadPermissionList, ErrorCode::kBadOplogCommand,
      ErrorCode::kOperationFailed};
  std::set<std::string> texts;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kBadSession); ++code) {
    const Reply reply{.kind = ReplyKind::kError,
                      .error = static_cast<ErrorCode>(code),
                      .text = "T",
                      .number = 7,
                      .row_count = 1};
    std::string text;
    Output output;
    output.rows = {{.name = "R"}};
    AppendErrorText(text, reply, output);
    EXPECT_FALSE(text.empty()) << code;
    EXPECT_EQ(text == "T", told_by_the_reply.contains(reply.error)) << text;
    EXPECT_TRUE(text == "T" || texts.insert(text).second) << text;
  }
}

}  // namespace
}  // namespace nunc
