#include "cli/escape.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>

namespace nunc {

namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
  char32_t code = kReplacement;
  std::size_t bytes = 1;
};

// The first character of a text that is not empty; RFC 3629 §4 has the ranges.
Decoded DecodeFirst(std::string_view text) {
  const auto byte = [text](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return {first, 1};
  }
  const std::size_t bytes = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (first < 0xC2 || first > 0xF4) {
    return {};
  }
  char32_t code = first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) {
      return {};
    }
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  static constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast.at(bytes) || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    return {};
  }
  return {code, bytes};
}

// Controls, and what reorders or hides its neighbours on a terminal.
bool IsHidden(char32_t code) {
  struct Range {
    char32_t first, last;
  };
  static constexpr std::array kHidden = std::to_array<Range>({
      {0x00, 0x1F},
      {0x7F, 0x9F},
      {0xAD, 0xAD},
      {0x61C, 0x61C},
      {0x200B, 0x200F},
      {0x2028, 0x202E},
      {0x2060, 0x206F},
      {0xE000, 0xF8FF},
      {0xFEFF, 0xFEFF},
      {0xFFF0, 0xFFFB},
      {0xE0000, 0x10FFFF},
  });
  for (const auto& [first, last] : kHidden) {
    if (code >= first && code <= last) {
      return true;
    }
  }
  return false;
}

void AppendCode(char32_t code, std::string& out) {
  std::array<char, 8> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                          static_cast<std::uint32_t>(code), 16);
  out += "\\u{";
  out.append(digits.data(), end);
  out += '}';
}

// The letter after the backslash, or 0.
char ShortEscape(char32_t code) {
  switch (code) {
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\0':
      return '0';
    case '"':
      return '"';
    case '\\':
      return '\\';
    default:
      return 0;
  }
}

void AppendShown(std::string_view text, const Decoded& decoded, std::string& out) {
  if (IsHidden(decoded.code)) {
    AppendCode(decoded.code, out);
  } else if (decoded.code == kReplacement) {
    out += "\xEF\xBF\xBD";
  } else {
    out += text.substr(0, decoded.bytes);
  }
}

}  // namespace

std::string QuoteText(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Decoded decoded = DecodeFirst(text);
    if (const char letter = ShortEscape(decoded.code); letter != 0) {
      out += '\\';
      out += letter;
    } else {
      AppendShown(text, decoded, out);
    }
    text.remove_prefix(decoded.bytes);
  }
  return out + "\"";
}

std::string HideControls(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Decoded decoded = DecodeFirst(text);
    if (decoded.code == '\t') {
      out += '\t';
    } else {
      AppendShown(text, decoded, out);
    }
    text.remove_prefix(decoded.bytes);
  }
  return out;
}

}  // namespace nunc
