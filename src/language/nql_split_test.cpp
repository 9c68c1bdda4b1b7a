#include "language/nql_split.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

std::vector<std::string> Split(std::string_view message) {
  NqlSplitter splitter(message);
  const std::size_t counted = splitter.CountRest();
  std::vector<std::string> parts;
  for (std::string_view part; splitter.Next(part);) {
    parts.emplace_back(part);
  }
  EXPECT_EQ(counted, parts.size());
  EXPECT_TRUE(splitter.Remaining().empty());
  return parts;
}

using Parts = std::vector<std::string>;

TEST(NqlSplit, SemicolonsSeparateCommands) {
  EXPECT_EQ(Split("set k v;get k"), (Parts{"set k v", "get k"}));
}

TEST(NqlSplit, BlankPartsAreNoCommands) {
  EXPECT_EQ(Split("; ;\n;get k;"), (Parts{"get k"}));
  EXPECT_EQ(Split(""), Parts{});
  EXPECT_EQ(Split(" \n;"), Parts{});
}

TEST(NqlSplit, LeadingSpacesGoTrailingOnesStay) {
  EXPECT_EQ(Split("  keys ; increment n "), (Parts{"keys ", "increment n "}));
}

TEST(NqlSplit, SemicolonInsideAJsonObjectSurvives) {
  EXPECT_EQ(Split(R"(set-safe k -1 {"_id":1,"value":"a;b"})"),
            (Parts{R"(set-safe k -1 {"_id":1,"value":"a;b"})"}));
}

TEST(NqlSplit, SemicolonInsideAnArrayAndAStringSurvives) {
  EXPECT_EQ(Split(R"(set k ["a;b",[1;2]];set j "x;y";get k)"),
            (Parts{R"(set k ["a;b",[1;2]])", R"(set j "x;y")", "get k"}));
}

TEST(NqlSplit, EscapedQuotesDoNotEndAString) {
  EXPECT_EQ(Split(R"(set k {"v":"a\";b"};get k)"), (Parts{R"(set k {"v":"a\";b"})", "get k"}));
}

TEST(NqlSplit, BracketsInsideStringsDoNotCount) {
  EXPECT_EQ(Split(R"(set k {"v":"}};{{"};get k)"), (Parts{R"(set k {"v":"}};{{"})", "get k"}));
}

TEST(NqlSplit, WhatDoesNotBalanceSplitsAsBefore) {
  EXPECT_EQ(Split(R"(set k {"a":1;get k)"), (Parts{R"(set k {"a":1)", "get k"}));
  EXPECT_EQ(Split("set k [;set j ]"), (Parts{"set k [;set j ]"}));  // this does balance
  EXPECT_EQ(Split("set k {];get k"), (Parts{"set k {]", "get k"}));
  EXPECT_EQ(Split(R"(set k it"s;set j it"s)"), (Parts{R"(set k it"s)", R"(set j it"s)"}));
}

TEST(NqlSplit, AStrayQuoteInEachOfTwoCommandsDoesNotJoinThem) {
  EXPECT_EQ(Split(R"(set a "x;set b "y)"), (Parts{R"(set a "x)", R"(set b "y)"}));
}

TEST(NqlSplit, AnUnbalancedValueDoesNotUnprotectALaterOne) {
  EXPECT_EQ(Split(R"(set k [;set j {"a":"1;2"})"), (Parts{"set k [", R"(set j {"a":"1;2"})"}));
}

TEST(NqlSplit, TextThatDoesNotEndWhereItsBracketsDoIsNotProtected) {
  EXPECT_EQ(Split(R"(set k {"a;b"}c;get k)"), (Parts{R"(set k {"a)", R"(b"}c)", "get k"}));
}

TEST(NqlSplit, BracketsInsideAWordDoNotProtect) {
  EXPECT_EQ(Split("set k a[1;2]"), (Parts{"set k a[1", "2]"}));
}

TEST(NqlSplit, TwoJsonTextsInOneValueAreBothProtected) {
  EXPECT_EQ(Split(R"(resolve 1 d k 2 {"a":";"} {"b":";"};get k)"),
            (Parts{R"(resolve 1 d k 2 {"a":";"} {"b":";"})", "get k"}));
}

std::string Nested(std::size_t depth) {
  return "set k " + std::string(depth, '[') + ";" + std::string(depth, ']');
}

TEST(NqlSplit, BracketsAtTheDepthLimitProtectAndOneMoreDoesNot) {
  EXPECT_EQ(Split(Nested(kJsonDepthMax)).size(), 1U);
  EXPECT_EQ(Split(Nested(kJsonDepthMax + 1)).size(), 2U);
}

// 200,000 openers that all fail would be 2 * 10^10 steps without the budget; with it the work is
// a few passes. What this can state without a clock: every `;` then separates.
TEST(NqlSplit, ManyUnbalancedOpenersUseUpTheBudgetAndSplitEverywhere) {
  std::string message = "set k";
  for (int i = 0; i < 200'000; ++i) {
    message += " [";
  }
  message += R"(;set j {"a":"1;2"})";
  EXPECT_EQ(Split(message).size(), 3U);
}

// A connection may take many turns for one message; what is JSON in it must not depend on that.
TEST(NqlSplit, GoingOnElsewhereDoesNotRenewTheBudget) {
  std::string message;
  for (int i = 0; i < 20'000; ++i) {
    message += "get [;";
  }
  message += R"(set j {"a":"1;2"})";
  NqlSplitter first(message);
  std::string_view part;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(first.Next(part));
  }
  const std::string rest(first.Remaining());
  const NqlSplitter second(rest, first.failed_scan_budget());
  EXPECT_EQ(second.CountRest(), first.CountRest());
  EXPECT_EQ(NqlSplitter(rest).CountRest() + 10'000, 20'002U);
  const NqlSplitter fresh(std::string_view(rest).substr(rest.size() - 30));
  EXPECT_LT(fresh.CountRest(),
            NqlSplitter(std::string_view(rest).substr(rest.size() - 30), 0).CountRest());
}

TEST(NqlSplit, PartsAreTheMessageWithoutWhatSeparates) {
  // A part never holds more than its message, whatever bytes come.
  const std::string alphabet = "a ;{}[]\"\\\n";
  std::uint64_t state = 88172645463325252ULL;
  for (int round = 0; round < 20'000; ++round) {
    std::string message;
    for (int i = 0; i < 24; ++i) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      message += alphabet[state % alphabet.size()];
    }
    std::size_t total = 0;
    NqlSplitter splitter(message);
    for (std::string_view part; splitter.Next(part);) {
      EXPECT_FALSE(part.empty());
      EXPECT_NE(part.front(), ' ');
      EXPECT_NE(part.front(), ';');
      total += part.size();
    }
    EXPECT_LE(total, message.size());
  }
}

}  // namespace
}  // namespace nunc
