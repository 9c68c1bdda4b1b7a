// The cluster as this node knows it, for an admin who asks.
#include "node/cluster_driver.h"

namespace nunc {
namespace {

std::string_view WordOf(RoleName role) {
  switch (role) {
    case RoleName::kLearner:
      return "learner";
    case RoleName::kSecondary:
      return "secondary";
    case RoleName::kCandidate:
      return "candidate";
    case RoleName::kArbiterNode:
      return kArbiterNodeStanding;
    case RoleName::kPrimary:
      break;
  }
  return "primary";
}

std::string_view StandingOf(const MemberInfo& info) {
  switch (info.standing) {
    case Standing::kLearner:
      return "learner";
    case Standing::kJoining:
      return "joining";
    case Standing::kVoter:
      break;
  }
  return info.arbiter_node ? kArbiterNodeStanding : "voter";
}

}  // namespace

ClusterShown ClusterDriver::Show() const {
  ClusterShown shown{.id = member_->name().id.value,
                     .role = WordOf(member_->role()),
                     .term = member_->term().value,
                     .primary = member_->primary().value_or(NodeId{}).value,
                     .age_us = age_us(),
                     .commit = member_->commit(),
                     .head = world_.node.end().revision};
  const auto shown_sync = [](const std::optional<FullSyncProgress>& sync) {
    return sync ? std::optional(ClusterShown::Sync{.bytes = sync->bytes, .about = sync->about})
                : std::nullopt;
  };
  shown.sync = shown_sync(receiver_.progress());
  if (const std::optional<Refusal> refused = member_->refused()) {
    shown.refused = TextOf(*refused);
  }
  const auto* progress = member_->progress();
  for (const MemberInfo& info : member_->members().list) {
    const MemberAddress address = ParseMemberAddress(info.address);
    const bool self = info.name == member_->name();
    ClusterShown::Member& member =
        shown.members.emplace_back(ClusterShown::Member{.id = info.name.id.value,
                                                        .priority = info.priority.value,
                                                        .standing = StandingOf(info),
                                                        .arbiter_node = info.arbiter_node,
                                                        .peer = std::string(address.peer),
                                                        .client = std::string(address.client),
                                                        .linked = self || IsLinked(info.name.id)});
    if (progress != nullptr && self) {
      member.progress = {.received = shown.head, .durable = member_->durable()};
    } else if (progress != nullptr) {
      if (const auto found = progress->find(info.name); found != progress->end()) {
        member.progress = {.received = found->second.received, .durable = found->second.durable};
      }
      member.sync = shown_sync(sender_.ProgressOf(info.name.id));
    }
  }
  return shown;
}

}  // namespace nunc
