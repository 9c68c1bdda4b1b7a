// Places in the history of a cluster, as distinct types.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

namespace nunc {

// Made with the first start of a cluster; files and nodes of another one are not ours.
using ClusterId = std::array<std::uint64_t, 2>;

// Position in the op log: one per record, dense, the same on every node. 0 = before the first.
struct Revision {
  std::uint64_t value = 0;
  friend auto operator<=>(Revision, Revision) = default;
};

// The leadership a record was written under; every start of a primary begins a new one.
struct Term {
  std::uint64_t value = 0;
  friend auto operator<=>(Term, Term) = default;
};

// The newest revision of a term that is over.
struct TermEnd {
  Term term{};
  Revision last{};
  friend bool operator==(const TermEnd&, const TermEnd&) = default;
};

// A record by its name. Of two logs, the one that ends at the greater position is the newer.
struct Position {
  Term term{};
  Revision revision{};
  friend auto operator<=>(const Position&, const Position&) = default;
};

}  // namespace nunc
