#include "storage/record_line.h"

#include <string>

#include <gtest/gtest.h>

#include "storage/record_fixture.h"

namespace nunc {
namespace {

std::string LineOf(const Record& record, std::string_view database = "shop") {
  const std::string bytes = Encode(record, {3}, 0);
  RecordDecoder decoder;
  const auto decoded = decoder.Decode(bytes, 0);
  return RecordLine(**decoded, database);
}

std::string LineOfItem(const RecordItem& item) {
  return LineOf({.type = item.type,
                 .database = {2},
                 .revision = {7},
                 .time_us = 1'000'001,
                 .items = std::span(&item, 1)});
}

constexpr std::string_view kBegin =
    R"({"revision":7,"term":3,"time":"1970-01-01T00:00:01.000001Z","type":")";

TEST(RecordLine, ASetShowsKeyValueAndVersions) {
  EXPECT_EQ(
      LineOfItem({.type = RecordType::kSet,
                  .key = "price",
                  .value = "a\"b\\\n\x01é",
                  .version = 4,
                  .previous = {5}}),
      std::string(kBegin) +
          R"(set","database":2,"database_name":"shop","key":"price","value":"a\"b\\\u000a\u0001é",)"
          R"("version":4,"previous":5})");
}

TEST(RecordLine, SecretsAreNotShown) {
  const std::string user =
      LineOfItem({.type = RecordType::kSet, .key = "$$user_ann", .value = "secret"});
  EXPECT_EQ(user.find("secret"), std::string::npos);
  EXPECT_NE(user.find(R"("masked":true)"), std::string::npos);
  const std::string created = LineOf({.type = RecordType::kCreateDatabase,
                                      .database = {2},
                                      .revision = {7},
                                      .spec = {.name = "shop",
                                               .token = "secret",
                                               .strategy = Strategy::kNewer,
                                               .level = AckLevel::kDisk}});
  EXPECT_EQ(created.find("secret"), std::string::npos);
  EXPECT_NE(created.find(R"("name":"shop","strategy":"newer","ack":"disk")"), std::string::npos);
}

TEST(RecordLine, ANewDatabaseHasTheWordOfItsLevel) {
  const auto word = [](AckLevel level) {
    const std::string line = LineOf({.type = RecordType::kCreateDatabase,
                                     .database = {2},
                                     .revision = {7},
                                     .spec = {.name = "shop", .level = level}});
    const std::size_t at = line.find("\"ack\":\"") + 7;
    return line.substr(at, line.find('"', at) - at);
  };
  EXPECT_EQ(word(AckLevel::kWritten), "written");
  EXPECT_EQ(word(AckLevel::kDisk), "disk");
  EXPECT_EQ(word(AckLevel::kQuorum), "quorum");
}

TEST(RecordLine, BytesThatAreNotTextComeAsBase64) {
  const auto value = [](std::string_view bytes) {
    const std::string line = LineOfItem({.type = RecordType::kSet, .key = "k", .value = bytes});
    const std::size_t at = line.find("value_base64\":\"") + 15;
    return line.substr(at, line.find('"', at) - at);
  };
  EXPECT_EQ(value("\xff"), "/w==");
  EXPECT_EQ(value("\xff\xfe"), "//4=");
  EXPECT_EQ(value("\xff\xfe\xfd"), "//79");
  EXPECT_EQ(value("\xff\xfe\xfd\xfc"), "//79/A==");
}

TEST(RecordLine, RemovalsBatchesAndTheRestSayWhatTheyAre) {
  EXPECT_EQ(LineOfItem({.type = RecordType::kRemove, .key = "k", .previous = {6}}),
            std::string(kBegin) +
                R"(remove","database":2,"database_name":"shop","key":"k","previous":6})");
  const RecordItem items[] = {
      {.type = RecordType::kMark, .key = "k", .version = 1, .in_conflict = true},
      {.type = RecordType::kSet, .key = "j", .value = "v"}};
  EXPECT_EQ(LineOf({.type = RecordType::kBatch,
                    .database = {2},
                    .revision = {7},
                    .time_us = 1'000'001,
                    .items = items},
                   ""),
            std::string(kBegin) +
                R"(batch","database":2,"items":[)"
                R"({"type":"mark","key":"k","version":1,"previous":0,"in_conflict":true},)"
                R"({"type":"set","key":"j","value":"v","version":0,"previous":0}]})");
  const RecordItem lives[] = {
      {.type = RecordType::kSet, .key = "j", .value = "v", .lifetime = {.expires_us = 1'000'000}},
      {.type = RecordType::kExpire,
       .key = "k",
       .lifetime = {.owner = UINT64_MAX, .grace_us = 5'000}},
      {.type = RecordType::kExpire, .key = "l", .version = 1, .previous = {6}}};
  EXPECT_EQ(LineOf({.type = RecordType::kBatch,
                    .database = {2},
                    .revision = {7},
                    .time_us = 1'000'001,
                    .items = lives},
                   ""),
            std::string(kBegin) +
                R"(batch","database":2,"items":[)"
                R"({"type":"set","key":"j","value":"v","version":0,"previous":0,)"
                R"("expires":"1970-01-01T00:00:01.000000Z"},)"
                R"({"type":"expire","key":"k","version":0,"previous":0,"expires":null,)"
                R"("session":"18446744073709551615","grace_ms":5},)"
                R"({"type":"expire","key":"l","version":1,"previous":6,"expires":null}]})");
  EXPECT_EQ(LineOf({.type = RecordType::kNoop, .revision = {7}, .time_us = 1'000'001}),
            std::string(kBegin) + R"(noop"})");
}

TEST(RecordLine, TimesAreUtcWithMicroseconds) {
  EXPECT_EQ(TimeText(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(TimeText(1'795'520'212'054'990), "2026-11-24T11:36:52.054990Z");
}

}  // namespace
}  // namespace nunc
