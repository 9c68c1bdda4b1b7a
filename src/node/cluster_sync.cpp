// Whole states: who is sent one, what comes of one, and for whom the log is kept.
#include <algorithm>

#include "base/log.h"
#include "node/cluster_driver.h"

namespace nunc {
namespace {

constexpr std::int64_t kNeededUs = 100'000;  // how often it is looked what others need

}  // namespace

void ClusterDriver::SendStateTo(NodeId peer) {
  member_->SetSyncing(peer, true);
  sender_.Ask(peer);
}

// Behind every step: what a state rests on may have changed with it.
void ClusterDriver::SettleSync(bool leads) {
  if (!leads) {
    sender_.Clear();
  }
  receiver_.Follow(leads ? std::nullopt : member_->primary(), member_->term());
}

// Who is away for long gets a full sync rather than a log that grows for it.
void ClusterDriver::NoteNeeded() {
  if (now_.mono_us < next_needed_us_) {
    return;
  }
  next_needed_us_ = now_.mono_us + kNeededUs;
  std::erase_if(linked_us_, [this](const auto& linked) {
    return member_->members().Find(linked.first) == nullptr;
  });
  Revision needed{UINT64_MAX};
  const auto* progress = member_->progress();
  for (const MemberInfo& info : member_->members().list) {
    const NodeId peer = info.name.id;
    if (by_peer_.contains(peer)) {
      linked_us_[peer] = now_.mono_us;
    }
    const auto linked = linked_us_.find(peer);
    if (progress == nullptr || linked == linked_us_.end() || info.arbiter_node ||
        now_.mono_us - linked->second >= options_.keep_log_us) {
      continue;
    }
    if (const auto known = progress->find(info.name); known != progress->end()) {
      needed = std::min(needed, std::max(known->second.received, sender_.StartFor(peer)));
    }
  }
  world_.persistence.SetNeeded(needed);
}

// False: the link is closed. The step before has judged the frame's term.
bool ClusterDriver::TakeSync(LinkId id, NodeId peer, const Frame& frame) {
  if (frame.term != member_->term()) {
    return true;
  }
  if (const auto* ack = std::get_if<FullSyncAck>(&frame.message);
      ack != nullptr && !sender_.TakeAck(peer, ack->bytes)) {
    Refuse(id, "it has bytes of a full sync that were never sent");
    return false;
  }
  const auto* sync = std::get_if<FullSync>(&frame.message);
  if (sync == nullptr || peer == member_->name().id || member_->primary() != peer) {
    return true;
  }
  const std::string_view why = holds_data()
                                   ? receiver_.Take(peer, frame.term, *sync, now_.mono_us)
                                   : "it sends a whole state to an arbiter node, which holds none";
  if (!why.empty()) {
    Refuse(id, why);
  }
  return why.empty();
}

// What was before is forgotten, or the log does not say where a record before it ended.
Revision ClusterDriver::RewindFloor() const {
  return std::max(world_.node.rewind_floor(), world_.persistence.log().first());
}

}  // namespace nunc
