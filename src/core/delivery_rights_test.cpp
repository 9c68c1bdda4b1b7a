#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/delivery_fixture.h"

namespace nunc {
namespace {

// A right that is lost while a single key is watched, and one that is won again.
class RightsTest : public DeliveryTest {
 protected:
  RightsTest() {
    admin_ = JoinAdmin();
    for (const std::string_view user : {"ann", "bob"}) {
      EXPECT_EQ(Run(admin_, {.verb = Verb::kCreateUser, .name = user, .secret = "t"}), kFine);
    }
    SetRights("ann", "r *");
    SetRights("bob", "r b*");
    Become("ann");
  }
  void SetRights(std::string_view user, std::string_view list) {
    EXPECT_EQ(Run(admin_, ask::SetPermissions(user, list)), kFine);
  }
  void Become(std::string_view user) {
    EXPECT_EQ(Run(watcher_, ask::UseDb("db", "t", user)), kFine);
    Take(watcher_);
  }

  SessionId admin_;
};

TEST_F(RightsTest, AKeyThatMayNoLongerBeReadIsNotToldAndTheWatchHearsWhy) {
  Write("k", "1");
  Write("j", "1");
  EXPECT_EQ(Watch("k", "0"), kFine);
  EXPECT_EQ(Watch("j", "0"), kFine);
  TakeAll();
  SetRights("ann", "r j");
  Write("k", "2");
  Write("j", "2");
  EXPECT_EQ(TakeAll(), (Lines{"set j 2 1", "started k rights", "ready k"}));
  Write("k", "3");
  EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
  EXPECT_EQ(TakeAll(), Lines{});
  Write("k", "4");
  SetRights("ann", "r k");
  EXPECT_EQ(TakeAll(),
            (Lines{"started j rights", "ready j", "started k rights", "set k 4 0", "ready k"}));
  Write("k", "5");
  Write("j", "3");
  EXPECT_EQ(TakeAll(), Lines{"set k 5 1"});
}

TEST_F(RightsTest, SoIsOneThatLagsAndWasMarked) {
  Write("k", "1");
  EXPECT_EQ(Watch("k", "0"), kFine);
  TakeAll();
  executor_.MarkLagging(watcher_);
  Write("k", "2");
  SetRights("ann", "r j");
  EXPECT_FALSE(Drain(watcher_));
  EXPECT_EQ(TakeAll(), (Lines{"started k rights", "ready k"}));
}

TEST_F(RightsTest, WhoWasGivenNoTokenIsToldItInNunc1) {
  watcher_ = JoinKnowing();
  EXPECT_EQ(Watch("k"), kFine);
  SetRights("all", "w *");
  EXPECT_EQ(TakeAll(), (Lines{"started k rights", "ready k"}));
  Write("k", "1");
  EXPECT_EQ(TakeAll(), Lines{});
  SetRights("all", "rw *");
  EXPECT_EQ(TakeAll(), (Lines{"started k rights", "set k 1 0", "ready k"}));
}

TEST_F(RightsTest, AnExistingClientIsToldNothingOfItButNeitherTheValue) {
  EXPECT_EQ(Watch("k"), kFine);
  Write("k", "1");
  EXPECT_EQ(TakeAll(), Lines{"set k 1 0"});
  SetRights("ann", "r j");
  Write("k", "2");
  EXPECT_EQ(TakeAll(), Lines{});
  SetRights("ann", "r k");
  EXPECT_EQ(TakeAll(), Lines{"set k 2 1"});
  Write("k", "3");
  EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"set k 3 2", "removed k"}));
  EXPECT_EQ(Run(ConnectAdmin(), ask::Named(Verb::kDropDb, "db")), kFine);
  EXPECT_EQ(TakeAll(), Lines{"removed k"});
}

TEST_F(RightsTest, AnotherUserOfTheConnectionIsToldWhatItMayRead) {
  EXPECT_EQ(Watch("k", "0"), kFine);
  EXPECT_EQ(Watch("b", "0"), kFine);
  TakeAll();
  Become("bob");
  Write("k", "1");
  Write("b", "1");
  EXPECT_EQ(TakeAll(), (Lines{"set b 1 0", "started k rights", "ready k"}));
}

TEST_F(RightsTest, OneThatIsUnwatchedOrWatchedAgainIsThatOnce) {
  EXPECT_EQ(Watch("k"), kFine);
  SetRights("ann", "r j");
  EXPECT_EQ(Watch("k"), ErrorCode::kPermissionDenied);
  SetRights("ann", "r *");
  EXPECT_EQ(Watch("k"), kFine);
  Write("k", "1");
  EXPECT_EQ(TakeAll(), Lines{"set k 1 0"});
  SetRights("ann", "r j");
  EXPECT_EQ(Run(watcher_, ask::Unwatch("k")), kFine);
  SetRights("ann", "r *");
  Write("k", "2");
  Take(watcher_);
  EXPECT_EQ(TakeAll(), Lines{});
}

TEST_F(RightsTest, RightsThatChangedWhileAWatchOfAKeyWasAwayCountWhenItGoesOn) {
  Write("k", "1");
  EXPECT_EQ(Watch("k", "0"), kFine);
  TakeAll();
  SetRights("ann", "r j");
  EXPECT_EQ(TakeAll(), (Lines{"started k rights", "ready k"}));
  SetRights("ann", "r *");
  Command watch = ask::Watch("k");
  watch.since = token_;
  EXPECT_EQ(Run(watcher_, watch), kFine);
  EXPECT_EQ(TakeAll(), (Lines{"ok", "started k rights", "set k 1 0", "ready "}));
}

TEST_F(RightsTest, AnArbiterNeedsNone) {
  EXPECT_EQ(Run(watcher_, ask::Plain(Verb::kArbiter)), kFine);
  Take(watcher_);
  SetRights("ann", "w *");
  EXPECT_EQ(TakeAll(), Lines{});
  const WatchedKey* arbiters = executor_.store().Find("db")->watches().Find(
      kConflictsKey, executor_.store().Find("db")->Hash(kConflictsKey));
  ASSERT_NE(arbiters, nullptr);
  EXPECT_EQ(arbiters->watchers().size(), 1U);
}

TEST_F(RightsTest, WithheldKeysCountAsWatches) {
  for (std::size_t i = 0; i < kWatchesPerSessionMax; ++i) {
    ASSERT_EQ(Watch(std::to_string(i)), kFine);
  }
  SetRights("ann", "r j");
  SetRights("ann", "r *");
  EXPECT_EQ(Watch("j"), ErrorCode::kTooManyWatches);
  EXPECT_EQ(Run(watcher_, ask::Unwatch("0")), kFine);
  EXPECT_EQ(Watch("j"), kFine);
}

TEST_F(RightsTest, APartIsClosedAlsoForWhoHasNoToken) {
  Write("a", "1");
  EXPECT_EQ(Watch("a*"), kFine);
  SetRights("ann", "r a");
  EXPECT_EQ(TakeAll(), (Lines{"started a* rights", "set a 1 0", "ready a*"}));
}

}  // namespace
}  // namespace nunc
