// Who becomes primary: timers, probes, votes (docs/election.md; docs/cluster.md §6).
#include <algorithm>
#include <limits>
#include <utility>

#include "base/planted.h"
#include "cluster/member.h"

namespace nunc {

void Member::BeginTerm(Term term, NodeId vote) {
  term_ = term;
  voted_for_ = vote;
  // Nobody waits for answers of an older term.
  held_.clear();
  if (Planted(Bug::kClusterTermNotStored) && vote == NodeId{}) {
    return;
  }
  Store();
}

void Member::StepDown() {
  role_ = Secondary{};
  SetElectionTimer();
}

void Member::Follow(NodeId primary) {
  auto* secondary = std::get_if<Secondary>(&role_);
  if (secondary == nullptr || secondary->primary != primary) {
    secondary = &role_.emplace<Secondary>(Secondary{.primary = primary});
  }
  secondary->heard_us = now_us_;
  secondary->gone = false;
  SetElectionTimer();
}

void Member::SetElectionTimer() {
  const Members& all = members();
  const MemberInfo* self = all.Find(name_);
  const std::int64_t rank = self == nullptr ? 0 : all.Rank(*self, {});
  election_us_ = now_us_ + all.timing.election_timeout_us + rank * all.timing.rank_delay_us +
                 prng_.InRange(0, kElectionSpreadUs);
  // Whoever is alone has nobody to wait for.
  if (MayCampaign() && all.Majority() == 1 && std::holds_alternative<Secondary>(role_)) {
    election_us_ = now_us_;
  }
}

void Member::HastenElection(NodeId gone) {
  const MemberInfo* self = members().Find(name_);
  if (self != nullptr) {
    const std::int64_t rank = members().Rank(*self, gone);
    election_us_ = std::min(
        election_us_, now_us_ + (rank + 1) * kFastElectionUs + prng_.InRange(0, kFastSpreadUs));
  }
}

bool Member::MayCampaign() const {
  const MemberInfo* self = members().Find(name_);
  return self != nullptr && self->standing == Standing::kVoter && self->priority.value > 0 &&
         !stops_ && !left_ && !arbiter_node_;
}

bool Member::HearsPrimary() const {
  if (std::holds_alternative<Primary>(role_)) {
    return true;
  }
  const auto* secondary = std::get_if<Secondary>(&role_);
  return secondary != nullptr && secondary->primary && !secondary->gone &&
         now_us_ - secondary->heard_us < members().timing.election_timeout_us;
}

// What is on the disk here is what this node has vouched for; more it may still lose. An arbiter
// node has vouched for its floor.
bool Member::IsAsNew(const Position& last) const {
  if (Planted(Bug::kClusterVoteUnchecked)) {
    return true;
  }
  if (arbiter_node_) {
    return last >= floor_ || Planted(Bug::kClusterFloorIgnored);
  }
  const Revision vouched = Planted(Bug::kClusterVoteOnWritten) ? terms_.last().revision : durable_;
  return last >= Position{.term = terms_.TermAt(vouched).value_or(Term{}), .revision = vouched};
}

void Member::CheckElection() {
  if (now_us_ < election_us_ || std::holds_alternative<Primary>(role_)) {
    return;
  }
  if (MayCampaign()) {
    Probe();
  } else {
    SetElectionTimer();
  }
}

void Member::Probe() {
  role_ = Candidate{.probe = true, .grants = {name_.id}};
  SetElectionTimer();
  const MemberInfo* self = members().Find(name_);
  SendToMembers(Election{.last = terms_.last(), .priority = self->priority, .probe = true});
  CountGrants();
}

void Member::Campaign(bool forced) {
  BeginTerm({term_.value + 1}, name_.id);
  role_ = Candidate{.probe = false, .grants = {name_.id}};
  SetElectionTimer();
  const MemberInfo* self = members().Find(name_);
  SendToMembers(Election{.last = terms_.last(), .priority = self->priority, .forced = forced});
}

// Its own vote counts when it is stored, as all do.
void Member::CountGrants() {
  const auto& candidate = std::get<Candidate>(role_);
  if (!candidate.probe && metas_stored_ < metas_asked_) {
    return;
  }
  const auto granted = std::ranges::count_if(members().list, [&](const MemberInfo& member) {
    return member.standing == Standing::kVoter && candidate.grants.contains(member.name.id);
  });
  const std::size_t enough = members().Majority() - (Planted(Bug::kClusterMinorityWins) ? 1 : 0);
  if (static_cast<std::size_t>(granted) < enough || !MayCampaign()) {
    return;
  }
  if (candidate.probe) {
    Campaign(false);
  } else {
    Win();
  }
}

void Member::Win() {
  const std::int64_t wait_us = members().timing.takeover_after_us;
  role_ = Primary{.start = {terms_.last().revision.value + 1},
                  .since_us = now_us_,
                  .takeover_us = now_us_ + wait_us,
                  .takeover_wait_us = wait_us};
  election_us_ = std::numeric_limits<std::int64_t>::max();
  SyncProgress();
  SendToMembers(Victory{.start = {terms_.last().revision.value + 1}});
  // Only a record of its own term can be counted, and all before it with it.
  if (!Planted(Bug::kClusterNoNoop)) {
    Write({});
  }
}

void Member::Receive(NodeId peer, Term term, const Election& election) {
  // One that was not there when it was taken out has not been told.
  const bool removed = std::holds_alternative<Primary>(role_) &&
                       configs_.back().revision <= commit_ &&
                       members().Find(links_.at(peer).hello.name) == nullptr;
  if (removed && election.probe) {
    Send(peer, Refused{.reason = Refusal::kNotAMember});
    return;
  }
  const Term asked{term.value + (election.probe ? 1 : 0)};
  const bool undisturbed =
      !election.forced && HearsPrimary() && !Planted(Bug::kClusterProbeDisturbs);
  bool grant = !undisturbed && asked >= term_ && IsAsNew(election.last);
  if (asked == term_ && voted_for_ != NodeId{} && voted_for_ != peer) {
    grant = grant && Planted(Bug::kClusterVoteTwice);
  }
  if (!election.probe && !undisturbed) {
    if (asked > term_) {
      BeginTerm(asked, grant ? peer : NodeId{});
      StepDown();
    } else if (grant && voted_for_ != peer) {
      voted_for_ = peer;
      Store();
      StepDown();
    }
  }
  Send(peer, Alive{.election = asked, .grant = grant, .probe = election.probe});
}

void Member::Receive(NodeId peer, Term /*term*/, const Alive& alive) {
  auto* candidate = std::get_if<Candidate>(&role_);
  // A node whose disk was replaced has forgotten its votes: it is another voter, or none.
  if (candidate == nullptr || !members().IsVoter(links_.at(peer).hello.name) || !alive.grant ||
      alive.probe != candidate->probe ||
      alive.election.value != term_.value + (alive.probe ? 1 : 0)) {
    return;
  }
  candidate->grants.insert(peer);
  CountGrants();
}

void Member::Receive(NodeId peer, Term /*term*/, const Victory& /*victory*/) {
  if (std::holds_alternative<Primary>(role_)) {
    Close(peer, "it claims a term that this node has won");
  } else {
    Follow(peer);
  }
}

void Member::Receive(NodeId peer, Term /*term*/, const TakeOver& take_over) {
  const auto* secondary = std::get_if<Secondary>(&role_);
  const bool has_all = terms_.last() >= take_over.last || Planted(Bug::kClusterTakeOverEarly);
  if (secondary != nullptr && secondary->primary == peer && MayCampaign() && has_all) {
    Campaign(true);
  }
}

}  // namespace nunc
