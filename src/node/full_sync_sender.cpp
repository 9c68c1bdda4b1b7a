#include "node/full_sync_sender.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace nunc {
namespace {

constexpr std::int64_t kAgainUs = 1'000'000;  // after one that failed

std::string NodeText(NodeId peer) {
  return " node=" + std::to_string(peer.value);
}

}  // namespace

void FullSyncSender::Ask(NodeId peer) {
  const bool sends = sending_ && sending_->peer == peer;
  if (!sends && !starting_.contains(peer) && std::ranges::find(waiting_, peer) == waiting_.end()) {
    waiting_.push_back(peer);
  }
}

void FullSyncSender::Forget(NodeId peer) {
  std::erase(waiting_, peer);
  starting_.erase(peer);
  if (sending_ && sending_->peer == peer) {
    const bool has_all = sending_->ended && sending_->answered == sending_->sent;
    LogInfo((has_all ? "full sync sent" : "full sync given up, its link is gone:") +
            NodeText(peer));
    sending_.reset();
  }
}

void FullSyncSender::Clear() {
  waiting_.clear();
  starting_.clear();
  starts_.clear();
  sending_.reset();
}

void FullSyncSender::Turn(std::int64_t now_us) {
  turn_us_ = now_us;
  for (auto late = starting_.begin(); late != starting_.end();) {
    if (now_us < late->second) {
      ++late;
      continue;
    }
    world_.ended(late->first);
    late = starting_.erase(late);
  }
  if (!sending_ && !waiting_.empty() && now_us >= next_us_) {
    Begin(now_us);
  }
  if (!sending_) {
    return;
  }
  if (sending_->sent == sending_->answered) {
    sending_->heard_us = now_us;
  }
  if (now_us - sending_->heard_us >= kFullSyncSilentUs) {
    return GiveUp(now_us, "it does not answer");
  }
  if (sending_->at == sending_->block.size() && HasRoom()) {
    Pull();
  }
  if (sending_->state == BodySource::State::kFailed) {
    return GiveUp(now_us, "the state cannot be read");
  }
  SendPieces();
  if (now_us >= sending_->told_us + kFullSyncTellUs) {
    sending_->told_us = now_us;
    LogInfo("full sync" + NodeText(sending_->peer) + " bytes=" + std::to_string(sending_->sent) +
            " about=" + std::to_string(sending_->about));
  }
  if (sending_->ended && sending_->answered == sending_->sent) {
    End(now_us);
  }
}

void FullSyncSender::Begin(std::int64_t now_us) {
  std::unique_ptr<BodySource> body = world_.persistence.BeginFullSync();
  if (body == nullptr) {
    return;  // what the last one has begun has not ended yet
  }
  const NodeId peer = waiting_.front();
  waiting_.pop_front();
  sending_.emplace(Sending{.peer = peer,
                           .body = std::move(body),
                           .about = world_.node.store().bytes(),
                           .heard_us = now_us,
                           .told_us = now_us});
  // It works inside Persistence::Collect, behind which the next turn pulls.
  sending_->body->OnMore([this] {
    if (sending_ && sending_->state == BodySource::State::kWaiting) {
      sending_->state = BodySource::State::kMore;
    }
  });
  starts_[peer] = world_.node.end().revision;
  LogInfo("full sync begins" + NodeText(peer) + " about=" + std::to_string(sending_->about));
  world_.send(peer, {.part = FullSync::Part::kBegin, .at = sending_->about});
}

bool FullSyncSender::HasRoom() const {
  return sending_->sent - sending_->answered < kFullSyncWindowBytes;
}

void FullSyncSender::Pull() {
  sending_->block.clear();
  sending_->at = 0;
  if (sending_->state == BodySource::State::kMore) {
    sending_->state = sending_->body->Pull(sending_->block);
  }
}

void FullSyncSender::SendPieces() {
  Sending& sending = *sending_;
  while (sending.at < sending.block.size() && HasRoom()) {
    const std::size_t room = kFullSyncWindowBytes - (sending.sent - sending.answered);
    const std::string_view piece =
        std::string_view(sending.block).substr(sending.at, std::min(room, kFullSyncPieceBytesMax));
    world_.send(sending.peer, {.part = FullSync::Part::kBytes, .at = sending.sent, .bytes = piece});
    sending.at += piece.size();
    sending.sent += piece.size();
  }
  const bool all = sending.at == sending.block.size() && sending.state == BodySource::State::kEnd;
  if (all && !std::exchange(sending.ended, true)) {
    world_.send(sending.peer, {.part = FullSync::Part::kEnd, .at = sending.sent});
  }
}

// The next one may begin while this one starts anew.
void FullSyncSender::End(std::int64_t now_us) {
  LogInfo("full sync sent" + NodeText(sending_->peer) + " bytes=" + std::to_string(sending_->sent));
  starting_[sending_->peer] = now_us + kFullSyncSilentUs;
  sending_.reset();
}

void FullSyncSender::GiveUp(std::int64_t now_us, std::string_view why) {
  LogWarn("full sync given up" + NodeText(sending_->peer) + ": " + std::string(why));
  next_us_ = now_us + kAgainUs;
  world_.ended(sending_->peer);
  sending_.reset();
}

bool FullSyncSender::TakeAck(NodeId peer, std::uint64_t bytes) {
  if (!sending_ || sending_->peer != peer) {
    return true;  // of one that was given up
  }
  if (bytes > sending_->sent) {
    return false;
  }
  if (bytes > sending_->answered) {
    sending_->answered = bytes;
    sending_->heard_us = turn_us_;
  }
  return true;
}

std::int64_t FullSyncSender::next_us() const {
  if (sending_) {
    const bool pulls = sending_->at == sending_->block.size() &&
                       sending_->state == BodySource::State::kMore && HasRoom();
    const bool sends = sending_->at < sending_->block.size() && HasRoom();
    const bool ends = sending_->ended && sending_->answered == sending_->sent;
    return pulls || sends || ends ? turn_us_ : turn_us_ + kAgainUs;
  }
  if (!waiting_.empty()) {
    return std::max(next_us_, turn_us_ + 1'000);
  }
  return starting_.empty() ? std::numeric_limits<std::int64_t>::max() : turn_us_ + kAgainUs;
}

std::optional<FullSyncProgress> FullSyncSender::ProgressOf(NodeId peer) const {
  if (sending_ && sending_->peer == peer) {
    return FullSyncProgress{.bytes = sending_->sent, .about = sending_->about};
  }
  const bool waits = std::ranges::find(waiting_, peer) != waiting_.end();
  return waits ? std::optional(FullSyncProgress{}) : std::nullopt;
}

Revision FullSyncSender::StartFor(NodeId peer) const {
  const auto start = starts_.find(peer);
  return start == starts_.end() ? Revision{} : start->second;
}

}  // namespace nunc
