#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace nunc {

// Plain stderr, not the logger: the logger may be what is broken.
void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "CHECK failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace nunc
