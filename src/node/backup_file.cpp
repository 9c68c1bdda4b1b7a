#include "node/backup_file.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "core/store_walk.h"
#include "node/recovery.h"
#include "node/snapshot_parts.h"
#include "storage/meta.h"
#include "storage/oplog_state.h"
#include "storage/record.h"
#include "storage/snapshot_names.h"
#include "storage/snapshot_writer.h"

namespace nunc {
namespace {

tl::unexpected<Error> Damaged(std::string detail) {
  return Fail(Fault::kDamaged, std::move(detail));
}

class BackupVisitor final : public SnapshotVisitor {
 public:
  // `store`: null: nothing is kept.
  BackupVisitor(const SnapshotHead& head, std::string_view only, Store* store)
      : head_(head),
        only_(only),
        store_(store),
        chain_(head.start.chain),
        last_(head.start.revision),
        time_us_(head.start.time_us),
        terms_(head.terms) {
    NoteTerm(terms_, head.start.term, head.start.revision);
  }

  Result<void> OnDatabase(const DatabaseState& database) override {
    wanted_ = only_.empty() || database.name == only_;
    if (!wanted_ || store_ == nullptr) {
      return {};
    }
    chosen_ = database.id;
    return store_->LoadDatabase(database);
  }

  Result<void> OnEntry(const EntryState& entry) override {
    return wanted_ && store_ != nullptr ? store_->LoadEntry(entry) : Result<void>();
  }

  Result<void> OnRetries(const RetryState& retries) override {
    return wanted_ && store_ != nullptr ? store_->LoadRetries(retries) : Result<void>();
  }

  Result<void> OnRecords(std::string_view records) override {
    EndEntries();
    while (!records.empty()) {
      const Result<std::optional<DecodedRecord>> decoded =
          head_.filter.empty() ? decoder_.Decode(records, chain_) : decoder_.DecodeChecked(records);
      if (!decoded) {
        return tl::unexpected(decoded.error());
      }
      if (!decoded->has_value()) {
        return Damaged("a record reaches beyond its block");
      }
      const Revision revision = (*decoded)->record.revision;
      const bool follows =
          head_.filter.empty() ? revision.value == last_.value + 1 : revision > last_;
      if (!follows) {
        return Damaged("a record is not in the order of revisions");
      }
      last_ = revision;
      chain_ = (*decoded)->checksum;
      NoteTerm(terms_, (*decoded)->term, revision);
      time_us_ = (*decoded)->record.time_us;
      ++records_;
      if (Result<void> applied = Apply((*decoded)->record); !applied) {
        return applied;
      }
      records.remove_prefix((*decoded)->bytes);
    }
    return {};
  }

  Result<void> CheckEnd(const SnapshotEnd& end) {
    EndEntries();
    const bool complete = head_.filter.empty() ? last_ == end.revision : last_ <= end.revision;
    return complete && records_ == end.records
               ? Result<void>()
               : Damaged("it does not hold the records that its end says");
  }

  // Of a whole backup: where its records end.
  [[nodiscard]] ChainEnd end() const {
    return {.term = terms_.back().term, .revision = last_, .time_us = time_us_, .checksum = chain_};
  }
  [[nodiscard]] std::vector<TermEnd> TakeTerms() { return std::move(terms_); }

 private:
  // Ids that other databases have had stay taken.
  void EndEntries() {
    if (store_ != nullptr && !std::exchange(entries_ended_, true)) {
      store_->SetLoaded({.revision = head_.start.revision, .time_us = head_.start.time_us},
                        head_.highest_database);
      if (!head_.members.empty()) {
        store_->LoadMembers({.revision = head_.members_at, .members = head_.members});
      }
    }
  }

  Result<void> Apply(const Record& record) {
    if (store_ == nullptr || Planted(Bug::kFleetSyncRecordsLost)) {
      return {};
    }
    if (only_.empty()) {
      return store_->Apply(record);
    }
    if (record.type == RecordType::kCreateDatabase && record.spec.name == only_) {
      if (record.database == DatabaseId{} || record.database.value > kDatabaseIdMax) {
        return Damaged("a database that cannot be one");
      }
      chosen_ = record.database;
      store_->SetLoaded({}, {.value = record.database.value - 1});
    }
    const bool other = chosen_ == DatabaseId{} || record.database != chosen_;
    return other ? Result<void>() : store_->Apply(record);
  }

  const SnapshotHead& head_;
  std::string_view only_;
  Store* store_;
  RecordDecoder decoder_;
  DatabaseId chosen_;
  bool wanted_ = false;
  bool entries_ended_ = false;
  std::uint64_t chain_;
  Revision last_;
  std::int64_t time_us_;
  std::vector<TermEnd> terms_;
  std::uint64_t records_ = 0;
};

Result<SnapshotReader> OpenBackup(ByteSource& source, std::string name,
                                  SnapshotKind kind = SnapshotKind::kBackup) {
  Result<SnapshotReader> reader = SnapshotReader::Open(source, std::move(name));
  if (!reader) {
    return reader;
  }
  if (reader->head().kind != kind) {
    return Fail(Fault::kInvalid,
                reader->name() + (kind == SnapshotKind::kBackup
                                      ? ": a file of a data folder, which is nothing without the "
                                        "others there; not a backup"
                                      : ": no full sync"));
  }
  if (reader->head().highest_database.value > kDatabaseIdMax) {
    return Damaged(reader->name() + ": the ids of databases are beyond their limit");
  }
  return reader;
}

Result<SnapshotSummary> ReadBackup(SnapshotReader& reader, BackupVisitor& visitor,
                                   const BackupProgress& progress) {
  Result<SnapshotSummary> summary = ReadSnapshot(
      reader, visitor, {.progress = [&](const SnapshotProgress& at) { progress(at.bytes); }});
  if (!summary) {
    return summary;
  }
  if (const Result<void> whole = visitor.CheckEnd(summary->end); !whole) {
    return Fail(whole.error().fault, reader.name() + ": " + whole.error().detail);
  }
  return summary;
}

// `$admin` lists the databases; a backup of one has only that one.
Result<void> ListInAdmin(Store& store, std::string_view name, Revision revision) {
  if (Result<void> loaded = store.LoadDatabase(store.admin().State()); !loaded) {
    return loaded;
  }
  return store.LoadEntry({.key = name, .value = "{}", .revision = revision});
}

Result<SnapshotSummary> NotFound(const std::string& file, std::string_view name) {
  return Fail(Fault::kNotFound, file + ": there is no database " + std::string(name) + " in it");
}

}  // namespace

Result<void> WriteExactSnapshot(Disk& disk, Store& store, const SnapshotHead& head) {
  Result<SnapshotFile> file =
      SnapshotFile::Create(disk, UnfinishedSnapshotName(head.start.revision), head);
  if (!file) {
    return tl::unexpected(file.error());
  }
  BlockBuilder builder;
  StoreWalk walk(store, head.start.revision);
  for (bool more = true; more;) {
    more = AddItem(builder, walk.Next());
    if (builder.full() || (!more && !builder.empty())) {
      if (Result<void> written = file->Append(BlockKind::kEntries, builder.Take()); !written) {
        return written;
      }
    }
  }
  const SnapshotEnd end = MakeSnapshotEnd(
      store,
      {.term = head.start.term, .revision = head.start.revision, .time_us = head.start.time_us},
      builder);
  if (Result<void> finished = file->Finish(end); !finished) {
    return finished;
  }
  return PublishSnapshot(disk, UnfinishedSnapshotName(head.start.revision),
                         SnapshotName(head.start.revision));
}

Result<SnapshotSummary> VerifyBackup(ByteSource& source, std::string name,
                                     const BackupProgress& progress) {
  Result<SnapshotReader> reader = OpenBackup(source, std::move(name));
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  BackupVisitor visitor(reader->head(), {}, nullptr);
  return ReadBackup(*reader, visitor, progress);
}

Result<SnapshotSummary> LoadBackup(ByteSource& source, std::string name, std::string_view only,
                                   Store& store, const BackupProgress& progress) {
  Result<SnapshotReader> reader = OpenBackup(source, std::move(name));
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  const std::string& filter = reader->head().filter;
  if (only == kAdminDatabase || filter == kAdminDatabase) {
    return Fail(Fault::kInvalid, reader->name() +
                                     ": the database $admin comes back with all others "
                                     "alone, into a folder");
  }
  if (!filter.empty() && !only.empty() && filter != only) {
    return NotFound(reader->name(), only);
  }
  store.StartLoading();
  BackupVisitor visitor(reader->head(), only, &store);
  Result<SnapshotSummary> summary = ReadBackup(*reader, visitor, progress);
  if (!summary) {
    return summary;
  }
  const std::string_view one = only.empty() ? std::string_view(filter) : only;
  if (!one.empty()) {
    if (store.Find(one) == nullptr) {
      return NotFound(reader->name(), one);
    }
    if (Result<void> listed = ListInAdmin(store, one, summary->end.revision); !listed) {
      return tl::unexpected(listed.error());
    }
  }
  for (const SnapshotHorizon& horizon : summary->end.horizons) {
    store.LoadHorizon(horizon.database, horizon.horizon);
  }
  store.FinishLoading();
  return summary;
}

Result<FullState> LoadFullSync(ByteSource& source, std::string name, Store& store,
                               const BackupProgress& progress) {
  Result<SnapshotReader> reader = OpenBackup(source, std::move(name), SnapshotKind::kFullSync);
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  if (!reader->head().filter.empty()) {
    return Damaged(reader->name() + ": a full sync is of all databases");
  }
  store.StartLoading();
  BackupVisitor visitor(reader->head(), {}, &store);
  Result<SnapshotSummary> summary = ReadBackup(*reader, visitor, progress);
  if (!summary) {
    return tl::unexpected(summary.error());
  }
  FullState state{.summary = std::move(*summary), .end = visitor.end()};
  state.terms = visitor.TakeTerms();
  const SnapshotEnd& end = state.summary.end;
  if (end.term != state.end.term || end.time_us != state.end.time_us) {
    return Damaged(reader->name() + ": its end is not where its records end");
  }
  for (const SnapshotHorizon& horizon : end.horizons) {
    store.LoadHorizon(horizon.database, horizon.horizon);
  }
  store.FinishLoading();
  return state;
}

Result<void> WriteFolder(const RestoreWorld& world, Store& store, const SnapshotSummary& backup,
                         std::uint64_t segment_bytes) {
  const std::int64_t now_us = world.clock.WallUs();
  const Term term{
      std::max(static_cast<std::uint64_t>(now_us / 1'000'000), backup.end.term.value + 1)};
  const Revision revision = backup.end.revision;
  const Meta meta{.cluster = {world.random.Next(), world.random.Next()},
                  .node = static_cast<std::uint64_t>(now_us),
                  .incarnation = world.random.Next(),
                  .term = term,
                  .durable = revision};
  const ChainEnd start{.term = term, .revision = revision, .time_us = backup.end.time_us};
  // Terms of the old history are not taken over: who was there before starts anew.
  const SnapshotHead head{
      .cluster = meta.cluster,
      .start = {.term = term, .revision = revision, .time_us = backup.end.time_us},
      .highest_database = {.value = store.NextDatabaseId().value - 1},
      .last_conflict = backup.head.last_conflict,
      .terms = {{.term = term, .last = revision}}};
  if (Result<void> done = WriteExactSnapshot(world.data, store, head); !done) {
    return done;
  }
  const Result<LogState> log =
      CreateLog(world.log, {.cluster = meta.cluster, .segment_bytes = segment_bytes}, start);
  if (!log) {
    return tl::unexpected(log.error());
  }
  // Until it is there a start refuses the folder.
  const Result<std::unique_ptr<MetaFile>> file = MetaFile::Create(world.data, meta);
  return file ? Result<void>() : tl::unexpected(file.error());
}

}  // namespace nunc
