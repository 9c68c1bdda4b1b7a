#include "core/executor.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

constexpr std::int64_t kVersionMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kNumberMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kNumberMin = std::numeric_limits<std::int64_t>::min();

class ExecutorDataTest : public ExecutorTest {
 protected:
  ExecutorDataTest() {
    MakeDatabase("db");
    client_ = Join();
  }
  SessionId client_;
};

// ---- values and versions

TEST_F(ExecutorDataTest, AMissingKeyReadsAsMissing) {
  EXPECT_EQ(Ask(client_, ask::Get("k")), "no value");
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "no value-version");
}

TEST_F(ExecutorDataTest, TheFirstSetGivesVersionZeroAndEachNextOneMore) {
  EXPECT_EQ(Run(client_, ask::Set("k", "a b")), kFine);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "value a b");
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 0 a b");
  EXPECT_EQ(Run(client_, ask::Set("k", "")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 1 ");
}

TEST_F(ExecutorDataTest, SetSafeStoresOneMoreThanItsVersion) {
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 5, "v")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 6 v");
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 6, "same")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 7 same");
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 70, "jump")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 71 jump");
}

TEST_F(ExecutorDataTest, SetSafeWithoutAVersionIsASet) {
  EXPECT_EQ(Run(client_, ask::SetSafe("k", std::nullopt, "a")), kFine);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", std::nullopt, "b")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 1 b");
}

TEST_F(ExecutorDataTest, UnderNoneAnOlderVersionIsRefused) {
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 5, "v")), kFine);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 5, "w")), ErrorCode::kInvalidVersion);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 0, "w")), ErrorCode::kInvalidVersion);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 6 v");
  EXPECT_EQ(Run(client_, ask::Set("k", "w")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 7 w");
}

// Two clients that read the same version: one write is taken, the other is told.
TEST_F(ExecutorDataTest, CompareAndSetHasOneWinner) {
  const SessionId other = Join();
  EXPECT_EQ(Run(client_, ask::Set("k", "v")), kFine);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 0, "mine")), kFine);
  EXPECT_EQ(Run(other, ask::SetSafe("k", 0, "theirs")), ErrorCode::kInvalidVersion);
  EXPECT_EQ(Ask(other, ask::Get("k")), "value mine");
}

TEST_F(ExecutorDataTest, NegativeVersionsAreRefused) {
  EXPECT_EQ(Run(client_, ask::SetSafe("k", -2, "v")), ErrorCode::kNegativeVersion);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", kNumberMin, "v")), ErrorCode::kNegativeVersion);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "no value");
}

TEST_F(ExecutorDataTest, AtTheLastVersionAKeyTakesNoMoreChanges) {
  EXPECT_EQ(Run(client_, ask::SetSafe("k", kVersionMax - 1, "7")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 4294967295 7");
  EXPECT_EQ(Run(client_, ask::Set("k", "8")), ErrorCode::kVersionLimit);
  EXPECT_EQ(Run(client_, ask::Increment("k")), ErrorCode::kVersionLimit);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", kVersionMax, "8")), ErrorCode::kVersionLimit);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", kNumberMax, "8")), ErrorCode::kVersionLimit);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 4294967295 7");
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_EQ(Run(client_, ask::Set("k", "8")), kFine);
}

TEST_F(ExecutorDataTest, ARemovedKeyStartsAgain) {
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 5, "v")), kFine);
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "no value-version");
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_EQ(Run(client_, ask::Set("k", "w")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 0 w");
}

// ---- conditions

TEST_F(ExecutorDataTest, APutWithoutAConditionIsASetThatAnswersTheVersion) {
  EXPECT_EQ(Ask(client_, ask::Put("k", "a")), "put 0");
  EXPECT_EQ(Ask(client_, ask::Put("k", "")), "put 1");
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 1 ");
  EXPECT_EQ(Run(client_, ask::Watch("k")), kFine);
  Take(client_);
  EXPECT_EQ(Run(client_, ask::Put("k", "b")), kFine);
  EXPECT_EQ(Take(client_), (Lines{"set k b 2", "put 2", "ok"}));
  EXPECT_EQ(Run(client_, ask::Put("$connections", "b")), ErrorCode::kServerKey);
  EXPECT_EQ(Run(client_, ask::Put("$$k", "b")), ErrorCode::kSecureKey);
}

TEST_F(ExecutorDataTest, APutOfAVersionNeedsExactlyThatOne) {
  EXPECT_EQ(Run(client_, ask::Put("k", "a", 3)), ErrorCode::kKeyAbsent);
  EXPECT_EQ(error_number_, 3);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", 3, "a")), kFine);
  for (const std::uint32_t other : {0U, 3U, 5U}) {
    EXPECT_EQ(Run(client_, ask::Put("k", "b", other)), ErrorCode::kVersionDiffers);
    EXPECT_EQ(error_number_, 4);
    EXPECT_EQ(error_text_, std::to_string(other));
  }
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 4 a");
  EXPECT_EQ(Ask(client_, ask::Put("k", "b", 4)), "put 5");
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 5 b");
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_EQ(Run(client_, ask::Put("k", "b", 5)), ErrorCode::kKeyAbsent);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "no value");
}

TEST_F(ExecutorDataTest, APutOfTheLastVersionIsTakenNoMore) {
  constexpr auto kLast = std::numeric_limits<std::uint32_t>::max();
  EXPECT_EQ(Run(client_, ask::SetSafe("k", kVersionMax - 2, "a")), kFine);
  EXPECT_EQ(Ask(client_, ask::Put("k", "b", kLast - 1)), "put 4294967295");
  EXPECT_EQ(Run(client_, ask::Put("k", "c", kLast)), ErrorCode::kVersionLimit);
}

TEST_F(ExecutorDataTest, APutOfAMissingKeyNeedsItToBeMissing) {
  EXPECT_EQ(Ask(client_, ask::PutNew("k", "a")), "put 0");
  EXPECT_EQ(Run(client_, ask::Set("k", "b")), kFine);
  EXPECT_EQ(Run(client_, ask::PutNew("k", "c")), ErrorCode::kKeyExists);
  EXPECT_EQ(error_number_, 1);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 1 b");
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_EQ(Ask(client_, ask::PutNew("k", "a")), "put 0");
}

// ---- increments

TEST_F(ExecutorDataTest, IncrementCountsAMissingKeyAsZero) {
  EXPECT_EQ(Run(client_, ask::Increment("k")), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 0 1");
  EXPECT_EQ(Run(client_, ask::Increment("k", -5)), kFine);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 1 -4");
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_EQ(Run(client_, ask::Increment("k", 3)), kFine);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "value 3");
}

TEST_F(ExecutorDataTest, IncrementHasSixtyFourBitsAndRefusesTheOverflow) {
  EXPECT_EQ(Run(client_, ask::Set("k", "9223372036854775806")), kFine);
  EXPECT_EQ(Run(client_, ask::Increment("k")), kFine);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "value 9223372036854775807");
  EXPECT_EQ(Run(client_, ask::Increment("k")), ErrorCode::kNumberOverflow);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 1 9223372036854775807");
  EXPECT_EQ(Run(client_, ask::Increment("k", kNumberMin)), kFine);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "value -1");
  EXPECT_EQ(Run(client_, ask::Increment("k", kNumberMin)), ErrorCode::kNumberOverflow);
  EXPECT_EQ(Run(client_, ask::Increment("min", kNumberMin)), kFine);
  EXPECT_EQ(Ask(client_, ask::Get("min")), "value -9223372036854775808");
}

TEST_F(ExecutorDataTest, IncrementRefusesWhatIsNoWholeNumber) {
  for (const char* value :
       {"", "x", "1x", " 1", "1 ", "1.5", "+1", "0x10", "9223372036854775808", "--1"}) {
    EXPECT_EQ(Run(client_, ask::Set("k", value)), kFine);
    EXPECT_EQ(Run(client_, ask::Increment("k")), ErrorCode::kNotNumeric) << "'" << value << "'";
    EXPECT_EQ(Ask(client_, ask::Get("k")), std::string("value ") + value);
  }
}

// ---- listings

TEST_F(ExecutorDataTest, KeysAreListedInByteOrder) {
  for (const char* key : {"b", "a", "B", "ab", "\xC3\xA9"}) {
    EXPECT_EQ(Run(client_, ask::Set(key, "v")), kFine);
  }
  EXPECT_EQ(Ask(client_, ask::Keys("")), "keys $connections,B,a,ab,b,\xC3\xA9");
}

TEST_F(ExecutorDataTest, AListingFollowsItsPattern) {
  for (const char* key : {"ab", "abc", "xab", "ax", "a*b"}) {
    EXPECT_EQ(Run(client_, ask::Set(key, "v")), kFine);
  }
  EXPECT_EQ(Ask(client_, ask::Keys("ab*")), "keys ab,abc");
  EXPECT_EQ(Ask(client_, ask::Keys("*ab")), "keys ab,xab");
  EXPECT_EQ(Ask(client_, ask::Keys("ab")), "keys ab,abc,xab");
  EXPECT_EQ(Ask(client_, ask::Keys("a*b")), "keys a*b");
  EXPECT_EQ(Ask(client_, ask::Keys("*ab*")), "keys ab,abc");
  EXPECT_EQ(Ask(client_, ask::Keys("*")), "keys $connections,a*b,ab,abc,ax,xab");
  EXPECT_EQ(Ask(client_, ask::Keys("***")), "keys $connections,a*b,ab,abc,ax,xab");
  EXPECT_EQ(Ask(client_, ask::Keys("none*")), "keys ");
  EXPECT_EQ(Run(client_, ask::Remove("ab")), kFine);
  EXPECT_EQ(Ask(client_, ask::Keys("ab*")), "keys abc");
}

TEST_F(ExecutorDataTest, OnlyAdminsSeeSecureKeysInListings) {
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Ask(client_, ask::Keys("$")), "keys $connections");
  EXPECT_EQ(Ask(admin, ask::Keys("$")), "keys $$token,$connections");
  EXPECT_EQ(Ask(client_, ask::Keys("$$*")), "keys ");
}

// ---- limits

TEST_F(ExecutorDataTest, AKeyMayHaveTheLimitAndNoByteMore) {
  const std::string longest(kKeyBytesMax, 'k');
  EXPECT_EQ(Run(client_, ask::Set(longest, "v")), kFine);
  EXPECT_EQ(Ask(client_, ask::Get(longest)), "value v");
  EXPECT_EQ(Run(client_, ask::Watch(longest)), kFine);
  const std::string longer = longest + "k";
  for (const Verb verb : {Verb::kGet, Verb::kGetSafe, Verb::kSet, Verb::kSetSafe, Verb::kIncrement,
                          Verb::kRemove, Verb::kWatch}) {
    EXPECT_EQ(Run(client_, ask::Plain(verb, longer)), ErrorCode::kKeyTooLong);
  }
}

TEST_F(ExecutorDataTest, AnEmptyKeySpacesAndControlCharactersAreRefused) {
  EXPECT_EQ(Run(client_, ask::Set("", "v")), ErrorCode::kEmptyKey);
  EXPECT_EQ(Run(client_, ask::Remove("")), ErrorCode::kEmptyKey);
  for (const std::string& key : {std::string("a\nb"), std::string("\r"), std::string("a\0", 2),
                                 std::string("\x1F"), std::string("\x7F"), std::string("a b")}) {
    EXPECT_EQ(Run(client_, ask::Set(key, "v")), ErrorCode::kKeyCharacter);
    EXPECT_EQ(Run(client_, ask::Get(key)), ErrorCode::kKeyCharacter);
  }
  EXPECT_EQ(Run(client_, ask::Set("\xC2\xA0;,*", "v")), kFine);
}

TEST_F(ExecutorDataTest, TheStatusOfAnIncrementSaysTheSum) {
  EXPECT_EQ(Run(client_, ask::Increment("n", 5)), kFine);
  EXPECT_EQ(Run(client_, ask::Increment("n", -7)), kFine);
  EXPECT_EQ(std::get<Reply>(output_.items.back()).text, "-2");
}

TEST_F(ExecutorDataTest, AValueMayHaveTheLimitAndNoByteMore) {
  const std::string largest(kValueBytesMax, 'v');
  EXPECT_EQ(Run(client_, ask::Set("k", largest)), kFine);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "value " + largest);
  EXPECT_EQ(Run(client_, ask::Set("k", largest + "v")), ErrorCode::kValueTooLong);
  EXPECT_EQ(error_number_, static_cast<std::int64_t>(kValueBytesMax));
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 0 " + largest);
}

// ---- keys of the server

TEST_F(ExecutorDataTest, KeysThatTheServerKeepsCannotBeWritten) {
  const SessionId admin = JoinAdmin();
  for (const char* key : {"$connections", "$conflicts", "$conflicts_k_1"}) {
    for (const Command& command :
         {ask::Set(key, "9"), ask::SetSafe(key, 9, "9"), ask::Increment(key), ask::Remove(key)}) {
      EXPECT_EQ(Run(client_, command), ErrorCode::kServerKey) << key;
      EXPECT_EQ(error_text_, key);
      EXPECT_EQ(Run(admin, command), ErrorCode::kServerKey) << key;
    }
  }
  EXPECT_EQ(Ask(client_, ask::Get("$connections")), "value 2");
  EXPECT_EQ(Run(client_, ask::Set("$own", "v")), kFine);
  EXPECT_EQ(Run(client_, ask::Set("$connections2", "v")), kFine);
}

TEST_F(ExecutorDataTest, TheTokenCanBeChangedByAdminsAndNeverRemoved) {
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Run(admin, ask::Remove("$$token")), ErrorCode::kTokenRemoval);
  EXPECT_EQ(Run(admin, ask::Set("$$token", "fresh")), kFine);
  const SessionId other = Connect();
  EXPECT_EQ(Run(other, ask::UseDb("db", "token")), ErrorCode::kInvalidToken);
  EXPECT_EQ(Run(other, ask::UseDb("db", "fresh")), kFine);
}

TEST_F(ExecutorDataTest, TheTokenOfTheAdminDatabaseIsThePasswordAndStaysIt) {
  const SessionId admin = ConnectAdmin();
  EXPECT_EQ(Run(admin, ask::UseDb("$admin", "pwd")), kFine);
  EXPECT_EQ(Run(admin, ask::Set("$$token", "other")), ErrorCode::kServerKey);
  EXPECT_EQ(Run(admin, ask::Remove("$$token")), ErrorCode::kTokenRemoval);
  EXPECT_EQ(Run(Connect(), ask::UseDb("$admin", "pwd")), kFine);
}

// ---- rights

TEST_F(ExecutorDataTest, AdminCommandsNeedAuth) {
  const SessionId admin = JoinAdmin();
  for (const Command& command :
       {ask::CreateDb("x", "t"), ask::Plain(Verb::kSnapshot), ask::Named(Verb::kDebug, "list-dbs"),
        ask::Plain(Verb::kListCommands), ask::Plain(Verb::kMetricsState),
        ask::Plain(Verb::kClusterState), ask::Plain(Verb::kReplicateSnapshot, {}, "db")}) {
    EXPECT_EQ(Run(client_, command), ErrorCode::kNotAuth);
    EXPECT_EQ(Run(admin, command), kFine);
  }
}

TEST_F(ExecutorDataTest, WithoutADatabaseDataCommandsAreRefused) {
  const SessionId nowhere = Connect();
  for (const Command& command :
       {ask::Get("k"), ask::GetSafe("k"), ask::Set("k", "v"), ask::SetSafe("k", 1, "v"),
        ask::Increment("k"), ask::Remove("k"), ask::Keys(""), ask::Watch("k"), ask::Unwatch("k"),
        ask::Plain(Verb::kUnwatchAll), ask::Plain(Verb::kArbiter)}) {
    EXPECT_EQ(Run(nowhere, command), ErrorCode::kNoDatabaseSelected);
    EXPECT_EQ(Run(Connect(SessionKind::kRequest), command), ErrorCode::kNoDatabaseSelected);
  }
  EXPECT_EQ(Run(nowhere, ask::Plain(Verb::kPing)), kFine);
}

TEST_F(ExecutorDataTest, SecureKeysNeedAnAdminWhateverThePermissions) {
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Run(admin, ask::SetPermissions("all", "rwix *")), kFine);
  for (const Command& command :
       {ask::Get("$$token"), ask::GetSafe("$$token"), ask::Set("$$x", "v"), ask::Increment("$$x"),
        ask::Remove("$$x"), ask::Watch("$$token"), ask::Named(Verb::kCreateUser, "u", "t"),
        ask::SetPermissions("u", "r *")}) {
    EXPECT_EQ(Run(client_, command), ErrorCode::kSecureKey);
  }
  EXPECT_EQ(Ask(admin, ask::Get("$$token")), "value token");
  EXPECT_EQ(Run(admin, ask::Set("$$x", "v")), kFine);
  EXPECT_EQ(Run(admin, ask::Watch("$$x")), kFine);
}

TEST_F(ExecutorDataTest, FailuresAreToldInOrderFormSecureDatabasePermission) {
  const SessionId nowhere = Connect();
  const std::string too_long = "$$" + std::string(kKeyBytesMax, 'k');
  EXPECT_EQ(Run(nowhere, ask::Get(too_long)), ErrorCode::kKeyTooLong);
  EXPECT_EQ(Run(nowhere, ask::Get("$$k")), ErrorCode::kSecureKey);
  EXPECT_EQ(Run(ConnectAdmin(), ask::Get("$$k")), ErrorCode::kNoDatabaseSelected);
  EXPECT_EQ(Run(nowhere, ask::Get("k")), ErrorCode::kNoDatabaseSelected);
  EXPECT_EQ(Run(nowhere, ask::Named(Verb::kCreateUser, "u", "t")), ErrorCode::kSecureKey);
  EXPECT_EQ(Run(ConnectAdmin(), ask::Named(Verb::kCreateUser, "u", "t")),
            ErrorCode::kNoDatabaseSelected);
}

class ExecutorPermissionTest : public ExecutorDataTest {
 protected:
  ExecutorPermissionTest() {
    admin_ = JoinAdmin();
    EXPECT_EQ(Run(admin_, ask::Named(Verb::kCreateUser, "ada", "secret")), kFine);
    user_ = Connect();
    EXPECT_EQ(Run(user_, ask::UseDb("db", "secret", "ada")), kFine);
  }
  SessionId admin_;
  SessionId user_;
};

TEST_F(ExecutorPermissionTest, AUserWithoutAListMayDoNothingWithKeys) {
  for (const Command& command :
       {ask::Get("k"), ask::GetSafe("k"), ask::Set("k", "1"), ask::SetSafe("k", 1, "1"),
        ask::Increment("k"), ask::Remove("k"), ask::Watch("k")}) {
    EXPECT_EQ(Run(user_, command), ErrorCode::kPermissionDenied);
    EXPECT_EQ(Run(client_, command), kFine);
  }
  EXPECT_EQ(Run(user_, ask::Keys("")), kFine);
  EXPECT_EQ(Run(user_, ask::Unwatch("k")), kFine);
}

TEST_F(ExecutorPermissionTest, EachCommandNeedsItsOwnLetter) {
  const struct {
    const char* list;
    Command command;
  } needs[] = {{"w k", ask::Put("k", "1")},  {"r k", ask::Get("k")},
               {"r k", ask::GetSafe("k")},   {"r k", ask::Watch("k")},
               {"w k", ask::Set("k", "1")},  {"w k", ask::SetSafe("k", 9, "1")},
               {"i k", ask::Increment("k")}, {"x k", ask::Remove("k")}};
  for (const char* list : {"r k", "w k", "i k", "x k"}) {
    EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", list)), kFine);
    for (const auto& need : needs) {
      const bool allowed = std::string_view(need.list) == list;
      EXPECT_EQ(Run(user_, need.command), allowed ? kFine : Status(ErrorCode::kPermissionDenied))
          << list << " for verb " << static_cast<int>(need.command.verb);
    }
  }
}

TEST_F(ExecutorPermissionTest, AListHoldsFromTheMomentItIsSetAndUntilItIsRemoved) {
  EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", "r a*")), kFine);
  EXPECT_EQ(Run(user_, ask::Get("ab")), kFine);
  EXPECT_EQ(Run(user_, ask::Get("b")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", "r b*")), kFine);
  EXPECT_EQ(Run(user_, ask::Get("ab")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(user_, ask::Get("b")), kFine);
  EXPECT_EQ(Run(admin_, ask::Set("$$permission_$ada", "r c")), kFine);  // by hand
  EXPECT_EQ(Run(user_, ask::Get("c")), kFine);
  EXPECT_EQ(Run(admin_, ask::Remove("$$permission_$ada")), kFine);
  EXPECT_EQ(Run(user_, ask::Get("c")), ErrorCode::kPermissionDenied);
}

TEST_F(ExecutorPermissionTest, TheListOfAllLimitsTokenSessionsAdminsIncluded) {
  EXPECT_EQ(Run(admin_, ask::SetPermissions("all", "r *|w open*")), kFine);
  EXPECT_EQ(Run(client_, ask::Set("k", "v")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(client_, ask::Set("open1", "v")), kFine);
  EXPECT_EQ(Run(client_, ask::Get("k")), kFine);
  EXPECT_EQ(Run(admin_, ask::Set("k", "v")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(admin_, ask::Set("$$k", "v")), kFine);
  EXPECT_EQ(Run(user_, ask::Get("k")), ErrorCode::kPermissionDenied);  // `all` is not everybody
  EXPECT_EQ(Run(admin_, ask::Remove("$$permission_$all")), kFine);
  EXPECT_EQ(Run(client_, ask::Set("k", "v")), kFine);
}

TEST_F(ExecutorPermissionTest, TheListOfOneDatabaseIsNotAnothers) {
  MakeDatabase("other");
  EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", "rw *")), kFine);
  EXPECT_EQ(Run(user_, ask::Set("k", "v")), kFine);
  EXPECT_EQ(Run(admin_, ask::UseDb("other", "token")), kFine);
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kCreateUser, "ada", "secret")), kFine);
  EXPECT_EQ(Run(user_, ask::UseDb("other", "secret", "ada")), kFine);
  EXPECT_EQ(Run(user_, ask::Set("k", "v")), ErrorCode::kPermissionDenied);
}

TEST_F(ExecutorPermissionTest, TheTokenEndsTheUserOfBefore) {
  EXPECT_EQ(Run(admin_, ask::SetPermissions("ada", "r *")), kFine);
  EXPECT_EQ(Run(user_, ask::Set("k", "v")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(user_, ask::UseDb("db", "token")), kFine);
  EXPECT_EQ(Run(user_, ask::Set("k", "v")), kFine);
}

// ---- anything else

TEST_F(ExecutorDataTest, ARequestThatCouldNotBeReadIsAnErrorInItsPlace) {
  EXPECT_EQ(Run(client_, ask::Named(Verb::kRejected, "unknown command: x")), ErrorCode::kRejected);
  EXPECT_EQ(error_text_, "unknown command: x");
  EXPECT_EQ(Take(client_), Lines{"error"});
}

TEST_F(ExecutorDataTest, ASessionThatIsGoneIsNotAnswered) {
  const SessionId gone = Join();
  Disconnect(gone);
  Disconnect(gone);
  const SessionId next{.slot = gone.slot, .generation = gone.generation + 1};
  executor_.Open(next, SessionKind::kConnection);
  output_.Clear();
  executor_.Execute(gone, ask::Plain(Verb::kPing), output_);
  executor_.Execute({.slot = 999, .generation = 1}, ask::Plain(Verb::kPing), output_);
  executor_.MarkLagging(gone);
  executor_.Drain(gone, output_);
  EXPECT_TRUE(output_.items.empty());
  // The slot's next user has nothing of the one before.
  EXPECT_EQ(Run(next, ask::Get("k")), ErrorCode::kNoDatabaseSelected);
}

TEST_F(ExecutorDataTest, EveryChangeHasARevisionAndNothingElseHas) {
  const Revision before = executor_.store().revision();
  EXPECT_EQ(Run(client_, ask::Set("k", "1")), kFine);
  EXPECT_EQ(Run(client_, ask::Increment("k")), kFine);
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_EQ(executor_.store().revision().value, before.value + 3);
  EXPECT_EQ(Run(client_, ask::Get("k")), kFine);
  EXPECT_EQ(Run(client_, ask::Watch("k")), kFine);
  EXPECT_EQ(Run(client_, ask::SetSafe("k", -3, "v")), ErrorCode::kNegativeVersion);
  EndTurn();
  EXPECT_EQ(executor_.store().revision().value, before.value + 3);
}

TEST_F(ExecutorDataTest, OldTombstonesAreDroppedInTime) {
  EXPECT_EQ(Run(client_, ask::Set("k", "1")), kFine);
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  const Database& db = *executor_.store().Find("db");
  const std::int64_t removed_us = executor_.store().LogTimeUs(0);
  SetTime(removed_us + kTombstoneAgeUsMax);
  executor_.Tick(output_);
  EXPECT_EQ(db.tombstones(), 1U);
  SetTime(removed_us + 1 + kTombstoneAgeUsMax);
  executor_.Tick(output_);
  EXPECT_EQ(db.tombstones(), 0U);
}

}  // namespace
}  // namespace nunc
