#include "core/pattern_watches.h"

#include <algorithm>
#include <list>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

using Prefixes = std::vector<std::string>;

class PatternWatchesTest : public testing::Test {
 protected:
  PatternWatch& Add(std::string prefix, bool one_key = false) {
    PatternWatch& watch = all_.emplace_back();
    watch.prefix = std::move(prefix);
    watch.one_key = one_key;
    watches_.Add(watch);
    return watch;
  }
  [[nodiscard]] Prefixes Matching(std::string_view key) {
    Prefixes prefixes;
    watches_.ForEachMatch(key,
                          [&](const PatternWatch& watch) { prefixes.push_back(watch.pattern()); });
    for (std::string& prefix : prefixes) {
      if (prefix.ends_with('*')) {
        prefix.pop_back();
      }
    }
    return prefixes;
  }

  WatchTimers timers_;
  std::list<PatternWatch> all_;
  PatternWatches watches_;
};

TEST_F(PatternWatchesTest, AKeyIsMatchedByItsPrefixesAlone) {
  for (const char* prefix : {"", "a", "a/", "a/b", "a/bc", "b", "a/b/"}) {
    Add(prefix);
  }
  EXPECT_EQ(Matching("a/b"), (Prefixes{"a/b", "a/", "a", ""}));
  EXPECT_EQ(Matching("a0"), (Prefixes{"a", ""}));
  EXPECT_EQ(Matching("c"), Prefixes{""});
  EXPECT_EQ(Matching("a/b/c"), (Prefixes{"a/b/", "a/b", "a/", "a", ""}));
}

TEST_F(PatternWatchesTest, SeveralWatchOnePrefixUntilTheyAreRemoved) {
  PatternWatch& one = Add("a");
  PatternWatch& other = Add("a");
  EXPECT_EQ(Matching("ab"), (Prefixes{"a", "a"}));
  watches_.Remove(one);
  EXPECT_EQ(Matching("ab"), Prefixes{"a"});
  watches_.Remove(other);
  EXPECT_EQ(Matching("ab"), Prefixes{});
  EXPECT_TRUE(watches_.empty());
}

TEST_F(PatternWatchesTest, OneOfAKeyAloneMatchesThatAlone) {
  Add("a", true);
  Add("a");
  EXPECT_EQ(Matching("a"), (Prefixes{"a", "a"}));
  EXPECT_EQ(Matching("ab"), Prefixes{"a"});
}

TEST_F(PatternWatchesTest, OneThatRestsIsNotMetAndIsStillThere) {
  PatternWatch& one = Add("a");
  PatternWatch& other = Add("a");
  one.next_us = 7;
  // As a change does, in the middle of going through them.
  watches_.ForEachMatch("a", [&](PatternWatch& watch) {
    if (&watch == &one) {
      watch.Start(timers_);
    }
  });
  EXPECT_EQ(Matching("a"), Prefixes{"a"});
  EXPECT_EQ(watches_.All().size(), 2U);
  std::size_t all = 0;
  watches_.ForAllOf("ab", [&](const PatternWatch&) { ++all; });
  EXPECT_EQ(all, 2U);
  EXPECT_EQ(timers_.next_us(), 7);
  EXPECT_EQ(timers_.Due(6), nullptr);
  EXPECT_EQ(timers_.Due(7), &one);
  one.Stop();
  watches_.Settle(one);
  EXPECT_EQ(Matching("a"), (Prefixes{"a", "a"}));
  EXPECT_EQ(timers_.next_us(), std::nullopt);
  other.Start(timers_);
  watches_.Settle(other);
  watches_.Remove(other);
  EXPECT_EQ(timers_.next_us(), std::nullopt) << "one that ends gives its place back";
  watches_.Remove(one);
  EXPECT_TRUE(watches_.empty());
}

// Against a scan of all prefixes, over keys of few letters so that much of them is shared.
TEST_F(PatternWatchesTest, FindsWhatAScanFinds) {
  std::mt19937 random(1);
  const auto word = [&random](std::size_t length_max) {
    std::string text(random() % (length_max + 1), ' ');
    std::generate(text.begin(), text.end(), [&] { return "ab\xFF"[random() % 3]; });
    return text;
  };
  for (int i = 0; i < 200; ++i) {
    Add(word(7));
  }
  for (int i = 0; i < 5'000; ++i) {
    const std::string key = word(10);
    Prefixes expected;
    for (const PatternWatch& watch : all_) {
      if (key.starts_with(watch.prefix)) {
        expected.push_back(watch.prefix);
      }
    }
    Prefixes found = Matching(key);
    std::sort(expected.begin(), expected.end());
    std::sort(found.begin(), found.end());
    ASSERT_EQ(found, expected) << key;
  }
}

}  // namespace
}  // namespace nunc
