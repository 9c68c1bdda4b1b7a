// Records of another node that are taken back.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "node/follow_fixture.h"

namespace nunc {
namespace {

class NodeRewindTest : public FollowTest {
 protected:
  NodeRewindTest() {
    secondary_.store().KeepUndo(kUndoBytesMax);
    shared_ = secondary_.end();
  }
  // What is there now stays.
  void Mark() {
    Ship();
    shared_ = secondary_.end();
    Take();
  }
  void Rewind() { Step(LogRewound{shared_}); }

  ChainEnd shared_;
};

TEST_F(NodeRewindTest, KeysAreWhatTheyWereAndWatchersOfKeysHearIt) {
  Set("k", "1");
  Set("gone", "1");
  Write({.verb = Verb::kRemove, .key = "gone"});
  Mark();
  Watch("k");
  Watch("new");
  Watch("gone");
  Set("k", "2");
  Set("new", "1");
  Set("gone", "2");
  Ship();
  Take();
  Rewind();
  EXPECT_FALSE(output_.failure);
  EXPECT_EQ(Take(), (Lines{"removed gone", "set k 1 v0", "removed new"}));
  EXPECT_EQ(ValueOf("k"), "1");
  EXPECT_EQ(ValueOf("new"), "-");
  EXPECT_EQ(secondary_.end(), shared_);
}

TEST_F(NodeRewindTest, APatternIsToldWhatIsThereInsteadAndGetsATokenToGoOnFrom) {
  Set("a", "1");
  Set("b", "1");
  Mark();
  Watch("*", "0");
  Set("a", "2");
  Ship();
  Take();
  Rewind();
  EndTurns();
  EXPECT_EQ(Take(), (Lines{"started * rewound", "set a 1 v0 +", "ready *"}));
}

TEST_F(NodeRewindTest, ATokenOfWhatWasCutIsAnsweredWithARewind) {
  Set("a", "1");
  Mark();
  Watch("*", "0");
  Set("a", "2");
  Ship();
  Step(TurnEnded{});
  now_.mono_us += kProgressIntervalUs + 1;
  Step(TurnStarted{.now = now_});
  Step(Tick{});
  const std::string cut = token_;
  Rewind();
  EndTurns();
  Take();
  const Lines told = Watch("*", cut);
  ASSERT_GE(told.size(), 2U);
  EXPECT_EQ(told.front(), "started * rewind");
}

TEST_F(NodeRewindTest, DatabasesComeAndGoBack) {
  Set("k", "1");
  Mark();
  Watch("k");
  Write({.verb = Verb::kCreateDb, .name = "two", .secret = "t"});
  Write({.verb = Verb::kDropDb, .name = "db"});
  Ship();
  Sync();
  EXPECT_EQ(Run(kAdmin, {.verb = Verb::kUseDb, .name = "two", .secret = "t"}), (Lines{"ok"}));
  EXPECT_EQ(Take(), (Lines{"removed k"}));
  Rewind();
  EXPECT_EQ(secondary_.store().Find("two"), nullptr);
  EXPECT_EQ(ValueOf("k"), "1");
  const std::string none =
      "error " + std::to_string(static_cast<int>(ErrorCode::kNoDatabaseSelected));
  EXPECT_EQ(Run(kReader, {.verb = Verb::kGet, .key = "k"}).front(), none);
  EXPECT_EQ(Run(kAdmin, {.verb = Verb::kGet, .key = "k"}).front(), none);
  EXPECT_EQ(Run(kReader, {.verb = Verb::kUseDb, .name = "db", .secret = "token"}), (Lines{"ok"}));
  // The id is used again, by the record that takes the place of the one that was cut.
  primary_.Step(TurnEnded{}, output_);
  EXPECT_EQ(secondary_.store().NextDatabaseId().value, 3U);
}

TEST_F(NodeRewindTest, ADecisionThatIsTakenBackIsAnOpenQuestionAgain) {
  Write({.verb = Verb::kArbiter});
  Set("k", "1");
  Set("k", "2");
  Write({.verb = Verb::kSetSafe, .key = "k", .value = "other", .version = 0});
  Mark();
  EXPECT_EQ(Run(kAdmin, {.verb = Verb::kArbiter}).back(), "ok");
  const Conflicts& conflicts = secondary_.store().Find("db")->conflicts();
  Decide("k", "both", 5);
  Ship();
  Take(kAdmin);
  Rewind();
  ASSERT_EQ(conflicts.OpenOf("k").size(), 1U);
  EXPECT_TRUE(conflicts.closed().empty());
  EXPECT_TRUE(secondary_.store().Find("db")->Find("k")->in_conflict());
  const Lines told = Take(kAdmin);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().substr(0, 17), "conflict resolve ");
}

TEST_F(NodeRewindTest, WhatWaitedForTheDiskIsDroppedAndItsReplySaysUnknown) {
  Mark();
  Write({.verb = Verb::kCreateDb, .name = "two", .secret = "t"});
  Ship();
  EXPECT_TRUE(Run(kReader, {.verb = Verb::kUseDb, .name = "two", .secret = "t"}).empty());
  EXPECT_TRUE(Run(kReader, {.verb = Verb::kPing}).empty());  // behind it
  Rewind();
  const std::string unknown =
      "error " + std::to_string(static_cast<int>(ErrorCode::kUnknownOutcome));
  EXPECT_EQ(Take(), (Lines{unknown, unknown}));
  EXPECT_EQ(secondary_.gate().bytes(), 0U);
}

TEST_F(NodeRewindTest, OtherRecordsFollowInThePlaceOfThoseThatWereCut) {
  Set("k", "1");
  Mark();
  Set("k", "2");
  Ship();
  Rewind();
  std::string bytes;
  std::uint64_t chain = shared_.checksum;
  const RecordItem item{.key = "k", .value = "3", .version = 7};
  AppendRecord(bytes,
               {.type = RecordType::kSet,
                .database = secondary_.store().Find("db")->id(),
                .revision = {shared_.revision.value + 1},
                .time_us = shared_.time_us + 1,
                .items = {&item, 1}},
               {9}, chain);
  Receive(bytes);
  EXPECT_FALSE(output_.failure);
  EXPECT_EQ(ValueOf("k"), "3");
}

TEST_F(NodeRewindTest, WhatIsFinalStaysAndThePrimaryTakesNothingBack) {
  Mark();
  Set("k", "1");
  Ship();
  Step(LogCommitted{secondary_.end().revision});
  const Result<void> cut = secondary_.MayRewind(shared_.revision);
  ASSERT_FALSE(cut.has_value());
  EXPECT_EQ(cut.error().fault, Fault::kInvalid);
  Rewind();
  EXPECT_TRUE(output_.failure);
  EXPECT_EQ(ValueOf("k"), "1");
  EXPECT_FALSE(secondary_.MayRewind({secondary_.end().revision.value + 1}).has_value());
  EXPECT_TRUE(secondary_.MayRewind(secondary_.end().revision).has_value());
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = {4}});
  EXPECT_FALSE(secondary_.MayRewind(secondary_.end().revision).has_value());
}

// Beyond the limit the oldest goes when the next record comes.
TEST_F(NodeRewindTest, UndoHasALimitAndGoesNoFurtherBack) {
  const auto undo_bytes = [this] { return secondary_.store().undo().bytes(); };
  Set("k", "1");
  Mark();
  secondary_.store().KeepUndo(kUndoBytesMax);
  Set("k", "2");
  Ship();
  const std::size_t one = undo_bytes();
  for (const std::size_t limit : {2 * one, 2 * one - 1}) {
    secondary_.store().KeepUndo(limit);
    const Revision begin = secondary_.end().revision;
    for (int i = 0; i < 3; ++i) {
      Set("k", std::to_string(i));
    }
    Ship();
    const Result<void> all = secondary_.MayRewind(begin);
    EXPECT_EQ(all.has_value(), limit == 2 * one);
    EXPECT_TRUE(secondary_.MayRewind({begin.value + 1}).has_value());
    if (!all) {
      EXPECT_EQ(all.error().fault, Fault::kNotFound);
    }
  }
}

TEST_F(NodeRewindTest, WithoutUndoNothingIsTakenBack) {
  Node alone(Options(3));
  alone.BeginFollowing({}, kCluster, {}, {});
  EXPECT_FALSE(alone.MayRewind({}).has_value());
}

}  // namespace
}  // namespace nunc
