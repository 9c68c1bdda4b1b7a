#include <string>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

// Lines are those of the fixture: NAME NUMBER TEXT.
class ExplainTest : public ExecutorTest {
 protected:
  ExplainTest() {
    MakeDatabase("db");
    admin_ = JoinAdmin();
    client_ = Join();
    EndTurn();
  }
  std::string Explain(SessionId id, std::string_view key) {
    return Ask(id, ask::Plain(Verb::kExplain, key));
  }
  // The number of the row of that name.
  std::string NumberOf(std::string_view name, std::string_view explained) {
    const std::string sought = " " + std::string(name) + " ";
    const std::size_t at = explained.find(sought);
    if (at == std::string_view::npos) {
      return "none";
    }
    const std::string_view rest = explained.substr(at + sought.size());
    return std::string(rest.substr(0, rest.find(' ')));
  }
  Status Wait(std::string_view token) {
    Command command{.verb = Verb::kWait};
    command.since = token;
    return Run(client_, command);
  }

  SessionId admin_;
  SessionId client_;
};

TEST_F(ExplainTest, AKeyThatNeverWasIsAbsent) {
  EXPECT_EQ(Explain(client_, "k"),
            "explain key 0 k, state 0 absent, watchers 0 , pattern-watchers 0 , lagging 0 ");
}

TEST_F(ExplainTest, TheNewestChangeIsToldWithWhoMadeItAndWhen) {
  SetTime(7'000'000);
  EXPECT_EQ(Run(admin_, {.verb = Verb::kCreateUser, .name = "ann", .secret = "t"}), kFine);
  EXPECT_EQ(Run(admin_, {.verb = Verb::kSetPermissions, .name = "ann", .value = "rw *"}), kFine);
  const SessionId ann = Connect();
  EXPECT_EQ(Run(ann, ask::UseDb("db", "t", "ann")), kFine);
  EXPECT_EQ(Run(ann, ask::Set("k", "1")), kFine);
  const std::string by_ann = Explain(client_, "k");
  EXPECT_NE(by_ann.find("state 0 present, version 0 , revision "), std::string::npos) << by_ann;
  EXPECT_NE(by_ann.find(", writer 0 user, user 0 ann, at 7000 ,"), std::string::npos) << by_ann;
  EXPECT_EQ(Run(admin_, ask::Set("k", "2")), kFine);
  EXPECT_NE(Explain(client_, "k").find("writer 0 admin, at "), std::string::npos);
  EXPECT_EQ(Run(client_, ask::Set("k", "3")), kFine);
  EXPECT_NE(Explain(client_, "k").find("version 2 "), std::string::npos);
  EXPECT_NE(Explain(client_, "k").find("writer 0 token, at "), std::string::npos);
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_NE(Explain(client_, "k").find("state 0 removed, revision "), std::string::npos);
}

TEST_F(ExplainTest, AnOldWriterIsNotKnownAnyMore) {
  EXPECT_EQ(Run(client_, ask::Set("k", "1")), kFine);
  for (std::size_t i = 1; i < kRecentWritesMax; ++i) {
    EXPECT_EQ(Run(client_, ask::Set("other", "1")), kFine);
  }
  EXPECT_NE(Explain(client_, "k").find("writer 0 token, at "), std::string::npos);
  EXPECT_EQ(Run(client_, ask::Set("other", "1")), kFine);
  EXPECT_NE(Explain(client_, "k").find("writer 0 unknown, watchers "), std::string::npos);
}

TEST_F(ExplainTest, WatchersAreCountedAndNamedToAnAdminAlone) {
  const SessionId slow = Join();
  EXPECT_EQ(Run(client_, ask::Watch("k")), kFine);
  Command all = ask::Watch("k*");
  all.policy = WatchPolicy::kAll;
  EXPECT_EQ(Run(slow, all), kFine);
  EXPECT_EQ(Run(slow, ask::Watch("j*")), kFine);
  executor_.MarkLagging(slow);
  const std::string said = Explain(client_, "k");
  EXPECT_EQ(NumberOf("watchers", said), "1");
  EXPECT_EQ(NumberOf("pattern-watchers", said), "1");
  EXPECT_EQ(NumberOf("lagging", said), "1");
  EXPECT_EQ(said.find("watcher 0"), std::string::npos);
  const std::string named = Explain(admin_, "k");
  EXPECT_TRUE(
      named.ends_with(", watcher 0 1.1 token k latest live, watcher 0 2.1 token k* all "
                      "lagging"))
      << named;
}

TEST_F(ExplainTest, SoManyWatchersAreNamedAndAllAreCounted) {
  for (std::size_t i = 0; i <= kExplainWatchersMax; ++i) {
    EXPECT_EQ(Run(Join(), ask::Watch("k")), kFine);
  }
  const std::string named = Explain(admin_, "k");
  EXPECT_EQ(NumberOf("watchers", named), std::to_string(kExplainWatchersMax + 1));
  std::size_t lines = 0;
  for (std::size_t at = named.find("watcher 0"); at != std::string::npos;
       at = named.find("watcher 0", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, kExplainWatchersMax);
}

TEST_F(ExplainTest, WhoMayNotReadTheKeyIsToldNothing) {
  EXPECT_EQ(Run(admin_, {.verb = Verb::kSetPermissions, .name = "all", .value = "r a"}), kFine);
  EXPECT_EQ(Run(client_, ask::Plain(Verb::kExplain, "k")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(client_, ask::Plain(Verb::kExplain, "$$token")), ErrorCode::kSecureKey);
  EXPECT_EQ(Run(admin_, ask::Plain(Verb::kExplain, "$$token")), kFine);
}

TEST_F(ExplainTest, AWaitForWhatIsThereIsAnsweredAtOnceAndForWhatIsNotIsRefused) {
  Command watch = ask::Watch("*");
  watch.since = "0";
  EXPECT_EQ(Run(client_, watch), kFine);
  Take(client_);
  EndTurn();
  const Lines lines = Take(client_);
  const std::string token = lines.back().substr(lines.back().rfind(' ') + 1);
  EXPECT_EQ(Wait(token), kFine);
  EXPECT_EQ(Wait("0"), kFine);
  for (const std::string_view bad : {"", "x", "1.2", "1.1.00000000"}) {
    EXPECT_EQ(Wait(bad), ErrorCode::kBadToken) << bad;
  }
  std::string future = token;
  future.replace(token.find('.') + 1, 1, "9");
  EXPECT_EQ(Wait(future), ErrorCode::kBadToken);
}

}  // namespace
}  // namespace nunc
