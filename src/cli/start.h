// `nunc start`: configuration, the server, and the lines that scripts wait for.
#pragma once

#include "cli/arguments.h"
#include "cli/exit_code.h"

namespace nunc {

// Returns when the server has stopped.
ExitCode Start(const StartArguments& arguments);

}  // namespace nunc
