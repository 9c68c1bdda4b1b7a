// Takes a whole state from the primary into a file, which the next start makes the folder's state.
//
// Shape:   the bulk worker writes what comes; each piece is answered when it is written. With the
//          end the file is synced, renamed and its name synced: then the node must start anew. What
//          comes of another primary or term, or over another link, ends it; the file is removed.
// Errors:  Take: what was wrong with the frame; its link is of no use any more. A disk that fails
// or
//          is full ends it, too, and the primary tries again when it has heard nothing for a while.
// Limits:  kFullSyncWindowBytes are taken and not written.
// Owner:   the driver of a member; loop thread only. Destroyed before the workers are.
// Source:  docs/cluster.md, "Full sync".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/position.h"
#include "cluster/message.h"
#include "cluster/names.h"
#include "env/disk.h"
#include "env/worker.h"
#include "node/full_sync_sender.h"

namespace nunc {

class FullSyncReceiver {
 public:
  struct World {
    Disk& data;
    Worker& bulk;
    std::function<void(NodeId, const FullSyncAck&)> send;
  };
  explicit FullSyncReceiver(World world) : world_(std::move(world)) {}

  // Of the primary that this node follows, in its term. Empty: it is taken, or of no interest.
  std::string_view Take(NodeId from, Term term, const FullSync& sync, std::int64_t now_us);
  // Who is primary now, and since when: another one's state is of no use.
  void Follow(std::optional<NodeId> primary, Term term);
  // Its link is gone.
  void Forget(NodeId peer);

  // All of it is there: the node must start anew, and confirm nothing any more.
  [[nodiscard]] bool finished() const { return running_ != nullptr && running_->finished; }
  [[nodiscard]] std::optional<FullSyncProgress> progress() const;

 private:
  // What the jobs work on; they keep it alive.
  struct Running {
    Disk* disk = nullptr;
    NodeId from{};
    Term term{};
    std::uint64_t about = 0;
    std::uint64_t taken = 0;
    std::uint64_t written = 0;
    bool whole = false;     // its end has come
    bool finished = false;  // and all of it is on the medium
    std::int64_t told_us = 0;
    std::unique_ptr<File> file{};  // the jobs' alone
  };

  void Begin(NodeId from, Term term, std::uint64_t about, std::int64_t now_us);
  std::string_view TakeBytes(const FullSync& sync, std::int64_t now_us);
  std::string_view TakeEnd(const FullSync& sync);
  void GiveUp(std::string_view why);
  template <class Job, class Done>
  void Submit(Job job, Done done);

  World world_;
  std::shared_ptr<Running> running_;  // null: nothing comes
};

}  // namespace nunc
