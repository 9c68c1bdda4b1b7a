// `nunc watch KEY`: the present value, then every change, one line each.
//
// Shape:   `KEY VERSION VALUE` for a value, `KEY removed` for a key that is not there. After a lost
//          connection it comes back by itself and prints the value only if it is another one.
#pragma once

#include <functional>
#include <string_view>

#include "cli/arguments.h"
#include "cli/exit_code.h"

namespace nunc {

struct WatchOutput {
  std::function<void(std::string_view line)> print;  // standard output
  std::function<void(std::string_view text)> say;    // standard error
};

// Runs until `stop_fd` is readable (kOk), or the first connection or the server refuses.
ExitCode Watch(const WatchArguments& arguments, int stop_fd, const WatchOutput& output);

}  // namespace nunc
