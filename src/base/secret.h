// Comparison of tokens and passwords that takes the same time wherever they differ.
#pragma once

#include <string_view>

namespace nunc {

// The time depends on the length of `given` alone.
bool SecretsEqual(std::string_view stored, std::string_view given);

}  // namespace nunc
