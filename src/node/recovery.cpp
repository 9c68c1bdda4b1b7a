#include "node/recovery.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/planted.h"
#include "node/full_sync_file.h"
#include "storage/segment.h"
#include "storage/snapshot_reader.h"

namespace nunc {
namespace {

constexpr std::string_view kWaysOn =
    ". Nothing was changed. The two ways on: `nunc repair --keep-prefix FOLDER` keeps what is "
    "intact and gives up the rest; or restore a backup, a copy of the folder from before";

class StoreVisitor final : public SnapshotVisitor {
 public:
  explicit StoreVisitor(Store& store) : store_(store) {}

  Result<void> OnDatabase(const DatabaseState& database) override {
    return store_.LoadDatabase(database);
  }
  Result<void> OnEntry(const EntryState& entry) override { return store_.LoadEntry(entry); }
  Result<void> OnRetries(const RetryState& retries) override { return store_.LoadRetries(retries); }
  void OnSoon(std::string_view key) override { store_.ExpectEntry(key); }

 private:
  Store& store_;
};

// What a first start leaves that did not come to its meta file: it syncs the header before the
// segment gets its name, and the first record fills in its term.
Result<bool> IsWithoutRecords(Disk& disk, const SegmentInfo& segment) {
  const Result<std::unique_ptr<File>> file = disk.Open(SegmentName(segment.first), OpenMode::kRead);
  if (!file) {
    return tl::unexpected(file.error());
  }
  std::string bytes(kSegmentHeaderBytes, '\0');
  const Result<std::size_t> read = (*file)->Read(0, std::span(bytes));
  if (!read) {
    return tl::unexpected(read.error());
  }
  bytes.resize(*read);
  const Result<SegmentHeader> header = DecodeSegmentHeader(bytes);
  return header && header->first == Revision{1} && header->first_term == Term{};
}

class Recovery {
 public:
  Recovery(const PersistenceWorld& world, std::uint64_t segment_bytes, Store& store,
           const ShowProgress& show)
      : world_(world), segment_bytes_(segment_bytes), store_(store), show_(show) {}

  Result<Recovered> Run(FirstStart first);
  Result<IntactPrefix> RunRepair(RepairMode mode);

 private:
  Result<void> ReadMeta();
  Result<void> LoadMeta();
  Result<void> OpenMeta(FirstStart first);
  Result<void> StartFresh(FirstStart first);
  Result<void> LoadSnapshots();
  Result<void> SetDamagedAside();
  Result<void> FindPrefix();
  [[nodiscard]] Result<void> MayGiveUp() const;
  Result<void> GiveUp();
  Result<void> SetAside(std::string_view name);
  Result<SnapshotSummary> LoadSnapshot(const SnapshotInfo& info);
  Result<void> ReplayLog();
  Result<void> Scan(LogScanner& scanner, std::uint64_t all_bytes);
  Result<void> Settle(LogScanner& scanner);
  [[nodiscard]] LogOptions Options() const {
    return {.cluster = meta_.cluster, .segment_bytes = segment_bytes_};
  }

  PersistenceWorld world_;
  std::uint64_t segment_bytes_;
  Store& store_;
  const ShowProgress& show_;
  Meta meta_;
  ChainEnd start_;         // what the snapshot has
  Revision snapshot_end_;  // up to where it needs the log
  bool keeps_prefix_ = false;
  std::unique_ptr<LogScanner> scanner_;  // of a repair
  std::vector<std::string> damaged_;     // snapshots that were passed over
  Recovered out_;
};

Result<Recovered> Recovery::Run(FirstStart first) {
  store_.StartLoading();
  if (Result<void> opened = OpenMeta(first); !opened) {
    return tl::unexpected(opened.error());
  }
  const Result<void> synced = out_.report.fresh
                                  ? RemoveFullSync(world_.data)
                                  : InstallFullSync(world_, segment_bytes_, store_, meta_, show_);
  if (!synced) {
    return tl::unexpected(synced.error());
  }
  if (!out_.report.fresh) {
    store_.StartLoading();
    if (Result<void> loaded = LoadSnapshots(); !loaded) {
      return tl::unexpected(loaded.error());
    }
    if (Result<void> replayed = ReplayLog(); !replayed) {
      return tl::unexpected(replayed.error());
    }
    if (Result<void> aside = SetDamagedAside(); !aside) {
      return tl::unexpected(aside.error());
    }
  }
  store_.FinishLoading();
  return std::move(out_);
}

Result<void> Recovery::ReadMeta() {
  const Result<Meta> meta = MetaFile::Read(world_.data);
  if (!meta) {
    return tl::unexpected(meta.error());
  }
  meta_ = *meta;
  return {};
}

// To load the meta file writes it anew, and nothing is changed of a folder that is refused.
Result<void> Recovery::LoadMeta() {
  Result<std::unique_ptr<MetaFile>> file = MetaFile::Load(world_.data);
  if (!file) {
    return tl::unexpected(file.error());
  }
  out_.meta = std::move(*file);
  return {};
}

Result<void> Recovery::OpenMeta(FirstStart first) {
  const Result<void> read = ReadMeta();
  if (read) {
    return {};
  }
  if (read.error().fault != Fault::kNotFound) {
    Error error = read.error();
    if (error.fault == Fault::kDamaged) {
      error.detail += kWaysOn;
    }
    return tl::unexpected(std::move(error));
  }
  const Result<LogFiles> log = ListLogFiles(world_.log);
  const Result<std::vector<SnapshotInfo>> snapshots = ListSnapshots(world_.data);
  // A restore begins with its snapshot and ends with the meta file.
  const Result<bool> unfinished = HasUnfinishedSnapshot(world_.data);
  if (!log || !snapshots || !unfinished) {
    return tl::unexpected(!log ? log.error() : !snapshots ? snapshots.error() : unfinished.error());
  }
  // The meta file is the last thing that a first start makes, so a log without records may be
  // there; anything more has lost its meta file.
  bool holds_data = log->segments.size() > 1 || !snapshots->empty() || *unfinished;
  if (!holds_data && !log->segments.empty()) {
    const Result<bool> unused = IsWithoutRecords(world_.log, log->segments.front());
    if (!unused) {
      return tl::unexpected(unused.error());
    }
    holds_data = !*unused;
  }
  if (holds_data) {
    return Fail(Fault::kDamaged, world_.data.PathOf(kMetaName) +
                                     " is missing, but the folder holds data. Nothing was changed. "
                                     "The way on: restore a backup into another folder, or take a "
                                     "copy of this one from before");
  }
  return StartFresh(first);
}

Result<void> Recovery::StartFresh(FirstStart first) {
  out_.report.fresh = true;
  const auto seconds = static_cast<std::uint64_t>(world_.clock.WallUs() / 1'000'000);
  const bool joins = first == FirstStart::kJoins;
  const Meta meta{
      .cluster = joins ? ClusterId{} : ClusterId{world_.random.Next(), world_.random.Next()},
      .node = static_cast<std::uint64_t>(world_.clock.WallUs()),
      .incarnation = world_.random.Next(),
      // A new history: no token of a former life fits.
      // Of a joining one its cluster says.
      .term = {.value = joins ? 0 : seconds},
      .joins = joins};
  const Result<LogFiles> log = ListLogFiles(world_.log);
  if (!log) {
    return tl::unexpected(log.error());
  }
  for (const SegmentInfo& segment : log->segments) {
    if (Result<void> removed = world_.log.Remove(SegmentName(segment.first)); !removed) {
      return removed;
    }
  }
  Result<LogState> created =
      CreateLog(world_.log, {.cluster = meta.cluster, .segment_bytes = segment_bytes_}, {});
  if (!created) {
    return tl::unexpected(created.error());
  }
  out_.log = std::move(*created);
  Result<std::unique_ptr<MetaFile>> file = MetaFile::Create(world_.data, meta);
  if (!file) {
    return tl::unexpected(file.error());
  }
  out_.meta = std::move(*file);
  return {};
}

Result<void> Recovery::LoadSnapshots() {
  if (Result<void> removed = RemoveUnfinishedSnapshots(world_.data); !removed) {
    return removed;
  }
  Result<std::vector<SnapshotInfo>> snapshots = ListSnapshots(world_.data);
  if (!snapshots) {
    return tl::unexpected(snapshots.error());
  }
  while (!snapshots->empty()) {
    const SnapshotInfo& info = snapshots->front();
    const Result<SnapshotSummary> loaded = LoadSnapshot(info);
    if (loaded) {
      out_.report.snapshot = info.name;
      out_.snapshots = std::move(*snapshots);
      return {};
    }
    // An older one and the log behind it are as good. What is not damaged but of another version or
    // cannot be read is not passed over.
    if (loaded.error().fault != Fault::kDamaged) {
      return tl::unexpected(loaded.error());
    }
    out_.report.passed_over += out_.report.passed_over.empty() ? "" : "; ";
    out_.report.passed_over += loaded.error().detail;
    store_.StartLoading();
    snapshot_end_ = {};
    damaged_.push_back(info.name);
    snapshots->erase(snapshots->begin());
  }
  return {};
}

// It would be counted as one of those that are kept, and the log behind a good one be cleaned.
Result<void> Recovery::SetDamagedAside() {
  for (const std::string& name : damaged_) {
    if (Result<void> moved = world_.data.Rename(name, "damaged-" + name); !moved) {
      return moved;
    }
  }
  return damaged_.empty() ? Result<void>() : world_.data.SyncFolder();
}

Result<SnapshotSummary> Recovery::LoadSnapshot(const SnapshotInfo& info) {
  const Result<std::unique_ptr<File>> file = world_.data.Open(info.name, OpenMode::kRead);
  if (!file) {
    return tl::unexpected(file.error());
  }
  FileSource source(**file);
  Result<SnapshotReader> reader = SnapshotReader::Open(source, world_.data.PathOf(info.name));
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  const SnapshotHead& head = reader->head();
  if (head.cluster != meta_.cluster) {
    return Fail(Fault::kInvalid, reader->name() + " is of another cluster");
  }
  StoreVisitor visitor(store_);
  Result<SnapshotSummary> summary = ReadSnapshot(
      *reader, visitor,
      {.ahead = &world_.sync, .progress = [&](const SnapshotProgress& progress) {
         show_({.what = "snapshot", .done_bytes = progress.bytes, .all_bytes = info.bytes});
       }});
  if (!summary) {
    return summary;
  }
  start_ = {.term = head.start.term,
            .revision = head.start.revision,
            .time_us = head.start.time_us,
            .checksum = head.start.chain};
  store_.SetLoaded({.revision = head.start.revision, .time_us = head.start.time_us},
                   head.highest_database);
  if (!head.members.empty()) {
    store_.LoadMembers({.revision = head.members_at, .members = head.members});
  }
  for (const SnapshotHorizon& horizon : summary->end.horizons) {
    store_.LoadHorizon(horizon.database, horizon.horizon);
  }
  snapshot_end_ = summary->end.revision;
  out_.terms = head.terms;
  return summary;
}

Result<void> Recovery::ReplayLog() {
  store_.SetFinal(meta_.commit);  // what came behind may be taken back
  const Result<LogFiles> files = ListLogFiles(world_.log);
  if (!files) {
    return tl::unexpected(files.error());
  }
  std::uint64_t all_bytes = 0;
  for (const SegmentInfo& segment : files->segments) {
    all_bytes += segment.file_bytes;
  }
  // A snapshot is exact only with the log up to its end, and got its name when that was synced.
  const Revision mark = std::max(keeps_prefix_ ? Revision{} : meta_.durable, snapshot_end_);
  Result<std::unique_ptr<LogScanner>> scanner = LogScanner::Begin(
      world_.log, {.log = Options(), .start = start_, .durable = mark}, &world_.sync);
  Result<void> scanned =
      scanner ? Scan(**scanner, all_bytes) : Result<void>(tl::unexpected(scanner.error()));
  if (scanned && keeps_prefix_) {
    scanner_ = std::move(*scanner);
  } else if (scanned) {
    scanned = LoadMeta();
    if (scanned) {
      scanned = Settle(**scanner);
    }
  }
  if (!scanned) {
    Error error = scanned.error();
    if (error.fault == Fault::kNotFound) {
      error = {.fault = Fault::kDamaged,
               .detail = world_.log.PathOf("oplog-*") + ": the op log is missing"};
    }
    if (error.fault == Fault::kDamaged) {
      error.detail += kWaysOn;
    }
    return tl::unexpected(std::move(error));
  }
  return scanned;
}

Result<void> Recovery::Scan(LogScanner& scanner, std::uint64_t all_bytes) {
  const auto apply = [&](const DecodedRecord& decoded) -> Result<void> {
    out_.report.record_bytes += decoded.bytes;
    ++out_.report.records;
    NoteTerm(out_.terms, decoded.term, decoded.record.revision);
    const bool late = Planted(Bug::kReplayLate) && out_.report.records == 1;
    return late ? Result<void>() : store_.Apply(decoded.record);
  };
  const auto expect = [&](std::string_view record) {
    if (const RecordKey named = KeyOfRecord(record); !named.key.empty()) {
      store_.ExpectRecord(named.database, named.key);
    }
  };
  for (bool more = true; more;) {
    const Result<bool> next = scanner.Next(apply, expect);
    if (!next) {
      return tl::unexpected(next.error());
    }
    more = *next;
    const std::uint64_t done_bytes = out_.report.record_bytes;
    show_(
        {.what = "op log", .done_bytes = done_bytes, .all_bytes = std::max(all_bytes, done_bytes)});
  }
  out_.report.torn = scanner.cut();
  return {};
}

Result<void> Recovery::Settle(LogScanner& scanner) {
  Result<LogState> settled = scanner.Settle();
  if (!settled) {
    return tl::unexpected(settled.error());
  }
  out_.log = std::move(*settled);
  return {};
}

// ---- repair

// Its vote and its acknowledgements count on what it would give up.
Result<void> Recovery::MayGiveUp() const {
  if (meta_.commit.value == 0 && store_.members().empty()) {
    return {};
  }
  return Fail(Fault::kInvalid,
              "this is the folder of a member of a cluster: others count on what it has confirmed, "
              "so that nothing of it may be given up. The way on: move the folder away, and let "
              "the node enter again with an empty one (--join)");
}

Result<IntactPrefix> Recovery::RunRepair(RepairMode mode) {
  keeps_prefix_ = true;
  if (const Result<void> read = ReadMeta(); !read) {
    return Fail(read.error().fault,
                read.error().detail + ". Without it there is nothing to repair");
  }
  const Revision known_durable = meta_.durable;
  if (Result<void> found = FindPrefix(); !found) {
    return tl::unexpected(found.error());
  }
  store_.FinishLoading();
  if (mode == RepairMode::kKeep) {
    if (Result<void> allowed = MayGiveUp(); !allowed) {
      return tl::unexpected(allowed.error());
    }
    if (Result<void> given_up = GiveUp(); !given_up) {
      return tl::unexpected(given_up.error());
    }
  }
  return IntactPrefix{.report = out_.report,
                      .revision = store_.revision(),
                      .time_us = store_.LogTimeUs(0),
                      .durable = known_durable,
                      .committed = meta_.commit,
                      .term = out_.terms.empty() ? Term{} : out_.terms.back().term,
                      .known_term = meta_.term,
                      .is_member = !store_.members().empty(),
                      .arbiter_node = meta_.arbiter_node};
}

// The newest snapshot that is whole and has the log it needs, or the log alone.
Result<void> Recovery::FindPrefix() {
  Result<std::vector<SnapshotInfo>> snapshots = ListSnapshots(world_.data);
  if (!snapshots) {
    return tl::unexpected(snapshots.error());
  }
  for (std::size_t i = 0; i <= snapshots->size(); ++i) {
    store_.StartLoading();
    start_ = {};
    snapshot_end_ = {};
    out_.report = {};
    out_.terms.clear();
    Result<void> tried;
    if (i < snapshots->size()) {
      const Result<SnapshotSummary> loaded = LoadSnapshot((*snapshots)[i]);
      tried = loaded ? Result<void>() : tl::unexpected(loaded.error());
      out_.report.snapshot = (*snapshots)[i].name;
    }
    if (tried) {
      tried = ReplayLog();
    }
    if (tried || tried.error().fault != Fault::kDamaged) {
      return tried;
    }
    if (i < snapshots->size()) {
      damaged_.push_back((*snapshots)[i].name);
    }
  }
  return Fail(Fault::kDamaged,
              "no snapshot has the log it needs, and the log lacks its beginning: "
              "nothing is intact. What is left is a copy of the folder from before");
}

Result<void> Recovery::GiveUp() {
  const Result<LogFiles> files = ListLogFiles(world_.log);
  if (!files) {
    return tl::unexpected(files.error());
  }
  // From the segment on in which the log ends from now on.
  const std::vector<SegmentInfo>& segments = files->segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i + 1 < segments.size() && segments[i + 1].first <= store_.revision()) {
      continue;
    }
    if (Result<void> kept = SetAside(SegmentName(segments[i].first)); !kept) {
      return kept;
    }
  }
  if (Result<void> settled = Settle(*scanner_); !settled) {
    return settled;
  }
  out_.report.torn = scanner_->cut();
  for (const std::string& name : damaged_) {
    if (Result<void> moved = world_.data.Rename(name, "repair-" + name); !moved) {
      return moved;
    }
  }
  if (Result<void> synced = world_.data.SyncFolder(); !synced) {
    return synced;
  }
  // The next start begins a term, so no token of what is given up is taken for the present.
  if (Result<void> loaded = LoadMeta(); !loaded) {
    return loaded;
  }
  meta_.durable = out_.log.end.revision;
  meta_.damaged = false;
  return out_.meta->Store(meta_);
}

// A copy, for the log is still to be cut.
Result<void> Recovery::SetAside(std::string_view name) {
  const Result<std::unique_ptr<File>> from = world_.log.Open(name, OpenMode::kRead);
  if (!from) {
    return tl::unexpected(from.error());
  }
  const Result<std::unique_ptr<File>> to =
      world_.log.Open("repair-" + std::string(name), OpenMode::kCreate);
  if (!to) {
    return tl::unexpected(to.error());
  }
  std::vector<char> buffer(std::size_t{1} << 20);
  for (std::uint64_t offset = 0;;) {
    const Result<std::size_t> read = (*from)->Read(offset, buffer);
    if (!read) {
      return tl::unexpected(read.error());
    }
    if (*read == 0) {
      return (*to)->Sync();
    }
    if (Result<void> written = (*to)->Write(offset, {buffer.data(), *read}); !written) {
      return written;
    }
    offset += *read;
  }
}

}  // namespace

void NoteTerm(std::vector<TermEnd>& terms, Term term, Revision last) {
  if (terms.empty() || terms.back().term < term) {
    terms.push_back({.term = term, .last = last});
  } else {
    terms.back().last = last;
  }
}

Result<IntactPrefix> Repair(const PersistenceWorld& world, std::uint64_t segment_bytes,
                            RepairMode mode) {
  Store store(0, "");
  const ShowProgress silent = [](const RecoveryProgress&) {};
  return Recovery(world, segment_bytes, store, silent).RunRepair(mode);
}

Result<IntactPrefix> LoadIntact(const PersistenceWorld& world, std::uint64_t segment_bytes,
                                Store& store) {
  const ShowProgress silent = [](const RecoveryProgress&) {};
  return Recovery(world, segment_bytes, store, silent).RunRepair(RepairMode::kReport);
}

Result<Recovered> Recover(const PersistenceWorld& world, std::uint64_t segment_bytes, Store& store,
                          const ShowProgress& show, FirstStart first) {
  return Recovery(world, segment_bytes, store, show).Run(first);
}

}  // namespace nunc
