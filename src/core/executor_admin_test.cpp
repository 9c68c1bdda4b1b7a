#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

class ExecutorAdminTest : public ExecutorTest {
 protected:
  ExecutorAdminTest() { admin_ = ConnectAdmin(); }
  Status CreateUser(std::string_view user, std::string_view token) {
    return Run(admin_, ask::Named(Verb::kCreateUser, user, token));
  }
  Status LogIn(std::string_view user, std::string_view token) {
    return Run(Connect(), ask::UseDb("db", token, user));
  }
  SessionId admin_;
};

// ---- auth

TEST_F(ExecutorAdminTest, AuthNeedsUserAndPassword) {
  const SessionId client = Connect();
  for (const auto& [user, password] :
       {std::pair{"admin", "wrong"}, std::pair{"other", "pwd"}, std::pair{"", ""},
        std::pair{"admin", ""}, std::pair{"admin", "pwdpwd"}}) {
    EXPECT_EQ(Ask(client, ask::Named(Verb::kAuth, user, password)), "auth invalid");
    EXPECT_EQ(Run(client, ask::CreateDb("x", "t")), ErrorCode::kNotAuth);
  }
  EXPECT_EQ(Ask(client, ask::Named(Verb::kAuth, "admin", "pwd")), "auth valid");
  EXPECT_EQ(Run(client, ask::CreateDb("x", "t")), kFine);
}

TEST_F(ExecutorAdminTest, AWrongAttemptKeepsTheRightWonBefore) {
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kAuth, "admin", "wrong")), "auth invalid");
  EXPECT_EQ(Run(admin_, ask::CreateDb("x", "t")), kFine);
}

// ---- databases

TEST_F(ExecutorAdminTest, ACreatedDatabaseOpensWithItsToken) {
  EXPECT_EQ(Ask(admin_, ask::CreateDb("db", "t")), "database created");
  EXPECT_EQ(Run(admin_, ask::Get("k")), ErrorCode::kNoDatabaseSelected);  // it is not selected
  EXPECT_EQ(Run(Connect(), ask::UseDb("db", "t")), kFine);
  EXPECT_EQ(Run(Connect(), ask::UseDb("db", "T")), ErrorCode::kInvalidToken);
  EXPECT_EQ(Run(Connect(), ask::UseDb("db", "")), ErrorCode::kInvalidToken);
  EXPECT_EQ(Run(Connect(), ask::UseDb("d", "t")), ErrorCode::kUnknownDatabase);
}

TEST_F(ExecutorAdminTest, AFailedSelectionKeepsTheOneOfBefore) {
  MakeDatabase("db");
  MakeDatabase("other");
  const SessionId client = Join();
  EXPECT_EQ(Run(client, ask::UseDb("other", "wrong")), ErrorCode::kInvalidToken);
  EXPECT_EQ(Run(client, ask::Set("k", "v")), kFine);
  EXPECT_EQ(Ask(Join(), ask::Get("k")), "value v");
}

TEST_F(ExecutorAdminTest, ANameIsTakenOnce) {
  EXPECT_EQ(Run(admin_, ask::CreateDb("db", "t")), kFine);
  EXPECT_EQ(Run(admin_, ask::CreateDb("db", "other")), ErrorCode::kDatabaseExists);
  EXPECT_EQ(Run(admin_, ask::CreateDb("$admin", "t")), ErrorCode::kDatabaseExists);
  EXPECT_EQ(Run(Connect(), ask::UseDb("db", "t")), kFine);
}

TEST_F(ExecutorAdminTest, TheAdminDatabaseListsAllDatabases) {
  EXPECT_EQ(Run(admin_, ask::CreateDb("b", "t")), kFine);
  EXPECT_EQ(Run(admin_, ask::CreateDb("a", "t")), kFine);
  EXPECT_EQ(Run(admin_, ask::UseDb("$admin", "pwd")), kFine);
  EXPECT_EQ(Ask(admin_, ask::Keys("")), "keys $$token,$admin,$connections,a,b");
  EXPECT_EQ(Ask(admin_, ask::Get("a")), "value {}");
}

TEST_F(ExecutorAdminTest, ANewDatabaseIsToldToWatchersOfItsKey) {
  EXPECT_EQ(Run(admin_, ask::UseDb("$admin", "pwd")), kFine);
  EXPECT_EQ(Run(admin_, ask::Watch("new")), kFine);
  Take(admin_);
  EXPECT_EQ(Run(admin_, ask::CreateDb("new", "t")), kFine);
  EXPECT_EQ(Take(admin_), (Lines{"set new {} 0", "database created", "ok"}));
}

TEST_F(ExecutorAdminTest, TheAdminDatabasesOwnEntryIsNotWritten) {
  EXPECT_EQ(Run(admin_, ask::UseDb("$admin", "pwd")), kFine);
  EXPECT_EQ(Run(admin_, ask::Set("$admin", "x")), ErrorCode::kServerKey);
  EXPECT_EQ(Run(admin_, ask::Increment("$admin")), ErrorCode::kServerKey);
  EXPECT_EQ(Run(admin_, ask::Remove("$admin")), ErrorCode::kServerKey);
  EXPECT_EQ(Ask(admin_, ask::Get("$admin")), "value {}");
}

// `$$token` there would be the admin database's own token, `$connections` its count.
TEST_F(ExecutorAdminTest, ADatabaseCannotHaveTheNameOfAServersKey) {
  EXPECT_EQ(Run(admin_, ask::UseDb("$admin", "pwd")), kFine);
  for (const char* name : {"$$token", "$connections", "$$permission_$all", "$$user_x", "$x"}) {
    EXPECT_EQ(Run(admin_, ask::CreateDb(name, "t")), ErrorCode::kServerKey) << name;
    EXPECT_EQ(error_text_, name);
  }
  EXPECT_EQ(Run(Connect(), ask::UseDb("$admin", "{}")), ErrorCode::kInvalidToken);
  EXPECT_EQ(Run(Connect(), ask::UseDb("$admin", "pwd")), kFine);
  EXPECT_EQ(Ask(admin_, ask::Get("$connections")), "value 2");
}

TEST_F(ExecutorAdminTest, NamesHaveALimitAndNoSeparators) {
  const std::string longest(kNameBytesMax, 'n');
  EXPECT_EQ(Run(admin_, ask::CreateDb(longest, "t")), kFine);
  EXPECT_EQ(Run(admin_, ask::CreateDb(longest + "n", "t")), ErrorCode::kBadName);
  EXPECT_EQ(error_text_, longest + "n");
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../x"),
        std::string("a\\b"), std::string("a b"), std::string("a,b"), std::string("a;b"),
        std::string("a|b"), std::string("a\nb"), std::string("a\0b", 3), std::string("a\x7F")}) {
    EXPECT_EQ(Run(admin_, ask::CreateDb(name, "t")), ErrorCode::kBadName) << name;
  }
  for (const char* name : {"...", "a.b", "vec-001", "\xC3\xA9", "a:b", "a$"}) {
    EXPECT_EQ(Run(admin_, ask::CreateDb(name, "t")), kFine) << name;
  }
}

TEST_F(ExecutorAdminTest, SecretsHaveALimitAndAreNotEmpty) {
  const std::string longest(kSecretBytesMax, 's');
  EXPECT_EQ(Run(admin_, ask::CreateDb("db", longest)), kFine);
  EXPECT_EQ(Run(admin_, ask::CreateDb("b", longest + "s")), ErrorCode::kBadSecret);
  EXPECT_EQ(Run(admin_, ask::CreateDb("b", "")), ErrorCode::kBadSecret);
  EXPECT_EQ(executor_.store().Find("b"), nullptr);
  EXPECT_EQ(Run(admin_, ask::UseDb("db", longest)), kFine);
  EXPECT_EQ(CreateUser("u", longest), kFine);
  EXPECT_EQ(CreateUser("v", longest + "s"), ErrorCode::kBadSecret);
  EXPECT_EQ(CreateUser("v", ""), ErrorCode::kBadSecret);
}

TEST_F(ExecutorAdminTest, AtTheLimitNoMoreDatabasesAreCreated) {
  for (std::size_t i = 1; i < kDatabasesMax; ++i) {  // $admin is one
    ASSERT_EQ(Run(admin_, ask::CreateDb("db" + std::to_string(i), "t")), kFine);
  }
  EXPECT_EQ(Run(admin_, ask::CreateDb("more", "t")), ErrorCode::kTooManyDatabases);
  EXPECT_EQ(executor_.store().Find("more"), nullptr);
  EXPECT_EQ(Run(admin_, ask::CreateDb("db1", "t")), ErrorCode::kDatabaseExists);
}

// ---- users

TEST_F(ExecutorAdminTest, AUserLogsInWithItsOwnToken) {
  MakeDatabase("db");
  MakeDatabase("other");
  admin_ = JoinAdmin();
  EXPECT_EQ(CreateUser("ada", "two words"), kFine);
  EXPECT_EQ(LogIn("ada", "two words"), kFine);
  EXPECT_EQ(LogIn("ada", "two"), ErrorCode::kInvalidToken);
  EXPECT_EQ(LogIn("ada", "token"), ErrorCode::kInvalidToken);
  EXPECT_EQ(LogIn("ada", ""), ErrorCode::kInvalidToken);
  EXPECT_EQ(LogIn("bob", "two words"), ErrorCode::kInvalidToken);
  EXPECT_EQ(Run(Connect(), ask::UseDb("other", "two words", "ada")), ErrorCode::kInvalidToken);
  EXPECT_EQ(CreateUser("ada", "fresh"), kFine);
  EXPECT_EQ(LogIn("ada", "two words"), ErrorCode::kInvalidToken);
  EXPECT_EQ(LogIn("ada", "fresh"), kFine);
}

TEST_F(ExecutorAdminTest, ARemovedUserCannotLogIn) {
  MakeDatabase("db");
  admin_ = JoinAdmin();
  EXPECT_EQ(CreateUser("ada", "secret"), kFine);
  EXPECT_EQ(Run(admin_, ask::Remove("$$user_ada")), kFine);
  for (const char* token : {"secret", "<Empty>", "", "-1"}) {
    EXPECT_EQ(LogIn("ada", token), ErrorCode::kInvalidToken) << token;
  }
  EXPECT_EQ(CreateUser("ada", "again"), kFine);
  EXPECT_EQ(LogIn("ada", "again"), kFine);
}

TEST_F(ExecutorAdminTest, UserNamesHaveTheRulesOfNames) {
  MakeDatabase("db");
  admin_ = JoinAdmin();
  const std::string longest(kNameBytesMax, 'u');
  EXPECT_EQ(CreateUser(longest, "t"), kFine);
  EXPECT_EQ(CreateUser(longest + "u", "t"), ErrorCode::kBadName);
  EXPECT_EQ(CreateUser("a\nb", "t"), ErrorCode::kBadName);
  EXPECT_EQ(Run(admin_, ask::SetPermissions(longest, "r *")), kFine);
  EXPECT_EQ(Run(admin_, ask::SetPermissions(longest + "u", "r *")), ErrorCode::kBadName);
  EXPECT_EQ(Run(admin_, ask::SetPermissions("", "r *")), ErrorCode::kBadName);
}

TEST_F(ExecutorAdminTest, APermissionListThatCannotBeReadChangesNothing) {
  MakeDatabase("db");
  admin_ = JoinAdmin();
  EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", "r a")), kFine);
  EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", "q a")), ErrorCode::kBadPermissionList);
  EXPECT_NE(error_text_.find("'q'"), std::string::npos) << error_text_;
  EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", "")), ErrorCode::kBadPermissionList);
  EXPECT_EQ(Ask(admin_, ask::GetSafe("$$permission_$ada")), "value-version 0 r a");
}

// ---- snapshots

TEST_F(ExecutorAdminTest, SnapshotTakesTheSelectedDatabaseOrNamedOnes) {
  MakeDatabase("db");
  MakeDatabase("other");
  Command snapshot = ask::Named(Verb::kSnapshot, "true");
  EXPECT_EQ(Run(admin_, snapshot), ErrorCode::kSnapshotWithoutDatabase);
  snapshot.value = "db|other";
  EXPECT_EQ(Run(admin_, snapshot), kFine);  // no selection is needed for names
  snapshot.value = "db|nowhere|other|none";
  EXPECT_EQ(Run(admin_, snapshot), ErrorCode::kSnapshotUnknownDatabases);
  ASSERT_EQ(output_.rows.size(), 2U);
  EXPECT_EQ(output_.rows[0].name, "nowhere");
  EXPECT_EQ(output_.rows[1].name, "none");
  EXPECT_EQ(Run(JoinAdmin(), ask::Named(Verb::kSnapshot, "")), kFine);
}

TEST_F(ExecutorAdminTest, TheSnapshotFlagIsTrueOrFalse) {
  MakeDatabase("db");
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Run(admin, ask::Named(Verb::kSnapshot, "false")), kFine);
  EXPECT_EQ(Run(admin, ask::Named(Verb::kSnapshot, "db")), ErrorCode::kSnapshotFlag);
  EXPECT_EQ(error_text_, "db");
}

TEST_F(ExecutorAdminTest, ReplicateSnapshotTakesNamesAndAFlag) {
  MakeDatabase("db");
  Command snapshot = ask::Plain(Verb::kReplicateSnapshot, {}, "db|$admin");
  EXPECT_EQ(Run(admin_, snapshot), kFine);
  snapshot.name = "true";
  EXPECT_EQ(Run(admin_, snapshot), kFine);
  snapshot.name = "maybe";
  EXPECT_EQ(Run(admin_, snapshot), ErrorCode::kSnapshotFlag);
  snapshot = ask::Plain(Verb::kReplicateSnapshot, {}, "db|nowhere|none");
  EXPECT_EQ(Run(admin_, snapshot), ErrorCode::kReplicateSnapshotUnknown);
  EXPECT_EQ(error_text_, "nowhere");
}

// ---- what the server says of itself

TEST_F(ExecutorAdminTest, DebugShowsDatabasesProcessAndPendingOperations) {
  MakeDatabase("b", Strategy::kArbiter);
  MakeDatabase("a");
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kDebug, "list-dbs")),
            "databases $admin:newer,a:none,b:arbiter");
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kDebug, "process-info")), "process 77");
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kDebug, "pending-ops")), "pending ops");
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kDebug, "pending-conflicts")),
            ErrorCode::kNoDatabaseSelected);
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kDebug, "force")), ErrorCode::kUnknownDebugCommand);
  EXPECT_EQ(error_text_, "force");
}

TEST_F(ExecutorAdminTest, DebugLoopShowsTheLongestTurnOnce) {
  const Command command = ask::Named(Verb::kDebug, "loop");
  executor_.NoteTurn({.wall_us = 1'200, .cpu_us = 900});
  executor_.NoteTurn({.wall_us = 3'000, .cpu_us = 40});
  executor_.NoteTurn({.wall_us = 7});
  Run(admin_, command);
  ASSERT_EQ(output_.rows.size(), 1U);
  EXPECT_EQ(output_.rows[0].name, "longest_turn_wall_us: 3000, longest_turn_cpu_us: 900");
  Run(admin_, command);
  ASSERT_EQ(output_.rows.size(), 1U);
  EXPECT_EQ(output_.rows[0].name, "longest_turn_wall_us: 0, longest_turn_cpu_us: 0");
}

TEST_F(ExecutorAdminTest, StateCommandsAnswerOneLine) {
  EXPECT_EQ(Ask(admin_, ask::Plain(Verb::kPing)), "pong");
  EXPECT_EQ(Ask(admin_, ask::Plain(Verb::kListCommands)), "commands");
  // Every command counts, this one, the refused and the unreadable ones included.
  const SessionId client = Connect();
  EXPECT_EQ(Run(client, ask::Get("k")), ErrorCode::kNoDatabaseSelected);
  EXPECT_EQ(Run(client, ask::Named(Verb::kRejected, "what")), ErrorCode::kRejected);
  executor_.NoteTurn({}, {.query_time_ms_average = 1.5});
  EXPECT_EQ(Ask(admin_, ask::Plain(Verb::kMetricsState)), "metrics 6");
  EXPECT_EQ(output_.counters.query_time_ms_average, 1.5);
}

TEST_F(ExecutorAdminTest, MetricsAsJsonTellHowLongDeliveriesTook) {
  executor_.delivery_times().Sent({}, 7);
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kMetricsState, "json")),
            "metrics sent 1 *, p50_us 7 , p99_us 7 , p99.9_us 7 , max_us 7 ");
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kMetricsState, "xml")), ErrorCode::kUnknownForm);
}

// ---- whoami

TEST_F(ExecutorTest, WhoamiShowsWhatTheSessionHas) {
  MakeDatabase("db");
  const SessionId client = Connect();
  const Command whoami = ask::Plain(Verb::kWhoami);
  EXPECT_EQ(Ask(client, whoami), "whoami database,user,admin:false");
  EXPECT_EQ(Run(client, ask::UseDb("db", "token")), kFine);
  EXPECT_EQ(Ask(client, whoami), "whoami database:db,user,admin:false");
  EXPECT_EQ(Run(client, ask::Named(Verb::kAuth, "admin", "pwd")), kFine);
  EXPECT_EQ(Run(client, ask::Named(Verb::kCreateUser, "ada", "secret")), kFine);
  EXPECT_EQ(Run(client, ask::UseDb("db", "secret", "ada")), kFine);
  EXPECT_EQ(Ask(client, whoami), "whoami database:db,user:ada,admin:true");
  EXPECT_EQ(Run(client, ask::Named(Verb::kDropDb, "db")), kFine);
  EXPECT_EQ(Ask(client, whoami), "whoami database,user,admin:true");
}

}  // namespace
}  // namespace nunc
