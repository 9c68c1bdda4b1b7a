// Who a node is to the others.
#pragma once

#include <compare>
#include <cstdint>

namespace nunc {

// Unique in a cluster; never 0.
struct NodeId {
  std::uint64_t value = 0;
  friend auto operator<=>(NodeId, NodeId) = default;
};

// Random, made with the data folder: a node whose disk was replaced is another voter.
struct Incarnation {
  std::uint64_t value = 0;
  friend auto operator<=>(Incarnation, Incarnation) = default;
};

struct NodeName {
  NodeId id{};
  Incarnation incarnation{};
  friend auto operator<=>(const NodeName&, const NodeName&) = default;
};

// Who asks first and whom the role is handed to; 0: never primary. Equal ones are told apart by id.
struct Priority {
  std::uint32_t value = 0;
  friend auto operator<=>(Priority, Priority) = default;
};

}  // namespace nunc
