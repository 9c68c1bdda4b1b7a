// The retry table in a store that is walked, loaded and taken back.
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/store.h"
#include "core/store_walk.h"

namespace nunc {
namespace {

class StoreRetriesTest : public testing::Test {
 protected:
  static constexpr DatabaseId kShop{.value = 2};
  static constexpr std::uint64_t kAnn = 0xA;
  static constexpr std::uint64_t kBob = 0xB;

  StoreRetriesTest() {
    store_.StartLoading();
    Create(store_);
    store_.FinishLoading();
    store_.KeepUndo(1'000'000);
  }

  static void Create(Store& store) {
    ASSERT_TRUE(store.Apply({.type = RecordType::kCreateDatabase,
                             .database = kShop,
                             .revision = {1},
                             .time_us = 10,
                             .spec = {.name = "shop", .token = "t"}}));
  }
  static void Set(Store& store, std::uint64_t revision, std::uint64_t session,
                  std::uint64_t sequence) {
    const std::string key = "k" + std::to_string(revision);
    const RetryName name{.session = {.high = session}, .sequence = sequence};
    const bool begins = store.retries().Find(kShop, name, {revision}).session == nullptr;
    const std::vector<RecordItem> items = {{.type = RecordType::kSet, .key = key, .value = "1"}};
    ASSERT_TRUE(
        store.Apply({.type = RecordType::kSet,
                     .database = kShop,
                     .revision = {revision},
                     .time_us = static_cast<std::int64_t>(revision) * 10,
                     .items = items,
                     .retry = {.session = session, .sequence = sequence, .begins = begins}}));
  }
  static std::vector<RetryState> All(const Store& store) {
    std::vector<RetryState> all;
    for (const RetryState* at = store.retries().NextOf(kShop, 0); at != nullptr;
         at = store.retries().NextOf(kShop, at->session)) {
      all.push_back(*at);
    }
    return all;
  }
  // The next item of each kind goes into `into`; false: that was all.
  static bool Copy(StoreWalk& walk, Store& into) {
    const StoreWalk::Item item = walk.Next();
    if (const auto* database = std::get_if<DatabaseState>(&item); database != nullptr) {
      EXPECT_TRUE(into.LoadDatabase(*database));
    } else if (const auto* entry = std::get_if<EntryState>(&item); entry != nullptr) {
      EXPECT_TRUE(into.LoadEntry(*entry));
    } else if (const auto* retries = std::get_if<RetryState>(&item); retries != nullptr) {
      EXPECT_TRUE(retries->empty() || into.LoadRetries(*retries));
    } else {
      return false;
    }
    return true;
  }

  Store store_{3, "pwd"};
};

TEST_F(StoreRetriesTest, AWalkTellsWhatWasThereAndTheLogTheRest) {
  Set(store_, 2, kAnn, 1);
  Set(store_, 3, kBob, 1);
  Store loaded(4, "pwd");
  loaded.StartLoading();
  StoreWalk walk(store_, {3});
  // What changes at each place of the walk stands in the log behind it.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> later;
  std::uint64_t revision = 4;
  while (Copy(walk, loaded)) {
    const std::uint64_t session = revision % 2 == 0 ? kAnn : kBob + revision;
    later.emplace_back(revision, session);
    Set(store_, revision, session, revision);
    ++revision;
  }
  loaded.SetLoaded({.revision = {3}, .time_us = 30}, kShop);
  for (const auto& [at, session] : later) {
    Set(loaded, at, session, at);
  }
  loaded.FinishLoading();
  EXPECT_EQ(All(loaded), All(store_));
  EXPECT_GT(All(loaded).size(), 3U);
}

TEST_F(StoreRetriesTest, OfADroppedDatabaseNothingIsTold) {
  Set(store_, 2, kAnn, 1);
  StoreWalk walk(store_, {2});
  ASSERT_TRUE(store_.Apply(
      {.type = RecordType::kDropDatabase, .database = kShop, .revision = {3}, .time_us = 30}));
  for (StoreWalk::Item item = walk.Next(); item.index() != 0; item = walk.Next()) {
    EXPECT_FALSE(std::holds_alternative<RetryState>(item));
  }
}

TEST_F(StoreRetriesTest, ARewindTakesResultsBackWithTheirRecords) {
  Set(store_, 2, kAnn, 1);
  const std::vector<RetryState> before = All(store_);
  for (std::uint64_t i = 0; i < kRetriesPerSessionMax; ++i) {
    Set(store_, 3 + i, kAnn, 2 + i);
  }
  Set(store_, 3 + kRetriesPerSessionMax, kBob, 1);
  EXPECT_EQ(All(store_).front().floor, 1U);
  store_.Rewind({.revision = {2}, .time_us = 20});
  EXPECT_EQ(All(store_), before);
}

TEST_F(StoreRetriesTest, ADatabaseWhoseDropIsTakenBackHasItsResults) {
  Set(store_, 2, kAnn, 1);
  const std::vector<RetryState> before = All(store_);
  ASSERT_TRUE(store_.Apply(
      {.type = RecordType::kDropDatabase, .database = kShop, .revision = {3}, .time_us = 30}));
  store_.Rewind({.revision = {2}, .time_us = 20});
  EXPECT_EQ(All(store_), before);
}

TEST_F(StoreRetriesTest, WhatIsForgottenIsLoadedUnderTheDatabaseZero) {
  store_.StartLoading();
  Create(store_);
  EXPECT_EQ(store_.retries().forgotten(), Revision{});
  store_.LoadHorizon({}, {7});
  EXPECT_EQ(store_.retries().forgotten(), Revision{7});
  store_.StartLoading();
  EXPECT_EQ(store_.retries().forgotten(), Revision{});
}

}  // namespace
}  // namespace nunc
