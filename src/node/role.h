// What a node is to the log: one makes its records, the others take them.
//
// Source:  docs/cluster.md §3.
#pragma once

#include <cstdint>

namespace nunc {

enum class NodeRole : std::uint8_t { kPrimary, kSecondary };

}  // namespace nunc
