#include "cli/recover.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/empty_folder.h"
#include "node/backup_file.h"
#include "node/full_sync_file.h"
#include "posix/clock.h"
#include "posix/disk.h"
#include "posix/random.h"
#include "posix/worker.h"
#include "storage/record_line.h"

namespace nunc {
namespace {

// What the member's folder holds. The lock is held, so that no server changes it meanwhile.
struct Found {
  std::unique_ptr<PosixDisk> data;
  std::unique_ptr<PosixDisk> log;  // null: in data
  IntactPrefix prefix;
};

Result<void> CheckMember(Disk& data, const IntactPrefix& prefix) {
  if (prefix.arbiter_node) {
    return Fail(Fault::kInvalid, data.PathOf("") +
                                     " is an arbiter node's, which holds no data: recover the "
                                     "folder of one of the two others");
  }
  if (!prefix.is_member) {
    return Fail(Fault::kInvalid, data.PathOf("") +
                                     " is in no cluster, so nothing was lost with others: start "
                                     "it as it is");
  }
  Result<std::vector<FileInfo>> files = data.List();
  if (!files) {
    return tl::unexpected(files.error());
  }
  for (const FileInfo& file : *files) {
    if (file.name == kFullSyncName) {
      return Fail(Fault::kInvalid, data.PathOf(kFullSyncName) +
                                       " is a newer state that this node has got and not taken "
                                       "over yet: start it once as it was, and stop it again");
    }
  }
  return {};
}

Result<Found> Find(const RecoverArguments& arguments, Clock& clock, Random& random, Store& store) {
  Result<std::unique_ptr<PosixDisk>> data =
      PosixDisk::Open(arguments.folder, FolderAccess::kExisting);
  if (!data) {
    return tl::unexpected(data.error());
  }
  Found found{.data = std::move(*data), .log = nullptr, .prefix = {}};
  if (!arguments.oplog_folder.empty() && arguments.oplog_folder != arguments.folder) {
    Result<std::unique_ptr<PosixDisk>> log =
        PosixDisk::Open(arguments.oplog_folder, FolderAccess::kExisting);
    if (!log) {
      return tl::unexpected(log.error());
    }
    found.log = std::move(*log);
  }
  Result<std::unique_ptr<PosixWorker>> worker =
      PosixWorker::Start("nunc-recover", PosixWorker::Priority::kNormal);
  if (!worker) {
    return tl::unexpected(worker.error());
  }
  Result<IntactPrefix> prefix = LoadIntact({.data = *found.data,
                                            .log = found.log ? *found.log : *found.data,
                                            .sync = **worker,
                                            .bulk = **worker,
                                            .clock = clock,
                                            .random = random},
                                           kSegmentBytesDefault, store);
  if (!prefix) {
    return tl::unexpected(prefix.error());
  }
  found.prefix = std::move(*prefix);
  if (Result<void> member = CheckMember(*found.data, found.prefix); !member) {
    return tl::unexpected(member.error());
  }
  return found;
}

void TellWhatThereIs(const std::string& folder, const IntactPrefix& prefix,
                     const Printer& printer) {
  printer.print(folder + " holds term " + std::to_string(prefix.term.value) + " up to revision " +
                std::to_string(prefix.revision.value) + " of " + TimeText(prefix.time_us) +
                "; final, as far as it knows, is all up to revision " +
                std::to_string(prefix.committed.value));
  if (prefix.revision < prefix.durable) {
    printer.print("it is damaged: at least the revisions " +
                  std::to_string(prefix.revision.value + 1) + " to " +
                  std::to_string(prefix.durable.value) + " have been in it and are lost");
  }
}

Result<void> WriteAnew(const RecoverArguments& arguments, const IntactPrefix& prefix, Clock& clock,
                       Random& random, Store& store) {
  EmptyFolder into(arguments.into);
  if (Result<void> opened = into.Open(); !opened) {
    return opened;
  }
  SnapshotSummary summary;
  // Of the newest term that the node has heard of: what it has promised in it counts no more.
  summary.end = {.term = std::max(prefix.term, prefix.known_term),
                 .revision = prefix.revision,
                 .time_us = prefix.time_us};
  const Result<void> written =
      WriteFolder({.data = into.disk(), .log = into.disk(), .clock = clock, .random = random},
                  store, summary, kSegmentBytesDefault);
  if (written) {
    into.Keep();
  }
  return written;
}

}  // namespace

ExitCode RecoverCluster(const RecoverArguments& arguments, const Printer& printer) {
  PosixClock clock;
  PosixRandom random;
  Store store(random.Next(), "none");
  const Result<Found> found = Find(arguments, clock, random, store);
  if (!found) {
    printer.say(found.error().detail);
    return CodeOf(found.error().fault, ExitCode::kCannotBind);
  }
  TellWhatThereIs(arguments.folder, found->prefix, printer);
  if (!arguments.accepts_loss || arguments.into.empty()) {
    printer.say(
        "nothing was done. What only the lost nodes have is lost with this, also what they "
        "confirmed: of the nodes that are left take the one with the highest term, and among "
        "those the highest revision. Then say --into NEW-FOLDER --i-accept-loss");
    return ExitCode::kUsage;
  }
  if (const Result<void> written = WriteAnew(arguments, found->prefix, clock, random, store);
      !written) {
    printer.say(written.error().detail);
    return CodeOf(written.error().fault, ExitCode::kCannotBind);
  }
  printer.print(arguments.into +
                " holds that as another cluster: start it with --bootstrap, let the others join "
                "it with empty folders, and never start the old folders again");
  return ExitCode::kOk;
}

}  // namespace nunc
