#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

class ExecutorLogTest : public ExecutorTest {
 protected:
  ExecutorLogTest() {
    MakeDatabase("db");
    client_ = Join();
  }

  // `TYPE KEY=VALUE vVERSION <PREVIOUS`, items of a batch in brackets.
  std::vector<std::string> Records() {
    std::vector<std::string> texts;
    for (const Output::Logged& logged : output_.records) {
      const Record& record = logged.record;
      std::string text = std::to_string(static_cast<int>(record.type));
      for (const RecordItem& item : record.items) {
        text += record.type == RecordType::kBatch
                    ? " [" + std::to_string(static_cast<int>(item.type)) + "]"
                    : "";
        text += " " + std::string(item.key) + "=" + std::string(item.value) + " v" +
                std::to_string(item.version) + (item.in_conflict ? "!" : "");
      }
      texts.push_back(text);
    }
    return texts;
  }
  // The greatest revision that an item of the last command waits for.
  [[nodiscard]] Revision After() const {
    Revision after;
    for (const auto& item : output_.items) {
      const auto* reply = std::get_if<Reply>(&item);
      after = std::max(after, reply != nullptr ? reply->after : std::get<Change>(item).after);
    }
    return after;
  }
  [[nodiscard]] Revision Newest() { return executor_.store().revision(); }

  SessionId client_;
};

using Texts = std::vector<std::string>;

TEST_F(ExecutorLogTest, EachChangeIsARecordOfItsResult) {
  Run(client_, ask::Set("k", "5"));
  EXPECT_EQ(Records(), Texts{"1 k=5 v0"});
  Run(client_, ask::Increment("k", 4));
  EXPECT_EQ(Records(), Texts{"1 k=9 v1"});
  EXPECT_EQ(output_.records[0].record.items[0].previous.value, Newest().value - 1);
  Run(client_, ask::Remove("k"));
  EXPECT_EQ(Records(), Texts{"2 k= v0"});
  // Existing clients hear this one, so it is one.
  Run(client_, ask::Remove("k"));
  EXPECT_EQ(Records(), Texts{"2 k= v0"});
  EXPECT_EQ(output_.records[0].record.revision, Newest());
  EXPECT_EQ(output_.records[0].record.database, executor_.store().Find("db")->id());
}

TEST_F(ExecutorLogTest, WhatChangesNothingIsNoRecord) {
  Run(client_, ask::Set("k", "x"));
  const Revision before = Newest();
  for (const Command& command :
       {ask::Get("k"), ask::Keys(""), ask::Scan(""), ask::Watch("k"), ask::Increment("k"),
        ask::SetSafe("k", -7, "v"), ask::Plain(Verb::kPing)}) {
    Run(client_, command);
    EXPECT_EQ(Records(), Texts{});
  }
  EndTurn();
  EXPECT_EQ(Records(), Texts{});
  EXPECT_EQ(Newest(), before);
}

TEST_F(ExecutorLogTest, TimeInRecordsNeverRunsBackwards) {
  SetTime(5'000'000);
  Run(client_, ask::Set("k", "1"));
  EXPECT_EQ(output_.records[0].record.time_us, 5'000'000);
  SetTime(4'000'000);
  Run(client_, ask::Set("k", "2"));
  EXPECT_EQ(output_.records[0].record.time_us, 5'000'001);
}

TEST_F(ExecutorLogTest, AQueuedConflictIsOneRecordOfMarkAndQuestion) {
  MakeDatabase("arb", Strategy::kArbiter);
  const SessionId arbiter = Join("arb");
  Run(arbiter, ask::Plain(Verb::kArbiter));
  EXPECT_EQ(Records(), Texts{"9"});
  Run(arbiter, ask::Plain(Verb::kArbiter));
  EXPECT_EQ(Records(), Texts{});
  Run(arbiter, ask::SetSafe("k", 3, "1"));
  Run(arbiter, ask::SetSafe("k", 1, "2"));
  ASSERT_EQ(Records().size(), 1U);
  EXPECT_TRUE(Records()[0].starts_with("3 [8] k= v4! [1] $conflicts_k_")) << Records()[0];
  const Entry* marked = executor_.store().Find("arb")->Find("k");
  // A walk that has not come to it yet must find it where it was.
  EXPECT_LT(marked->revision(), Newest());
  EXPECT_EQ(executor_.store().Find("arb")->ShownRevision(*marked), Newest());
  const std::string conflict = error_text_;
  const std::int64_t id = std::stoll(conflict.substr(conflict.rfind('_') + 1));
  Run(arbiter, ask::Resolve(id, "k", 4, "3", "arb"));
  EXPECT_EQ(Records(), Texts{"3 [1] " + conflict + "=resolved 3 v1 [1] k=3 v5"});
}

TEST_F(ExecutorLogTest, DatabasesAreRecordsOfTheirOwn) {
  const SessionId admin = ConnectAdmin();
  EXPECT_EQ(Run(admin, ask::CreateDb("new", "secret", Strategy::kNewer)), kFine);
  ASSERT_EQ(Records(), Texts{"4"});
  EXPECT_EQ(output_.records[0].record.spec.name, "new");
  EXPECT_EQ(output_.records[0].record.spec.token, "secret");
  EXPECT_EQ(output_.records[0].record.spec.strategy, Strategy::kNewer);
  EXPECT_EQ(executor_.store().Find("new")->Find(kTokenKey)->revision(), Newest());
  EXPECT_EQ(Run(admin, ask::Named(Verb::kDropDb, "new")), kFine);
  EXPECT_EQ(Records(), Texts{"5"});
  EXPECT_EQ(Run(admin, ask::Named(Verb::kDropDb, "new")), ErrorCode::kUnknownDatabase);
  EXPECT_EQ(Run(admin, ask::Named(Verb::kDropDb, "$admin")), ErrorCode::kAdminDrop);
  EXPECT_EQ(Run(client_, ask::Named(Verb::kDropDb, "db")), ErrorCode::kNotAuth);
}

TEST_F(ExecutorLogTest, WhoUsesADroppedDatabaseHasNoneAndWatchersHearThatAllIsGone) {
  const SessionId watcher = Join();
  Run(client_, ask::Set("k", "1"));
  Run(watcher, ask::Watch("k"));
  Run(watcher, ask::Watch("absent"));
  Take(watcher);
  Run(ConnectAdmin(), ask::Named(Verb::kDropDb, "db"));
  EXPECT_EQ(Take(watcher), (Lines{"removed absent", "removed k"}));
  EXPECT_EQ(Run(client_, ask::Get("k")), ErrorCode::kNoDatabaseSelected);
  EXPECT_EQ(Run(watcher, ask::UseDb("db", "token")), ErrorCode::kUnknownDatabase);
  EndTurn();
  // A new one of that name has nothing of it.
  MakeDatabase("db");
  const SessionId next = Join();
  EXPECT_EQ(Ask(next, ask::Get("k")), "no value");
  Disconnect(watcher);
  Disconnect(client_);
  EndTurn();
}

TEST_F(ExecutorLogTest, AtLevelWrittenOnlySecretsWaitForTheDisk) {
  const Revision synced = Newest();
  executor_.delivery().SetDurable(synced);
  Run(client_, ask::Set("k", "1"));
  EXPECT_LE(After(), synced);
  const SessionId admin = JoinAdmin();
  Run(admin, ask::Named(Verb::kCreateUser, "ann", "pwd"));
  const Revision secret = Newest();
  EXPECT_EQ(After(), secret);
  // From now on everything in the database rests on it.
  Run(client_, ask::Get("k"));
  EXPECT_EQ(After(), secret);
  Run(admin, ask::CreateDb("other", "t"));
  EXPECT_EQ(After(), Newest());
}

class ExecutorDiskTest : public ExecutorLogTest {
 protected:
  ExecutorDiskTest() {
    output_.Clear();
    executor_.CreateDatabase({.name = "disk", .token = "token", .level = AckLevel::kDisk}, output_);
    executor_.delivery().SetDurable(Newest());
    client_ = Join("disk");
    watcher_ = Join("disk");
  }

  SessionId watcher_;
};

TEST_F(ExecutorDiskTest, WhatRestsOnAnUnsyncedChangeSaysSo) {
  Run(client_, ask::Set("old", "1"));
  executor_.delivery().SetDurable(Newest());
  Run(client_, ask::Set("k", "1"));
  const Revision unsynced = Newest();
  EXPECT_EQ(After(), unsynced);
  Run(watcher_, ask::Get("old"));
  EXPECT_LT(After(), unsynced);
  Run(watcher_, ask::Get("absent"));
  EXPECT_LT(After(), unsynced);
  Run(watcher_, ask::Get("k"));
  EXPECT_EQ(After(), unsynced);
  Run(watcher_, ask::SetSafe("k", -2, "v"));  // refused for its form
  EXPECT_LT(After(), unsynced);
  Run(watcher_, ask::SetSafe("old", 0, "v"));
  Run(watcher_, ask::Keys(""));
  EXPECT_EQ(After(), Newest());
  Run(client_, ask::Remove("old"));
  Run(watcher_, ask::Get("old"));  // absent, which rests on the removal
  EXPECT_EQ(After(), Newest());
  // A refusal tells what the stored version is not.
  Run(client_, ask::SetSafe("k", 9, "v"));
  Run(watcher_, ask::SetSafe("k", 1, "v"));
  EXPECT_EQ(After(), Newest());
}

TEST_F(ExecutorDiskTest, WhatShowsSeveralKeysOrRefusesAConditionRestsOnWhatIsThere) {
  Run(client_, ask::Set("old", "1"));
  executor_.delivery().SetDurable(Newest());
  Run(client_, ask::Set("gone", "1"));
  Run(client_, ask::Remove("gone"));
  const Revision removal = Newest();
  Run(client_, ask::Set("k", "1"));
  const std::vector<std::string_view> synced = {"old", "absent"};
  Run(watcher_, ask::GetMany(synced));
  EXPECT_LT(After(), removal);
  const std::vector<std::string_view> removed = {"old", "gone"};
  Run(watcher_, ask::GetMany(removed));
  EXPECT_EQ(After(), removal);
  Run(watcher_, ask::Scan("old"));  // also on what may have been among them
  EXPECT_EQ(After(), Newest());
  Run(watcher_, ask::PutNew("old", "v"));
  EXPECT_LT(After(), removal);
  Run(watcher_, ask::Put("gone", "v", 3));
  EXPECT_EQ(After(), removal);
  for (const Command& command : {ask::PutNew("k", "v"), ask::Put("k", "v", 7)}) {
    EXPECT_NE(Run(watcher_, command), kFine);
    EXPECT_EQ(After(), Newest());
  }
}

TEST_F(ExecutorDiskTest, AnUnsyncedChangeHasNoTargetsUntilItIsAnnounced) {
  Run(watcher_, ask::Watch("k"));
  Take(watcher_);
  Run(client_, ask::Set("k", "1"));
  ASSERT_FALSE(output_.items.empty());
  const Change held = std::get<Change>(output_.items[0]);
  EXPECT_EQ(held.count, 0U);
  EXPECT_EQ(held.after, Newest());
  EXPECT_EQ(held.database, executor_.store().Find("disk")->id());
  executor_.delivery().SetDurable(Newest());
  output_.Clear();
  executor_.AnnounceNow(held, output_);
  ASSERT_EQ(output_.items.size(), 1U);
  EXPECT_EQ(output_.targets, std::vector<SessionId>{watcher_});
}

TEST_F(ExecutorDiskTest, ADrainedSessionIsNotShownWhatIsNotSynced) {
  Run(watcher_, ask::Watch("a"));
  Run(watcher_, ask::Watch("b"));
  executor_.MarkLagging(watcher_);
  Run(client_, ask::Set("a", "1"));
  executor_.delivery().SetDurable(Newest());
  output_.Clear();
  executor_.AnnounceNow({.database = executor_.store().Find("disk")->id(), .key = "a"}, output_);
  executor_.AnnounceNow({.database = executor_.store().Find("disk")->id(), .key = "b"}, output_);
  Run(client_, ask::Set("b", "2"));
  Take(watcher_);
  EXPECT_TRUE(Drain(watcher_));
  EXPECT_EQ(Take(watcher_), Lines{"set a 1 0"});
}

TEST_F(ExecutorDiskTest, ADrainedSessionHearsOfAKeyThatWaitsForAnArbiterSinceThen) {
  output_.Clear();
  executor_.CreateDatabase(
      {.name = "arb", .token = "token", .strategy = Strategy::kArbiter, .level = AckLevel::kDisk},
      output_);
  executor_.delivery().SetDurable(Newest());
  const SessionId client = Join("arb");
  const SessionId watcher = Join("arb");
  Run(client, ask::Plain(Verb::kArbiter));
  Run(watcher, ask::Watch("k"));
  Run(watcher, ask::Watch("other"));
  executor_.MarkLagging(watcher);
  Run(client, ask::SetSafe("k", 3, "1"));
  executor_.delivery().SetDurable(Newest());
  executor_.AnnounceNow({.database = executor_.store().Find("arb")->id(), .key = "k"}, output_);
  Run(client, ask::SetSafe("k", 1, "2"));  // the conflict is not synced, the value is
  Run(watcher, ask::Get("k"));
  EXPECT_EQ(After(), Newest());
  output_.Clear();
  executor_.Drain(watcher, output_);
  ASSERT_EQ(output_.items.size(), 1U);
  EXPECT_EQ(std::get<Change>(output_.items[0]).key, "k");
  EXPECT_EQ(std::get<Change>(output_.items[0]).after, Newest());
  EXPECT_EQ(output_.targets, std::vector<SessionId>{watcher});
  // Nothing is told now, so the session is live again.
  output_.Clear();
  executor_.AnnounceNow({.database = executor_.store().Find("arb")->id(), .key = "other"}, output_);
  EXPECT_EQ(output_.targets, std::vector<SessionId>{watcher});
}

TEST_F(ExecutorLogTest, WithoutAPlaceInTheLogWritesAreRefusedAndReadsGoOn) {
  Run(client_, ask::Set("k", "1"));
  executor_.SetLogRoom(0);
  const Revision before = Newest();
  EXPECT_EQ(Run(client_, ask::Set("k", "2")), ErrorCode::kDiskFull);
  EXPECT_EQ(Run(client_, ask::Increment("k")), ErrorCode::kDiskFull);
  EXPECT_EQ(Run(client_, ask::Remove("k")), ErrorCode::kDiskFull);
  EXPECT_EQ(Run(ConnectAdmin(), ask::CreateDb("n", "t")), ErrorCode::kDiskFull);
  EXPECT_EQ(Run(ConnectAdmin(), ask::Named(Verb::kDropDb, "db")), ErrorCode::kDiskFull);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "value 1");
  EXPECT_EQ(Run(client_, ask::Watch("k")), kFine);
  EXPECT_EQ(Newest(), before);
  executor_.SetLogRoom(1 << 20);
  EXPECT_EQ(Run(client_, ask::Set("k", "2")), kFine);
}

TEST(ExecutorMemory, PastItsLimitOnlyWhatDoesNotGrowIsWritten) {
  Executor executor({.user = "admin",
                     .password = "pwd",
                     .address = "x",
                     .value_bytes_max = 1 << 20,
                     .memory_bytes_max = 100'000});
  Output output;
  executor.CreateDatabase({.name = "db", .token = "t"}, output);
  const SessionId id{.slot = 0, .generation = 1};
  executor.Open(id, SessionKind::kConnection);
  const auto run = [&](const Command& command) -> std::optional<ErrorCode> {
    output.Clear();
    executor.Execute(id, command, output);
    const Reply& status = std::get<Reply>(output.items.back());
    return status.kind == ReplyKind::kError ? std::optional(status.error) : std::nullopt;
  };
  EXPECT_EQ(run(ask::UseDb("db", "t")), std::nullopt);
  const std::string value(10'000, 'v');
  int stored = 0;
  while (stored < 20 && run(ask::Set("k" + std::to_string(stored), value)) == std::nullopt) {
    ++stored;
  }
  EXPECT_GT(stored, 5);
  EXPECT_LT(stored, 10);
  EXPECT_LE(executor.store().bytes(), 100'000U);
  EXPECT_EQ(run(ask::Set("another", value)), ErrorCode::kMemoryFull);
  EXPECT_EQ(std::get<Reply>(output.items.back()).number, 100'000);
  EXPECT_EQ(run(ask::Set("k0", value + "longer" + value)), ErrorCode::kMemoryFull);
  EXPECT_EQ(run(ask::Set("k0", value)), std::nullopt);
  EXPECT_EQ(run(ask::Get("k0")), std::nullopt);
  EXPECT_EQ(run(ask::Remove("k0")), std::nullopt);
  EXPECT_EQ(run(ask::Set("another", value)), std::nullopt);
}

TEST(ExecutorMemory, WhatIsKnownOfWritesThatMayComeAgainIsNotPartOfTheLimit) {
  constexpr std::size_t kMemory = 100'000;
  Executor executor({.user = "admin",
                     .password = "pwd",
                     .address = "x",
                     .value_bytes_max = 1 << 20,
                     .memory_bytes_max = kMemory});
  Output output;
  executor.CreateDatabase({.name = "db", .token = "t"}, output);
  const SessionId id{.slot = 0, .generation = 1};
  executor.Open(id, SessionKind::kConnection);
  const auto does = [&](const Command& command) {
    output.Clear();
    executor.Execute(id, command, output);
    return std::get<Reply>(output.items.back()).kind != ReplyKind::kError;
  };
  EXPECT_TRUE(does(ask::UseDb("db", "t")));
  for (std::uint64_t session = 1; executor.store().retries().bytes() <= kMemory; ++session) {
    Command again = ask::Set("k", "1");
    again.retry = {.session = {.high = session}, .sequence = 1};
    ASSERT_TRUE(does(again));
  }
  EXPECT_TRUE(does(ask::Set("another", "1")));
  EXPECT_TRUE(does({.verb = Verb::kMulti}));
  EXPECT_TRUE(does(ask::Set("third", "1")));
  EXPECT_TRUE(does({.verb = Verb::kExec}));
}

TEST(ExecutorRecords, ADecisionTooLargeForOneRecordIsTwo) {
  Executor executor({.user = "admin",
                     .password = "pwd",
                     .address = "x",
                     .value_bytes_max = kValueBytesMaxDefault});
  Output output;
  executor.CreateDatabase({.name = "db", .token = "t", .strategy = Strategy::kArbiter}, output);
  const SessionId id{.slot = 0, .generation = 1};
  executor.Open(id, SessionKind::kConnection);
  const auto run = [&](const Command& command) {
    output.Clear();
    executor.Execute(id, command, output);
    return std::get<Reply>(output.items.back());
  };
  run(ask::UseDb("db", "t"));
  run(ask::Plain(Verb::kArbiter));
  run(ask::SetSafe("k", 3, "1"));
  const std::string conflict(run(ask::SetSafe("k", 1, "2")).text);
  const std::int64_t number = std::stoll(conflict.substr(conflict.rfind('_') + 1));
  const std::string value(kValueBytesMaxDefault, 'v');
  EXPECT_EQ(run(ask::Resolve(number, "k", 4, value)).kind, ReplyKind::kOk);
  EXPECT_EQ(output.records.size(), 2U);
}

}  // namespace
}  // namespace nunc
