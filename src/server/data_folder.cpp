#include "server/data_folder.h"

#include <sys/epoll.h>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace nunc {
namespace {

void LogReport(const Recovered& recovered) {
  const RecoveryReport& report = recovered.report;
  if (report.fresh) {
    return LogInfo("data folder is new");
  }
  if (!report.passed_over.empty()) {
    LogError("a damaged snapshot was passed over for an older one: " + report.passed_over);
  }
  if (report.torn) {
    LogWarn("op log: torn tail cut file=" + report.torn->file +
            " offset=" + std::to_string(report.torn->offset) +
            " bytes<=" + std::to_string(report.torn->bytes) + " why=" + report.torn->why);
  }
  LogInfo("loaded snapshot=" + (report.snapshot.empty() ? "none" : report.snapshot) +
          " records=" + std::to_string(report.records) +
          " revision=" + std::to_string(recovered.log.end.revision.value));
}

// At most one line in kEveryUs, and none in the first. What is loaded makes the heap grow.
ShowProgress Throttled(Clock& clock, Heap& heap, const ShowProgress& show) {
  constexpr std::int64_t kEveryUs = 1'000'000;
  return [&clock, &heap, &show,
          next_us = clock.MonotonicUs() + kEveryUs](const RecoveryProgress& progress) mutable {
    heap.Grow();
    if (clock.MonotonicUs() >= next_us) {
      next_us = clock.MonotonicUs() + kEveryUs;
      LogInfo("loading " + std::string(progress.what) + " bytes=" +
              std::to_string(progress.done_bytes) + " of=" + std::to_string(progress.all_bytes));
      show(progress);
    }
  };
}

// Whatever is wrong with the folder itself: it may not be used, and nothing in it is damaged.
Result<std::unique_ptr<PosixDisk>> OpenFolder(const std::string& path) {
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open(path, FolderAccess::kCreate);
  if (!disk) {
    return Fail(Fault::kUnavailable, disk.error().detail);
  }
  return disk;
}

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::Open(const Config& config, Node& node, Heap& heap,
                                                     const ShowProgress& show,
                                                     std::string_view address) {
  std::unique_ptr<DataFolder> folder(new DataFolder);
  if (Result<void> opened = folder->OpenFolders(config); !opened) {
    return tl::unexpected(opened.error());
  }
  if (config.cluster.active()) {
    node.store().KeepUndo(kUndoBytesMax);
  }
  Result<Recovered> recovered =
      Recover(folder->World(), config.persistence.segment_bytes, node.store(),
              Throttled(folder->clock_, heap, show),
              config.cluster.joins ? FirstStart::kJoins : FirstStart::kOwnCluster);
  if (!recovered) {
    return tl::unexpected(recovered.error());
  }
  LogReport(*recovered);
  Result<std::unique_ptr<Persistence>> persistence =
      folder->Begin(config, node, std::move(*recovered), address);
  if (!persistence) {
    return tl::unexpected(persistence.error());
  }
  folder->persistence_ = std::move(*persistence);
  return folder;
}

Result<std::unique_ptr<Persistence>> DataFolder::Begin(const Config& config, Node& node,
                                                       Recovered recovered,
                                                       std::string_view address) {
  const bool is_member = !node.store().members().empty();
  if (!config.cluster.active()) {
    if (is_member || recovered.meta->value().joins) {
      return Fail(Fault::kInvalid, data_->PathOf("") +
                                       " is that of a member of a cluster: give --listen and "
                                       "--cluster-secret-file, as it was started before");
    }
    return Persistence::Start(World(), node, config.persistence, std::move(recovered));
  }
  const bool knows = is_member || recovered.meta->value().arbiter_node;
  if (!knows && !config.cluster.bootstrap && !config.cluster.joins) {
    return Fail(Fault::kInvalid, data_->PathOf("") +
                                     " is in no cluster yet: give --bootstrap to begin one with "
                                     "it, or --join to enter one that is there");
  }
  if (!is_member && config.cluster.joins && !recovered.meta->value().joins) {
    return Fail(Fault::kInvalid, data_->PathOf("") +
                                     " has data of its own, and would lose it: --join needs an "
                                     "empty folder; to build a cluster on this data, give "
                                     "--bootstrap");
  }
  Membership membership{
      .id = config.cluster.id, .members = {}, .arbiter_node = config.cluster.arbiter_node};
  if (config.cluster.bootstrap) {
    membership.members = FirstMembers(recovered.meta->value(), config.cluster.id,
                                      config.cluster.priority, address, config.cluster.timing);
  }
  return Persistence::StartMember(World(), node, config.persistence, std::move(recovered),
                                  membership);
}

Result<void> DataFolder::OpenFolders(const Config& config) {
  Result<std::unique_ptr<PosixDisk>> data = OpenFolder(config.data_dir);
  if (!data) {
    return tl::unexpected(data.error());
  }
  data_ = std::move(*data);
  if (!config.oplog_dir.empty() && config.oplog_dir != config.data_dir) {
    Result<std::unique_ptr<PosixDisk>> log = OpenFolder(config.oplog_dir);
    if (!log) {
      return tl::unexpected(log.error());
    }
    log_ = std::move(*log);
  }
  const auto start = [](std::string name, PosixWorker::Priority priority,
                        std::unique_ptr<PosixWorker>& into) -> Result<void> {
    Result<std::unique_ptr<PosixWorker>> worker = PosixWorker::Start(std::move(name), priority);
    if (!worker) {
      return tl::unexpected(worker.error());
    }
    into = std::move(*worker);
    return {};
  };
  Result<void> started = start("nunc-sync", PosixWorker::Priority::kNormal, sync_);
  if (started) {
    started = start("nunc-sync-2", PosixWorker::Priority::kNormal, sync_beside_);
  }
  return started ? start("nunc-bulk", PosixWorker::Priority::kLow, bulk_) : started;
}

// Jobs use the disks, and what they call back the persistence: the workers stop first.
DataFolder::~DataFolder() {
  for (const Loop::Registration& done : done_) {
    loop_->Remove(done);
  }
  sync_.reset();
  sync_beside_.reset();
  bulk_.reset();
}

Result<void> DataFolder::Watch(Loop& loop) {
  loop_ = &loop;
  for (const PosixWorker* worker : {sync_.get(), sync_beside_.get(), bulk_.get()}) {
    const Result<Loop::Registration> done = loop.Add(worker->fd(), EPOLLIN, waker_);
    if (!done) {
      return tl::unexpected(done.error());
    }
    done_.push_back(*done);
  }
  return {};
}

}  // namespace nunc
