// Links between simulated nodes: one for each pair, as TCP has them.
//
// Shape:   bytes arrive in order or the link ends; nothing of an ended link arrives. Links are made
//          anew by themselves, a while after both ends can reach each other.
// Faults:  a cut in one direction loses what is sent (both ends hear of it when it is healed, for
//          bytes are missing); a half-open link is known to be closed at one end only; where a
//          process is gone and its machine is not, a new link is refused.
// Units:   virtual microseconds; nodes are numbered from 0.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/prng.h"
#include "sim/schedule.h"

namespace nunc {

struct NetUp {};
struct NetDown {};
struct NetRefused {};
struct NetData {
  std::string bytes{};
};
using NetEvent = std::variant<NetUp, NetDown, NetRefused, NetData>;

enum class Process : std::uint8_t { kRunning, kGone, kMachineGone };

class LinkNet {
 public:
  // What happens at `node` on its link with `peer`.
  using Deliver = std::function<void(std::size_t node, std::size_t peer, NetEvent event)>;

  LinkNet(SimSchedule& schedule, Prng& prng, std::size_t nodes, Deliver deliver);

  void Send(std::size_t from, std::size_t to, std::string bytes);
  void Close(std::size_t node, std::size_t peer);

  // A process that ends closes its links; a machine that is gone does not.
  void SetProcess(std::size_t node, Process process);
  void Cut(std::size_t from, std::size_t to);
  void Heal(std::size_t from, std::size_t to);
  void Reset(std::size_t a, std::size_t b);
  // `node` knows that the link is gone; its peer finds out when it sends.
  void HalfOpen(std::size_t node, std::size_t peer);
  void SetDelay(std::int64_t least_us, std::int64_t most_us);

 private:
  struct Link {
    std::uint64_t epoch = 0;      // of the connection; what an older one carried is lost
    bool up = false;              // as `to` = the other end sees it
    bool cut = false;             // what is sent in this direction is lost
    bool lossy = false;           // something was
    std::int64_t arrival_us = 0;  // of what was sent last
  };

  [[nodiscard]] Link& Of(std::size_t from, std::size_t to) { return links_[from * nodes_ + to]; }
  [[nodiscard]] std::int64_t Delay();
  void Connect(std::size_t a, std::size_t b);
  void End(std::size_t node, std::size_t peer);

  SimSchedule& schedule_;
  Prng& prng_;
  std::size_t nodes_;
  Deliver deliver_;
  std::vector<Link> links_;
  std::vector<Process> processes_;
  std::int64_t least_us_ = 200;
  std::int64_t most_us_ = 2'000;
};

}  // namespace nunc
