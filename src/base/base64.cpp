#include "base/base64.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace nunc {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const unsigned byte = i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U;
      group = group << 8U | byte;
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= count ? kAlphabet[group >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return out;
}

Result<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return Fail(Fault::kInvalid, "base64: not a multiple of 4 characters");
  }
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const std::string_view quad = text.substr(at, 4);
    const bool last = at + 4 == text.size();
    const std::size_t pads = !last || quad[3] != '=' ? 0 : quad[2] != '=' ? 1 : 2;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t value = i < 4 - pads ? kAlphabet.find(quad[i]) : 0;
      if (value == std::string_view::npos) {
        return Fail(Fault::kInvalid, "base64: a character that is none of it");
      }
      group = group << 6U | static_cast<std::uint32_t>(value);
    }
    for (std::size_t i = 0; i < 3 - pads; ++i) {
      out += static_cast<char>(group >> (16 - 8 * i) & 255U);
    }
  }
  // Bits behind the end must be zero, so that every text has one form.
  return EncodeBase64(out) == text ? Result<std::string>(std::move(out))
                                   : Fail(Fault::kInvalid, "base64: bits behind its end");
}

}  // namespace nunc
