// Sends whole states to members that the log does not reach: one at a time, the others wait.
//
// Shape:   the stream of a backup (node/backup.h) in pieces, as far ahead of what is answered as
// the
//          window lets. Who has got all starts anew with it, and its link goes.
// Errors:  World::ended: no state is sent to that one any more. Who still needs one asks again.
// Limits:  kFullSyncPieceBytesMax, kFullSyncWindowBytes, kFullSyncSilentUs (base/limits.h).
// Units:   microseconds of the monotonic clock.
// Owner:   the driver of a primary; loop thread only. The node outlives it.
// Source:  docs/cluster.md, "Full sync".
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/message.h"
#include "cluster/names.h"
#include "core/ids.h"
#include "node/body_source.h"
#include "node/node.h"
#include "node/persistence.h"

namespace nunc {

// How often the log says how far it is.
inline constexpr std::int64_t kFullSyncTellUs = 10'000'000;

struct FullSyncProgress {
  std::uint64_t bytes = 0;
  std::uint64_t about = 0;  // as the store has them in memory, before anything is compressed
};

class FullSyncSender {
 public:
  struct World {
    Node& node;
    Persistence& persistence;
    std::function<void(NodeId, const FullSync&)> send;
    std::function<void(NodeId)> ended;
  };
  explicit FullSyncSender(World world) : world_(std::move(world)) {}

  // Again while it waits or is sent one: nothing.
  void Ask(NodeId peer);
  // Its link is gone.
  void Forget(NodeId peer);
  // The node is not primary any more.
  void Clear();
  // Once a turn, before the node has made records in it.
  void Turn(std::int64_t now_us);
  // False: that many were never sent.
  bool TakeAck(NodeId peer, std::uint64_t bytes);
  // When Turn should be called although nothing happens.
  [[nodiscard]] std::int64_t next_us() const;

  // Of one that is being sent or waits; it has got all of it once `bytes` do not grow.
  [[nodiscard]] std::optional<FullSyncProgress> ProgressOf(NodeId peer) const;
  // The newest state that was sent to it is that of this revision or a later one; zero: none was.
  [[nodiscard]] Revision StartFor(NodeId peer) const;

 private:
  struct Sending {
    NodeId peer{};
    std::unique_ptr<BodySource> body{};
    std::string block{};  // what was pulled last
    std::size_t at = 0;   // so much of it is sent
    BodySource::State state = BodySource::State::kMore;
    std::uint64_t about = 0;
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    bool ended = false;
    std::int64_t heard_us = 0;
    std::int64_t told_us = 0;
  };

  void Begin(std::int64_t now_us);
  void Pull();
  void SendPieces();
  void End(std::int64_t now_us);
  void GiveUp(std::int64_t now_us, std::string_view why);
  [[nodiscard]] bool HasRoom() const;

  World world_;
  std::deque<NodeId> waiting_;
  std::optional<Sending> sending_;
  std::map<NodeId, std::int64_t> starting_;  // have got all; until when they are waited for
  std::map<NodeId, Revision> starts_;
  std::int64_t next_us_ = 0;  // no new one before
  std::int64_t turn_us_ = 0;
};

}  // namespace nunc
