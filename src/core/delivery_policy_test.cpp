#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/delivery_fixture.h"

namespace nunc {
namespace {

// ---- another user over the same connection

class AnotherUserTest : public DeliveryTest {
 protected:
  AnotherUserTest() {
    admin_ = JoinAdmin();
    for (const std::string_view user : {"ann", "bob"}) {
      EXPECT_EQ(Run(admin_, {.verb = Verb::kCreateUser, .name = user, .secret = "t"}), kFine);
    }
    SetRights("ann", "r a*");
    SetRights("bob", "r b*");
    Write("a", "1");
    Write("b", "1");
    Become("ann");
  }
  void SetRights(std::string_view user, std::string_view list) {
    EXPECT_EQ(Run(admin_, {.verb = Verb::kSetPermissions, .name = user, .value = list}), kFine);
  }
  void Become(std::string_view user) {
    EXPECT_EQ(Run(watcher_, ask::UseDb("db", "t", user)), kFine);
    Take(watcher_);
  }

  SessionId admin_;
};

TEST_F(AnotherUserTest, WatchesOfPatternsStayAndAreJudgedByTheNewRights) {
  EXPECT_EQ(Watch("*", "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started * snapshot", "set a 1 0", "ready *"}));
  Become("bob");
  Write("a", "2");
  EXPECT_EQ(TakeAll(), (Lines{"started * rights", "set b 1 0", "ready *"}));
  Write("a", "3");
  Write("b", "2");
  EXPECT_EQ(TakeAll(), Lines{"set b 2 1"});
}

TEST_F(AnotherUserTest, WhoLogsInAgainAsTheSameUserHearsNothingOfIt) {
  EXPECT_EQ(Watch("*", "0"), kFine);
  TakeAll();
  Become("ann");
  EXPECT_EQ(TakeAll(), Lines{});
  EXPECT_EQ(Run(watcher_, ask::UseDb("db", "wrong", "bob")), ErrorCode::kInvalidToken);
  Take(watcher_);
  EXPECT_EQ(TakeAll(), Lines{});
}

TEST_F(AnotherUserTest, OneThatHasNotBegunSaysWhatItWasAskedFor) {
  EXPECT_EQ(Watch("*", "0"), kFine);
  Become("bob");
  EXPECT_EQ(TakeAll(), (Lines{"started * snapshot", "set b 1 0", "ready *"}));
}

TEST_F(AnotherUserTest, AnAdminsWatchShowsSecureKeysFromThenOn) {
  EXPECT_EQ(Watch("*", "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started * snapshot", "set a 1 0", "ready *"}));
  EXPECT_EQ(Run(watcher_, ask::Named(Verb::kAuth, "admin", "pwd")), kFine);
  Take(watcher_);
  EXPECT_EQ(TakeAll(), (Lines{"started * rights", "set $$permission_$ann r a* 0",
                              "set $$permission_$bob r b* 0", "set $$token token 0",
                              "set $$user_ann t 0", "set $$user_bob t 0", "set a 1 0", "ready *"}));
}

TEST_F(AnotherUserTest, AWatchInAnotherDatabaseStaysItsUsers) {
  MakeDatabase("other");
  EXPECT_EQ(Watch("*", "0"), kFine);
  TakeAll();
  EXPECT_EQ(Run(watcher_, ask::UseDb("other", "token")), kFine);
  Take(watcher_);
  EXPECT_EQ(TakeAll(), Lines{});
  Write("a", "2");
  Write("b", "2");
  EXPECT_EQ(TakeAll(), Lines{"set a 2 1"});
}

// ---- all changes

// So many changes of two bytes of key and value fit the allowance.
constexpr std::size_t kGiven = kAllBytesMax / (2 + 64);

class AllTest : public DeliveryTest {
 protected:
  void WatchAll(std::string_view pattern, std::string_view since = {}) {
    Command command = ask::Watch(pattern);
    command.since = since;
    command.policy = WatchPolicy::kAll;
    EXPECT_EQ(Run(watcher_, command), kFine);
    TakeAll();
  }
};

TEST_F(AllTest, OneThatLagsIsToldEachChangeOfAKeyAndOfAPattern) {
  WatchAll("k");
  WatchAll("a*");
  executor_.MarkLagging(watcher_);
  Write("k", "1");
  Write("a1", "1");
  Write("k", "2");
  EXPECT_EQ(Run(writer_, ask::Remove("a1")), kFine);
  const Lines all{"set k 1 0", "set a1 1 0", "set k 2 1", "removed a1"};
  EXPECT_EQ(Take(watcher_), all);
  EXPECT_FALSE(Drain(watcher_));
  EXPECT_EQ(TakeAll(), Lines{}) << "nothing was left out";
}

TEST_F(AllTest, SoMuchIsGivenToOneThatLagsAndThenAGapIsToldAndTheNewest) {
  for (const std::string_view pattern : {"k", "k*"}) {
    Run(watcher_, {.verb = Verb::kUnwatchAll});
    WatchAll(pattern);
    Write("k", "x");
    TakeAll();
    executor_.MarkLagging(watcher_);
    for (std::size_t i = 0; i < kGiven; ++i) {
      Write("k", "1");
    }
    EXPECT_EQ(Take(watcher_).size(), kGiven);
    Write("k", "2");
    Write("k", "3");
    EXPECT_EQ(Take(watcher_), Lines{}) << "beyond the limit";
    Drain(watcher_);
    while (Drain(watcher_)) {
    }
    const Lines told = TakeAll();
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told[0], "gap " + std::string(pattern));
    EXPECT_TRUE(told[1].ends_with(" delta"));
    EXPECT_TRUE(told[2].starts_with("set k 3 "));
    EXPECT_TRUE(told[3].starts_with("ready "));
    Write("k", "4");
    EXPECT_EQ(Take(watcher_).size(), 1U) << "every change again";
    executor_.MarkLagging(watcher_);
    Write("k", "5");
    EXPECT_EQ(Take(watcher_).size(), 1U) << "a new lag, a new allowance";
    EXPECT_FALSE(Drain(watcher_));
    EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
  }
}

TEST_F(AllTest, OnceCutAlsoWhatWouldFitIsLeftOut) {
  WatchAll("k");
  WatchAll("j");
  executor_.MarkLagging(watcher_);
  Write("k", std::string(kAllBytesMax - 64, 'x'));
  EXPECT_EQ(Take(watcher_), Lines{}) << "one byte too many";
  Write("j", "1");
  Write("k", "1");
  EXPECT_EQ(Take(watcher_), Lines{});
  while (Drain(watcher_)) {
  }
  EXPECT_EQ(TakeAll(),
            (Lines{"gap j", "started  delta", "set j 1 0", "gap k", "set k 1 1", "ready "}));
}

TEST_F(AllTest, WhatSeveralWatchesWantIsGivenOnce) {
  WatchAll("k");
  WatchAll("k*");
  executor_.MarkLagging(watcher_);
  for (std::size_t i = 0; i < kGiven; ++i) {
    Write("k", "1");
  }
  EXPECT_EQ(Take(watcher_).size(), kGiven);
}

TEST_F(AllTest, OneOfTheNewestBesidesItTakesNothingFromIt) {
  EXPECT_EQ(Watch("k"), kFine);
  WatchAll("k*");
  executor_.MarkLagging(watcher_);
  Write("k", "1");
  EXPECT_EQ(Take(watcher_), Lines{"set k 1 0"});
}

TEST_F(AllTest, TheWatchMadeLastSaysThePolicy) {
  for (const std::string_view pattern : {"k", "k*"}) {
    WatchAll(pattern);
    EXPECT_EQ(Watch(pattern), kFine);
  }
  executor_.MarkLagging(watcher_);
  Write("k", "1");
  EXPECT_EQ(Take(watcher_), Lines{});
}

// ---- once in an interval

class EveryTest : public DeliveryTest {
 protected:
  static constexpr std::int64_t kIntervalUs = 100'000;

  EveryTest() { At(0); }
  // So long after the begin of the test.
  void At(std::int64_t us) { SetTime(1'000'000 + us); }
  Status WatchEvery(std::string_view pattern, std::int64_t ms = kIntervalUs / 1000,
                    std::string_view since = {}) {
    Command command = ask::Watch(pattern);
    command.since = since;
    command.policy = WatchPolicy::kEvery;
    command.every_ms = ms;
    const Status status = Run(watcher_, command);
    Take(watcher_);
    return status;
  }
};

TEST_F(EveryTest, TheFirstChangeIsToldAtOnceAndTheNewestOfTheIntervalBehindIt) {
  for (const std::string_view pattern : {"k", "k*"}) {
    EXPECT_EQ(Run(watcher_, {.verb = Verb::kUnwatchAll}), kFine);
    EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
    Take(watcher_);
    At(0);
    EXPECT_EQ(WatchEvery(pattern), kFine);
    EXPECT_EQ(executor_.next_deadline_us(), std::nullopt);
    Write("k", "1");
    EXPECT_EQ(TakeAll(), Lines{"set k 1 0"});
    EXPECT_EQ(executor_.next_deadline_us(), 1'000'000 + kIntervalUs);
    Write("k", "2");
    Write("k", "3");
    At(kIntervalUs - 1);
    EXPECT_EQ(TakeAll(), Lines{});
    At(kIntervalUs);
    EXPECT_EQ(TakeAll(), Lines{"set k 3 2"});
    EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
    EXPECT_EQ(TakeAll(), Lines{});
    At(2 * kIntervalUs);
    EXPECT_EQ(TakeAll(), Lines{"removed k"});
    At(3 * kIntervalUs);
    EXPECT_EQ(TakeAll(), Lines{}) << "nothing has changed";
    EXPECT_EQ(executor_.next_deadline_us(), std::nullopt);
    Write("k", "4");
    EXPECT_EQ(TakeAll(), Lines{"set k 4 0"}) << "at once again";
  }
}

TEST_F(EveryTest, OfAPatternEachKeyIsToldOnceInTheOrderOfTheNewestChanges) {
  EXPECT_EQ(WatchEvery("a*"), kFine);
  Write("a1", "1");
  Write("a2", "1");
  Write("a3", "1");
  Write("a2", "2");
  Write("b", "1");
  EXPECT_EQ(TakeAll(), Lines{"set a1 1 0"});
  At(kIntervalUs);
  EXPECT_EQ(TakeAll(), (Lines{"set a3 1 0", "set a2 2 1"}));
}

TEST_F(EveryTest, OneWithTokensClosesEachTime) {
  EXPECT_EQ(WatchEvery("a*", 100, "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started a* snapshot", "ready a*"}));
  Write("a1", "1");
  Write("a1", "2");
  EXPECT_EQ(TakeAll(), Lines{"set a1 1 0"});
  At(kIntervalUs);
  EXPECT_EQ(TakeAll(), (Lines{"started a* delta", "set a1 2 1", "ready a*"}));
  At(2 * kIntervalUs);
  EXPECT_EQ(TakeAll(), Lines{});
  EXPECT_EQ(Run(watcher_, ask::Unwatch("a*")), kFine);
  Write("a1", "3");
  EXPECT_EQ(WatchEvery("a1", 100, token_), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started a1 delta", "set a1 3 2", "ready a1"}));
  EXPECT_EQ(WatchEvery("a1", 100, token_), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started a1 current", "ready a1"}));
}

TEST_F(EveryTest, OneThatLagsIsToldTheNewestWhenItHasDrainedAndTheIntervalHasPassed) {
  for (const std::string_view pattern : {"k", "k*"}) {
    At(0);
    EXPECT_EQ(WatchEvery(pattern), kFine);
    Write("k", "1");
    EXPECT_EQ(TakeAll().size(), 1U);
    executor_.MarkLagging(watcher_);
    Write("k", "2");
    At(kIntervalUs);
    EXPECT_EQ(TakeAll(), Lines{});
    EXPECT_FALSE(Drain(watcher_));
    EXPECT_EQ(TakeAll().size(), 1U);
    executor_.MarkLagging(watcher_);
    Write("k", "3");
    EXPECT_FALSE(Drain(watcher_));
    EXPECT_EQ(TakeAll(), Lines{}) << "too early";
    At(2 * kIntervalUs);
    EXPECT_EQ(TakeAll().size(), 1U);
    EXPECT_EQ(Run(watcher_, {.verb = Verb::kUnwatchAll}), kFine);
    EXPECT_EQ(executor_.next_deadline_us(), std::nullopt);
  }
}

TEST_F(EveryTest, TheConnectionsAreToldOnceToo) {
  EXPECT_EQ(WatchEvery("$*"), kFine);
  TakeAll();
  Join();
  EXPECT_EQ(TakeAll(), Lines{"set $connections 3 2"});
  Join();
  Join();
  EXPECT_EQ(TakeAll(), Lines{});
  At(kIntervalUs);
  EXPECT_EQ(TakeAll(), Lines{"set $connections 5 4"});
  At(2 * kIntervalUs);
  EXPECT_EQ(TakeAll(), Lines{});
  EXPECT_EQ(executor_.next_deadline_us(), std::nullopt);
}

TEST_F(EveryTest, TheIntervalHasLimits) {
  EXPECT_EQ(WatchEvery("k", 1), kFine);
  EXPECT_EQ(WatchEvery("k", kEveryMsMax), kFine);
  for (const std::int64_t ms : {std::int64_t{0}, std::int64_t{-1}, kEveryMsMax + 1}) {
    EXPECT_EQ(WatchEvery("k", ms), ErrorCode::kEveryRange);
    EXPECT_EQ(error_number_, ms);
  }
}

TEST_F(EveryTest, TheWatchMadeLastSaysThePolicy) {
  EXPECT_EQ(WatchEvery("k"), kFine);
  EXPECT_EQ(Watch("k"), kFine);
  Write("k", "1");
  Write("k", "2");
  EXPECT_EQ(TakeAll(), (Lines{"set k 1 0", "set k 2 1"}));
  EXPECT_EQ(WatchEvery("k"), kFine);
  Write("k", "3");
  Write("k", "4");
  EXPECT_EQ(TakeAll(), Lines{"set k 3 2"});
  EXPECT_EQ(Run(watcher_, ask::Unwatch("k")), kFine);
  Take(watcher_);
  At(kIntervalUs);
  EXPECT_EQ(TakeAll(), Lines{});
}

TEST_F(EveryTest, SoManyAreWokenInOneTurnAndOneMoreInTheNext) {
  for (std::size_t i = 0; i <= kWakesPerTurn; ++i) {
    EXPECT_EQ(WatchEvery("k" + std::to_string(i)), kFine);
    Write("k" + std::to_string(i), "1");
  }
  TakeAll();
  for (std::size_t i = 0; i <= kWakesPerTurn; ++i) {
    Write("k" + std::to_string(i), "2");
  }
  At(kIntervalUs);
  EndTurn();
  EXPECT_EQ(executor_.next_deadline_us(), 1'000'000 + kIntervalUs) << "one is still due";
  EndTurn();
  EXPECT_EQ(executor_.next_deadline_us(), 1'000'000 + 2 * kIntervalUs);
  EXPECT_EQ(TakeAll().size(), kWakesPerTurn + 1);
}

TEST_F(EveryTest, SoManyKeysAreToldWhileTheDiskIsWaitedFor) {
  output_.Clear();
  executor_.CreateDatabase({.name = "disk", .token = "token", .level = AckLevel::kDisk}, output_);
  writer_ = Join("disk");
  watcher_ = Join("disk");
  EndTurn();
  executor_.delivery().SetDurable(executor_.store().revision());
  std::vector<Change> held;
  for (std::size_t i = 0; i <= kClosingKeysMax; ++i) {
    Write("a" + std::to_string(i), "1");
    held.push_back(std::get<Change>(output_.items.front()));
  }
  EXPECT_EQ(WatchEvery("a*", 100, "0"), kFine);
  EXPECT_EQ(TakeAll(), Lines{"started a* snapshot"});
  executor_.delivery().SetDurable(executor_.store().revision());
  std::size_t told = 0;
  for (const Change& change : held) {
    output_.Clear();
    executor_.AnnounceNow(change, output_);
    told += output_.targets.size();
  }
  EXPECT_EQ(told, kClosingKeysMax);
  EXPECT_EQ(TakeAll(), Lines{});
  At(kIntervalUs);
  const std::string last = "a" + std::to_string(kClosingKeysMax);
  EXPECT_EQ(TakeAll(), (Lines{"set " + last + " 1 0", "ready a*"}));
}

}  // namespace
}  // namespace nunc
