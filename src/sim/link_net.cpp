#include "sim/link_net.h"

#include <algorithm>
#include <utility>

namespace nunc {

namespace {

constexpr std::int64_t kRetryLeastUs = 5'000;
constexpr std::int64_t kRetryMostUs = 40'000;

}  // namespace

LinkNet::LinkNet(SimSchedule& schedule, Prng& prng, std::size_t nodes, Deliver deliver)
    : schedule_(schedule),
      prng_(prng),
      nodes_(nodes),
      deliver_(std::move(deliver)),
      links_(nodes * nodes),
      processes_(nodes, Process::kMachineGone) {
  for (std::size_t a = 0; a < nodes; ++a) {
    for (std::size_t b = a + 1; b < nodes; ++b) {
      Connect(a, b);
    }
  }
}

std::int64_t LinkNet::Delay() {
  return prng_.InRange(least_us_, most_us_);
}

void LinkNet::SetDelay(std::int64_t least_us, std::int64_t most_us) {
  least_us_ = least_us;
  most_us_ = most_us;
}

void LinkNet::Send(std::size_t from, std::size_t to, std::string bytes) {
  Link& link = Of(from, to);
  if (!link.up) {
    return;
  }
  if (link.cut || processes_[to] == Process::kMachineGone) {
    link.lossy = true;
    return;
  }
  if (!Of(to, from).up) {
    // The other side answers that it knows no such link.
    schedule_.After(Delay(), [this, from, to, epoch = link.epoch] {
      if (Of(from, to).epoch == epoch) {
        End(from, to);
      }
    });
    return;
  }
  link.arrival_us = std::max(link.arrival_us, schedule_.now_us() + Delay());
  schedule_.At(link.arrival_us, [this, from, to, epoch = link.epoch, sent = std::move(bytes)] {
    const Link& now = Of(from, to);
    if (now.epoch == epoch && Of(to, from).up && !now.cut) {
      deliver_(to, from, NetData{.bytes = sent});
    } else if (now.cut) {
      Of(from, to).lossy = true;
    }
  });
}

void LinkNet::End(std::size_t node, std::size_t peer) {
  Link& link = Of(node, peer);
  if (link.up) {
    link.up = false;
    if (processes_[node] == Process::kRunning) {
      deliver_(node, peer, NetDown{});
    }
  }
}

void LinkNet::Close(std::size_t node, std::size_t peer) {
  End(node, peer);
  schedule_.After(Delay(), [this, node, peer, epoch = Of(peer, node).epoch] {
    if (Of(peer, node).epoch == epoch && !Of(node, peer).cut) {
      End(peer, node);
    }
  });
}

void LinkNet::Reset(std::size_t a, std::size_t b) {
  ++Of(a, b).epoch;
  ++Of(b, a).epoch;
  End(a, b);
  End(b, a);
}

void LinkNet::HalfOpen(std::size_t node, std::size_t peer) {
  End(node, peer);
}

void LinkNet::SetProcess(std::size_t node, Process process) {
  processes_[node] = process;
  for (std::size_t peer = 0; peer < nodes_; ++peer) {
    if (peer == node || process == Process::kRunning) {
      continue;
    }
    Of(node, peer).up = false;
    ++Of(node, peer).epoch;
    if (process == Process::kGone && !Of(node, peer).cut) {
      schedule_.After(Delay(), [this, node, peer, epoch = Of(peer, node).epoch] {
        if (Of(peer, node).epoch == epoch) {
          End(peer, node);
        }
      });
    }
  }
}

void LinkNet::Cut(std::size_t from, std::size_t to) {
  Of(from, to).cut = true;
}

void LinkNet::Heal(std::size_t from, std::size_t to) {
  Link& link = Of(from, to);
  link.cut = false;
  if (std::exchange(link.lossy, false)) {
    Reset(from, to);
  }
}

// Tries for ever; what it finds depends on what is there then.
void LinkNet::Connect(std::size_t a, std::size_t b) {
  schedule_.After(prng_.InRange(kRetryLeastUs, kRetryMostUs), [this, a, b] {
    const bool cut = Of(a, b).cut || Of(b, a).cut;
    const bool whole = Of(a, b).up && Of(b, a).up;
    const bool a_runs = processes_[a] == Process::kRunning;
    const bool b_runs = processes_[b] == Process::kRunning;
    if (!cut && !whole && a_runs && b_runs) {
      ++Of(a, b).epoch;
      ++Of(b, a).epoch;
      Of(a, b).lossy = Of(b, a).lossy = false;
      for (const auto& [node, peer] : {std::pair(a, b), std::pair(b, a)}) {
        End(node, peer);
        Of(node, peer).up = true;
        deliver_(node, peer, NetUp{});
      }
    } else if (!cut && a_runs && processes_[b] == Process::kGone) {
      End(a, b);
      deliver_(a, b, NetRefused{});
    } else if (!cut && b_runs && processes_[a] == Process::kGone) {
      End(b, a);
      deliver_(b, a, NetRefused{});
    }
    Connect(a, b);
  });
}

}  // namespace nunc
