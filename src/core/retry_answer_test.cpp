#include "core/retry_answer.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

Command As(Command command, std::uint64_t sequence, const SessionName& session = {}) {
  command.retry = {.session = session, .sequence = sequence};
  return command;
}

class RetryAnswerTest : public ExecutorTest {
 protected:
  static constexpr SessionName kAnn{.high = 0xA, .low = 0};

  RetryAnswerTest() {
    MakeDatabase("db");
    client_ = Join("db", kAnn);
  }

  // All that the last command was answered.
  [[nodiscard]] std::vector<Reply> Replies() const {
    std::vector<Reply> replies;
    for (const auto& item : output_.items) {
      if (const Reply* reply = std::get_if<Reply>(&item); reply != nullptr) {
        replies.push_back(*reply);
      }
    }
    return replies;
  }
  [[nodiscard]] Reply StatusOf() const { return Replies().back(); }
  std::string ValueOf(std::string_view key) {
    const Entry* entry = executor_.store().Find("db")->Find(key);
    return entry == nullptr ? "-" : std::string(entry->value());
  }
  // The same twice: the second time nothing happens, and the answer is the first one.
  void ExpectOnce(const Command& command) {
    const Status first = Run(client_, command);
    const std::vector<Reply> told = Replies();
    std::vector<std::string> texts;
    texts.reserve(told.size());
    for (const Reply& reply : told) {
      texts.emplace_back(reply.text);
    }
    const Revision newest = executor_.store().revision();
    EXPECT_EQ(Run(client_, command), first);
    EXPECT_EQ(executor_.store().revision(), newest);
    EXPECT_TRUE(output_.records.empty());
    const std::vector<Reply> again = Replies();
    ASSERT_EQ(again.size(), told.size());
    for (std::size_t i = 0; i < told.size(); ++i) {
      EXPECT_EQ(again[i].kind, told[i].kind);
      EXPECT_EQ(again[i].error, told[i].error);
      EXPECT_EQ(again[i].text, texts[i]);
      EXPECT_EQ(again[i].number, told[i].number);
      EXPECT_EQ(again[i].revision, told[i].revision);
    }
  }

  SessionId client_;
};

TEST_F(RetryAnswerTest, EachKindOfWriteIsDoneOnceAndAnsweredAlike) {
  ExpectOnce(As(ask::Set("s", "5"), 1));
  ExpectOnce(As(ask::SetSafe("s", 3, "6"), 2));
  ExpectOnce(As(ask::Put("p", "x"), 3));
  ExpectOnce(As(ask::Increment("n", 4), 4));
  ExpectOnce(As(ask::Increment("n", -10), 5));
  ExpectOnce(As(ask::Remove("s"), 6));
  EXPECT_EQ(ValueOf("n"), "-6");
  EXPECT_EQ(ValueOf("s"), "-");
}

TEST_F(RetryAnswerTest, TheFirstAnswerIsGivenAfterOthersHaveWritten) {
  Run(client_, As(ask::Increment("n"), 1));
  const Revision revision = StatusOf().revision;
  Run(client_, ask::Set("n", "70"));
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 1)), kFine);
  EXPECT_EQ(StatusOf().text, "1");
  EXPECT_EQ(StatusOf().revision, revision);
  EXPECT_EQ(ValueOf("n"), "70");
}

TEST_F(RetryAnswerTest, ASessionIsNamedAtAnyConnection) {
  Run(client_, As(ask::Increment("n"), 1));
  Disconnect(client_);
  client_ = Join("db", {.high = 0xB, .low = 0});
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 1, kAnn)), kFine);
  EXPECT_EQ(StatusOf().text, "1");
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 1)), kFine);
  EXPECT_EQ(StatusOf().text, "2");  // its own first one
  client_ = Join("db");
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 2)), ErrorCode::kBadSequence);
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 2, kAnn)), kFine);
  EXPECT_EQ(ValueOf("n"), "3");
}

TEST_F(RetryAnswerTest, EachDatabaseHasItsOwn) {
  MakeDatabase("other");
  Run(client_, As(ask::Increment("n"), 1));
  const SessionId there = Join("other", kAnn);
  EXPECT_EQ(Run(there, As(ask::Increment("n"), 1)), kFine);
  EXPECT_EQ(output_.records.size(), 1U);
}

TEST_F(RetryAnswerTest, AnotherRequestUnderTheSameNameIsRefused) {
  Run(client_, As(ask::Set("k", "1"), 7));
  for (const Command& other :
       {ask::Set("l", "1"), ask::Remove("k"), ask::Increment("l"), ask::Put("l", "1")}) {
    EXPECT_EQ(Run(client_, As(other, 7)), ErrorCode::kSequenceReused);
    EXPECT_EQ(error_number_, 7);
  }
  EXPECT_EQ(ValueOf("l"), "-");
  EXPECT_EQ(ValueOf("k"), "1");
}

TEST_F(RetryAnswerTest, BelowTheWindowItIsRefusedAndSaysSo) {
  for (std::uint64_t sequence = 1; sequence <= kRetriesPerSessionMax + 1; ++sequence) {
    Run(client_, As(ask::Increment("n"), sequence));
  }
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 1)), ErrorCode::kSequenceForgotten);
  EXPECT_EQ(error_number_, 1);
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 2)), kFine);
  EXPECT_EQ(ValueOf("n"), std::to_string(kRetriesPerSessionMax + 1));
}

TEST_F(RetryAnswerTest, ASessionThatMayHaveBeenForgottenIsRefused) {
  Run(client_, As(ask::Increment("n"), 1));
  const std::int64_t later_us = kRetryAgeUsMax + 1'000'000'000;
  SetTime(later_us);
  const SessionName bob{.high = 0xB, .low = executor_.store().revision().value};
  Run(Join("db", bob), As(ask::Increment("n"), 1));
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 1)), ErrorCode::kSessionForgotten);
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 2)), ErrorCode::kSessionForgotten);
  EXPECT_EQ(ValueOf("n"), "2");
  const SessionName carl{.high = 0xC, .low = executor_.store().revision().value};
  EXPECT_EQ(Run(Join("db", carl), As(ask::Increment("n"), 1)), kFine);
}

TEST_F(RetryAnswerTest, WhatWasRefusedIsRunAnew) {
  EXPECT_EQ(Run(client_, As(ask::Put("k", "1", 4), 1)), ErrorCode::kKeyAbsent);
  Run(client_, ask::SetSafe("k", 3, "0"));
  EXPECT_EQ(Run(client_, As(ask::Put("k", "1", 4), 1)), kFine);
  EXPECT_EQ(ValueOf("k"), "1");
}

TEST_F(RetryAnswerTest, ATransactionIsDoneOnce) {
  Run(client_, ask::Set("gone", "x"));
  const auto exec = [&](std::uint64_t sequence) {
    Run(client_, ask::Plain(Verb::kMulti));
    Run(client_, ask::Increment("n"));
    Run(client_, ask::Remove("gone"));
    Take(client_);
    const Status status = Run(client_, As(ask::Plain(Verb::kExec), sequence));
    return std::pair(status, Take(client_));
  };
  const auto first = exec(1);
  const Revision revision = StatusOf().revision;
  EXPECT_EQ(first.second, (Lines{"exec n 0 , gone -1 ", "ok"}));
  EXPECT_EQ(exec(1), first);
  EXPECT_EQ(StatusOf().revision, revision);
  EXPECT_EQ(Replies().front().revision, revision);
  EXPECT_EQ(ValueOf("n"), "1");
  EXPECT_EQ(exec(2).first, kFine);
  EXPECT_EQ(ValueOf("n"), "2");
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 2)), ErrorCode::kSequenceReused);
}

TEST_F(RetryAnswerTest, InATransactionTheNameBelongsToExec) {
  Run(client_, ask::Plain(Verb::kMulti));
  EXPECT_EQ(Run(client_, As(ask::Set("k", "1"), 1)), ErrorCode::kBadSequence);
  EXPECT_EQ(Run(client_, ask::Plain(Verb::kExec)), ErrorCode::kTransactionSpoiled);
}

TEST_F(RetryAnswerTest, AConflictIsQueuedOnce) {
  MakeDatabase("arb", Strategy::kArbiter);
  const SessionId arbiter = Join("arb", {.high = 0xB, .low = 0});
  Run(arbiter, ask::Plain(Verb::kArbiter));
  Run(arbiter, ask::SetSafe("k", 3, "1"));
  client_ = arbiter;
  ExpectOnce(As(ask::SetSafe("k", 1, "2"), 1));
  EXPECT_EQ(StatusOf().error, ErrorCode::kConflictUnresolved);
  EXPECT_EQ(executor_.store().Find("arb")->conflicts().OpenOf("k").size(), 1U);
  ExpectOnce(As(ask::Remove("k"), 2));
}

TEST_F(RetryAnswerTest, RightsAreAskedForFirstAndSpaceIsNot) {
  Run(client_, As(ask::Increment("n"), 1));
  executor_.SetLogRoom(0);
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 2)), ErrorCode::kDiskFull);
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 1)), kFine);
  executor_.SetLogRoom(1'000'000);
  Run(JoinAdmin(), ask::SetPermissions("all", "r *"));
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 1)), ErrorCode::kPermissionDenied);
}

TEST_F(RetryAnswerTest, TheRecordBearsTheName) {
  Run(client_, As(ask::Set("k", "1"), 9));
  EXPECT_EQ(output_.records[0].record.retry,
            (RetryId{.session = kAnn.owner(), .sequence = 9, .begins = true}));
  Run(client_, ask::Set("k", "1"));
  EXPECT_EQ(output_.records[0].record.retry, RetryId{});
}

TEST_F(RetryAnswerTest, AnAnswerWaitsForItsRecordAsTheFirstOneDid) {
  output_.Clear();
  executor_.CreateDatabase({.name = "safe", .token = "token", .level = AckLevel::kDisk}, output_);
  client_ = Join("safe", kAnn);
  Run(client_, As(ask::Increment("n"), 1));
  const Revision revision = StatusOf().revision;
  Run(client_, ask::Set("other", "x"));
  Run(client_, As(ask::Increment("n"), 1));
  EXPECT_EQ(StatusOf().after, revision);
  EXPECT_EQ(Run(client_, As(ask::Set("other", "x"), 1)), ErrorCode::kSequenceReused);
  EXPECT_EQ(StatusOf().after, revision);
}

TEST_F(RetryAnswerTest, WhatIsTakenBackIsDoneAgain) {
  executor_.store().KeepUndo(1'000'000);
  Run(client_, As(ask::Increment("n"), 1));
  const Store::Stamp kept{.revision = executor_.store().revision(), .time_us = 2'000};
  Run(client_, As(ask::Increment("n"), 2));
  ASSERT_TRUE(executor_.store().MayRewind(kept.revision));
  output_.Clear();
  executor_.Rewind(kept, output_);
  EXPECT_EQ(ValueOf("n"), "1");
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 2)), kFine);
  EXPECT_EQ(output_.records.size(), 1U);
  EXPECT_EQ(Run(client_, As(ask::Increment("n"), 1)), kFine);
  EXPECT_EQ(ValueOf("n"), "2");
}

TEST_F(RetryAnswerTest, TheTableCountsAsMemory) {
  const std::size_t before = executor_.store().bytes();
  Run(client_, ask::Set("k", "1"));
  const std::size_t plain = executor_.store().bytes() - before;
  Run(client_, As(ask::Set("k", "1"), 1));
  EXPECT_EQ(executor_.store().bytes(), before + plain + executor_.store().retries().bytes());
  EXPECT_GT(executor_.store().retries().bytes(), 0U);
}

}  // namespace
}  // namespace nunc
