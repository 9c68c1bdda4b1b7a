// A cluster that does only what a script says, and the trace of it: tests/sim/*.txt.
//
// Shape:   one command a line; what follows from it stands below, indented, and must come out the
//          same. `#` begins a comment. Each clock stands until it is told to go on; disks are done
//          at once unless they are held. The oracle looks on.
// Source:  tests/sim/README.md has the commands; docs/cluster.md §17.2 says why there are scripts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/cluster_node.h"
#include "sim/cluster_oracle.h"

namespace nunc {

class ClusterScript {
 public:
  // The script again, with what really happened below each command.
  static std::string Run(std::string_view script);

 private:
  using Words = std::vector<std::string>;
  static constexpr std::size_t kDeliveriesMax = 10'000;  // of one `deliver`; then it says so

  void Do(const Words& words);
  bool DoNode(const std::string& what, std::size_t node, const Words& words);
  bool DoStart(const std::string& what, std::size_t node);
  bool DoLink(const std::string& what, std::size_t from, std::size_t to);
  void MakeNodes(std::size_t count, bool arbiter_node);
  void Start(std::size_t node);
  void Crash(std::size_t node, std::size_t kept);
  void Step(std::size_t node, const MemberInput& input);
  void AfterStep(std::size_t node);
  void Disk(std::size_t node, bool held_too);
  bool DeliverOne(std::size_t from, std::size_t to);
  void DeliverAll();
  void Connect(std::size_t a, std::size_t b);
  void Show();
  void Say(const std::string& line) { trace_ += "  " + line + "\n"; }
  void SayFrame(std::size_t from, NodeId to, const Frame& frame);
  void SayAction(std::size_t node, const MemberAction& action);

  struct Seen {
    RoleName role = RoleName::kSecondary;
    Term term{};
    Revision commit{};
  };

  std::string trace_;
  std::vector<std::int64_t> clocks_;  // of each node
  std::vector<ClusterNode> nodes_;
  std::optional<ClusterOracle> oracle_;
  std::map<std::pair<std::size_t, std::size_t>, std::deque<std::string>> mail_;
  std::set<std::pair<std::size_t, std::size_t>> cut_;
  std::set<std::size_t> held_;
  std::vector<Seen> seen_;
  std::uint64_t next_id_ = 1;
  std::uint64_t next_incarnation_ = 1'000;
};

}  // namespace nunc
