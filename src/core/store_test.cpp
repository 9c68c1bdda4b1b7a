#include "core/store.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/store_walk.h"

namespace nunc {
namespace {

constexpr std::uint64_t kSeed = 3;
constexpr DatabaseId kFirst{.value = 2};

DatabaseSpec Spec(std::string_view name) {
  return {.name = name, .token = "token", .strategy = Strategy::kArbiter, .level = AckLevel::kDisk};
}

Record Of(RecordType type, std::uint64_t revision, DatabaseId database = kFirst) {
  return {.type = type,
          .database = database,
          .revision = {revision},
          .time_us = static_cast<std::int64_t>(revision) * 10};
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() { store_.StartLoading(); }

  Result<void> Create(std::uint64_t revision, DatabaseId id, std::string_view name) {
    Record record = Of(RecordType::kCreateDatabase, revision, id);
    record.spec = Spec(name);
    return store_.Apply(record);
  }
  Result<void> Change(std::uint64_t revision, const RecordItem& item) {
    Record record = Of(item.type, revision);
    const std::vector<RecordItem> items = {item};
    record.items = items;
    return store_.Apply(record);
  }
  Result<void> Set(std::uint64_t revision, std::string_view key, std::string_view value) {
    return Change(revision, {.type = RecordType::kSet, .key = key, .value = value, .version = 7});
  }
  [[nodiscard]] Database& First() { return *store_.Find(kFirst); }
  // Database names and `key=value@revision`, `-` for a value that is gone.
  static std::vector<std::string> Walked(StoreWalk& walk) {
    std::vector<std::string> seen;
    for (;;) {
      const StoreWalk::Item item = walk.Next();
      if (const auto* database = std::get_if<DatabaseState>(&item); database != nullptr) {
        seen.emplace_back(database->name);
      } else if (const auto* entry = std::get_if<EntryState>(&item); entry != nullptr) {
        seen.push_back(std::string(entry->key) + '=' +
                       (entry->removed ? "-" : std::string(entry->value)) + '@' +
                       std::to_string(entry->revision.value));
      } else {
        return seen;
      }
    }
  }

  // What is left of the walk, as recovery loads it; records may follow.
  static void Load(Store& copy, StoreWalk& walk, Revision start) {
    copy.StartLoading();
    for (;;) {
      const StoreWalk::Item item = walk.Next();
      if (const auto* database = std::get_if<DatabaseState>(&item); database != nullptr) {
        ASSERT_TRUE(copy.LoadDatabase(*database));
      } else if (const auto* entry = std::get_if<EntryState>(&item); entry != nullptr) {
        ASSERT_TRUE(copy.LoadEntry(*entry));
      } else {
        break;
      }
    }
    copy.SetLoaded({.revision = start, .time_us = static_cast<std::int64_t>(start.value) * 10},
                   {.value = 3});
  }

  Store store_{kSeed, "admin-pwd"};
};

TEST_F(StoreTest, RecordsMakeWhatTheySay) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Set(2, "a", "1"));
  ASSERT_TRUE(Set(3, "b", "2"));
  ASSERT_TRUE(Change(4, {.type = RecordType::kRemove, .key = "a"}));
  ASSERT_TRUE(Change(5, {.type = RecordType::kRemove, .key = "never there"}));
  store_.FinishLoading();
  EXPECT_EQ(store_.Find("db"), &First());
  EXPECT_EQ(First().strategy(), Strategy::kArbiter);
  EXPECT_EQ(First().level(), AckLevel::kDisk);
  EXPECT_EQ(First().Find(kTokenKey)->value(), "token");
  EXPECT_EQ(First().Find("a"), nullptr);
  EXPECT_EQ(First().Find("b")->value(), "2");
  EXPECT_EQ(First().Find("b")->version(), 7U);
  EXPECT_EQ(First().Find("b")->revision(), Revision{3});
  EXPECT_EQ(First().tombstones(), 1U);
  EXPECT_EQ(store_.admin().Find("db")->value(), "{}");
  EXPECT_EQ(store_.revision(), Revision{5});
  // The next one is later than all of them, whatever the clock says.
  const Store::Stamp next = store_.NextStamp(17);
  EXPECT_EQ(next.revision, Revision{6});
  EXPECT_EQ(next.time_us, 51);
}

TEST_F(StoreTest, ABatchIsOneRevision) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  Record batch = Of(RecordType::kBatch, 2);
  const std::vector<RecordItem> items = {
      {.type = RecordType::kSet, .key = "a", .value = "1"},
      {.type = RecordType::kSet, .key = "b", .value = "2", .in_conflict = true}};
  batch.items = items;
  ASSERT_TRUE(store_.Apply(batch));
  EXPECT_EQ(First().Find("a")->revision(), Revision{2});
  EXPECT_EQ(First().Find("b")->revision(), Revision{2});
  EXPECT_TRUE(First().Find("b")->in_conflict());
}

TEST_F(StoreTest, WhatDoesNotFitIsDamage) {
  EXPECT_EQ(Set(1, "a", "1").error().fault, Fault::kDamaged);
  EXPECT_EQ(store_.Apply(Of(RecordType::kDropDatabase, 1)).error().fault, Fault::kDamaged);
  EXPECT_EQ(store_.Apply(Of(RecordType::kDropDatabase, 1, {1})).error().fault, Fault::kDamaged);
  EXPECT_EQ(store_.Apply(Of(RecordType::kArbiter, 1)).error().fault, Fault::kDamaged);
  EXPECT_EQ(Create(1, {3}, "db").error().fault, Fault::kDamaged);  // 2 is the next one
  ASSERT_TRUE(Create(1, kFirst, "db"));
  EXPECT_EQ(Create(2, kFirst, "other").error().fault, Fault::kDamaged);
  EXPECT_EQ(Create(2, {3}, "db").error().fault, Fault::kDamaged);
  EXPECT_EQ(store_.LoadEntry({.key = "k"}).error().fault, Fault::kDamaged);
  EXPECT_EQ(store_.LoadDatabase({.id = kFirst, .name = "x"}).error().fault, Fault::kDamaged);
  EXPECT_EQ(store_.LoadDatabase({.id = {9}, .name = "db"}).error().fault, Fault::kDamaged);
  EXPECT_EQ(store_.LoadDatabase({.id = {kDatabaseIdMax + 1}, .name = "x"}).error().fault,
            Fault::kDamaged);
}

TEST_F(StoreTest, AnIdIsNeverUsedTwice) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(store_.Apply(Of(RecordType::kDropDatabase, 2)));
  EXPECT_EQ(store_.Find("db"), nullptr);
  EXPECT_EQ(store_.Find(kFirst), nullptr);
  EXPECT_EQ(store_.admin().Find("db"), nullptr);
  EXPECT_EQ(Create(3, kFirst, "db").error().fault, Fault::kDamaged);
  ASSERT_TRUE(Create(3, {3}, "db"));
  store_.SetLoaded({.revision = {3}, .time_us = 1}, {.value = 8});
  EXPECT_EQ(store_.NextDatabaseId(), DatabaseId{9});
}

TEST_F(StoreTest, MemoryIsCountedAndGivenBackInPieces) {
  store_.FinishLoading();
  const std::size_t empty = store_.bytes();
  Database& db = store_.Add(kFirst, Spec("db"), store_.NextStamp(1));
  for (int i = 0; i < 5'000; ++i) {
    const std::string key = "key" + std::to_string(i);
    db.Set(nullptr, {.key = key,
                     .hash = db.Hash(key),
                     .value = std::string(200, 'v'),
                     .revision = store_.NextStamp(1).revision});
  }
  const std::size_t full = store_.bytes();
  EXPECT_GT(full, empty + std::size_t{5'000} * 200);
  store_.Drop(db, store_.NextStamp(1));
  store_.FreeDropped();
  EXPECT_LT(store_.bytes(), full);
  EXPECT_GT(store_.bytes(), empty + std::size_t{1'000} * 200);
  EXPECT_TRUE(store_.has_dropped());
  store_.FreeDropped();
  store_.FreeDropped();
  EXPECT_FALSE(store_.has_dropped());
  EXPECT_LT(store_.bytes(), empty + 1'000);  // the tombstone of its name stays
}

TEST_F(StoreTest, LoadingGivesBackWhatAWalkHasTold) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Set(2, "a", "1"));
  ASSERT_TRUE(Set(3, "b", "2"));
  ASSERT_TRUE(Set(4, "c", "3"));
  ASSERT_TRUE(Change(5, {.type = RecordType::kRemove, .key = "a"}));
  store_.FinishLoading();
  StoreWalk all(store_, {5});
  const std::vector<std::string> seen = Walked(all);
  EXPECT_EQ(seen, (std::vector<std::string>{"$admin", "db={}@1", "db", "$$token=token@1", "b=2@3",
                                            "c=3@4", "a=-@5"}));
  Store copy(kSeed, "admin-pwd");
  copy.StartLoading();
  StoreWalk again(store_, {5});
  for (;;) {
    const StoreWalk::Item item = again.Next();
    if (const auto* database = std::get_if<DatabaseState>(&item); database != nullptr) {
      ASSERT_TRUE(copy.LoadDatabase(*database));
    } else if (const auto* entry = std::get_if<EntryState>(&item); entry != nullptr) {
      ASSERT_TRUE(copy.LoadEntry(*entry));
    } else {
      break;
    }
  }
  copy.SetLoaded({.revision = {5}, .time_us = 50}, kFirst);
  copy.FinishLoading();
  StoreWalk theirs(copy, {5});
  EXPECT_EQ(Walked(theirs), seen);
  EXPECT_EQ(copy.Find("db")->tombstones(), 1U);
}

TEST_F(StoreTest, AWalkLeavesOutWhatChangesMeanwhile) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Set(2, "a", "1"));
  ASSERT_TRUE(Set(3, "b", "2"));
  ASSERT_TRUE(Create(4, {3}, "gone"));
  StoreWalk walk(store_, {4}, {});
  EXPECT_TRUE(std::holds_alternative<DatabaseState>(walk.Next()));  // $admin
  ASSERT_TRUE(Set(5, "a", "new"));
  ASSERT_TRUE(store_.Apply(Of(RecordType::kDropDatabase, 6, {3})));
  ASSERT_TRUE(Create(7, {4}, "late"));
  EXPECT_EQ(Walked(walk),
            (std::vector<std::string>{"db={}@1", "db", "$$token=token@1", "b=2@3", "gone"}));
}

TEST_F(StoreTest, AMarkDuringAWalkDoesNotTakeTheKeyOutOfIt) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Set(2, "k", "1"));
  store_.FinishLoading();
  StoreWalk walk(store_, {2});
  const std::vector<RecordItem> items = {
      {.type = RecordType::kMark, .key = "k", .version = 7, .in_conflict = true, .previous = {2}},
      {.type = RecordType::kSet, .key = "$conflicts_k_9", .value = "resolve 9 db 7 k 1 x"}};
  Record conflict = Of(RecordType::kBatch, 3);
  conflict.items = items;
  ASSERT_TRUE(store_.Apply(conflict));
  // The record of a mark has no value, so nothing but the walk can tell it.
  Store copy(kSeed, "admin-pwd");
  Load(copy, walk, {2});
  ASSERT_TRUE(copy.Apply(conflict));
  copy.FinishLoading();
  const Entry* key = copy.Find("db")->Find("k");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->value(), "1");
  EXPECT_EQ(key->version(), 7U);
  EXPECT_TRUE(key->in_conflict());
  EXPECT_EQ(copy.Find("db")->conflicts().OpenOf("k").size(), 1U);
}

TEST_F(StoreTest, ALifetimeThatChangesDuringAWalkIsTheSameWithTheRecordsBehindIt) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Set(2, "a", "1"));
  ASSERT_TRUE(Set(3, "b", "1"));
  store_.FinishLoading();
  const auto expire = [](std::uint64_t revision, const RecordItem& item) {
    Record record = Of(RecordType::kExpire, revision);
    record.items = {&item, 1};
    return record;
  };
  const RecordItem early{.type = RecordType::kExpire,
                         .key = "a",
                         .lifetime = {.expires_us = 100, .owner = 7, .grace_us = 3}};
  const RecordItem late{.type = RecordType::kExpire, .key = "b", .lifetime = {.expires_us = 90}};
  const RecordItem never{.type = RecordType::kExpire, .key = "a"};
  ASSERT_TRUE(store_.Apply(expire(4, early)));
  StoreWalk walk(store_, {4});
  ASSERT_TRUE(store_.Apply(expire(5, never)));
  ASSERT_TRUE(store_.Apply(expire(6, late)));
  ASSERT_TRUE(store_.Apply(expire(7, early)));
  Store copy(kSeed, "admin-pwd");
  Load(copy, walk, {4});
  ASSERT_TRUE(copy.Apply(expire(5, never)));
  EXPECT_TRUE(copy.Find("db")->LifetimeOf(*copy.Find("db")->Find("a")).empty());
  ASSERT_TRUE(copy.Apply(expire(6, late)));
  ASSERT_TRUE(copy.Apply(expire(7, early)));
  copy.FinishLoading();
  for (const std::string_view key : {"a", "b"}) {
    const Database& there = *store_.Find("db");
    const Database& here = *copy.Find("db");
    EXPECT_EQ(here.LifetimeOf(*here.Find(key)), there.LifetimeOf(*there.Find(key)));
    EXPECT_EQ(here.Find(key)->revision(), there.Find(key)->revision());
  }
  EXPECT_EQ(copy.lifetimes().CountOf(7), 1U);
  // Of one that is not there nothing is left.
  const RecordItem gone{.type = RecordType::kExpire, .key = "c", .lifetime = {.expires_us = 1}};
  ASSERT_TRUE(copy.Apply(expire(8, gone)));
  EXPECT_EQ(copy.Find("db")->Find("c"), nullptr);
  // What nobody may write so is not believed.
  const RecordItem token{
      .type = RecordType::kExpire, .key = "$$token", .lifetime = {.expires_us = 1}};
  ASSERT_TRUE(copy.Apply(expire(9, token)));
  EXPECT_TRUE(copy.Find("db")->LifetimeOf(*copy.Find("db")->Find("$$token")).empty());
}

TEST_F(StoreTest, ADatabaseDroppedDuringAWalkIsThereForTheRecordsBehindIt) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Set(2, "k", "1"));
  ASSERT_TRUE(Create(3, {3}, "db2"));
  store_.FinishLoading();
  StoreWalk walk(store_, {3});
  const std::vector<RecordItem> items = {{.type = RecordType::kSet, .key = "k", .value = "2"}};
  Record set = Of(RecordType::kSet, 4);
  set.items = items;
  Record again = Of(RecordType::kCreateDatabase, 6, {4});
  again.spec = Spec("db");
  const std::vector<Record> records = {set, Of(RecordType::kDropDatabase, 5), again};
  for (const Record& record : records) {
    ASSERT_TRUE(store_.Apply(record));
  }
  Store copy(kSeed, "admin-pwd");
  Load(copy, walk, {3});
  for (const Record& record : records) {
    const Result<void> applied = copy.Apply(record);
    ASSERT_TRUE(applied) << applied.error().detail;
  }
  copy.FinishLoading();
  EXPECT_EQ(copy.Find("db")->id(), DatabaseId{4});
  EXPECT_EQ(copy.Find("db")->Find("k"), nullptr);
  EXPECT_NE(copy.Find("db2"), nullptr);
}

TEST_F(StoreTest, WhatIsRemovedDuringAWalkLeavesItsTombstones) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Create(2, {3}, "gone"));
  ASSERT_TRUE(Set(3, "k", "1"));
  store_.FinishLoading();
  StoreWalk walk(store_, {3});
  const std::vector<RecordItem> items = {
      {.type = RecordType::kRemove, .key = "k", .previous = {3}}};
  Record remove = Of(RecordType::kRemove, 4);
  remove.items = items;
  const std::vector<RecordItem> absent = {{.type = RecordType::kRemove, .key = "never"}};
  Record nothing = Of(RecordType::kRemove, 5);
  nothing.items = absent;
  const std::vector<Record> records = {remove, nothing, Of(RecordType::kDropDatabase, 6, {3})};
  for (const Record& record : records) {
    ASSERT_TRUE(store_.Apply(record));
  }
  Store copy(kSeed, "admin-pwd");
  Load(copy, walk, {3});
  for (const Record& record : records) {
    ASSERT_TRUE(copy.Apply(record));
  }
  copy.FinishLoading();
  StoreWalk here(store_, {6});
  StoreWalk there(copy, {6});
  EXPECT_EQ(Walked(there), Walked(here));
}

TEST_F(StoreTest, LoadingAgainNeedsADatabaseFirst) {
  ASSERT_TRUE(store_.LoadDatabase({.id = kFirst, .name = "db"}));
  store_.StartLoading();  // as when a snapshot was found damaged
  EXPECT_FALSE(store_.LoadEntry({.key = "k", .revision = {1}}));
}

TEST_F(StoreTest, AWalkOverOneDatabaseTellsThatAlone) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Create(2, {3}, "other"));
  StoreWalk walk(store_, {2}, {3});
  EXPECT_EQ(Walked(walk), (std::vector<std::string>{"other", "$$token=token@2"}));
}

TEST_F(StoreTest, OpenConflictsComeBackOldestFirstAndDecidedOnesStayDecided) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Set(2, "k", "1"));
  ASSERT_TRUE(Set(3, "$conflicts_k_10", "resolve 10 db 0 k 1 x"));
  ASSERT_TRUE(Set(4, "$conflicts_k_9", "resolve 9 db 0 k 1 y"));
  ASSERT_TRUE(Set(5, "$conflicts_k_8", "resolved z"));
  ASSERT_TRUE(Set(6, "$conflicts_absent_7", "resolve 7 db 0 absent 1 y"));
  ASSERT_TRUE(Set(7, "$conflicts_nonsense", "resolve"));
  ASSERT_TRUE(Change(8, {.type = RecordType::kSet, .key = "j", .in_conflict = true}));
  ASSERT_TRUE(store_.Apply(Of(RecordType::kArbiter, 9)));
  store_.FinishLoading();
  Conflicts& conflicts = First().conflicts();
  EXPECT_TRUE(conflicts.arbiter_seen());
  EXPECT_EQ(conflicts.OpenOf("k"), (std::deque<ConflictId>{{9}, {10}}));
  EXPECT_TRUE(First().Find("k")->in_conflict());
  EXPECT_TRUE(conflicts.OpenOf("absent").empty());
  // A mark without a conflict would wait for a decision that nobody is asked for.
  EXPECT_FALSE(First().Find("j")->in_conflict());
  EXPECT_EQ(conflicts.newest(), ConflictId{10});
  EXPECT_EQ(conflicts.TakeClosed().size(), 3U);
}

TEST_F(StoreTest, PermissionsComeBack) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  ASSERT_TRUE(Set(2, "$$permission_$ann", "r a*"));
  store_.FinishLoading();
  const PermissionList* list = First().PermissionsOf("ann");
  ASSERT_NE(list, nullptr);
  EXPECT_TRUE(list->Allows(Permission::kRead, "abc"));
  EXPECT_FALSE(list->Allows(Permission::kWrite, "abc"));
  EXPECT_EQ(First().secure_revision(), Revision{2});
}

TEST_F(StoreTest, TheHorizonIsTheLaterOfTwo) {
  ASSERT_TRUE(store_.LoadDatabase({.id = kFirst, .name = "db", .horizon = {5}}));
  store_.LoadHorizon(kFirst, {9});
  store_.LoadHorizon(kFirst, {7});
  store_.LoadHorizon({99}, {7});  // dropped since
  EXPECT_EQ(First().horizon(), Revision{9});
}

// They are outside the revision order: an older log may hold changes of them.
TEST_F(StoreTest, WhatTheAdminDatabaseHasFromTheStartIsNotLoaded) {
  ASSERT_TRUE(store_.LoadDatabase(store_.admin().State()));
  for (const std::string_view key : {kTokenKey, kAdminDatabase}) {
    ASSERT_TRUE(store_.LoadEntry({.key = key, .value = "x", .revision = {1}}));
    const RecordItem removed{.type = RecordType::kRemove, .key = key, .previous = {1}};
    ASSERT_TRUE(store_.Apply({.type = RecordType::kRemove,
                              .database = store_.admin().id(),
                              .revision = {2},
                              .items = {&removed, 1}}));
  }
  store_.FinishLoading();
  EXPECT_EQ(store_.admin().Find(kTokenKey)->value(), "admin-pwd");
  EXPECT_EQ(store_.admin().Find(kAdminDatabase)->value(), "{}");
  EXPECT_EQ(store_.admin().revision_order().oldest(), nullptr);
}

TEST_F(StoreTest, KeepsTheMembersThatMayCountAgain) {
  store_.KeepUndo(1'000'000);
  const auto change = [&](std::uint64_t revision, std::string_view members) {
    ASSERT_TRUE(store_.Apply({.type = RecordType::kConfig,
                              .revision = {revision},
                              .time_us = static_cast<std::int64_t>(revision),
                              .members = members}));
  };
  change(1, "one");
  change(2, "two");
  change(3, "three");
  store_.SetFinal({2});
  using Members = Store::MembersRecord;
  EXPECT_EQ(store_.members(), (std::vector<Members>{{{2}, "two"}, {{3}, "three"}}));
  ASSERT_TRUE(store_.MayRewind({2}));
  store_.Rewind({.revision = {2}, .time_us = 2});
  EXPECT_EQ(store_.members(), (std::vector<Members>{{{2}, "two"}}));
}

TEST_F(StoreTest, LoadingForgetsWhatWasThere) {
  ASSERT_TRUE(Create(1, kFirst, "db"));
  store_.StartLoading();
  EXPECT_EQ(store_.Find("db"), nullptr);
  EXPECT_EQ(store_.revision(), Revision{0});
  ASSERT_TRUE(Create(1, kFirst, "db"));
  store_.FinishLoading();
  EXPECT_EQ(store_.admin().Find(kTokenKey)->value(), "admin-pwd");
}

}  // namespace
}  // namespace nunc
