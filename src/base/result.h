// Result<T>: a value, or an Error that says what went wrong.
//
// Shape:   tl::expected behind one name, so that the later move to std::expected is this file.
// Errors:  a new Fault only where a caller acts differently; `detail` is for people, never parsed.
// Source:  docs/architecture.md §9; TartanLlama expected (libexpected-dev).
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace nunc {

enum class Fault : unsigned char {
  kInvalid,      // the caller gave something that is not allowed; `detail` says what is
  kNotFound,     // the named thing does not exist
  kUnavailable,  // the world refused: address in use, peer unreachable, permission
  kIo,           // a system call failed in a way that will not go away by itself
  kNoSpace,      // the disk is full: may work again when there is space
  kDamaged,      // bytes from a disk or a peer are not what they must be
};

struct Error {
  Fault fault = Fault::kInvalid;
  std::string detail;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> Fail(Fault fault, std::string detail) {
  return tl::unexpected<Error>(Error{.fault = fault, .detail = std::move(detail)});
}

}  // namespace nunc
