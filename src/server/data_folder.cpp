#include "server/data_folder.h"

#include <sys/epoll.h>
#include <utility>

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

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::Open(const Config& config, Node& node, Heap& heap,
                                                     const ShowProgress& show) {
  std::unique_ptr<DataFolder> folder(new DataFolder);
  if (Result<void> opened = folder->OpenFolders(config); !opened) {
    return tl::unexpected(opened.error());
  }
  Result<Recovered> recovered = Recover(folder->World(), config.persistence.segment_bytes,
                                        node.store(), Throttled(folder->clock_, heap, show));
  if (!recovered) {
    return tl::unexpected(recovered.error());
  }
  LogReport(*recovered);
  Result<std::unique_ptr<Persistence>> persistence =
      Persistence::Start(folder->World(), node, config.persistence, std::move(*recovered));
  if (!persistence) {
    return tl::unexpected(persistence.error());
  }
  folder->persistence_ = std::move(*persistence);
  return folder;
}

Result<void> DataFolder::OpenFolders(const Config& config) {
  Result<std::unique_ptr<PosixDisk>> data = PosixDisk::Open(config.data_dir, FolderAccess::kCreate);
  if (!data) {
    return tl::unexpected(data.error());
  }
  data_ = std::move(*data);
  if (!config.oplog_dir.empty() && config.oplog_dir != config.data_dir) {
    Result<std::unique_ptr<PosixDisk>> log =
        PosixDisk::Open(config.oplog_dir, FolderAccess::kCreate);
    if (!log) {
      return tl::unexpected(log.error());
    }
    log_ = std::move(*log);
  }
  Result<std::unique_ptr<PosixWorker>> sync =
      PosixWorker::Start("nunc-sync", PosixWorker::Priority::kNormal);
  Result<std::unique_ptr<PosixWorker>> bulk =
      PosixWorker::Start("nunc-bulk", PosixWorker::Priority::kLow);
  if (!sync || !bulk) {
    return tl::unexpected(sync ? bulk.error() : sync.error());
  }
  sync_ = std::move(*sync);
  bulk_ = std::move(*bulk);
  return {};
}

// Jobs use the disks, and what they call back the persistence: the workers stop first.
DataFolder::~DataFolder() {
  if (loop_ != nullptr) {
    loop_->Remove(sync_done_);
    loop_->Remove(bulk_done_);
  }
  sync_.reset();
  bulk_.reset();
}

Result<void> DataFolder::Watch(Loop& loop) {
  const Result<Loop::Registration> sync = loop.Add(sync_->fd(), EPOLLIN, waker_);
  if (!sync) {
    return tl::unexpected(sync.error());
  }
  const Result<Loop::Registration> bulk = loop.Add(bulk_->fd(), EPOLLIN, waker_);
  if (!bulk) {
    loop.Remove(*sync);
    return tl::unexpected(bulk.error());
  }
  loop_ = &loop;
  sync_done_ = *sync;
  bulk_done_ = *bulk;
  return {};
}

}  // namespace nunc
