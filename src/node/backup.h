// A backup of the running node as a stream: the store as it was, and the records since. A full sync
// is the same, with what another member needs to go on from there.
//
// Shape:   walks the store up to S for at most kSliceUs a Pull; the bulk worker compresses. When
//          the walk has ended at E, and the log is on disk up to there, it reads the records behind
//          S up to E; then comes the end block. Together that is the state at E, whatever changed
//          meanwhile. Of one database alone the records of the others are left out, each one whole.
// Errors:  kFailed: the log could not be read or was cleaned meanwhile, the one database was
//          dropped, or it took too long. The file then has no end block. The log says which.
// Limits:  kBlocksMax blocks are made and not pulled; kBackupUsMax (base/limits.h) for all of it.
// Owner:   the door that sends it. The log is not cleaned behind S as long as its hold counts.
// Source:  docs/backup.md; docs/formats-snapshot.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store_walk.h"
#include "node/body_source.h"
#include "node/node.h"
#include "node/recovery.h"
#include "storage/oplog.h"
#include "storage/oplog_reader.h"
#include "storage/snapshot_items.h"
#include "storage/snapshot_writer.h"

namespace nunc {

// What a backup and the node agree on while it lives.
struct BackupHold {
  Revision after;             // the log must keep everything behind it
  std::int64_t until_us = 0;  // but no longer than that, of the monotonic clock
  std::function<void()> wake{};
};

class Backup final : public BodySource {
 public:
  struct Source {
    PersistenceWorld world;
    Node& node;
    const OpLog& log;
    ClusterId cluster{};
    std::vector<TermEnd> terms{};
    SnapshotKind kind = SnapshotKind::kBackup;
    Revision committed{};  // of a full sync
  };
  // `only`: that database; zero: everything.
  Backup(Source source, DatabaseId only, std::shared_ptr<BackupHold> hold);

  State Pull(std::string& piece) override;
  void OnMore(std::function<void()> wake) override { hold_->wake = std::move(wake); }
  [[nodiscard]] std::size_t BufferedBytes() const override { return running_->bytes; }

 private:
  static constexpr std::int64_t kSliceUs = 500;
  static constexpr std::size_t kBlocksMax = 4;

  // What the jobs work on; they keep it alive.
  struct Running {
    explicit Running(const SnapshotHead& head) : encoder(head) {}
    // Of the jobs.
    SnapshotEncoder encoder;
    std::optional<LogReader> reader;
    DatabaseId only{};
    bool positioned = false;
    Revision next{};  // record to be read
    Revision last{};
    std::uint64_t records = 0;
    std::string raw;
    // Of the loop.
    std::deque<std::string> blocks;
    std::size_t bytes = 0;
    std::size_t in_flight = 0;
    bool records_read = false;
    bool failed = false;
  };
  enum class Step : std::uint8_t { kWalk, kSealed, kRecords, kDone };

  // What a job has made.
  struct Made {
    std::string block{};
    bool last = false;  // of the records
    std::string failure{};
  };

  void Work();
  void Walk();
  void FlushBlock();
  void Seal();
  void ReadRecords();
  void GiveUp(std::string_view why);
  static Made ReadBlock(Running& running);
  template <class Job>
  void Submit(Job job);

  Source source_;
  DatabaseId only_;
  std::shared_ptr<BackupHold> hold_;
  std::shared_ptr<Running> running_;
  Step step_ = Step::kWalk;
  std::unique_ptr<StoreWalk> walk_;  // null: it has ended
  BlockBuilder builder_;
  SnapshotEnd end_;
};

}  // namespace nunc
