#include "node/node.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

class NodeTest : public testing::Test {
 protected:
  static constexpr SessionId kSession{.slot = 0, .generation = 1};

  void SetUp() override { node_.Step(SessionOpened{.session = kSession}, output_); }

  const Output& Run(const Command& command) {
    node_.Step(ClientCommand{.session = kSession, .command = &command}, output_);
    return output_;
  }

  Node node_{{.user = "a",
              .password = "b",
              .address = "x:1",
              .start_time_ms = 1,
              .hash_seed = 1,
              .value_bytes_max = 100}};
  Output output_;
};

TEST_F(NodeTest, AStepReplacesWhatTheOneBeforeHasPut) {
  const Command ping{.verb = Verb::kPing};
  EXPECT_EQ(Run(ping).items.size(), 2U);
  EXPECT_EQ(Run(ping).items.size(), 2U);
  node_.Step(TurnEnded{}, output_);
  EXPECT_TRUE(output_.items.empty());
}

TEST_F(NodeTest, EnsuredDatabasesOpenWithTheirTokenAndAreMadeOnce) {
  node_.EnsureDatabase("demo", "token");
  node_.EnsureDatabase("demo", "another");
  const Output& output = Run({.verb = Verb::kUseDb, .name = "demo", .secret = "token"});
  ASSERT_EQ(output.items.size(), 1U);
  EXPECT_EQ(std::get<Reply>(output.items[0]).kind, ReplyKind::kOk);
}

TEST_F(NodeTest, AClosedSessionsCommandsDoNothing) {
  node_.Step(SessionClosed{kSession}, output_);
  EXPECT_TRUE(Run({.verb = Verb::kPing}).items.empty());
}

TEST_F(NodeTest, TheNextUserOfASlotIsNotTheOneBefore) {
  Run({.verb = Verb::kAuth, .name = "a", .secret = "b"});
  node_.Step(SessionClosed{kSession}, output_);
  const SessionId next{.slot = 0, .generation = 2};
  node_.Step(SessionOpened{.session = next}, output_);
  const Command list{.verb = Verb::kListCommands};
  node_.Step(ClientCommand{.session = next, .command = &list}, output_);
  ASSERT_EQ(output_.items.size(), 1U);
  EXPECT_EQ(std::get<Reply>(output_.items[0]).error, ErrorCode::kNotAuth);
}

ExecutorOptions WaitingForTheDisk() {
  return {.user = "a",
          .password = "b",
          .address = "x:1",
          .start_time_ms = 1,
          .hash_seed = 1,
          .value_bytes_max = 100,
          .ack_default = AckLevel::kDisk,
          .has_log = true};
}

// Two writes that wait for the disk, and a sync that has only the first: its reply leaves before
// the second one's, and neither is lost.
TEST(NodeGateTest, WhatIsSyncedLeavesThoughOthersOfItsSessionStillWait) {
  constexpr SessionId kSession{.slot = 0, .generation = 1};
  Node node(WaitingForTheDisk());
  node.BeginTerm({.value = 1}, {});
  Output output;
  const auto step = [&](const Command& command) {
    node.Step(ClientCommand{.session = kSession, .command = &command}, output);
  };
  const auto sync = [&](Revision durable) {
    node.Step(LogSynced{durable}, output);
    return output.items.size();
  };
  node.Step(SessionOpened{.session = kSession}, output);
  node.Step(TurnStarted{.now = {.mono_us = 1, .wall_us = 1}, .log_room = 1 << 20}, output);
  step({.verb = Verb::kAuth, .name = "a", .secret = "b"});
  step({.verb = Verb::kCreateDb, .name = "d", .secret = "t"});
  sync(node.end().revision);
  step({.verb = Verb::kUseDb, .name = "d", .secret = "t"});
  step({.verb = Verb::kSet, .key = "k", .value = "1"});
  EXPECT_TRUE(output.items.empty());
  const Revision first = node.end().revision;
  step({.verb = Verb::kSet, .key = "k", .value = "2"});
  step({.verb = Verb::kGet, .key = "k"});
  EXPECT_TRUE(output.items.empty());
  EXPECT_EQ(sync(first), 1U);
  EXPECT_EQ(sync(node.end().revision), 3U);  // a status, a value, its status
}

// A token of what is not on disk is waited for, by who asks alone.
TEST(NodeGateTest, WhoWaitsForATokenIsAnsweredWhenItIsOnDisk) {
  constexpr SessionId kWriter{.slot = 0, .generation = 1};
  constexpr SessionId kWaiter{.slot = 1, .generation = 1};
  Node node(WaitingForTheDisk());
  node.BeginTerm({.value = 1}, {}, 7, {});
  Output output;
  const auto step = [&](SessionId session, const Command& command) {
    node.Step(ClientCommand{.session = session, .command = &command}, output);
    return output.items.size();
  };
  node.Step(TurnStarted{.now = {.mono_us = 1, .wall_us = 1}, .log_room = 1 << 20}, output);
  node.Step(SessionOpened{.session = kWriter}, output);
  node.Step(SessionOpened{.session = kWaiter}, output);
  step(kWriter, {.verb = Verb::kAuth, .name = "a", .secret = "b"});
  step(kWriter, {.verb = Verb::kCreateDb, .name = "d", .secret = "t"});
  node.Step(LogSynced{node.end().revision}, output);
  for (const SessionId session : {kWriter, kWaiter}) {
    step(session, {.verb = Verb::kUseDb, .name = "d", .secret = "t"});
  }
  step(kWriter, {.verb = Verb::kSet, .key = "k", .value = "1"});
  const DatabaseId database = node.store().Find("d")->id();
  History history;
  history.Begin(7, {.value = 1}, {});
  const std::string held = FormatToken(history.At(node.end().revision, database));
  const std::string synced = FormatToken(history.At({node.end().revision.value - 1}, database));
  EXPECT_EQ(step(kWaiter, {.verb = Verb::kWait, .since = synced}), 1U);
  EXPECT_EQ(step(kWaiter, {.verb = Verb::kWait, .since = held}), 0U);
  EXPECT_EQ(step(kWriter, {.verb = Verb::kPing}), 0U) << "behind the write of its own session";
  node.Step(LogSynced{node.end().revision}, output);
  EXPECT_EQ(std::count_if(output.items.begin(), output.items.end(),
                          [&](const auto& item) {
                            const auto* reply = std::get_if<Reply>(&item);
                            return reply != nullptr && reply->session == kWaiter &&
                                   reply->kind == ReplyKind::kOk;
                          }),
            1);
}

// How long a key lives is seen when it is on disk, and so is its end.
TEST(NodeGateTest, LifetimesAndEndsWaitForTheDisk) {
  constexpr SessionId kSession{.slot = 0, .generation = 1};
  Node node(WaitingForTheDisk());
  Output output;
  const auto turn = [&](std::int64_t us) {
    node.Step(TurnStarted{.now = {.mono_us = us, .wall_us = us}, .log_room = 1 << 20}, output);
    return output.items.size();
  };
  const auto step = [&](const Command& command) {
    node.Step(ClientCommand{.session = kSession, .command = &command}, output);
    return output.items.size();
  };
  const auto sync = [&] {
    node.Step(LogSynced{node.end().revision}, output);
    return output.items.size();
  };
  turn(1);
  node.BeginTerm({.value = 1}, {});
  node.Step(SessionOpened{.session = kSession}, output);
  step({.verb = Verb::kAuth, .name = "a", .secret = "b"});
  step({.verb = Verb::kCreateDb, .name = "d", .secret = "t"});
  sync();
  step({.verb = Verb::kUseDb, .name = "d", .secret = "t"});
  step({.verb = Verb::kSet, .key = "k", .value = "1"});
  step({.verb = Verb::kWatch, .key = "k"});
  EXPECT_EQ(node.next_deadline_us(), std::nullopt);
  EXPECT_EQ(step({.verb = Verb::kExpire, .key = "k", .ttl_ms = 5}), 0U);
  EXPECT_EQ(step({.verb = Verb::kTtl, .key = "k"}), 0U);
  sync();
  EXPECT_EQ(step({.verb = Verb::kTtl, .key = "k"}), 2U);
  EXPECT_EQ(node.next_deadline_us(), 5'001);
  EXPECT_EQ(turn(5'000), 0U);
  EXPECT_FALSE(node.has_work());
  EXPECT_EQ(node.end().revision, node.gate().durable());
  EXPECT_EQ(turn(5'001), 0U);
  EXPECT_GT(node.end().revision, node.gate().durable());
  EXPECT_EQ(node.next_deadline_us(), std::nullopt);
  ASSERT_EQ(sync(), 1U);
  EXPECT_EQ(std::get<Change>(output.items.front()).kind, ChangeKind::kRemoved);
}

// Same inputs, same outputs: what simulation and replay will rest on.
TEST_F(NodeTest, ConflictIdsFollowTheGivenTimeAndNeverRepeat) {
  const auto run = [](std::int64_t wall_us) {
    Node node({.user = "a",
               .password = "b",
               .address = "x:1",
               .start_time_ms = 1,
               .hash_seed = 1,
               .value_bytes_max = 100});
    Output output;
    const auto step = [&](const Command& command) {
      node.Step(ClientCommand{.session = kSession, .command = &command}, output);
    };
    std::string ids;
    node.Step(SessionOpened{.session = kSession}, output);
    node.Step(TurnStarted{.now = {.mono_us = 1, .wall_us = wall_us}}, output);
    step({.verb = Verb::kAuth, .name = "a", .secret = "b"});
    step({.verb = Verb::kCreateDb, .name = "d", .secret = "t", .strategy = Strategy::kArbiter});
    step({.verb = Verb::kUseDb, .name = "d", .secret = "t"});
    step({.verb = Verb::kArbiter});
    step({.verb = Verb::kSetSafe, .key = "k", .value = "1", .version = 5});
    for (int i = 0; i < 2; ++i) {
      step({.verb = Verb::kSetSafe, .key = "k", .value = "2", .version = 0});
      ids += std::get<Reply>(output.items.back()).text;
      ids += ' ';
    }
    return ids;
  };
  EXPECT_EQ(run(1000), "$conflicts_k_1000000 $conflicts_k_1000001 ");
  EXPECT_EQ(run(1000), run(1000));
}

// As a node with a log: everything is held until LogSynced says that it is on disk.
class LoggedNodeTest : public testing::Test {
 protected:
  static constexpr SessionId kSession{.slot = 0, .generation = 1};
  static constexpr SessionId kOther{.slot = 1, .generation = 1};
  static constexpr std::size_t kValueBytes = std::size_t{8} << 20;

  void SetUp() override {
    node_.BeginTerm({1}, {});
    node_.Step(SessionOpened{.session = kSession}, output_);
    Run({.verb = Verb::kAuth, .name = "a", .secret = "b"});
    Run({.verb = Verb::kCreateDb,
         .name = "db",
         .secret = "t",
         .strategy = Strategy::kArbiter,
         .level = AckLevel::kDisk});
    Sync();
    Run({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  }

  void Run(const Command& command) {
    node_.Step(ClientCommand{.session = kSession, .command = &command}, output_);
  }
  // By another session, whose replies wait behind none of the first one's.
  void RunAsOther(const Command& command) {
    if (!other_open_) {
      node_.Step(SessionOpened{.session = kOther}, output_);
      const Command auth{.verb = Verb::kAuth, .name = "a", .secret = "b"};
      node_.Step(ClientCommand{.session = kOther, .command = &auth}, output_);
      other_open_ = true;
    }
    node_.Step(ClientCommand{.session = kOther, .command = &command}, output_);
  }
  Revision Set(std::string_view key, std::string_view value) {
    Run({.verb = Verb::kSet, .key = key, .value = value});
    return node_.end().revision;
  }
  // So many others are removed that its tombstone is dropped, all of it before a sync.
  void RemoveWithItsTombstone(std::string_view removed) {
    Run({.verb = Verb::kRemove, .key = removed});
    for (std::size_t i = 0; i <= kTombstonesMin; ++i) {
      const std::string key = "key-" + std::to_string(i);
      Set(key, "v");
      Run({.verb = Verb::kRemove, .key = key});
    }
  }
  void Sync() { SyncTo(node_.end().revision); }
  void SyncTo(Revision durable) { node_.Step(LogSynced{durable}, output_); }
  [[nodiscard]] std::vector<std::string> Texts() const {
    std::vector<std::string> texts;
    for (const auto& item : output_.items) {
      const auto* reply = std::get_if<Reply>(&item);
      if (reply != nullptr && !reply->is_status()) {
        texts.emplace_back(reply->text);
      }
    }
    return texts;
  }
  // `KIND KEY=VALUE` of what watchers hear.
  [[nodiscard]] std::vector<std::string> Changes() const {
    std::vector<std::string> texts;
    for (const auto& item : output_.items) {
      if (const auto* change = std::get_if<Change>(&item); change != nullptr) {
        texts.push_back(std::to_string(static_cast<int>(change->kind)) + " " +
                        std::string(change->key) + "=" + std::string(change->value));
      }
    }
    return texts;
  }
  // The last status that has left.
  [[nodiscard]] const Reply* Status() const {
    return output_.items.empty() ? nullptr : std::get_if<Reply>(&output_.items.back());
  }
  [[nodiscard]] bool IsOk() const {
    return Status() != nullptr && Status()->kind == ReplyKind::kOk;
  }
  [[nodiscard]] bool IsRefused(ErrorCode code) const {
    return Status() != nullptr && Status()->kind == ReplyKind::kError && Status()->error == code;
  }
  void SetLogRoom(std::size_t bytes) {
    node_.Step(TurnStarted{.now = {.mono_us = 1, .wall_us = 1}, .log_room = bytes}, output_);
  }

  Node node_{{.user = "a",
              .password = "b",
              .address = "x:1",
              .start_time_ms = 1,
              .hash_seed = 1,
              .value_bytes_max = kValueBytes,
              .has_log = true}};
  Output output_;
  bool other_open_ = false;
};

TEST_F(LoggedNodeTest, RepliesLeaveInTheirOrderWhenOnlySomeOfASessionMayGo) {
  const Revision first = Set("k", "1");
  Run({.verb = Verb::kGet, .key = "k"});
  Set("k", "2");
  Run({.verb = Verb::kGet, .key = "k"});
  SyncTo(first);
  EXPECT_EQ(Texts(), std::vector<std::string>{"1"});
  Sync();
  EXPECT_EQ(Texts(), std::vector<std::string>{"2"});
}

TEST_F(LoggedNodeTest, AnOperationsReplyLeavesBeforeALaterOneThatStillWaits) {
  Run({.verb = Verb::kOplog, .name = "info"});
  ASSERT_EQ(node_.operations().size(), 1U);
  Set("k", "1");
  Run({.verb = Verb::kGet, .key = "k"});
  const OperationResult result{
      .id = node_.operations()[0].id, .title = "oplog-info", .lines = {"x"}};
  node_.Step(OperationEnded{&result}, output_);
  EXPECT_EQ(Texts(), std::vector<std::string>{"oplog-info"});
  Sync();
  EXPECT_EQ(Texts(), std::vector<std::string>{"1"});
}

TEST_F(LoggedNodeTest, WhoBeginsToWatchBeforeAChangeIsSyncedHearsOfIt) {
  Set("k", "1");
  Run({.verb = Verb::kWatch, .key = "other"});
  Run({.verb = Verb::kWatch, .key = "k"});
  Sync();
  EXPECT_EQ(Changes(), std::vector<std::string>{"0 k=1"});
}

TEST_F(LoggedNodeTest, TheFirstToWatchHearsOfWhatWasNotSyncedYetToo) {
  Set("k", "1");
  Run({.verb = Verb::kRemove, .key = "k"});
  Run({.verb = Verb::kWatch, .key = "k"});
  Sync();
  EXPECT_EQ(Changes(), (std::vector<std::string>{"0 k=1", "1 k="}));
}

TEST_F(LoggedNodeTest, AnArbiterHearsOfAConflictThatWasNotSyncedWhenItCame) {
  Run({.verb = Verb::kArbiter});
  Run({.verb = Verb::kUnwatchAll});
  Run({.verb = Verb::kSetSafe, .key = "k", .value = "1", .version = 5});
  Sync();
  Run({.verb = Verb::kSetSafe, .key = "k", .value = "2", .version = 0});
  Run({.verb = Verb::kArbiter});
  EXPECT_TRUE(Changes().empty());
  Sync();
  ASSERT_EQ(Changes().size(), 1U);
  EXPECT_EQ(Changes()[0].find("2 $conflicts_k_"), 0U) << Changes()[0];
}

TEST_F(LoggedNodeTest, WhoWatchesADroppedDatabaseHearsOfRemovalsThatWereNotSynced) {
  Set("k", "1");
  Run({.verb = Verb::kWatch, .key = "k"});
  Run({.verb = Verb::kWatch, .key = "never-there"});
  Run({.verb = Verb::kArbiter});
  Sync();
  Run({.verb = Verb::kRemove, .key = "k"});
  Run({.verb = Verb::kRemove, .key = "never-there"});
  Run({.verb = Verb::kDropDb, .name = "db"});
  Sync();
  EXPECT_EQ(Changes(), (std::vector<std::string>{"1 k=", "1 never-there="}));
}

TEST_F(LoggedNodeTest, OneThatLagsHearsOfARemovalBeforeTheDropOfTheDatabaseToo) {
  Set("k", "1");
  Run({.verb = Verb::kWatch, .key = "k"});
  Sync();
  node_.Step(SessionLagging{kSession}, output_);
  Run({.verb = Verb::kRemove, .key = "k"});
  Sync();
  EXPECT_TRUE(Changes().empty());
  Run({.verb = Verb::kDropDb, .name = "db"});
  Sync();
  EXPECT_EQ(Changes(), std::vector<std::string>{"1 k="});
}

TEST_F(LoggedNodeTest, WhatIsListedOfDatabasesAndConflictsIsToldOnlyOnceItIsSynced) {
  Run({.verb = Verb::kArbiter});
  Run({.verb = Verb::kSetSafe, .key = "k", .value = "1", .version = 5});
  Sync();
  RunAsOther({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  Run({.verb = Verb::kSetSafe, .key = "k", .value = "2", .version = 0});
  RunAsOther({.verb = Verb::kDebug, .name = "pending-conflicts"});
  EXPECT_TRUE(output_.items.empty());
  Sync();
  EXPECT_FALSE(output_.items.empty());
  Run({.verb = Verb::kCreateDb, .name = "fresh", .secret = "t"});
  RunAsOther({.verb = Verb::kDebug, .name = "list-dbs"});
  EXPECT_TRUE(output_.items.empty());
}

TEST_F(LoggedNodeTest, WhoHadADroppedDatabaseSelectedIsToldSoOnlyOnceThatIsSynced) {
  RunAsOther({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  Run({.verb = Verb::kDropDb, .name = "db"});
  RunAsOther({.verb = Verb::kGet, .key = "k"});
  EXPECT_TRUE(output_.items.empty());
  Sync();
  EXPECT_TRUE(IsRefused(ErrorCode::kNoDatabaseSelected));
}

TEST_F(LoggedNodeTest, WhoWatchesTheListOfDatabasesHearsOfOneThatTheServerMade) {
  Run({.verb = Verb::kUseDb, .name = "$admin", .secret = "b"});
  Run({.verb = Verb::kWatch, .key = "made"});
  node_.EnsureDatabase("made", "t");
  Sync();
  EXPECT_EQ(Changes().size(), 1U);
}

TEST_F(LoggedNodeTest, OneThatIsBehindIsLiveAgainThoughSomethingAlwaysWaitsForTheDisk) {
  RunAsOther({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  RunAsOther({.verb = Verb::kWatch, .key = "k*", .since = "0"});
  node_.Step(TurnEnded{}, output_);
  node_.Step(SessionLagging{kOther}, output_);
  Set("k", "1");
  Sync();
  node_.Step(SessionDrained{kOther}, output_);
  bool ready = false;
  bool told = false;
  Revision before = node_.end().revision;
  for (int i = 0; i < 10; ++i) {
    SyncTo(before);
    for (const std::string& change : Changes()) {
      told = told || change.starts_with("0 k=");
    }
    before = node_.end().revision;
    Set("k", "2");
    node_.Step(TurnEnded{}, output_);
    for (const std::string& change : Changes()) {
      ready = ready || change.starts_with("4 k*=");
    }
  }
  EXPECT_TRUE(told);
  EXPECT_TRUE(ready);
}

TEST_F(LoggedNodeTest, AWatchIsToldNothingBeforeItsStatusUnderRightsThatWaitForTheDisk) {
  Set("k", "1");
  RunAsOther({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  Sync();
  Run({.verb = Verb::kSetPermissions, .name = "all", .value = "rw *"});
  RunAsOther({.verb = Verb::kWatch, .key = "k*", .since = "0"});
  EXPECT_TRUE(output_.items.empty());
  RunAsOther({.verb = Verb::kWatch, .key = "k", .since = "0"});
  EXPECT_TRUE(output_.items.empty());
  node_.Step(TurnEnded{}, output_);
  EXPECT_TRUE(Changes().empty());
  Sync();
  EXPECT_TRUE(IsOk());
  node_.Step(TurnEnded{}, output_);
  EXPECT_EQ(Changes().size(), 6U);  // twice `started`, the value and `ready`
}

TEST_F(LoggedNodeTest, AWatchThatHasYetToBeginCanBeEnded) {
  Run({.verb = Verb::kSetPermissions, .name = "all", .value = "rw *"});
  RunAsOther({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  RunAsOther({.verb = Verb::kWatch, .key = "k", .since = "0"});
  RunAsOther({.verb = Verb::kUnwatch, .key = "k"});
  Sync();
  node_.Step(TurnEnded{}, output_);
  EXPECT_TRUE(Changes().empty());
}

TEST_F(LoggedNodeTest, AValueNeedsItsOwnSizeInTheLogAndADecisionTwice) {
  const std::string value(kValueBytes, 'v');
  SetLogRoom(kValueBytes + kRecordBytesAround + 1);
  Set("k", value);
  Sync();
  EXPECT_TRUE(IsOk());
  SetLogRoom(kValueBytes + kRecordBytesAround);
  Set("k", value);
  EXPECT_TRUE(IsRefused(ErrorCode::kDiskFull));

  SetLogRoom(std::size_t{1} << 20);
  Run({.verb = Verb::kArbiter});
  Run({.verb = Verb::kSetSafe, .key = "decided", .value = "1", .version = 5});
  Run({.verb = Verb::kSetSafe, .key = "decided", .value = "2", .version = 0});
  Sync();
  ASSERT_FALSE(Changes().empty());
  const std::string_view queued = "2 $conflicts_decided_";
  ASSERT_EQ(Changes()[0].find(queued), 0U) << Changes()[0];
  const std::int64_t id = std::stoll(Changes()[0].substr(queued.size()));
  const std::string decision(100'000, 'd');
  const Command resolve{.verb = Verb::kResolve,
                        .name = "db",
                        .key = "decided",
                        .value = decision,
                        .version = 6,
                        .conflict = {.value = id}};
  SetLogRoom(decision.size() + kRecordBytesAround + 1'000);
  Run(resolve);
  EXPECT_TRUE(IsRefused(ErrorCode::kDiskFull));
  SetLogRoom(2 * decision.size() + kRecordBytesAround + 1'000);
  Run(resolve);
  Sync();
  EXPECT_TRUE(IsOk());
}

TEST_F(LoggedNodeTest, WhatConflictsBringAlongIsRefusedWhereTheLogHasNoRoomForIt) {
  SetLogRoom(0);
  Run({.verb = Verb::kArbiter});
  EXPECT_TRUE(IsRefused(ErrorCode::kDiskFull));
  Run({.verb = Verb::kWatch, .key = "$conflicts"});
  EXPECT_TRUE(IsRefused(ErrorCode::kDiskFull));

  constexpr std::size_t kQueued = 20;
  const std::string key(kKeyBytesMax - 40, 'k');
  SetLogRoom(std::size_t{1} << 20);
  Run({.verb = Verb::kArbiter});
  Run({.verb = Verb::kSetSafe, .key = key, .value = "1", .version = 5});
  for (std::size_t i = 0; i < kQueued; ++i) {
    Run({.verb = Verb::kSetSafe, .key = key, .value = "2", .version = 0});
  }
  Sync();
  SetLogRoom(kQueued * key.size());
  Run({.verb = Verb::kRemove, .key = key});
  EXPECT_TRUE(IsRefused(ErrorCode::kDiskFull));
  SetLogRoom((kQueued + 4) * kKeyBytesMax);
  Run({.verb = Verb::kRemove, .key = key});
  Sync();
  EXPECT_TRUE(IsOk());
  Run({.verb = Verb::kGet, .key = key});
  EXPECT_EQ(Texts(), std::vector<std::string>{""});
}

TEST_F(LoggedNodeTest, OplogSinceIsAnsweredOnceWhatItShowsIsSynced) {
  Set("k", "1");
  RunAsOther({.verb = Verb::kOplog, .name = "since", .value = "1"});
  ASSERT_EQ(node_.operations().size(), 1U);
  const OperationResult result{
      .id = node_.operations()[0].id, .title = "oplog-since", .lines = {"x"}};
  node_.Step(OperationEnded{&result}, output_);
  EXPECT_TRUE(Texts().empty());
  Sync();
  EXPECT_EQ(Texts(), std::vector<std::string>{"oplog-since"});
}

TEST_F(LoggedNodeTest, WhichDatabasesThereAreIsToldOnlyOnceItIsSynced) {
  Run({.verb = Verb::kDropDb, .name = "db"});
  RunAsOther({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  EXPECT_TRUE(output_.items.empty()) << "that it is gone may yet turn out wrong";
  Sync();
  EXPECT_TRUE(IsRefused(ErrorCode::kUnknownDatabase));
}

TEST_F(LoggedNodeTest, AKeyWhoseTombstoneWasDroppedIsAbsentOnlyOnceThatIsSynced) {
  Set("k", "1");
  Sync();
  RemoveWithItsTombstone("k");
  RunAsOther({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  RunAsOther({.verb = Verb::kGet, .key = "k"});
  EXPECT_TRUE(output_.items.empty());
}

TEST_F(LoggedNodeTest, OneThatHasDrainedHearsOfARemovalWithoutATombstoneOnlyOnceItIsSynced) {
  RunAsOther({.verb = Verb::kUseDb, .name = "db", .secret = "t"});
  RunAsOther({.verb = Verb::kWatch, .key = "k"});
  node_.Step(SessionLagging{kOther}, output_);
  Set("k", "1");
  Sync();
  RemoveWithItsTombstone("k");
  node_.Step(SessionDrained{kOther}, output_);
  EXPECT_TRUE(Changes().empty());
}

}  // namespace
}  // namespace nunc
