// Who is sent a whole state instead of records (docs/cluster.md, "Full sync").
#include "cluster/member.h"

namespace nunc {

void Member::Receive(NodeId peer, Term /*term*/, const RecoverRequest& /*recover*/) {
  if (PeerProgress* progress = ProgressOf(peer); progress != nullptr) {
    progress->syncing = true;
    actions_->emplace_back(SendState{.peer = peer});
  }
}

void Member::SetSyncing(NodeId peer, bool syncing) {
  PeerProgress* progress = ProgressOf(peer);
  if (progress == nullptr) {
    return;
  }
  progress->syncing = syncing;
  if (!syncing) {
    // What it had been sent before says nothing.
    progress->probing = true;
    progress->in_flight.clear();
    progress->reset_us = now_us_;
  }
  deadline_us_ = NextDeadline();
}

PeerProgress* Member::ProgressOf(NodeId peer) {
  auto* primary = std::get_if<Primary>(&role_);
  const auto link = links_.find(peer);
  if (primary == nullptr || link == links_.end()) {
    return nullptr;
  }
  const auto found = primary->progress.find(link->second.hello.name);
  return found == primary->progress.end() ? nullptr : &found->second;
}

}  // namespace nunc
