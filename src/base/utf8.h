// Tells whether bytes are UTF-8, whole or in pieces.
//
// Shape:   pure; ASCII is checked eight bytes at a time.
// Source:  RFC 3629 §4: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nunc {

bool IsValidUtf8(std::string_view text);

// Appends `text` with U+FFFD in place of each byte that belongs to no character.
void AppendRepairedUtf8(std::string& out, std::string_view text);

// The same over a text that arrives in pieces:
//   Utf8Validator check;
//   ok = check.Push(first) && check.Push(second) && check.AtBoundary();
class Utf8Validator {
 public:
  // False as soon as no continuation could make the text valid; then use it no further.
  bool Push(std::string_view piece);
  // True between characters: a text that ends here is whole.
  [[nodiscard]] bool AtBoundary() const { return missing_ == 0; }

 private:
  // What the next byte must be while inside a character.
  std::uint8_t missing_ = 0;  // continuation bytes still to come
  std::uint8_t low_ = 0;
  std::uint8_t high_ = 0;
};

}  // namespace nunc
