#include "die.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace nunc::bench {

void Die(std::string_view what) {
  std::cerr << "nunc-load: " << what << '\n';
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): the generator has one thread
}

void DieErrno(std::string_view what) {
  std::string text(what);
  text += ": ";
  text += std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): one thread
  Die(text);
}

}  // namespace nunc::bench
