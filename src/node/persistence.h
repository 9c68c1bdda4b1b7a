// What the node wants of the disk, carried out: the op log, snapshots, recovery, cleaning.
//
// Shape:   the driver calls Collect before a turn's inputs and EndTurn before its outputs leave.
//          Slow work runs on two workers: syncs on one, all else on the other.
// Errors:  a write or sync that fails is final: nothing may be acknowledged any more, and the
//          process ends. A full disk is not: log_room() shrinks to what has its place already, and
//          grows again when there is space.
// Units:   bytes; microseconds.
// Owner:   Server or the simulator; loop thread only.
// Source:  docs/cluster.md §4, §7, §11; docs/durability.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/operation.h"
#include "env/clock.h"
#include "env/disk.h"
#include "env/random.h"
#include "env/worker.h"
#include "node/node.h"

namespace nunc {

struct PersistenceOptions {
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::int64_t sync_interval_us = 50'000;
  std::uint64_t snapshot_every_bytes = std::uint64_t{1} << 30;  // of log since the last one
  std::int64_t snapshot_every_us = std::int64_t{3'600} * 1'000'000;
  LogKeep keep{.bytes = std::uint64_t{1} << 30, .age_us = std::int64_t{86'400} * 1'000'000};
  std::uint64_t log_bytes_max = std::uint64_t{4} << 30;
};

// The parts of the world that it works with; they outlive it.
struct PersistenceWorld {
  Disk& data;    // meta file and snapshots
  Disk& log;     // op log; may be the same
  Worker& sync;  // syncs of the log
  Worker& bulk;  // everything else that takes long
  Clock& clock;
  Random& random;
};

// How far recovery is, now and then.
struct RecoveryProgress {
  std::string_view what;  // "snapshot", "op log"
  std::uint64_t done_bytes = 0;
  std::uint64_t all_bytes = 0;
};

// What recovery found, for the log at start.
struct RecoveryReport {
  bool fresh = false;         // nothing was there
  std::string snapshot;       // its name; empty: none
  Revision revision;          // of the newest record
  std::uint64_t records = 0;  // replayed
  std::string cut;            // what was torn and given up; empty: nothing
};

class Persistence {
 public:
  using ShowProgress = std::function<void(const RecoveryProgress&)>;

  // Loads everything into `node` and begins a new term. Errors: kDamaged and what to do about it;
  // nothing was changed then.
  static Result<std::unique_ptr<Persistence>> Recover(const PersistenceWorld& world, Node& node,
                                                      const PersistenceOptions& options,
                                                      const ShowProgress& show);
  virtual ~Persistence() = default;

  [[nodiscard]] virtual const RecoveryReport& report() const = 0;

  struct News {
    std::optional<Error> failure;
    Revision durable;
    std::vector<OperationResult> results;
  };
  // What the workers have done since the last call; valid until the next one.
  virtual const News& Collect() = 0;
  // Writes the turn's records, begins its operations, goes on with what is under way.
  virtual Result<void> EndTurn(Now now) = 0;
  // When EndTurn should be called again even if nothing happens; now or earlier: at once.
  [[nodiscard]] virtual std::int64_t next_us() const = 0;
  // Bytes of records that are sure to find a place.
  [[nodiscard]] virtual std::size_t log_room() const = 0;
  // At a stop: waits until everything written is on disk.
  virtual Result<void> Finish() = 0;
};

}  // namespace nunc
