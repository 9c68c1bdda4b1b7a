#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

TEST_F(ExecutorTest, UnderNewerAnOlderVersionWins) {
  MakeDatabase("db", Strategy::kNewer);
  const SessionId client = Join();
  EXPECT_EQ(Run(client, ask::SetSafe("k", 8, "v")), kFine);
  EXPECT_EQ(Run(client, ask::Watch("k")), kFine);
  Take(client);
  EXPECT_EQ(Run(client, ask::SetSafe("k", 2, "w")), kFine);
  EXPECT_EQ(Take(client), (Lines{"set k w 10", "ok"}));
}

TEST_F(ExecutorTest, UnderNewerTheLastVersionIsTheLimitToo) {
  MakeDatabase("db", Strategy::kNewer);
  const SessionId client = Join();
  const std::int64_t last = std::numeric_limits<std::uint32_t>::max();
  EXPECT_EQ(Run(client, ask::SetSafe("k", last - 1, "v")), kFine);
  EXPECT_EQ(Run(client, ask::SetSafe("k", 2, "w")), ErrorCode::kVersionLimit);
  EXPECT_EQ(Ask(client, ask::Get("k")), "value v");
}

// The wall clock stands still in these tests: the first id is 1'000'000, the next one more.
constexpr std::int64_t kFirst = 1'000'000;

class ExecutorConflictTest : public ExecutorTest {
 protected:
  ExecutorConflictTest() {
    MakeDatabase("db", Strategy::kArbiter);
    writer_ = Join();
    arbiter_ = Join();
  }
  void BecomeArbiter(SessionId id) {
    EXPECT_EQ(Run(id, ask::Plain(Verb::kArbiter)), kFine);
    Take(id);
  }
  // A key at version 3 with one conflict open, or several.
  void MakeConflicts(std::string_view key, std::initializer_list<std::string_view> values) {
    EXPECT_EQ(Run(writer_, ask::SetSafe(key, 2, "old")), kFine);
    for (const std::string_view value : values) {
      EXPECT_EQ(Run(writer_, ask::SetSafe(key, 1, value)), ErrorCode::kConflictUnresolved);
    }
    Take(writer_);
    Take(arbiter_);
  }
  static std::string Name(std::string_view key, std::int64_t id) {
    return ConflictKey(key, {.value = id});
  }

  SessionId writer_;
  SessionId arbiter_;
};

// ---- where the two values of a conflict meet

class ExecutorConflictValuesTest : public ExecutorConflictTest {
 protected:
  // The newer values of the conflicts that the last command told of.
  [[nodiscard]] Lines NewerValues() const {
    Lines values;
    for (const auto& item : output_.items) {
      const Change* change = std::get_if<Change>(&item);
      if (change != nullptr && change->kind == ChangeKind::kConflict) {
        values.emplace_back(change->value.substr(change->newer_at));
      }
    }
    return values;
  }
};

TEST_F(ExecutorConflictValuesTest, IsToldWhenItArisesAndWhenAnArbiterComes) {
  BecomeArbiter(arbiter_);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 2, "old value")), kFine);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "new value")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(NewerValues(), Lines{"new value"});
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "third one")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(NewerValues(), Lines{"third one"});
  const SessionId late = Join();
  EXPECT_EQ(Run(late, ask::Plain(Verb::kArbiter)), kFine);
  EXPECT_EQ(NewerValues(), (Lines{"new value", "third one"}));
  // The first one left is that of the second, whose reference is a name.
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "third")), kFine);
  EXPECT_EQ(Run(late, ask::Plain(Verb::kArbiter)), kFine);
  EXPECT_EQ(NewerValues(), Lines{"third one"});
}

TEST_F(ExecutorConflictValuesTest, EmptyValuesMeetThereToo) {
  BecomeArbiter(arbiter_);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 2, "")), kFine);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(NewerValues(), Lines{""});
  EXPECT_EQ(Run(arbiter_, ask::Plain(Verb::kArbiter)), kFine);
  EXPECT_EQ(NewerValues(), Lines{""});
}

// ---- queue

TEST_F(ExecutorConflictTest, WithoutAnArbiterEverSeenTheWriteIsRefused) {
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 2, "old")), kFine);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "new")), ErrorCode::kNoArbiter);
  EXPECT_EQ(Ask(writer_, ask::GetSafe("k")), "value-version 3 old");
  EXPECT_EQ(Ask(writer_, ask::Keys("$conflicts*")), "keys ");
}

TEST_F(ExecutorConflictTest, AnOlderVersionIsHandedToTheArbiter) {
  BecomeArbiter(arbiter_);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 2, "old")), kFine);
  EXPECT_EQ(Run(writer_, ask::Watch("k")), kFine);
  Take(writer_);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "new value")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(error_text_, "$conflicts_k_1000000");
  EXPECT_EQ(Take(arbiter_), Lines{"$conflicts_k_1000000: resolve 1000000 db 3 k old new value"});
  EXPECT_EQ(Take(writer_), Lines{"error"});  // the key itself has not changed
  EXPECT_EQ(Ask(writer_, ask::GetSafe("k")), "value-version -2 old");
  EXPECT_EQ(Ask(writer_, ask::GetSafe("$conflicts_k_1000000")),
            "value-version 0 resolve 1000000 db 3 k old new value");
}

TEST_F(ExecutorConflictTest, WhileOneIsOpenAPutJoinsTheQueueUnlessItHasACondition) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"one"});
  for (const Command& command : {ask::Put("k", "two", 3), ask::PutNew("k", "two")}) {
    EXPECT_EQ(Run(writer_, command), ErrorCode::kConflictUnresolved);
    EXPECT_EQ(error_text_, Name("k", kFirst));
    EXPECT_EQ(Take(arbiter_), Lines{});
  }
  EXPECT_EQ(Run(writer_, ask::Put("k", "two")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(error_text_, Name("k", kFirst + 1));
  EXPECT_EQ(Take(arbiter_).size(), 1U);
}

TEST_F(ExecutorConflictTest, WhileOneIsOpenEveryWriteJoinsTheQueueBehindTheLast) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"one"});
  EXPECT_EQ(Run(writer_, ask::Set("k", "two")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 50, "three")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(error_text_, Name("k", kFirst + 2));
  EXPECT_EQ(Take(arbiter_),
            (Lines{"$conflicts_k_1000001: resolve 1000001 db 0 k $conflicts_k_1000000 two",
                   "$conflicts_k_1000002: resolve 1000002 db 52 k $conflicts_k_1000001 three"}));
}

// Keys whose names begin alike have queues of their own.
TEST_F(ExecutorConflictTest, ConflictsOfOneKeyAreNotAnothers) {
  BecomeArbiter(arbiter_);
  MakeConflicts("ab", {"x"});
  MakeConflicts("a", {});
  EXPECT_EQ(Run(writer_, ask::SetSafe("a", 1, "new")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(Take(arbiter_), Lines{"$conflicts_a_1000001: resolve 1000001 db 3 a old new"});
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst + 1, "a", 3, "merged")), kFine);
  EXPECT_EQ(Ask(writer_, ask::GetSafe("a")), "value-version 4 merged");
  EXPECT_EQ(Ask(writer_, ask::GetSafe("ab")), "value-version -2 old");
}

TEST_F(ExecutorConflictTest, EveryArbiterIsToldAndAWatcherOfTheQueueEntryToo) {
  BecomeArbiter(arbiter_);
  const SessionId second = Join();
  BecomeArbiter(second);
  MakeConflicts("k", {});
  EXPECT_EQ(Run(writer_, ask::Watch(Name("k", kFirst))), kFine);
  Take(writer_);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "new")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(Take(arbiter_), Lines{"$conflicts_k_1000000: resolve 1000000 db 3 k old new"});
  EXPECT_EQ(Take(second), Lines{"$conflicts_k_1000000: resolve 1000000 db 3 k old new"});
  EXPECT_EQ(Take(writer_),
            (Lines{"set $conflicts_k_1000000 resolve 1000000 db 3 k old new 0", "error"}));
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), kFine);
  EXPECT_EQ(Take(writer_), Lines{"set $conflicts_k_1000000 resolved v 1"});
}

TEST_F(ExecutorConflictTest, IdsRiseAlsoWhenTheClockGoesBack) {
  BecomeArbiter(arbiter_);
  SetTime(5'000);
  MakeConflicts("k", {"a"});
  SetTime(10);
  EXPECT_EQ(Run(writer_, ask::Set("k", "b")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(error_text_, Name("k", 5'000'001));
  SetTime(6'000);
  EXPECT_EQ(Run(writer_, ask::Set("k", "c")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(error_text_, Name("k", 6'000'000));
}

TEST_F(ExecutorConflictTest, TheQueueGoesOnWithoutAConnectedArbiter) {
  BecomeArbiter(arbiter_);
  Disconnect(arbiter_);
  MakeConflicts("k", {"one", "two"});
  const SessionId next = Join();
  EXPECT_EQ(Run(next, ask::Plain(Verb::kArbiter)), kFine);
  EXPECT_EQ(Take(next),
            (Lines{"$conflicts_k_1000000: resolve 1000000 db 3 k old one",
                   "$conflicts_k_1000001: resolve 1000001 db 2 k $conflicts_k_1000000 two", "ok"}));
}

TEST_F(ExecutorConflictTest, ANewArbiterIsToldWhatIsOpenAndTheOthersAreNot) {
  BecomeArbiter(arbiter_);
  MakeConflicts("b", {"x"});
  MakeConflicts("a", {"y"});
  const SessionId next = Join();
  EXPECT_EQ(Run(next, ask::Plain(Verb::kArbiter)), kFine);
  EXPECT_EQ(Take(next), (Lines{"$conflicts_a_1000001: resolve 1000001 db 3 a old y",
                               "$conflicts_b_1000000: resolve 1000000 db 3 b old x", "ok"}));
  EXPECT_EQ(Take(arbiter_), Lines{});
}

TEST_F(ExecutorConflictTest, AKeyAtItsLimitCanBeInConflict) {
  BecomeArbiter(arbiter_);
  const std::string key(kKeyBytesMax, 'k');
  MakeConflicts(key, {"new"});
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, key, 3, "v")), kFine);
  EXPECT_EQ(Ask(writer_, ask::GetSafe(key)), "value-version 4 v");
}

TEST_F(ExecutorConflictTest, AtTheLimitNoMoreConflictsAreQueued) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {});
  for (std::size_t i = 0; i < kOpenConflictsPerDatabaseMax; ++i) {
    ASSERT_EQ(Run(writer_, ask::SetSafe("k", 1, "n")), ErrorCode::kConflictUnresolved);
  }
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "n")), ErrorCode::kTooManyConflicts);
  MakeConflicts("other", {});
  EXPECT_EQ(Run(writer_, ask::SetSafe("other", 1, "n")), ErrorCode::kTooManyConflicts);
  EXPECT_EQ(Ask(writer_, ask::GetSafe("other")), "value-version 3 old");
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), kFine);
  EXPECT_EQ(Run(writer_, ask::SetSafe("other", 1, "n")), ErrorCode::kConflictUnresolved);
}

// A secret must not reach arbiters, and its key not be decided by them.
TEST_F(ExecutorConflictTest, SecureKeysAreNeverHandedToArbiters) {
  const SessionId admin = JoinAdmin();
  BecomeArbiter(arbiter_);
  EXPECT_EQ(Run(admin, ask::SetSafe("$$token", 5, "token")), kFine);
  EXPECT_EQ(Run(admin, ask::SetSafe("$$token", 1, "other")), ErrorCode::kInvalidVersion);
  EXPECT_EQ(Take(arbiter_), Lines{});
  EXPECT_EQ(Ask(admin, ask::GetSafe("$$token")), "value-version 6 token");
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "$$token", 5, "mine")), ErrorCode::kConflictNotOpen);
}

// ---- resolve

TEST_F(ExecutorConflictTest, ADecisionIsStoredAndTold) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"new"});
  EXPECT_EQ(Run(writer_, ask::Watch("k")), kFine);
  EXPECT_EQ(Run(writer_, ask::Watch(Name("k", kFirst))), kFine);
  Take(writer_);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "merged")), kFine);
  EXPECT_EQ(Take(arbiter_), Lines{"ok"});
  EXPECT_EQ(Take(writer_), (Lines{"set $conflicts_k_1000000 resolved merged 1", "set k merged 4"}));
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 4, "next")), kFine);  // ordinary again
}

TEST_F(ExecutorConflictTest, DecisionsAreTakenOldestFirst) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"one", "two"});
  EXPECT_EQ(Run(writer_, ask::Watch("k")), kFine);
  Take(writer_);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst + 1, "k", 2, "late")), ErrorCode::kConflictNotFirst);
  EXPECT_EQ(error_text_, Name("k", kFirst));
  EXPECT_EQ(Take(writer_), Lines{});
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v1")), kFine);
  EXPECT_EQ(Take(writer_), Lines{"set k v1 -2"});  // one is still open
  EXPECT_EQ(Ask(writer_, ask::GetSafe("k")), "value-version -2 v1");
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst + 1, "k", 9, "v2")), kFine);
  EXPECT_EQ(Take(writer_), Lines{"set k v2 10"});
}

TEST_F(ExecutorConflictTest, ADecisionWithoutAVersionGivesZero) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"new"});
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", std::nullopt, "v")), kFine);
  EXPECT_EQ(Ask(writer_, ask::GetSafe("k")), "value-version 0 v");
}

TEST_F(ExecutorConflictTest, ADecisionWithAVersionThatIsNoneIsRefused) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"new"});
  const std::int64_t last = std::numeric_limits<std::uint32_t>::max();
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", -2, "v")), ErrorCode::kNegativeVersion);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", last, "v")), ErrorCode::kVersionLimit);
  EXPECT_EQ(Ask(writer_, ask::GetSafe("k")), "value-version -2 old");
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", last - 1, "v")), kFine);
}

TEST_F(ExecutorConflictTest, OnlyArbitersAndAdminsMayDecide) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"one", "two"});
  EXPECT_EQ(Run(writer_, ask::Resolve(kFirst, "k", 3, "v")), ErrorCode::kNotArbiter);
  EXPECT_EQ(Run(Connect(), ask::Resolve(kFirst, "k", 3, "v")), ErrorCode::kNotArbiter);
  EXPECT_EQ(Ask(writer_, ask::Get("k")), "value old");
  // An admin names the database; nothing needs to be selected.
  const SessionId admin = ConnectAdmin();
  EXPECT_EQ(Run(admin, ask::Resolve(kFirst, "k", 3, "v", "nowhere")), ErrorCode::kUnknownDatabase);
  EXPECT_EQ(Run(admin, ask::Resolve(kFirst, "k", 3, "v")), kFine);
  // An arbiter's own database counts, whatever it names.
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst + 1, "k", 3, "w", "nowhere")), kFine);
  EXPECT_EQ(Ask(writer_, ask::Get("k")), "value w");
}

TEST_F(ExecutorConflictTest, AnArbiterOfOneDatabaseDecidesNothingInAnother) {
  MakeDatabase("other", Strategy::kArbiter);
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"new"});
  const SessionId stranger = Join("other");
  BecomeArbiter(stranger);
  EXPECT_EQ(Run(stranger, ask::Resolve(kFirst, "k", 3, "v")), ErrorCode::kConflictNotOpen);
  EXPECT_EQ(Run(stranger, ask::UseDb("db", "token")), kFine);
  EXPECT_EQ(Run(stranger, ask::Resolve(kFirst, "k", 3, "v")), ErrorCode::kNotArbiter);
}

TEST_F(ExecutorConflictTest, DecidingNeedsTheWritePermission) {
  const SessionId admin = JoinAdmin();
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"new"});
  EXPECT_EQ(Run(admin, ask::SetPermissions("all", "r *")), kFine);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), ErrorCode::kNotArbiter);
  EXPECT_EQ(Run(admin, ask::SetPermissions("all", "w k")), kFine);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), kFine);
}

TEST_F(ExecutorConflictTest, WatchingTheQueueMakesAnArbiterAndUnwatchingEndsIt) {
  EXPECT_EQ(Run(arbiter_, ask::Watch("$conflicts")), kFine);
  MakeConflicts("k", {"one"});
  EXPECT_EQ(Run(arbiter_, ask::Unwatch("$conflicts")), kFine);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), ErrorCode::kNotArbiter);
  EXPECT_EQ(Run(writer_, ask::Set("k", "two")), ErrorCode::kConflictUnresolved);
  Take(arbiter_);
  EXPECT_EQ(Run(arbiter_, ask::Watch("$conflicts")), kFine);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), kFine);
}

TEST_F(ExecutorConflictTest, WhatIsNotOpenCannotBeDecided) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"new"});
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst + 7, "k", 3, "v")), ErrorCode::kConflictNotOpen);
  EXPECT_EQ(error_text_, Name("k", kFirst + 7));
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "other", 3, "v")), ErrorCode::kConflictNotOpen);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), kFine);
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "w")), ErrorCode::kConflictNotOpen);
  EXPECT_EQ(Ask(writer_, ask::Get("k")), "value v");
  EXPECT_EQ(Ask(writer_, ask::Get("other")), "no value");
}

// ---- decided conflicts

TEST_F(ExecutorConflictTest, ADecidedConflictIsReadableUntilAnArbiterRegisters) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"one", "two"});
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), kFine);
  EXPECT_EQ(Ask(writer_, ask::Get(Name("k", kFirst))), "value resolved v");
  EXPECT_EQ(Run(writer_, ask::Watch(Name("k", kFirst))), kFine);
  Take(writer_);
  const SessionId next = Join();
  EXPECT_EQ(Run(next, ask::Plain(Verb::kArbiter)), kFine);
  EXPECT_EQ(Take(next).size(), 2U);  // the open one, and ok
  EXPECT_EQ(Take(writer_), Lines{"removed $conflicts_k_1000000"});
  EXPECT_EQ(Ask(writer_, ask::Keys("$conflicts*")), "keys $conflicts_k_1000001");
}

TEST_F(ExecutorConflictTest, AboveTheLimitTheOldestDecidedConflictIsRemoved) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {});
  EXPECT_EQ(Run(writer_, ask::Watch(Name("k", kFirst))), kFine);
  const auto count = static_cast<std::int64_t>(kClosedConflictsPerDatabaseMax) + 1;
  for (std::int64_t i = 0; i < count; ++i) {
    ASSERT_EQ(Run(writer_, ask::SetSafe("k", 1, "n")), ErrorCode::kConflictUnresolved);
  }
  for (std::int64_t i = 0; i + 1 < count; ++i) {
    ASSERT_EQ(Run(arbiter_, ask::Resolve(kFirst + i, "k", 3, "v")), kFine);
  }
  EXPECT_EQ(Ask(writer_, ask::Get(Name("k", kFirst))), "value resolved v");
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst + count - 1, "k", 3, "v")), kFine);
  EXPECT_EQ(Take(writer_), Lines{"removed $conflicts_k_1000000"});
  EXPECT_EQ(Ask(writer_, ask::Get(Name("k", kFirst))), "no value");
  EXPECT_EQ(Ask(writer_, ask::Get(Name("k", kFirst + 1))), "value resolved v");
}

// ---- other commands on a key in conflict

TEST_F(ExecutorConflictTest, RemovingTheKeyEndsItsConflicts) {
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"one", "two"});
  EXPECT_EQ(Run(writer_, ask::Watch(Name("k", kFirst))), kFine);
  EXPECT_EQ(Run(writer_, ask::Watch("k")), kFine);
  Take(writer_);
  EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
  EXPECT_EQ(Take(writer_), (Lines{"removed $conflicts_k_1000000", "removed k", "ok"}));
  EXPECT_EQ(Ask(writer_, ask::Keys("$conflicts*")), "keys ");
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), ErrorCode::kConflictNotOpen);
  EXPECT_EQ(Ask(writer_, ask::Get("k")), "no value");
  EXPECT_EQ(Run(writer_, ask::Set("k", "fresh")), kFine);
  EXPECT_EQ(Ask(writer_, ask::GetSafe("k")), "value-version 0 fresh");
}

TEST_F(ExecutorConflictTest, IncrementIsRefusedWhileAConflictIsOpen) {
  BecomeArbiter(arbiter_);
  EXPECT_EQ(Run(writer_, ask::SetSafe("n", 2, "7")), kFine);
  EXPECT_EQ(Run(writer_, ask::SetSafe("n", 1, "8")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(Run(writer_, ask::Increment("n")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(error_text_, Name("n", kFirst));
  EXPECT_EQ(Ask(writer_, ask::Get("n")), "value 7");
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "n", 3, "8")), kFine);
  EXPECT_EQ(Run(writer_, ask::Increment("n")), kFine);
  EXPECT_EQ(Ask(writer_, ask::GetSafe("n")), "value-version 5 9");
}

TEST_F(ExecutorConflictTest, DebugShowsTheTextsOfOpenConflicts) {
  const SessionId admin = JoinAdmin();
  BecomeArbiter(arbiter_);
  MakeConflicts("k", {"one"});
  for (const char* word : {"pending-conflicts", "pendding-conflitcts"}) {
    EXPECT_EQ(Ask(admin, ask::Named(Verb::kDebug, word)),
              "conflicts resolve 1000000 db 3 k old one");
  }
  EXPECT_EQ(Run(arbiter_, ask::Resolve(kFirst, "k", 3, "v")), kFine);
  EXPECT_EQ(Ask(admin, ask::Named(Verb::kDebug, "pending-conflicts")), "conflicts ");
}

// ---- lagging

TEST_F(ExecutorConflictTest, ALaggingArbiterIsToldWhatIsStillOpen) {
  BecomeArbiter(arbiter_);
  const SessionId admin = ConnectAdmin();
  executor_.MarkLagging(arbiter_);
  MakeConflicts("a", {"x"});
  MakeConflicts("b", {"y"});
  EXPECT_EQ(Run(admin, ask::Resolve(kFirst, "a", 3, "v")), kFine);
  EXPECT_EQ(Take(arbiter_), Lines{});
  EXPECT_TRUE(Drain(arbiter_));
  EXPECT_EQ(Take(arbiter_), Lines{"$conflicts_b_1000001: resolve 1000001 db 3 b old y"});
  EXPECT_FALSE(Drain(arbiter_));
  MakeConflicts("c", {});
  EXPECT_EQ(Run(writer_, ask::SetSafe("c", 1, "z")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(Take(arbiter_), Lines{"$conflicts_c_1000002: resolve 1000002 db 3 c old z"});
}

TEST_F(ExecutorConflictTest, ALaggingArbiterWithNothingLeftToDecideIsLiveAgain) {
  BecomeArbiter(arbiter_);
  executor_.MarkLagging(arbiter_);
  MakeConflicts("k", {"new"});
  EXPECT_EQ(Run(ConnectAdmin(), ask::Resolve(kFirst, "k", 3, "v")), kFine);
  EXPECT_FALSE(Drain(arbiter_));
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "z")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(Take(arbiter_), Lines{"$conflicts_k_1000001: resolve 1000001 db 4 k v z"});
}

TEST_F(ExecutorConflictTest, ReplayedConflictsCountAsDrainedBytes) {
  EXPECT_EQ(Run(arbiter_, ask::Watch("after")), kFine);
  BecomeArbiter(arbiter_);
  executor_.MarkLagging(arbiter_);
  const std::string large(std::size_t{300} << 10, 'v');
  MakeConflicts("k", {large});
  EXPECT_EQ(Run(writer_, ask::Set("after", "v")), kFine);
  EXPECT_TRUE(Drain(arbiter_));
  EXPECT_EQ(Take(arbiter_).size(), 1U);
  EXPECT_TRUE(Drain(arbiter_));
  EXPECT_EQ(Take(arbiter_), Lines{"set after v 0"});
}

// Random writes and decisions: nothing that was queued is lost, and the marks agree with the queue.
TEST_F(ExecutorConflictTest, EveryQueuedWriteIsDecidedOnceAndInOrder) {
  const SessionId admin = JoinAdmin();
  BecomeArbiter(arbiter_);
  std::mt19937_64 random(20'007);
  std::map<std::string, std::vector<std::int64_t>> open;
  std::int64_t next_id = kFirst;
  for (int step = 0; step < 20'000; ++step) {
    const std::string key =
        std::string(random() % 6 == 0 ? "$$user_" : "") + "k" + std::to_string(random() % 4);
    std::vector<std::int64_t>& queue = open[key];
    const std::uint64_t choice = random() % 10;
    if (choice < 5) {
      const Status status =
          Run(admin, ask::SetSafe(key, static_cast<std::int64_t>(random() % 4), "w"));
      if (status == ErrorCode::kConflictUnresolved) {
        ASSERT_FALSE(key.starts_with("$$"));
        ASSERT_EQ(error_text_, Name(key, next_id));
        queue.push_back(next_id++);
      } else {
        ASSERT_TRUE(queue.empty()) << "a write passed the queue";
      }
    } else if (choice < 8) {
      const std::int64_t id = queue.empty() ? kFirst : queue[random() % queue.size()];
      const Status status =
          Run(arbiter_, ask::Resolve(id, key, static_cast<std::int64_t>(random() % 4), "v"));
      const bool first = !queue.empty() && id == queue.front();
      ASSERT_EQ(status == kFine, first);
      if (first) {
        queue.erase(queue.begin());
      }
    } else if (choice == 8) {
      ASSERT_EQ(Run(admin, ask::Named(Verb::kCreateUser, "k1", "token")), kFine);
    } else if (random() % 8 == 0) {
      ASSERT_EQ(Run(admin, ask::Remove(key)), kFine);
      queue.clear();
    }
    const bool marked = Ask(admin, ask::GetSafe(key)).starts_with("value-version -2 ");
    ASSERT_EQ(marked, !queue.empty()) << key << " step " << step;
    Take(arbiter_);
  }
  EXPECT_GT(next_id, kFirst + 1'000);
}

}  // namespace
}  // namespace nunc
