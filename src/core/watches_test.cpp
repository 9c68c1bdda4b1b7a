#include "core/watches.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/limits.h"
#include "core/database.h"

namespace nunc {
namespace {

std::uint64_t HashOf(std::string_view key) {
  return HashBytes(key, 9);
}

// Whose watches they are does not matter here.
Database& AnyDatabase() {
  static Database database({});
  return database;
}

Watches::Added Add(Watches& watches, WatchingSession& session, std::string_view key) {
  return watches.Add(session, key, HashOf(key));
}

bool Remove(Watches& watches, WatchingSession& session, std::string_view key) {
  return watches.Remove(session, key, HashOf(key));
}

bool Contains(const Watches& watches, const WatchingSession& session, std::string_view key) {
  return watches.Contains(session, key, HashOf(key));
}

// As the executor does for every change.
void MarkAllDirty(const Watches& watches, std::string_view key) {
  if (const WatchedKey* watched = watches.Find(key, HashOf(key)); watched != nullptr) {
    for (const WatchedKey::Watcher& watcher : watched->watchers()) {
      watcher.session->MarkDirty(watcher.interest);
    }
  }
}

std::string TakeDirty(WatchingSession& session) {
  const WatchedKey* watched = session.TakeDirty().key;
  return watched == nullptr ? "" : std::string(watched->key());
}

TEST(Watches, AKeyIsWatchedOnce) {
  Watches watches;
  WatchingSession session({.slot = 1}, AnyDatabase());
  EXPECT_EQ(Add(watches, session, "key"), Watches::Added::kYes);
  EXPECT_EQ(Add(watches, session, "key"), Watches::Added::kAlready);
  EXPECT_EQ(session.size(), 1U);
  EXPECT_EQ(watches.Find("key", HashOf("key"))->watchers().size(), 1U);
}

TEST(Watches, WhatNobodyWatchesIsNotKept) {
  Watches watches;
  WatchingSession session({.slot = 1}, AnyDatabase());
  EXPECT_EQ(watches.Find("key", HashOf("key")), nullptr);
  EXPECT_FALSE(Remove(watches, session, "key"));
  EXPECT_EQ(Add(watches, session, "key"), Watches::Added::kYes);
  EXPECT_EQ(watches.size(), 1U);
  EXPECT_TRUE(Remove(watches, session, "key"));
  EXPECT_FALSE(Remove(watches, session, "key"));
  EXPECT_EQ(watches.Find("key", HashOf("key")), nullptr);
  EXPECT_EQ(watches.size(), 0U);
}

TEST(Watches, OneSessionsWatchIsNotAnothers) {
  Watches watches;
  WatchingSession one({.slot = 1}, AnyDatabase());
  WatchingSession other({.slot = 2}, AnyDatabase());
  EXPECT_EQ(Add(watches, one, "key"), Watches::Added::kYes);
  EXPECT_FALSE(Contains(watches, other, "key"));
  EXPECT_FALSE(Remove(watches, other, "key"));
  EXPECT_EQ(Add(watches, other, "key"), Watches::Added::kYes);
  watches.RemoveAll(one);
  EXPECT_FALSE(Contains(watches, one, "key"));
  EXPECT_TRUE(Contains(watches, other, "key"));
}

TEST(Watches, AtTheLimitASessionWatchesNoMore) {
  Watches watches;
  WatchingSession session({.slot = 1}, AnyDatabase());
  for (std::size_t i = 0; i < kWatchesPerSessionMax; ++i) {
    ASSERT_EQ(Add(watches, session, std::to_string(i)), Watches::Added::kYes);
  }
  EXPECT_EQ(Add(watches, session, "new"), Watches::Added::kLimit);
  EXPECT_EQ(watches.size(), kWatchesPerSessionMax);
  EXPECT_EQ(Add(watches, session, "0"), Watches::Added::kAlready);
  WatchingSession other({.slot = 2}, AnyDatabase());
  EXPECT_EQ(Add(watches, other, "new"), Watches::Added::kYes);
  EXPECT_EQ(Add(watches, session, "new"), Watches::Added::kLimit);
  EXPECT_TRUE(Remove(watches, session, "0"));
  EXPECT_EQ(Add(watches, session, "new"), Watches::Added::kYes);
  watches.RemoveAll(session);
  EXPECT_EQ(session.size(), 0U);
  EXPECT_EQ(watches.size(), 1U);
}

TEST(WatchingSession, DirtyKeysComeLowestNewestChangeFirst) {
  Watches watches;
  WatchingSession session({.slot = 1}, AnyDatabase());
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_EQ(Add(watches, session, key), Watches::Added::kYes);
  }
  for (const char* key : {"a", "b", "a", "c", "b", "b"}) {
    MarkAllDirty(watches, key);
  }
  EXPECT_EQ(TakeDirty(session), "a");
  EXPECT_EQ(TakeDirty(session), "c");
  MarkAllDirty(watches, "a");
  EXPECT_EQ(TakeDirty(session), "b");
  EXPECT_EQ(TakeDirty(session), "a");
  EXPECT_EQ(TakeDirty(session), "");
}

TEST(WatchingSession, AnUnwatchedKeyIsNoLongerDirty) {
  Watches watches;
  WatchingSession session({.slot = 1}, AnyDatabase());
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_EQ(Add(watches, session, key), Watches::Added::kYes);
    MarkAllDirty(watches, key);
  }
  EXPECT_TRUE(Remove(watches, session, "b"));
  EXPECT_EQ(Add(watches, session, "b"), Watches::Added::kYes);
  EXPECT_EQ(TakeDirty(session), "a");
  EXPECT_EQ(TakeDirty(session), "c");
  EXPECT_EQ(TakeDirty(session), "");
}

// Sessions and keys under random changes beside plain maps that do the same.
class WatchesModel {
 public:
  static constexpr std::size_t kSessions = 12;
  static constexpr std::size_t kKeys = 40;

  WatchesModel() {
    for (std::size_t i = 0; i < kKeys; ++i) {
      keys_.push_back("key" + std::to_string(i));
    }
    for (std::size_t i = 0; i < kSessions; ++i) {
      sides_.push_back({.real = std::make_unique<WatchingSession>(
                            SessionId{static_cast<std::uint32_t>(i), 0}, AnyDatabase())});
    }
  }

  void Step(std::mt19937_64& random) {
    Side& side = sides_[random() % kSessions];
    // A few sessions and keys are much used, so that both lists of a registration grow long.
    const std::string& key = keys_[random() % 3 == 0 ? random() % 4 : random() % kKeys];
    switch (random() % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: {
        const bool fresh = side.watched.insert(key).second;
        EXPECT_EQ(Add(watches_, *side.real, key),
                  fresh ? Watches::Added::kYes : Watches::Added::kAlready);
        break;
      }
      case 5:
      case 6:
      case 7:
        EXPECT_EQ(Remove(watches_, *side.real, key), side.watched.erase(key) == 1);
        std::erase(side.dirty, key);
        break;
      case 8:
        if (random() % 20 == 0) {
          watches_.RemoveAll(*side.real);
          side.watched.clear();
          side.dirty.clear();
        }
        break;
      case 9:
      case 10:
        EXPECT_EQ(TakeDirty(*side.real), side.dirty.empty() ? "" : side.dirty.front());
        if (!side.dirty.empty()) {
          side.dirty.erase(side.dirty.begin());
        }
        break;
      default:
        Change(key);
    }
  }

  void Change(const std::string& key) {
    MarkAllDirty(watches_, key);
    for (Side& side : sides_) {
      if (side.watched.contains(key)) {
        std::erase(side.dirty, key);
        side.dirty.push_back(key);
      }
    }
  }

  void Check() const {
    std::set<std::string> all;
    for (const Side& side : sides_) {
      ASSERT_EQ(side.real->size(), side.watched.size());
      for (const std::string& key : keys_) {
        ASSERT_EQ(Contains(watches_, *side.real, key), side.watched.contains(key)) << key;
      }
      all.insert(side.watched.begin(), side.watched.end());
    }
    ASSERT_EQ(watches_.size(), all.size());
    for (const std::string& key : all) {
      CheckWatchers(key);
    }
  }

  void CheckWatchers(const std::string& key) const {
    std::multiset<const WatchingSession*> told;
    for (const WatchedKey::Watcher& watcher : watches_.Find(key, HashOf(key))->watchers()) {
      told.insert(watcher.session);
    }
    std::multiset<const WatchingSession*> expected;
    for (const Side& side : sides_) {
      if (side.watched.contains(key)) {
        expected.insert(side.real.get());
      }
    }
    ASSERT_EQ(told, expected) << key;
  }

  void TakeAllDirty() {
    for (Side& side : sides_) {
      for (const std::string& key : side.dirty) {
        ASSERT_EQ(TakeDirty(*side.real), key);
      }
      side.dirty.clear();
      ASSERT_EQ(TakeDirty(*side.real), "");
    }
  }

 private:
  struct Side {
    std::unique_ptr<WatchingSession> real;
    std::set<std::string> watched{};
    std::vector<std::string> dirty{};  // lowest newest change first
  };

  Watches watches_;
  std::vector<Side> sides_;
  std::vector<std::string> keys_;
};

TEST(Watches, AgreeWithMapsUnderRandomChanges) {
  WatchesModel model;
  std::mt19937_64 random(20'004);
  for (int step = 0; step < 60'000; ++step) {
    model.Step(random);
    ASSERT_FALSE(testing::Test::HasFailure()) << "step " << step;
    if (step % 200 == 0) {
      ASSERT_NO_FATAL_FAILURE(model.Check()) << "step " << step;
    }
    if (step % 5'000 == 0) {
      ASSERT_NO_FATAL_FAILURE(model.TakeAllDirty()) << "step " << step;
    }
  }
  ASSERT_NO_FATAL_FAILURE(model.TakeAllDirty());
}

}  // namespace
}  // namespace nunc
