// Commands of other nodes while sessions, links and primaries come and go.
#include "node/forwarding_fixture.h"

namespace nunc {
namespace {

// ---- keys that live with a session

TEST_F(ForwardingTest, AKeyLivesWithASessionOfAnotherNode) {
  EXPECT_EQ(Ask(kGuest, {.verb = Verb::kSetSession, .key = "here", .value = "1"}), (Lines{"ok"}));
  Pass(kOwnersAwaitUs);
  Pass(1);
  EXPECT_EQ(ValueOf("here"), "1");
  Step(SessionClosed{kGuest});
  Pass(1);
  Pass(1);
  EXPECT_EQ(ValueOf("here"), "-");
}

TEST_F(ForwardingTest, ItWaitsForANodeThatIsAwayAndEndsWhenThatDoesNotComeBack) {
  Ask(kGuest, {.verb = Verb::kSetSession, .key = "here", .value = "1"});
  there_.OnLinkDown(kHere);
  here_.OnLinkDown(kThere);
  Pass(kOwnersAwaitUs - 1);
  EXPECT_EQ(ValueThere("here"), "1");
  here_.SetPrimary(kThere, {1});
  ExchangeAll();
  Pass(1);
  Pass(1);
  EXPECT_EQ(ValueThere("here"), "1");  // it is back, and has named its sessions
  there_.OnLinkDown(kHere);
  here_.OnLinkDown(kThere);
  Pass(kOwnersAwaitUs);
  Pass(1);
  EXPECT_EQ(ValueThere("here"), "-");
}

TEST_F(ForwardingTest, WhoIsMissingWhenANodeNamesItsSessionsIsGone) {
  Ask(kGuest, {.verb = Verb::kSetSession, .key = "here", .value = "1"});
  there_.OnLinkDown(kHere);
  here_.OnLinkDown(kThere);
  Step(SessionClosed{kGuest});
  here_.SetPrimary(kThere, {1});
  Pass(1);
  Pass(1);
  EXPECT_EQ(ValueThere("here"), "-");
}

TEST_F(ForwardingTest, WhoComesBackAtAnotherNodeGetsTheKeys) {
  Ask(kGuest, {.verb = Verb::kSetSession, .key = "here", .value = "1"});
  const std::string former = FormatSessionName({.high = 3, .low = 4});
  const SessionId again{.slot = kStandInsMax + 3, .generation = 1};
  Step(SessionOpened{.session = again, .name = {.high = 5, .low = 6}});
  EXPECT_EQ(Ask(again, {.verb = Verb::kHello, .secret = former}).back(), "ok");
  Step(SessionClosed{kGuest});
  Pass(kOwnersAwaitUs);
  Pass(1);
  EXPECT_EQ(ValueOf("here"), "1");
  Step(SessionClosed{again});
  Pass(1);
  Pass(1);
  EXPECT_EQ(ValueOf("here"), "-");
}

// ---- what a change of primary must not do

TEST_F(ForwardingTest, WhoBecomesPrimaryRunsNothingBeforeWhatIsUnderWay) {
  here_.SetPrimary(std::nullopt, {1});
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  const Command second{.verb = Verb::kSet, .key = "k", .value = "2"};
  EXPECT_EQ(secondary_.PauseBefore(kReader, second, 0), Pause::kNone);
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = {9}});
  EXPECT_EQ(secondary_.PauseBefore(kReader, second, 0), Pause::kForAnswers);
  EXPECT_EQ(secondary_.PauseBefore(kAdmin, second, 0), Pause::kNone);
}

TEST_F(ForwardingTest, AnAnswerThatRestsOnARecordOfAnotherTermIsUnknown) {
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Exchange();
  here_.SetPrimary(NodeId{3}, {2});
  term_here_ = Term{2};  // what stands there now
  Ship();
  here_.OnApplied();
  EXPECT_EQ(Take(), (Lines{kUnknown}));
}

TEST_F(ForwardingTest, AnAnswerWhoseRecordNeverComesIsUnknownAndHoldsUpNobody) {
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Exchange();
  here_.SetPrimary(NodeId{3}, {2});
  here_.StartTurn(now_.mono_us);
  now_.mono_us += kTimeoutUs;
  here_.StartTurn(now_.mono_us);
  EXPECT_EQ(Take(), (Lines{kUnknown}));
}

TEST_F(ForwardingTest, APrimaryThatIsElectedAgainGetsCommandsInTheirOrder) {
  Exchange();
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  there_.SetPrimary(std::nullopt, {2});
  there_.SetPrimary(kThere, {3});
  here_.SetPrimary(std::nullopt, {2});
  here_.SetPrimary(kThere, {3});
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "2"});
  Exchange();
  Pass(20'000);
  Pass(20'000);
  EXPECT_EQ(Take(), (Lines{"ok", "ok"}));
  EXPECT_EQ(ValueOf("k"), "2");
}

TEST_F(ForwardingTest, ADatabaseOfAnotherHistoryIsNotWrittenTo) {
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Write({.verb = Verb::kDropDb, .name = "db"});
  Write({.verb = Verb::kCreateDb, .name = "other", .secret = "t"});
  ASSERT_EQ(primary_.store().Find("db"), nullptr);
  ExchangeAll();
  Sync();
  EXPECT_EQ(Take().back().substr(0, 5), "error");
  EXPECT_EQ(primary_.store().Find("other")->Find("k"), nullptr);
}

TEST_F(ForwardingTest, AStandInThatGoesEndsNobodysKeys) {
  Ask(kGuest, {.verb = Verb::kSetSession, .key = "here", .value = "1"});
  StepThere(RoleChanged{.role = NodeRole::kSecondary});
  there_.SetPrimary(NodeId{3}, {2});
  there_.OnLinkDown(kHere);
  EXPECT_TRUE(primary_.TakeEndedOwners().empty());
}

TEST_F(ForwardingTest, ThatASessionIsGoneIsHeardBehindWhatItMade) {
  Exchange();
  may_run_ = false;
  Run(kGuest, {.verb = Verb::kSetSession, .key = "here", .value = "1"});
  Exchange();
  Step(SessionClosed{kGuest});
  Exchange();
  may_run_ = true;
  Pass(1);
  Pass(1);
  EXPECT_EQ(ValueThere("here"), "-");
}

TEST_F(ForwardingTest, AnotherNodeThatComesAndGoesKeepsNoKeysAlive) {
  Ask(kGuest, {.verb = Verb::kSetSession, .key = "here", .value = "1"});
  there_.OnLinkDown(kHere);
  here_.OnLinkDown(kThere);
  for (std::int64_t us = 0; us <= kOwnersAwaitUs; us += kOwnersAwaitUs / 4) {
    there_.OnLinkDown(NodeId{7});
    Pass(kOwnersAwaitUs / 4);
  }
  Pass(1);
  EXPECT_EQ(ValueThere("here"), "-");
}

TEST_F(ForwardingTest, WhoComesBackIsKnownWhereItsKeysHaveNotComeTo) {
  // The key was made at a node that is gone, and this one lacks its record.
  const SessionId elsewhere{.slot = kStandInsMax + 5, .generation = 1};
  StepThere(SessionOpened{.session = elsewhere, .name = {.high = 8, .low = 8}});
  const Command use{.verb = Verb::kUseDb, .name = "db", .secret = "token"};
  StepThere(ClientCommand{.session = elsewhere, .command = &use});
  const Command set{.verb = Verb::kSetSession, .key = "there", .value = "1"};
  StepThere(ClientCommand{.session = elsewhere, .command = &set});
  const std::string former = FormatSessionName({.high = 8, .low = 8});
  EXPECT_EQ(Ask(kGuest, {.verb = Verb::kHello, .secret = former}).back(), "ok");
  StepThere(SessionClosed{elsewhere});
  Pass(kOwnersAwaitUs);
  Pass(1);
  EXPECT_EQ(ValueThere("there"), "1");
}

TEST_F(ForwardingTest, ThereAreNoMoreStandInsThanSlotsForThem) {
  for (std::uint64_t i = 0; i < kStandInsMax; ++i) {
    EXPECT_TRUE(there_.Receive(NodeId{100 + i}, Owners{.all = true}));
  }
  EXPECT_FALSE(there_.Receive(NodeId{999}, Owners{.all = true}));
  // Who has not begun gets its commands back, and no session.
  EXPECT_TRUE(there_.Receive(NodeId{998}, Forward{.id = 1, .command = "x"}));
  EXPECT_FALSE(to_here_.empty());
}

}  // namespace
}  // namespace nunc
