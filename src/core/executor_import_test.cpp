#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

class ExecutorImportTest : public ExecutorTest {
 protected:
  ExecutorImportTest() : admin_(ConnectAdmin()) {}

  static EntryState At(std::string_view key, std::string_view value, std::uint32_t version = 0) {
    return {.key = key, .value = value, .version = version, .revision = {1}};
  }

  Status Import(const Imported& imported) {
    output_.Clear();
    executor_.Import(admin_, imported, output_);
    EXPECT_FALSE(output_.items.empty());
    const auto& reply = std::get<Reply>(output_.items.back());
    if (reply.kind == ReplyKind::kError) {
      EXPECT_TRUE(output_.records.empty()) << "what is refused changes nothing";
      return reply.error;
    }
    id_ = {.value = static_cast<std::uint32_t>(reply.number)};
    return kFine;
  }
  Status Begin(std::vector<EntryState> entries, std::string_view name = "copy",
               const DatabaseState& state = {}) {
    return Import({.name = name, .begins = true, .state = state, .entries = std::move(entries)});
  }
  Status Continue(std::vector<EntryState> entries, std::string_view name = "copy") {
    return Import({.name = name, .id = id_, .entries = std::move(entries)});
  }
  const Database& Copy() { return *executor_.store().Find("copy"); }

  SessionId admin_;
  DatabaseId id_;  // as the last part was answered
};

TEST_F(ExecutorImportTest, ADatabaseOpensWithThePartThatBringsItsToken) {
  ASSERT_EQ(
      Begin({At("k", "v", 7)}, "copy", {.strategy = Strategy::kNewer, .level = AckLevel::kDisk}),
      kFine);
  const SessionId client = Connect();
  for (const std::string_view token : {"", "token"}) {
    EXPECT_EQ(Run(client, ask::UseDb("copy", token)), ErrorCode::kUnfinished);
  }
  ASSERT_EQ(Continue({At("$$user_bob", "bobs"), At("$$permission_$bob", "rw *")}), kFine);
  EXPECT_EQ(Run(client, ask::UseDb("copy", "bobs", "bob")), ErrorCode::kUnfinished);
  ASSERT_EQ(Continue({At("$$token", "token", 2)}), kFine);
  EXPECT_EQ(Run(client, ask::UseDb("copy", "bobs", "bob")), kFine);
  EXPECT_EQ(Run(client, ask::UseDb("copy", "token")), kFine);
  EXPECT_EQ(Ask(client, ask::GetSafe("k")), "value-version 7 v");
  EXPECT_EQ(Copy().strategy(), Strategy::kNewer);
  EXPECT_EQ(Copy().level(), AckLevel::kDisk);
  EXPECT_EQ(Copy().Find("$$token")->version(), 2U);
}

TEST_F(ExecutorImportTest, TimesStayAndSessionsHaveEnded) {
  const auto with = [](EntryState entry, const Lifetime& lifetime) {
    entry.lifetime = lifetime;
    return entry;
  };
  ASSERT_EQ(Begin({with(At("timed", "v"), {.expires_us = 5'000}),
                   with(At("over", "v"), {.expires_us = 1}),
                   with(At("bound", "v"), {.owner = 7, .grace_us = 2'000}),
                   with(At("gone", "v"), {.owner = 7})}),
            kFine);
  EXPECT_EQ(Copy().LifetimeOf(*Copy().Find("timed")), Lifetime{.expires_us = 5'000});
  EXPECT_EQ(Copy().LifetimeOf(*Copy().Find("bound")).expires_us, 3'000);
  EndKeys();
  EXPECT_EQ(Copy().Find("over"), nullptr);
  EXPECT_EQ(Copy().Find("gone"), nullptr);
  EXPECT_NE(Copy().Find("bound"), nullptr);
  SetTime(3'000);
  EndKeys();
  EXPECT_EQ(Copy().Find("bound"), nullptr);
  EXPECT_NE(Copy().Find("timed"), nullptr);
  for (const std::string_view key : {"$$token", "$conflicts_k_1"}) {
    EXPECT_EQ(Begin({with(At(key, "v"), {.expires_us = 5'000})}, "other"), ErrorCode::kBadImport);
  }
}

TEST_F(ExecutorImportTest, EachPartIsOneRecord) {
  ASSERT_EQ(Begin({At("a", "1"), At("b", "2")}), kFine);
  ASSERT_EQ(output_.records.size(), 2U);
  EXPECT_EQ(output_.records[0].record.type, RecordType::kCreateDatabase);
  EXPECT_EQ(output_.records[0].record.spec.token, "");
  EXPECT_EQ(output_.records[1].record.type, RecordType::kBatch);
  EXPECT_EQ(output_.records[1].record.items.size(), 2U);
  ASSERT_EQ(Continue({At("c", "3", 4)}), kFine);
  ASSERT_EQ(output_.records.size(), 1U);
  EXPECT_EQ(output_.records[0].record.items.front().version, 4U);
}

TEST_F(ExecutorImportTest, ADatabaseThatIsWholeIsNeitherReplacedNorAddedTo) {
  MakeDatabase("db");
  EXPECT_EQ(Begin({}, "db"), ErrorCode::kDatabaseExists);
  id_ = executor_.store().Find("db")->id();
  EXPECT_EQ(Continue({At("k", "v")}, "db"), ErrorCode::kDatabaseExists);
  EXPECT_EQ(Import({.name = "db", .id = id_, .gives_up = true}), ErrorCode::kDatabaseExists);
  EXPECT_EQ(Begin({}, "$admin"), ErrorCode::kDatabaseExists);
  id_ = executor_.store().admin().id();
  EXPECT_EQ(Continue({At("k", "v")}, "$admin"), ErrorCode::kDatabaseExists);
}

TEST_F(ExecutorImportTest, WhatABrokenOffOneHasLeftIsReplacedAndItsPartsFitNoMore) {
  ASSERT_EQ(Begin({At("old", "1")}), kFine);
  const DatabaseId first = id_;
  ASSERT_EQ(Begin({At("new", "1")}), kFine);
  EXPECT_NE(id_, first);
  EXPECT_EQ(Copy().Find("old"), nullptr);
  EXPECT_NE(Copy().Find("new"), nullptr);
  id_ = first;
  EXPECT_EQ(Continue({At("late", "1")}), ErrorCode::kUnknownDatabase);
  EXPECT_EQ(Import({.name = "copy", .id = id_, .gives_up = true}), ErrorCode::kUnknownDatabase);
  EXPECT_NE(executor_.store().Find("copy"), nullptr);
}

TEST_F(ExecutorImportTest, GivingUpTakesTheDatabaseAway) {
  ASSERT_EQ(Begin({At("k", "v")}), kFine);
  EXPECT_EQ(Import({.name = "other", .id = id_, .gives_up = true}), ErrorCode::kUnknownDatabase);
  ASSERT_EQ(Import({.name = "copy", .id = id_, .gives_up = true}), kFine);
  EXPECT_EQ(executor_.store().Find("copy"), nullptr);
  ASSERT_EQ(output_.records.size(), 1U);
  EXPECT_EQ(output_.records[0].record.type, RecordType::kDropDatabase);
}

TEST_F(ExecutorImportTest, WhatNoBackupHoldsIsRefused) {
  EXPECT_EQ(Import({.name = "copy", .unreadable = true, .begins = true}), ErrorCode::kBadImport);
  const std::string long_key(kKeyBytesMax + 1, 'k');
  const std::string long_value(kValueBytesMax + 1, 'v');
  const std::pair<EntryState, ErrorCode> cases[] = {
      {At("", "v"), ErrorCode::kEmptyKey},
      {At(long_key, "v"), ErrorCode::kKeyTooLong},
      {At("a\nb", "v"), ErrorCode::kKeyCharacter},
      {At("k", long_value), ErrorCode::kValueTooLong},
      {At("k", "\xFF"), ErrorCode::kBadImport},
      {At("\xFF", "v"), ErrorCode::kBadImport},
      {At("$connections", "9"), ErrorCode::kBadImport},
      {At("$conflicts", "9"), ErrorCode::kBadImport},
      {At("$$token", ""), ErrorCode::kBadImport},
      {At("$conflicts_k_9223372036854775807", "resolve"), ErrorCode::kBadImport},
  };
  for (const auto& [entry, code] : cases) {
    EXPECT_EQ(Begin({entry}), code) << entry.key;
  }
  EXPECT_EQ(Begin({At("k", "1"), At("k", "2")}), ErrorCode::kBadImport);
  EXPECT_EQ(executor_.store().Find("copy"), nullptr);
  for (const std::string_view name : {"", "a b", "$mine"}) {
    EXPECT_NE(Begin({}, name), kFine) << name;
  }
  ASSERT_EQ(Begin({At("k", "1")}), kFine);
  EXPECT_EQ(Continue({At("k", "2")}), ErrorCode::kBadImport) << "it is there";
}

TEST_F(ExecutorImportTest, APartHasAtMostSoManyEntriesAndOneRecordsBytes) {
  std::vector<std::string> keys;
  keys.reserve(kImportEntriesMax + 1);
  for (std::size_t i = 0; i <= kImportEntriesMax; ++i) {
    keys.push_back("key-" + std::to_string(i));
  }
  std::vector<EntryState> entries;
  entries.reserve(keys.size());
  for (const std::string& key : keys) {
    entries.push_back(At(key, "v"));
  }
  EXPECT_EQ(Begin(entries), ErrorCode::kBadImport);
  entries.pop_back();
  EXPECT_EQ(Begin(entries), kFine);

  const std::string value(kValueBytesMax, 'v');
  entries.clear();
  for (std::size_t i = 0; i < kRecordBytesMax / kValueBytesMax; ++i) {
    entries.push_back(At(keys[i], value));
  }
  EXPECT_EQ(Begin(entries), ErrorCode::kBadImport);
  entries.pop_back();
  EXPECT_EQ(Begin(entries), kFine);
}

TEST_F(ExecutorImportTest, WhatFindsNoPlaceInTheLogIsRefused) {
  executor_.SetLogRoom(1'000);
  EXPECT_EQ(Begin({At("k", "v")}), ErrorCode::kDiskFull);
  executor_.SetLogRoom(SIZE_MAX);
  EXPECT_EQ(Begin({At("k", "v")}), kFine);
}

TEST_F(ExecutorImportTest, AConflictWaitsForItsArbiterAndADecidedOneDoesNot) {
  ASSERT_EQ(Begin({At("open", "5", 5), At("decided", "1")}, "copy",
                  {.strategy = Strategy::kArbiter, .arbiter_seen = true}),
            kFine);
  ASSERT_EQ(
      Continue({At("$conflicts_open_42", "resolve 42 copy 5 open 5 six"),
                At("$conflicts_decided_41", "resolved 1"),
                At("$conflicts_gone_40", "resolve 40 copy 5 gone 1 2"), At("$$token", "token")}),
      kFine);
  EXPECT_TRUE(Copy().Find("open")->in_conflict());
  EXPECT_FALSE(Copy().Find("decided")->in_conflict());
  const SessionId arbiter = JoinAdmin("copy");
  EXPECT_EQ(Run(arbiter, ask::Plain(Verb::kArbiter)), kFine);
  EXPECT_EQ(Run(arbiter, ask::Resolve(41, "decided", 1, "x", "copy")), ErrorCode::kConflictNotOpen);
  EXPECT_EQ(Run(arbiter, ask::Resolve(42, "open", 6, "six", "copy")), kFine);
  EXPECT_FALSE(Copy().Find("open")->in_conflict());
  EXPECT_EQ(Ask(arbiter, ask::GetSafe("open")), "value-version 7 six");
}

TEST_F(ExecutorImportTest, NobodyMakesADatabaseLookUnfinished) {
  MakeDatabase("db");
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Run(admin, ask::Set("$$token", "")), ErrorCode::kBadSecret);
  EXPECT_EQ(Run(admin, ask::SetSafe("$$token", 5, "")), ErrorCode::kBadSecret);
  EXPECT_EQ(Run(admin, ask::Set("$$token", "new")), kFine);
}

TEST_F(ExecutorImportTest, OnlyUserAndPasswordTogetherAreTheAdmin) {
  EXPECT_TRUE(executor_.IsAdmin("admin", "pwd"));
  EXPECT_FALSE(executor_.IsAdmin("admin", "pw"));
  EXPECT_FALSE(executor_.IsAdmin("", "pwd"));
  EXPECT_FALSE(executor_.IsAdmin("", ""));
}

}  // namespace
}  // namespace nunc
