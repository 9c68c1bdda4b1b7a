#include "core/entry.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/entry_fixture.h"

namespace nunc {
namespace {

OwnedEntry Make(std::string_view key, std::string_view value) {
  return OwnedEntry(Entry::Create(key, value));
}

TEST(Entry, HoldsItsKeyAndValueByteForByte) {
  const std::string key("k\0\xFFy", 4);
  const std::string value("v\0\xFE", 3);
  const OwnedEntry entry = Make(key, value);
  EXPECT_EQ(entry->key(), key);
  EXPECT_EQ(entry->value(), value);
}

TEST(Entry, StartsWithVersionZeroAndNoRevision) {
  const OwnedEntry entry = Make("key", "value");
  EXPECT_EQ(entry->version(), 0U);
  EXPECT_EQ(entry->revision(), Revision{});
  EXPECT_FALSE(entry->in_conflict());
  EXPECT_FALSE(entry->is_tombstone());
}

TEST(Entry, HoldsTheLongestKey) {
  // Conflict keys are the longest: a prefix, a key at its limit and an id.
  const std::string key(kKeyBytesMax + 64, 'k');
  const OwnedEntry entry = Make(key, "value");
  EXPECT_EQ(entry->key(), key);
  EXPECT_EQ(entry->value(), "value");
}

TEST(Entry, KeepsItsAddressWhateverItsValueBecomes) {
  const OwnedEntry entry = Make("key", "");
  const Entry* address = entry.get();
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8}, Entry::kInlineValueBytesMax,
        Entry::kInlineValueBytesMax + 1, std::size_t{100'000}, std::size_t{3}, std::size_t{0}}) {
    const std::string value(size, static_cast<char>('a' + size % 26));
    entry->SetValue(value);
    EXPECT_EQ(entry->value(), value);
    EXPECT_EQ(entry->key(), "key");
  }
  EXPECT_EQ(entry.get(), address);
}

TEST(Entry, AMissingValueIsAnEmptyOne) {
  const OwnedEntry entry = Make("key", std::string_view{});
  EXPECT_EQ(entry->value(), "");
  entry->SetValue("long enough to be something");
  entry->SetValue(std::string_view{});
  EXPECT_EQ(entry->value(), "");
}

TEST(Entry, ItsOwnValueMayBeStoredAgain) {
  for (const std::size_t size : {std::size_t{20}, Entry::kInlineValueBytesMax * 4}) {
    std::string value(size, 'x');
    value += "tail";
    const OwnedEntry entry = Make("key", value);
    entry->SetValue(entry->value().substr(1));
    EXPECT_EQ(entry->value(), value.substr(1));
    entry->SetValue(entry->value().substr(entry->value().size() - 4));
    EXPECT_EQ(entry->value(), "tail");
  }
}

TEST(Entry, ConflictIsAMarkBesideTheVersion) {
  const OwnedEntry entry = Make("key", "value");
  entry->set_version(std::numeric_limits<std::uint32_t>::max());
  entry->set_in_conflict(true);
  EXPECT_TRUE(entry->in_conflict());
  EXPECT_EQ(entry->version(), std::numeric_limits<std::uint32_t>::max());
  entry->SetValue(std::string(2000, 'v'));  // out of line and back: other flags stay
  EXPECT_TRUE(entry->in_conflict());
  entry->SetValue("v");
  EXPECT_TRUE(entry->in_conflict());
  entry->set_in_conflict(false);
  EXPECT_FALSE(entry->in_conflict());
}

TEST(Entry, ATombstoneHasKeyAndLinksAndNoValue) {
  const OwnedEntry other = Make("other", "");
  const OwnedEntry tombstone(Entry::CreateTombstone(
      "key", {.removed_at_us = -5, .previous = other.get(), .next = nullptr}));
  EXPECT_TRUE(tombstone->is_tombstone());
  EXPECT_EQ(tombstone->key(), "key");
  EXPECT_EQ(tombstone->value(), "");
  EXPECT_EQ(tombstone->tombstone_links().removed_at_us, -5);
  EXPECT_EQ(tombstone->tombstone_links().previous, other.get());
  tombstone->set_tombstone_links({.removed_at_us = 9, .next = other.get()});
  EXPECT_EQ(tombstone->tombstone_links().removed_at_us, 9);
  EXPECT_EQ(tombstone->tombstone_links().previous, nullptr);
  EXPECT_EQ(tombstone->tombstone_links().next, other.get());
  EXPECT_EQ(tombstone->key(), "key");
}

TEST(Entry, TakesAnyRowOfValuesAsAStringDoes) {
  std::mt19937_64 random(20'001);
  constexpr std::size_t kEntries = 50;
  std::vector<OwnedEntry> entries;
  std::vector<std::string> keys;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < kEntries; ++i) {
    keys.push_back("key" + std::string(random() % 40, 'k') + std::to_string(i));
    values.emplace_back(random() % 1200, 'i');
    entries.push_back(Make(keys.back(), values.back()));
  }
  for (int step = 0; step < 30'000; ++step) {
    const std::size_t at = random() % kEntries;
    // Around the inline limit, tiny, and large: all ways between the two places of a value.
    const std::size_t sizes[] = {random() % 12, Entry::kInlineValueBytesMax - 4 + random() % 8,
                                 random() % 4000, random() % 200};
    values[at].assign(sizes[random() % 4], static_cast<char>('a' + random() % 26));
    entries[at]->SetValue(values[at]);
    ASSERT_EQ(entries[at]->value(), values[at]) << "step " << step;
    ASSERT_EQ(entries[at]->key(), keys[at]);
    const std::size_t other = random() % kEntries;
    ASSERT_EQ(entries[other]->value(), values[other]) << "step " << step;
  }
}

class RevisionOrderTest : public testing::Test {
 protected:
  std::string Oldest() const {
    std::string keys;
    const Entry* last = nullptr;
    for (const Entry* entry = order_.oldest(); entry != nullptr;
         entry = RevisionOrder::After(entry)) {
      keys += entry->key();
      last = entry;
    }
    EXPECT_EQ(order_.newest(), last);
    return keys;
  }

  RevisionOrder order_;
  OwnedEntry a_ = Make("a", "");
  OwnedEntry b_ = Make("b", "");
  OwnedEntry c_ = Make("c", "");
};

TEST_F(RevisionOrderTest, StartsEmpty) {
  EXPECT_EQ(order_.oldest(), nullptr);
  EXPECT_EQ(order_.newest(), nullptr);
}

TEST_F(RevisionOrderTest, AChangedEntryMovesToTheEnd) {
  order_.Append(a_.get());
  order_.MoveToEnd(a_.get());
  EXPECT_EQ(Oldest(), "a");
  order_.Append(b_.get());
  order_.Append(c_.get());
  EXPECT_EQ(Oldest(), "abc");
  order_.MoveToEnd(a_.get());
  EXPECT_EQ(Oldest(), "bca");
  order_.MoveToEnd(c_.get());
  EXPECT_EQ(Oldest(), "bac");
  order_.MoveToEnd(c_.get());
  EXPECT_EQ(Oldest(), "bac");
}

TEST_F(RevisionOrderTest, ARemovedEntryLeavesNoTrace) {
  order_.Append(a_.get());
  order_.Append(b_.get());
  order_.Append(c_.get());
  order_.Remove(b_.get());
  EXPECT_EQ(Oldest(), "ac");
  order_.Remove(a_.get());
  EXPECT_EQ(Oldest(), "c");
  order_.Remove(c_.get());
  EXPECT_EQ(Oldest(), "");
  order_.Append(b_.get());
  EXPECT_EQ(Oldest(), "b");
}

TEST_F(RevisionOrderTest, AWalkMeetsAgainWhatMovesAndNotWhatGoes) {
  order_.Append(a_.get());
  order_.Append(b_.get());
  order_.Append(c_.get());
  RevisionWalk walk(order_);
  EXPECT_EQ(walk.Next(), a_.get());
  order_.MoveToEnd(a_.get());
  order_.Remove(b_.get());
  EXPECT_EQ(Oldest(), "ca");
  EXPECT_EQ(walk.Next(), c_.get());
  EXPECT_EQ(walk.Next(), a_.get());
  EXPECT_EQ(walk.Next(), nullptr);
  order_.MoveToEnd(c_.get());
  EXPECT_EQ(walk.Next(), c_.get());
  EXPECT_EQ(walk.Next(), nullptr);
}

TEST_F(RevisionOrderTest, WalksDoNotDisturbEachOtherOrTheOrder) {
  order_.Append(a_.get());
  order_.Append(b_.get());
  RevisionWalk first(order_);
  EXPECT_EQ(first.Next(), a_.get());
  {
    RevisionWalk second(order_);
    EXPECT_EQ(second.Next(), a_.get());
    EXPECT_EQ(second.Next(), b_.get());
    EXPECT_EQ(order_.newest(), b_.get());
    EXPECT_EQ(second.Next(), nullptr);
  }
  EXPECT_EQ(Oldest(), "ab");
  EXPECT_EQ(first.Next(), b_.get());
  order_.Append(c_.get());
  EXPECT_EQ(first.Next(), c_.get());
}

TEST_F(RevisionOrderTest, AWalkOverNothingWaitsForWhatComes) {
  RevisionWalk walk(order_);
  EXPECT_EQ(walk.Next(), nullptr);
  EXPECT_EQ(order_.oldest(), nullptr);
  EXPECT_EQ(order_.newest(), nullptr);
  order_.Append(a_.get());
  EXPECT_EQ(walk.Next(), a_.get());
}

TEST_F(RevisionOrderTest, AWalkEndsWithItsOrder) {
  order_.Append(a_.get());
  RevisionWalk walk(order_);
  order_.EndWalks();
  EXPECT_EQ(Oldest(), "a");
  EXPECT_EQ(walk.Next(), nullptr);
}

}  // namespace
}  // namespace nunc
