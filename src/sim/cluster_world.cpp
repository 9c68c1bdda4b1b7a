#include "sim/cluster_world.h"

#include <algorithm>
#include <utility>

namespace nunc {

namespace {

constexpr ClusterId kCluster{0x1111, 0x2222};
constexpr std::int64_t kRateOne = 1'000;

NodeName NameOf(std::size_t node) {
  return {.id = {node + 1}, .incarnation = {node + 101}};
}

Members Founders(std::size_t count, bool arbiter_node) {
  Members members;
  for (std::size_t i = 0; i < count; ++i) {
    members.list.push_back({.name = NameOf(i),
                            .priority = {static_cast<std::uint32_t>(i + 1)},
                            .standing = Standing::kVoter,
                            .address = {}});
  }
  if (arbiter_node) {
    members.list.back().arbiter_node = true;
    members.list.back().priority = {0};
  }
  return members;
}

std::vector<ClusterNode> MakeNodes(std::size_t count, bool arbiter_node) {
  const Members founders = Founders(count, arbiter_node);
  std::vector<ClusterNode> nodes;
  for (std::size_t i = 0; i <= count; ++i) {
    nodes.emplace_back(NameOf(i), i < count ? kCluster : ClusterId{},
                       i < count ? &founders : nullptr);
  }
  return nodes;
}

}  // namespace

ClusterReport SimulateCluster(const ClusterOptions& options) {
  return ClusterWorld(options).Run();
}

ClusterWorld::ClusterWorld(const ClusterOptions& options)
    : options_(options),
      prng_(options.seed),
      nodes_(MakeNodes(options.nodes, options.arbiter_node)),
      places_(nodes_.size()),
      oracle_(nodes_),
      net_(schedule_, prng_, nodes_.size(),
           [this](std::size_t node, std::size_t peer, NetEvent event) {
             Deliver(node, peer, std::move(event));
           }) {
  fault_gap_us_ = 50'000 + prng_.Below(1'500'000);
  write_gap_us_ = 2'000 + prng_.Below(60'000);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].SetFrameBytes(64 + prng_.Below(2'000));
    nodes_[i].SetHooks({
        .send =
            [this, i](NodeId to, const Frame& /*frame*/, std::string bytes) {
              Hash(bytes.size());
              net_.Send(i, to.value - 1, std::move(bytes));
            },
        .close =
            [this, i](NodeId peer, const std::string& why) {
              Tell("node " + std::to_string(i + 1) + " closes its link with " +
                   std::to_string(peer.value) + ": " + why);
              net_.Close(i, peer.value - 1);
            },
        .action =
            [this, i](const MemberAction& action) {
              Hash(action.index());
              oracle_.Hear(nodes_[i], ClockOf(i), action);
              if (std::holds_alternative<StoreMeta>(action)) {
                Store(i);
              }
            },
    });
  }
}

void ClusterWorld::Tell(const std::string& what) const {
  if (options_.tell) {
    options_.tell(std::to_string(schedule_.now_us()) + " us: " + what);
  }
}

void ClusterWorld::Hash(std::uint64_t number) {
  report_.trace_hash = (report_.trace_hash ^ number) * 0x100000001B3U;
}

std::int64_t ClusterWorld::ClockOf(std::size_t node) const {
  const Place& place = places_[node];
  return place.began_us + schedule_.now_us() * place.rate / kRateOne;
}

// The clock goes on from where it is.
void ClusterWorld::SetRate(std::size_t node, std::int64_t rate) {
  Place& place = places_[node];
  place.began_us +=
      schedule_.now_us() * place.rate / kRateOne - schedule_.now_us() * rate / kRateOne;
  place.rate = rate;
}

// An event at a node: now, or when its pause is over; never when it ended meanwhile.
void ClusterWorld::Happen(std::size_t node, std::function<void()> event) {
  Place& place = places_[node];
  if (place.life == Life::kPaused) {
    place.waiting.push_back(std::move(event));
  } else if (place.life == Life::kRuns) {
    event();
  }
}

void ClusterWorld::StepNode(std::size_t node, const MemberInput& input) {
  nodes_[node].Step(ClockOf(node), input);
  AfterStep(node);
}

void ClusterWorld::AfterStep(std::size_t node) {
  ++report_.events;
  Place& place = places_[node];
  const Member& member = nodes_[node].member();
  Hash(node);
  Hash(static_cast<std::uint64_t>(schedule_.now_us()));
  oracle_.Look(nodes_[node], ClockOf(node));
  Answer(node);
  Sync(node);
  if (place.timer) {
    schedule_.Cancel(*place.timer);
  }
  const std::int64_t until_us =
      std::min<std::int64_t>(member.deadline_us() - ClockOf(node), 10'000'000);
  const std::int64_t delay_us = until_us <= 0 ? 1 : until_us * kRateOne / place.rate + 1;
  place.timer = schedule_.After(delay_us, [this, node, life = place.life_count] {
    places_[node].timer.reset();
    if (places_[node].life_count == life) {
      Happen(node, [this, node] { StepNode(node, TimePassed{}); });
    }
  });
}

void ClusterWorld::Deliver(std::size_t node, std::size_t peer, NetEvent event) {
  Happen(node, [this, node, peer, what = std::move(event)] {
    const NodeId from{peer + 1};
    if (std::holds_alternative<NetUp>(what)) {
      nodes_[node].SayHello(from);
    } else if (std::holds_alternative<NetDown>(what)) {
      StepNode(node, LinkDown{.peer = from});
    } else if (std::holds_alternative<NetRefused>(what)) {
      StepNode(node, LinkRefused{.peer = from});
    } else {
      const std::string& bytes = std::get<NetData>(what).bytes;
      if (const auto decoded = DecodeFrame(bytes); decoded && decoded->has_value()) {
        oracle_.Arrived(nodes_[node], from, (*decoded)->frame);
      }
      if (nodes_[node].Receive(ClockOf(node), from, bytes)) {
        AfterStep(node);
      } else {
        net_.Close(node, peer);
      }
    }
  });
}

std::int64_t ClusterWorld::DiskUs(std::size_t node) {
  return prng_.InRange(100, 3'000) * places_[node].slow;
}

void ClusterWorld::Sync(std::size_t node) {
  if (!nodes_[node].log().dirty() || nodes_[node].log().syncs()) {
    return;
  }
  nodes_[node].BeginSync();
  schedule_.After(DiskUs(node), [this, node, life = places_[node].life_count] {
    if (places_[node].life_count == life) {
      Happen(node, [this, node] {
        nodes_[node].EndSync(ClockOf(node));
        AfterStep(node);
      });
    }
  });
}

void ClusterWorld::Store(std::size_t node) {
  schedule_.After(DiskUs(node), [this, node, life = places_[node].life_count] {
    if (places_[node].life_count == life) {
      Happen(node, [this, node] {
        nodes_[node].EndStore(ClockOf(node));
        AfterStep(node);
      });
    }
  });
}

void ClusterWorld::StartNode(std::size_t node) {
  Place& place = places_[node];
  place.life = Life::kRuns;
  ++place.life_count;
  nodes_[node].Start(ClockOf(node), prng_.Next());
  oracle_.Restarted(nodes_[node]);
  net_.SetProcess(node, Process::kRunning);
  if (place.joins) {
    nodes_[node].Step(ClockOf(node), JoinAsked{.priority = {static_cast<std::uint32_t>(node + 1)},
                                               .voter = true,
                                               .address = {}});
  }
  if (place.leaves) {
    nodes_[node].Step(ClockOf(node), LeaveAsked{});
  }
  AfterStep(node);
}

void ClusterWorld::StopNode(std::size_t node, bool power_cut) {
  Place& place = places_[node];
  place.life = Life::kDown;
  ++place.life_count;
  place.waiting.clear();
  net_.SetProcess(node, power_cut ? Process::kMachineGone : Process::kGone);
  // The operating system keeps what a process has written; a power cut leaves any part of it.
  const std::size_t unsynced =
      nodes_[node].log().records().size() - nodes_[node].log().durable().value;
  const std::size_t stores = nodes_[node].stores();
  nodes_[node].Crash(power_cut ? prng_.Below(unsynced + 1) : unsynced,
                     power_cut && prng_.Chance(1, 2), power_cut ? prng_.Below(stores + 1) : stores);
  std::erase_if(asked_, [&](const auto& entry) { return entry.first.first == node; });
}

void ClusterWorld::Propose() {
  schedule_.After(static_cast<std::int64_t>(1 + prng_.Below(2 * write_gap_us_)), [this] {
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      if (places_[node].life != Life::kRuns) {
        continue;
      }
      // The turn begins with the time: the lease may be over.
      StepNode(node, TimePassed{});
      if (!nodes_[node].member().accepting()) {
        continue;
      }
      if (std::exchange(isolate_, false)) {
        Count("isolated at a write");
        for (std::size_t other = 0; other < nodes_.size(); ++other) {
          net_.Cut(node, other);
          net_.Cut(other, node);
        }
      }
      for (std::uint64_t i = 1 + prng_.Below(3); i > 0; --i) {
        const std::uint64_t id = next_id_++;
        const Revision revision{nodes_[node].log().records().size() + 1};
        asked_[{node, revision}] = {nodes_[node].member().term(), id};
        nodes_[node].Propose(ClockOf(node), id);
        AfterStep(node);
        if (!nodes_[node].member().accepting()) {
          break;
        }
      }
    }
    Propose();
  });
}

// Those that the primary of their term has seen become final, or guarded.
void ClusterWorld::Answer(std::size_t node) {
  const Member& member = nodes_[node].member();
  const Revision sure = std::max(member.commit(), member.guarded());
  auto at = asked_.lower_bound({node, Revision{}});
  while (at != asked_.end() && at->first.first == node && at->first.second <= sure) {
    const Revision revision = at->first.second;
    if (nodes_[node].log().records()[revision.value - 1].id == at->second.second) {
      oracle_.Acknowledge(revision, at->second.second);
    }
    at = asked_.erase(at);
  }
}

void ClusterWorld::RunUntil(std::int64_t time_us) {
  while (!oracle_.broken() && schedule_.NextUs() && *schedule_.NextUs() <= time_us) {
    schedule_.RunOne();
  }
  if (!oracle_.broken()) {
    schedule_.RunUntil(time_us);
  }
}

ClusterReport ClusterWorld::Run() {
  for (std::size_t node = 0; node < options_.nodes; ++node) {
    SetRate(node, prng_.InRange(700, 1'300));
    StartNode(node);
  }
  Propose();
  while (!oracle_.broken() && schedule_.now_us() < options_.duration_us) {
    RunUntil(schedule_.now_us() + static_cast<std::int64_t>(1 + prng_.Below(2 * fault_gap_us_)));
    Fault();
  }
  if (!oracle_.broken()) {
    Heal();
    CheckHealed();
  }
  report_.simulated_us = schedule_.now_us();
  report_.records = oracle_.committed().size();
  report_.acknowledged = oracle_.acknowledged();
  report_.elections = oracle_.elections();
  if (oracle_.broken()) {
    report_.violation = *oracle_.broken() + ", at event " + std::to_string(report_.events) + ", " +
                        std::to_string(schedule_.now_us()) + " us";
  }
  return report_;
}

}  // namespace nunc
