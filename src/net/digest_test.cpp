#include "net/digest.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace nunc {
namespace {

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += kDigits[value >> 4U];
    text += kDigits[value & 15U];
  }
  return text;
}

TEST(Sha1, IsThatOfTheStandardsVectors) {
  // FIPS 180-2, appendix A.1, and the empty message.
  EXPECT_EQ(Hex(Sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hex(Sha1("")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(Hmac, IsThatOfTheStandardsVectors) {
  // RFC 4231, test cases 1, 2 and 6: a key of 20 bytes, a short one, one longer than a block.
  EXPECT_EQ(Hex(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(HmacSha256(std::string(131, '\xaa'),
                           "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, HasALengthWhateverIsGiven) {
  EXPECT_EQ(HmacSha256("k", "").size(), kHmacSha256Bytes);
  EXPECT_EQ(HmacSha256("", "m").size(), kHmacSha256Bytes);
  EXPECT_NE(HmacSha256("a", "m"), HmacSha256("b", "m"));
}

}  // namespace
}  // namespace nunc
