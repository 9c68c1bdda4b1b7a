// `nunc cluster`: what a node says of its cluster, for people, and what is asked of it.
//
// Shape:   a change is asked for with one command; then the node is asked for its cluster until it
//          is done, for kClusterPatienceMs at most.
// Errors:  an answer that is none is told, and is ExitCode::kUnreachable; so is what was refused,
//          or is not done by then.
// Source:  docs/language.md (cluster-state json, promote, leave, add-node); docs/operations.md.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/arguments.h"
#include "cli/data_tools.h"
#include "cli/exit_code.h"

namespace nunc {

inline constexpr int kClusterPatienceMs = 30'000;

struct ClusterAsk {
  // One command of an admin; the answer as it comes over HTTP.
  std::function<Result<std::string>(std::string_view command)> ask;
  // Until it is worth asking again; false: that was the last time.
  std::function<bool()> wait;
};

// Without a primary `status` is kUsage, so that a script can wait for one.
ExitCode RunCluster(const ClusterArguments& arguments, const ClusterAsk& server,
                    const Printer& printer);

}  // namespace nunc
