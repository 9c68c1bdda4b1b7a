// Ends the load generator with one line on stderr and exit code 1.
//
// A measurement that met anything unexpected is worth nothing, so the generator never goes on.
#pragma once

#include <string_view>

namespace nunc::bench {

[[noreturn]] void Die(std::string_view what);
[[noreturn]] void DieErrno(std::string_view what);  // adds what errno says

}  // namespace nunc::bench
