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
  PatternWatch& Add(std::string prefix) {
    PatternWatch& watch = all_.emplace_back();
    watch.prefix = std::move(prefix);
    watches_.Add(watch);
    return watch;
  }
  [[nodiscard]] Prefixes Matching(std::string_view key) const {
    Prefixes prefixes;
    watches_.ForEachMatch(key,
                          [&](const PatternWatch& watch) { prefixes.push_back(watch.prefix); });
    return prefixes;
  }

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
  const PatternWatch& one = Add("a");
  const PatternWatch& other = Add("a");
  EXPECT_EQ(Matching("ab"), (Prefixes{"a", "a"}));
  watches_.Remove(one);
  EXPECT_EQ(Matching("ab"), Prefixes{"a"});
  watches_.Remove(other);
  EXPECT_EQ(Matching("ab"), Prefixes{});
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
