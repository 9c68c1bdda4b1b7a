// Fields one behind the other, as snapshot files and forwarded commands keep them: little-endian,
// without alignment.
//
// Shape:   memcpy of fixed-size integers: this build runs on little-endian machines only.
// Errors:  Cursor never reads beyond its bytes: a Take that would says false and takes nothing.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace nunc::byte_fields {

static_assert(std::endian::native == std::endian::little);

template <std::integral T>
void Store(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

// The caller has checked that the bytes are there.
template <std::integral T>
T Load(const char* at) {
  T value{};
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <std::integral T>
void Append(std::string& out, T value) {
  char bytes[sizeof value];
  Store(bytes, value);
  out.append(bytes, sizeof bytes);
}

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : left_(bytes) {}

  template <std::integral T>
  [[nodiscard]] bool Take(T& value) {
    if (left_.size() < sizeof value) return false;
    value = Load<T>(left_.data());
    left_.remove_prefix(sizeof value);
    return true;
  }

  [[nodiscard]] bool TakeBytes(std::size_t count, std::string_view& bytes) {
    if (left_.size() < count) return false;
    bytes = left_.substr(0, count);
    left_.remove_prefix(count);
    return true;
  }

  [[nodiscard]] std::size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
};

}  // namespace nunc::byte_fields
