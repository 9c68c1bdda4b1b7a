#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

class ExecutorWatchTest : public ExecutorTest {
 protected:
  ExecutorWatchTest() {
    MakeDatabase("db");
    writer_ = Join();
    watcher_ = Join();
    EndTurn();
  }
  void Watch(SessionId id, std::string_view key) {
    EXPECT_EQ(Run(id, ask::Watch(key)), kFine);
    EXPECT_EQ(Take(id), Lines{"ok"});  // the current value is not sent
  }
  void Write(std::string_view key, std::string_view value) {
    EXPECT_EQ(Run(writer_, ask::Set(key, value)), kFine);
  }

  SessionId writer_;
  SessionId watcher_;
};

// ---- changes

TEST_F(ExecutorWatchTest, EveryKindOfChangeIsTold) {
  Watch(watcher_, "k");
  Write("k", "v");
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 4, "7")), kFine);
  EXPECT_EQ(Run(writer_, ask::Increment("k", 2)), kFine);
  EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
  EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);  // also of a missing key
  EXPECT_EQ(Take(watcher_),
            (Lines{"set k v 0", "set k 7 5", "set k 9 6", "removed k", "removed k"}));
}

TEST_F(ExecutorWatchTest, OnlyTheWatchedKeyIsTold) {
  Watch(watcher_, "k");
  Write("kk", "v");
  Write("K", "v");
  EXPECT_EQ(Take(watcher_), Lines{});
}

TEST_F(ExecutorWatchTest, WhatIsRefusedIsNotTold) {
  Watch(watcher_, "k");
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 5, "x")), kFine);
  Take(watcher_);
  EXPECT_EQ(Run(writer_, ask::SetSafe("k", 1, "old")), ErrorCode::kInvalidVersion);
  EXPECT_EQ(Run(writer_, ask::Increment("k")), ErrorCode::kNotNumeric);
  EXPECT_EQ(Take(watcher_), Lines{});
}

TEST_F(ExecutorWatchTest, TheWritersOwnWatchIsToldBeforeItsStatus) {
  Watch(writer_, "k");
  Write("k", "v");
  EXPECT_EQ(Take(writer_), (Lines{"set k v 0", "ok"}));
  EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
  EXPECT_EQ(Take(writer_), (Lines{"removed k", "ok"}));
}

TEST_F(ExecutorWatchTest, OneChangeGoesToAllItsWatchersAtOnce) {
  const SessionId other = Join();
  Watch(watcher_, "k");
  Watch(other, "k");
  Write("k", "v");
  EXPECT_EQ(output_.items.size(), 2U);  // the change and the status
  EXPECT_EQ(output_.targets.size(), 2U);
  EXPECT_EQ(Take(watcher_), Lines{"set k v 0"});
  EXPECT_EQ(Take(other), Lines{"set k v 0"});
}

TEST_F(ExecutorWatchTest, AKeyWatchedTwiceIsToldOnce) {
  Watch(watcher_, "k");
  Watch(watcher_, "k");
  Write("k", "v");
  EXPECT_EQ(Take(watcher_), Lines{"set k v 0"});
  EXPECT_EQ(Run(watcher_, ask::Unwatch("k")), kFine);
  EXPECT_EQ(Run(watcher_, ask::Unwatch("k")), kFine);
  Take(watcher_);
  Write("k", "v");
  EXPECT_EQ(Take(watcher_), Lines{});
}

TEST_F(ExecutorWatchTest, UnwatchAllEndsTheWatchesOfTheSelectedDatabase) {
  MakeDatabase("other");
  Watch(watcher_, "a");
  Watch(watcher_, "b");
  EXPECT_EQ(Run(watcher_, ask::UseDb("other", "token")), kFine);
  EXPECT_EQ(Run(watcher_, ask::Plain(Verb::kUnwatchAll)), kFine);
  Take(watcher_);
  Write("a", "v");
  EXPECT_EQ(Take(watcher_), Lines{"set a v 0"});  // a watch outlives the selection
  EXPECT_EQ(Run(watcher_, ask::UseDb("db", "token")), kFine);
  EXPECT_EQ(Run(watcher_, ask::Plain(Verb::kUnwatchAll)), kFine);
  Take(watcher_);
  Write("a", "v");
  Write("b", "v");
  EXPECT_EQ(Take(watcher_), Lines{});
}

TEST_F(ExecutorWatchTest, TheSameKeyOfAnotherDatabaseIsNotTold) {
  MakeDatabase("other");
  const SessionId elsewhere = Join("other");
  Watch(watcher_, "k");
  EXPECT_EQ(Run(elsewhere, ask::Set("k", "v")), kFine);
  EXPECT_EQ(Take(watcher_), Lines{});
}

TEST_F(ExecutorWatchTest, AClosedSessionIsToldNoMoreInAnyDatabase) {
  MakeDatabase("other");
  Watch(watcher_, "k");
  EXPECT_EQ(Run(watcher_, ask::UseDb("other", "token")), kFine);
  Take(watcher_);
  Watch(watcher_, "k");
  Disconnect(watcher_);
  Write("k", "v");
  EXPECT_TRUE(output_.targets.empty());
  EXPECT_EQ(Run(Join("other"), ask::Set("k", "v")), kFine);
  EXPECT_TRUE(output_.targets.empty());
}

TEST_F(ExecutorWatchTest, UsersAndPermissionsAreToldLikeOtherKeys) {
  const SessionId admin = JoinAdmin();
  Watch(admin, "$$user_ada");
  Watch(admin, "$$permission_$ada");
  EXPECT_EQ(Run(admin, ask::Named(Verb::kCreateUser, "ada", "one")), kFine);
  EXPECT_EQ(Run(admin, ask::Named(Verb::kCreateUser, "ada", "two")), kFine);
  EXPECT_EQ(Run(admin, ask::SetPermissions("ada", "r a|w b")), kFine);
  EXPECT_EQ(Take(admin), (Lines{"set $$user_ada one 0", "ok", "set $$user_ada two 1", "ok",
                                "set $$permission_$ada r a|w b 0", "ok"}));
}

TEST_F(ExecutorWatchTest, AtTheLimitASessionWatchesNoMore) {
  for (std::size_t i = 0; i < kWatchesPerSessionMax; ++i) {
    ASSERT_EQ(Run(watcher_, ask::Watch(std::to_string(i))), kFine);
  }
  EXPECT_EQ(Run(watcher_, ask::Watch("new")), ErrorCode::kTooManyWatches);
  EXPECT_EQ(Run(watcher_, ask::Plain(Verb::kArbiter)), ErrorCode::kTooManyWatches);
  EXPECT_EQ(Run(watcher_, ask::Watch("0")), kFine);
  EXPECT_EQ(Run(watcher_, ask::Unwatch("0")), kFine);
  EXPECT_EQ(Run(watcher_, ask::Watch("new")), kFine);
}

// ---- $connections

TEST_F(ExecutorWatchTest, ConnectionsCountsWhoHasTheDatabaseSelected) {
  EXPECT_EQ(Ask(writer_, ask::Get("$connections")), "value 2");
  const SessionId other = Join();
  EXPECT_EQ(Ask(writer_, ask::Get("$connections")), "value 3");
  Disconnect(other);
  Disconnect(watcher_);
  EXPECT_EQ(Ask(writer_, ask::Get("$connections")), "value 1");
}

TEST_F(ExecutorWatchTest, ARepeatedOrFailedSelectionCountsNothing) {
  EXPECT_EQ(Run(watcher_, ask::UseDb("db", "token")), kFine);
  EXPECT_EQ(Run(watcher_, ask::UseDb("db", "wrong")), ErrorCode::kInvalidToken);
  EXPECT_EQ(Run(watcher_, ask::UseDb("nowhere", "token")), ErrorCode::kUnknownDatabase);
  EXPECT_EQ(Ask(watcher_, ask::Get("$connections")), "value 2");
}

TEST_F(ExecutorWatchTest, ASwitchTakesTheConnectionWithIt) {
  MakeDatabase("other");
  EXPECT_EQ(Run(watcher_, ask::UseDb("other", "token")), kFine);
  EXPECT_EQ(Ask(writer_, ask::Get("$connections")), "value 1");
  EXPECT_EQ(Ask(watcher_, ask::Get("$connections")), "value 1");
}

TEST_F(ExecutorWatchTest, RequestsDoNotCount) {
  Watch(watcher_, "$connections");
  const SessionId request = Connect(SessionKind::kRequest);
  EXPECT_EQ(Run(request, ask::UseDb("db", "token")), kFine);
  EXPECT_EQ(Ask(request, ask::Get("$connections")), "value 2");
  Disconnect(request);
  EndTurn();
  EXPECT_EQ(Take(watcher_), Lines{});
}

TEST_F(ExecutorWatchTest, TheKeyIsThereAlsoWhenOnlyARequestHasSelected) {
  MakeDatabase("fresh");
  const SessionId request = Connect(SessionKind::kRequest);
  EXPECT_EQ(Run(request, ask::UseDb("fresh", "token")), kFine);
  EXPECT_EQ(Ask(request, ask::Get("$connections")), "value 0");
}

TEST_F(ExecutorWatchTest, TheCountIsToldOncePerTurn) {
  Watch(watcher_, "$connections");
  Join();
  const SessionId other = Join();
  Disconnect(other);
  EXPECT_EQ(Take(watcher_), Lines{});
  EndTurn();
  const Lines told = Take(watcher_);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told.front().starts_with("set $connections 3 ")) << told.front();
  EndTurn();
  EXPECT_EQ(Take(watcher_), Lines{});
}

// ---- lagging

TEST_F(ExecutorWatchTest, ALaggingSessionIsGivenNewestValuesLowestNewestChangeFirst) {
  for (const char* key : {"a", "b", "c"}) {
    Watch(watcher_, key);
  }
  executor_.MarkLagging(watcher_);
  for (const char* key : {"a", "b", "a", "c", "b", "b"}) {
    Write(key, "v");
  }
  EXPECT_TRUE(output_.targets.empty());
  EXPECT_EQ(Take(watcher_), Lines{});
  EXPECT_TRUE(Drain(watcher_));
  EXPECT_EQ(Take(watcher_), (Lines{"set a v 1", "set c v 0", "set b v 2"}));
  EXPECT_FALSE(Drain(watcher_));
}

TEST_F(ExecutorWatchTest, ASessionStaysLaggingUntilADrainFindsNothing) {
  Watch(watcher_, "k");
  executor_.MarkLagging(watcher_);
  Write("k", "1");
  EXPECT_TRUE(Drain(watcher_));
  Write("k", "2");
  EXPECT_EQ(Take(watcher_), Lines{"set k 1 0"});  // not live yet: the second is only marked
  EXPECT_TRUE(Drain(watcher_));
  EXPECT_EQ(Take(watcher_), Lines{"set k 2 1"});
  EXPECT_FALSE(Drain(watcher_));
  Write("k", "3");
  EXPECT_EQ(Take(watcher_), Lines{"set k 3 2"});
}

TEST_F(ExecutorWatchTest, AKeyRemovedMeanwhileIsToldAsRemoved) {
  Watch(watcher_, "k");
  Watch(watcher_, "back");
  Write("k", "1");
  Take(watcher_);
  executor_.MarkLagging(watcher_);
  Write("back", "1");
  EXPECT_EQ(Run(writer_, ask::Remove("back")), kFine);
  EXPECT_EQ(Run(writer_, ask::Remove("k")), kFine);
  Write("back", "2");
  EXPECT_TRUE(Drain(watcher_));
  EXPECT_EQ(Take(watcher_), (Lines{"removed k", "set back 2 0"}));
}

TEST_F(ExecutorWatchTest, OneDrainGivesABoundedNumberOfBytes) {
  const std::string value(std::size_t{100} << 10, 'v');
  const std::vector<std::string> keys = {"a", "b", "c", "d", "e", "f", "g"};
  for (const std::string& key : keys) {
    Watch(watcher_, key);
  }
  executor_.MarkLagging(watcher_);
  for (const std::string& key : keys) {
    Write(key, value);
  }
  std::vector<std::size_t> given;
  while (Drain(watcher_)) {
    given.push_back(Take(watcher_).size());
  }
  EXPECT_EQ(given, (std::vector<std::size_t>{3, 3, 1}));
}

TEST_F(ExecutorWatchTest, RepliesOfALaggingSessionAreNotHeldBack) {
  Watch(watcher_, "k");
  executor_.MarkLagging(watcher_);
  EXPECT_EQ(Run(watcher_, ask::Set("k", "v")), kFine);
  EXPECT_EQ(Run(watcher_, ask::Get("k")), kFine);
  EXPECT_EQ(Take(watcher_), (Lines{"ok", "value v", "ok"}));
  EXPECT_TRUE(Drain(watcher_));
  EXPECT_EQ(Take(watcher_), Lines{"set k v 0"});
}

TEST_F(ExecutorWatchTest, LaggingHoldsForAllDatabasesAlsoThoseWatchedLater) {
  MakeDatabase("other");
  const SessionId elsewhere = Join("other");
  Watch(watcher_, "k");
  executor_.MarkLagging(watcher_);
  EXPECT_EQ(Run(watcher_, ask::UseDb("other", "token")), kFine);
  Take(watcher_);
  Watch(watcher_, "k");
  EXPECT_EQ(Run(elsewhere, ask::Set("k", "there")), kFine);
  Write("k", "here");
  EXPECT_EQ(Take(watcher_), Lines{});
  EXPECT_TRUE(Drain(watcher_));
  EXPECT_EQ(Take(watcher_), (Lines{"set k here 0", "set k there 0"}));
  EXPECT_FALSE(Drain(watcher_));
  EXPECT_EQ(Run(elsewhere, ask::Set("k", "again")), kFine);
  EXPECT_EQ(Take(watcher_), Lines{"set k again 1"});
}

TEST_F(ExecutorWatchTest, OtherWatchersOfTheKeyDoNotWait) {
  const SessionId other = Join();
  Watch(watcher_, "k");
  Watch(other, "k");
  executor_.MarkLagging(watcher_);
  Write("k", "v");
  EXPECT_EQ(Take(other), Lines{"set k v 0"});
  EXPECT_EQ(Take(watcher_), Lines{});
}

TEST_F(ExecutorWatchTest, AnUnwatchedKeyIsNotDrained) {
  Watch(watcher_, "k");
  executor_.MarkLagging(watcher_);
  Write("k", "v");
  EXPECT_EQ(Run(watcher_, ask::Unwatch("k")), kFine);
  EXPECT_FALSE(Drain(watcher_));
}

TEST_F(ExecutorWatchTest, TheCountOfConnectionsIsMarkedLikeAnyKey) {
  Watch(watcher_, "$connections");
  executor_.MarkLagging(watcher_);
  Join();
  EndTurn();
  Join();
  EndTurn();
  EXPECT_EQ(Take(watcher_), Lines{});
  EXPECT_TRUE(Drain(watcher_));
  const Lines told = Take(watcher_);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told.front().starts_with("set $connections 4 ")) << told.front();
}

// Whatever happens in between, each watcher ends at the newest value of what it watches.
class ExecutorConvergenceTest : public ExecutorWatchTest {
 protected:
  static constexpr std::size_t kWatchers = 6;
  static constexpr std::size_t kKeys = 25;

  struct Watcher {
    SessionId id;
    bool lagging = false;
    // Per watched key the newest line it must come to hear; empty: no change since the watch.
    std::map<std::string, std::string> due{};
    std::map<std::string, std::string> heard{};
  };

  ExecutorConvergenceTest() {
    for (std::size_t i = 0; i < kWatchers; ++i) {
      watchers_.push_back({.id = Join()});
    }
    EndTurn();
  }

  void Step(std::mt19937_64& random) {
    Watcher& watcher = watchers_[random() % kWatchers];
    const std::string key = "k" + std::to_string(random() % kKeys);
    switch (random() % 12) {
      case 0:
        EXPECT_EQ(Run(watcher.id, ask::Watch(key)), kFine);
        watcher.due.try_emplace(key);
        break;
      case 1:
        EXPECT_EQ(Run(watcher.id, ask::Unwatch(key)), kFine);
        watcher.due.erase(key);
        watcher.heard.erase(key);
        break;
      case 2:
        executor_.MarkLagging(watcher.id);
        watcher.lagging = true;
        break;
      case 3:
        DrainOnce(watcher);
        break;
      case 4:
        EXPECT_EQ(Run(writer_, ask::Remove(key)), kFine);
        Expect(key, "removed " + key);
        break;
      default: {
        const std::string value = std::to_string(random() % 1'000);
        EXPECT_EQ(Run(writer_, ask::SetSafe(key, static_cast<std::int64_t>(step_), value)), kFine);
        Expect(key, "set " + key + ' ' + value + ' ' + std::to_string(step_ + 1));
      }
    }
    ++step_;
  }

  void Expect(const std::string& key, const std::string& line) {
    for (Watcher& watcher : watchers_) {
      const auto due = watcher.due.find(key);
      const Lines told = Take(watcher.id);
      const Lines changes(std::find_if(told.begin(), told.end(),
                                       [](const std::string& word) { return word != "ok"; }),
                          told.end());
      if (due == watcher.due.end() || watcher.lagging) {
        ASSERT_EQ(changes, Lines{}) << key;
      } else {
        ASSERT_EQ(changes, Lines{line});
        watcher.heard[key] = line;
      }
      if (due != watcher.due.end()) {
        due->second = line;
      }
    }
  }

  void DrainOnce(Watcher& watcher) {
    Take(watcher.id);
    const bool more = Drain(watcher.id);
    for (const std::string& line : Take(watcher.id)) {
      const std::size_t start = line.find(' ') + 1;
      const std::string key = line.substr(start, line.find(' ', start) - start);
      ASSERT_TRUE(watcher.due.contains(key)) << line;
      // A removal may be told again; a value has a version of its own.
      ASSERT_TRUE(line.starts_with("removed") || watcher.heard[key] != line) << line;
      watcher.heard[key] = line;
    }
    watcher.lagging = watcher.lagging && more;
  }

  void Check() {
    for (Watcher& watcher : watchers_) {
      DrainOnce(watcher);
      DrainOnce(watcher);
      ASSERT_FALSE(watcher.lagging);
      for (const auto& [key, line] : watcher.due) {
        ASSERT_EQ(watcher.heard[key], line);
      }
    }
  }

  std::vector<Watcher> watchers_;
  std::uint64_t step_ = 0;
};

TEST_F(ExecutorConvergenceTest, EachWatcherEndsAtTheNewestValue) {
  std::mt19937_64 random(20'006);
  for (int step = 0; step < 20'000; ++step) {
    ASSERT_NO_FATAL_FAILURE(Step(random)) << "step " << step;
    ASSERT_FALSE(HasFailure()) << "step " << step;
    if (step % 500 == 0) {
      ASSERT_NO_FATAL_FAILURE(Check()) << "step " << step;
    }
  }
  ASSERT_NO_FATAL_FAILURE(Check());
}

}  // namespace
}  // namespace nunc
