#include "core/token.h"

#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

using Worth = History::Worth;

constexpr DatabaseId kDatabase{.value = 7};
constexpr Revision kNewest{100};

// Terms 3 and 5 are over, at revisions 40 and 90; 9 is the present one.
class HistoryTest : public testing::Test {
 protected:
  HistoryTest() { history_.Begin(77, {9}, {{{3}, {40}}, {{5}, {90}}}); }

  [[nodiscard]] Token At(std::uint64_t term, std::uint64_t revision) const {
    return {.term = {term}, .revision = {revision}, .mark = history_.At({}, kDatabase).mark};
  }
  [[nodiscard]] Worth Judge(const Token& token) const {
    return history_.Judge(token, kDatabase, kNewest).worth;
  }

  History history_;
};

TEST(Token, ComesBackFromItsText) {
  const Token token{.term = {1764316800}, .revision = {UINT64_MAX}, .mark = 0xAB};
  EXPECT_EQ(FormatToken(token), "1764316800.18446744073709551615.000000ab");
  EXPECT_EQ(ParseToken(FormatToken(token)), token);
}

TEST(Token, WhatIsNoneIsRefused) {
  for (const char* text :
       {"", "1", "1.2", "1.2.", ".2.3", "1..3", "1.2.3.4", "a.2.3", "1.b.3", "1.2.g",
        "1.2.100000000", "18446744073709551616.2.3", "-1.2.3", "1.2.3 "}) {
    EXPECT_FALSE(ParseToken(text)) << text;
  }
}

TEST_F(HistoryTest, ATokenOfThePresentTermIsGoodUpToTheNewestRecord) {
  EXPECT_EQ(Judge(At(9, 0)), Worth::kGood);
  EXPECT_EQ(Judge(At(9, 100)), Worth::kGood);
  EXPECT_EQ(Judge(At(9, 101)), Worth::kFuture);
  EXPECT_EQ(Judge(At(10, 1)), Worth::kFuture);
}

TEST_F(HistoryTest, ATokenOfATermThatIsOverIsGoodUpToItsEnd) {
  EXPECT_EQ(Judge(At(3, 40)), Worth::kGood);
  EXPECT_EQ(Judge(At(5, 41)), Worth::kGood);
  const History::Judged judged = history_.Judge(At(5, 91), kDatabase, kNewest);
  EXPECT_EQ(judged.worth, Worth::kRewound);
  EXPECT_EQ(judged.shared, Revision{90});
}

TEST_F(HistoryTest, ATokenOfATermOlderThanAllThatAreKnownIsWorthNothing) {
  EXPECT_EQ(Judge(At(2, 1)), Worth::kUnknown);
  history_.Begin(77, {9}, {});
  EXPECT_EQ(Judge(At(8, 1)), Worth::kUnknown);
}

TEST_F(HistoryTest, ATokenOfATermWithoutAnyRecordLeftGoesBackToTheEndOfTheOneBefore) {
  const auto shared = [this](const Token& token) {
    const History::Judged judged = history_.Judge(token, kDatabase, kNewest);
    EXPECT_EQ(judged.worth, Worth::kRewound);
    return judged.shared.value;
  };
  EXPECT_EQ(shared(At(4, 41)), 40U);
  EXPECT_EQ(shared(At(4, 39)), 39U);
  EXPECT_EQ(shared(At(8, 95)), 90U);
}

TEST_F(HistoryTest, ATokenOfAnotherDatabaseOrClusterIsForeign) {
  EXPECT_EQ(history_.Judge(At(9, 1), {8}, kNewest).worth, Worth::kForeign);
  const Token token = At(9, 1);
  history_.Begin(78, {9}, {});
  EXPECT_EQ(Judge(token), Worth::kForeign);
}

}  // namespace
}  // namespace nunc
