#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/command_fixture.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

class ExecutorTransactionTest : public ExecutorTest {
 protected:
  ExecutorTransactionTest() {
    MakeDatabase("db");
    client_ = Join();
  }

  // Begins one and holds these.
  void Hold(const std::vector<Command>& writes) {
    EXPECT_EQ(Run(client_, {.verb = Verb::kMulti}), kFine);
    for (const Command& write : writes) {
      EXPECT_EQ(Ask(client_, write), "queued");
    }
    Take(client_);
  }
  Status Exec() { return Run(client_, {.verb = Verb::kExec}); }
  std::string Value(std::string_view key) { return Ask(client_, ask::GetSafe(key)); }
  std::uint32_t Position() { return std::get<Reply>(output_.items.back()).position; }

  SessionId client_{};
};

TEST_F(ExecutorTransactionTest, AllIsDoneAtOnce) {
  EXPECT_EQ(Run(client_, ask::Set("gone", "x")), kFine);
  const SessionId watcher = Join();
  for (const std::string_view key : {"a", "n", "gone", "b"}) {
    EXPECT_EQ(Run(watcher, ask::Watch(key)), kFine);
  }
  Take(watcher);
  Hold({ask::Set("a", "1"), ask::Increment("n", 5), ask::Remove("gone"), ask::PutNew("b", "2")});
  EXPECT_EQ(Take(watcher), Lines{});
  EXPECT_EQ(Exec(), kFine);
  ASSERT_EQ(output_.records.size(), 1U);
  EXPECT_EQ(output_.records.front().record.type, RecordType::kBatch);
  EXPECT_EQ(output_.records.front().record.items.size(), 4U);
  EXPECT_EQ(Take(client_), (Lines{"exec a 0 , n 0 , gone -1 , b 0 ", "ok"}));
  EXPECT_EQ(Take(watcher), (Lines{"set a 1 0", "set n 5 0", "removed gone", "set b 2 0"}));
  EXPECT_EQ(Value("n"), "value-version 0 5");
  EXPECT_EQ(Exec(), ErrorCode::kNoTransaction);
}

TEST_F(ExecutorTransactionTest, OneThatIsRefusedLeavesAllAsItWas) {
  EXPECT_EQ(Run(client_, ask::Set("a", "old")), kFine);
  EXPECT_EQ(Run(client_, ask::Set("text", "x")), kFine);
  const std::vector<std::pair<Command, ErrorCode>> refused = {
      {ask::Put("a", "2", 7), ErrorCode::kVersionDiffers},
      {ask::PutNew("a", "2"), ErrorCode::kKeyExists},
      {ask::Put("none", "2", 0), ErrorCode::kKeyAbsent},
      {ask::Increment("text"), ErrorCode::kNotNumeric},
  };
  for (const auto& [write, code] : refused) {
    Hold({ask::Set("b", "1"), write});
    EXPECT_EQ(Exec(), code);
    EXPECT_EQ(Position(), 2U);
    EXPECT_TRUE(output_.records.empty());
    EXPECT_EQ(Value("a"), "value-version 0 old");
    EXPECT_EQ(Value("b"), "no value-version");
  }
}

TEST_F(ExecutorTransactionTest, WhatIsRefusedOnTheWaySpoilsIt) {
  const std::vector<std::pair<Command, ErrorCode>> refused = {
      {ask::Get("a"), ErrorCode::kInTransaction},
      {ask::Watch("a"), ErrorCode::kInTransaction},
      {{.verb = Verb::kMulti}, ErrorCode::kInTransaction},
      {ask::UseDb("db", "token"), ErrorCode::kInTransaction},
      {ask::Set("", "1"), ErrorCode::kEmptyKey},
      {ask::Set("$$secret", "1"), ErrorCode::kSecureKey},
      {ask::Set("b", "again"), ErrorCode::kKeyTwice},
      {{.verb = Verb::kRejected, .name = "no such command"}, ErrorCode::kRejected},
  };
  for (const auto& [command, code] : refused) {
    Hold({ask::Set("b", "1")});
    EXPECT_EQ(Run(client_, command), code);
    EXPECT_EQ(Exec(), ErrorCode::kTransactionSpoiled);
    EXPECT_EQ(Value("b"), "no value-version");
  }
}

TEST_F(ExecutorTransactionTest, DiscardAndGoodbyeEndIt) {
  EXPECT_EQ(Run(client_, {.verb = Verb::kDiscard}), ErrorCode::kNoTransaction);
  Hold({ask::Set("b", "1")});
  EXPECT_EQ(Run(client_, {.verb = Verb::kDiscard}), kFine);
  EXPECT_EQ(Exec(), ErrorCode::kNoTransaction);
  Hold({ask::Set("b", "1")});
  Disconnect(client_);
  client_ = Join();
  EXPECT_EQ(Exec(), ErrorCode::kNoTransaction);
  EXPECT_EQ(Value("b"), "no value-version");
}

TEST_F(ExecutorTransactionTest, AnEmptyOneDoesNothing) {
  Hold({});
  EXPECT_EQ(Exec(), kFine);
  EXPECT_TRUE(output_.records.empty());
}

TEST_F(ExecutorTransactionTest, SoManyWritesAreHeldAndNotOneMore) {
  EXPECT_EQ(Run(client_, {.verb = Verb::kMulti}), kFine);
  for (std::size_t i = 0; i < kTransactionWritesMax; ++i) {
    ASSERT_EQ(Run(client_, ask::Set("k" + std::to_string(i), "v")), kFine);
  }
  EXPECT_EQ(Run(client_, ask::Set("more", "v")), ErrorCode::kTransactionTooLarge);
  EXPECT_EQ(Exec(), ErrorCode::kTransactionSpoiled);
}

TEST_F(ExecutorTransactionTest, SoManyBytesAreHeldAndNotOneMore) {
  const std::string value(kValueBytesMax, 'x');
  const auto fill = [&](SessionId id) {
    EXPECT_EQ(Run(id, {.verb = Verb::kMulti}), kFine);
    for (char key = 'a'; key < 'o'; ++key) {
      ASSERT_EQ(Run(id, ask::Set(std::string(1, key), value)), kFine);
    }
    const std::size_t left = kTransactionBytesMax - 14 * (kValueBytesMax + 1);
    ASSERT_EQ(Run(id, ask::Set("o", std::string_view(value).substr(0, left - 1))), kFine);
  };
  fill(client_);
  EXPECT_EQ(Run(client_, ask::Set("p", "")), ErrorCode::kTransactionTooLarge);
  EXPECT_EQ(Run(client_, {.verb = Verb::kDiscard}), kFine);
  // And in all.
  std::vector<SessionId> sessions;
  for (std::size_t i = 0; i < kTransactionsBytesMax / kTransactionBytesMax; ++i) {
    fill(sessions.emplace_back(Join()));
  }
  const std::size_t left = kTransactionsBytesMax % kTransactionBytesMax;
  EXPECT_EQ(Run(client_, {.verb = Verb::kMulti}), kFine);
  ASSERT_EQ(Run(client_, ask::Set("a", std::string_view(value).substr(0, left - 1))), kFine);
  EXPECT_EQ(Run(client_, ask::Set("b", "")), ErrorCode::kTransactionTooLarge);
  Disconnect(sessions.front());
  EXPECT_EQ(Run(client_, {.verb = Verb::kDiscard}), kFine);
  EXPECT_EQ(Run(client_, {.verb = Verb::kMulti}), kFine);
  EXPECT_EQ(Run(client_, ask::Set("b", value)), kFine);
}

TEST_F(ExecutorTransactionTest, AnOlderVersionRefusesItWhateverTheStrategy) {
  MakeDatabase("decided", Strategy::kArbiter);
  client_ = Join("decided");
  const SessionId arbiter = Join("decided");
  EXPECT_EQ(Run(arbiter, {.verb = Verb::kArbiter}), kFine);
  EXPECT_EQ(Run(client_, ask::Set("a", "1")), kFine);
  EXPECT_EQ(Run(client_, ask::Set("a", "2")), kFine);
  Hold({ask::SetSafe("a", 0, "mine")});
  EXPECT_EQ(Exec(), ErrorCode::kInvalidVersion);
  EXPECT_TRUE(output_.records.empty());
  EXPECT_EQ(Run(client_, ask::SetSafe("a", 0, "queued")), ErrorCode::kConflictUnresolved);
  Hold({ask::Remove("a")});
  EXPECT_EQ(Exec(), ErrorCode::kConflictUnresolved);
}

// Who keeps tokens is told when the unit is whole.
TEST_F(ExecutorTransactionTest, AReadyClosesItForWhoKeepsTokens) {
  const SessionId keeps = Join();
  Command watch = ask::Watch("*");
  watch.since = "0";
  EXPECT_EQ(Run(keeps, watch), kFine);
  EndTurn();
  Take(keeps);
  Hold({ask::Set("a", "1"), ask::Set("b", "2")});
  EXPECT_EQ(Exec(), kFine);
  EndTurn();
  const Lines told = Take(keeps);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0], "set a 1 0");
  EXPECT_EQ(told[1], "set b 2 0");
  EXPECT_TRUE(told[2].starts_with("ready "));
  EXPECT_EQ(Run(client_, ask::Set("a", "3")), kFine);
  EndTurn();
  EXPECT_EQ(Take(keeps), Lines{"set a 3 1"});
}

}  // namespace
}  // namespace nunc
