// What an admin may see of the cluster that this node is a member of, and ask of it.
//
// Shape:   asked by the executor within a command; answered from what the node knows itself. What
//          is asked for is carried out at the end of the turn.
// Owner:   the driver of the cluster, which outlives every command; loop thread only.
// Source:  docs/language.md (cluster-state); docs/election.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"

namespace nunc {

// Of a member that votes and holds no log.
inline constexpr std::string_view kArbiterNodeStanding = "arbiter-node";

struct ClusterShown {
  // How far a full sync is.
  struct Sync {
    std::uint64_t bytes = 0;
    std::uint64_t about = 0;  // how many there will be, before anything is compressed
  };
  // How far a member has the log, as the primary knows; of an arbiter node: its floor.
  struct Progress {
    Revision received{};
    Revision durable{};
  };
  struct Member {
    std::uint64_t id = 0;
    std::uint32_t priority = 0;
    std::string_view standing{};  // voter, joining or learner; kArbiterNodeStanding
    bool arbiter_node = false;    // it may be joining yet
    std::string peer{};           // its address for other nodes
    std::string client{};         // its TCP door
    bool linked = false;          // there is a link with it; this node always is
    std::optional<Progress> progress{};
    std::optional<Sync> sync{};  // that it is sent, or waits for; of a primary
  };

  std::uint64_t id = 0;  // of this node
  std::string_view role{};
  std::uint64_t term = 0;
  std::uint64_t primary = 0;             // its id; 0: not known
  std::optional<std::int64_t> age_us{};  // as ClusterAdmin::age_us
  Revision commit{};                     // all up to here is final
  Revision head{};                       // of the newest record
  std::optional<Sync> sync{};            // that this node gets
  std::string_view refused{};            // why it was not let in or out; empty: it was not refused
  std::vector<Member> members{};         // ids ascend; none: it has yet to join
};

class ClusterAdmin {
 public:
  explicit ClusterAdmin(bool holds_data = true) : holds_data_(holds_data) {}
  ClusterAdmin(const ClusterAdmin&) = delete;
  ClusterAdmin& operator=(const ClusterAdmin&) = delete;
  virtual ~ClusterAdmin() = default;

  [[nodiscard]] virtual ClusterShown Show() const = 0;
  // How old what is here may be, without the time that the news was on its way: 0 for a primary;
  // empty: nobody has said.
  [[nodiscard]] virtual std::optional<std::int64_t> age_us() const = 0;
  // Of a primary: that it was one then, on the monotonic clock, is known of a majority. If it is
  // not, they are asked.
  virtual bool Confirmed(std::int64_t at_us) = 0;
  // The role goes to that member, of a primary; 0: to the best that there is.
  virtual void HandOver(std::uint64_t to) = 0;
  // That node is no member any more, once the cluster has agreed: this one, or of a primary any.
  virtual void Leave(std::uint64_t node) = 0;
  // The node there is dialed for a while, so that it can join.
  virtual void AddNode(std::string_view address) = 0;
  // False: an arbiter node. Commands about data are refused, with the address of the primary.
  [[nodiscard]] bool holds_data() const { return holds_data_; }

 private:
  bool holds_data_ = true;
};

}  // namespace nunc
