// Commands that may come again, while links and primaries come and go.
#include "node/forwarding_fixture.h"

namespace nunc {
namespace {

constexpr SessionName kNamed{.high = 9, .low = 0};

Command Count(std::uint64_t sequence) {
  return {.verb = Verb::kIncrement, .key = "n", .retry = {.session = kNamed, .sequence = sequence}};
}

class ForwardingRetryTest : public ForwardingTest {
 protected:
  ForwardingRetryTest() { ExchangeAll(); }

  // It is sent, and run there if it arrives; then the link is lost.
  void SendAndLose(bool arrives) {
    here_.StartTurn(now_.mono_us);
    if (arrives) {
      Deliver(to_there_, there_, kHere);
      StepThere(LogSynced{primary_.end().revision});
    }
    LoseLink();
  }
  void LoseLink() {
    to_there_.clear();
    to_here_.clear();
    there_.OnLinkDown(kHere);
    here_.OnLinkDown(kThere);
  }
  void Reconnect() {
    here_.SetPrimary(kThere, {1});
    ExchangeAll();
    Sync();
  }
};

TEST_F(ForwardingRetryTest, OneWhoseAnswerIsLostIsSentAgainAndDoneOnce) {
  for (const bool arrives : {true, false}) {
    Run(kReader, Count(arrives ? 1 : 2));
    SendAndLose(arrives);
    EXPECT_EQ(Take(), Lines{});
    Reconnect();
    EXPECT_EQ(Take(), (Lines{"ok"}));
    EXPECT_EQ(ValueThere("n"), arrives ? "1" : "2");
    EXPECT_EQ(ValueOf("n"), arrives ? "1" : "2");
  }
}

TEST_F(ForwardingRetryTest, OneWithoutASequenceIsUnknownBesideIt) {
  Run(kReader, Count(1));
  Run(kReader, {.verb = Verb::kSet, .key = "k", .value = "1"});
  SendAndLose(true);
  Reconnect();
  EXPECT_EQ(Take(), (Lines{"ok", kUnknown}));
}

TEST_F(ForwardingRetryTest, ThoseOfASessionStayInTheirOrder) {
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    Run(kReader, {.verb = Verb::kPut,
                  .key = "k",
                  .value = std::string_view("abc").substr(sequence - 1, 1),
                  .retry = {.session = kNamed, .sequence = sequence}});
  }
  SendAndLose(false);
  Reconnect();
  EXPECT_EQ(ValueThere("k"), "c");
  EXPECT_EQ(primary_.store().Find("db")->Find("k")->version(), 2U);
}

TEST_F(ForwardingRetryTest, ATransactionIsDoneOnceToo) {
  Lines told;
  for (int i = 0; i < 2; ++i) {
    Run(kReader, {.verb = Verb::kMulti});
    Run(kReader, {.verb = Verb::kIncrement, .key = "n"});
    Run(kReader, {.verb = Verb::kRemove, .key = "k"});
    const Lines again = Ask({.verb = Verb::kExec, .retry = {.session = kNamed, .sequence = 1}});
    EXPECT_EQ(again.back(), "ok");
    EXPECT_TRUE(told.empty() || told == again);
    told = again;
  }
  EXPECT_EQ(ValueThere("n"), "1");
}

TEST_F(ForwardingRetryTest, ItIsSentSoOftenAndThenItsOutcomeIsUnknown) {
  Run(kReader, Count(1));
  for (unsigned sent = 1; sent < kForwardSendsMax; ++sent) {
    SendAndLose(true);
    EXPECT_EQ(Take(), Lines{}) << "sent " << sent << " times";
    here_.SetPrimary(kThere, {1});
  }
  SendAndLose(true);
  EXPECT_EQ(Take(), (Lines{kUnknown}));
  EXPECT_EQ(ValueThere("n"), "1");
  here_.SetPrimary(kThere, {1});
  Run(kReader, Count(1));
  ExchangeAll();
  Sync();
  EXPECT_EQ(Take(), (Lines{"ok"}));
  EXPECT_EQ(ValueThere("n"), "1");
}

TEST_F(ForwardingRetryTest, WithoutAPrimaryInTimeItIsUnknownAndNotRefused) {
  Run(kReader, Count(1));
  SendAndLose(true);
  Pass(kTimeoutUs - 1);
  EXPECT_EQ(Take(), Lines{});
  Pass(20'000);
  EXPECT_EQ(Take(), (Lines{kUnknown}));
}

TEST_F(ForwardingRetryTest, OneThatAFormerPrimaryDoesNotAnswerGoesToTheNextOne) {
  Run(kReader, Count(1));
  here_.StartTurn(now_.mono_us);
  to_there_.clear();
  here_.SetPrimary(NodeId{3}, {2});
  Pass(kTimeoutUs);
  EXPECT_EQ(Take(), Lines{});
  here_.SetPrimary(kThere, {3});
  Pass(20'000);
  ExchangeAll();
  Sync();
  EXPECT_EQ(Take(), (Lines{"ok"}));
  EXPECT_EQ(ValueThere("n"), "1");
}

}  // namespace
}  // namespace nunc
