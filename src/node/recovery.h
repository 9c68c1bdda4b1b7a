// Loads what a data folder holds into the store: newest whole snapshot, then the log behind it.
//
// Shape:   one call at a start, before any door opens. Reading and checking run ahead on a worker.
// Errors:  kDamaged: acknowledged changes are missing or changed; nothing on the disk was touched,
//          and `detail` names the file, the place, what is intact and the two ways on. kInvalid:
//          files of a newer version, of another cluster, or not ours.
// Source:  docs/cluster.md §4, §11; docs/durability.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/store.h"
#include "env/clock.h"
#include "env/disk.h"
#include "env/random.h"
#include "env/worker.h"
#include "storage/meta.h"
#include "storage/oplog_recovery.h"
#include "storage/snapshot_head.h"
#include "storage/snapshot_names.h"

namespace nunc {

// The parts of the world that keeping data needs; they outlive who uses them.
struct PersistenceWorld {
  Disk& data;    // meta file and snapshots
  Disk& log;     // op log; may be the same
  Worker& sync;  // syncs of the log
  // A second one, which begins while the first runs; null: one at a time.
  Worker* sync_beside = nullptr;
  Worker& bulk;  // everything else that takes long
  Clock& clock;
  Random& random;
};

// How far it is, now and then.
struct RecoveryProgress {
  std::string_view what;  // "snapshot", "op log"
  std::uint64_t done_bytes = 0;
  std::uint64_t all_bytes = 0;
};
using ShowProgress = std::function<void(const RecoveryProgress&)>;

// What was found, for people.
struct RecoveryReport {
  bool fresh = false;         // the folder was empty
  std::string snapshot;       // its name; empty: none
  std::string passed_over;    // newer snapshots that are damaged, and how; empty: none
  std::uint64_t records = 0;  // replayed
  std::uint64_t record_bytes = 0;
  std::optional<CutTail> torn;  // given up at the end of the log
};

struct Recovered {
  std::unique_ptr<MetaFile> meta;
  LogState log;
  std::vector<TermEnd> terms;           // of the history so far
  std::vector<SnapshotInfo> snapshots;  // whole ones, newest first
  RecoveryReport report;
};

// The log goes on up to `last`, in `term`.
void NoteTerm(std::vector<TermEnd>& terms, Term term, Revision last);

// What an empty folder becomes.
enum class FirstStart : std::uint8_t {
  kOwnCluster,  // the first node of a cluster, or one that stays alone
  kJoins,       // a node that has yet to find its cluster
};

Result<Recovered> Recover(const PersistenceWorld& world, std::uint64_t segment_bytes, Store& store,
                          const ShowProgress& show, FirstStart first = FirstStart::kOwnCluster);

// What is intact of a folder that Recover refuses as damaged: the longest prefix of its history.
struct IntactPrefix {
  RecoveryReport report;
  Revision revision;  // of its newest record
  std::int64_t time_us = 0;
  Revision durable;           // what is known to have been there
  Revision committed;         // all up to there was, as far as the node knew
  Term term;                  // of its newest record
  Term known_term;            // the newest that the node has heard of
  bool is_member = false;     // of a cluster
  bool arbiter_node = false;  // which has no log
};

// Into `store`; nothing on the disks is changed. What is behind the prefix is left out.
Result<IntactPrefix> LoadIntact(const PersistenceWorld& world, std::uint64_t segment_bytes,
                                Store& store);

enum class RepairMode : std::uint8_t {
  kReport,  // changes nothing
  kKeep,    // the folder ends there from now on; what is given up stays as files `repair-...`
};

// Errors: kDamaged where nothing is intact, and as Recover.
Result<IntactPrefix> Repair(const PersistenceWorld& world, std::uint64_t segment_bytes,
                            RepairMode mode);

}  // namespace nunc
