#include "core/database.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

// A database, and the revisions that its changes get.
class Changed {
 public:
  Entry* Set(std::string_view key, std::string_view value, std::uint32_t version = 0) {
    const std::uint64_t hash = db_.Hash(key);
    return db_.Set(
        db_.Find(key, hash),
        {.key = key, .hash = hash, .value = value, .version = version, .revision = {++revision_}});
  }
  void Remove(std::string_view key, std::int64_t now_us = 0) {
    const std::uint64_t hash = db_.Hash(key);
    db_.Remove(db_.Find(key, hash), hash, {++revision_}, now_us);
  }

  Database& db() { return db_; }
  [[nodiscard]] const Database& db() const { return db_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

  [[nodiscard]] std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (KeyOrder::Cursor cursor = db_.Seek(""); !cursor.at_end(); cursor.Advance()) {
      keys.emplace_back(cursor.entry()->key());
    }
    return keys;
  }
  // Oldest first, removed keys with a minus before.
  [[nodiscard]] std::vector<std::string> Revisions() const {
    std::vector<std::string> keys;
    for (const Entry* entry = db_.revision_order().oldest(); entry != nullptr;
         entry = RevisionOrder::After(entry)) {
      keys.push_back((entry->is_tombstone() ? "-" : "") + std::string(entry->key()));
    }
    return keys;
  }

 private:
  Database db_{
      DatabaseOptions{.id = {1}, .name = "db", .strategy = Strategy::kNewer, .hash_seed = 7}};
  std::uint64_t revision_ = 0;
};

using Keys = std::vector<std::string>;

TEST(Database, KnowsItsOptions) {
  const Database db({.id = {4}, .name = "name", .strategy = Strategy::kArbiter, .hash_seed = 1});
  EXPECT_EQ(db.id(), DatabaseId{4});
  EXPECT_EQ(db.name(), "name");
  EXPECT_EQ(db.strategy(), Strategy::kArbiter);
  EXPECT_EQ(db.live_keys(), 0U);
}

TEST(Database, AChangedKeyKeepsItsEntryAndMovesToTheEndOfTheRevisions) {
  Changed changed;
  const Entry* entry = changed.Set("b", "1");
  changed.Set("a", "2");
  EXPECT_EQ(changed.Revisions(), (Keys{"b", "a"}));
  EXPECT_EQ(changed.Set("b", "3", 9), entry);
  EXPECT_EQ(changed.Revisions(), (Keys{"a", "b"}));
  EXPECT_EQ(changed.Keys(), (Keys{"a", "b"}));
  EXPECT_EQ(entry->value(), "3");
  EXPECT_EQ(entry->version(), 9U);
  EXPECT_EQ(entry->revision(), Revision{3});
}

TEST(Database, ARemovedKeyIsATombstoneThatOnlyTheRevisionsShow) {
  Changed changed;
  changed.Set("a", "1");
  changed.Set("b", "2");
  changed.Remove("a");
  EXPECT_EQ(changed.db().Find("a"), nullptr);
  EXPECT_EQ(changed.Keys(), Keys{"b"});
  EXPECT_EQ(changed.Revisions(), (Keys{"b", "-a"}));
  EXPECT_EQ(changed.db().revision_order().newest()->revision(), Revision{3});
  EXPECT_EQ(changed.db().tombstones(), 1U);
  EXPECT_EQ(changed.db().live_keys(), 1U);
}

TEST(Database, ASetAfterARemoveTakesTheTombstonesPlace) {
  Changed changed;
  for (const char* key : {"a", "b", "c"}) {
    changed.Set(key, "1", 5);
    changed.Remove(key);
  }
  changed.Set("b", "2");  // the tombstone in the middle of its list
  EXPECT_EQ(changed.db().tombstones(), 2U);
  EXPECT_EQ(changed.Revisions(), (Keys{"-a", "-c", "b"}));
  EXPECT_EQ(changed.db().Find("b")->version(), 0U);
  changed.Set("c", "2");
  changed.Set("a", "2");
  EXPECT_EQ(changed.db().tombstones(), 0U);
  EXPECT_EQ(changed.Keys(), (Keys{"a", "b", "c"}));
  changed.Remove("c");
  EXPECT_EQ(changed.Revisions(), (Keys{"b", "a", "-c"}));
}

TEST(Database, TheConflictMarkIsTheLastWrites) {
  Changed changed;
  Database& db = changed.db();
  const Database::Write write{
      .key = "a", .hash = db.Hash("a"), .value = "1", .revision = {1}, .in_conflict = true};
  Entry* entry = db.Set(nullptr, write);
  EXPECT_TRUE(entry->in_conflict());
  EXPECT_FALSE(changed.Set("a", "2")->in_conflict());
}

TEST(Database, ATombstoneIsKeptForTheWholeOfItsAgeAndNoLonger) {
  Changed changed;
  changed.Set("a", "1");
  changed.Set("b", "1");
  changed.Remove("a", 1'000);
  changed.Remove("b", 1'001);
  changed.db().DropOldTombstones(1'000 + kTombstoneAgeUsMax, 100);
  EXPECT_EQ(changed.db().tombstones(), 2U);
  EXPECT_EQ(changed.db().horizon(), Revision{});
  changed.db().DropOldTombstones(1'001 + kTombstoneAgeUsMax, 100);
  EXPECT_EQ(changed.Revisions(), Keys{"-b"});
  EXPECT_EQ(changed.db().horizon(), Revision{3});
}

TEST(Database, AtMostTheAskedNumberOfTombstonesIsDropped) {
  Changed changed;
  for (const char* key : {"a", "b", "c"}) {
    changed.Set(key, "1");
    changed.Remove(key, 0);
  }
  changed.db().DropOldTombstones(kTombstoneAgeUsMax + 1, 2);
  EXPECT_EQ(changed.Revisions(), Keys{"-c"});
  changed.db().DropOldTombstones(kTombstoneAgeUsMax + 1, 2);
  EXPECT_EQ(changed.Revisions(), Keys{});
  EXPECT_EQ(changed.db().horizon(), Revision{6});
}

TEST(Database, TombstonesAboveTheLimitAreDroppedOldestFirst) {
  Changed changed;
  for (std::size_t i = 0; i < kTombstonesMin; ++i) {
    changed.Set(std::to_string(i), "");
    changed.Remove(std::to_string(i));
  }
  changed.db().DropOldTombstones(0, 100);
  EXPECT_EQ(changed.db().tombstones(), kTombstonesMin);
  changed.Set("new", "");
  changed.Remove("new");
  changed.db().DropOldTombstones(0, 100);
  EXPECT_EQ(changed.db().tombstones(), kTombstonesMin);
  EXPECT_EQ(changed.db().horizon(), Revision{2});
  EXPECT_EQ(changed.db().revision_order().oldest()->key(), "1");
}

TEST(Database, ManyLiveKeysAllowAQuarterOfTheirNumberInTombstones) {
  Changed changed;
  constexpr std::size_t kLive = (kTombstonesMin + 2) * 4;
  for (std::size_t i = 0; i < kTombstonesMin + 3; ++i) {
    const std::string key = "removed" + std::to_string(i);
    changed.Set(key, "");
    changed.Remove(key);
  }
  for (std::size_t i = 0; i < kLive; ++i) {
    changed.Set(std::to_string(i), "");
  }
  changed.db().DropOldTombstones(0, 100);
  EXPECT_EQ(changed.db().tombstones(), kTombstonesMin + 2);
}

TEST(Database, TheServersOwnKeysAreListedButHaveNoRevision) {
  Changed changed;
  changed.db().SetLive(kConnectionsKey, "1");
  changed.Set("a", "1");
  const Entry* entry = changed.db().SetLive(kConnectionsKey, "2");
  EXPECT_EQ(changed.db().Find(kConnectionsKey), entry);
  EXPECT_EQ(entry->value(), "2");
  EXPECT_EQ(entry->version(), 1U);
  EXPECT_EQ(changed.Keys(), (Keys{"$connections", "a"}));
  EXPECT_EQ(changed.Revisions(), Keys{"a"});
  EXPECT_EQ(changed.db().live_keys(), 2U);
}

TEST(Database, PermissionsFollowTheirKeys) {
  Changed changed;
  const Database& db = changed.db();
  EXPECT_EQ(db.PermissionsOf("ada"), nullptr);
  const std::uint64_t before = db.permissions_epoch();
  changed.Set("$$permission_$ada", "r a");
  ASSERT_NE(db.PermissionsOf("ada"), nullptr);
  EXPECT_TRUE(db.PermissionsOf("ada")->Allows(Permission::kRead, "a"));
  EXPECT_NE(db.permissions_epoch(), before);
  changed.Set("$$permission_$ada", "w a");
  EXPECT_FALSE(db.PermissionsOf("ada")->Allows(Permission::kRead, "a"));
  EXPECT_EQ(db.PermissionsOf("ad"), nullptr);
  const std::uint64_t with_list = db.permissions_epoch();
  changed.Remove("$$permission_$ada");
  EXPECT_EQ(db.PermissionsOf("ada"), nullptr);
  EXPECT_NE(db.permissions_epoch(), with_list);
}

TEST(Database, OtherKeysLeaveThePermissionsAlone) {
  Changed changed;
  const std::uint64_t before = changed.db().permissions_epoch();
  changed.Set("$$permission_ada", "r a");
  changed.Set("$$user_ada", "token");
  changed.Set("permission_$ada", "r a");
  changed.Remove("$$user_ada");
  EXPECT_EQ(changed.db().permissions_epoch(), before);
  EXPECT_EQ(changed.db().PermissionsOf("ada"), nullptr);
}

// A database under random changes beside plain maps that do the same.
class DatabaseModel {
 public:
  void Step(std::mt19937_64& random) {
    const std::string key = "key" + std::to_string(random() % 3'000);
    now_us_ += static_cast<std::int64_t>(random() % 200'000'000);
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        Remove(key);
        break;
      case 3:
        if (random() % 4 == 0) {
          DropOld(random() % 50);
          break;
        }
        [[fallthrough]];
      default:
        Set(key, random);
    }
    ASSERT_EQ(real_.db().Find(key) != nullptr, live_.contains(key));
  }

  void Set(const std::string& key, std::mt19937_64& random) {
    const std::string value(random() % 40, static_cast<char>('a' + random() % 26));
    const auto version = static_cast<std::uint32_t>(random());
    real_.Set(key, value, version);
    Forget(key);
    live_[key] = {.value = value, .version = version, .revision = real_.revision()};
    order_[real_.revision()] = key;
  }

  void Remove(const std::string& key) {
    if (live_.contains(key)) {
      real_.Remove(key, now_us_);
      Forget(key);
      dead_[key] = {.removed_at_us = now_us_, .revision = real_.revision()};
      order_[real_.revision()] = key;
    }
  }

  void DropOld(std::size_t most) {
    real_.db().DropOldTombstones(now_us_, most);
    while (most-- > 0 && !dead_.empty()) {
      const auto oldest = std::min_element(
          dead_.begin(), dead_.end(),
          [](const auto& a, const auto& b) { return a.second.revision < b.second.revision; });
      if (now_us_ - oldest->second.removed_at_us <= kTombstoneAgeUsMax) {
        break;
      }
      horizon_ = oldest->second.revision;
      order_.erase(oldest->second.revision);
      dead_.erase(oldest);
    }
  }

  void Check() const {
    const Database& db = real_.db();
    ASSERT_EQ(db.tombstones(), dead_.size());
    ASSERT_EQ(db.live_keys(), live_.size());
    ASSERT_EQ(db.horizon(), Revision{horizon_});
    auto expected = live_.begin();
    for (KeyOrder::Cursor at = db.Seek(""); !at.at_end(); at.Advance(), ++expected) {
      ASSERT_NE(expected, live_.end());
      const Entry& entry = *at.entry();
      ASSERT_EQ(entry.key(), expected->first);
      ASSERT_EQ(entry.value(), expected->second.value);
      ASSERT_EQ(entry.version(), expected->second.version);
      ASSERT_EQ(entry.revision(), Revision{expected->second.revision});
      ASSERT_EQ(db.Find(entry.key()), &entry);
    }
    ASSERT_EQ(expected, live_.end());
    ASSERT_NO_FATAL_FAILURE(CheckRevisions());
  }

  void CheckRevisions() const {
    auto expected = order_.begin();
    for (const Entry* entry = real_.db().revision_order().oldest(); entry != nullptr;
         entry = RevisionOrder::After(entry), ++expected) {
      ASSERT_NE(expected, order_.end());
      ASSERT_EQ(entry->revision(), Revision{expected->first});  // a map: so they ascend
      ASSERT_EQ(entry->key(), expected->second);
      ASSERT_EQ(entry->is_tombstone(), dead_.contains(expected->second));
      ASSERT_GT(entry->revision(), entry->is_tombstone() ? real_.db().horizon() : Revision{});
    }
    ASSERT_EQ(expected, order_.end());
  }

  [[nodiscard]] std::uint64_t horizon() const { return horizon_; }

 private:
  struct Live {
    std::string value;
    std::uint32_t version = 0;
    std::uint64_t revision = 0;
  };
  struct Dead {
    std::int64_t removed_at_us = 0;
    std::uint64_t revision = 0;
  };

  void Forget(const std::string& key) {
    if (const auto found = live_.find(key); found != live_.end()) {
      order_.erase(found->second.revision);
      live_.erase(found);
    }
    if (const auto found = dead_.find(key); found != dead_.end()) {
      order_.erase(found->second.revision);
      dead_.erase(found);
    }
  }

  Changed real_;
  std::int64_t now_us_ = 0;
  std::map<std::string, Live> live_;
  std::map<std::string, Dead> dead_;
  std::map<std::uint64_t, std::string> order_;  // every key at its newest revision
  std::uint64_t horizon_ = 0;
};

TEST(Database, AgreesWithMapsUnderRandomChanges) {
  DatabaseModel model;
  std::mt19937_64 random(20'005);
  for (int step = 0; step < 60'000; ++step) {
    ASSERT_NO_FATAL_FAILURE(model.Step(random)) << "step " << step;
    if (step % 500 == 0) {
      ASSERT_NO_FATAL_FAILURE(model.Check()) << "step " << step;
    }
  }
  ASSERT_NO_FATAL_FAILURE(model.Check());
  EXPECT_GT(model.horizon(), 0U);  // some were old enough to be dropped
}

// At the limit and one above it; keys that are there, removed and never were.
TEST(Database, WhatIsExpectedIsNotChanged) {
  Changed changed;
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= kExpectedKeysMax; ++i) {
    names.push_back("key" + std::to_string(i));
  }
  changed.Set(names[0], "a", 5);
  for (const std::size_t count : {std::size_t{0}, kExpectedKeysMax, kExpectedKeysMax + 1}) {
    const std::vector<std::string_view> keys(names.begin(), names.end());
    changed.db().Expect(std::span(keys).first(count));
    EXPECT_EQ(changed.db().Find(names[0])->value(), "a");
    EXPECT_EQ(changed.db().Find(names[1]), nullptr);
  }
}

}  // namespace
}  // namespace nunc
