// How the log gets to the others, and what of it is final (docs/election.md; docs/cluster.md §8).
#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/planted.h"
#include "cluster/member.h"

namespace nunc {

namespace {

// What each of some members has reached.
template <class T>
class Reached {
 public:
  void Add(T value) { values_[count_++] = value; }
  // By so many of them at least.
  T By(std::size_t majority) {
    std::sort(values_.begin(), values_.begin() + count_, std::greater<>());
    return count_ < majority ? T{} : values_[majority - 1];
  }

 private:
  std::array<T, kMembersMax> values_{};
  std::size_t count_ = 0;
};

}  // namespace

void Member::Receive(NodeId peer, Term term, const Replicate& replicate) {
  if (std::holds_alternative<Primary>(role_)) {
    Close(peer, "it claims a term that this node has won");
    return;
  }
  if (replicate.record_term > term) {
    Close(peer, "it sends records of a term that has not begun");
    return;
  }
  if (arbiter_node_) {
    Close(peer, "it sends records to an arbiter node, which holds none");
    return;
  }
  Follow(peer);
  auto& secondary = std::get<Secondary>(role_);
  secondary.stamp_us = replicate.stamp_us;
  const std::optional<Term> before = terms_.TermAt(replicate.previous.revision);
  const bool forgotten = !before && replicate.previous.revision <= commit_;
  const bool unchecked = Planted(Bug::kClusterPreviousUnchecked) &&
                         replicate.previous.revision <= terms_.last().revision &&
                         replicate.previous.revision >= commit_;
  if (before != replicate.previous.term && !forgotten && !unchecked) {
    Acknowledge(peer, &replicate);
    return;
  }
  const std::optional<Revision> end = TakeRecords(peer, replicate);
  if (!end) {
    return;
  }
  secondary.matched = std::max(secondary.matched, *end);
  commit_ = std::max(commit_, Planted(Bug::kClusterCommitAhead)
                                  ? replicate.commit
                                  : std::min(replicate.commit, secondary.matched));
  Acknowledge(peer, nullptr);
}

std::optional<Revision> Member::TakeRecords(NodeId peer, const Replicate& replicate) {
  const Revision end{replicate.previous.revision.value + replicate.count};
  Revision first{replicate.previous.revision.value + 1};
  // What is there already stays: the frame may be an old one, sent twice.
  if (first <= std::min(end, terms_.last().revision)) {
    const std::optional<Term> own = terms_.TermAt(first);
    if (!own || Planted(Bug::kClusterTailKept)) {
      first = {std::min(end, terms_.last().revision).value + 1};
    } else if (own == replicate.record_term) {
      first = {std::min(end, terms_.EndOfRun(replicate.previous.revision)).value + 1};
    }
  }
  if (first > end) {
    return end;
  }
  if (first <= terms_.last().revision) {
    if (first <= commit_) {
      actions_->emplace_back(
          StopNode{.why = "revision " + std::to_string(first.value) +
                          " is final here, and another record in the log of the primary"});
      return std::nullopt;
    }
    if (first <= rewind_floor_) {
      Send(peer, RecoverRequest{.last = terms_.last()});
      return std::nullopt;
    }
    CutTo({first.value - 1});
  }
  actions_->emplace_back(AppendRecords{.first = first});
  terms_.Append({.term = replicate.record_term, .revision = end});
  return end;
}

void Member::CutTo(Revision last) {
  actions_->emplace_back(RewindLog{.last = last});
  terms_.CutTo(last);
  if (!Planted(Bug::kClusterDurableKept)) {
    durable_ = std::min(durable_, last);
  }
  applied_ = std::min(applied_, last);
  if (!configs_.empty() && configs_.back().revision > last && !Planted(Bug::kClusterConfigKept)) {
    configs_.pop_back();
  }
}

// With a frame that does not fit: where the primary may find what the two logs share.
void Member::Acknowledge(NodeId peer, const Replicate* conflict) {
  const auto& secondary = std::get<Secondary>(role_);
  const Revision matched =
      Planted(Bug::kClusterAckWholeLog) ? terms_.last().revision : secondary.matched;
  Ack ack{.received = matched,
          .durable = Planted(Bug::kClusterAckEarly) ? matched : std::min(durable_, matched),
          .applied = applied_,
          .stamp_us = secondary.stamp_us,
          .conflict = conflict != nullptr};
  if (conflict != nullptr) {
    ack.terms = terms_.Newest(conflict->previous.term);
  }
  Send(peer, std::move(ack));
}

void Member::Receive(NodeId peer, Term /*term*/, const Ack& ack) {
  PeerProgress* known = ProgressOf(peer);
  if (known == nullptr) {
    return;
  }
  if (ack.received > terms_.last().revision || ack.durable > ack.received ||
      ack.stamp_us > now_us_) {
    Close(peer, "it acknowledges what it was never sent");
    return;
  }
  PeerProgress& progress = *known;
  progress.answered_us = std::max(progress.answered_us,
                                  Planted(Bug::kClusterLeaseFromArrival) ? now_us_ : ack.stamp_us);
  progress.confirmed_us = std::max(progress.confirmed_us, ack.stamp_us);
  progress.received = std::max(progress.received, ack.received);
  progress.durable = std::max(progress.durable, ack.durable);
  if (!ack.conflict) {
    const std::uint64_t lacks = terms_.last().revision.value - progress.received.value;
    progress.keeps_up = lacks <= kCaughtUpRecords || (progress.keeps_up && !progress.probing);
    progress.probing = false;
    progress.next = std::max(progress.next, Revision{progress.received.value + 1});
    std::erase_if(progress.in_flight, [&](Revision last) { return last <= progress.received; });
  } else if (!progress.syncing && ack.stamp_us >= progress.reset_us) {
    // What was sent meanwhile does not fit either.
    const Revision shared = std::max(terms_.Shared(ack.terms).revision, progress.received);
    progress.next = {shared.value + 1};
    progress.probing = true;
    progress.in_flight.clear();
    progress.reset_us = now_us_;
  }
  CountCommit();
}

void Member::CountCommit() {
  const auto* primary = std::get_if<Primary>(&role_);
  if (primary == nullptr) {
    return;
  }
  const Members& all = members();
  Reached<Revision> durable;
  for (const MemberInfo& member : all.list) {
    if (member.standing != Standing::kVoter && !Planted(Bug::kClusterLearnerCounts)) {
      continue;
    }
    if (member.arbiter_node && !Planted(Bug::kClusterArbiterCounts)) {
      continue;
    }
    const auto other = primary->progress.find(member.name);
    if (member.name == name_) {
      durable.Add(durable_);
    } else if (other != primary->progress.end()) {
      durable.Add(other->second.durable);
    }
  }
  // While the disk of the one beside an arbiter node is replaced there is no second copy to wait
  // for.
  const bool alone = all.ArbiterNode() != nullptr && all.VotersWithLog() == 1;
  const Revision reached = alone ? guarded() : durable.By(all.Majority());
  // A record of an older term may be everywhere and yet be replaced; one of this term, with all
  // before it, may not.
  const bool own = terms_.TermAt(reached) == term_ || Planted(Bug::kClusterOldTermCounted);
  if (reached > commit_ && own) {
    commit_ = reached;
  }
}

// A frame counts from when it was sent: its answer may have been on the way for long.
std::int64_t Member::MajoritySince(const Primary& primary, std::int64_t PeerProgress::*at) const {
  const Members& all = members();
  Reached<std::int64_t> answered;
  for (const MemberInfo& member : all.list) {
    const auto other = primary.progress.find(member.name);
    if (member.name == name_) {
      answered.Add(now_us_);
    } else if (member.standing == Standing::kVoter && other != primary.progress.end()) {
      answered.Add(other->second.*at);
    }
  }
  return answered.By(all.Majority());
}

void Member::CheckLease() {
  const auto* primary = std::get_if<Primary>(&role_);
  if (primary != nullptr &&
      now_us_ - MajoritySince(*primary, &PeerProgress::answered_us) > members().timing.lease_us) {
    StepDown();
  }
}

std::optional<std::int64_t> Member::confirmed_us() const {
  const auto* primary = std::get_if<Primary>(&role_);
  return primary == nullptr || commit_ < primary->start
             ? std::nullopt
             : std::optional(MajoritySince(*primary, &PeerProgress::confirmed_us));
}

void Member::Take(const ConfirmAsked& /*input*/) {
  if (auto* primary = std::get_if<Primary>(&role_); primary != nullptr) {
    for (auto& [name, progress] : primary->progress) {
      progress.sent_us = 0;  // a ping is due
    }
  }
}

void Member::Write(std::string members) {
  const Position at{.term = term_, .revision = {terms_.last().revision.value + 1}};
  terms_.Append(at);
  actions_->emplace_back(WriteRecord{.at = at, .members = std::move(members)});
}

void Member::SyncProgress() {
  auto& primary = std::get<Primary>(role_);
  std::erase_if(primary.progress,
                [&](const auto& entry) { return members().Find(entry.first) == nullptr; });
  for (const MemberInfo& member : members().list) {
    if (member.name != name_) {
      primary.progress.try_emplace(member.name,
                                   PeerProgress{.next = {terms_.last().revision.value + 1},
                                                .arbiter_node = member.arbiter_node,
                                                .keeps_up = IsLinked(member.name),
                                                .reset_us = now_us_,
                                                .answered_us = now_us_});
    }
  }
}

void Member::Replicated() {
  auto* primary = std::get_if<Primary>(&role_);
  if (primary == nullptr) {
    return;
  }
  for (auto& [name, progress] : primary->progress) {
    if (IsLinked(name) && progress.arbiter_node) {
      SendFloor(name, progress);
    } else if (IsLinked(name)) {
      SendWhatIsDue(name, progress);
    }
  }
}

void Member::SendWhatIsDue(const NodeName& name, PeerProgress& progress) {
  const Revision before{progress.next.value - 1};
  Replicate head{.previous = {.term = terms_.TermAt(before).value_or(Term{}), .revision = before},
                 .commit = commit_,
                 .head = terms_.last().revision,
                 .stamp_us = now_us_};
  const bool records = progress.next <= terms_.last().revision && HasRoom(progress);
  const bool ping = now_us_ - progress.sent_us >= members().timing.ping_us;
  if (!records && !ping && progress.commit >= commit_) {
    return;
  }
  progress.sent_us = now_us_;
  progress.commit = commit_;
  if (!records) {
    Send(name.id, head);
    return;
  }
  head.record_term = terms_.TermAt(progress.next).value_or(Term{});
  actions_->emplace_back(
      SendRecords{.peer = name.id, .term = term_, .head = head, .last = terms_.EndOfRun(before)});
}

void Member::Sent(NodeId peer, Revision last) {
  auto* primary = std::get_if<Primary>(&role_);
  const MemberInfo* member = members().Find(peer);
  CHECK(primary != nullptr && member != nullptr);
  PeerProgress& progress = primary->progress.at(member->name);
  CHECK(last >= progress.next && last <= terms_.last().revision);
  progress.in_flight.push_back(last);
  progress.next = {last.value + 1};
  deadline_us_ = NextDeadline();
}

}  // namespace nunc
