// Takes a snapshot of the whole store to disk, beside everything else.
//
// Shape:   Begin, then Slice once a turn: it walks the store for at most kSliceUs and hands full
//          blocks to the worker, which compresses and writes them. Behind the last block the log
//          must be on disk up to the snapshot's end; then the file gets its name, older ones than
//          kKept go, and Take says so.
// Errors:  kNoSpace: this one is given up, and the next may work. kIo is final.
// Limits:  kBlocksInFlightMax blocks wait for the worker; the walk waits then.
// Owner:   Persistence; loop thread only.
// Source:  docs/cluster.md §11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/store_walk.h"
#include "node/node.h"
#include "node/recovery.h"
#include "storage/snapshot_items.h"
#include "storage/snapshot_names.h"
#include "storage/snapshot_writer.h"

namespace nunc {

class Snapshotter {
 public:
  Snapshotter(const PersistenceWorld& world, Node& node, std::vector<SnapshotInfo> snapshots)
      : world_(world), node_(node), snapshots_(std::move(snapshots)) {}

  void Begin(const ClusterId& cluster, std::vector<TermEnd> terms);
  [[nodiscard]] bool running() const { return running_ != nullptr; }
  // The store as of now is still what will be in it, with the log up to its end.
  [[nodiscard]] bool walking() const { return walk_.has_value(); }
  // Something can be done at once.
  [[nodiscard]] bool ready() const;
  void Slice(Revision durable);
  // Unless it is whole, and only to be named.
  void GiveUp(std::string_view why);

  // How the one that was begun has ended, once.
  std::optional<Result<void>> Take() { return std::exchange(outcome_, std::nullopt); }
  // Newest first; those that are on disk.
  [[nodiscard]] const std::vector<SnapshotInfo>& snapshots() const { return snapshots_; }

 private:
  static constexpr std::int64_t kSliceUs = 500;
  static constexpr std::size_t kEntriesPerSlice = 2'000;
  static constexpr std::size_t kBlocksInFlightMax = 4;
  static constexpr std::size_t kKept = 2;

  // What the jobs work on; they keep it alive.
  struct Running {
    Disk* disk = nullptr;
    Revision start;
    std::optional<SnapshotFile> file;
    std::vector<SnapshotInfo> snapshots;  // afterwards
    std::optional<Error> error;
    std::size_t in_flight = 0;  // jobs; the loop's alone
  };

  enum class Step : std::uint8_t { kWalk, kSealed, kPublishing };

  void Walk();
  void FlushBlock();
  void Seal();
  void Publish();
  void End(Result<void> outcome);
  template <class Work>
  void Submit(Work work);

  PersistenceWorld world_;
  Node& node_;
  std::vector<SnapshotInfo> snapshots_;
  std::optional<Result<void>> outcome_;

  std::shared_ptr<Running> running_;
  Step step_ = Step::kWalk;
  std::optional<StoreWalk> walk_;
  std::optional<std::string> given_up_;  // why; its jobs still run
  BlockBuilder builder_;
  SnapshotEnd end_;
};

}  // namespace nunc
