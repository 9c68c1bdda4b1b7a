#include "base/hash.h"

#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// Source: xxHash 0.8, tests/sanity_test: XXH3_64bits of no bytes with seed 0.
TEST(Hash, IsXxh3WithSixtyFourBits) {
  EXPECT_EQ(HashBytes("", 0), 0x2D06800538D394C2ULL);
}

TEST(Hash, DependsOnTheBytesAloneAndNotOnWhereTheyStand) {
  const std::string text = "xxkeykey";
  const std::string_view view = text;
  EXPECT_EQ(HashBytes(view.substr(2, 3), 7), HashBytes(view.substr(5, 3), 7));
  EXPECT_NE(HashBytes("key", 7), HashBytes("kez", 7));
  EXPECT_NE(HashBytes("key", 7), HashBytes(std::string_view("key\0", 4), 7));
}

TEST(Hash, ChangesWithTheSeed) {
  EXPECT_NE(HashBytes("key", 1), HashBytes("key", 2));
  const std::string key(4096, 'k');
  EXPECT_NE(HashBytes(key, 1), HashBytes(key, 2));
}

}  // namespace
}  // namespace nunc
