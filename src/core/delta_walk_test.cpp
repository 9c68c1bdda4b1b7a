#include "core/delta_walk.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

class DeltaWalkTest : public testing::Test {
 protected:
  using Watch = std::shared_ptr<PatternWatch>;

  Watch Join(std::string_view prefix, std::uint64_t from = 0) {
    auto watch = std::make_shared<PatternWatch>();
    watch->prefix = prefix;
    watch->catch_up = std::make_unique<CatchUp>();
    watch->catch_up->from = {from};
    walk_->Join(walk_, watch);
    return watch;
  }
  void Set(std::string_view key, std::uint64_t revision) {
    const std::uint64_t hash = database_.Hash(key);
    database_.Set(database_.Find(key, hash), {.key = key, .hash = hash, .revision = {revision}});
  }
  std::vector<std::string> Matches(std::string_view key) {
    std::vector<std::string> prefixes;
    walk_->ForEachMatch(key, [&](PatternWatch& watch) { prefixes.push_back(watch.prefix); });
    return prefixes;
  }
  void GoBack() {
    walk_->Start();
    while (walk_->goes_back()) {
      walk_->GoBack();
    }
  }

  Database database_{{.id = {3}, .name = "db"}};
  std::shared_ptr<DeltaWalk> walk_ =
      std::make_shared<DeltaWalk>(database_, /*admin=*/false, /*every=*/false);
};

TEST_F(DeltaWalkTest, AKeyFindsWhatItBeginsWithAndHasNotLeft) {
  const Watch all = Join("");
  const Watch wide = Join("a");
  const Watch twin = Join("a");
  Watch gone = Join("a/");
  const Watch other = Join("b/");
  gone = nullptr;
  DeltaWalk::Leave(*twin->catch_up);
  EXPECT_EQ(Matches("a/1"), (std::vector<std::string>{"", "a"}));
  EXPECT_EQ(Matches("b"), std::vector<std::string>{""});
  // One that joins again is found once.
  walk_->Join(walk_, twin);
  EXPECT_EQ(Matches("a"), (std::vector<std::string>{"", "a", "a"}));
  EXPECT_EQ(walk_->All().size(), 4U);
  EXPECT_EQ(walk_->First(), all);
}

TEST_F(DeltaWalkTest, GoesBackToTheOldestPlaceAndNoFurther) {
  for (std::uint64_t revision = 1; revision <= 9; ++revision) {
    Set(std::to_string(revision), revision);
  }
  const Watch late = Join("", 7);
  const Watch early = Join("", 4);
  GoBack();
  EXPECT_EQ(walk_->Next()->revision().value, 4U);
  EXPECT_EQ(walk_->Next()->revision().value, 5U);
  EXPECT_FALSE(walk_->CanBeJoined());
}

TEST_F(DeltaWalkTest, WhoLeavesGoesOnFromWhereItIs) {
  const Watch early = Join("", 4);
  const Watch late = Join("", 9);
  walk_->Pass({6});
  DeltaWalk::Leave(*early->catch_up);
  DeltaWalk::Leave(*late->catch_up);
  EXPECT_EQ(early->catch_up->from.value, 6U);
  EXPECT_EQ(late->catch_up->from.value, 9U);
  EXPECT_EQ(walk_->First(), nullptr);
}

TEST_F(DeltaWalkTest, TakesSoManyWatchesAndNotOneMore) {
  const Watch stays = Join("");
  for (std::size_t i = 1; i < kWalkWatchesMax; ++i) {
    ASSERT_TRUE(walk_->CanBeJoined());
    Join("a");
  }
  EXPECT_FALSE(walk_->CanBeJoined());
}

}  // namespace
}  // namespace nunc
