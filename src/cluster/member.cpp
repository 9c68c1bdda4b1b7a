#include "cluster/member.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/planted.h"

namespace nunc {

Member::Member(MemberStart start, std::int64_t now_us)
    : name_(start.name),
      cluster_(start.cluster),
      prng_(start.seed),
      now_us_(now_us),
      term_(start.term),
      voted_for_(start.voted_for),
      arbiter_node_(start.arbiter_node),
      floor_(start.floor),
      terms_(std::move(start.terms)),
      durable_(terms_.last().revision),
      applied_(durable_),
      commit_(std::min(start.commit, durable_)),
      configs_(std::move(start.configs)) {
  if (Planted(Bug::kClusterVoteForgotten)) {
    voted_for_ = {};
  }
  SetElectionTimer();
  deadline_us_ = NextDeadline();
}

Hello Member::Greeting() const {
  const MemberInfo* self = members().Find(name_);
  return {.cluster = cluster_,
          .name = name_,
          .last = terms_.last(),
          .priority = self != nullptr ? self->priority : Priority{}};
}

std::optional<Refusal> Member::Admit(const Hello& hello) const {
  const bool joins = hello.cluster == ClusterId{} || cluster_ == ClusterId{};
  if (hello.cluster != cluster_ && !joins) {
    return Refusal::kOtherCluster;
  }
  if (hello.name.id == name_.id) {
    return Refusal::kOwnId;
  }
  const auto link = links_.find(hello.name.id);
  if (link != links_.end() && link->second.hello.name != hello.name) {
    return Refusal::kTwoOfOneId;
  }
  if (link == links_.end() && links_.size() >= kPeerLinksMax) {
    return Refusal::kTooManyLinks;
  }
  return std::nullopt;
}

void Member::Step(std::int64_t now_us, const MemberInput& input, Actions& actions) {
  CHECK(now_us >= now_us_);
  now_us_ = now_us;
  actions_ = &actions;
  // Before anything else, also after a pause. But records that the driver has written are counted
  // while it is what it was when they were.
  if (!std::holds_alternative<RecordsProposed>(input)) {
    CheckLease();
  }
  std::visit([this](const auto& one) { this->Take(one); }, input);
  CheckElection();
  CheckWishes();
  CheckLearners();
  CheckTakeOver();
  Replicated();
  deadline_us_ = NextDeadline();
  actions_ = nullptr;
}

const std::map<NodeName, PeerProgress>* Member::progress() const {
  const auto* primary = std::get_if<Primary>(&role_);
  return primary == nullptr ? nullptr : &primary->progress;
}

RoleName Member::role() const {
  if (arbiter_node_) {
    return RoleName::kArbiterNode;
  }
  if (std::holds_alternative<Primary>(role_)) {
    return RoleName::kPrimary;
  }
  if (std::holds_alternative<Candidate>(role_)) {
    return RoleName::kCandidate;
  }
  return members().IsVoter(name_) ? RoleName::kSecondary : RoleName::kLearner;
}

std::optional<NodeId> Member::primary() const {
  if (std::holds_alternative<Primary>(role_)) {
    return name_.id;
  }
  const auto* secondary = std::get_if<Secondary>(&role_);
  return secondary != nullptr ? secondary->primary : std::nullopt;
}

bool Member::accepting() const {
  const auto* primary = std::get_if<Primary>(&role_);
  return primary != nullptr && !primary->takeover;
}

const Members& Member::members() const {
  static const Members none;
  return configs_.empty() ? none : configs_.back().members;
}

void Member::Take(const LinkUp& input) {
  const NodeId peer = input.hello.name.id;
  links_[peer] = {.hello = input.hello, .since_us = now_us_};
  if (cluster_ == ClusterId{} && input.hello.cluster != ClusterId{}) {
    cluster_ = input.hello.cluster;
    Store();
  }
  if (auto* secondary = std::get_if<Secondary>(&role_);
      secondary != nullptr && secondary->primary == peer) {
    secondary->gone = false;
  }
  if (auto* primary = std::get_if<Primary>(&role_)) {
    const auto progress = primary->progress.find(input.hello.name);
    if (progress != primary->progress.end()) {
      // What it has said to be durable it still has; what else was on the way may be lost.
      PeerProgress& known = progress->second;
      known = {.next = {terms_.last().revision.value + 1},
               .received = known.durable,
               .durable = known.durable,
               .arbiter_node = known.arbiter_node,
               .reset_us = now_us_,
               .answered_us = known.answered_us};
    }
  }
}

void Member::Take(const LinkDown& input) {
  links_.erase(input.peer);
}

void Member::Take(const LinkRefused& input) {
  auto* secondary = std::get_if<Secondary>(&role_);
  if (secondary != nullptr && secondary->primary == input.peer && !secondary->gone &&
      !links_.contains(input.peer)) {
    secondary->gone = true;
    HastenElection(input.peer);
  }
}

void Member::Take(const FrameReceived& input) {
  if (!links_.contains(input.peer)) {
    return;
  }
  const Frame& frame = *input.frame;
  rewind_floor_ = input.rewind_floor;
  const bool asks = std::holds_alternative<Join>(frame.message) ||
                    std::holds_alternative<Leave>(frame.message) ||
                    std::holds_alternative<Refused>(frame.message);
  // Elections are judged before their term counts, or every node that was away would disturb.
  if (const auto* election = std::get_if<Election>(&frame.message)) {
    Receive(input.peer, frame.term, *election);
    return;
  }
  // So are the wishes of nodes that are in no term yet.
  if (!asks) {
    if (frame.term > term_) {
      BeginTerm(frame.term, {});
      StepDown();
    } else if (frame.term < term_ && !std::holds_alternative<Alive>(frame.message)) {
      if (!std::holds_alternative<Ack>(frame.message)) {
        Send(input.peer, Ack{});
      }
      return;
    }
  }
  std::visit([&](const auto& message) { Receive(input.peer, frame.term, message); }, frame.message);
}

void Member::Take(const MetaStored& input) {
  metas_stored_ = std::max(metas_stored_, std::min(input.counter, metas_asked_));
  if (metas_stored_ < metas_asked_) {
    return;
  }
  for (SendFrame& frame : std::exchange(held_, {})) {
    actions_->emplace_back(std::move(frame));
  }
  if (std::holds_alternative<Candidate>(role_)) {
    CountGrants();
  }
}

void Member::Take(const LogDurable& input) {
  // A sync of records that were cut meanwhile says nothing about those that came instead.
  if (input.upto.revision <= durable_ || !terms_.Has(input.upto)) {
    return;
  }
  durable_ = input.upto.revision;
  const auto* secondary = std::get_if<Secondary>(&role_);
  if (secondary != nullptr && secondary->primary && links_.contains(*secondary->primary)) {
    Acknowledge(*secondary->primary, nullptr);
  }
  CountCommit();
}

void Member::Take(const RecordsApplied& input) {
  applied_ = input.upto;
}

void Member::Take(const RecordsProposed& input) {
  CHECK(std::holds_alternative<Primary>(role_) && input.count > 0);
  terms_.Append({.term = term_, .revision = {terms_.last().revision.value + input.count}});
}

void Member::Take(const ConfigAppended& input) {
  auto members = DecodeMembers(input.members);
  if (!members) {
    actions_->emplace_back(StopNode{.why = members.error().detail});
    return;
  }
  UseConfig({.revision = input.revision, .members = std::move(*members)});
}

void Member::Store() {
  ++metas_asked_;
  actions_->emplace_back(StoreMeta{.counter = metas_asked_,
                                   .cluster = cluster_,
                                   .term = term_,
                                   .voted_for = voted_for_,
                                   .floor = floor_});
}

void Member::Send(NodeId peer, Message message) {
  if (!links_.contains(peer)) {
    return;
  }
  SendFrame frame{.peer = peer, .frame = {.term = term_, .message = std::move(message)}};
  if (metas_stored_ == metas_asked_ || Planted(Bug::kClusterVoteNotStored)) {
    actions_->emplace_back(std::move(frame));
  } else if (held_.size() < kHeldFramesMax) {
    held_.push_back(std::move(frame));
  }
}

void Member::SendToMembers(const Message& message) {
  for (const MemberInfo& member : members().list) {
    if (IsLinked(member.name)) {
      Send(member.name.id, message);
    }
  }
}

void Member::Close(NodeId peer, std::string_view why) {
  actions_->emplace_back(CloseLink{.peer = peer, .why = std::string(why)});
}

bool Member::IsLinked(const NodeName& name) const {
  const auto link = links_.find(name.id);
  return link != links_.end() && link->second.hello.name == name;
}

std::int64_t Member::NextDeadline() const {
  std::int64_t next = election_us_;
  if (join_ || leave_) {
    next = std::min(next, asked_us_ + kAskAgainUs);
  }
  const auto* primary = std::get_if<Primary>(&role_);
  if (primary == nullptr) {
    return next;
  }
  // Its own tick: leases, pings, takeovers and learners are looked at this often, and what is left
  // to send at once.
  next = now_us_ + members().timing.ping_us / kTicksPerPing;
  for (const auto& [name, progress] : primary->progress) {
    if (IsLinked(name) && HasRoom(progress) && progress.next <= terms_.last().revision) {
      return now_us_;
    }
  }
  return next;
}

}  // namespace nunc
