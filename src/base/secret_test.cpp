#include "base/secret.h"

#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

TEST(Secret, EqualBytesAreEqual) {
  EXPECT_TRUE(SecretsEqual("token", "token"));
  EXPECT_TRUE(SecretsEqual("", ""));
  EXPECT_TRUE(SecretsEqual(std::string_view("a\0b", 3), std::string_view("a\0b", 3)));
}

TEST(Secret, ADifferenceAtAnyPositionIsSeen) {
  const std::string stored = "0123456789abcdef";
  for (std::size_t i = 0; i < stored.size(); ++i) {
    std::string given = stored;
    given[i] = static_cast<char>(given[i] ^ 1);
    EXPECT_FALSE(SecretsEqual(stored, given)) << "position " << i;
  }
  // All bits of all differences together are no way back to equality.
  EXPECT_FALSE(SecretsEqual("\x01\x01", "\x02\x02"));
  EXPECT_FALSE(SecretsEqual("ab", "ba"));
}

TEST(Secret, APrefixIsNotEnough) {
  EXPECT_FALSE(SecretsEqual("token", "toke"));
  EXPECT_FALSE(SecretsEqual("token", ""));
  EXPECT_FALSE(SecretsEqual("", "token"));
}

// The comparison walks the stored secret round and round; that must not make these equal.
TEST(Secret, ARepetitionOfTheStoredOneIsNotIt) {
  EXPECT_FALSE(SecretsEqual("ab", "abab"));
  EXPECT_FALSE(SecretsEqual("a", "aa"));
  EXPECT_FALSE(SecretsEqual("", std::string_view("\0", 1)));
}

}  // namespace
}  // namespace nunc
