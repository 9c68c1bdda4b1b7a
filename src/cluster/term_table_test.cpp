#include "cluster/term_table.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

Position At(std::uint64_t term, std::uint64_t revision) {
  return {.term = {term}, .revision = {revision}};
}

TermTable Log(std::vector<TermEnd> ends) {
  return TermTable(std::move(ends));
}

// Records 1-3 of term 1, 4-5 of term 3, 6 of term 4.
TermTable Table() {
  return TermTable(
      {{.term = {1}, .last = {3}}, {.term = {3}, .last = {5}}, {.term = {4}, .last = {6}}});
}

TEST(TermTable, KnowsTheTermOfEachRecord) {
  const TermTable table = Table();
  EXPECT_EQ(table.TermAt({0}), Term{0});
  EXPECT_EQ(table.TermAt({1}), Term{1});
  EXPECT_EQ(table.TermAt({3}), Term{1});
  EXPECT_EQ(table.TermAt({4}), Term{3});
  EXPECT_EQ(table.TermAt({6}), Term{4});
  EXPECT_EQ(table.TermAt({7}), std::nullopt);
  EXPECT_TRUE(table.Has(At(3, 5)));
  EXPECT_FALSE(table.Has(At(1, 5)));
  EXPECT_EQ(table.last(), At(4, 6));
  EXPECT_EQ(table.EndOfRun({3}), Revision{5});
  EXPECT_EQ(table.EndOfRun({4}), Revision{5});
}

TEST(TermTable, GrowsAtItsEnd) {
  TermTable table;
  EXPECT_EQ(table.last(), At(0, 0));
  table.Append(At(2, 1));
  table.Append(At(2, 4));
  table.Append(At(5, 5));
  EXPECT_EQ(table.TermAt({4}), Term{2});
  EXPECT_EQ(table.last(), At(5, 5));
}

TEST(TermTable, IsCutAnywhere) {
  for (std::uint64_t to = 0; to <= 6; ++to) {
    TermTable table = Table();
    table.CutTo({to});
    EXPECT_EQ(table.last().revision, Revision{to});
    for (std::uint64_t revision = 1; revision <= 6; ++revision) {
      EXPECT_EQ(table.TermAt({revision}),
                revision <= to ? Table().TermAt({revision}) : std::nullopt);
    }
  }
}

TEST(TermTable, FindsWhatTwoLogsShare) {
  const TermTable table = Table();
  const auto shared = [&](const TermTable& other) { return table.Shared(other.ends()); };
  EXPECT_EQ(shared(Table()), At(4, 6));
  EXPECT_EQ(shared(Log({{.term = {1}, .last = {3}}, {.term = {3}, .last = {4}}})), At(3, 4));
  EXPECT_EQ(shared(Log({{.term = {1}, .last = {3}}, {.term = {3}, .last = {9}}})), At(3, 5));
  EXPECT_EQ(shared(Log({{.term = {1}, .last = {3}}, {.term = {2}, .last = {9}}})), At(1, 3));
  EXPECT_EQ(shared(Log({{.term = {1}, .last = {2}}})), At(1, 2));
  EXPECT_EQ(shared(TermTable()), At(0, 0));
}

TEST(TermTable, AsksAgainBeforeTermsThatItDoesNotKnow) {
  EXPECT_EQ(Table().Shared(Log({{.term = {2}, .last = {9}}}).ends()), At(1, 3));
  EXPECT_EQ(Log({{.term = {3}, .last = {5}}})
                .Shared(Log({{.term = {1}, .last = {2}}, {.term = {2}, .last = {9}}}).ends()),
            At(0, 0));
}

TEST(TermTable, TellsItsNewestTermsUpToOne) {
  EXPECT_EQ(Table().Newest({3}),
            (std::vector<TermEnd>{{.term = {1}, .last = {3}}, {.term = {3}, .last = {5}}}));
  EXPECT_TRUE(Table().Newest({0}).empty());
  TermTable table;
  for (std::uint64_t i = 1; i <= kTermsToldMax + 1; ++i) {
    table.Append(At(i, i));
  }
  EXPECT_EQ(table.Newest({kTermsToldMax}).size(), kTermsToldMax);
  const auto newest = table.Newest({kTermsToldMax + 1});
  ASSERT_EQ(newest.size(), kTermsToldMax);
  EXPECT_EQ(newest.front().term, Term{2});
}

TEST(TermTable, ForgetsItsOldestTermBeyondTheLimit) {
  TermTable table;
  for (std::uint64_t i = 1; i <= kTermsKnownMax; ++i) {
    table.Append(At(i, 2 * i));
  }
  EXPECT_EQ(table.TermAt({1}), Term{1});
  table.Append(At(kTermsKnownMax + 1, 2 * kTermsKnownMax + 1));
  EXPECT_EQ(table.ends().size(), kTermsKnownMax);
  EXPECT_EQ(table.TermAt({1}), std::nullopt);
  EXPECT_EQ(table.TermAt({3}), std::nullopt);
  EXPECT_EQ(table.TermAt({4}), Term{2});
  EXPECT_EQ(table.TermAt({5}), Term{3});
  EXPECT_EQ(TermTable(std::vector<TermEnd>(table.ends().begin(), table.ends().end())).ends().size(),
            kTermsKnownMax);
}

}  // namespace
}  // namespace nunc
