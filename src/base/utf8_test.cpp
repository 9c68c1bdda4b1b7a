#include "base/utf8.h"

#include <array>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// A plain decoder to compare with: RFC 3629 read as arithmetic instead of as byte ranges.
bool DecodesByArithmetic(std::string_view text) {
  while (!text.empty()) {
    const auto lead = static_cast<std::uint8_t>(text.front());
    std::size_t size = 1;
    std::uint32_t code = lead;
    if (lead >= 0xF0) {
      size = 4;
      code = lead & 0x07U;
    } else if (lead >= 0xE0) {
      size = 3;
      code = lead & 0x0FU;
    } else if (lead >= 0xC0) {
      size = 2;
      code = lead & 0x1FU;
    } else if (lead >= 0x80) {
      return false;
    }
    if (lead >= 0xF8 || text.size() < size) return false;
    for (std::size_t i = 1; i < size; ++i) {
      const auto byte = static_cast<std::uint8_t>(text[i]);
      if ((byte & 0xC0U) != 0x80) return false;
      code = code << 6 | (byte & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[size] || code > 0x10FFFF) return false;
    if (code >= 0xD800 && code <= 0xDFFF) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string Encode(std::uint32_t code) {
  const auto tail = [code](unsigned shift) {
    return static_cast<char>(0x80U | (code >> shift & 0x3FU));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0U | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0U | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | code >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8, EmptyAndAsciiAreValid) {
  EXPECT_TRUE(IsValidUtf8(""));
  for (std::size_t size = 1; size < 40; ++size) {
    EXPECT_TRUE(IsValidUtf8(std::string(size, 'a')));
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      text[at] = '\x80';
      EXPECT_FALSE(IsValidUtf8(text)) << size << " bytes, bad one at " << at;
    }
  }
}

TEST(Utf8, EveryCodePointButSurrogatesIsValid) {
  for (std::uint32_t code = 0; code <= 0x110010; ++code) {
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    ASSERT_EQ(IsValidUtf8(Encode(code)), !surrogate && code <= 0x10FFFF) << code;
  }
}

TEST(Utf8, AgreesWithArithmeticOnEveryMixOfBoundaryBytes) {
  constexpr std::string_view kBytes(
      "\x00\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4"
      "\xF5\xF8\xFF",
      25);
  std::string text(4, '\0');
  for (const char a : kBytes) {
    for (const char b : kBytes) {
      for (const char c : kBytes) {
        for (const char d : kBytes) {
          text = {a, b, c, d};
          ASSERT_EQ(IsValidUtf8(text), DecodesByArithmetic(text)) << testing::PrintToString(text);
        }
      }
    }
  }
}

TEST(Utf8, TextCutAnywhereIsValidInPieces) {
  const std::string text = "ASCII, then ä € 𝄞 and more ASCII 漢字 to the end";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Validator check;
    EXPECT_TRUE(check.Push(std::string_view(text).substr(0, cut)));
    EXPECT_TRUE(check.Push(std::string_view(text).substr(cut)));
    EXPECT_TRUE(check.AtBoundary());
  }
}

TEST(Utf8, RepairingKeepsCharactersAndReplacesEveryOtherByte) {
  const auto repaired = [](std::string_view text) {
    std::string out;
    AppendRepairedUtf8(out, text);
    EXPECT_TRUE(IsValidUtf8(out));
    return out;
  };
  EXPECT_EQ(repaired(""), "");
  EXPECT_EQ(repaired("abc \xC3\xA9 \xF0\x9F\x98\x80."), "abc \xC3\xA9 \xF0\x9F\x98\x80.");
  EXPECT_EQ(repaired("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(repaired("\xC3(\xC3\xA9"), "\xEF\xBF\xBD(\xC3\xA9");
  EXPECT_EQ(repaired("\xF0\x9F\x98"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(repaired("\x80"), "\xEF\xBF\xBD");
}

TEST(Utf8, TextThatEndsInsideACharacterIsNotWhole) {
  Utf8Validator check;
  EXPECT_TRUE(check.Push("\xF0\x9D"));
  EXPECT_FALSE(check.AtBoundary());
  EXPECT_TRUE(check.Push("\x84"));
  EXPECT_FALSE(check.AtBoundary());
  EXPECT_TRUE(check.Push("\x9E"));
  EXPECT_TRUE(check.AtBoundary());
  EXPECT_FALSE(IsValidUtf8("abc\xC3"));
}

TEST(Utf8, BadContinuationIsRefusedAtOnceEvenInALaterPiece) {
  Utf8Validator check;
  EXPECT_TRUE(check.Push("\xED"));
  EXPECT_FALSE(check.Push("\xA0"));  // a surrogate
  Utf8Validator other;
  EXPECT_TRUE(other.Push("\xE2\x82"));
  EXPECT_FALSE(other.Push("x"));
}

}  // namespace
}  // namespace nunc
