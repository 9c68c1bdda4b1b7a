#include "node/forwarding.h"

#include "core/edit_fixture.h"
#include "node/forwarding_fixture.h"

namespace nunc {
namespace {

TEST_F(ForwardingTest, AWriteIsAnsweredWhenThisNodeHasItToo) {
  EXPECT_EQ(Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"}), Lines{});
  Exchange();
  EXPECT_EQ(ValueThere("k"), "1");
  EXPECT_EQ(Take(), Lines{});
  Ship();
  here_.OnApplied();
  EXPECT_EQ(Take(), (Lines{"ok"}));
  EXPECT_EQ(ValueOf("k"), "1");
}

TEST_F(ForwardingTest, WritesOfOneClientAreMadeInTheirOrderAndAReadWaitsForThem) {
  const Command get{.verb = Verb::kGet, .key = "k"};
  EXPECT_EQ(secondary_.PauseBefore(kReader, get, 0), Pause::kNone);
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Run(kReader, {.verb = Verb::kIncrement, .key = "k", .amount = 4});
  EXPECT_EQ(secondary_.PauseBefore(kReader, get, 0), Pause::kForAnswers);
  EXPECT_EQ(secondary_.PauseBefore(kReader, {.verb = Verb::kSet, .key = "k", .value = "2"}, 0),
            Pause::kNone);
  EXPECT_EQ(secondary_.PauseBefore(kAdmin, get, 0), Pause::kNone);
  ExchangeAll();
  EXPECT_EQ(Take(), (Lines{"ok", "ok"}));
  EXPECT_EQ(secondary_.PauseBefore(kReader, get, 0), Pause::kNone);
  EXPECT_EQ(Run(kReader, get), (Lines{"value 5", "ok"}));
}

TEST_F(ForwardingTest, EachKindOfWriteIsDoneAndItsAnswerComes) {
  EXPECT_EQ(Ask({.verb = Verb::kSetSafe, .key = "k", .value = "1", .version = 3}), (Lines{"ok"}));
  EXPECT_EQ(Ask({.verb = Verb::kPut, .key = "k", .value = "2"}).back(), "ok");
  EXPECT_EQ(Ask({.verb = Verb::kPut, .key = "k", .value = "2", .if_absent = true}).size(), 1U);
  EXPECT_EQ(ValueOf("k"), "2");
  EXPECT_EQ(Ask({.verb = Verb::kExpire, .key = "k", .ttl_ms = 5'000}), (Lines{"ok"}));
  EXPECT_EQ(Ask({.verb = Verb::kPersist, .key = "k"}), (Lines{"ok"}));
  EXPECT_EQ(Ask({.verb = Verb::kRemove, .key = "k"}), (Lines{"ok"}));
  EXPECT_EQ(ValueOf("k"), "-");
  EXPECT_EQ(Ask(kAdmin, {.verb = Verb::kCreateDb, .name = "n", .secret = "t"}).back(), "ok");
  EXPECT_NE(secondary_.store().Find("n"), nullptr);
  EXPECT_EQ(Ask(kAdmin, {.verb = Verb::kCreateUser, .name = "u", .secret = "t"}), (Lines{"ok"}));
  EXPECT_EQ(Ask(kAdmin, {.verb = Verb::kSetPermissions, .name = "u", .value = "r *"}),
            (Lines{"ok"}));
  EXPECT_EQ(Ask(kAdmin, {.verb = Verb::kDropDb, .name = "n"}), (Lines{"ok"}));
  EXPECT_EQ(secondary_.store().Find("n"), nullptr);
  EXPECT_FALSE(broken_);
}

TEST_F(ForwardingTest, ThePrimaryJudgesWithTheRightsOfWhoAsks) {
  Ask(kAdmin, {.verb = Verb::kCreateUser, .name = "u", .secret = "t"});
  Ask(kAdmin, {.verb = Verb::kSetPermissions, .name = "u", .value = "w a*"});
  Run(kReader, {.verb = Verb::kUseDb, .name = "db", .user = "u", .secret = "t"});
  Take();
  // What was withdrawn counts, though this node has not heard of it.
  Run(kReader, {.verb = Verb::kSet, .key = "a", .value = "1"});
  Write({.verb = Verb::kSetPermissions, .name = "u", .value = "r a*"});
  ExchangeAll();
  Sync();
  EXPECT_EQ(Take(),
            (Lines{"error " + std::to_string(static_cast<int>(ErrorCode::kPermissionDenied))}));
  // One client's rights are not the next one's.
  EXPECT_EQ(Ask(kAdmin, {.verb = Verb::kSet, .key = "$$x", .value = "1"}), (Lines{"ok"}));
  EXPECT_EQ(Ask({.verb = Verb::kSet, .key = "$$x", .value = "2"}),
            (Lines{"error " + std::to_string(static_cast<int>(ErrorCode::kSecureKey))}));
}

TEST_F(ForwardingTest, ATransactionIsOneRecordAndSaysWhichWriteWasRefused) {
  Run(kReader, {.verb = Verb::kMulti});
  Run(kReader, {.verb = Verb::kSet, .key = "a", .value = "1"});
  Run(kReader, {.verb = Verb::kSet, .key = "b", .value = "2"});
  const Revision before = primary_.end().revision;
  EXPECT_EQ(Ask({.verb = Verb::kExec}).back(), "ok");
  EXPECT_EQ(primary_.end().revision.value, before.value + 1);
  EXPECT_EQ(ValueOf("b"), "2");
  Run(kReader, {.verb = Verb::kMulti});
  Run(kReader, {.verb = Verb::kSet, .key = "c", .value = "1"});
  Run(kReader, {.verb = Verb::kPut, .key = "a", .value = "1", .if_absent = true});
  const Lines refused = Ask({.verb = Verb::kExec});
  EXPECT_EQ(refused.front().substr(0, 5), "error");
  EXPECT_EQ(ValueThere("c"), "-");
}

TEST_F(ForwardingTest, AnEditIsMadeWhereTheNewestValueIs) {
  Set("k", "a");
  Ship();
  Set("k", "b");  // has not come here yet
  Appending edit("+");
  EXPECT_EQ(Ask({.verb = Verb::kPut, .key = "k", .edit = &edit}).back(), "ok");
  EXPECT_EQ(ValueOf("k"), "b+");
  Appending unknown("unknown");
  EXPECT_EQ(Ask({.verb = Verb::kPut, .key = "k", .edit = &unknown}).front().substr(0, 7),
            "error 0");
}

TEST_F(ForwardingTest, AnArbiterMayBeAtAnyNode) {
  EXPECT_EQ(Ask({.verb = Verb::kArbiter}), (Lines{"ok"}));
  Ask(kAdmin, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Ask(kAdmin, {.verb = Verb::kSet, .key = "k", .value = "2"});
  Take();
  Ask(kAdmin, {.verb = Verb::kSetSafe, .key = "k", .value = "other", .version = 0});
  const Lines told = Take();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().substr(0, 9), "conflict ");
  const ConflictId id = secondary_.store().Find("db")->conflicts().OpenOf("k").front();
  const Command decide{.verb = Verb::kResolve,
                       .name = "db",
                       .key = "k",
                       .value = "both",
                       .version = 5,
                       .conflict = id};
  EXPECT_EQ(Ask(kGuest, decide).front().substr(0, 5), "error");  // is none
  EXPECT_EQ(Ask(decide), (Lines{"ok"}));
  EXPECT_EQ(ValueOf("k"), "both");
}

// ---- when the primary is not there

TEST_F(ForwardingTest, WithoutAPrimaryItWaitsAndThenSaysThatItWasNotDone) {
  here_.SetPrimary(std::nullopt, {1});
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  Pass(kTimeoutUs - 1);
  EXPECT_EQ(Take(), Lines{});
  Pass(20'000);
  EXPECT_EQ(Take(), (Lines{kNobody}));
  here_.SetPrimary(kThere, {1});
  ExchangeAll();
  EXPECT_EQ(ValueThere("k"), "-");
}

TEST_F(ForwardingTest, OneThatWaitedGoesToWhoBecomesPrimary) {
  here_.SetPrimary(std::nullopt, {1});
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Pass(kTimeoutUs / 2);
  here_.SetPrimary(kThere, {1});
  ExchangeAll();
  EXPECT_EQ(Take(), (Lines{"ok"}));
}

TEST_F(ForwardingTest, WhenTheLinkIsLostTheOutcomeIsUnknown) {
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  here_.OnLinkDown(kThere);
  EXPECT_EQ(Take(), (Lines{kUnknown}));
  // An answer that comes yet is for nobody.
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "2"});
  here_.SetPrimary(kThere, {1});
  Exchange();
  Ship();
  here_.OnApplied();
  EXPECT_EQ(Take(), (Lines{"ok"}));
  EXPECT_EQ(ValueThere("k"), "2");
}

TEST_F(ForwardingTest, WhatWasAnsweredButDidNotComeHereIsUnknown) {
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Exchange();
  here_.OnLinkDown(kThere);
  EXPECT_EQ(Take(), (Lines{kUnknown}));
}

TEST_F(ForwardingTest, WhoIsNotPrimaryGivesAllBackAndTheyGoInTheirOrder) {
  Exchange();
  there_.SetPrimary(std::nullopt, {1});
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Run(kReader, {.verb = Verb::kIncrement, .key = "k", .amount = 1});
  here_.StartTurn(now_.mono_us);
  // It becomes one between the two: the second must not pass the first.
  std::string second = std::move(to_there_.back());
  to_there_.pop_back();
  Deliver(to_there_, there_, kHere);
  there_.SetPrimary(kThere, {1});
  to_there_.push_back(std::move(second));
  Exchange();
  EXPECT_EQ(ValueThere("k"), "-");
  EXPECT_EQ(Take(), Lines{});
  Pass(20'000);
  EXPECT_EQ(Take(), (Lines{"ok", "ok"}));
  EXPECT_EQ(ValueOf("k"), "2");
}

TEST_F(ForwardingTest, WhoIsPrimaryNoMoreMayStillAnswerAndTheNextOnesOfItsClientWaitForThat) {
  constexpr NodeId kThird{3};
  Exchange();
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  Deliver(to_there_, there_, kHere);
  here_.SetPrimary(kThird, {2});
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "2"});
  Run(kAdmin, {.verb = Verb::kSet, .key = "other", .value = "1"});
  here_.StartTurn(now_.mono_us);
  ASSERT_EQ(to_there_.size(), 2U);  // Owners, and that of the other client
  to_there_.clear();
  StepThere(LogSynced{primary_.end().revision});
  Deliver(to_here_, here_, kThere);
  Ship();
  here_.OnApplied();
  EXPECT_EQ(Take(), (Lines{"ok"}));
  here_.StartTurn(now_.mono_us);
  EXPECT_EQ(to_there_.size(), 1U);
}

TEST_F(ForwardingTest, WhoIsPrimaryNoMoreAndSaysNothingIsNotWaitedForTooLong) {
  Exchange();
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  to_there_.clear();
  here_.SetPrimary(NodeId{3}, {2});
  Pass(kTimeoutUs - 1);
  EXPECT_EQ(Take(), Lines{});
  Pass(20'000);
  EXPECT_EQ(Take(), (Lines{kUnknown}));
}

TEST_F(ForwardingTest, WhatWaitsAtAPrimaryThatStepsDownIsGivenBack) {
  may_run_ = false;
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  Exchange();
  there_.SetPrimary(std::nullopt, {1});
  Exchange();
  EXPECT_EQ(Take(), Lines{});
  there_.SetPrimary(kThere, {1});
  may_run_ = true;
  Pass(20'000);
  EXPECT_EQ(Take(), (Lines{"ok"}));
}

TEST_F(ForwardingTest, WhoBecomesPrimaryRunsItsOwn) {
  here_.SetPrimary(std::nullopt, {1});
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = {9}});
  here_.SetPrimary(kHere, {9});
  here_.StartTurn(now_.mono_us);
  for (const auto& item : output_.items) {
    if (const auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
      here_.OnReply(*reply, output_);
    }
  }
  here_.Work();
  EXPECT_EQ(Take(), (Lines{"ok"}));
  EXPECT_EQ(ValueOf("k"), "1");
}

TEST_F(ForwardingTest, AClientThatLeavesBeforeItWasSentHasNotAsked) {
  here_.SetPrimary(std::nullopt, {1});
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  Step(SessionClosed{kReader});
  here_.SetPrimary(kThere, {1});
  ExchangeAll();
  EXPECT_EQ(ValueThere("k"), "-");
  EXPECT_FALSE(here_.full());
}

// ---- limits

TEST_F(ForwardingTest, SoManyAreSentAndTheRestWaits) {
  may_run_ = false;
  for (std::size_t i = 0; i <= kForwardsSentMax; ++i) {
    Run(kReader, {.verb = Verb::kIncrement, .key = "k"});
  }
  here_.StartTurn(now_.mono_us);
  EXPECT_EQ(to_there_.size(), 1 + kForwardsSentMax);  // Owners before them
  Exchange();
  EXPECT_FALSE(broken_);
  may_run_ = true;
  ExchangeAll();
  Pass(1);
  Pass(1);
  Pass(1);
  EXPECT_EQ(Take().size(), kForwardsSentMax + 1);
  EXPECT_EQ(ValueOf("k"), std::to_string(kForwardsSentMax + 1));
}

TEST_F(ForwardingTest, WhoSendsMoreThanItMayLosesItsLink) {
  may_run_ = false;
  Exchange();
  const std::string command = EncodeForwarded({}, {.verb = Verb::kIncrement, .key = "k"}, nullptr);
  for (std::size_t i = 0; i < kForwardsSentMax; ++i) {
    EXPECT_TRUE(there_.Receive(kHere, Forward{.id = i + 1, .command = command}));
  }
  EXPECT_FALSE(there_.Receive(kHere, Forward{.id = 9'999, .command = command}));
}

TEST_F(ForwardingTest, ManyBytesWaitButOneCommandAlwaysGoes) {
  may_run_ = false;
  Exchange();
  const std::string large(kForwardsSentBytesMax + 1, 'v');
  EXPECT_TRUE(there_.Receive(kHere, Forward{.id = 1, .command = large}));
  EXPECT_FALSE(there_.Receive(kHere, Forward{.id = 2, .command = "x"}));
}

TEST_F(ForwardingTest, WithTooManyBytesWaitingTheNodeIsFull) {
  here_.SetPrimary(std::nullopt, {1});
  const std::string value(1'000, 'v');
  std::size_t bytes = 0;
  while (!here_.full()) {
    ASSERT_LT(bytes, kForwardsBytesMax);
    Run(kReader, {.verb = Verb::kSet, .key = "k", .value = value});
    bytes += value.size();
    here_.StartTurn(now_.mono_us);
  }
  EXPECT_GT(bytes, kForwardsBytesMax / 2);
  Pass(kTimeoutUs);
  EXPECT_FALSE(here_.full());
}

TEST_F(ForwardingTest, ACommandThatCannotBeReadIsAnsweredSo) {
  Exchange();
  ASSERT_TRUE(there_.Receive(kHere, Forward{.id = 5, .command = "rubbish"}));
  ASSERT_EQ(to_here_.size(), 1U);
  const auto decoded = DecodeFrame(to_here_.front());
  const auto& reply = std::get<ForwardReply>((*decoded)->frame.message);
  Output answer;
  ASSERT_TRUE(DecodeReplies(reply.replies, {}, answer));
  EXPECT_EQ(std::get<Reply>(answer.items.front()).error, ErrorCode::kRejected);
}

TEST_F(ForwardingTest, AnAnswerThatCannotBeReadEndsTheLink) {
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  here_.StartTurn(now_.mono_us);
  const auto decoded = DecodeFrame(to_there_.back());
  const std::uint64_t id = std::get<Forward>((*decoded)->frame.message).id;
  EXPECT_FALSE(here_.Receive(kThere, ForwardReply{.id = id, .taken = true, .replies = "rubbish"}));
  EXPECT_TRUE(here_.Receive(kThere, ForwardReply{.id = id + 7, .taken = true, .replies = "x"}));
}

}  // namespace
}  // namespace nunc
