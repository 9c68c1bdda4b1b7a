// What must hold in a cluster, whatever happens: judged from outside, after every event.
//
// Shape:   told of every frame and action, and shown every node after each of its steps. What it
//          knows survives the nodes' restarts.
// Errors:  broken(): the first invariant that did not hold, in words.
// Source:  docs/cluster.md §17.1; docs/election.md (what is checked).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/members.h"
#include "sim/cluster_node.h"

namespace nunc {

class ClusterOracle {
 public:
  explicit ClusterOracle(const std::vector<ClusterNode>& nodes) : nodes_(nodes) {}

  // Before the node carries it out.
  void Hear(const ClusterNode& node, std::int64_t now_us, const MemberAction& action);
  // A frame reaches a node.
  void Arrived(const ClusterNode& node, NodeId from, const Frame& frame);
  // After each of its steps.
  void Look(const ClusterNode& node, std::int64_t now_us);
  void Restarted(const ClusterNode& node);
  // A client was told that its write is final.
  void Acknowledge(Revision revision, std::uint64_t id);

  [[nodiscard]] const std::vector<ClusterRecord>& committed() const { return committed_; }
  // All that was acknowledged is there, once.
  void CheckAcknowledged();

  [[nodiscard]] const std::optional<std::string>& broken() const { return broken_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_.size(); }
  // The newest record that was acknowledged, or is final.
  [[nodiscard]] Revision promised() const;
  [[nodiscard]] std::uint64_t elections() const { return primaries_.size(); }

 private:
  struct Seen {  // of one life of a node
    Revision commit{};
    Term term{};
    Members members{};  // that counted; those that it has begun to write since count later
  };

  void Break(const ClusterNode& node, const std::string& what);
  void HearFrame(const ClusterNode& node, const SendFrame& send);
  void Vote(const ClusterNode& node, Term term, NodeId candidate);
  void CheckCommit(const ClusterNode& node);
  void CheckCounted(const ClusterNode& node, const Members& members, Revision commit);
  void CheckGuarded(const ClusterNode& node);
  void CheckLease(const ClusterNode& node, std::int64_t now_us);

  const std::vector<ClusterNode>& nodes_;
  std::optional<std::string> broken_;
  std::map<Term, NodeName> primaries_;
  std::map<std::pair<NodeName, Term>, NodeId> votes_;
  std::map<std::pair<NodeId, Term>, Position> candidates_;  // their newest records
  std::vector<ClusterRecord> committed_;
  std::map<NodeName, Seen> seen_;
  std::map<Revision, std::uint64_t> acknowledged_;
  // The newest stamp of each primary's frames that has reached each node.
  std::map<std::pair<Term, NodeName>, std::int64_t> stamps_;
  std::map<Term, std::int64_t> won_us_;  // or changed its members: on the primary's own clock
};

}  // namespace nunc
