// Who belongs to the cluster, and who takes the role over (docs/election.md; docs/cluster.md §6,
// §11).
#include <algorithm>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "cluster/member.h"

namespace nunc {

void Member::Take(const HandOverAsked& input) {
  stops_ = stops_ || input.stops;
  if (auto* primary = std::get_if<Primary>(&role_)) {
    primary->hand_over = true;
    primary->hand_over_to = input.to;
    primary->hand_over_until_us =
        stops_ ? std::numeric_limits<std::int64_t>::max() : now_us_ + kPromoteUs;
    primary->takeover_us = now_us_;
  }
}

void Member::Take(const JoinAsked& input) {
  join_ = input;
  left_ = false;
  asked_us_ = now_us_ - kAskAgainUs;
}

void Member::Take(const LeaveAsked& input) {
  const bool self = input.node == NodeId{} || input.node == name_.id;
  const MemberInfo* other = self ? nullptr : members().Find(input.node);
  const NodeName goes = other == nullptr ? name_ : other->name;
  if (const auto why = WhyNotWithArbiterNode(members(), WithoutMember(members(), goes))) {
    refused_ = why;
    return;
  }
  if (self) {
    leave_ = true;
    asked_us_ = now_us_ - kAskAgainUs;
  } else if (auto* primary = std::get_if<Primary>(&role_)) {
    primary->leaving.insert(input.node);
  }
}

void Member::UseConfig(ConfigAt config) {
  // Whoever has one has the one before it committed: none but the newest can be cut.
  if (configs_.size() > 1) {
    configs_.erase(configs_.begin());
  }
  configs_.push_back(std::move(config));
}

// Of those that are linked; else a change would be the last one.
bool Member::KeepsMajority(const Members& members) const {
  std::size_t voters = 0;
  std::size_t linked = 0;
  for (const MemberInfo& member : members.list) {
    if (member.standing == Standing::kVoter) {
      ++voters;
      linked += member.name == name_ || IsLinked(member.name) ? 1U : 0U;
    }
  }
  return linked > voters / 2;
}

bool Member::MayChangeMembers() const {
  const auto* primary = std::get_if<Primary>(&role_);
  // What no election can lose is enough: else nobody could come in place of the one that is gone.
  const Revision stays = std::max(commit_, guarded());
  return primary != nullptr && stays >= primary->start &&
         (configs_.back().revision <= stays || Planted(Bug::kClusterTwoChanges));
}

void Member::ChangeMembers(const Members& members, NodeId asked_by) {
  if (!CheckMembers(members)) {
    const auto why = WhyNotWithArbiterNode(this->members(), members);
    Send(asked_by, Refused{.reason = why.value_or(Refusal::kNoSuchChange)});
    return;
  }
  Write(EncodeMembers(members));
  UseConfig({.revision = terms_.last().revision, .members = members});
  SyncProgress();
}

void Member::Receive(NodeId peer, Term /*term*/, const Join& join) {
  if (const auto* secondary = std::get_if<Secondary>(&role_)) {
    if (secondary->primary && peer == join.name.id) {
      Send(*secondary->primary, join);
    }
    return;
  }
  const auto link = links_.find(join.name.id);
  if (link != links_.end() && link->second.hello.name != join.name) {
    Send(peer, Refused{.reason = Refusal::kTwoOfOneId});
    return;
  }
  // Who asked in vain asks again.
  const MemberInfo* there = members().Find(join.name);
  const bool is_in = there != nullptr && there->address == join.address;
  if (join.name.id == name_.id || is_in || !MayChangeMembers()) {
    return;
  }
  const MemberInfo* of_id = members().Find(join.name.id);
  if (of_id != nullptr && of_id->arbiter_node != join.arbiter_node) {
    Send(join.name.id, Refused{.reason = Refusal::kOtherKind});
    return;
  }
  MemberInfo member{.name = join.name,
                    .priority = join.arbiter_node ? Priority{} : join.priority,
                    .standing = join.voter ? Standing::kJoining : Standing::kLearner,
                    .arbiter_node = join.arbiter_node};
  if (there != nullptr) {
    member = *there;  // it has moved
  }
  member.address = join.address;
  ChangeMembers(WithMember(members(), std::move(member)), join.name.id);
}

void Member::Receive(NodeId peer, Term /*term*/, const Leave& leave) {
  if (const auto* secondary = std::get_if<Secondary>(&role_)) {
    if (secondary->primary && peer == leave.name.id) {
      Send(*secondary->primary, leave);
    }
    return;
  }
  if (!MayChangeMembers() || leave.name == name_) {
    return;
  }
  const Members left = WithoutMember(members(), leave.name);
  if (members().Find(leave.name) == nullptr) {
    Send(leave.name.id, Refused{.reason = Refusal::kNotAMember});
  } else if (!KeepsMajority(left)) {
    Send(leave.name.id, Refused{.reason = Refusal::kNoSuchChange});
  } else {
    ChangeMembers(left, leave.name.id);
  }
}

// Of an older term it may be of a primary that has not heard that this node was let in again.
void Member::Receive(NodeId /*peer*/, Term term, const Refused& refused) {
  if (refused.reason == Refusal::kNotAMember && (leave_ || term >= term_)) {
    leave_ = false;
    left_ = true;
  } else {
    refused_ = refused.reason;
    leave_ = false;  // nobody expects it later
  }
}

void Member::CheckWishes() {
  const MemberInfo* self = members().Find(name_);
  // What is not final may be cut from the log again.
  const bool is_final = !configs_.empty() && configs_.back().revision <= commit_;
  if (join_ && self != nullptr && self->address == join_->address && is_final) {
    join_.reset();
    refused_.reset();
  }
  if (leave_ && self == nullptr && is_final) {
    leave_ = false;
    left_ = true;
  }
  if (auto* primary = std::get_if<Primary>(&role_); primary != nullptr && leave_) {
    primary->hand_over = true;
    primary->hand_over_to = {};
    primary->hand_over_until_us = std::numeric_limits<std::int64_t>::max();
  }
  RemoveLeaving();
  if ((!join_ && !leave_) || now_us_ < asked_us_ + kAskAgainUs) {
    return;
  }
  asked_us_ = now_us_;
  if (join_ && self != nullptr && MayChangeMembers() && self->address != join_->address) {
    MemberInfo moved = *self;
    moved.address = join_->address;
    return ChangeMembers(WithMember(members(), std::move(moved)), name_.id);
  }
  // Whoever is not the primary passes it on.
  for (const auto& [peer, link] : links_) {
    if (join_) {
      Send(peer, Join{.name = name_,
                      .priority = join_->priority,
                      .voter = join_->voter,
                      .arbiter_node = arbiter_node_,
                      .address = join_->address});
    } else {
      Send(peer, Leave{.name = name_});
    }
  }
}

void Member::RemoveLeaving() {
  auto* primary = std::get_if<Primary>(&role_);
  if (primary == nullptr || primary->leaving.empty() || !MayChangeMembers()) {
    return;
  }
  const NodeId node = *primary->leaving.begin();
  primary->leaving.erase(node);
  if (const MemberInfo* member = members().Find(node)) {
    const Members left = WithoutMember(members(), member->name);
    if (KeepsMajority(left)) {
      ChangeMembers(left, node);
    }
  }
}

std::uint64_t Member::BehindBy(const PeerProgress& progress) const {
  return terms_.last().revision.value - progress.durable.value;
}

void Member::CheckLearners() {
  auto* primary = std::get_if<Primary>(&role_);
  if (primary == nullptr) {
    return;
  }
  for (const MemberInfo& member : members().list) {
    const auto found = primary->progress.find(member.name);
    if (member.standing != Standing::kJoining || found == primary->progress.end()) {
      continue;
    }
    PeerProgress& progress = found->second;
    const bool behind = !member.arbiter_node && BehindBy(progress) >= kCaughtUpRecords;
    if (!IsLinked(member.name) || progress.probing || behind) {
      progress.caught_up_us.reset();
    } else if (!progress.caught_up_us) {
      progress.caught_up_us = now_us_;
    } else if (now_us_ - *progress.caught_up_us >= kCaughtUpUs && MayChangeMembers()) {
      MemberInfo voter = member;
      voter.standing = Standing::kVoter;
      ChangeMembers(WithMember(members(), voter), voter.name.id);
      return;
    }
  }
}

std::optional<NodeId> Member::TakeOverTarget() const {
  const auto& primary = std::get<Primary>(role_);
  const MemberInfo* self = members().Find(name_);
  const MemberInfo* best = nullptr;
  for (const MemberInfo& member : members().list) {
    const auto progress = primary.progress.find(member.name);
    const bool wanted = primary.hand_over_to == NodeId{} || primary.hand_over_to == member.name.id;
    if (!wanted || progress == primary.progress.end() || !IsLinked(member.name) ||
        member.standing != Standing::kVoter || member.priority.value == 0 ||
        progress->second.probing || BehindBy(progress->second) > kCaughtUpRecords) {
      continue;
    }
    const bool higher = self == nullptr || Precedes(member, *self);
    const bool settled =
        links_.at(member.name.id).since_us + members().timing.takeover_after_us <= now_us_;
    if ((primary.hand_over || (higher && settled)) &&
        (best == nullptr || Precedes(member, *best))) {
      best = &member;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(best->name.id);
}

void Member::CheckTakeOver() {
  auto* primary = std::get_if<Primary>(&role_);
  if (primary == nullptr) {
    return;
  }
  if (primary->hand_over && now_us_ >= primary->hand_over_until_us) {
    primary->hand_over = false;
    primary->hand_over_to = {};
  }
  const bool wanted = primary->hand_over || members().timing.takeover;
  if (!primary->takeover && wanted && now_us_ >= primary->takeover_us &&
      commit_ >= primary->start) {
    if (const std::optional<NodeId> target = TakeOverTarget()) {
      primary->takeover = {.target = *target, .until_us = now_us_ + kTakeOverUs};
    }
  }
  if (!primary->takeover) {
    return;
  }
  const MemberInfo* target = members().Find(primary->takeover->target);
  const auto progress =
      target == nullptr ? primary->progress.end() : primary->progress.find(target->name);
  if (progress == primary->progress.end() || now_us_ >= primary->takeover->until_us) {
    primary->takeover.reset();
    primary->takeover_us = now_us_ + (primary->hand_over ? kTakeOverUs : primary->takeover_wait_us);
    primary->takeover_wait_us = std::min(2 * primary->takeover_wait_us, kTakeOverWaitUsMax);
    return;
  }
  const bool has_all = BehindBy(progress->second) == 0 || Planted(Bug::kClusterTakeOverEarly);
  if (has_all && !primary->takeover->sent) {
    Send(target->name.id, TakeOver{.last = terms_.last()});
    primary->takeover->sent = true;
  }
}

}  // namespace nunc
