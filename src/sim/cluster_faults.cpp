// What happens to a simulated cluster, and what must hold when it is over (sim/cluster_world.h).
#include <algorithm>
#include <string>
#include <utility>

#include "sim/cluster_world.h"

namespace nunc {

namespace {

constexpr std::int64_t kPrimaryWithinUs = 3'000'000;
constexpr std::int64_t kHighestWithinUs = 200'000'000;  // takeovers that failed make it wait

}  // namespace

void ClusterWorld::Count(std::string_view kind) {
  ++report_.faults[std::string(kind)];
  Tell(std::string(kind));
}

void ClusterWorld::Crash(std::size_t node) {
  const Place& place = places_[node];
  if (place.life == Life::kDown) {
    Count("start");
    StartNode(node);
  } else if (place.life != Life::kOut) {
    const bool power_cut = prng_.Chance(1, 2);
    Count(power_cut ? "power cut" : "kill");
    StopNode(node, power_cut);
    if (prng_.Chance(1, 2)) {
      // At once, as a supervisor does.
      schedule_.After(prng_.InRange(1'000, 400'000), [this, node] {
        if (places_[node].life == Life::kDown) {
          StartNode(node);
        }
      });
    }
  }
}

void ClusterWorld::Pause(std::size_t node) {
  Place& place = places_[node];
  if (place.life != Life::kRuns) {
    return;
  }
  Count("pause");
  place.life = Life::kPaused;
  schedule_.After(prng_.InRange(10'000, 3'000'000), [this, node, life = place.life_count] {
    if (places_[node].life_count != life || places_[node].life != Life::kPaused) {
      return;
    }
    places_[node].life = Life::kRuns;
    for (auto& event : std::exchange(places_[node].waiting, {})) {
      Happen(node, std::move(event));
    }
  });
}

void ClusterWorld::Part() {
  const std::uint64_t group = prng_.Next();
  const bool one_way = prng_.Chance(1, 3);
  Count(one_way ? "one-way cut" : "partition");
  for (std::size_t a = 0; a < nodes_.size(); ++a) {
    for (std::size_t b = 0; b < nodes_.size(); ++b) {
      const bool from_inside = ((group >> a) & 1) != 0;
      const bool to_inside = ((group >> b) & 1) != 0;
      if (from_inside != to_inside && (from_inside || !one_way)) {
        net_.Cut(a, b);
      }
    }
  }
}

// All are voters and have all that is final: another one may go, or its disk.
bool ClusterWorld::IsWhole() const {
  const std::optional<std::size_t> primary = Primary();
  return primary && std::ranges::all_of(nodes_, [&](const ClusterNode& node) {
           const Place& place = places_[node.name().id.value - 1];
           return place.life == Life::kOut ||
                  (!place.leaves && nodes_[*primary].member().members().IsVoter(node.name()) &&
                   (node.is_arbiter_node() || node.log().durable() >= oracle_.promised()));
         });
}

void ClusterWorld::Rejoin(std::size_t node) {
  nodes_[node].Replace({next_incarnation_++});
  places_[node].joins = true;
  places_[node].leaves = false;
  StartNode(node);
}

// There is an arbiter node, or would be, and with the change too few or too many others.
bool ClusterWorld::IsComplete(std::size_t node) const {
  const std::optional<std::size_t> primary = Primary();
  const std::optional<Refusal> refused =
      places_[node].life == Life::kRuns ? nodes_[node].member().refused() : std::nullopt;
  if (!primary || !refused || *refused < Refusal::kArbiterNeedsTwo) {
    return false;
  }
  const bool is_member =
      nodes_[*primary].member().members().Find(nodes_[node].name().id) != nullptr;
  return is_member == places_[node].leaves;
}

void ClusterWorld::PutOutWhoLeft() {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    Place& place = places_[node];
    if (place.leaves && IsComplete(node)) {
      Count("may not leave");
      place.leaves = false;
    } else if (place.joins && IsComplete(node)) {
      Count("may not join");
      StopNode(node, false);
      place.life = Life::kOut;
    } else if (place.leaves && place.life == Life::kRuns && nodes_[node].member().left()) {
      Count("left");
      StopNode(node, false);
      place.life = Life::kOut;
      place.leaves = false;
    }
  }
}

void ClusterWorld::ChangeMembers(std::size_t node) {
  Place& place = places_[node];
  const std::optional<std::size_t> primary = Primary();
  if (place.life == Life::kOut) {
    Count("join");
    Rejoin(node);
  } else if (!IsWhole()) {
    return;
  } else if (place.life == Life::kRuns && prng_.Chance(1, 2)) {
    Count("leave");
    place.leaves = true;
    place.joins = false;
    StepNode(node, LeaveAsked{});
  } else if (place.life != Life::kPaused && *primary != node &&
             nodes_[*primary].member().members().list.size() > 2) {
    // Of two, the other alone is no majority that could let it in again.
    Count("empty disk");
    if (place.life == Life::kRuns) {
      StopNode(node, true);
    }
    Rejoin(node);
  }
}

void ClusterWorld::Fault() {
  PutOutWhoLeft();
  const std::size_t node = prng_.Below(nodes_.size());
  const std::size_t other = (node + 1 + prng_.Below(nodes_.size() - 1)) % nodes_.size();
  switch (prng_.Below(14)) {
    case 0:
    case 1:
    case 2:
      return Crash(node);
    case 3:
      return Pause(node);
    case 4:
    case 5:
      return Part();
    case 6:
    case 7:
    case 8:
      Count("heal");
      for (std::size_t a = 0; a < nodes_.size(); ++a) {
        for (std::size_t b = 0; b < nodes_.size(); ++b) {
          net_.Heal(a, b);
        }
      }
      return;
    case 9:
      Count("reset");
      return net_.Reset(node, other);
    case 10:
      Count("half-open");
      return net_.HalfOpen(node, other);
    case 11:
      Count("slow");
      places_[node].slow = prng_.Chance(1, 2) ? 1 : prng_.InRange(2, 100);
      SetRate(node, prng_.InRange(700, 1'300));
      return net_.SetDelay(200, prng_.InRange(300, 40'000));
    case 12:
      if (prng_.Chance(1, 2) && places_[node].life == Life::kRuns) {
        Count("hand over");
        return StepNode(node, HandOverAsked{});
      }
      isolate_ = true;
      return;
    default:
      return ChangeMembers(node);
  }
}

std::optional<std::size_t> ClusterWorld::Primary() const {
  std::optional<std::size_t> newest;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (places_[node].life == Life::kRuns && nodes_[node].member().role() == RoleName::kPrimary &&
        (!newest || nodes_[*newest].member().term() < nodes_[node].member().term())) {
      newest = node;
    }
  }
  return newest;
}

void ClusterWorld::Heal() {
  Count("all healed");
  isolate_ = false;
  net_.SetDelay(200, 2'000);
  for (std::size_t a = 0; a < nodes_.size(); ++a) {
    SetRate(a, 1'000);
    places_[a].slow = 1;
    for (std::size_t b = 0; b < nodes_.size(); ++b) {
      net_.Heal(a, b);
    }
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (places_[node].life == Life::kDown) {
      StartNode(node);
    } else if (places_[node].life == Life::kPaused) {
      places_[node].life = Life::kRuns;
      for (auto& event : std::exchange(places_[node].waiting, {})) {
        Happen(node, std::move(event));
      }
    }
  }
}

// The primary is a voter whom no other voter precedes; nobody is about to leave.
bool ClusterWorld::HasTheHighest() const {
  const std::optional<std::size_t> primary = Primary();
  if (!primary) {
    return false;
  }
  const Members& members = nodes_[*primary].member().members();
  const MemberInfo* self = members.Find(nodes_[*primary].name());
  return self != nullptr && members.Rank(*self, {}) == 0;
}

// A member that does not take so many records for final.
std::optional<NodeId> ClusterWorld::WhoLacks(std::uint64_t records) const {
  const std::optional<std::size_t> primary = Primary();
  if (!primary) {
    return std::nullopt;
  }
  for (const MemberInfo& member : nodes_[*primary].member().members().list) {
    const ClusterNode& node = nodes_[member.name.id.value - 1];
    if (!member.arbiter_node && node.runs() && node.name() == member.name &&
        node.member().commit().value < records) {
      return member.name.id;
    }
  }
  return std::nullopt;
}

void ClusterWorld::CheckHealed() {
  const std::int64_t healed_us = schedule_.now_us();
  while (!oracle_.broken() && !Primary() && schedule_.now_us() < healed_us + kPrimaryWithinUs) {
    RunUntil(schedule_.now_us() + 10'000);
  }
  if (!oracle_.broken() && !Primary()) {
    report_.violation = "no primary 3 s after all was healed";
    return;
  }
  while (!oracle_.broken() && !HasTheHighest() &&
         schedule_.now_us() < healed_us + kHighestWithinUs) {
    RunUntil(schedule_.now_us() + 100'000);
  }
  if (!oracle_.broken() && !HasTheHighest()) {
    report_.violation = "the highest priority does not become primary";
    return;
  }
  // All members get all of it, those too that are just being let in.
  const std::uint64_t before = oracle_.committed().size();
  RunUntil(schedule_.now_us() + 2'000'000);
  if (!oracle_.broken() && oracle_.committed().size() == before) {
    report_.violation = "nothing becomes final after all was healed";
  }
  while (!oracle_.broken() && WhoLacks(before) &&
         schedule_.now_us() < healed_us + kHighestWithinUs) {
    RunUntil(schedule_.now_us() + 100'000);
  }
  if (const std::optional<NodeId> lacks = WhoLacks(before); lacks && !oracle_.broken()) {
    report_.violation = "node " + std::to_string(lacks->value) + " does not get what is final";
  }
  oracle_.CheckAcknowledged();
}

}  // namespace nunc
