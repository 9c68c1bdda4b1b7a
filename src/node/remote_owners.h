// Sessions of other nodes' clients that own keys, as a primary knows them: when the last that is
// known of one is that it is gone, its keys end.
//
// Shape:   each node names all of its owners when it begins with this primary, then those that are
//          gone; those that get keys here are noted. Who has not been named in time is gone: after
//          a change of primary, and of a node whose link was lost.
// Limits:  kOwnersAwaitUs; kOwnersPerNodeMax of one node: more are not noted, and their keys end as
//          if their sessions had not been named.
// Units:   microseconds of the monotonic clock.
// Owner:   Forwarding; loop thread only.
// Source:  docs/cluster.md §7 (time and sessions).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "cluster/message.h"
#include "node/node.h"

namespace nunc {

class RemoteOwners {
 public:
  using Tell = std::function<void(const Input&)>;
  explicit RemoteOwners(Tell tell) : tell_(std::move(tell)) {}

  // This node is primary from now on; or no more.
  void Begin(std::int64_t now_us);
  void End();

  void Name(NodeId node, const Owners& owners);
  void Note(NodeId node, std::uint64_t owner);
  void OnLinkDown(NodeId node, std::int64_t now_us);
  void Work(std::int64_t now_us);
  [[nodiscard]] std::int64_t next_us() const;

 private:
  struct Known {
    std::set<std::uint64_t> owners{};
    std::optional<std::int64_t> gone_us{};  // when all of them are, unless the node is back
  };

  Tell tell_;
  std::map<NodeId, Known> known_;
  std::optional<std::int64_t> begun_us_;  // when those are gone that no node has named
};

}  // namespace nunc
