#include "language/nunc1_request.h"

#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

class Nunc1RequestTest : public testing::Test {
 protected:
  const Nunc1Request& Parse(std::string_view text) {
    text_ = text;  // the parser must not need the caller's bytes behind the text
    return parser_.Parse(text_);
  }

  // `CODE FIELD: message`, or what was understood.
  std::string Refusal(std::string_view text) {
    const Nunc1Request& request = Parse(text);
    if (request.kind != Nunc1Request::Kind::kRefused) {
      return "accepted";
    }
    return std::string(request.refusal.code) + " " + std::string(request.refusal.field) + ": " +
           request.refusal.message;
  }

  std::string text_;
  Nunc1Parser parser_;
};

TEST_F(Nunc1RequestTest, AnOpIsItsCommandAndItsFieldsAreTheArguments) {
  const Nunc1Request& get = Parse(R"({"id":1,"op":"get","key":"k"})");
  EXPECT_EQ(get.kind, Nunc1Request::Kind::kCommand);
  EXPECT_EQ(get.id, "1");
  EXPECT_EQ(get.command.verb, Verb::kGetSafe);
  EXPECT_EQ(get.command.key, "k");
  const Nunc1Request& use = Parse(R"({"op":"use","token":"t u","db":"d","user":"u","id":"x"})");
  EXPECT_EQ(use.id, "\"x\"");
  EXPECT_EQ(use.command.verb, Verb::kUseDb);
  EXPECT_EQ(use.command.name, "d");
  EXPECT_EQ(use.command.user, "u");
  EXPECT_EQ(use.command.secret, "t u");
  const Nunc1Request& create = Parse(
      R"({"id":1,"op":"create-db","name":"d","token":"t","strategy":"arbiter","ack":"disk"})");
  EXPECT_EQ(create.command.strategy, Strategy::kArbiter);
  EXPECT_EQ(create.command.level, AckLevel::kDisk);
  EXPECT_EQ(
      Parse(R"({"id":1,"op":"create-db","name":"d","token":"t","ack":"quorum"})").command.level,
      AckLevel::kQuorum);
  EXPECT_EQ(Parse(R"({"id":1,"op":"create-db","name":"d","token":"t"})").command.level,
            std::nullopt);
  const Nunc1Request& resolve =
      Parse(R"({"id":1,"op":"resolve","conflict":"9223372036854775807","db":"d",)"
            R"("key":"k","version":0,"text":""})");
  EXPECT_EQ(resolve.command.conflict.value, INT64_MAX);
  EXPECT_EQ(resolve.command.name, "d");
  EXPECT_EQ(resolve.command.version, 0);
  EXPECT_EQ(resolve.command.value, "");
  EXPECT_EQ(Parse(R"({"id":1,"op":"increment","key":"k"})").command.amount, 1);
  EXPECT_EQ(Parse(R"({"id":1,"op":"increment","key":"k","by":-3})").command.amount, -3);
  EXPECT_EQ(Parse(R"({"id":1,"op":"debug","what":"loop"})").command.name, "loop");
  EXPECT_EQ(Parse(R"({"id":1,"op":"snapshot","flag":true,"dbs":"a|b"})").command.value, "a|b");
  EXPECT_EQ(Parse(R"({"id":1,"op":"snapshot","flag":true,"dbs":"a|b"})").command.name, "true");
}

TEST_F(Nunc1RequestTest, AWriteMayNameASessionAndASequence) {
  const Nunc1Request& alone = Parse(R"({"id":1,"op":"increment","key":"k","seq":1})");
  EXPECT_EQ(alone.command.retry.sequence, 1U);
  EXPECT_EQ(alone.command.retry.session, SessionName{});
  const Nunc1Request& named = Parse(R"({"id":1,"op":"exec","seq":9007199254740991,)"
                                    R"("session":"2e626a944fc6b690e402c28cd613f571"})");
  EXPECT_EQ(named.command.retry.sequence, 9'007'199'254'740'991U);
  EXPECT_EQ(named.command.retry.session,
            (SessionName{.high = 0x2e626a944fc6b690, .low = 0xe402c28cd613f571}));
  EXPECT_EQ(Parse(R"({"id":1,"op":"set","key":"k","value":1})").command.retry.sequence, 0U);
  const std::string refused = "bad-field seq: seq must be an integer from 1 to 9007199254740991";
  for (const std::string_view bad : {"0", "-1", "9007199254740992", "1.5", "\"1\"", "null"}) {
    EXPECT_EQ(Refusal(R"({"id":1,"op":"remove","key":"k","seq":)" + std::string(bad) + "}"),
              refused);
  }
  EXPECT_EQ(Refusal(R"({"id":1,"op":"remove","key":"k","seq":1,"session":"ann"})"),
            "bad-field session: session must be the name of a session, as a greeting has it");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"remove","key":"k","session":"ann"})"),
            "bad-field session: session must be given together with seq");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"get","key":"k","seq":1})"),
            "bad-field seq: unknown field 'seq': allowed are id, op, key");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"remove","key":"k","sequence":1})"),
            "bad-field sequence: unknown field 'sequence': allowed are id, op, key, seq, session");
}

TEST_F(Nunc1RequestTest, OpsOfSeveralKeysAndConditionsHaveFieldsOfTheirOwn) {
  const Nunc1Request& many = Parse(R"({"id":1,"op":"get-many","keys":["a","b\u00e9",""]})");
  EXPECT_EQ(std::vector(many.command.keys.begin(), many.command.keys.end()),
            (std::vector<std::string_view>{"a", "b\xC3\xA9", ""}));
  const Nunc1Request& scan = Parse(R"({"id":1,"op":"scan","prefix":"a/","after":"a/9","limit":7})");
  EXPECT_EQ(scan.command.key, "a/");
  EXPECT_EQ(scan.command.after, "a/9");
  EXPECT_EQ(scan.command.limit, 7);
  EXPECT_EQ(Parse(R"({"id":1,"op":"put","key":"k","if-version":4294967295,"value":1})")
                .command.if_version,
            4'294'967'295U);
  EXPECT_TRUE(
      Parse(R"({"id":1,"op":"put","key":"k","if-absent":true,"value":1})").command.if_absent);
  EXPECT_EQ(Parse(R"({"id":1,"op":"watch","key":"a/*","since":"1.2.3"})").command.since, "1.2.3");
  EXPECT_EQ(Parse(R"({"id":1,"op":"watch","key":"a","policy":"all"})").command.policy,
            WatchPolicy::kAll);
  EXPECT_EQ(Parse(R"({"id":1,"op":"watch","key":"a","every":7})").command.policy,
            WatchPolicy::kEvery);
  EXPECT_EQ(Parse(R"({"id":1,"op":"watch","key":"a","every":7})").command.every_ms, 7);
  EXPECT_EQ(Refusal(R"({"id":1,"op":"get-many","keys":["a",1]})"),
            "bad-field keys: keys must be an array of strings");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"get-many","keys":"a"})"),
            "bad-field keys: keys must be an array of strings");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"scan","prefix":"a","limit":"7"})"),
            "bad-field limit: limit must be an integer");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"put","key":"k","if-version":4294967296,"value":1})"),
            "bad-field if-version: if-version must be an integer from 0 to 4294967295");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"put","key":"k","if-absent":1,"value":1})"),
            "bad-field if-absent: if-absent must be true or false");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"put","key":"k","if-version":1,"if-absent":true,"value":1})"),
            "bad-field if-absent: if-version and if-absent exclude each other");
}

TEST_F(Nunc1RequestTest, HowLongAKeyLives) {
  EXPECT_EQ(
      Parse(R"({"id":1,"op":"put","key":"k","ttl":5,"if-absent":true,"value":1})").command.ttl_ms,
      5);
  EXPECT_EQ(Parse(R"({"id":1,"op":"put","key":"k","value":1})").command.ttl_ms, std::nullopt);
  EXPECT_EQ(Parse(R"({"id":1,"op":"expire","key":"k","ttl":-9223372036854775808})").command.ttl_ms,
            INT64_MIN);  // which the core refuses
  EXPECT_EQ(Parse(R"({"id":1,"op":"set-session","key":"k","grace":0,"text":"v"})").command.grace_ms,
            0);
  EXPECT_EQ(Parse(R"({"id":1,"op":"hello","session":"abc"})").command.secret, "abc");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"hello"})"), "accepted");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"expire","key":"k"})"),
            "bad-field ttl: ttl is missing: allowed are id, op, key, ttl");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"put","key":"k","ttl":1.5,"value":1})"),
            "bad-field ttl: ttl must be an integer, in milliseconds");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"set-session","key":"k","ttl":1,"value":1})"),
            "bad-field ttl: unknown field 'ttl': allowed are id, op, key, grace, value, text, "
            "base64");
}

// A new command must be of use here without a line of its own.
TEST_F(Nunc1RequestTest, EveryCommandOfTheTableIsAnOp) {
  for (const CommandRow& row : CommandTable()) {
    const std::string bare = Refusal("{\"id\":1,\"op\":\"" + std::string(row.name) + "\"}");
    EXPECT_TRUE(bare == "accepted" || bare.starts_with("bad-field ")) << row.name << bare;
  }
  EXPECT_TRUE(Refusal(R"({"id":1,"op":"fly"})").starts_with("unknown-op op: unknown op 'fly'"));
}

TEST_F(Nunc1RequestTest, AValueHasOneOfThreeForms) {
  EXPECT_EQ(
      Parse(R"({"id":1,"op":"set","key":"k","value": { "a" : [ 1.0, "x y" ] } })").command.value,
      R"({"a":[1.0,"x y"]})");
  EXPECT_EQ(Parse(R"({"id":1,"op":"set","key":"k","value":null})").command.value, "null");
  EXPECT_EQ(Parse(R"({"id":1,"op":"set","key":"k","text":"a\nb\u00e9"})").command.value,
            "a\nb\xC3\xA9");
  EXPECT_EQ(Parse(R"({"id":1,"op":"set","key":"k","base64":"AP8="})").command.value,
            std::string_view("\0\xFF", 2));
  EXPECT_TRUE(
      Refusal(R"({"id":1,"op":"set","key":"k"})").starts_with("bad-field value: exactly one"));
  EXPECT_TRUE(Refusal(R"({"id":1,"op":"set","key":"k","value":1,"text":"1"})")
                  .starts_with("bad-field value: exactly one"));
  EXPECT_EQ(Refusal(R"({"id":1,"op":"set","key":"k","text":1})"),
            "bad-field text: text must be a string");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"set","key":"k","base64":"AP8"})"),
            "bad-field base64: base64 must be base64 with its padding (RFC 4648, section 4)");
}

TEST_F(Nunc1RequestTest, AnEmptySinceIsNoToken) {
  EXPECT_EQ(Refusal(R"({"id":1,"op":"watch","key":"k","since":""})"),
            "bad-since since: since must be 0 or a token that was told, not empty");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"watch","key":"k","since":"0"})"), "accepted");
}

TEST_F(Nunc1RequestTest, AnIdIsAnIntegerOfAJavaScriptNumberOrAShortString) {
  EXPECT_EQ(Parse(R"({"id":0,"op":"ping"})").id, "0");
  EXPECT_EQ(Parse(R"({"id":9007199254740991,"op":"ping"})").id, "9007199254740991");
  // One id in two spellings is one id.
  EXPECT_EQ(Parse(R"({"id":"\u0061\"","op":"ping"})").id, R"("a\"")");
  const std::string longest(kRequestIdBytesMax, 'i');
  EXPECT_EQ(Parse("{\"id\":\"" + longest + "\",\"op\":\"ping\"}").id, "\"" + longest + "\"");
  for (const std::string& bad :
       {std::string("9007199254740992"), std::string("-1"), std::string("1.0"), std::string("\"\""),
        std::string("null"), "\"" + longest + "i\""}) {
    const Nunc1Request& request = Parse("{\"id\":" + bad + ",\"op\":\"ping\"}");
    EXPECT_EQ(request.id, "null") << bad;
    EXPECT_EQ(request.refusal.code, "bad-request") << bad;
    EXPECT_EQ(request.refusal.field, "id") << bad;
  }
  EXPECT_TRUE(Refusal(R"({"op":"ping"})").starts_with("bad-request id: id is missing"));
}

TEST_F(Nunc1RequestTest, AFieldThatIsUnknownRepeatedMissingOrOfAnotherTypeIsNamed) {
  EXPECT_EQ(Refusal(R"({"id":1,"op":"get","key":"k","kye":1})"),
            "bad-field kye: unknown field 'kye': allowed are id, op, key");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"get","key":"k","key":"k"})"),
            "bad-field key: the field 'key' is given twice");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"ping","id":1})"),
            "bad-field id: the field 'id' is given twice");
  EXPECT_EQ(
      Refusal(R"({"id":1,"op":"set-safe","text":"v"})"),
      "bad-field key: key is missing: allowed are id, op, key, version, value, text, base64, seq, "
      "session");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"get","key":7})"), "bad-field key: key must be a string");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"increment","key":"k","by":1.5})"),
            "bad-field by: by must be an integer of 64 bits");
  for (const std::string_view version : {"-1", "4294967296", "\"1\"", "1.0"}) {
    EXPECT_EQ(Refusal("{\"id\":1,\"op\":\"set-safe\",\"key\":\"k\",\"text\":\"v\",\"version\":" +
                      std::string(version) + "}"),
              "bad-field version: version must be an integer from 0 to 4294967295");
  }
  EXPECT_EQ(
      Refusal(R"({"id":1,"op":"resolve","conflict":7,"db":"d","key":"k","version":0,"text":""})"),
      "bad-field conflict: conflict must be the decimal number of a conflict, as a string");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"create-db","name":"d","token":"t","strategy":"best"})"),
            "bad-field strategy: strategy must be one of none, newer, arbiter");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"create-db","name":"d","token":"t","ack":""})"),
            "bad-field ack: ack must be one of written, disk, quorum");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"snapshot","flag":"true"})"),
            "bad-field flag: flag must be true or false");
}

TEST_F(Nunc1RequestTest, AWordThatNqlCouldNotSayIsRefused) {
  EXPECT_EQ(Refusal(R"({"id":1,"op":"create-db","name":"d","token":"a b"})"),
            "bad-field token: token must be a string without spaces and control characters");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"create-user","user":"u","token":"a\nb"})"),
            "bad-field token: token must be a string without control characters");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"create-user","user":"u","token":"a b"})"), "accepted");
}

TEST_F(Nunc1RequestTest, WhatIsNoRequestSaysWhyAndHasNoId) {
  EXPECT_EQ(Refusal("{"), "bad-json : this is no JSON text");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"set","key":"k","value":1e999})"),
            "bad-json : a number is malformed or too large: allowed are integers of 64 bits and "
            "doubles");
  EXPECT_EQ(Refusal("[]"), "bad-request : a request is a JSON object");
  EXPECT_EQ(Refusal(R"({"id":1})"), "bad-request op: op must be a string that names what to do");
  const std::string deep =
      std::string(kMessageDepthMax, '[') + "1" + std::string(kMessageDepthMax, ']');
  EXPECT_EQ(Refusal("{\"id\":1,\"op\":\"set\",\"key\":\"k\",\"value\":" + deep + "}"),
            "too-deep : the brackets are too deep: allowed are 512 levels");
  EXPECT_EQ(Parse("nonsense").id, "null");
  std::string many = "{\"id\":1,\"op\":\"ping\"";
  for (int i = 0; i < 20; ++i) {
    many += ",\"" + std::to_string(i) + "\":0";
  }
  EXPECT_EQ(Refusal(many + "}"), "bad-request : too many fields: allowed are 16 in a request");
}

std::string BatchOf(std::size_t count) {
  std::string text = "{\"id\":1,\"op\":\"batch\",\"requests\":[";
  for (std::size_t i = 0; i < count; ++i) {
    text += i == 0 ? "0" : ",0";
  }
  return text + "]}";
}

TEST_F(Nunc1RequestTest, ABatchHoldsRequestsWithoutIdsAndNoBatch) {
  const Nunc1Request& batch = Parse(R"({"id":7,"op":"batch","requests":[ {"op":"ping"}, 1 ]})");
  EXPECT_EQ(batch.kind, Nunc1Request::Kind::kBatch);
  EXPECT_EQ(batch.id, "7");
  EXPECT_EQ(batch.requests, R"([{"op":"ping"},1])");
  EXPECT_EQ(parser_.ParsePart(R"({"op":"ping"})").command.verb, Verb::kPing);
  EXPECT_EQ(parser_.ParsePart("1").refusal.code, "bad-request");
  const Nunc1Request& with_id = parser_.ParsePart(R"({"id":1,"op":"ping"})");
  EXPECT_EQ(with_id.refusal.message, "unknown field 'id': allowed are op");
  const Nunc1Request& nested = parser_.ParsePart(R"({"op":"batch","requests":[]})");
  EXPECT_EQ(nested.refusal.message, "a batch does not hold another one");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"batch"})"),
            "bad-field requests: requests is missing: allowed are id, op, requests");
  EXPECT_EQ(Refusal(R"({"id":1,"op":"batch","requests":{}})"),
            "bad-field requests: requests must be an array of requests");
  EXPECT_EQ(Parse(BatchOf(kBatchRequestsMax)).kind, Nunc1Request::Kind::kBatch);
  EXPECT_EQ(Refusal(BatchOf(kBatchRequestsMax + 1)),
            "too-many-requests requests: too many requests in one batch: 1001, allowed are 1000");
}

TEST(Nunc1Refusal, IsAnErrorObject) {
  std::string out;
  Nunc1Parser::AppendRefusal(out, {.code = "bad-field", .message = "a \"b\"", .field = "k"});
  EXPECT_EQ(out, R"("error":{"code":"bad-field","message":"a \"b\"","field":"k"})");
}

TEST(Nunc1Requests, TheBodyOfABatchHoldsNothingButRequests) {
  Nunc1Parser parser;
  const Nunc1Request& good = parser.ParseRequests(R"({"requests":[{"op":"ping"}]})");
  EXPECT_EQ(good.kind, Nunc1Request::Kind::kBatch);
  EXPECT_EQ(good.requests, R"([{"op":"ping"}])");
  const Nunc1Request& missing = parser.ParseRequests("{}");
  EXPECT_EQ(missing.kind, Nunc1Request::Kind::kRefused);
  EXPECT_EQ(missing.refusal.message, "requests is missing: allowed are requests");
  const Nunc1Request& more = parser.ParseRequests(R"({"requests":[],"id":1})");
  EXPECT_EQ(more.refusal.field, "id");
  EXPECT_EQ(parser.ParseRequests("[]").refusal.code, "bad-request");
}

}  // namespace
}  // namespace nunc
