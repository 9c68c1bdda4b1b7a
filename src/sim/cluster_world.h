// A whole cluster in one thread, with clients and faults, from a seed: `nunc simulate --nodes N`.
//
// Shape:   founders, and one node more that may join; each on a clock of its own that runs up to
//          30 % too fast or too slow. Faults for a while, then everything is healed: there must be
//          a primary soon, with takeover the one of the highest priority, and equal logs.
// Errors:  the report's violation: the first invariant that does not hold, and at which event.
// Units:   virtual microseconds.
// Source:  docs/cluster.md §17.1; docs/election.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "sim/cluster_node.h"
#include "sim/cluster_oracle.h"
#include "sim/link_net.h"
#include "sim/schedule.h"

namespace nunc {

struct ClusterOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;  // 1 .. 7
  std::int64_t duration_us = 10'000'000;
  bool arbiter_node = false;                     // the last of three founders holds no log
  std::function<void(std::string_view)> tell{};  // what happens, for people; may be empty
};
inline constexpr std::size_t kClusterNodesMax = 7;

struct ClusterReport {
  std::uint64_t events = 0;
  std::uint64_t records = 0;  // final ones
  std::uint64_t acknowledged = 0;
  std::uint64_t elections = 0;
  std::map<std::string, std::uint64_t, std::less<>> faults{};  // by kind
  std::int64_t simulated_us = 0;
  std::uint64_t trace_hash = 0;
  std::optional<std::string> violation{};
};

ClusterReport SimulateCluster(const ClusterOptions& options);

class ClusterWorld {
 public:
  explicit ClusterWorld(const ClusterOptions& options);
  ClusterReport Run();

 private:
  enum class Life : std::uint8_t { kRuns, kPaused, kDown, kOut };

  struct Place {  // of one node
    Life life = Life::kOut;
    std::int64_t began_us = 0;  // its clock: began + what passed * rate / 1000
    std::int64_t rate = 1'000;
    std::int64_t slow = 1;                         // its disk takes so many times as long
    std::vector<std::function<void()>> waiting{};  // for a pause to end
    std::optional<SimSchedule::Id> timer{};
    std::uint64_t life_count = 0;
    bool joins = false;  // asks to at every start; once it is a member, in vain
    bool leaves = false;
  };

  // cluster_world.cpp
  [[nodiscard]] std::int64_t ClockOf(std::size_t node) const;
  void SetRate(std::size_t node, std::int64_t rate);
  void Happen(std::size_t node, std::function<void()> event);
  void StepNode(std::size_t node, const MemberInput& input);
  void AfterStep(std::size_t node);
  void Deliver(std::size_t node, std::size_t peer, NetEvent event);
  void Sync(std::size_t node);
  void Store(std::size_t node);
  void StartNode(std::size_t node);
  void StopNode(std::size_t node, bool power_cut);
  void Propose();
  void Answer(std::size_t node);
  void RunUntil(std::int64_t time_us);
  void Tell(const std::string& what) const;
  void Hash(std::uint64_t number);
  [[nodiscard]] std::int64_t DiskUs(std::size_t node);

  // cluster_faults.cpp
  void Fault();
  void Crash(std::size_t node);
  void Pause(std::size_t node);
  void Part();
  void ChangeMembers(std::size_t node);
  void Rejoin(std::size_t node);
  void PutOutWhoLeft();
  void Count(std::string_view kind);
  void Heal();
  void CheckHealed();
  [[nodiscard]] bool IsWhole() const;
  [[nodiscard]] bool IsComplete(std::size_t node) const;
  [[nodiscard]] std::optional<std::size_t> Primary() const;
  [[nodiscard]] bool HasTheHighest() const;
  [[nodiscard]] std::optional<NodeId> WhoLacks(std::uint64_t records) const;

  ClusterOptions options_;
  Prng prng_;
  SimSchedule schedule_;
  std::vector<ClusterNode> nodes_;
  std::vector<Place> places_;
  ClusterOracle oracle_;
  LinkNet net_;
  ClusterReport report_;
  // Writes that wait: at which node, in which term, at which revision.
  std::map<std::pair<std::size_t, Revision>, std::pair<Term, std::uint64_t>> asked_;
  std::uint64_t next_id_ = 1;
  std::uint64_t next_incarnation_ = 1'000;
  std::uint64_t fault_gap_us_ = 0;
  std::uint64_t write_gap_us_ = 0;
  bool isolate_ = false;  // the next primary that writes is cut off
};

}  // namespace nunc
