#include "language/nunc1_reply.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

class Nunc1ReplyTest : public testing::Test {
 protected:
  std::string Data(Reply reply, const Output& output = {}) {
    std::string out;
    reply.row_count = output.rows.size();
    writer_.AppendData(out, reply, output);
    EXPECT_TRUE(reader_.IsJson("{" + out + "}")) << out;
    return out;
  }

  std::string Status(Reply reply, Verb verb, const Output& output = {}) {
    std::string out;
    reply.row_count = output.rows.size();
    Nunc1Writer::AppendStatus(out, reply, output, verb);
    EXPECT_TRUE(reader_.IsJson("{" + out + "}")) << out;
    return out;
  }

  std::string Push(const Change& change, std::string_view database) {
    std::string out;
    writer_.AppendPush(out, change, database);
    EXPECT_TRUE(reader_.IsJson(out)) << out;
    return out;
  }

  Nunc1Writer writer_;
  JsonReader reader_;
};

TEST_F(Nunc1ReplyTest, EntriesAreObjectsAndAListingSaysWhereItGoesOn) {
  Output output;
  output.rows = {{.name = "a", .detail = "1", .version = 3}, {.name = "b", .detail = "x y"}};
  EXPECT_EQ(Data({.kind = ReplyKind::kEntries}, output),
            R"("ok":{"entries":[{"key":"a","value":1,"version":3},)"
            R"({"key":"b","text":"x y","version":0}]})");
  output.rows.resize(1);
  EXPECT_EQ(Data({.kind = ReplyKind::kScan, .text = "a"}, output),
            R"("ok":{"entries":[{"key":"a","value":1,"version":3}],"after":"a"})");
  EXPECT_EQ(Data({.kind = ReplyKind::kScan}), R"("ok":{"entries":[]})");
  EXPECT_EQ(Data({.kind = ReplyKind::kPut, .number = 4, .revision = {9}}),
            R"("ok":{"version":4,"revision":9})");
  EXPECT_EQ(Data({.kind = ReplyKind::kTtl, .number = -1}), R"("ok":{"found":true,"ttl":-1})");
  EXPECT_EQ(Data({.kind = ReplyKind::kNoTtl}), R"("ok":{"found":false})");
  EXPECT_EQ(Data({.kind = ReplyKind::kHello, .text = "ab", .number = 1}),
            R"("ok":{"session":"ab","resumed":true})");
  output.rows = {
      {.name = "database", .detail = "d"}, {.name = "user"}, {.name = "admin", .detail = "true"}};
  EXPECT_EQ(Data({.kind = ReplyKind::kWhoami}, output),
            R"("ok":{"db":"d","user":"","admin":true})");
}

TEST_F(Nunc1ReplyTest, AValueLeavesAsJsonOrTextOrBase64) {
  const auto shown = [this](std::string_view value) {
    return Data({.kind = ReplyKind::kValueVersion, .text = value, .number = 2, .revision = {9}});
  };
  EXPECT_EQ(shown(R"({"a": 1})"),
            R"("ok":{"found":true,"value":{"a": 1},"version":2,"revision":9})");
  EXPECT_EQ(shown("12"), R"("ok":{"found":true,"value":12,"version":2,"revision":9})");
  EXPECT_EQ(shown("a \"b\"\n"),
            R"("ok":{"found":true,"text":"a \"b\"\n","version":2,"revision":9})");
  EXPECT_EQ(shown(""), R"("ok":{"found":true,"text":"","version":2,"revision":9})");
  EXPECT_EQ(shown(std::string_view("\0\xFF", 2)),
            R"("ok":{"found":true,"base64":"AP8=","version":2,"revision":9})");
  EXPECT_EQ(shown("\xEF\xBB\xBF[]"),
            "\"ok\":{\"found\":true,\"text\":\"\xEF\xBB\xBF[]\",\"version\":2,\"revision\":9}");
  // Of a depth that a reader may not take, and with a number that it cannot.
  const std::string deep(kMessageDepthMax + 1, '[');
  EXPECT_NE(shown(deep + "1" + std::string(kMessageDepthMax + 1, ']')).find("\"text\""),
            std::string::npos);
  EXPECT_NE(shown("1e400").find("\"text\""), std::string::npos);
  EXPECT_EQ(Data({.kind = ReplyKind::kNoValueVersion}), R"("ok":{"found":false})");
}

TEST_F(Nunc1ReplyTest, AnOkOfAWriteSaysWhatItWrote) {
  const Reply wrote{.kind = ReplyKind::kOk, .text = "5", .number = 3, .revision = {7}};
  EXPECT_EQ(Status(wrote, Verb::kSet), R"("ok":{"version":3,"revision":7})");
  EXPECT_EQ(Status(wrote, Verb::kIncrement), R"("ok":{"value":5,"version":3,"revision":7})");
  EXPECT_EQ(Status({.kind = ReplyKind::kOk, .revision = {7}}, Verb::kRemove),
            R"("ok":{"revision":7})");
  EXPECT_EQ(Status({.kind = ReplyKind::kOk}, Verb::kWatch), R"("ok":{})");
}

TEST_F(Nunc1ReplyTest, ListingsAreLists) {
  Output output;
  EXPECT_EQ(Data({.kind = ReplyKind::kKeys}, output), R"("ok":{"keys":[]})");
  output.rows = {{.name = "a"}, {.name = "b,\xFF"}};
  EXPECT_EQ(Data({.kind = ReplyKind::kKeys}, output),
            "\"ok\":{\"keys\":[\"a\",\"b,\xEF\xBF\xBD\"]}");
  output.rows = {{.name = "d", .detail = "newer"}};
  EXPECT_EQ(Data({.kind = ReplyKind::kDatabases}, output), R"("ok":{"lines":["d : newer"]})");
  output.rows.clear();
  EXPECT_EQ(Data({.kind = ReplyKind::kProcess, .number = 5}, output),
            R"("ok":{"lines":["process_id: 5"]})");
  EXPECT_EQ(Data({.kind = ReplyKind::kPendingOps}, output), R"("ok":{"lines":[]})");
  output.rows = {{.name = "here:1",
                  .detail = "self",
                  .version = static_cast<std::int64_t>(SeenRole::kPrimary)}};
  EXPECT_EQ(Data({.kind = ReplyKind::kCluster}, output),
            R"("ok":{"lines":["here:1(self):Primary ,"]})");
  output.rows = {{.name = "id", .version = 1}, {.name = kMemberRow, .version = 1}};
  EXPECT_EQ(Data({.kind = ReplyKind::kClusterJson}, output),
            R"("ok":{"cluster":{"id":1,"members":[{"id":1}]}})");
  output.rows.clear();
  EXPECT_EQ(Data({.kind = ReplyKind::kMetricsJson}, output),
            R"("ok":{"metrics":{"commands":0,"query_ms":0.0,"oplog_bytes":0,"oplog_records":0,)"
            R"("delivery":[]}})");
  EXPECT_TRUE(
      Data({.kind = ReplyKind::kCommands}, output).starts_with(R"("ok":{"lines":["auth",)"));
  EXPECT_EQ(Data({.kind = ReplyKind::kPong}), R"("ok":{})");
  EXPECT_EQ(Data({.kind = ReplyKind::kAuthInvalid}),
            R"("error":{"code":"invalid-auth","message":"no such user, or not that password"})");
}

TEST_F(Nunc1ReplyTest, AnErrorHasTheTextOfNqlAndTheFieldToBlame) {
  const auto error = [this](ErrorCode code, Verb verb) {
    return Status({.kind = ReplyKind::kError, .error = code, .text = "T", .number = 8}, verb);
  };
  EXPECT_EQ(error(ErrorCode::kPermissionDenied, Verb::kGet),
            R"("error":{"code":"permission-denied","message":"permission denied"})");
  EXPECT_EQ(error(ErrorCode::kNoDatabaseSelected, Verb::kGet),
            R"("error":{"code":"no-db-selected","message":"no-db-selected"})");
  EXPECT_EQ(error(ErrorCode::kEmptyKey, Verb::kGet),
            R"("error":{"code":"empty-key","message":"the key must not be empty","field":"key"})");
  EXPECT_EQ(error(ErrorCode::kValueTooLong, Verb::kSetPermissions),
            R"("error":{"code":"value-too-long","message":"the value is too long: )"
            R"(allowed are 8 bytes","field":"list"})");
}

TEST_F(Nunc1ReplyTest, ARefusedWriteSaysWhereItIsTaken) {
  const Reply refused{
      .kind = ReplyKind::kError, .error = ErrorCode::kNotPrimary, .text = "10.0.0.2:3014"};
  EXPECT_EQ(Status(refused, Verb::kSet),
            R"("error":{"code":"not-primary","message":"not-primary 10.0.0.2:3014",)"
            R"("primary":"10.0.0.2:3014"})");
  EXPECT_EQ(
      Status({.kind = ReplyKind::kError, .error = ErrorCode::kNotPrimary, .text = "-"}, Verb::kSet),
      R"("error":{"code":"not-primary","message":"not-primary -"})");
}

TEST_F(Nunc1ReplyTest, EveryErrorHasACodeOfItsOwn) {
  std::set<std::string_view> codes;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kBadSession); ++code) {
    const std::string_view word = Nunc1CodeOf(static_cast<ErrorCode>(code));
    EXPECT_TRUE(codes.insert(word).second) << word;
    EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos);
  }
}

TEST_F(Nunc1ReplyTest, AChangeIsOneMessageThatSaysWhatIsKnown) {
  const Change set{.key = "k\"",
                   .value = "[1]",
                   .version = 3,
                   .revision = {12},
                   .time_us = 1'700'000'000'123'456};
  EXPECT_EQ(Push(set, "d"), R"({"push":"set","db":"d","key":"k\"","value":[1],"version":3,)"
                            R"("revision":12,"at":1700000000123})");
  EXPECT_EQ(Push({.key = "$connections", .value = "2", .more = true}, ""),
            R"({"push":"set","key":"$connections","value":2,"version":0,"more":true})");
  EXPECT_EQ(Push({.kind = ChangeKind::kRemoved, .key = "k", .revision = {13}}, "d"),
            R"({"push":"removed","db":"d","key":"k","revision":13})");
  EXPECT_EQ(Push({.kind = ChangeKind::kStarted, .key = "k*", .value = "delta"}, "d"),
            R"({"push":"started","db":"d","with":"delta","watch":"k*"})");
  EXPECT_EQ(Push({.kind = ChangeKind::kStarted, .key = "k*", .value = "rewind 2.9"}, "d"),
            R"({"push":"started","db":"d","with":"rewind","token":"2.9","watch":"k*"})");
  EXPECT_EQ(Push({.kind = ChangeKind::kStarted, .value = "rewound 2.9"}, "d"),
            R"({"push":"started","db":"d","with":"rewound","token":"2.9"})");
  EXPECT_EQ(Push({.kind = ChangeKind::kReady, .value = "2.17"}, "d"),
            R"({"push":"ready","db":"d","token":"2.17"})");
  EXPECT_EQ(Push({.kind = ChangeKind::kReady, .key = "k*", .value = "2.17", .revision = {17}}, "d"),
            R"({"push":"ready","db":"d","token":"2.17","watch":"k*","revision":17})");
}

TEST_F(Nunc1ReplyTest, AConflictSaysBothValuesWithSpacesInThem) {
  const std::string_view text = "resolve 17 d 4 k a b {\"c\": 1}";
  EXPECT_EQ(Push({.kind = ChangeKind::kConflict,
                  .key = "$conflicts_k_17",
                  .value = text,
                  .revision = {5},
                  .newer_at = text.find('{')},
                 "d"),
            R"({"push":"conflict","db":"d","conflict":"17","key":"k","version":4,)"
            R"("reference":{"text":"a b"},"new":{"value":{"c": 1}},"revision":5})");
  const std::string_view empty = "resolve 17 d 4 k  ";
  EXPECT_EQ(Push({.kind = ChangeKind::kConflict, .value = empty, .newer_at = empty.size()}, "d"),
            R"({"push":"conflict","db":"d","conflict":"17","key":"k","version":4,)"
            R"("reference":{"text":""},"new":{"text":""}})");
}

}  // namespace
}  // namespace nunc
