// Where a node finds the cluster that it is to enter: it asks TCP doors of nodes that may be
// members of it (--replicate-address).
//
// Shape:   waits until one has answered; all doors are asked again and again.
// Errors:  kUnavailable when `stop_fd` becomes readable before.
// Source:  docs/cluster.md; docs/language.md (peer-address).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/config.h"

namespace nunc {

// Whether what the folder holds does not say it: it is empty, or on its way into a cluster.
bool MustFindCluster(const Config& config);

// Addresses for ClusterConfig::join, of all that answer in the round in which the first one does.
// `say` gets what is in the way, once while it stays the same.
Result<std::vector<std::string>> FindCluster(std::span<const std::string> doors, int stop_fd,
                                             const std::function<void(std::string_view)>& say);

}  // namespace nunc
