#include "core/conflicts.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

using Names = std::vector<std::string>;

std::vector<std::int64_t> OpenIds(const Conflicts& conflicts, std::string_view key) {
  std::vector<std::int64_t> ids;
  for (const ConflictId id : conflicts.OpenOf(key)) {
    ids.push_back(id.value);
  }
  return ids;
}

TEST(Conflicts, AConflictKeyNamesKeyAndId) {
  EXPECT_EQ(ConflictKey("some_key", {.value = 1'700'000'000'000'000'001}),
            "$conflicts_some_key_1700000000000000001");
}

TEST(Conflicts, AreOpenOldestFirstPerKey) {
  Conflicts conflicts;
  EXPECT_TRUE(conflicts.Open("a", {.value = 1}));
  EXPECT_TRUE(conflicts.Open("ab", {.value = 2}));
  EXPECT_TRUE(conflicts.Open("a", {.value = 3}));
  EXPECT_EQ(OpenIds(conflicts, "a"), (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(OpenIds(conflicts, "ab"), (std::vector<std::int64_t>{2}));
  EXPECT_EQ(OpenIds(conflicts, "b"), (std::vector<std::int64_t>{}));
}

TEST(Conflicts, AreClosedOldestFirstAndRememberedOnce) {
  Conflicts conflicts;
  EXPECT_TRUE(conflicts.Open("k", {.value = 2}));
  EXPECT_TRUE(conflicts.Open("k", {.value = 10}));
  conflicts.CloseOldest("k");
  EXPECT_EQ(OpenIds(conflicts, "k"), (std::vector<std::int64_t>{10}));
  conflicts.CloseOldest("k");
  EXPECT_EQ(OpenIds(conflicts, "k"), (std::vector<std::int64_t>{}));
  EXPECT_EQ(conflicts.TakeClosed(), (Names{"$conflicts_k_10", "$conflicts_k_2"}));
  EXPECT_EQ(conflicts.TakeClosed(), Names{});
}

TEST(Conflicts, OpenKeysAreInByteOrderOfTheirNames) {
  Conflicts conflicts;
  EXPECT_TRUE(conflicts.Open("b", {.value = 1}));
  EXPECT_TRUE(conflicts.Open("a", {.value = 9}));
  EXPECT_TRUE(conflicts.Open("a", {.value = 10}));
  EXPECT_TRUE(conflicts.Open("a_0", {.value = 11}));
  EXPECT_EQ(conflicts.OpenConflictKeys(),
            (Names{"$conflicts_a_0_11", "$conflicts_a_10", "$conflicts_a_9", "$conflicts_b_1"}));
}

TEST(Conflicts, AForgottenKeyHasNoneAndIsNotRemembered) {
  Conflicts conflicts;
  EXPECT_TRUE(conflicts.Open("k", {.value = 1}));
  EXPECT_TRUE(conflicts.Open("other", {.value = 2}));
  conflicts.Forget("k");
  conflicts.Forget("never");
  EXPECT_EQ(OpenIds(conflicts, "k"), (std::vector<std::int64_t>{}));
  EXPECT_EQ(conflicts.OpenConflictKeys(), Names{"$conflicts_other_2"});
  EXPECT_EQ(conflicts.TakeClosed(), Names{});
}

TEST(Conflicts, AtTheLimitNoMoreAreOpened) {
  Conflicts conflicts;
  for (std::size_t i = 0; i < kOpenConflictsPerDatabaseMax; ++i) {
    ASSERT_TRUE(conflicts.Open(i % 2 == 0 ? "a" : "b", {.value = static_cast<std::int64_t>(i)}));
  }
  EXPECT_FALSE(conflicts.Open("a", {.value = -1}));
  EXPECT_FALSE(conflicts.Open("new", {.value = -1}));
  EXPECT_EQ(OpenIds(conflicts, "new"), (std::vector<std::int64_t>{}));
  conflicts.CloseOldest("a");
  EXPECT_TRUE(conflicts.Open("new", {.value = -1}));
  EXPECT_FALSE(conflicts.Open("new", {.value = -2}));
  conflicts.Forget("b");  // makes room for all that it held
  for (std::size_t i = 0; i < kOpenConflictsPerDatabaseMax / 2; ++i) {
    ASSERT_TRUE(conflicts.Open("c", {.value = static_cast<std::int64_t>(i)}));
  }
  EXPECT_FALSE(conflicts.Open("c", {.value = -1}));
}

TEST(Conflicts, AboveTheLimitTheOldestClosedIsForgotten) {
  Conflicts conflicts;
  for (std::size_t i = 0; i <= kClosedConflictsPerDatabaseMax; ++i) {
    ASSERT_TRUE(conflicts.Open("k", {.value = static_cast<std::int64_t>(i)}));
  }
  for (std::size_t i = 0; i < kClosedConflictsPerDatabaseMax; ++i) {
    conflicts.CloseOldest("k");
  }
  EXPECT_EQ(conflicts.TakeOneClosedOverLimit(), std::nullopt);
  conflicts.CloseOldest("k");
  EXPECT_EQ(conflicts.TakeOneClosedOverLimit(), "$conflicts_k_0");
  EXPECT_EQ(conflicts.TakeOneClosedOverLimit(), std::nullopt);
  EXPECT_EQ(conflicts.TakeClosed().size(), kClosedConflictsPerDatabaseMax);
}

TEST(Conflicts, AnArbiterOnceSeenStaysSeen) {
  Conflicts conflicts;
  EXPECT_FALSE(conflicts.arbiter_seen());
  conflicts.set_arbiter_seen();
  EXPECT_TRUE(conflicts.arbiter_seen());
}

}  // namespace
}  // namespace nunc
