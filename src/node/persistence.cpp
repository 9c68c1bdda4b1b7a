#include "node/persistence.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "core/permissions.h"
#include "storage/oplog_reader.h"
#include "storage/record_line.h"

namespace nunc {
namespace {

// Between the terms of two starts.
constexpr std::uint64_t kTermStepMax = std::uint64_t{1} << 24;

// The durable mark is a lower bound: it need not follow every sync.
constexpr std::int64_t kMarkIntervalUs = 1'000'000;
// When a full disk is asked again.
constexpr std::int64_t kFullRetryUs = 200'000;
constexpr std::int64_t kGatherUsMax = 500;
// A second sync begins beside one that has run for so long.
constexpr std::int64_t kBesideUs = 500;
// The loop polls for the end of a sync for so long, where the one before took no longer.
constexpr std::int64_t kPollUsMax = 300;
constexpr std::int64_t kSnapshotRetryUs = 60'000'000;
// Of what `oplog since` answers; a longer answer ends there and says so.
constexpr std::size_t kSinceBytesMax = std::size_t{16} << 20;
constexpr std::size_t kSincesMax = 4;  // at once

// Which names the databases have, for lines about records.
using DatabaseNames = std::vector<std::pair<DatabaseId, std::string>>;

std::string_view NameOf(const DatabaseNames& names, DatabaseId id) {
  const auto found =
      std::ranges::find_if(names, [id](const auto& named) { return named.first == id; });
  return found == names.end() ? std::string_view{} : std::string_view(found->second);
}

bool Matches(const Record& record, const Operation& operation) {
  if (!(operation.database == DatabaseId{}) && !(record.database == operation.database)) {
    return false;
  }
  return operation.pattern.empty() ||
         std::ranges::any_of(record.items, [&](const RecordItem& item) {
           return MatchesPattern(item.key, operation.pattern);
         });
}

// Runs on the worker.
void ReadSince(Disk& disk, LogView view, const Operation& operation, const DatabaseNames& names,
               OperationResult& result) {
  result.title = "oplog-since";
  LogReader reader(disk, std::move(view));
  Result<void> found = operation.from.kind == LogPlace::Kind::kTime
                           ? reader.SeekTime(operation.from.time_us)
                           : reader.SeekRevision(operation.from.revision);
  std::size_t bytes = 0;
  while (found && result.lines.size() < operation.limit && bytes < kSinceBytesMax) {
    Result<std::optional<DecodedRecord>> next = reader.Next();
    if (!next) {
      found = tl::unexpected(next.error());
      break;
    }
    const std::optional<DecodedRecord> record = *std::move(next);
    if (!record || record->record.revision > operation.to) {
      return;
    }
    if (Matches(record->record, operation)) {
      result.lines.push_back(RecordLine(*record, NameOf(names, record->record.database)));
      bytes += result.lines.back().size();
    }
  }
  if (!found) {
    result.failure = found.error().detail;
  }
}

}  // namespace

Persistence::Persistence(const PersistenceWorld& world, Node& node,
                         const PersistenceOptions& options, Recovered recovered,
                         std::unique_ptr<OpLog> log)
    : world_(world),
      node_(node),
      options_(options),
      meta_(std::move(recovered.meta)),
      cluster_(meta_->value().cluster),
      log_(std::move(log)),
      terms_(std::move(recovered.terms)),
      snapshotter_(world, node, std::move(recovered.snapshots)),
      report_(std::move(recovered.report)) {
  if (!snapshotter_.snapshots().empty()) {
    last_snapshot_ = snapshotter_.snapshots().front().start;
  }
  bytes_since_snapshot_ = report_.record_bytes;
  now_ = {.mono_us = world_.clock.MonotonicUs(), .wall_us = world_.clock.WallUs()};
  next_snapshot_us_ = now_.mono_us + options_.snapshot_every_us;
}

Result<std::unique_ptr<Persistence>> Persistence::Start(const PersistenceWorld& world, Node& node,
                                                        const PersistenceOptions& options,
                                                        Recovered recovered) {
  const ChainEnd end = recovered.log.end;
  Meta meta = recovered.meta->value();
  if (!recovered.report.fresh) {
    meta.term = std::max(meta.term, end.term);
    // Copies of a folder are the same history up to here, and then no more: by some distance, so
    // that none takes the terms of another for its own.
    meta.term.value += Planted(Bug::kTermNotRaised) ? 0U : 1 + world.random.Next() % kTermStepMax;
  }
  auto persistence = Open(world, node, options, std::move(recovered), meta);
  if (!persistence) {
    return persistence;
  }
  (*persistence)->BeginTerm(meta.term, end);
  if (Result<void> written = (*persistence)->WriteThrough(); !written) {
    return tl::unexpected(written.error());
  }
  return persistence;
}

// The meta file first: before any record of its term exists.
Result<std::unique_ptr<Persistence>> Persistence::Open(const PersistenceWorld& world, Node& node,
                                                       const PersistenceOptions& options,
                                                       Recovered recovered, Meta meta) {
  meta.durable = recovered.log.end.revision;
  if (Result<void> stored = recovered.meta->Store(meta); !stored) {
    return tl::unexpected(stored.error());
  }
  Result<std::unique_ptr<OpLog>> log =
      OpLog::Open(world.log, {.cluster = meta.cluster, .segment_bytes = options.segment_bytes},
                  std::move(recovered.log));
  if (!log) {
    return tl::unexpected(log.error());
  }
  return std::unique_ptr<Persistence>(
      new Persistence(world, node, options, std::move(recovered), std::move(*log)));
}

void Persistence::BeginTerm(Term term, const ChainEnd& end) {
  Output unheard;
  node_.Step(TurnStarted{.now = now_, .log_room = log_room()}, unheard);
  node_.BeginTerm(term, end, cluster_[0] ^ cluster_[1], terms_);
  terms_.push_back({.term = term, .last = end.revision});
}

Result<void> Persistence::WriteThrough() {
  const Result<void> ended = EndTurn(now_);
  return ended ? Finish() : ended;
}

void Persistence::Fail(const Error& error) {
  if (!news_.failure) {
    news_.failure = error;
  }
}

const Persistence::News& Persistence::Collect() {
  world_.sync.Collect(Wait::kNo);
  if (world_.sync_beside != nullptr) {
    world_.sync_beside->Collect(Wait::kNo);
  }
  world_.bulk.Collect(Wait::kNo);
  news_.results = std::exchange(ended_, {});
  news_.durable = Planted(Bug::kGateAtWritten) ? log_->written() : log_->durable();
  if (is_member_) {
    news_.durable = committed_;  // what one disk has may still be taken back
  }
  WakeBackups();
  return news_;
}

Result<void> Persistence::EndTurn(Now now) {
  now_ = now;
  if (Result<void> written = WriteRecords(); !written) {
    return written;
  }
  KeepRoom();
  if (CanSync() && now.mono_us >= next_sync_us()) {
    StartSync();
  }
  const bool mark = log_->durable() > marked_ && now.mono_us >= next_mark_us_;
  if (!marking_ && (mark || vote_.counter > votes_stored_)) {
    StartMark();
  }
  BeginOperations();
  RunSnapshot();
  if (news_.failure) {
    return tl::unexpected(*news_.failure);
  }
  return {};
}

// Where clients wait, at once. Beside a sync that runs, only when that takes long: one sync for all
// costs less than two for halves. For the same reason, when most of those whom the last sync
// answered have not come back yet, they get as long as that sync took.
std::int64_t Persistence::next_sync_us() const {
  const Revision awaited = node_.gate().awaited();
  if (awaited <= log_->sync_begun()) {
    return unsynced_since_us_ + options_.sync_interval_us;
  }
  if (is_syncing()) {
    return sync_begun_us_ + kBesideUs;
  }
  const bool most_are_back = (awaited.value - log_->durable().value) * 2 >= last_group_;
  return most_are_back ? now_.mono_us : gather_until_us_;
}

std::int64_t Persistence::poll_until_us() const {
  const bool polls = options_.polls_for_sync && is_syncing() && last_sync_us_ <= kPollUsMax &&
                     node_.gate().awaited() > log_->durable();
  return polls ? sync_begun_us_ + kPollUsMax : INT64_MIN;
}

std::int64_t Persistence::next_us() const {
  const bool due = !queued_.empty() && !snapshotter_.running();
  if (snapshotter_.ready() || due || !ended_.empty()) {
    return now_.mono_us;
  }
  // Where nothing has changed the time of a snapshot passes.
  const bool by_time = HasNews() && !snapshotter_.running();
  std::int64_t next_us =
      by_time ? std::max(next_snapshot_us_, retry_us_) : now_.mono_us + options_.snapshot_every_us;
  if (CanSync()) {
    next_us = std::min(next_us, next_sync_us());
  }
  if (!marking_ && log_->durable() > marked_) {
    next_us = std::min(next_us, next_mark_us_);
  }
  return !marking_ && vote_.counter > votes_stored_ ? now_.mono_us : next_us;
}

Result<void> Persistence::WriteRecords() {
  const std::string_view records = node_.records();
  if (records.empty() || (Planted(Bug::kAckBeforeWrite) && log_->durable() > marked_)) {
    return {};
  }
  if (log_->sync_begun() == (Planted(Bug::kDeferredSync) ? marked_ : log_->written())) {
    unsynced_since_us_ = now_.mono_us;
  }
  if (Result<void> appended = log_->Append(records); !appended) {
    return appended;
  }
  bytes_since_snapshot_ += records.size();
  if (is_member_) {
    NoteTerms(records);
  } else {
    terms_.back().last = log_->written();
  }
  node_.ClearRecords();
  return {};
}

// Writers must find a place in the log without asking the disk in the middle of a turn.
void Persistence::KeepRoom() {
  if (!holds_log_) {
    return;
  }
  if (log_->NeedsSpare() && now_.mono_us >= next_spare_us_) {
    FillSpare(std::make_shared<SpareWork>(log_->BeginSpare()));
  }
  if (log_->room() < options_.segment_bytes / 2 && now_.mono_us >= next_reserve_us_) {
    if (const Result<void> reserved = log_->ReserveNow(); !reserved) {
      next_reserve_us_ = now_.mono_us + kFullRetryUs;
      if (reserved.error().fault != Fault::kNoSpace) {
        Fail(reserved.error());
      }
    }
  }
}

void Persistence::FillSpare(const std::shared_ptr<SpareWork>& work) {
  auto result = std::make_shared<Result<void>>();
  world_.bulk.Submit([work, result] { *result = work->Run(); },
                     [this, work, result] {
                       if (*result && !work->finished()) {
                         return FillSpare(work);
                       }
                       log_->OnSpare(*work, *result);
                       if (!*result) {
                         next_spare_us_ = now_.mono_us + kFullRetryUs;
                         if (result->error().fault != Fault::kNoSpace) {
                           Fail(result->error());
                         }
                       }
                     });
}

bool Persistence::is_syncing() const {
  return std::ranges::find(syncing_, true) != syncing_.end();
}

bool Persistence::CanSync() const {
  const bool free = !syncing_[0] || (world_.sync_beside != nullptr && !syncing_[1]);
  return free && log_->NeedsSync();
}

void Persistence::StartSync() {
  const std::size_t number = syncing_[0] ? 1 : 0;
  Worker& worker = number == 0 ? world_.sync : *world_.sync_beside;
  syncing_[number] = true;
  auto work = std::make_shared<SyncWork>(log_->BeginSync());
  auto result = std::make_shared<Result<void>>();
  const std::int64_t begun_us = world_.clock.MonotonicUs();  // the turn may have been long
  sync_begun_us_ = begun_us;
  unsynced_since_us_ = begun_us;  // what comes from now on is younger
  worker.Submit([work, result] { *result = work->Run(); },
                [this, work, result, begun_us, number] {
                  syncing_[number] = false;
                  const std::int64_t ended_us = world_.clock.MonotonicUs();
                  last_sync_us_ = ended_us - begun_us;
                  gather_until_us_ = ended_us + std::min(last_sync_us_, kGatherUsMax);
                  const Revision before = log_->durable();
                  if (*result) {
                    log_->OnSynced(work->revision());
                    last_group_ = log_->durable().value - before.value;
                  } else {
                    log_->OnSyncFailed();
                    Fail(result->error());
                  }
                });
}

void Persistence::StartMark() {
  marking_ = true;
  Meta meta = meta_->value();
  meta.durable = Planted(Bug::kMarkAhead) ? log_->written() : log_->durable();
  if (is_member_) {
    meta.cluster = vote_.cluster;
    meta.term = vote_.term;
    meta.voted_for = vote_.voted_for.value;
    meta.floor = vote_.floor;
    meta.commit = std::max(meta.commit, std::min(committed_, meta.durable));
    const std::vector<Store::MembersRecord>& members = node_.store().members();
    meta.joins = meta.joins && (members.empty() || members.front().revision > meta.commit);
  }
  auto result = std::make_shared<Result<void>>();
  meta_worker().Submit([meta_file = meta_, meta, result] { *result = meta_file->Store(meta); },
                       [this, meta, result, vote = vote_.counter] {
                         marking_ = false;
                         marked_ = meta.durable;
                         votes_stored_ = vote;
                         next_mark_us_ = now_.mono_us + kMarkIntervalUs;
                         if (!*result) {
                           Fail(result->error());
                         }
                       });
}

Result<void> Persistence::Finish() {
  while (!news_.failure && (log_->NeedsSync() || is_syncing())) {
    if (CanSync()) {
      StartSync();
    }
    Worker& worker = syncing_[0] ? world_.sync : *world_.sync_beside;
    worker.Collect(Wait::kForOne);
  }
  while (!news_.failure && (marking_ || log_->durable() > marked_)) {
    if (!marking_) {
      StartMark();
    }
    meta_worker().Collect(Wait::kForOne);
  }
  if (news_.failure) {
    return tl::unexpected(*news_.failure);
  }
  return {};
}

// ---- operations

void Persistence::BeginOperations() {
  for (Operation& operation : node_.operations()) {
    Begin(std::move(operation));
  }
  node_.operations().clear();
}

void Persistence::Begin(Operation operation) {
  switch (operation.kind) {
    case OperationKind::kSnapshot:
      // One that is still being walked ends later than the command, and is as good.
      (snapshotter_.walking() ? waiting_ : queued_).push_back(operation.id);
      return;
    case OperationKind::kOplogInfo:
      ended_.push_back(Info(operation.id));
      return;
    case OperationKind::kOplogSince:
      return BeginSince(std::move(operation));
    case OperationKind::kOplogClean:
      return Clean(operation);
  }
}

void Persistence::BeginSince(Operation operation) {
  if (reading_ == kSincesMax) {
    ended_.push_back({.id = operation.id,
                      .failure = "busy: at most " + std::to_string(kSincesMax) +
                                 " `oplog since` are answered at once"});
    return;
  }
  ++reading_;
  auto result = std::make_shared<OperationResult>(OperationResult{.id = operation.id});
  DatabaseNames names;
  for (const DatabaseState& state : node_.store().States()) {
    names.emplace_back(state.id, state.name);
  }
  world_.bulk.Submit(
      [disk = &world_.log, view = log_->View(), operation = std::move(operation),
       names = std::move(names),
       result]() mutable { ReadSince(*disk, std::move(view), operation, names, *result); },
      [this, result] {
        --reading_;
        ended_.push_back(std::move(*result));
      });
}

OperationResult Persistence::Info(OperationId id) const {
  const OpLogInfo info = log_->Info();
  OperationResult result{.id = id, .title = "oplog-info"};
  const auto add = [&result](std::string_view name, std::uint64_t number) {
    result.lines.push_back(std::string(name) + ": " + std::to_string(number));
  };
  add("segments", info.segments);
  add("bytes", info.bytes);
  add("first_revision", info.first.value);
  add("last_revision", info.last.value);
  add("durable_revision", log_->durable().value);
  result.lines.push_back("first_time: " + TimeText(info.first_time_us));
  result.lines.push_back("last_time: " + TimeText(info.last_time_us));
  add("term", node_.end().term.value);
  for (const SnapshotInfo& snapshot : snapshotter_.snapshots()) {
    add("snapshot_revision", snapshot.start.value);
  }
  return result;
}

void Persistence::Clean(const Operation& operation) {
  Revision below = operation.from.revision;
  if (operation.by_keep) {
    below = operation.keep.bytes != UINT64_MAX
                ? log_->CleanPointForSize(operation.keep.bytes)
                : log_->CleanPointForTime(now_.wall_us - operation.keep.age_us);
  } else if (operation.from.kind == LogPlace::Kind::kTime) {
    below = log_->CleanPointForTime(operation.from.time_us);
  }
  const std::uint64_t before = log_->Info().bytes;
  CleanLog(below);
  const OpLogInfo after = log_->Info();
  ended_.push_back({.id = operation.id,
                    .title = "oplog-clean",
                    .lines = {"freed_bytes: " + std::to_string(before - after.bytes),
                              "first_revision: " + std::to_string(after.first.value)}});
}

// Never what the older of two snapshots needs to be of use: a single one may turn out damaged.
void Persistence::CleanLog(Revision below) {
  const std::vector<SnapshotInfo>& snapshots = snapshotter_.snapshots();
  if (snapshots.size() < 2) {
    return;
  }
  Revision needed_after = std::min(snapshots.back().start, committed_);
  if (log_->Info().bytes <= options_.log_bytes_max) {
    needed_after = std::min(needed_after, needed_after_);
    for (const std::shared_ptr<BackupHold>& hold : Holds()) {
      if (now_.mono_us < hold->until_us) {
        needed_after = std::min(needed_after, hold->after);
      }
    }
  }
  const Revision needed{needed_after.value + 1};
  const Result<std::uint64_t> cleaned =
      log_->Clean(Planted(Bug::kCleanTooMuch) ? below : std::min(below, needed));
  if (!cleaned) {
    Fail(cleaned.error());
  }
}

// ---- backups

std::unique_ptr<BodySource> Persistence::BeginStream(SnapshotKind kind, DatabaseId only) {
  std::weak_ptr<BackupHold>& held = kind == SnapshotKind::kBackup ? backup_ : full_sync_;
  if (!held.expired()) {
    return nullptr;
  }
  auto hold = std::make_shared<BackupHold>(BackupHold{
      .after = node_.end().revision, .until_us = world_.clock.MonotonicUs() + kBackupUsMax});
  held = hold;
  return std::make_unique<Backup>(Backup::Source{.world = world_,
                                                 .node = node_,
                                                 .log = *log_,
                                                 .cluster = cluster_,
                                                 .terms = terms_,
                                                 .kind = kind,
                                                 .committed = committed_},
                                  only, std::move(hold));
}

std::vector<std::shared_ptr<BackupHold>> Persistence::Holds() const {
  std::vector<std::shared_ptr<BackupHold>> holds;
  for (const std::weak_ptr<BackupHold>& held : {backup_, full_sync_}) {
    if (std::shared_ptr<BackupHold> hold = held.lock(); hold != nullptr) {
      holds.push_back(std::move(hold));
    }
  }
  return holds;
}

// One may wait for its last record to be on disk.
void Persistence::WakeBackups() {
  const Revision durable = log_->durable();
  if (std::exchange(told_backups_, durable) == durable) {
    return;
  }
  for (const std::shared_ptr<BackupHold>& hold : Holds()) {
    if (hold->wake) {
      hold->wake();
    }
  }
}

// ---- snapshots

// For a snapshot to cover.
bool Persistence::HasNews() const {
  return log_->written() > last_snapshot_ && bytes_since_snapshot_ > 0;
}

bool Persistence::SnapshotIsDue() const {
  if (!queued_.empty()) {
    return true;
  }
  if (!HasNews() || now_.mono_us < retry_us_) {
    return false;
  }
  // The log is cleaned by whole segments, so less than one's worth of news would free nothing.
  return bytes_since_snapshot_ >= options_.snapshot_every_bytes ||
         now_.mono_us >= next_snapshot_us_ ||
         (bytes_since_snapshot_ >= options_.segment_bytes &&
          log_->Info().bytes > options_.log_bytes_max);
}

void Persistence::RunSnapshot() {
  if (!snapshotter_.running() && SnapshotIsDue()) {
    waiting_ = std::exchange(queued_, {});
    snapshot_bytes_ = std::exchange(bytes_since_snapshot_, 0);
    next_snapshot_us_ = now_.mono_us + options_.snapshot_every_us;
    last_snapshot_ = log_->written();
    snapshotter_.Begin(cluster_, terms_);
  }
  snapshotter_.Slice(std::min(log_->durable(), committed_));
  const std::optional<Result<void>> outcome = snapshotter_.Take();
  if (!outcome) {
    return;
  }
  if (!*outcome && outcome->error().fault != Fault::kNoSpace) {
    Fail(outcome->error());
  }
  for (const OperationId id : std::exchange(waiting_, {})) {
    ended_.push_back({.id = id, .failure = *outcome ? "" : outcome->error().detail});
  }
  if (!*outcome) {
    // What it was to cover is still to be covered.
    bytes_since_snapshot_ += snapshot_bytes_;
    last_snapshot_ = {};
    retry_us_ = now_.mono_us + kSnapshotRetryUs;
    next_snapshot_us_ = std::min(next_snapshot_us_, retry_us_);
    return;
  }
  CleanLog(std::max(log_->CleanPointForSize(options_.keep.bytes),
                    log_->CleanPointForTime(now_.wall_us - options_.keep.age_us)));
}

}  // namespace nunc
