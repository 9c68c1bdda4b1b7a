#include "core/hash_index.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "core/entry_fixture.h"

namespace nunc {
namespace {

// An index and what must be in it.
class IndexAndModel {
 public:
  explicit IndexAndModel(std::uint64_t seed) : index_(seed) {}

  void Insert(const std::string& key) {
    OwnedEntry entry(Entry::Create(key, ""));
    index_.Insert(index_.Hash(key), entry.get());
    model_.emplace(key, std::move(entry));
  }
  void Erase(const std::string& key) {
    const auto found = model_.find(key);
    index_.Erase(index_.Hash(key), found->second.get());
    model_.erase(found);
  }
  void Replace(const std::string& key) {
    OwnedEntry fresh(Entry::Create(key, "fresh"));
    OwnedEntry& old = model_.at(key);
    index_.Replace(index_.Hash(key), old.get(), fresh.get());
    old = std::move(fresh);
  }
  bool Has(const std::string& key) const { return model_.contains(key); }

  // The index gives for `key` what it must give.
  bool Agrees(const std::string& key) const {
    const auto found = model_.find(key);
    const Entry* expected = found == model_.end() ? nullptr : found->second.get();
    return index_.Find(index_.Hash(key), key) == expected && index_.size() == model_.size();
  }
  std::size_t CountWrong(const std::vector<std::string>& keys) const {
    std::size_t wrong = 0;
    for (const std::string& key : keys) {
      wrong += Agrees(key) ? 0U : 1U;
    }
    return wrong;
  }

 private:
  HashIndex index_;
  std::unordered_map<std::string, OwnedEntry> model_;
};

std::vector<std::string> NumberedKeys(std::size_t count) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) {
    keys.push_back("key:" + std::to_string(i));
  }
  return keys;
}

TEST(HashIndex, AnEmptyOneFindsNothing) {
  const HashIndex index(1);
  EXPECT_EQ(index.Find(index.Hash("key"), "key"), nullptr);
  EXPECT_EQ(index.size(), 0U);
}

TEST(HashIndex, TheHashFollowsTheSeed) {
  EXPECT_EQ(HashIndex(1).Hash("key"), HashIndex(1).Hash("key"));
  EXPECT_NE(HashIndex(1).Hash("key"), HashIndex(2).Hash("key"));
}

TEST(HashIndex, FindsEveryKeyWhileSegmentsGrowAndSplit) {
  IndexAndModel pair(3);
  const std::vector<std::string> keys = NumberedKeys(60'000);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    pair.Insert(keys[i]);
    ASSERT_TRUE(pair.Agrees(keys[i]));
    ASSERT_TRUE(pair.Agrees(keys[i / 2]));
    ASSERT_TRUE(pair.Agrees(keys[(i + 1) % keys.size()]));  // absent until the next round
  }
  EXPECT_EQ(pair.CountWrong(keys), 0U);
}

TEST(HashIndex, FindsTheOthersWhileKeysAreErased) {
  IndexAndModel pair(4);
  const std::vector<std::string> keys = NumberedKeys(20'000);
  for (const std::string& key : keys) {
    pair.Insert(key);
  }
  std::mt19937_64 random(4);
  std::vector<std::string> order = keys;
  std::shuffle(order.begin(), order.end(), random);
  for (std::size_t i = 0; i < order.size(); ++i) {
    pair.Erase(order[i]);
    ASSERT_TRUE(pair.Agrees(order[i]));
    if (i % 1000 == 0) {
      ASSERT_EQ(pair.CountWrong(keys), 0U) << "after " << i;
    }
  }
  EXPECT_EQ(pair.CountWrong(keys), 0U);
}

// One segment of 16 slots: runs that wrap around its end, and holes in the middle of them.
TEST(HashIndex, ASmallSegmentSurvivesAnyOrderOfInsertAndErase) {
  const std::vector<std::string> keys = NumberedKeys(14);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    IndexAndModel pair(seed);
    std::mt19937_64 random(seed);
    for (int step = 0; step < 200; ++step) {
      const std::string& key = keys[random() % keys.size()];
      if (pair.Has(key)) {
        pair.Erase(key);
      } else {
        pair.Insert(key);
      }
      ASSERT_EQ(pair.CountWrong(keys), 0U) << "seed " << seed << " step " << step;
    }
  }
}

TEST(HashIndex, AgreesWithAMapUnderRandomChanges) {
  const std::vector<std::string> keys = NumberedKeys(8'000);
  IndexAndModel pair(5);
  std::mt19937_64 random(20'002);
  for (int step = 0; step < 80'000; ++step) {
    // Fills up first, empties later: both directions pass through all sizes.
    const bool grow = random() % 100 < (step < 40'000 ? 70U : 30U);
    const std::string& key = keys[random() % keys.size()];
    if (!pair.Has(key) && grow) {
      pair.Insert(key);
    } else if (pair.Has(key) && !grow) {
      pair.Erase(key);
    } else if (pair.Has(key)) {
      pair.Replace(key);
    }
    ASSERT_TRUE(pair.Agrees(key)) << "step " << step;
    ASSERT_TRUE(pair.Agrees(keys[random() % keys.size()])) << "step " << step;
    if (step % 8'000 == 0) {
      ASSERT_EQ(pair.CountWrong(keys), 0U) << "step " << step;
    }
  }
  EXPECT_EQ(pair.CountWrong(keys), 0U);
}

}  // namespace
}  // namespace nunc
