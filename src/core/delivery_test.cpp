#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/delivery_fixture.h"

namespace nunc {
namespace {

TEST_F(DeliveryTest, APatternWithoutATokenIsToldOnlyWhatComes) {
  Write("a/1", "old");
  EXPECT_EQ(Watch("a/*"), kFine);
  Write("a/1", "new");
  Write("b", "other");
  EXPECT_EQ(Run(writer_, ask::Remove("a/1")), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"set a/1 new 1", "removed a/1"}));
}

TEST_F(DeliveryTest, FromNothingAllThatIsThereIsListedInKeyOrder) {
  Write("a/2", "2");
  Write("b", "other");
  Write("a/1", "1");
  EXPECT_EQ(Watch("a/*", "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started a/* snapshot", "set a/1 1 0", "set a/2 2 0", "ready a/*"}));
  Write("a/3", "3");
  EXPECT_EQ(TakeAll(), Lines{"set a/3 3 0"});
}

TEST_F(DeliveryTest, FromATokenOnlyWhatHasChangedSinceIsTold) {
  Write("a/1", "1");
  Write("a/2", "2");
  Write("a/3", "3");
  EXPECT_EQ(Watch("a/*", "0"), kFine);
  TakeAll();
  EXPECT_EQ(Run(watcher_, ask::Unwatch("a/*")), kFine);
  Write("a/1", "4");
  Write("a/1", "5");
  Write("b", "other");
  EXPECT_EQ(Run(writer_, ask::Remove("a/2")), kFine);
  Take(watcher_);
  EXPECT_EQ(Watch("a/*", token_), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started a/* delta", "set a/1 5 2", "removed a/2", "ready a/*"}));
  EXPECT_EQ(Watch("a/*", token_), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started a/* current", "ready a/*"}));
}

TEST_F(DeliveryTest, OneKeyIsResumedToo) {
  Write("k", "1");
  Command watch = ask::Watch("k");
  watch.since = "0";
  EXPECT_EQ(Run(watcher_, watch), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"ok", "started k snapshot", "set k 1 0", "ready "}));
  Write("k", "2");
  EXPECT_EQ(TakeAll(), Lines{"set k 2 1"});
  watch.since = token_;
  EXPECT_EQ(Run(watcher_, watch), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"ok", "started k delta", "set k 2 1", "ready "}));
  EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
  Take(watcher_);
  EXPECT_EQ(Run(watcher_, watch), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"ok", "started k delta", "removed k", "ready "}));
}

TEST_F(DeliveryTest, WhatIsNoTokenOfThisDatabaseIsRefused) {
  EXPECT_EQ(Watch("a/*", "nonsense"), ErrorCode::kBadToken);
  EXPECT_EQ(error_text_, "nonsense");
  EXPECT_EQ(Watch("a/*", "0"), kFine);
  TakeAll();
  const std::string token = token_;
  EXPECT_EQ(Watch("k", token.substr(0, token.size() - 8) + "00000000"), ErrorCode::kBadToken);
  EXPECT_EQ(Watch("k", "9" + token), ErrorCode::kBadToken);  // the future
  EXPECT_EQ(Watch("k", token), kFine);
}

TEST_F(DeliveryTest, ATermThatIsNotKnownGivesASnapshot) {
  Write("a", "1");
  EXPECT_EQ(Watch("a*", "0"), kFine);
  TakeAll();
  executor_.delivery().history().Begin(5, {0}, {});
  EXPECT_EQ(Watch("a*", "0"), kFine);
  TakeAll();
  executor_.delivery().history().Begin(5, {9}, {});
  EXPECT_EQ(Watch("a*", token_), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started a* snapshot", "set a 1 0", "ready a*"}));
}

TEST_F(DeliveryTest, ATokenOfALostTailIsAnsweredRewindAndASnapshot) {
  Write("a", "1");
  executor_.delivery().history().Begin(5, {3}, {});
  EXPECT_EQ(Watch("a*", "0"), kFine);
  TakeAll();
  executor_.delivery().history().Begin(5, {4}, {{{3}, {1}}});
  EXPECT_EQ(Watch("a*", token_), kFine);
  const Lines lines = TakeAll();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].starts_with("started a* rewind 4.1.")) << lines[0];
}

TEST_F(DeliveryTest, RightsThatChangeBeforeARewindIsToldDoNotHideIt) {
  Write("a", "1");
  executor_.delivery().history().Begin(5, {3}, {});
  EXPECT_EQ(Watch("a*", "0"), kFine);
  TakeAll();
  executor_.delivery().history().Begin(5, {4}, {{{3}, {1}}});
  EXPECT_EQ(Watch("a*", token_), kFine);
  EXPECT_EQ(Run(JoinAdmin(), ask::SetPermissions("all", "r a*")), kFine);
  const Lines lines = TakeAll();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].starts_with("started a* rewind 4.1.")) << lines[0];
}

TEST_F(DeliveryTest, AWatchShowsWhatItsUserMayReadAlone) {
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Run(admin, ask::Named(Verb::kCreateUser, "ann", "secret")), kFine);
  EXPECT_EQ(Run(admin, ask::SetPermissions("ann", "rw a/*")), kFine);
  EndTurn();
  EXPECT_EQ(Run(watcher_, ask::UseDb("db", "secret", "ann")), kFine);
  Write("a/1", "1");
  Write("b", "2");
  EXPECT_EQ(Watch("*", "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started * snapshot", "set a/1 1 0", "ready *"}));
  Write("b", "3");
  Write("a/1", "4");
  EXPECT_EQ(TakeAll(), Lines{"set a/1 4 1"});
  // A right that is lost, one that is won: what is not named may not be seen any more.
  EXPECT_EQ(Run(admin, ask::SetPermissions("ann", "r b*")), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started * rights", "set b 3 1", "ready *"}));
  Write("a/1", "5");
  EXPECT_EQ(TakeAll(), Lines{});
}

TEST_F(DeliveryTest, RightsThatChangedWhileAWatcherWasAwayCountWhenItGoesOn) {
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Run(admin, ask::Named(Verb::kCreateUser, "ann", "secret")), kFine);
  EXPECT_EQ(Run(admin, ask::SetPermissions("ann", "r a*")), kFine);
  EndTurn();
  EXPECT_EQ(Run(watcher_, ask::UseDb("db", "secret", "ann")), kFine);
  Write("a", "1");
  Write("b", "1");
  EXPECT_EQ(Watch("*", "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started * snapshot", "set a 1 0", "ready *"}));
  EXPECT_EQ(Run(watcher_, ask::Unwatch("*")), kFine);
  EXPECT_EQ(Run(admin, ask::SetPermissions("ann", "r b*")), kFine);
  EndTurn();
  Take(watcher_);
  EXPECT_EQ(Watch("*", token_), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started * rights", "set b 1 0", "ready *"}));
  EXPECT_EQ(Watch("*", token_), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started * current", "ready *"}));
}

TEST_F(DeliveryTest, ATokenForAllWatchesComesWhenNoneIsBehind) {
  Write("a", "1");
  Write("k", "1");
  EXPECT_EQ(Watch("a*", "0"), kFine);
  EXPECT_EQ(Watch("k", "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started a* snapshot", "set a 1 0", "ready a*", "ready "}));
  executor_.MarkLagging(watcher_);
  Write("a", "2");
  Write("k", "2");
  EXPECT_TRUE(Drain(watcher_));
  EXPECT_FALSE(Drain(watcher_));
  EXPECT_EQ(TakeAll(), (Lines{"started  delta", "set k 2 1", "started a* delta", "set a 2 1",
                              "ready a*", "ready "}));
}

TEST_F(DeliveryTest, WhoWatchesNothingAnyMoreIsGivenNoTokens) {
  EXPECT_EQ(Watch("a*", "0"), kFine);
  TakeAll();
  EXPECT_EQ(Run(watcher_, ask::Plain(Verb::kUnwatchAll)), kFine);
  Write("b", "1");
  Take(watcher_);
  SetTime(2 * kProgressIntervalUs);
  Tick();
  EXPECT_EQ(TakeAll(), Lines{});
}

TEST_F(DeliveryTest, SecureKeysAreForAdminsAlone) {
  EXPECT_EQ(Watch("$$*", "0"), ErrorCode::kSecureKey);
  EXPECT_EQ(Watch("*", "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started * snapshot", "set $connections 2 1", "ready *"}));
  EXPECT_EQ(Run(watcher_, ask::Unwatch("*")), kFine);
  EXPECT_EQ(Run(watcher_, ask::Named(Verb::kAuth, "admin", "pwd")), kFine);
  EXPECT_EQ(Watch("$$*", "0"), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"started $$* snapshot", "set $$token token 0", "ready $$*"}));
}

TEST_F(DeliveryTest, ADroppedDatabaseEndsItsWatches) {
  EXPECT_EQ(Watch("a*"), kFine);
  EXPECT_EQ(Run(ConnectAdmin(), ask::Named(Verb::kDropDb, "db")), kFine);
  EXPECT_EQ(TakeAll(), Lines{"started a* dropped"});
}

TEST_F(DeliveryTest, AChangeThatSeveralWatchesOfASessionWantIsToldOnce) {
  EXPECT_EQ(Watch("*"), kFine);
  EXPECT_EQ(Watch("a*"), kFine);
  EXPECT_EQ(Watch("a"), kFine);
  Write("a", "1");
  EXPECT_EQ(Take(watcher_), Lines{"set a 1 0"});
  EXPECT_EQ(Run(watcher_, ask::Unwatch("a*")), kFine);
  EXPECT_EQ(Run(watcher_, ask::Plain(Verb::kUnwatchAll)), kFine);
  Take(watcher_);
  Write("a", "2");
  EXPECT_EQ(Take(watcher_), Lines{});
}

TEST_F(DeliveryTest, WatchesOfOneThatIsGoneEndInSlicesAndHearNothing) {
  for (const std::size_t more : {std::size_t{0}, std::size_t{1}}) {
    const SessionId leaves = Join();
    for (std::size_t i = 0; i < kWatchesEndedPerTurn + more; ++i) {
      const std::string key = "k" + std::to_string(i / 2) + (i % 2 == 0 ? "" : "/*");
      Command watch = ask::Watch(key);
      watch.policy = i % 3 == 0 ? WatchPolicy::kAll : WatchPolicy::kLatest;
      ASSERT_EQ(Run(leaves, watch), kFine);
    }
    EndTurn();
    Take(leaves);
    Disconnect(leaves);
    EXPECT_EQ(executor_.leaving().has_work(), more > 0);
    for (std::size_t i = 0; i <= kWatchesEndedPerTurn / 2; ++i) {
      Write("k" + std::to_string(i), "1");
      Write("k" + std::to_string(i) + "/a", "1");
    }
    EXPECT_EQ(executor_.store().Find("db")->watches().empty(), more == 0);
    EndTurn();
    EXPECT_FALSE(executor_.leaving().has_work());
    EXPECT_TRUE(executor_.store().Find("db")->watches().empty());
    EXPECT_EQ(Take(leaves), Lines{});
  }
}

TEST_F(DeliveryTest, SoManyWatchesAreLeavingAndThoseOfOneMoreConnectionGoAtOnce) {
  // What a turn ends goes at once, too.
  constexpr std::size_t kEach = kLeavingWatchesMax / 2;
  std::vector<SessionId> leaving;
  for (const std::size_t count : {kWatchesEndedPerTurn, kEach, kEach, std::size_t{1}}) {
    leaving.push_back(Join());
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(Run(leaving.back(), ask::Watch("k" + std::to_string(i))), kFine);
    }
    Take(leaving.back());
  }
  Database& database = *executor_.store().Find("db");
  const auto watchers = [&database] {
    return database.watches().Find("k0", database.Hash("k0"))->watchers().size();
  };
  EXPECT_EQ(watchers(), 4U);
  for (const SessionId session : {leaving[0], leaving[1], leaving[2]}) {
    Disconnect(session);
  }
  EXPECT_EQ(watchers(), 3U);
  Disconnect(leaving[3]);
  EXPECT_EQ(watchers(), 2U);
  do {
    EndTurn();
  } while (executor_.leaving().has_work());
  EXPECT_TRUE(database.watches().empty());
}

TEST_F(DeliveryTest, ADroppedDatabaseTakesWatchesThatAreLeavingWithIt) {
  const SessionId leaves = Join();
  for (std::size_t i = 0; i <= kWatchesEndedPerTurn; ++i) {
    ASSERT_EQ(Run(leaves, ask::Watch("k" + std::to_string(i))), kFine);
  }
  Take(leaves);
  Disconnect(leaves);
  EXPECT_TRUE(executor_.leaving().has_work());
  EXPECT_EQ(Run(ConnectAdmin(), ask::Named(Verb::kDropDb, "db")), kFine);
  EXPECT_FALSE(executor_.leaving().has_work());
  EXPECT_EQ(TakeAll(), Lines{});
  EXPECT_EQ(Take(leaves), Lines{});
}

TEST_F(DeliveryTest, PatternsCountAsWatches) {
  for (std::size_t i = 0; i < kWatchesPerSessionMax; ++i) {
    ASSERT_EQ(Watch(std::to_string(i) + (i % 2 == 0 ? "*" : "")), kFine);
  }
  EXPECT_EQ(Watch("a*"), ErrorCode::kTooManyWatches);
  EXPECT_EQ(Watch("a"), ErrorCode::kTooManyWatches);
  EXPECT_EQ(Watch("0*"), kFine) << "which is there already";
}

TEST_F(DeliveryTest, ALongListingIsToldInSlicesAndMeetsWhatChangesMeanwhile) {
  for (std::size_t i = 0; i < 1'000; ++i) {
    Write("a/" + std::to_string(i), "1");
  }
  Write("b/1", "1");
  Write("b/2", "1");
  EXPECT_EQ(Watch("*", "0"), kFine);
  EndTurn();
  EXPECT_TRUE(executor_.delivery().has_work());
  static_assert(kCatchUpEntriesPerTurn == 1'000);
  // `started`, and all that were looked at but $$token.
  EXPECT_EQ(Take(watcher_).size(), kCatchUpEntriesPerTurn);
  Write("a/0", "2");                                   // has been listed
  Write("b/1", "2");                                   // is yet to be
  EXPECT_EQ(Run(writer_, ask::Remove("b/2")), kFine);  // and will not be there
  EXPECT_EQ(TakeAll(),
            (Lines{"set a/0 2 1", "set a/998 1 0", "set a/999 1 0", "set b/1 2 1", "ready *"}));
}

TEST_F(DeliveryTest, WatchesThatFindNothingTakeTheirPartOfATurnToo) {
  for (const std::size_t more : {std::size_t{0}, std::size_t{1}}) {
    for (std::size_t i = 0; i < kCatchUpEntriesPerTurn + more; ++i) {
      ASSERT_EQ(Watch("none/" + std::to_string(i) + "/*", "0"), kFine);
    }
    EndTurn();
    EXPECT_EQ(Take(watcher_).size(), 2 * kCatchUpEntriesPerTurn) << "`started` and `ready`";
    EXPECT_EQ(executor_.delivery().has_work(), more > 0);
    EXPECT_EQ(TakeAll().size(), 2 * more);
  }
}

// A turn looks at no more than kCatchUpEntriesPerTurn entries, so turns say how many were.
TEST_F(DeliveryTest, PatternsThatGoOnTogetherLookAtWhatHasChangedOnce) {
  constexpr std::size_t kPatterns = 2'000;
  constexpr std::size_t kChanges = 5'000;
  EXPECT_EQ(Watch("*", "0"), kFine);
  TakeAll();
  const std::string token = token_;
  EXPECT_EQ(Run(watcher_, ask::Unwatch("*")), kFine);
  for (std::size_t i = 0; i < kChanges; ++i) {
    Write("other/" + std::to_string(i), "1");
  }
  Write("p7/k", "1");
  Take(watcher_);
  for (std::size_t i = 0; i < kPatterns; ++i) {
    ASSERT_EQ(Watch("p" + std::to_string(i) + "/*", token), kFine);
  }
  std::size_t turns = 0;
  Lines lines;
  do {
    EndTurn();
    ++turns;
    const Lines more = Take(watcher_);
    lines.insert(lines.end(), more.begin(), more.end());
  } while (executor_.delivery().has_work());
  // Each begins and ends, and the changes are gone through twice: back and forth.
  EXPECT_LE(turns * kCatchUpEntriesPerTurn, 2 * (kPatterns + kChanges) + kCatchUpEntriesPerTurn);
  EXPECT_EQ(lines.size(), 2 * kPatterns + 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "set p7/k 1 0"), 1);
  Write("p7/k", "2");
  EXPECT_EQ(Take(watcher_), Lines{"set p7/k 2 1"});
}

TEST_F(DeliveryTest, OneThatLeavesTheOthersGoesOnFromWhereTheyWere) {
  EXPECT_EQ(Watch("*", "0"), kFine);
  TakeAll();
  const std::string token = token_;
  EXPECT_EQ(Run(watcher_, ask::Unwatch("*")), kFine);
  const SessionId other = Join();
  for (std::size_t i = 0; i < kCatchUpEntriesPerTurn; ++i) {
    Write("a/" + std::to_string(i), "1");
    Write("b/" + std::to_string(i), "1");
  }
  Take(watcher_);
  Command watch = ask::Watch("b/*");
  watch.since = token;
  EXPECT_EQ(Watch("a/*", token), kFine);
  EXPECT_EQ(Run(other, watch), kFine);
  Lines told;
  while (told.size() < 5) {
    EndTurn();
    told = Take(watcher_);
  }
  executor_.MarkLagging(watcher_);
  Write("a/0", "2");
  do {
    EndTurn();
  } while (executor_.delivery().has_work());
  // The other one has been told everything meanwhile.
  EXPECT_EQ(Take(other).size(), kCatchUpEntriesPerTurn + 3);
  EXPECT_EQ(Take(watcher_), Lines{});
  EXPECT_FALSE(Drain(watcher_));
  const Lines rest = TakeAll();
  told.insert(told.end(), rest.begin(), rest.end());
  EXPECT_EQ(told.size(), kCatchUpEntriesPerTurn + 2 + (told[1] == "set a/0 1 0" ? 1 : 0));
  EXPECT_EQ(told[told.size() - 2], "set a/0 2 1");
  EXPECT_EQ(told.back(), "ready a/*");
}

TEST_F(DeliveryTest, OneThatLagsIsToldOnceWhatChangedMeanwhile) {
  EXPECT_EQ(Watch("a*"), kFine);
  executor_.MarkLagging(watcher_);
  Write("a1", "1");
  Write("a2", "1");
  Write("a1", "2");
  EXPECT_EQ(TakeAll(), Lines{});
  EXPECT_FALSE(Drain(watcher_));
  EXPECT_EQ(TakeAll(), (Lines{"set a2 1 0", "set a1 2 1"}));
  Write("a1", "3");
  EXPECT_EQ(Take(watcher_), Lines{"set a1 3 2"});
}

TEST_F(DeliveryTest, WhatKeysOfOneThatLaggedWereToldIsClosedWithoutAnythingElseHappening) {
  EXPECT_EQ(Run(watcher_, ask::Watch("k")), kFine);
  EXPECT_EQ(Watch("other*", "0"), kFine);
  TakeAll();
  executor_.MarkLagging(watcher_);
  Write("k", "1");
  EXPECT_TRUE(Drain(watcher_));
  EXPECT_FALSE(Drain(watcher_));
  EXPECT_TRUE(executor_.delivery().has_work());
  EXPECT_EQ(TakeAll(), (Lines{"started  delta", "set k 1 0", "ready "}));
}

TEST_F(DeliveryTest, AnIdleWatchIsGivenNewerTokens) {
  EXPECT_EQ(Watch("a*", "0"), kFine);
  TakeAll();
  Write("b", "1");
  SetTime(2 * kProgressIntervalUs);
  Tick();
  EXPECT_EQ(TakeAll(), Lines{"ready "});
  const std::string token = token_;
  SetTime(4 * kProgressIntervalUs);
  Tick();
  EXPECT_EQ(TakeAll(), Lines{}) << "nothing is newer";
  Write("b", "2");
  SetTime(5 * kProgressIntervalUs - 1);
  Tick();
  EXPECT_EQ(TakeAll(), Lines{}) << "not yet";
  SetTime(5 * kProgressIntervalUs);
  Tick();
  EXPECT_EQ(TakeAll(), Lines{"ready "});
  EXPECT_NE(token_, token);
}

}  // namespace
}  // namespace nunc
