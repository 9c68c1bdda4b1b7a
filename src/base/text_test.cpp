#include "base/text.h"

#include <gtest/gtest.h>

namespace nunc {
namespace {

TEST(PrefixOf, LeavesShortTextAlone) {
  EXPECT_EQ(PrefixOf("abc", 3), "abc");
  EXPECT_EQ(PrefixOf("", 0), "");
}

TEST(PrefixOf, NeverEndsInsideACharacter) {
  // Two, three and four bytes.
  EXPECT_EQ(PrefixOf("a\xC3\xA9z", 2), "a");
  EXPECT_EQ(PrefixOf("a\xC3\xA9z", 3), "a\xC3\xA9");
  EXPECT_EQ(PrefixOf("\xE6\x97\xA5", 2), "");
  EXPECT_EQ(PrefixOf("x\xF0\x9F\x98\x80y", 4), "x");
  EXPECT_EQ(PrefixOf("x\xF0\x9F\x98\x80y", 5), "x\xF0\x9F\x98\x80");
}

TEST(FirstCharacter, HasAllItsBytes) {
  EXPECT_EQ(FirstCharacter("ab"), "a");
  EXPECT_EQ(FirstCharacter("\xC3\xA9z"), "\xC3\xA9");
  EXPECT_EQ(FirstCharacter("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
}

}  // namespace
}  // namespace nunc
