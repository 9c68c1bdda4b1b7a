// CHECK(condition): a programmer error or corrupt memory ends the process, in release builds too.
//
// Use it for what our own code guarantees. Nothing that arrives from a socket or a disk may reach
// one: decode such bytes into a Result instead (base/result.h).
#pragma once

namespace nunc {

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace nunc

#define CHECK(condition)                                   \
  do {                                                     \
    if (!(condition)) [[unlikely]] {                       \
      ::nunc::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                      \
  } while (false)
