// What the node wants of the disk, carried out: the op log, its syncs, snapshots, cleaning.
//
// Shape:   the driver calls Collect before a turn's inputs and EndTurn before its outputs leave.
//          Slow work runs on two workers: syncs on one, all else on the other.
// Errors:  a write or sync that fails is final: nothing may be acknowledged any more, and the
//          process ends. A full disk is not: log_room() shrinks to what has its place already, and
//          grows again when there is space.
// Units:   bytes; microseconds.
// Owner:   Server or the simulator; loop thread only. Destroyed before the workers are.
// Source:  docs/cluster.md §4, §7, §11; docs/durability.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/member.h"
#include "core/operation.h"
#include "node/backup.h"
#include "node/node.h"
#include "node/recovery.h"
#include "node/snapshotter.h"
#include "storage/meta.h"
#include "storage/oplog.h"

namespace nunc {

struct PersistenceOptions {
  std::uint64_t segment_bytes = kSegmentBytesDefault;
  std::int64_t sync_interval_us = 50'000;
  bool polls_for_sync = true;
  std::uint64_t snapshot_every_bytes = std::uint64_t{1} << 30;  // of log since the last one
  std::int64_t snapshot_every_us = std::int64_t{3'600} * 1'000'000;
  // What the log is cleaned down to, as far as snapshots allow.
  LogKeep keep{.bytes = std::uint64_t{1} << 30, .age_us = std::int64_t{86'400} * 1'000'000};
  std::uint64_t log_bytes_max = std::uint64_t{4} << 30;  // beyond it a snapshot is made at once
};

// Who this node is to be in a cluster.
struct Membership {
  NodeId id{};                // 0: as the folder says
  std::string members{};      // of the cluster that begins here; empty: none does
  bool arbiter_node = false;  // it holds no log; false: as the folder says
};

// The members of a cluster that one node begins: that one.
std::string FirstMembers(const Meta& meta, NodeId id, Priority priority, std::string_view address,
                         const Timing& timing = {});

class Persistence {
 public:
  // Takes over what Recover found for `node`, begins a new term, and syncs that.
  static Result<std::unique_ptr<Persistence>> Start(const PersistenceWorld& world, Node& node,
                                                    const PersistenceOptions& options,
                                                    Recovered recovered);
  // The same for a member of a cluster: it begins no term, and follows until it is told otherwise.
  // Where `members` are given and the log names none, a cluster begins here, with a term of its
  // own that says so. kInvalid: the folder belongs to another node id.
  static Result<std::unique_ptr<Persistence>> StartMember(const PersistenceWorld& world, Node& node,
                                                          const PersistenceOptions& options,
                                                          Recovered recovered,
                                                          const Membership& membership);
  Persistence(const Persistence&) = delete;
  Persistence& operator=(const Persistence&) = delete;

  struct News {
    std::optional<Error> failure;
    Revision durable;
    std::vector<OperationResult> results;
  };
  // What the workers have done since the last call; valid until the next one.
  const News& Collect();
  // Writes the turn's records, begins its operations, goes on with what is under way.
  Result<void> EndTurn(Now now);
  // When EndTurn should be called again even if nothing happens; in the past: at once.
  [[nodiscard]] std::int64_t next_us() const;
  // Until when to look for news without sleep, for a sync that a client waits for; or in the past.
  [[nodiscard]] std::int64_t poll_until_us() const;
  // Bytes of records that are sure to find a place.
  [[nodiscard]] std::size_t log_room() const { return log_->room(); }
  // Everything, or that one database, as a stream; null while another one is sent.
  std::unique_ptr<BodySource> BeginBackup(DatabaseId only) {
    return BeginStream(SnapshotKind::kBackup, only);
  }
  // Everything, for another member. Beside a backup; null while another one is sent.
  std::unique_ptr<BodySource> BeginFullSync() { return BeginStream(SnapshotKind::kFullSync, {}); }
  // Everything written is on disk, and the meta file says so. Waits.
  Result<void> Finish();

  // Of a member. What it starts from; its vote on the way to the disk; what is final; its log and
  // its store taken back to `to`, for the primary of term `by`, which waits for the disk.
  [[nodiscard]] Result<MemberStart> member_start(std::uint64_t seed) const;
  void StoreVote(const StoreMeta& vote);
  [[nodiscard]] std::uint64_t votes_stored() const { return votes_stored_; }
  [[nodiscard]] Position durable_position() const;
  void SetCommitted(Revision committed) { committed_ = committed; }
  // Other members need what comes behind: the log is not cleaned of it, as long as it is not longer
  // than it may be.
  void SetNeeded(Revision after) { needed_after_ = after; }
  Result<ChainEnd> Rewind(Revision to, Term by);

  [[nodiscard]] const OpLog& log() const { return *log_; }
  [[nodiscard]] const Meta& meta() const { return meta_->value(); }
  [[nodiscard]] Disk& log_disk() const { return world_.log; }
  [[nodiscard]] Disk& data_disk() const { return world_.data; }
  [[nodiscard]] Worker& bulk_worker() const { return world_.bulk; }
  [[nodiscard]] const RecoveryReport& report() const { return report_; }

 private:
  Persistence(const PersistenceWorld& world, Node& node, const PersistenceOptions& options,
              Recovered recovered, std::unique_ptr<OpLog> log);

  static Result<std::unique_ptr<Persistence>> Open(const PersistenceWorld& world, Node& node,
                                                   const PersistenceOptions& options,
                                                   Recovered recovered, Meta meta);
  void BeginTerm(Term term, const ChainEnd& end);
  // All of it is on the disk then.
  Result<void> WriteThrough();
  Result<void> WriteRecords();
  void KeepRoom();
  void FillSpare(const std::shared_ptr<SpareWork>& work);
  [[nodiscard]] bool is_syncing() const;
  // One is needed, and a worker has nothing to do.
  [[nodiscard]] bool CanSync() const;
  void StartSync();
  // When the next one is to begin, if there is something to sync.
  [[nodiscard]] std::int64_t next_sync_us() const;
  void StartMark();
  // Whose disk work the meta file is: a vote cannot wait until a snapshot is compressed.
  [[nodiscard]] Worker& meta_worker() const { return is_member_ ? world_.sync : world_.bulk; }
  Result<void> WaitForWorkers();
  void NoteTerms(std::string_view records);
  void BeginOperations();
  void Begin(Operation operation);
  void BeginSince(Operation operation);
  void Clean(const Operation& operation);
  [[nodiscard]] OperationResult Info(OperationId id) const;
  void RunSnapshot();
  [[nodiscard]] bool HasNews() const;
  [[nodiscard]] bool SnapshotIsDue() const;
  void CleanLog(Revision below);
  std::unique_ptr<BodySource> BeginStream(SnapshotKind kind, DatabaseId only);
  // Of those that are being sent.
  [[nodiscard]] std::vector<std::shared_ptr<BackupHold>> Holds() const;
  void WakeBackups();
  void Fail(const Error& error);

  PersistenceWorld world_;
  Node& node_;
  PersistenceOptions options_;
  std::shared_ptr<MetaFile> meta_;  // the bulk worker's while marking_
  ClusterId cluster_;
  std::unique_ptr<OpLog> log_;
  std::vector<TermEnd> terms_;
  Snapshotter snapshotter_;
  RecoveryReport report_;
  News news_;
  std::vector<OperationResult> ended_;  // operations, for the next Collect
  Now now_;

  std::array<bool, OpLog::kSyncsMax> syncing_{};  // by worker
  std::int64_t unsynced_since_us_ = 0;            // of the oldest record that no sync has begun for
  std::int64_t sync_begun_us_ = 0;                // the newest one
  std::int64_t last_sync_us_ = 0;                 // how long it took
  std::uint64_t last_group_ = 0;                  // how many records the last sync was for
  std::int64_t gather_until_us_ = 0;              // how long the next one waits for as many
  bool is_member_ = false;
  bool holds_log_ = true;  // no arbiter node
  StoreMeta vote_;         // as asked last
  std::uint64_t votes_stored_ = 0;
  Revision committed_{UINT64_MAX};
  bool marking_ = false;
  std::int64_t next_mark_us_ = 0;
  Revision marked_;
  std::int64_t next_spare_us_ = 0;
  std::int64_t next_reserve_us_ = 0;
  std::uint64_t bytes_since_snapshot_ = 0;
  std::uint64_t snapshot_bytes_ = 0;  // of log that the one under way covers
  std::int64_t retry_us_ = 0;         // after one that failed, none by itself before
  std::int64_t next_snapshot_us_ = 0;
  Revision last_snapshot_;
  std::vector<OperationId> waiting_;  // for the snapshot that is under way
  std::vector<OperationId> queued_;   // for the one after it
  std::size_t reading_ = 0;           // `oplog since`
  Revision needed_after_{UINT64_MAX};
  std::weak_ptr<BackupHold> backup_;     // the one that is being sent
  std::weak_ptr<BackupHold> full_sync_;  // likewise
  Revision told_backups_;                // up to where they know that the log is on disk
};

}  // namespace nunc
