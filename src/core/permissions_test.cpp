#include "core/permissions.h"

#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

PermissionList Parsed(std::string_view text) {
  Result<PermissionList> list = PermissionList::Parse(text);
  EXPECT_TRUE(list) << text;
  return list ? *list : PermissionList{};
}

// The letters of what `list` allows on `key`.
std::string Allowed(const PermissionList& list, std::string_view key) {
  std::string letters;
  letters += list.Allows(Permission::kRead, key) ? "r" : "";
  letters += list.Allows(Permission::kWrite, key) ? "w" : "";
  letters += list.Allows(Permission::kIncrement, key) ? "i" : "";
  letters += list.Allows(Permission::kRemove, key) ? "x" : "";
  return letters;
}

TEST(MatchesPattern, AStarAtTheEndMeansPrefix) {
  EXPECT_TRUE(MatchesPattern("abc", "ab*"));
  EXPECT_TRUE(MatchesPattern("ab", "ab*"));
  EXPECT_FALSE(MatchesPattern("xab", "ab*"));
}

TEST(MatchesPattern, AStarAtTheFrontMeansSuffix) {
  EXPECT_TRUE(MatchesPattern("abc", "*bc"));
  EXPECT_FALSE(MatchesPattern("abcd", "*bc"));
}

TEST(MatchesPattern, WithoutAStarItMeansContained) {
  EXPECT_TRUE(MatchesPattern("xaby", "ab"));
  EXPECT_FALSE(MatchesPattern("xayb", "ab"));
  EXPECT_TRUE(MatchesPattern("anything", ""));
}

TEST(MatchesPattern, StarsOnBothSidesMeanPrefixAndOneInTheMiddleIsLiteral) {
  EXPECT_TRUE(MatchesPattern("abc", "*ab*"));
  EXPECT_FALSE(MatchesPattern("xabc", "*ab*"));
  EXPECT_TRUE(MatchesPattern("xa*by", "a*b"));
  EXPECT_FALSE(MatchesPattern("xaby", "a*b"));
  EXPECT_TRUE(MatchesPattern("anything", "*"));
  EXPECT_TRUE(MatchesPattern("anything", "**"));
}

TEST(PermissionList, EachLetterAllowsItsOwnKind) {
  EXPECT_EQ(Allowed(Parsed("r key"), "key"), "r");
  EXPECT_EQ(Allowed(Parsed("w key"), "key"), "w");
  EXPECT_EQ(Allowed(Parsed("i key"), "key"), "i");
  EXPECT_EQ(Allowed(Parsed("x key"), "key"), "x");
  EXPECT_EQ(Allowed(Parsed("xiwr key"), "key"), "rwix");
}

TEST(PermissionList, AnyPatternOfAGroupIsEnough) {
  const PermissionList list = Parsed("rw some,other*");
  EXPECT_EQ(Allowed(list, "some"), "rw");
  EXPECT_EQ(Allowed(list, "other-key"), "rw");
  EXPECT_EQ(Allowed(list, "third"), "");
}

TEST(PermissionList, GroupsAddUp) {
  const PermissionList list = Parsed("rw some,other|i cnt*|r *");
  EXPECT_EQ(Allowed(list, "some"), "rw");
  EXPECT_EQ(Allowed(list, "cnt1"), "ri");
  EXPECT_EQ(Allowed(list, "third"), "r");
}

TEST(PermissionList, AnEmptyPatternMatchesNoKeyInAList) {
  EXPECT_EQ(Allowed(Parsed("r a,,b"), "zzz"), "");
  EXPECT_EQ(Allowed(Parsed("r a,"), "zzz"), "");
}

TEST(PermissionList, ParseRefusesWhatItCannotRead) {
  for (const char* text :
       {"", "r", "r ", " key", "rz key", "R key", "r a|", "|r a", "r a||w b", "r a|q b"}) {
    EXPECT_FALSE(PermissionList::Parse(text)) << "'" << text << "'";
  }
}

TEST(PermissionList, ParseNamesTheFirstThingThatIsWrong) {
  const Result<PermissionList> list = PermissionList::Parse("r a|q b|z c");
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().fault, Fault::kInvalid);
  EXPECT_NE(list.error().detail.find("'q'"), std::string::npos) << list.error().detail;
  EXPECT_EQ(list.error().detail.find("'z'"), std::string::npos) << list.error().detail;
}

TEST(PermissionList, ALenientListGrantsNothingByWhatItCannotRead) {
  const PermissionList list = PermissionList::ParseLenient("q a|rz b|w c|junk|r d");
  EXPECT_EQ(Allowed(list, "a"), "");
  EXPECT_EQ(Allowed(list, "b"), "");
  EXPECT_EQ(Allowed(list, "c"), "w");
  EXPECT_EQ(Allowed(list, "d"), "r");
  EXPECT_EQ(Allowed(PermissionList::ParseLenient(""), "a"), "");
}

TEST(PermissionList, AnEmptyOneAllowsNothing) {
  EXPECT_EQ(Allowed(PermissionList{}, "key"), "");
}

}  // namespace
}  // namespace nunc
