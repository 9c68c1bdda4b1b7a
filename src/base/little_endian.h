// Fixed-size numbers in the bytes of files.
//
// Shape:   the one place that says in which order: lowest byte first, as the machines that Nunc is
//          built for keep them, so a copy is all it takes.
// Errors:  none: the caller has checked that the bytes are there.
// Source:  docs/formats.md.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace nunc {

static_assert(std::endian::native == std::endian::little);

template <std::integral T>
T GetLittle(std::string_view bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.substr(offset, sizeof(T)).data(), sizeof(T));
  return value;
}

template <std::integral T>
void PutLittle(char* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

}  // namespace nunc
