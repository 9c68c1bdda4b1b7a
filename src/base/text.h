// Cutting UTF-8 text without cutting a character.
#pragma once

#include <cstddef>
#include <string_view>

namespace nunc {

// Of what a client sent and an error shows: it must not repeat megabytes.
inline constexpr std::size_t kShownBytesMax = 64;

// At most `bytes_max` bytes of `text`, ending between two characters.
inline std::string_view PrefixOf(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return text;
  }
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return text.substr(0, end);
}

// The first character of a text that is not empty, all its bytes.
inline std::string_view FirstCharacter(std::string_view text) {
  std::size_t end = 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    ++end;
  }
  return text.substr(0, end);
}

}  // namespace nunc
