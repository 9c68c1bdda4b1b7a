#include "cli/data_tools.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "posix/clock.h"
#include "posix/disk.h"
#include "posix/random.h"
#include "posix/worker.h"
#include "storage/meta.h"
#include "storage/oplog_state.h"
#include "storage/record.h"
#include "storage/record_line.h"
#include "storage/segment.h"
#include "storage/snapshot_reader.h"

namespace nunc {
namespace {

ExitCode CodeOf(Fault fault) {
  switch (fault) {
    case Fault::kDamaged:
    case Fault::kInvalid:
      return ExitCode::kDamaged;
    case Fault::kUnavailable:
      return ExitCode::kCannotBind;
    case Fault::kNotFound:
      return ExitCode::kUsage;
    default:
      return ExitCode::kFault;
  }
}

// Where a segment's records end.
struct SegmentEnd {
  ChainEnd end;
  std::uint64_t offset = 0;
  std::uint64_t records = 0;
  std::string why{};  // what stands behind them
};

using Visit = std::function<void(const DecodedRecord&)>;

Result<std::string> ReadAt(File& file, std::uint64_t offset, std::size_t bytes) {
  std::string text(bytes, '\0');
  const Result<std::size_t> read = file.Read(offset, text);
  if (!read) {
    return tl::unexpected(read.error());
  }
  text.resize(*read);
  return text;
}

// Reads one segment from its header to its end, checking each record.
Result<SegmentEnd> WalkSegment(Disk& disk, std::string_view name, const Visit& visit) {
  constexpr std::size_t kReadBytes = std::size_t{1} << 20;
  const Result<std::unique_ptr<File>> file = disk.Open(name, OpenMode::kRead);
  if (!file) {
    return tl::unexpected(file.error());
  }
  const Result<std::string> head = ReadAt(**file, 0, kSegmentHeaderBytesMax);
  const Result<SegmentHeader> header =
      head ? DecodeSegmentHeader(*head) : tl::unexpected(head.error());
  if (!header) {
    return tl::unexpected(header.error());
  }
  SegmentEnd end{
      .end = {.revision = {header->first.value - 1}, .checksum = header->previous_checksum},
      .offset = kSegmentHeaderBytes};
  RecordDecoder decoder;
  for (std::size_t wanted = kReadBytes;;) {
    const Result<std::string> bytes = ReadAt(**file, end.offset, wanted);
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    std::string_view rest = *bytes;
    const bool at_end = rest.size() < wanted;
    for (;;) {
      Result<std::optional<DecodedRecord>> decoded = decoder.Decode(rest, end.end.checksum);
      if (!decoded) {
        end.why = decoded.error().detail;
        return end;
      }
      const std::optional<DecodedRecord> record = *std::move(decoded);
      if (!record && !at_end) {
        wanted = std::max(kReadBytes, decoder.bytes_needed());
        break;
      }
      if (!record || record->record.revision.value != end.end.revision.value + 1) {
        end.why = "no further record";
        return end;
      }
      visit(*record);
      end.end = {.term = record->term,
                 .revision = record->record.revision,
                 .time_us = record->record.time_us,
                 .checksum = record->checksum};
      end.offset += record->bytes;
      ++end.records;
      rest.remove_prefix(record->bytes);
    }
  }
}

// All segments in order, each of which must go on where the one before ends.
class LogCheck {
 public:
  LogCheck(Disk& disk, const Printer& printer) : disk_(disk), printer_(printer) {}

  // The last intact revision; false in `whole` when something is damaged below `durable`.
  Revision Run(const std::vector<SegmentInfo>& segments, const Visit& visit, bool tell) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const std::string name = SegmentName(segments[i].first);
      const Result<SegmentEnd> end = WalkSegment(disk_, name, visit);
      if (!end) {
        Complain(name + ": " + end.error().detail);
        return last_;
      }
      if (i > 0 && segments[i].first.value != last_.value + 1) {
        Complain(name + ": the revisions before it end at " + std::to_string(last_.value));
        return last_;
      }
      last_ = end->end.revision;
      if (tell) {
        printer_.print(name + ": ok, " + std::to_string(end->records) + " records, to revision " +
                       std::to_string(last_.value));
      }
      if (i + 1 < segments.size() && segments[i + 1].first.value != last_.value + 1) {
        const std::string next = SegmentName(segments[i + 1].first);
        if (const Result<SegmentEnd> walked = WalkSegment(disk_, next, [](const auto&) {});
            !walked) {
          Complain(next + ": " + walked.error().detail);
        }
        Complain(name + ", offset " + std::to_string(end->offset) + ": " + end->why +
                 "; the last intact revision is " + std::to_string(last_.value));
        return last_;
      }
      where_ = name + ", offset " + std::to_string(end->offset) + ": " + end->why;
    }
    return last_;
  }
  void Complain(const std::string& text) {
    damaged_ = true;
    printer_.say(text);
  }
  [[nodiscard]] bool damaged() const { return damaged_; }
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  Disk& disk_;
  const Printer& printer_;
  Revision last_;
  std::string where_;  // the log ends, and why
  bool damaged_ = false;
};

ExitCode Complain(const Error& error, const Printer& printer) {
  printer.say(error.detail);
  return CodeOf(error.fault);
}

bool CheckSnapshots(Disk& disk, const Printer& printer) {
  const Result<std::vector<SnapshotInfo>> snapshots = ListSnapshots(disk);
  if (!snapshots) {
    printer.say(snapshots.error().detail);
    return false;
  }
  bool whole = true;
  for (const SnapshotInfo& info : *snapshots) {
    const Result<std::unique_ptr<File>> file = disk.Open(info.name, OpenMode::kRead);
    if (!file) {
      printer.say(file.error().detail);
      whole = false;
      continue;
    }
    FileSource source(**file);
    const Result<SnapshotSummary> summary = VerifySnapshot(source, info.name);
    if (!summary) {
      printer.say(summary.error().detail);
      whole = false;
    } else {
      printer.print(info.name + ": ok, " + std::to_string(summary->end.entries) + " entries of " +
                    std::to_string(summary->end.databases) + " databases");
    }
  }
  return whole;
}

}  // namespace

ExitCode DumpOplog(const std::string& path, const Printer& printer) {
  const std::filesystem::path given(path);
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(given, ignored);
  const std::string folder = is_folder                 ? path
                             : given.has_parent_path() ? given.parent_path().string()
                                                       : ".";
  const Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open(folder, FolderAccess::kReadOnly);
  if (!disk) {
    return Complain(disk.error(), printer);
  }
  const Visit print = [&printer](const DecodedRecord& record) {
    printer.print(RecordLine(record, ""));
  };
  if (!is_folder) {
    const Result<SegmentEnd> end = WalkSegment(**disk, given.filename().string(), print);
    if (!end) {
      return Complain({.fault = end.error().fault, .detail = path + ": " + end.error().detail},
                      printer);
    }
    printer.say(path + ": " + std::to_string(end->records) + " records; offset " +
                std::to_string(end->offset) + ": " + end->why);
    return ExitCode::kOk;
  }
  const Result<LogFiles> files = ListLogFiles(**disk);
  if (!files) {
    return Complain(files.error(), printer);
  }
  LogCheck check(**disk, printer);
  check.Run(files->segments, print, /*tell=*/false);
  return check.damaged() ? ExitCode::kDamaged : ExitCode::kOk;
}

ExitCode CheckFolder(const std::string& folder, const Printer& printer) {
  const Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open(folder, FolderAccess::kReadOnly);
  if (!disk) {
    return Complain(disk.error(), printer);
  }
  const Result<Meta> meta = MetaFile::Read(**disk);
  if (!meta) {
    return Complain(meta.error(), printer);
  }
  printer.print(std::string(kMetaName) + ": ok, term " + std::to_string(meta->term.value) +
                ", durable to revision " + std::to_string(meta->durable.value));
  const bool snapshots_whole = CheckSnapshots(**disk, printer);
  const Result<LogFiles> files = ListLogFiles(**disk);
  if (!files) {
    return Complain(files.error(), printer);
  }
  LogCheck log(**disk, printer);
  const Revision last = log.Run(
      files->segments, [](const DecodedRecord&) {}, /*tell=*/true);
  if (!log.damaged() && last < meta->durable) {
    log.Complain(log.where() + "; the last intact revision is " + std::to_string(last.value) +
                 ", below the durable mark " + std::to_string(meta->durable.value));
  }
  return snapshots_whole && !log.damaged() ? ExitCode::kOk : ExitCode::kDamaged;
}

ExitCode RepairFolder(const std::string& folder, RepairMode mode, const Printer& printer) {
  const Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open(
      folder, mode == RepairMode::kReport ? FolderAccess::kReadOnly : FolderAccess::kExisting);
  if (!disk) {
    return Complain(disk.error(), printer);
  }
  const Result<std::unique_ptr<PosixWorker>> worker =
      PosixWorker::Start("nunc-repair", PosixWorker::Priority::kNormal);
  if (!worker) {
    return Complain(worker.error(), printer);
  }
  PosixClock clock;
  PosixRandom random;
  const Result<IntactPrefix> prefix = Repair({.data = **disk,
                                              .log = **disk,
                                              .sync = **worker,
                                              .bulk = **worker,
                                              .clock = clock,
                                              .random = random},
                                             kSegmentBytesDefault, mode);
  if (!prefix) {
    return Complain(prefix.error(), printer);
  }
  const std::string which = prefix->report.snapshot.empty()
                                ? "the op log alone"
                                : prefix->report.snapshot + " and the op log behind it";
  printer.print("intact: " + which + ", to revision " + std::to_string(prefix->revision.value) +
                " of " + TimeText(prefix->time_us));
  if (prefix->revision < prefix->durable) {
    printer.print("given up: at least the revisions " + std::to_string(prefix->revision.value + 1) +
                  " to " + std::to_string(prefix->durable.value));
  }
  if (const std::optional<CutTail>& torn = prefix->report.torn; torn) {
    printer.print("the log is cut at " + torn->file + ", offset " + std::to_string(torn->offset) +
                  ": " + torn->why);
  }
  printer.print(mode == RepairMode::kReport
                    ? "nothing was changed: say --keep-prefix to keep what is intact"
                    : "done: the folder can be started; what was given up is in files repair-*");
  return ExitCode::kOk;
}

}  // namespace nunc
