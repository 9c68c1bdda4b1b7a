#include "posix/random.h"

#include <cerrno>
#include <sys/random.h>

#include "base/check.h"

namespace nunc {

std::uint64_t PosixRandom::Next() {
  std::uint64_t number = 0;
  ssize_t got = -1;
  // Only a kernel that has just booted waits here, and only then a signal may interrupt it; so few
  // bytes are never given in part.
  do {
    got = getrandom(&number, sizeof(number), 0);
  } while (got < 0 && errno == EINTR);
  CHECK(got == sizeof(number));
  return number;
}

}  // namespace nunc
