// What a member of a cluster begins with, and the names of what it can be.
//
// Shape:   values.
// Source:  docs/election.md; docs/cluster.md §3.
#pragma once

#include <cstdint>
#include <vector>

#include "base/position.h"
#include "cluster/names.h"
#include "cluster/roles.h"
#include "cluster/term_table.h"

namespace nunc {

// What the disk held when the node started. All of it is durable.
struct MemberStart {
  NodeName name{};
  ClusterId cluster{};  // all zero: it has yet to join one
  Term term{};
  NodeId voted_for{};
  TermTable terms{};
  Revision commit{};                // a lower bound
  std::vector<ConfigAt> configs{};  // the newest two CONFIG records of the log, oldest first
  bool arbiter_node = false;        // then there is no log, and a floor
  Position floor{};
  std::uint64_t seed = 0;
};

enum class RoleName : std::uint8_t { kLearner, kSecondary, kCandidate, kPrimary, kArbiterNode };

}  // namespace nunc
