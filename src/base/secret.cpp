#include "base/secret.h"

#include <cstddef>

namespace nunc {

bool SecretsEqual(std::string_view stored, std::string_view given) {
  // volatile keeps the compiler from leaving the loop at the first difference.
  volatile unsigned difference = stored.size() == given.size() ? 0U : 1U;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto theirs = static_cast<unsigned char>(given[i]);
    const auto ours = static_cast<unsigned char>(stored.empty() ? '\0' : stored[i % stored.size()]);
    difference = difference | (static_cast<unsigned>(theirs) ^ ours);
  }
  return difference == 0;
}

}  // namespace nunc
