// `nunc simulate`: a node or a cluster on simulated machines that fail, from a seed.
//
// Errors:  an invariant that does not hold: the exit code is kFault, and the seed says it again.
// Source:  docs/cluster.md §17.1; sim/world.h, sim/cluster_world.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "cli/arguments.h"
#include "cli/exit_code.h"

namespace nunc {

// Runs `seeds` seeds from the first one on; each prints its own lines.
ExitCode RunSimulation(const SimulateArguments& arguments,
                       const std::function<void(std::string_view line)>& print);

}  // namespace nunc
