#include <string>
#include <string_view>
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

}  // namespace
}  // namespace nunc
