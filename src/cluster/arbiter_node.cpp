// The arbiter node beside two nodes that hold the log: it votes, and holds none. So that it does
// not help a node to the role that has slept through what the other one has done alone, it is told
// a floor: it votes for no log that ends before (docs/election.md, "Arbiter node").
#include <algorithm>
#include <utility>

#include "base/planted.h"
#include "cluster/member.h"

namespace nunc {

// ---- at the primary

bool Member::OthersKeepUp(const Primary& primary) const {
  std::size_t others = 0;
  for (const MemberInfo& member : members().list) {
    const auto found = primary.progress.find(member.name);
    if (member.arbiter_node || member.standing != Standing::kVoter ||
        found == primary.progress.end()) {
      continue;
    }
    const PeerProgress& progress = found->second;
    if (!IsLinked(member.name) || !progress.keeps_up || progress.syncing ||
        now_us_ - progress.answered_us > members().timing.lease_us) {
      return false;
    }
    ++others;
  }
  return others > 0;
}

// What is final needs no floor to be kept; it is told all the same, now and then, lest a disk has
// forgotten. A node that is alone tells how far its own disk is: the other one must not be primary
// before it has that. Records of older terms are told for themselves by nobody, as they are not
// counted for the commit: a log that ends in a newer term would be taken for newer than they are.
void Member::RaiseFloor(Primary& primary) {
  const bool keep_up = OthersKeepUp(primary);
  const Revision own = Planted(Bug::kClusterFloorAhead) ? terms_.last().revision : durable_;
  const Revision reached = keep_up ? commit_ : own;
  const bool early = keep_up && now_us_ - primary.floor_us < kFloorUs;
  if (reached >= primary.start && reached > primary.floor && !early) {
    primary.floor = reached;
    primary.floor_us = now_us_;
  }
}

void Member::SendFloor(const NodeName& name, PeerProgress& progress) {
  auto& primary = std::get<Primary>(role_);
  RaiseFloor(primary);
  const bool waits = primary.floor > progress.durable && progress.in_flight.empty();
  if (!waits && now_us_ - progress.sent_us < members().timing.ping_us) {
    return;
  }
  progress.sent_us = now_us_;
  if (primary.floor > progress.durable) {
    progress.in_flight.assign(1, primary.floor);
  }
  // Members that are not final may be others again.
  const bool newest = configs_.size() < 2 || configs_.back().revision <= commit_;
  const Members& told = newest ? configs_.back().members : configs_.front().members;
  Floor floor{.stamp_us = now_us_, .members = EncodeMembers(told)};
  if (primary.floor.value > 0) {
    floor.position = {.term = term_, .revision = primary.floor};
  }
  Send(name.id, std::move(floor));
}

Revision Member::guarded() const {
  const auto* primary = std::get_if<Primary>(&role_);
  const MemberInfo* arbiter = members().ArbiterNode();
  if (primary == nullptr || arbiter == nullptr || arbiter->standing != Standing::kVoter) {
    return {};
  }
  const auto progress = primary->progress.find(arbiter->name);
  if (progress == primary->progress.end()) {
    return {};
  }
  const Revision there =
      Planted(Bug::kClusterFloorOfNobody) ? primary->floor : progress->second.durable;
  const Revision both = std::min(durable_, there);
  return both >= primary->start ? both : Revision{};
}

// ---- at the arbiter node

void Member::Receive(NodeId peer, Term term, const Floor& floor) {
  if (!arbiter_node_ || std::holds_alternative<Primary>(role_)) {
    Close(peer, "it takes this node for an arbiter node, which it is not");
    return;
  }
  auto told = DecodeMembers(floor.members);
  if (!told || floor.position.term > term) {
    Close(peer, told ? "it tells a floor of a term that has not begun" : told.error().detail);
    return;
  }
  const MemberInfo* self = told->Find(name_);
  if (self != nullptr && !self->arbiter_node) {
    Close(peer, "it takes this node, which holds no log, for one that does");
    return;
  }
  Follow(peer);
  std::get<Secondary>(role_).stamp_us = floor.stamp_us;
  if (configs_.empty() || !(configs_.back().members == *told)) {
    configs_.assign(1, {.members = std::move(*told)});
  }
  if (floor.position > floor_) {
    floor_ = floor.position;
    if (!Planted(Bug::kClusterFloorNotStored)) {
      Store();
    }
  }
  AcknowledgeFloor(peer);
}

// A floor of an older term is worth nothing to the primary of this one. What waits for the disk is
// sent when all of it is there.
void Member::AcknowledgeFloor(NodeId peer) {
  const Revision stored = floor_.term == term_ ? floor_.revision : Revision{};
  Send(peer,
       Ack{.received = stored, .durable = stored, .stamp_us = std::get<Secondary>(role_).stamp_us});
}

}  // namespace nunc
