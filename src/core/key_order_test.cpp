#include "core/key_order.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/entry_fixture.h"

namespace nunc {
namespace {

// An order and what must be in it.
class OrderAndModel {
 public:
  void Insert(const std::string& key) {
    OwnedEntry entry(Entry::Create(key, ""));
    order_.Insert(entry.get());
    model_.emplace(key, std::move(entry));
  }
  void Erase(const std::string& key) {
    const auto found = model_.find(key);
    order_.Erase(found->second.get());
    model_.erase(found);
  }
  // Everything anew, from entries in an order of their own.
  void Rebuild(std::mt19937_64& random) {
    std::vector<Entry*> entries;
    entries.reserve(model_.size());
    for (const auto& [key, entry] : model_) {
      entries.push_back(entry.get());
    }
    std::ranges::shuffle(entries, random);
    order_.Build(entries);
  }
  bool Has(const std::string& key) const { return model_.contains(key); }
  std::size_t size() const { return model_.size(); }

  // The order from `key` on, at most `most` steps, is what it must be.
  testing::AssertionResult AgreesFrom(const std::string& key, std::size_t most) const {
    KeyOrder::Cursor cursor = order_.Seek(key);
    auto expected = model_.lower_bound(key);
    for (std::size_t step = 0; step < most; ++step, ++expected, cursor.Advance()) {
      if (cursor.at_end() || expected == model_.end()) {
        return cursor.at_end() == (expected == model_.end())
                   ? testing::AssertionSuccess()
                   : testing::AssertionFailure() << "ends at step " << step;
      }
      if (cursor.entry() != expected->second.get()) {
        return testing::AssertionFailure() << "step " << step << ": " << cursor.entry()->key()
                                           << " instead of " << expected->first;
      }
    }
    return testing::AssertionSuccess();
  }
  testing::AssertionResult Agrees() const { return AgreesFrom("", model_.size() + 1); }

 private:
  KeyOrder order_;
  std::map<std::string, OwnedEntry> model_;
};

std::string Numbered(std::size_t number) {
  const std::string digits = std::to_string(number);
  return "k" + std::string(8 - digits.size(), '0') + digits;
}

TEST(KeyOrder, AnEmptyOneIsAtItsEnd) {
  const KeyOrder order;
  EXPECT_TRUE(order.Seek("").at_end());
  EXPECT_TRUE(order.Seek("key").at_end());
}

TEST(KeyOrder, SeekGivesTheFirstKeyNotBelow) {
  OrderAndModel pair;
  pair.Insert("b");
  pair.Insert("d");
  for (const char* key : {"", "a", "b", "b0", "c", "d", "d0", "e"}) {
    EXPECT_TRUE(pair.AgreesFrom(key, 3)) << key;
  }
}

TEST(KeyOrder, BytesAreComparedAsUnsigned) {
  OrderAndModel pair;
  for (const std::string& key :
       {std::string("a"), std::string("\xC3\xA9"), std::string("a\0b", 3), std::string("a\x01"),
        std::string("~"), std::string("\xFF"), std::string("A")}) {
    pair.Insert(key);
  }
  EXPECT_TRUE(pair.Agrees());
}

TEST(KeyOrder, KeysThatComeInOrderStayInOrder) {
  OrderAndModel pair;
  for (std::size_t i = 0; i < 2'000; ++i) {
    pair.Insert(Numbered(i));
  }
  EXPECT_TRUE(pair.Agrees());
  for (std::size_t i = 0; i < 2'000; i += 97) {
    EXPECT_TRUE(pair.AgreesFrom(Numbered(i) + "x", 300));
  }
}

TEST(KeyOrder, KeysThatComeBackwardsAreInOrder) {
  OrderAndModel pair;
  for (std::size_t i = 2'000; i > 0; --i) {
    pair.Insert(Numbered(i));
  }
  EXPECT_TRUE(pair.Agrees());
}

TEST(KeyOrder, AFullBlockTakesAKeyAtEveryPlace) {
  // In order they make two full blocks; 255 is the end of the first.
  for (std::size_t place = 0; place < 512; place += 5) {
    OrderAndModel pair;
    for (std::size_t i = 0; i < 512; ++i) {
      pair.Insert(Numbered(i * 2));
    }
    pair.Insert(Numbered(place * 2) + "x");
    ASSERT_TRUE(pair.Agrees()) << "place " << place;
  }
}

TEST(KeyOrder, ErasingFromEitherEndKeepsTheRest) {
  for (const bool from_front : {true, false}) {
    OrderAndModel pair;
    for (std::size_t i = 0; i < 2'000; ++i) {
      pair.Insert(Numbered(i));
    }
    for (std::size_t i = 0; i < 2'000; ++i) {
      pair.Erase(Numbered(from_front ? i : 1'999 - i));
      if (i % 50 == 0) {
        ASSERT_TRUE(pair.Agrees()) << "after " << i;
      }
    }
    EXPECT_EQ(pair.size(), 0U);
    EXPECT_TRUE(pair.Agrees());
    pair.Insert("again");
    EXPECT_TRUE(pair.Agrees());
  }
}

TEST(KeyOrder, ErasingInAnyOrderMergesBlocksAndKeepsTheRest) {
  std::mt19937_64 random(20'008);
  std::vector<std::string> keys;
  OrderAndModel pair;
  for (std::size_t i = 0; i < 4'000; ++i) {
    keys.push_back(Numbered(i));
    pair.Insert(keys.back());
  }
  std::shuffle(keys.begin(), keys.end(), random);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    pair.Erase(keys[i]);
    if (i % 20 == 0) {
      ASSERT_TRUE(pair.Agrees()) << "after " << i;
      ASSERT_TRUE(pair.AgreesFrom(keys[random() % keys.size()], 300)) << "after " << i;
    }
  }
  EXPECT_TRUE(pair.Agrees());
}

TEST(KeyOrder, AgreesWithAMapUnderRandomChanges) {
  OrderAndModel pair;
  std::mt19937_64 random(20'003);
  constexpr std::size_t kKeys = 4'000;
  for (int step = 0; step < 60'000; ++step) {
    const bool grow = random() % 100 < (step < 30'000 ? 65U : 35U);
    // Half of the changes crowd into one corner, so that blocks split and merge there.
    const std::size_t number = random() % 2 == 0 ? random() % kKeys : random() % 300;
    const std::string key = Numbered(number);
    if (!pair.Has(key) && grow) {
      pair.Insert(key);
    } else if (pair.Has(key) && !grow) {
      pair.Erase(key);
    }
    ASSERT_TRUE(pair.AgreesFrom(key, 3)) << "step " << step;
    ASSERT_TRUE(pair.AgreesFrom(Numbered(random() % kKeys), 3)) << "step " << step;
    if (step % 1'000 == 0) {
      ASSERT_TRUE(pair.Agrees()) << "step " << step;
    }
  }
  EXPECT_TRUE(pair.Agrees());
}

TEST(KeyOrder, BuiltAtOnceItIsAsIfEachHadBeenInserted) {
  std::mt19937_64 random(20'004);
  for (const std::string_view shared : {"", "user:", "a-longer-shared-beginning/"}) {
    for (const std::size_t count : {0U, 1U, 2U, 255U, 256U, 257U, 5'000U}) {
      std::set<std::string> keys;
      // Keys that end inside the compared bytes, that are equal there, and one that is all shared.
      keys.insert(std::string(shared));
      while (keys.size() < count) {
        keys.insert(std::string(shared) + std::string(random() % 12, 'x') +
                    std::to_string(random() % 10'000) + (random() % 2 == 0 ? "\xff" : ""));
      }
      std::vector<Entry*> entries;
      entries.reserve(keys.size());
      for (const std::string& key : keys) {
        entries.push_back(Entry::Create(key, ""));
      }
      std::shuffle(entries.begin(), entries.end(), random);
      KeyOrder order;
      order.Build(entries);
      std::vector<std::string> found;
      for (KeyOrder::Cursor cursor = order.Seek(""); !cursor.at_end(); cursor.Advance()) {
        found.emplace_back(cursor.entry()->key());
      }
      EXPECT_EQ(found, std::vector<std::string>(keys.begin(), keys.end()));
      // And goes on as any other.
      for (Entry* entry : entries) {
        order.Erase(entry);
        Entry::Destroy(entry);
      }
      EXPECT_TRUE(order.Seek("").at_end());
    }
  }
}

TEST(KeyOrder, IsBuiltFromKeysThatShareBeginningsAndEndInEachOther) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    OrderAndModel pair;
    for (int i = 0; i < 500; ++i) {
      // Zero bytes above all: a key that ends looks like one that goes on with them.
      std::string key(random() % 3 * 9, 'p');
      for (std::size_t left = random() % 20; left > 0; --left) {
        constexpr std::string_view kBytes("\0\0\0a\xff", 5);
        key += kBytes[random() % kBytes.size()];
      }
      if (!key.empty() && !pair.Has(key)) {
        pair.Insert(key);
      }
    }
    pair.Rebuild(random);
    ASSERT_TRUE(pair.Agrees()) << "round " << round;
  }
}

}  // namespace
}  // namespace nunc
