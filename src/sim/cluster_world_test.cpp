#include "sim/cluster_world.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

TEST(ClusterWorld, TheSameSeedGivesTheSameTrace) {
  const ClusterOptions options{.seed = 3, .nodes = 3, .duration_us = 2'000'000};
  const ClusterReport first = SimulateCluster(options);
  const ClusterReport second = SimulateCluster(options);
  EXPECT_EQ(first.violation, std::nullopt);
  EXPECT_EQ(first.trace_hash, second.trace_hash);
  EXPECT_NE(first.trace_hash,
            SimulateCluster({.seed = 4, .nodes = 3, .duration_us = 2'000'000}).trace_hash);
}

TEST(ClusterWorld, EveryKindOfFaultHappensInAHundredSeeds) {
  std::map<std::string, std::uint64_t, std::less<>> faults;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const ClusterReport report =
        SimulateCluster({.seed = seed, .nodes = 3, .duration_us = 5'000'000});
    EXPECT_EQ(report.violation, std::nullopt) << "seed " << seed;
    EXPECT_GT(report.acknowledged, 0U);
    for (const auto& [kind, count] : report.faults) {
      faults[kind] += count;
    }
  }
  for (const char* kind : {"kill", "power cut", "start", "pause", "partition", "one-way cut",
                           "heal", "reset", "half-open", "slow", "hand over", "isolated at a write",
                           "join", "leave", "left", "empty disk"}) {
    EXPECT_GT(faults[kind], 0U) << kind;
  }
}

TEST(ClusterWorld, TwoNodesAndAnArbiterNodeKeepWhatTheyPromise) {
  std::map<std::string, std::uint64_t, std::less<>> faults;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const ClusterReport report =
        SimulateCluster({.seed = seed, .duration_us = 5'000'000, .arbiter_node = true});
    EXPECT_EQ(report.violation, std::nullopt) << "seed " << seed;
    EXPECT_GT(report.acknowledged, 0U);
    for (const auto& [kind, count] : report.faults) {
      faults[kind] += count;
    }
  }
  for (const char* kind : {"kill", "power cut", "partition", "hand over", "join", "leave", "left",
                           "empty disk", "may not leave", "may not join"}) {
    EXPECT_GT(faults[kind], 0U) << kind;
  }
}

// Two nodes whose frames go straight across, or are counted.
struct Pair {
  static constexpr NodeId kFirst{1};
  static constexpr NodeId kSecond{2};

  Pair() {
    Members members;
    for (const NodeId id : {kFirst, kSecond}) {
      members.list.push_back({.name = {.id = id, .incarnation = {id.value}}, .priority = {1}});
    }
    for (const NodeId id : {kFirst, kSecond}) {
      nodes.emplace_back(NodeName{.id = id, .incarnation = {id.value}}, ClusterId{1, 1}, &members);
    }
    for (ClusterNode& node : nodes) {
      node.SetHooks({.send =
                         [this, &node](NodeId to, const Frame& frame, std::string bytes) {
                           if (const auto* sent = std::get_if<Replicate>(&frame.message);
                               sent != nullptr && sent->count > 0) {
                             sizes.push_back(sent->records.size());
                           }
                           mail.emplace_back(node.name().id, to, std::move(bytes));
                         },
                     .close = [](NodeId, const std::string&) {},
                     .action = [](const MemberAction&) {}});
      node.Start(0, node.name().id.value);
    }
    nodes[0].SayHello(kSecond);
    nodes[1].SayHello(kFirst);
    Settle();
    now_us = nodes[1].member().deadline_us();
    nodes[1].Step(now_us, TimePassed{});
    Settle();
  }

  void Settle() {
    for (bool moved = true; std::exchange(moved, false);) {
      for (ClusterNode& node : nodes) {
        while (node.stores() > 0) {
          node.EndStore(now_us);
          moved = true;
        }
        if (node.log().dirty()) {
          node.BeginSync();
          node.EndSync(now_us);
          moved = true;
        }
        if (node.member().deadline_us() <= now_us) {
          node.Step(now_us, TimePassed{});
          moved = true;
        }
      }
      for (const auto& [from, to, bytes] : std::exchange(mail, {})) {
        EXPECT_TRUE(nodes[to.value - 1].Receive(now_us, from, bytes));
        moved = true;
      }
    }
  }

  std::int64_t now_us = 0;
  std::vector<ClusterNode> nodes;
  std::vector<std::tuple<NodeId, NodeId, std::string>> mail;
  std::vector<std::size_t> sizes;  // of the records of each frame
};

TEST(ClusterNode, AFrameHasAsManyRecordsAsFit) {
  constexpr std::size_t kRecordBytes = 12;
  Pair pair;
  ASSERT_EQ(pair.nodes[1].member().role(), RoleName::kPrimary);
  pair.nodes[1].SetFrameBytes(kReplicateBytesMax + kRecordBytes);
  pair.sizes.clear();
  // The first goes alone; those behind it wait until the link has room for a frame.
  const std::size_t fit = kReplicateBytesMax / kRecordBytes;
  ClusterNode& primary = pair.nodes[1];
  primary.Step(pair.now_us, LinkDown{.peer = Pair::kFirst});
  for (std::size_t i = 0; i < fit + 1; ++i) {
    primary.Propose(pair.now_us, i + 1);
  }
  primary.Step(pair.now_us, LinkUp{.hello = pair.nodes[0].member().Greeting()});
  pair.Settle();
  pair.now_us += 100'000;
  pair.Settle();
  ASSERT_FALSE(pair.sizes.empty());
  EXPECT_EQ(*std::ranges::max_element(pair.sizes), fit * kRecordBytes);
  EXPECT_EQ(pair.nodes[0].log().records().size(), pair.nodes[1].log().records().size());
}

// Two processes with a link between them, and what happens to each: who, what came, which event.
class PeerNetTest : public testing::Test {
 protected:
  void SetUp() override {
    net_.SetProcess(0, Process::kRunning);
    net_.SetProcess(1, Process::kRunning);
    schedule_.RunUntil(50'000);
  }

  SimSchedule schedule_;
  Prng prng_{1};
  std::vector<std::string> heard_;
  LinkNet net_{schedule_, prng_, 2, [this](std::size_t node, std::size_t, const NetEvent& event) {
                 const auto* data = std::get_if<NetData>(&event);
                 heard_.push_back(std::to_string(node) + (data != nullptr ? data->bytes : "#") +
                                  std::to_string(event.index()));
               }};
};

TEST_F(PeerNetTest, WhatAnEndedLinkCarriedNeverArrives) {
  EXPECT_EQ(heard_, (std::vector<std::string>{"0#0", "1#0"}));
  heard_.clear();
  net_.Send(0, 1, "a");
  net_.Send(0, 1, "b");
  schedule_.RunUntil(55'000);
  EXPECT_EQ(heard_, (std::vector<std::string>{"1a3", "1b3"}));
  heard_.clear();
  net_.Send(0, 1, "lost");
  net_.Reset(0, 1);
  EXPECT_EQ(heard_, (std::vector<std::string>{"0#1", "1#1"}));
  heard_.clear();
  schedule_.RunUntil(150'000);
  EXPECT_EQ(heard_, (std::vector<std::string>{"0#0", "1#0"}));
}

TEST_F(PeerNetTest, ACutInOneDirectionLosesWhatIsSentAndEndsTheLinkWhenHealed) {
  heard_.clear();
  net_.Cut(0, 1);
  net_.Send(0, 1, "lost");
  net_.Send(1, 0, "back");
  schedule_.RunUntil(100'000);
  EXPECT_EQ(heard_, (std::vector<std::string>{"0back3"}));
  heard_.clear();
  net_.Heal(0, 1);
  EXPECT_EQ(heard_, (std::vector<std::string>{"0#1", "1#1"}));
}

TEST(LinkNet, AProcessThatIsGoneRefusesAndAMachineThatIsGoneSaysNothing) {
  for (const Process end : {Process::kGone, Process::kMachineGone}) {
    SimSchedule schedule;
    Prng prng(1);
    std::vector<std::size_t> heard;
    LinkNet net(schedule, prng, 2, [&](std::size_t node, std::size_t, const NetEvent& event) {
      EXPECT_EQ(node, 0U);
      heard.push_back(event.index());
    });
    net.SetProcess(0, Process::kRunning);
    net.SetProcess(1, end);
    schedule.RunUntil(50'000);
    const std::size_t refused = NetEvent(NetRefused{}).index();
    EXPECT_EQ(heard.empty(), end == Process::kMachineGone);
    for (const std::size_t kind : heard) {
      EXPECT_EQ(kind, refused);
    }
  }
}

}  // namespace
}  // namespace nunc
