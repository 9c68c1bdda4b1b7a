#include "node/recovery.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"
#include "storage/snapshot_reader.h"

namespace nunc {
namespace {

constexpr std::string_view kWaysOn =
    ". Nothing was changed. The two ways on: `nunc repair --keep-prefix` on this folder keeps what "
    "is intact and gives up the rest; or restore a backup into an empty folder";

class StoreVisitor final : public SnapshotVisitor {
 public:
  explicit StoreVisitor(Store& store) : store_(store) {}

  Result<void> OnDatabase(const DatabaseState& database) override {
    return store_.LoadDatabase(database);
  }
  Result<void> OnEntry(const EntryState& entry) override { return store_.LoadEntry(entry); }

 private:
  Store& store_;
};

void NoteTerm(std::vector<SnapshotTerm>& terms, Term term, Revision last) {
  if (terms.empty() || terms.back().term < term) {
    terms.push_back({.term = term, .last = last});
  } else {
    terms.back().last = last;
  }
}

class Recovery {
 public:
  Recovery(const PersistenceWorld& world, std::uint64_t segment_bytes, Store& store,
           const ShowProgress& show)
      : world_(world), segment_bytes_(segment_bytes), store_(store), show_(show) {}

  Result<Recovered> Run();

 private:
  Result<void> OpenMeta();
  Result<void> StartFresh();
  Result<void> LoadSnapshots();
  Result<SnapshotSummary> LoadSnapshot(const SnapshotInfo& info);
  Result<void> ReplayLog();
  Result<void> Scan(LogScanner& scanner, std::uint64_t all_bytes);
  [[nodiscard]] LogOptions Options() const {
    return {.cluster = out_.meta->value().cluster, .segment_bytes = segment_bytes_};
  }

  PersistenceWorld world_;
  std::uint64_t segment_bytes_;
  Store& store_;
  const ShowProgress& show_;
  ChainEnd start_;  // what the snapshot has
  Recovered out_;
};

Result<Recovered> Recovery::Run() {
  store_.StartLoading();
  if (Result<void> opened = OpenMeta(); !opened) {
    return tl::unexpected(opened.error());
  }
  if (!out_.report.fresh) {
    if (Result<void> loaded = LoadSnapshots(); !loaded) {
      return tl::unexpected(loaded.error());
    }
    if (Result<void> replayed = ReplayLog(); !replayed) {
      return tl::unexpected(replayed.error());
    }
  }
  store_.FinishLoading();
  return std::move(out_);
}

Result<void> Recovery::OpenMeta() {
  Result<std::unique_ptr<MetaFile>> meta = MetaFile::Load(world_.data);
  if (meta) {
    out_.meta = std::move(*meta);
    return {};
  }
  if (meta.error().fault != Fault::kNotFound) {
    Error error = meta.error();
    if (error.fault == Fault::kDamaged) {
      error.detail += kWaysOn;
    }
    return tl::unexpected(std::move(error));
  }
  const Result<LogFiles> log = ListLogFiles(world_.log);
  const Result<std::vector<SnapshotInfo>> snapshots = ListSnapshots(world_.data);
  if (!log || !snapshots) {
    return tl::unexpected(log ? snapshots.error() : log.error());
  }
  // The meta file is the last thing that a first start makes, so a log without records may be
  // there; anything more has lost its meta file.
  const bool has_records = std::ranges::any_of(
      log->segments, [](const SegmentInfo& segment) { return segment.first > Revision{1}; });
  if (has_records || log->segments.size() > 1 || !snapshots->empty()) {
    return Fail(Fault::kDamaged, world_.data.PathOf(kMetaName) +
                                     " is missing, but the folder holds data" +
                                     std::string(kWaysOn));
  }
  return StartFresh();
}

Result<void> Recovery::StartFresh() {
  out_.report.fresh = true;
  const auto seconds = static_cast<std::uint64_t>(world_.clock.WallUs() / 1'000'000);
  const Meta meta{.cluster = {world_.random.Next(), world_.random.Next()},
                  .node = static_cast<std::uint64_t>(world_.clock.WallUs()),
                  .incarnation = world_.random.Next(),
                  // A new history: no token of a former life fits.
                  .term = {.value = seconds}};
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
    snapshots->erase(snapshots->begin());
  }
  return {};
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
  if (head.cluster != out_.meta->value().cluster) {
    return Fail(Fault::kInvalid, reader->name() + " is of another cluster");
  }
  StoreVisitor visitor(store_);
  Result<SnapshotSummary> summary = ReadSnapshot(
      *reader, visitor,
      {.ahead = &world_.bulk, .progress = [&](const SnapshotProgress& progress) {
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
  for (const SnapshotHorizon& horizon : summary->end.horizons) {
    store_.LoadHorizon(horizon.database, horizon.horizon);
  }
  out_.terms = head.terms;
  return summary;
}

Result<void> Recovery::ReplayLog() {
  const Result<LogFiles> files = ListLogFiles(world_.log);
  if (!files) {
    return tl::unexpected(files.error());
  }
  std::uint64_t all_bytes = 0;
  for (const SegmentInfo& segment : files->segments) {
    all_bytes += segment.file_bytes;
  }
  const Result<std::unique_ptr<LogScanner>> scanner = LogScanner::Begin(
      world_.log, {.log = Options(), .start = start_, .durable = out_.meta->value().durable},
      &world_.bulk);
  Result<void> scanned =
      scanner ? Scan(**scanner, all_bytes) : Result<void>(tl::unexpected(scanner.error()));
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
  std::uint64_t done_bytes = 0;
  const auto apply = [&](const DecodedRecord& decoded) -> Result<void> {
    done_bytes += decoded.bytes;
    ++out_.report.records;
    NoteTerm(out_.terms, decoded.term, decoded.record.revision);
    const bool late = Planted(Bug::kReplayLate) && out_.report.records == 1;
    return late ? Result<void>() : store_.Apply(decoded.record);
  };
  for (bool more = true; more;) {
    const Result<bool> next = scanner.Next(apply);
    if (!next) {
      return tl::unexpected(next.error());
    }
    more = *next;
    show_(
        {.what = "op log", .done_bytes = done_bytes, .all_bytes = std::max(all_bytes, done_bytes)});
  }
  out_.report.torn = scanner.cut();
  Result<LogState> settled = scanner.Settle();
  if (!settled) {
    return tl::unexpected(settled.error());
  }
  out_.log = std::move(*settled);
  return {};
}

}  // namespace

Result<Recovered> Recover(const PersistenceWorld& world, std::uint64_t segment_bytes, Store& store,
                          const ShowProgress& show) {
  return Recovery(world, segment_bytes, store, show).Run();
}

}  // namespace nunc
