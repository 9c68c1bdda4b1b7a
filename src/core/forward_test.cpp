#include "core/forward.h"

#include <memory>

#include <gtest/gtest.h>

#include "core/edit_fixture.h"
#include "core/owned_command.h"

namespace nunc {
namespace {

constexpr EntryTag kTag{.version = 4, .revision = {9}};
constexpr EntryTag kOther{.version = 5, .revision = {10}};

Asker Ann() {
  return {.database = "db",
          .database_id = {7},
          .user = "ann",
          .name = {.high = 1, .low = 2},
          .admin = true,
          .arbiter = true};
}

std::string OfPut() {
  const std::vector<EntryTag> tags{kTag, kOther};
  return EncodeForwarded(Ann(),
                         {.verb = Verb::kPut,
                          .key = "k",
                          .value = std::string_view("a\0b", 3),
                          .version = -1,
                          .if_version = 3,
                          .if_absent = true,
                          .if_present = true,
                          .if_tags = tags,
                          .if_not_tags = std::span(tags).first(1),
                          .ttl_ms = 50,
                          .grace_ms = 60,
                          .keeps_lifetime = true,
                          .retry = {.session = {.high = 3, .low = 4}, .sequence = 5}},
                         nullptr);
}

TEST(Forward, ACommandComesWithAllThatItSays) {
  const std::string bytes = OfPut();
  Forwarded forwarded;
  ASSERT_TRUE(DecodeForwarded(bytes, forwarded));
  EXPECT_EQ(forwarded.asker.database, "db");
  EXPECT_EQ(forwarded.asker.database_id, DatabaseId{7});
  EXPECT_EQ(forwarded.asker.user, "ann");
  EXPECT_EQ(forwarded.asker.name, (SessionName{.high = 1, .low = 2}));
  EXPECT_TRUE(forwarded.asker.admin && forwarded.asker.arbiter);
  const Command& put = forwarded.command;
  EXPECT_EQ(put.verb, Verb::kPut);
  EXPECT_EQ(put.key, "k");
  EXPECT_EQ(put.value, std::string_view("a\0b", 3));
  EXPECT_EQ(put.version, -1);
  EXPECT_EQ(put.if_version, 3U);
  EXPECT_TRUE(put.if_absent && put.if_present && put.keeps_lifetime);
  ASSERT_TRUE(put.if_tags);
  ASSERT_EQ(put.if_tags->size(), 2U);
  EXPECT_EQ((*put.if_tags)[1], kOther);
  ASSERT_EQ(put.if_not_tags.size(), 1U);
  EXPECT_EQ(put.if_not_tags[0], kTag);
  EXPECT_EQ(put.ttl_ms, 50);
  EXPECT_EQ(put.grace_ms, 60);
}

TEST(Forward, AnEditComesAsItsSource) {
  Appending edit("+");
  const std::string bytes =
      EncodeForwarded({}, {.verb = Verb::kPut, .key = "k", .edit = &edit}, nullptr);
  Forwarded forwarded;
  ASSERT_TRUE(DecodeForwarded(bytes, forwarded));
  EXPECT_EQ(forwarded.edit, "+");
  EXPECT_EQ(forwarded.command.edit, nullptr);
}

TEST(Forward, WhatACommandDoesNotSayIsNotThere) {
  const std::string bytes = EncodeForwarded({}, {.verb = Verb::kRemove, .key = "k"}, nullptr);
  Forwarded forwarded;
  ASSERT_TRUE(DecodeForwarded(bytes, forwarded));
  const Command& remove = forwarded.command;
  EXPECT_FALSE(forwarded.asker.admin || forwarded.asker.arbiter);
  EXPECT_FALSE(forwarded.edit);
  EXPECT_FALSE(remove.version || remove.if_version || remove.if_tags || remove.ttl_ms ||
               remove.grace_ms || remove.level);
  EXPECT_FALSE(remove.if_absent || remove.if_present || remove.keeps_lifetime);
}

TEST(Forward, DatabasesConflictsAndSumsComeWhole) {
  std::string bytes = EncodeForwarded({},
                                      {.verb = Verb::kCreateDb,
                                       .name = "n",
                                       .secret = "t",
                                       .strategy = Strategy::kArbiter,
                                       .level = AckLevel::kQuorum},
                                      nullptr);
  Forwarded forwarded;
  ASSERT_TRUE(DecodeForwarded(bytes, forwarded));
  EXPECT_EQ(forwarded.command.name, "n");
  EXPECT_EQ(forwarded.command.secret, "t");
  EXPECT_EQ(forwarded.command.strategy, Strategy::kArbiter);
  EXPECT_EQ(forwarded.command.level, AckLevel::kQuorum);
  bytes = EncodeForwarded({}, {.verb = Verb::kIncrement, .key = "k", .amount = -5}, nullptr);
  ASSERT_TRUE(DecodeForwarded(bytes, forwarded));
  EXPECT_EQ(forwarded.command.amount, -5);
  bytes = EncodeForwarded({}, {.verb = Verb::kResolve, .key = "k", .conflict = {11}}, nullptr);
  ASSERT_TRUE(DecodeForwarded(bytes, forwarded));
  EXPECT_EQ(forwarded.command.conflict, ConflictId{11});
}

TEST(Forward, ASequenceComesWithItsSession) {
  const std::string bytes =
      EncodeForwarded({},
                      {.verb = Verb::kIncrement,
                       .key = "k",
                       .retry = {.session = {.high = 1, .low = 2}, .sequence = 3}},
                      nullptr);
  Forwarded forwarded;
  ASSERT_TRUE(DecodeForwarded(bytes, forwarded));
  EXPECT_EQ(forwarded.command.retry.session, (SessionName{.high = 1, .low = 2}));
  EXPECT_EQ(forwarded.command.retry.sequence, 3U);
}

TEST(Forward, ATransactionComesWithItsWrites) {
  Transaction transaction;
  transaction.Add({.verb = Verb::kSet, .key = "a", .value = "1"});
  transaction.Add({.verb = Verb::kRemove, .key = "b"});
  const std::string bytes = EncodeForwarded({}, {.verb = Verb::kExec}, &transaction);
  Forwarded forwarded;
  ASSERT_TRUE(DecodeForwarded(bytes, forwarded));
  ASSERT_EQ(forwarded.writes.size(), 2U);
  EXPECT_EQ(forwarded.writes[0].value, "1");
  EXPECT_EQ(forwarded.writes[1].verb, Verb::kRemove);
  EXPECT_EQ(forwarded.writes[1].key, "b");
}

TEST(Forward, NoOtherCommandIsTaken) {
  for (const Verb verb : {Verb::kGet, Verb::kWatch, Verb::kAuth, Verb::kUseDb, Verb::kMulti}) {
    Forwarded forwarded;
    const std::string bytes = EncodeForwarded({}, {.verb = verb, .key = "k"}, nullptr);
    EXPECT_FALSE(DecodeForwarded(bytes, forwarded)) << static_cast<int>(verb);
  }
}

// From an allocation of its own, so that a sanitizer sees a read past the end.
bool Decodes(std::string_view bytes) {
  const auto copy = std::make_unique<char[]>(bytes.size());
  bytes.copy(copy.get(), bytes.size());
  Forwarded forwarded;
  return DecodeForwarded({copy.get(), bytes.size()}, forwarded).has_value();
}

TEST(Forward, WhatIsCutShortOrTooLongIsRefused) {
  const std::string bytes = OfPut();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Decodes(std::string_view(bytes).substr(0, length))) << length;
  }
  EXPECT_FALSE(Decodes(bytes + "x"));
}

TEST(Forward, AnyByteMayBeWrong) {
  const std::string whole = OfPut();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(value);
      (void)Decodes(bytes);
    }
  }
}

TEST(Forward, AnAnswerComesWithItsRows) {
  Output made;
  made.rows = {{.name = "a", .detail = {}, .version = 1},
               {.name = "b", .detail = {}, .version = 2}};
  std::string bytes;
  EncodeReply({.kind = ReplyKind::kExecuted, .revision = {5}, .first_row = 0, .row_count = 2}, made,
              bytes);
  EncodeReply({.kind = ReplyKind::kError,
               .error = ErrorCode::kVersionDiffers,
               .text = "3",
               .number = 4,
               .position = 2,
               .after = {6}},
              made, bytes);
  Output output;
  output.rows.push_back({});
  const SessionId session{.slot = 20, .generation = 3};
  ASSERT_TRUE(DecodeReplies(bytes, session, output));
  ASSERT_EQ(output.items.size(), 2U);
  const auto& executed = std::get<Reply>(output.items[0]);
  EXPECT_EQ(executed.session, session);
  EXPECT_EQ(executed.revision, Revision{5});
  ASSERT_EQ(executed.row_count, 2U);
  EXPECT_EQ(output.rows[executed.first_row + 1].name, "b");
  EXPECT_EQ(output.rows[executed.first_row + 1].version, 2);
  const auto& status = std::get<Reply>(output.items[1]);
  EXPECT_EQ(status.error, ErrorCode::kVersionDiffers);
  EXPECT_EQ(status.text, "3");
  EXPECT_EQ(status.number, 4);
  EXPECT_EQ(status.position, 2U);
  EXPECT_EQ(status.after, Revision{6});
}

TEST(Forward, AnAnswerEndsWithOneStatus) {
  std::string status;
  EncodeReply({.kind = ReplyKind::kOk}, {}, status);
  std::string data;
  EncodeReply({.kind = ReplyKind::kPut}, {}, data);
  const auto decodes = [](const std::string& bytes) {
    Output output;
    return DecodeReplies(bytes, {}, output).has_value();
  };
  EXPECT_TRUE(decodes(data + status));
  EXPECT_FALSE(decodes(""));
  EXPECT_FALSE(decodes(data));
  EXPECT_FALSE(decodes(status + data));
  for (std::size_t length = 0; length < status.size(); ++length) {
    EXPECT_FALSE(decodes(status.substr(0, length))) << length;
  }
}

TEST(Forward, AnOwnedCommandOutlivesWhatItWasMadeOf) {
  std::string key = "a key";
  std::vector<std::string_view> keys{key, "other"};
  auto owned = std::make_unique<OwnedCommand>(
      Command{.verb = Verb::kGetMany, .key = key, .since = "0", .keys = keys, .after = "x"});
  key.assign(key.size(), '-');
  keys.clear();
  EXPECT_EQ(owned->get().key, "a key");
  EXPECT_EQ(owned->get().since, "0");
  EXPECT_EQ(owned->get().after, "x");
  ASSERT_EQ(owned->get().keys.size(), 2U);
  EXPECT_EQ(owned->get().keys[0], "a key");
  EXPECT_FALSE(owned->get().if_tags);
  EXPECT_EQ(owned->bytes(), 17U);
}

}  // namespace
}  // namespace nunc
