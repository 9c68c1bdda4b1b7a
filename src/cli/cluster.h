// `nunc cluster status`: what a node says of its cluster, for people.
//
// Errors:  an answer that is none is told, and is ExitCode::kUnreachable.
// Source:  docs/language.md (cluster-state json); docs/operations.md.
#pragma once

#include <string_view>

#include "cli/data_tools.h"
#include "cli/exit_code.h"

namespace nunc {

// `answer`: to `cluster-state json`, over HTTP. Prints a line of the cluster and a table of its
// members; without a primary the code is kUsage, so that a script can wait for one.
ExitCode ShowClusterStatus(std::string_view answer, const Printer& printer);

}  // namespace nunc
