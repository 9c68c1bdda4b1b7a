#include "base/utf8.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

namespace nunc {
namespace {

// The first byte of a character says how many follow and what the second one may be; later ones
// are always 80..BF (RFC 3629 §4).
struct Lead {
  std::uint8_t missing;
  std::uint8_t low;
  std::uint8_t high;
};

constexpr Lead kNoLead{.missing = 0, .low = 0, .high = 0};

constexpr Lead LeadOf(std::uint8_t byte) {
  if (byte < 0xC2 || byte > 0xF4) return kNoLead;  // ASCII is skipped before; C0, C1 are overlong
  if (byte < 0xE0) return {.missing = 1, .low = 0x80, .high = 0xBF};
  if (byte == 0xE0) return {.missing = 2, .low = 0xA0, .high = 0xBF};  // overlong below
  if (byte == 0xED) return {.missing = 2, .low = 0x80, .high = 0x9F};  // surrogates above
  if (byte < 0xF0) return {.missing = 2, .low = 0x80, .high = 0xBF};
  if (byte == 0xF0) return {.missing = 3, .low = 0x90, .high = 0xBF};  // overlong below
  if (byte == 0xF4) return {.missing = 3, .low = 0x80, .high = 0x8F};  // above U+10FFFF
  return {.missing = 3, .low = 0x80, .high = 0xBF};
}

const char* SkipAscii(const char* at, const char* end) {
  static_assert(std::endian::native == std::endian::little, "countr_zero finds the first byte");
  while (end - at >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    const std::uint64_t high_bits = word & 0x8080'8080'8080'8080U;
    if (high_bits != 0) return at + std::countr_zero(high_bits) / 8;
    at += 8;
  }
  while (at != end && static_cast<std::uint8_t>(*at) < 0x80)
    ++at;
  return at;
}

}  // namespace

bool Utf8Validator::Push(std::string_view piece) {
  const char* at = piece.data();
  const char* const end = at + piece.size();
  Lead state{.missing = missing_, .low = low_, .high = high_};  // in registers for the loop
  while (true) {
    for (; state.missing > 0 && at != end; ++at, --state.missing) {
      const auto byte = static_cast<std::uint8_t>(*at);
      if (byte < state.low || byte > state.high) return false;
      state.low = 0x80;
      state.high = 0xBF;
    }
    if (state.missing == 0) at = SkipAscii(at, end);
    if (at == end) break;
    state = LeadOf(static_cast<std::uint8_t>(*at++));
    if (state.missing == 0) return false;
  }
  missing_ = state.missing;
  low_ = state.low;
  high_ = state.high;
  return true;
}

bool IsValidUtf8(std::string_view text) {
  Utf8Validator check;
  return check.Push(text) && check.AtBoundary();
}

void AppendRepairedUtf8(std::string& out, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* const ascii_end = SkipAscii(at, end);
    out.append(at, ascii_end);
    at = ascii_end;
    if (at == end) break;
    const std::size_t size = std::size_t{LeadOf(static_cast<std::uint8_t>(*at)).missing} + 1;
    const std::string_view character(at, std::min(size, static_cast<std::size_t>(end - at)));
    const bool whole = size > 1 && IsValidUtf8(character);
    out.append(whole ? character : "\xEF\xBF\xBD");
    at += whole ? character.size() : 1;
  }
}

}  // namespace nunc
