#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

using Words = std::vector<std::string_view>;

class ExecutorReadTest : public ExecutorTest {
 protected:
  ExecutorReadTest() {
    MakeDatabase("db");
    client_ = Join();
    admin_ = JoinAdmin();
  }
  void Write(std::string_view key, std::string_view value) {
    EXPECT_EQ(Run(admin_, ask::Set(key, value)), kFine);
  }
  // A user of the database with this list of permissions.
  SessionId JoinUser(std::string_view list) {
    EXPECT_EQ(Run(admin_, ask::Named(Verb::kCreateUser, "ada", "secret")), kFine);
    EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", list)), kFine);
    const SessionId user = Connect();
    EXPECT_EQ(Run(user, ask::UseDb("db", "secret", "ada")), kFine);
    return user;
  }

  SessionId client_;
  SessionId admin_;
};

// ---- get-many

TEST_F(ExecutorReadTest, KeysThatExistAreShownWithTheirVersionsInTheOrderAsked) {
  Write("a", "1");
  Write("b", "x y");
  Write("b", "");
  const Words keys = {"b", "missing", "a", "b"};
  EXPECT_EQ(Ask(client_, ask::GetMany(keys)), "values b 1 , a 0 1, b 1 ");
  Run(client_, ask::Remove("b"));
  EXPECT_EQ(Ask(client_, ask::GetMany(keys)), "values a 0 1");
  EXPECT_EQ(Ask(client_, ask::GetMany({})), "values");
}

TEST_F(ExecutorReadTest, KeysThatMayNotBeReadAreLeftOut) {
  Write("open1", "1");
  Write("closed", "2");
  const Words keys = {"$$token", "closed", "open1"};
  EXPECT_EQ(Ask(JoinUser("r open*|w *"), ask::GetMany(keys)), "values open1 0 1");
  EXPECT_EQ(Ask(client_, ask::GetMany(keys)), "values closed 0 2, open1 0 1");
  EXPECT_EQ(Ask(admin_, ask::GetMany(keys)), "values $$token 0 token, closed 0 2, open1 0 1");
  // A list for all limits admins too, but for `$$` keys.
  EXPECT_EQ(Run(admin_, ask::SetPermissions("all", "r open*")), kFine);
  EXPECT_EQ(Ask(admin_, ask::GetMany(keys)), "values $$token 0 token, open1 0 1");
}

TEST_F(ExecutorReadTest, ABadKeyAmongSeveralIsRefusedAsThatOfGetIs) {
  Write("a", "1");
  const std::string longest(kKeyBytesMax, 'k');
  const std::string longer = longest + 'k';
  EXPECT_EQ(Run(client_, ask::GetMany(Words{"a", longest})), kFine);
  EXPECT_EQ(Run(client_, ask::GetMany(Words{"a", longer})), ErrorCode::kKeyTooLong);
  EXPECT_EQ(Run(client_, ask::GetMany(Words{"a", ""})), ErrorCode::kEmptyKey);
  EXPECT_EQ(Run(client_, ask::GetMany(Words{"a", "b\n"})), ErrorCode::kKeyCharacter);
  EXPECT_EQ(Run(Connect(), ask::GetMany(Words{"a"})), ErrorCode::kNoDatabaseSelected);
}

TEST_F(ExecutorReadTest, SoManyKeysAreTakenAndNotOneMore) {
  Write("a", "1");
  Words keys(kGetManyKeysMax, "a");
  EXPECT_EQ(Run(client_, ask::GetMany(keys)), kFine);
  EXPECT_EQ(output_.rows.size(), kGetManyKeysMax);
  EXPECT_EQ(output_.entries_visited, kGetManyKeysMax);
  keys.push_back("a");
  EXPECT_EQ(Run(client_, ask::GetMany(keys)), ErrorCode::kTooManyKeys);
}

TEST_F(ExecutorReadTest, AnAnswerHasSoManyBytesOfKeysAndValuesAndNotOneMore) {
  const std::string value(kValueBytesMax - 1, 'v');
  Write("a", value);
  Write("b", value + "v");
  static_assert(kReplyBytesMax % kValueBytesMax == 0);
  Words keys(kReplyBytesMax / kValueBytesMax, "a");
  EXPECT_EQ(Run(client_, ask::GetMany(keys)), kFine);
  keys.back() = "b";
  EXPECT_EQ(Run(client_, ask::GetMany(keys)), ErrorCode::kReplyTooLong);
  EXPECT_TRUE(output_.rows.empty());
}

TEST_F(ExecutorReadTest, AKeyThatWaitsForAnArbiterIsShownAsGetSafeShowsIt) {
  MakeDatabase("arb", Strategy::kArbiter);
  const SessionId arbiter = Join("arb");
  EXPECT_EQ(Run(arbiter, ask::Plain(Verb::kArbiter)), kFine);
  EXPECT_EQ(Run(arbiter, ask::SetSafe("k", 2, "old")), kFine);
  EXPECT_EQ(Run(arbiter, ask::SetSafe("k", 1, "new")), ErrorCode::kConflictUnresolved);
  EXPECT_EQ(Ask(arbiter, ask::GetSafe("k")), "value-version -2 old");
  EXPECT_EQ(Ask(arbiter, ask::GetMany(Words{"k"})), "values k -2 old");
}

// ---- scan

TEST_F(ExecutorReadTest, AScanShowsTheKeysOfAPrefixInOrder) {
  for (const char* key : {"b", "ab", "a*", "ac", "a", "\xC3\xA9"}) {
    Write(key, "1");
  }
  EXPECT_EQ(Ask(client_, ask::Scan("a")), "scan a 0 1, a* 0 1, ab 0 1, ac 0 1 end");
  EXPECT_EQ(Ask(client_, ask::Scan("a*")), Ask(client_, ask::Scan("a")));
  EXPECT_EQ(Ask(client_, ask::Scan("a**")), "scan a* 0 1 end");
  EXPECT_EQ(Ask(client_, ask::Scan("c")), "scan end");
  const std::string everything = Ask(client_, ask::Scan("*"));
  EXPECT_TRUE(everything.starts_with("scan $connections 1 2, a 0 1, ")) << everything;
  EXPECT_TRUE(everything.ends_with(", b 0 1, \xC3\xA9 0 1 end")) << everything;
  EXPECT_EQ(Ask(client_, ask::Scan("")), everything);
}

TEST_F(ExecutorReadTest, AScanGoesOnBehindTheKeyThatItNamed) {
  for (const char* key : {"a1", "a2", "a3", "b"}) {
    Write(key, "1");
  }
  EXPECT_EQ(Ask(client_, ask::Scan("a", "", 2)), "scan a1 0 1, a2 0 1 more a2");
  EXPECT_EQ(Ask(client_, ask::Scan("a", "a2", 2)), "scan a3 0 1 end");
  // Exactly as many as there are is all; the key may have gone; before the prefix is its start.
  EXPECT_EQ(Ask(client_, ask::Scan("a", "a1", 2)), "scan a2 0 1, a3 0 1 end");
  EXPECT_EQ(Ask(client_, ask::Scan("a", "a25")), "scan a3 0 1 end");
  EXPECT_EQ(Ask(client_, ask::Scan("a", "A")), Ask(client_, ask::Scan("a")));
  EXPECT_EQ(Ask(client_, ask::Scan("a", "b")), "scan end");
}

TEST_F(ExecutorReadTest, AScanShowsOnlyWhatMayBeRead) {
  for (const char* key : {"$$a", "$%", "closed", "open"}) {
    Write(key, "1");
  }
  const SessionId user = JoinUser("r open,$*|w *");
  EXPECT_EQ(Ask(user, ask::Scan("$$")), "scan end");
  EXPECT_EQ(Ask(user, ask::Scan("o")), "scan open 0 1 end");
  EXPECT_EQ(Ask(user, ask::Scan("c")), "scan end");
  EXPECT_EQ(Ask(user, ask::Scan("$%")), "scan $% 0 1 end");
  EXPECT_EQ(Ask(admin_, ask::Scan("$$a")), "scan $$a 0 1 end");
  // No part ends at a `$$` key, whose name is not to be known.
  EXPECT_EQ(Ask(user, ask::Scan("$", "$$", 1)), "scan $% 0 1 more $%");
  EXPECT_EQ(Ask(admin_, ask::Scan("$", "$$", 1)), "scan $$a 0 1 more $$a");
  Write("$#", "2");
  Write("$%", std::string(kScanBytesMax, 'v'));
  EXPECT_EQ(Ask(user, ask::Scan("$#")), "scan $# 0 2 end");
  EXPECT_EQ(Ask(user, ask::Scan("$", "$!")), "scan $# 0 2 more $#");
}

TEST_F(ExecutorReadTest, AScanHasALimitWithinBounds) {
  for (std::int64_t i = 0; i <= kScanRowsMax; ++i) {
    Write("k" + std::to_string(i), "");
  }
  const auto rows = [this](std::optional<std::int64_t> limit) {
    EXPECT_EQ(Run(client_, ask::Scan("k", "", limit)), kFine);
    return static_cast<std::int64_t>(output_.rows.size());
  };
  EXPECT_EQ(rows(std::nullopt), kScanRowsDefault);
  EXPECT_EQ(rows(1), 1);
  EXPECT_EQ(rows(kScanRowsMax), kScanRowsMax);
  for (const std::int64_t bad : {kScanRowsMax + 1, std::int64_t{0}, std::int64_t{-1}}) {
    EXPECT_EQ(Run(client_, ask::Scan("k", "", bad)), ErrorCode::kScanLimit);
    EXPECT_EQ(error_text_, std::to_string(bad));
  }
}

TEST_F(ExecutorReadTest, APartOfAScanEndsAtSoManyBytesButShowsOne) {
  static_assert(kValueBytesMax == kScanBytesMax);
  const std::string half(kScanBytesMax / 2 - 1, 'v');
  Write("a", half);
  Write("b", half);
  Write("c", "");
  const auto keys = [this](std::string_view after) {
    EXPECT_EQ(Run(client_, ask::Scan("*", after)), kFine);
    std::string text;
    for (const Output::Row& row : output_.rows) {
      text += row.name;
    }
    return text + "|" + std::string(std::get<Reply>(output_.items.front()).text);
  };
  EXPECT_EQ(keys("Z"), "ab|b");  // the key of one byte more is one too many
  Run(client_, ask::Remove("c"));
  EXPECT_EQ(keys("Z"), "ab|");
  Write("b", half + "v");
  EXPECT_EQ(keys("Z"), "a|a");
  Write("a", std::string(kScanBytesMax, 'v'));
  EXPECT_EQ(keys("Z"), "a|a");
}

TEST_F(ExecutorReadTest, APartOfAScanEndsWhenItHasLookedAtSoManyKeys) {
  for (std::size_t i = 0; i < kScanVisitedMax; ++i) {
    Write("k" + std::to_string(100'000 + i), "");
  }
  const SessionId user = JoinUser("r z*");
  EXPECT_EQ(Ask(user, ask::Scan("k")), "scan end");
  Write("kz", "");
  Write("z", "1");
  EXPECT_EQ(Ask(user, ask::Scan("k")), "scan more k119999");
  EXPECT_EQ(Ask(user, ask::Scan("", "k119999")), "scan z 0 1 end");
}

}  // namespace
}  // namespace nunc
