#include "storage/snapshot_items.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "storage/snapshot_fixture.h"

namespace nunc {
namespace {

std::string DetailOf(std::string_view raw) {
  KeepingVisitor visitor;
  const auto result = ForEachItem(raw, visitor);
  return result ? "" : result.error().detail;
}

TEST(SnapshotItems, ABlockBeginsWithTheDatabaseItContinues) {
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = "shop", .strategy = Strategy::kNewer, .horizon = {8}});
  builder.Add({.key = "a", .value = "1", .revision = {9}});
  const std::string first = builder.Take();
  EXPECT_TRUE(builder.empty());
  builder.Add({.key = "b", .value = "2", .revision = {10}});
  const std::string second = builder.Take();

  KeepingVisitor visitor;
  ASSERT_TRUE(ForEachItem(first, visitor));
  EXPECT_EQ(visitor.continued, 0U);
  ASSERT_TRUE(ForEachItem(second, visitor));
  EXPECT_EQ(visitor.continued, 1U);
  ASSERT_EQ(visitor.seen.databases.size(), 1U);
  EXPECT_EQ(visitor.seen.databases[0].entries.size(), 2U);
  EXPECT_EQ(builder.entries(), 2U);
  EXPECT_EQ(builder.databases(), 1U);
}

TEST(SnapshotItems, EachEntryIsSaidToComeBeforeItDoes) {
  class Announced final : public KeepingVisitor {
   public:
    void OnSoon(std::string_view key) override { soon.emplace_back(key); }
    Result<void> OnEntry(const EntryState& entry) override {
      came.emplace_back(entry.key);
      in_time = in_time && soon.size() >= came.size();
      return KeepingVisitor::OnEntry(entry);
    }
    std::vector<std::string> soon;
    std::vector<std::string> came;
    bool in_time = true;
  };
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = "shop"});
  for (std::uint64_t i = 1; i <= 30; ++i) {
    const std::string key = "k" + std::to_string(i);
    builder.Add({.key = key, .removed = i % 5 == 0, .revision = {i}, .removed_at_us = 4});
  }
  Announced visitor;
  ASSERT_TRUE(ForEachItem(builder.Take(), visitor));
  EXPECT_EQ(visitor.came.size(), 30U);
  EXPECT_EQ(visitor.soon, visitor.came);
  EXPECT_TRUE(visitor.in_time);
}

TEST(SnapshotItems, ABlockIsFullAtItsTarget) {
  BlockBuilder builder(100);
  builder.Begin({.id = {3}, .name = "shop"});
  EXPECT_FALSE(builder.full());
  builder.Add({.key = "a", .value = std::string(80, 'x'), .revision = {9}});
  EXPECT_TRUE(builder.full());
  EXPECT_GE(builder.Take().size(), 100U);
  EXPECT_FALSE(builder.full());
}

TEST(SnapshotItems, TheMemoryOfABlockIsUsedAgainUnlessItIsHuge) {
  BlockBuilder builder(4096);
  builder.Begin({.id = {3}, .name = "shop"});
  builder.Add({.key = "a", .value = std::string(4000, 'x'), .revision = {9}});
  std::string first = builder.Take();
  const char* const memory = first.data();
  builder.Reuse(std::move(first));
  EXPECT_TRUE(builder.Take().empty());
  builder.Add({.key = "a", .value = std::string(4000, 'x'), .revision = {9}});
  EXPECT_EQ(builder.Take().data(), memory);
  builder.Reuse(std::string(100'000, 'x'));
  EXPECT_TRUE(builder.Take().empty());
  builder.Add({.key = "a", .value = "x", .revision = {9}});
  EXPECT_LT(builder.Take().capacity(), 100'000U);
}

TEST(SnapshotItems, NothingIsReadBeyondABlock) {
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = "shop"});
  const std::string database = builder.Take();
  builder.Add({.key = "key", .removed = true, .revision = {9}, .removed_at_us = 4});
  const std::string removed = builder.Take();
  builder.Add({.key = "key", .value = "value", .revision = {9}});
  const std::string entry = builder.Take();
  for (const std::string& whole : {database, removed, entry}) {
    EXPECT_EQ(DetailOf(whole), "");
    for (std::size_t length = 1; length < whole.size(); ++length) {
      // An exact copy on the heap, so that a sanitizer sees a read past its end.
      const std::vector<char> cut(whole.begin(),
                                  whole.begin() + static_cast<std::ptrdiff_t>(length));
      const std::string detail = DetailOf({cut.data(), cut.size()});
      EXPECT_EQ(detail.empty(), length == database.size()) << length << ": " << detail;
    }
  }
}

TEST(SnapshotItems, ItemsThatNoBuilderMakesAreRefused) {
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = "shop"});
  const std::string database = builder.Take();
  builder.Add({.key = "key", .value = "value", .revision = {9}});
  const std::string both = builder.Take();
  const std::size_t entry_at = database.size();
  const auto changed = [&](std::size_t at, char byte) {
    std::string bytes = both;
    bytes[at] = byte;
    return DetailOf(bytes);
  };
  EXPECT_EQ(DetailOf(both.substr(entry_at)), "an entry is in no database");
  EXPECT_EQ(changed(0, '\0'), "an item is of unknown kind");
  EXPECT_EQ(changed(entry_at, '\5'), "an item is of unknown kind");
  EXPECT_EQ(changed(1, '\3'), "a database has an unknown property");
  EXPECT_EQ(changed(2, '\2'), "");
  EXPECT_EQ(changed(2, '\3'), "a database has an unknown property");
  EXPECT_EQ(changed(3, '\2'), "a database has an unknown property");
  EXPECT_EQ(changed(4, '\0'), "a database has an impossible id or name");
  EXPECT_EQ(changed(entry_at + 1, '\20'), "an entry has an unknown property");
  EXPECT_EQ(changed(entry_at + 7, '\x7f'), "an entry reaches beyond its block");
  // A removed one has no value: eight bytes of the time come out of this one's key and value.
  std::string removed = both + "12345678";
  removed[entry_at + 1] = '\1';
  EXPECT_EQ(DetailOf(removed), "an entry has an unknown property");
}

TEST(SnapshotItems, ALifetimeThatCannotBeOneIsRefused) {
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = "shop"});
  const std::size_t entry_at = builder.Take().size();
  builder.Add({.key = "key",
               .value = "value",
               .lifetime = {.expires_us = 1, .owner = 1, .grace_us = kExpiresUsMax},
               .revision = {9}});
  const std::string good = builder.Take();
  EXPECT_EQ(DetailOf(good), "");
  const auto with = [&](std::size_t at, std::int64_t number) {
    std::string bytes = good;
    std::memcpy(bytes.data() + entry_at + at, &number, sizeof(number));
    return DetailOf(bytes);
  };
  constexpr std::string_view kRefused = "an entry has a lifetime that cannot be one";
  EXPECT_EQ(with(20, kExpiresUsMax), "");
  EXPECT_EQ(with(20, 0), kRefused);
  EXPECT_EQ(with(20, kExpiresUsMax + 1), kRefused);
  EXPECT_EQ(with(28, 0), kRefused);
  EXPECT_EQ(with(36, -1), kRefused);
  EXPECT_EQ(with(36, kExpiresUsMax + 1), kRefused);
  // A removed one has none: eight bytes of the time come out of this one's.
  std::string removed = good + "12345678";
  removed[entry_at + 1] = '\15';
  EXPECT_EQ(DetailOf(removed), "an entry has an unknown property");
}

TEST(SnapshotItems, ANameHasALimit) {
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = std::string(kNameBytesMax, 'n')});
  std::string bytes = builder.Take();
  EXPECT_EQ(DetailOf(bytes), "");
  bytes[16] = static_cast<char>(kNameBytesMax + 1);
  EXPECT_EQ(DetailOf(bytes + "n"), "a database has an impossible id or name");
}

TEST(SnapshotItems, TheVisitorCanStop) {
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = "shop"});
  builder.Add({.key = "a", .value = "1", .revision = {1}});
  builder.Add({.key = "b", .value = "2", .revision = {2}});
  KeepingVisitor visitor;
  visitor.entries_max = 1;
  const auto result = ForEachItem(builder.Take(), visitor);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::kNoSpace);
  EXPECT_EQ(visitor.seen.databases[0].entries.size(), 1U);
}

}  // namespace
}  // namespace nunc
