#include "node/gate.h"

#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

constexpr SessionId kAnn{.slot = 0, .generation = 1};
constexpr SessionId kBob{.slot = 1, .generation = 1};

class GateTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;

  GateTest() { Open(10); }

  Reply Value(SessionId session, std::string_view text, std::uint64_t after) {
    return {.session = session, .kind = ReplyKind::kValue, .text = text, .after = {after}};
  }
  Reply Ok(SessionId session, std::uint64_t after, std::uint64_t operation = 0) {
    return {.session = session,
            .kind = ReplyKind::kOk,
            .after = {after},
            .operation = {.value = operation}};
  }
  static Change Set(std::string_view key, std::uint64_t after) {
    return {.database = {2}, .key = key, .value = "v", .after = {after}};
  }

  // What of the items passes.
  Lines Filter(std::vector<std::variant<Reply, Change>> items) {
    Output output;
    output.items = std::move(items);
    output.targets = {kAnn, kBob};
    gate_.Filter(output);
    return Shown(output);
  }
  Lines Open(std::uint64_t durable) {
    Output output;
    gate_.Open({durable}, output, [&output](const Change& change) {
      Change told = change;
      told.count = 7;  // as if seven watched
      output.items.emplace_back(told);
    });
    return Shown(output);
  }
  Lines Answer(std::uint64_t operation, std::vector<std::variant<Reply, Change>> replies) {
    Output answer;
    answer.items = std::move(replies);
    Output output;
    gate_.Answer({operation}, answer, output);
    return Shown(output);
  }
  Lines Finish(const OperationResult& result) {
    Output output;
    gate_.Finish(result, output);
    return Shown(output);
  }

  static Lines Shown(const Output& output) {
    Lines lines;
    for (const auto& item : output.items) {
      if (const auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
        std::string line = (reply->session == kAnn ? "ann " : "bob ") +
                           std::to_string(static_cast<int>(reply->kind)) + ' ' +
                           std::string(reply->text);
        for (std::size_t i = 0; i < reply->row_count; ++i) {
          const Output::Row& row = output.rows[reply->first_row + i];
          line.append("|").append(row.name).append(row.detail);
          line += row.version == 0 ? "" : std::to_string(row.version);
        }
        lines.push_back(line);
      } else {
        const Change& change = std::get<Change>(item);
        lines.push_back("change " + std::string(change.key) + '=' + std::string(change.value) +
                        " for " + std::to_string(change.count));
      }
    }
    return lines;
  }

  Gate gate_;
};

TEST_F(GateTest, WhatRestsOnNothingUnsyncedPasses) {
  EXPECT_EQ(Filter({Value(kAnn, "x", 10), Ok(kAnn, 0)}), (Lines{"ann 2 x", "ann 0 "}));
  EXPECT_TRUE(gate_.empty());
  EXPECT_EQ(gate_.bytes(), 0U);
}

TEST_F(GateTest, WhatDoesWaitsAndComesWithItsTexts) {
  {
    std::string text = "held text, longer than what fits into a string itself";
    EXPECT_EQ(Filter({Value(kAnn, text, 11), Ok(kAnn, 11)}), Lines{});
    text.assign(text.size(), '?');
  }
  EXPECT_GT(gate_.bytes(), 0U);
  EXPECT_EQ(gate_.awaited(), Revision{11});
  EXPECT_EQ(Open(11),
            (Lines{"ann 2 held text, longer than what fits into a string itself", "ann 0 "}));
  EXPECT_TRUE(gate_.empty());
  EXPECT_EQ(gate_.bytes(), 0U);
}

TEST_F(GateTest, RepliesOfOneSessionKeepTheirOrderAndOthersPass) {
  EXPECT_EQ(Filter({Ok(kAnn, 12)}), Lines{});
  EXPECT_EQ(Filter({Value(kAnn, "later", 0), Ok(kAnn, 0)}), Lines{});
  EXPECT_EQ(Filter({Value(kBob, "b", 3), Ok(kBob, 3)}), (Lines{"bob 2 b", "bob 0 "}));
  EXPECT_EQ(Open(11), Lines{});
  EXPECT_EQ(Open(12), (Lines{"ann 0 ", "ann 2 later", "ann 0 "}));
}

TEST_F(GateTest, ALaterReplyThatRestsOnMoreWaitsOn) {
  Filter({Ok(kAnn, 12)});
  Filter({Ok(kAnn, 15)});
  Filter({Value(kBob, "b", 13)});
  EXPECT_EQ(Open(13), (Lines{"ann 0 ", "bob 2 b"}));
  EXPECT_EQ(Open(14), Lines{});
  EXPECT_EQ(Open(15), Lines{"ann 0 "});
}

TEST_F(GateTest, AChangeLeavesBeforeTheStatusOfItsWriter) {
  EXPECT_EQ(Filter({Set("k", 12), Ok(kAnn, 12)}), Lines{});
  EXPECT_EQ(Filter({Set("j", 13), Ok(kBob, 13)}), Lines{});
  EXPECT_EQ(Open(12), (Lines{"change k=v for 7", "ann 0 "}));
  EXPECT_EQ(Open(20), (Lines{"change j=v for 7", "bob 0 "}));
}

TEST_F(GateTest, AChangeWithTargetsKeepsThem) {
  Change change = Set("k", 12);
  change.first = 1;
  change.count = 1;
  EXPECT_EQ(Filter({change}), Lines{});
  Output output;
  gate_.Open({12}, output, [](const Change&) { FAIL(); });
  ASSERT_EQ(output.items.size(), 1U);
  EXPECT_EQ(output.targets, std::vector<SessionId>{kBob});
}

TEST_F(GateTest, AListingKeepsItsRows) {
  Output output;
  output.rows = {{.name = "other"}, {.name = "a"}, {.name = "b", .detail = "x", .version = 7}};
  output.items.emplace_back(Reply{
      .session = kAnn, .kind = ReplyKind::kKeys, .first_row = 1, .row_count = 2, .after = {11}});
  gate_.Filter(output);
  EXPECT_EQ(Open(11),
            Lines{"ann " + std::to_string(static_cast<int>(ReplyKind::kKeys)) + " |a|bx7"});
}

TEST_F(GateTest, AReplyWaitsForItsOperationAndForTheDisk) {
  EXPECT_EQ(Filter({Ok(kAnn, 12, 1)}), Lines{});
  EXPECT_EQ(Filter({Value(kAnn, "behind", 0)}), Lines{});
  EXPECT_EQ(Open(20), Lines{});
  EXPECT_EQ(Finish({.id = {1}}), (Lines{"ann 0 ", "ann 2 behind"}));
  EXPECT_EQ(Filter({Ok(kAnn, 22, 2)}), Lines{});
  EXPECT_EQ(Finish({.id = {2}}), Lines{});
  EXPECT_EQ(Open(22), Lines{"ann 0 "});
  EXPECT_TRUE(gate_.empty());
  EXPECT_EQ(gate_.bytes(), 0U);
}

TEST_F(GateTest, AnOperationGivesDataOrAFailure) {
  Filter({Ok(kAnn, 0, 1)});
  EXPECT_EQ(Finish({.id = {1}, .title = "title", .lines = {"a", "b"}}),
            (Lines{"ann " + std::to_string(static_cast<int>(ReplyKind::kLines)) + " title|a|b",
                   "ann 0 "}));
  Filter({Ok(kAnn, 0, 2)});
  EXPECT_EQ(Finish({.id = {2}, .failure = "why"}), Lines{"ann 1 why"});
  EXPECT_EQ(gate_.bytes(), 0U);
}

TEST_F(GateTest, AnOperationBehindAWaitingReplyFinishesInItsTurn) {
  Filter({Ok(kAnn, 12)});
  Filter({Ok(kAnn, 0, 1)});
  EXPECT_EQ(Finish({.id = {1}, .title = "t"}), Lines{});
  EXPECT_EQ(Open(12).size(), 3U);
  // And two at once, the second one first.
  Filter({Ok(kAnn, 0, 2)});
  Filter({Ok(kAnn, 0, 3)});
  EXPECT_EQ(Finish({.id = {3}}), Lines{});
  EXPECT_EQ(Finish({.id = {2}}).size(), 2U);
}

TEST_F(GateTest, WhatIsHeldTooLongIsAnsweredAsUnknown) {
  const auto unknown = "ann " + std::to_string(static_cast<int>(ReplyKind::kError)) + " ";
  gate_.SetNow(100);
  EXPECT_EQ(Filter({Value(kAnn, "old", 11), Ok(kAnn, 11)}), Lines{});
  gate_.SetNow(200);
  EXPECT_EQ(Filter({Value(kAnn, "new", 12), Ok(kAnn, 12), Set("k", 11)}), Lines{});
  Output output;
  gate_.GiveUp(100, output);
  EXPECT_EQ(Shown(output), Lines{});
  gate_.GiveUp(101, output);
  EXPECT_EQ(Shown(output), Lines{unknown});
  // What came later still waits, and changes do: they may become final.
  EXPECT_EQ(Open(12).size(), 3U);
  EXPECT_TRUE(gate_.empty());
  EXPECT_EQ(gate_.bytes(), 0U);
}

TEST_F(GateTest, WhoLeavesIsForgottenAndTheNextOneOfTheSlotIsNotTold) {
  Filter({Ok(kAnn, 12)});
  Filter({Ok(kAnn, 0, 1)});
  gate_.Forget(kAnn);
  EXPECT_TRUE(gate_.empty());
  EXPECT_EQ(gate_.bytes(), 0U);
  const SessionId next{.slot = 0, .generation = 2};
  Filter({Ok(next, 14)});
  EXPECT_EQ(Finish({.id = {1}}), Lines{});
  EXPECT_EQ(Open(12), Lines{});
  EXPECT_EQ(Open(14).size(), 1U);
}

TEST(Gate, WhereNothingIsEverSyncedNothingWaits) {
  Gate gate;
  Output output;
  output.items.emplace_back(Reply{.session = kAnn, .after = {UINT64_MAX}});
  gate.Filter(output);
  EXPECT_EQ(output.items.size(), 1U);
}

TEST_F(GateTest, AnAnswerTakesThePlaceOfWhatWaitsForIt) {
  EXPECT_EQ(Filter({Ok(kAnn, 0, 1), Ok(kAnn, 0, 2), Value(kAnn, "own", 0)}), Lines{});
  // The second is answered first, and waits for the one before it.
  EXPECT_EQ(Answer(2, {Value(kAnn, "two", 0), Ok(kAnn, 0)}), Lines{});
  EXPECT_EQ(Answer(1, {Ok(kAnn, 0)}), (Lines{"ann 0 ", "ann 2 two", "ann 0 ", "ann 2 own"}));
  EXPECT_TRUE(gate_.empty());
  EXPECT_EQ(gate_.bytes(), 0U);
}

TEST_F(GateTest, AnAnswerMayWaitForTheLog) {
  EXPECT_EQ(Filter({Ok(kAnn, 0, 1)}), Lines{});
  EXPECT_EQ(Answer(1, {Ok(kAnn, 12)}), Lines{});
  EXPECT_EQ(gate_.awaited(), Revision{12});
  EXPECT_EQ(Open(12), (Lines{"ann 0 "}));
  EXPECT_EQ(Answer(1, {Ok(kAnn, 0)}), Lines{});  // nobody waits for it any more
}

TEST_F(GateTest, AWriteThatWaitsBehindOneThatWasTakenBackIsTakenBackWithIt) {
  Reply write = Ok(kAnn, 0);
  write.revision = {12};
  Reply older = Ok(kAnn, 0);
  older.revision = {9};
  EXPECT_EQ(Filter({Ok(kAnn, 11), older, write, Value(kAnn, "read", 0)}), Lines{});
  Output output;
  gate_.Rewind({10}, output);
  EXPECT_EQ(Shown(output), (Lines{"ann 1 ", "ann 0 ", "ann 1 ", "ann 2 read"}));
}

}  // namespace
}  // namespace nunc
