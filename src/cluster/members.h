// Who belongs to the cluster, and the times that all of them go by: what a CONFIG record holds.
//
// Shape:   a value. It counts from the moment its record is in the log, committed or not.
// Units:   microseconds.
// Errors:  kInvalid names what is not allowed; DecodeMembers: kDamaged.
// Source:  docs/cluster.md §6, §11, §15; docs/cluster-protocol.md (members).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cluster/names.h"
#include "cluster/refusal.h"

namespace nunc {

struct Timing {
  std::int64_t ping_us = 100'000;
  std::int64_t lease_us = 800'000;
  std::int64_t election_timeout_us = 1'000'000;
  std::int64_t rank_delay_us = 120'000;
  std::int64_t takeover_after_us = 3'000'000;
  bool takeover = true;
  friend bool operator==(const Timing&, const Timing&) = default;
};
// Three pings fit into a lease, and a lease ends before anybody else asks for votes.
Result<void> CheckTiming(const Timing& timing);

enum class Standing : std::uint8_t {
  kLearner = 0,  // has the log, and no vote
  kJoining = 1,  // becomes a voter when it has caught up
  kVoter = 2,
};

struct MemberInfo {
  NodeName name{};
  Priority priority{};
  Standing standing = Standing::kVoter;
  bool arbiter_node = false;  // holds no log: beside two nodes that do, to have a majority
  std::string address{};
  friend bool operator==(const MemberInfo&, const MemberInfo&) = default;
};

struct Members {
  Timing timing{};
  std::vector<MemberInfo> list{};  // ids ascend

  // Null: there is none.
  [[nodiscard]] const MemberInfo* Find(NodeId id) const;
  [[nodiscard]] const MemberInfo* Find(const NodeName& name) const;
  [[nodiscard]] bool IsVoter(const NodeName& name) const;
  // So many voters decide.
  [[nodiscard]] std::size_t Majority() const;
  // Null: there is none.
  [[nodiscard]] const MemberInfo* ArbiterNode() const;
  // Of them so many hold a log.
  [[nodiscard]] std::size_t VotersWithLog() const;
  // How many voters come before it when all ask at once; `without` is not counted.
  [[nodiscard]] std::int64_t Rank(const MemberInfo& member, NodeId without) const;

  friend bool operator==(const Members&, const Members&) = default;
};

// Whether `first` is asked before `second`.
bool Precedes(const MemberInfo& first, const MemberInfo& second);

Result<void> CheckMembers(const Members& members);
// Whether that is so for the sake of an arbiter node: the one that is there, or would be.
std::optional<Refusal> WhyNotWithArbiterNode(const Members& before, const Members& wanted);
std::string EncodeMembers(const Members& members);
Result<Members> DecodeMembers(std::string_view bytes);

// Each is one change: it moves at most one voter. An older incarnation of the same id goes.
Members WithMember(const Members& members, MemberInfo member);
Members WithoutMember(const Members& members, const NodeName& name);

}  // namespace nunc
