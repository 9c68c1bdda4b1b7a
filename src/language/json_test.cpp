#include "language/json.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

std::string Brackets(std::size_t depth) {
  return std::string(depth, '[') + "1" + std::string(depth, ']');
}

TEST(JsonReader, GivesTheMembersOfAnObjectWithTheirValuesMinified) {
  JsonReader reader;
  ASSERT_EQ(
      reader.ReadObject(R"( { "a" : 1 , "b\u0022" : "x\ny \"]," , "c" : [ 1 , { "d" : "," } ] ,
      "e" : { } , "f" : -1.50e3 , "g" : true , "h" : null , "i" : 18446744073709551615 } )"),
      JsonFault::kNone);
  const auto members = reader.members();
  ASSERT_EQ(members.size(), 8U);
  EXPECT_EQ(members[0].name, "a");
  EXPECT_EQ(members[0].type, JsonType::kInteger);
  EXPECT_EQ(members[0].integer, 1);
  EXPECT_EQ(members[1].name, "b\"");
  EXPECT_EQ(members[1].type, JsonType::kString);
  EXPECT_EQ(members[1].text, "x\ny \"],");
  EXPECT_EQ(members[1].raw, R"("x\ny \"],")");
  EXPECT_EQ(members[2].type, JsonType::kArray);
  EXPECT_EQ(members[2].raw, R"([1,{"d":","}])");
  EXPECT_EQ(members[3].type, JsonType::kObject);
  EXPECT_EQ(members[3].raw, "{}");
  EXPECT_EQ(members[4].type, JsonType::kNumber);
  EXPECT_EQ(members[4].raw, "-1.50e3");
  EXPECT_EQ(members[5].type, JsonType::kBool);
  EXPECT_EQ(members[5].integer, 1);
  EXPECT_EQ(members[6].type, JsonType::kNull);
  EXPECT_EQ(members[7].type, JsonType::kNumber);
  EXPECT_EQ(members[7].raw, "18446744073709551615");
}

TEST(JsonReader, WhatIsNoObjectIsToldApartFromWhatIsNoJson) {
  JsonReader reader;
  EXPECT_EQ(reader.ReadObject("{}"), JsonFault::kNone);
  EXPECT_TRUE(reader.members().empty());
  for (const std::string_view text : {"1", "[]", "\"a\"", "null"}) {
    EXPECT_EQ(reader.ReadObject(text), JsonFault::kNotObject) << text;
  }
  for (const std::string_view text :
       {"", " ", "{", "{\"a\"}", "{\"a\":1,}", "{\"a\":[1}", "{'a':1}", "{}{}", "{\"a\":\"",
        "{\"a\":\"\x01\"}", "{\"a\":\"\xFF\"}", "\xEF\xBB\xBF{}", "{\"a\":\"\\ud800\"}"}) {
    EXPECT_EQ(reader.ReadObject(text), JsonFault::kInvalid) << text;
  }
  EXPECT_EQ(reader.ReadObject("{\"a\":01}"), JsonFault::kNumber);
  EXPECT_EQ(reader.ReadObject("{\"a\":1e400}"), JsonFault::kNumber);
}

// What JavaScript writes of 1e20, and around the ends of 64 bits.
TEST(JsonReader, AnIntegerBeyond64BitsIsADoubleAndStaysAsItIsWritten) {
  JsonReader reader;
  for (const std::string number :
       {"18446744073709551616", "100000000000000000000", "-9223372036854775809",
        "-100000000000000000000", "12345678901234567890123456789"}) {
    std::string text = R"({"s":"9999999999999999999999\"","n":)";
    text.append(number).append(R"(,"i":[)").append(number).append(R"(,7]})");
    ASSERT_EQ(reader.ReadObject(text), JsonFault::kNone) << number;
    EXPECT_EQ(reader.members()[0].text, "9999999999999999999999\"");
    EXPECT_EQ(reader.members()[1].type, JsonType::kNumber);
    EXPECT_EQ(reader.members()[1].raw, number);
    EXPECT_EQ(reader.members()[2].raw, "[" + number + ",7]");
    EXPECT_TRUE(reader.IsJson(number));
  }
  EXPECT_EQ(reader.ReadObject("{\"a\":18446744073709551615}"), JsonFault::kNone);
  EXPECT_EQ(reader.ReadObject("{\"a\":" + std::string(309, '9') + "}"), JsonFault::kNumber);
  for (const std::string_view malformed :
       {"[18446744073709551616x]", "[018446744073709551616]", "[--18446744073709551616]",
        "[18446744073709551616,01]", "[-]", "[18446744073709551616"}) {
    EXPECT_FALSE(reader.IsJson(malformed)) << malformed;
  }
}

TEST(JsonReader, TheDepthLimitIsReadAndOneMoreIsNot) {
  JsonReader reader;
  EXPECT_EQ(reader.ReadObject("{\"a\":" + Brackets(kMessageDepthMax - 1) + "}"), JsonFault::kNone);
  EXPECT_EQ(reader.ReadObject("{\"a\":" + Brackets(kMessageDepthMax) + "}"), JsonFault::kTooDeep);
  EXPECT_EQ(reader.ReadObject("{\"a\":" + Brackets(100'000) + "}"), JsonFault::kTooDeep);
  EXPECT_TRUE(reader.IsJson(Brackets(kMessageDepthMax)));
  EXPECT_FALSE(reader.IsJson(Brackets(kMessageDepthMax + 1)));
  // The limit stays when the reader has grown for a large text, and shrunk again.
  EXPECT_TRUE(reader.IsJson("\"" + std::string(1'000'000, 'a') + "\""));
  EXPECT_FALSE(reader.IsJson(Brackets(kMessageDepthMax + 1)));
}

TEST(JsonReader, AnObjectMayHaveTheLimitOfMembersAndNotOneMore) {
  JsonReader reader;
  std::string text = "{\"0\":0";
  for (std::size_t i = 1; i < kRequestFieldsMax; ++i) {
    text += ",\"" + std::to_string(i) + "\":0";
  }
  EXPECT_EQ(reader.ReadObject(text + "}"), JsonFault::kNone);
  EXPECT_EQ(reader.members().size(), kRequestFieldsMax);
  EXPECT_EQ(reader.ReadObject(text + ",\"x\":0}"), JsonFault::kTooManyMembers);
}

TEST(JsonReader, OneWholeTextIsJsonAndNothingElse) {
  JsonReader reader;
  for (const std::string_view text :
       {"0", "-1", " true ", "null", "\"\"", "[1, 2]", "{\"a\":{}}\n"}) {
    EXPECT_TRUE(reader.IsJson(text)) << text;
  }
  for (const std::string_view text : {"", "  ", "plain", "1 2", "nul", "+1", "{\"a\":1", "tru\xFF",
                                      "\xEF\xBB\xBF[]", "[1]x", "NaN", "1e400"}) {
    EXPECT_FALSE(reader.IsJson(text)) << text;
  }
  const std::string zero("[1]\0", 4);
  EXPECT_FALSE(reader.IsJson(zero));
}

TEST(JsonElements, AreGivenOneByOne) {
  std::vector<std::string_view> elements;
  JsonElements all(R"([{"a":"],["},[1,[2]],"x\\",3,[]])");
  for (std::string_view element; all.Next(element);) {
    elements.push_back(element);
  }
  const std::vector<std::string_view> expected = {R"({"a":"],["})", "[1,[2]]", R"("x\\")", "3",
                                                  "[]"};
  EXPECT_EQ(elements, expected);
  std::string_view none;
  EXPECT_FALSE(JsonElements("[]").Next(none));
}

TEST(AppendJsonString, WhatItWritesReadsBackAsTheSame) {
  JsonReader reader;
  for (int byte = 0; byte < 0x80; ++byte) {
    const std::string text = std::string("a") + static_cast<char>(byte) + "z";
    std::string json = "{\"s\":";
    AppendJsonString(json, text);
    ASSERT_EQ(reader.ReadObject(json + "}"), JsonFault::kNone) << byte;
    EXPECT_EQ(reader.members().front().text, text);
  }
  std::string json;
  AppendJsonString(json, "\"\\\n\r\t\x01\xC3\xA9\xFF");
  EXPECT_EQ(json, "\"\\\"\\\\\\n\\r\\t\\u0001\xC3\xA9\xEF\xBF\xBD\"");
}

std::string Merged(std::string_view target, std::string_view patch) {
  JsonMerge merge;
  EXPECT_EQ(merge.ReadPatch(patch), JsonFault::kNone) << patch;
  std::string out;
  return merge.Apply(target, out) ? out : "no JSON";
}

// The examples of RFC 7396, appendix A.
TEST(JsonMerge, TheExamplesOfItsRfcHold) {
  EXPECT_EQ(Merged(R"({"a":"b"})", R"({"a":"c"})"), R"({"a":"c"})");
  EXPECT_EQ(Merged(R"({"a":"b"})", R"({"b":"c"})"), R"({"a":"b","b":"c"})");
  EXPECT_EQ(Merged(R"({"a":"b"})", R"({"a":null})"), R"({})");
  EXPECT_EQ(Merged(R"({"a":"b","b":"c"})", R"({"a":null})"), R"({"b":"c"})");
  EXPECT_EQ(Merged(R"({"a":["b"]})", R"({"a":"c"})"), R"({"a":"c"})");
  EXPECT_EQ(Merged(R"({"a":"c"})", R"({"a":["b"]})"), R"({"a":["b"]})");
  EXPECT_EQ(Merged(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})"), R"({"a":{"b":"d"}})");
  EXPECT_EQ(Merged(R"({"a":[{"b":"c"}]})", R"({"a":[1]})"), R"({"a":[1]})");
  EXPECT_EQ(Merged(R"(["a","b"])", R"(["c","d"])"), R"(["c","d"])");
  EXPECT_EQ(Merged(R"({"a":"b"})", R"(["c"])"), R"(["c"])");
  EXPECT_EQ(Merged(R"({"a":"foo"})", "null"), "null");
  EXPECT_EQ(Merged(R"({"a":"foo"})", R"("bar")"), R"("bar")");
  EXPECT_EQ(Merged(R"({"e":null})", R"({"a":1})"), R"({"e":null,"a":1})");
  EXPECT_EQ(Merged("[1,2]", R"({"a":"b","c":null})"), R"({"a":"b"})");
  EXPECT_EQ(Merged("{}", R"({"a":{"bb":{"ccc":null}}})"), R"({"a":{"bb":{}}})");
}

TEST(JsonMerge, OfANameThatStandsTwiceTheLastOneCounts) {
  EXPECT_EQ(Merged(R"({"a":{"x":1},"b":2,"a":{"y":1}})", R"({"a":{"z":1}})"),
            R"({"a":{"y":1,"z":1},"b":2})");
  EXPECT_EQ(Merged("{}", R"({"a":1,"\u0061":2})"), R"({"a":2})");
}

TEST(JsonMerge, NumbersAndTextsStayWhatTheyAre) {
  EXPECT_EQ(Merged(R"({"i":-9223372036854775808,"u":18446744073709551615,"t":"\"\u0000\n\u00e9"})",
                   R"({"d":0.1})"),
            "{\"i\":-9223372036854775808,\"u\":18446744073709551615,"
            "\"t\":\"\\\"\\u0000\\n\u00e9\",\"d\":0.1}");
}

TEST(JsonMerge, APatchAndItsTargetMayHaveTheLimitOfBytesAndNotOneMore) {
  const auto text = [](std::size_t bytes) { return '"' + std::string(bytes - 2, 'x') + '"'; };
  JsonMerge merge;
  EXPECT_EQ(merge.ReadPatch(text(kMergeBytesMax + 1)), JsonFault::kTooLong);
  EXPECT_EQ(merge.ReadPatch(text(kMergeBytesMax)), JsonFault::kNone);
  std::string out;
  EXPECT_TRUE(merge.Apply(text(kMergeBytesMax), out));
  EXPECT_FALSE(merge.Apply(text(kMergeBytesMax + 1), out));
}

TEST(JsonMerge, WhatIsNoJsonIsRefusedAndDepthHasItsLimit) {
  JsonMerge merge;
  EXPECT_EQ(merge.ReadPatch("{"), JsonFault::kInvalid);
  EXPECT_EQ(Merged("plain", "{}"), "no JSON");
  std::string deep = "1";
  for (std::size_t i = 0; i < kMessageDepthMax; ++i) {
    deep.insert(0, R"({"a":)").push_back('}');
  }
  EXPECT_EQ(Merged(deep, deep), deep);
  EXPECT_EQ(merge.ReadPatch(R"({"a":)" + deep + '}'), JsonFault::kTooDeep);
}

}  // namespace
}  // namespace nunc
