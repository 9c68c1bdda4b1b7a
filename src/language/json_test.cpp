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
  EXPECT_EQ(reader.ReadObject("{\"a\":18446744073709551616}"), JsonFault::kNumber);
  EXPECT_EQ(reader.ReadObject("{\"a\":01}"), JsonFault::kNumber);
  EXPECT_EQ(reader.ReadObject("{\"a\":1e400}"), JsonFault::kNumber);
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
                                      "\xEF\xBB\xBF[]", "[1]x", "NaN", "99999999999999999999"}) {
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

}  // namespace
}  // namespace nunc
