// What a database has in the retry table, in blocks.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "storage/snapshot_fixture.h"
#include "storage/snapshot_items.h"

namespace nunc {
namespace {

class RetriesVisitor final : public KeepingVisitor {
 public:
  Result<void> OnRetries(const RetryState& retries) override {
    seen_retries.push_back(retries);
    return {};
  }

  std::vector<RetryState> seen_retries;
};

RetryState Session(std::uint64_t session, std::size_t results) {
  RetryState state{.session = session, .floor = 4, .newest = {9}, .time_us = 77};
  for (std::size_t i = 0; i < results; ++i) {
    state.results.push_back({.sequence = 5 + i,
                             .revision = {i % 9 + 1},
                             .request = 6,
                             .in_conflict = i == 1,
                             .number = -8,
                             .versions = std::vector<std::int64_t>(i % 3 + 1, -1)});
  }
  return state;
}

std::string Block(const RetryState& state) {
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = "shop"});
  builder.Add({.key = "a", .value = "1", .revision = {2}});
  builder.Add(state);
  return builder.Take();
}

std::string RefusalOf(std::string_view raw) {
  RetriesVisitor visitor;
  const auto result = ForEachItem(raw, visitor);
  return result ? "" : result.error().detail;
}

TEST(SnapshotRetries, ComeBackAsTheyWere) {
  for (const std::size_t results : {std::size_t{0}, std::size_t{3}, kRetriesPerSessionMax}) {
    RetriesVisitor visitor;
    ASSERT_TRUE(ForEachItem(Block(Session(7, results)), visitor));
    ASSERT_EQ(visitor.seen_retries.size(), 1U);
    EXPECT_EQ(visitor.seen_retries.front(), Session(7, results));
    EXPECT_EQ(visitor.seen.databases.at(0).entries.size(), 1U);
  }
}

TEST(SnapshotRetries, ABlockOfThemBeginsWithTheirDatabase) {
  BlockBuilder builder;
  builder.Begin({.id = {3}, .name = "shop"});
  builder.Take();
  builder.Add(Session(7, 1));
  RetriesVisitor visitor;
  ASSERT_TRUE(ForEachItem(builder.Take(), visitor));
  EXPECT_EQ(visitor.continued, 1U);
  EXPECT_EQ(visitor.seen_retries.size(), 1U);
}

TEST(SnapshotRetries, CutAnywhereTheyAreRefused) {
  const std::string whole = Block(Session(7, 2));
  const std::size_t begin = whole.size() - (36 + 2 * 32 + 3 * 8);
  for (std::size_t size = begin + 1; size < whole.size(); ++size) {
    EXPECT_NE(RefusalOf(whole.substr(0, size)), "") << size;
  }
  EXPECT_EQ(RefusalOf(whole.substr(0, begin)), "");
}

TEST(SnapshotRetries, WhatCannotBeIsRefused) {
  const std::string refusal = "a session's results reach beyond their block, or cannot be any";
  const auto with = [](auto change) {
    RetryState state = Session(7, 3);
    change(state);
    return RefusalOf(Block(state));
  };
  EXPECT_EQ(with([](RetryState&) {}), "");
  EXPECT_EQ(with([](RetryState& state) { state.session = 0; }), refusal);
  EXPECT_EQ(with([](RetryState& state) { state.floor = 5; }), refusal);
  EXPECT_EQ(with([](RetryState& state) { state.newest = {2}; }), refusal);
  EXPECT_EQ(with([](RetryState& state) { std::swap(state.results[0], state.results[1]); }),
            refusal);
  EXPECT_EQ(with([](RetryState& state) { state.results[0].versions = {-2}; }), refusal);
  EXPECT_EQ(with([](RetryState& state) { state.results[0].versions = {}; }), refusal);
  EXPECT_EQ(
      with([](RetryState& state) { state.results[0].versions.assign(kTransactionWritesMax, 1); }),
      "");
  EXPECT_EQ(with([](RetryState& state) {
              state.results[0].versions.assign(kTransactionWritesMax + 1, 1);
            }),
            refusal);
  EXPECT_EQ(with([](RetryState& state) {
              state.floor = 0;
              state.results.clear();
            }),
            refusal);
}

TEST(SnapshotRetries, OneMoreThanASessionMayHaveIsRefused) {
  std::string raw = Block(Session(7, kRetriesPerSessionMax));
  const std::size_t begin = raw.find(std::string("\x04\x40\x00\x00", 4));
  ASSERT_NE(begin, std::string::npos);
  raw[begin + 1] = static_cast<char>(kRetriesPerSessionMax + 1);
  EXPECT_NE(RefusalOf(raw), "");
}

TEST(SnapshotRetries, InNoDatabaseTheyAreRefused) {
  const std::string whole = Block(Session(7, 1));
  EXPECT_EQ(RefusalOf(whole.substr(whole.find(std::string("\x04\x01\x00\x00", 4)))),
            "a session's results are in no database");
}

}  // namespace
}  // namespace nunc
