#include "storage/oplog_work.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/planted.h"
#include "storage/oplog_state.h"
#include "storage/segment.h"

namespace nunc {

namespace {

constexpr std::uint64_t kFillBytes = std::uint64_t{1} << 20;

}  // namespace

SyncWork::SyncWork(Disk& disk, Plan plan) : disk_(&disk), plan_(std::move(plan)) {}

Result<void> SyncWork::Run() {
  for (const std::shared_ptr<File>& file : plan_.files) {
    auto synced = Planted(Bug::kSkipLogSync) ? Result<void>() : file->Sync();
    if (!synced) {
      return synced;
    }
  }
  if (plan_.folder && !Planted(Bug::kSkipFolderSync)) {
    auto synced = disk_->SyncFolder();
    if (!synced) {
      return synced;
    }
  }
  for (const SealedIndex& index : plan_.indexes) {
    // Without it a search reads more; a half of one is recognised.
    static_cast<void>(WriteIndexFile(*disk_, index.first, index.entries));
  }
  return {};
}

SpareWork::SpareWork(Disk& disk, std::uint64_t number, std::uint64_t bytes)
    : disk_(&disk), number_(number), bytes_(bytes) {}

Result<void> SpareWork::Run() {
  const std::string unfinished = UnfinishedSpareName(number_);
  auto file = disk_->Open(unfinished, OpenMode::kCreate);
  if (!file) {
    return Fail(file.error().fault, file.error().detail);
  }
  auto done = Fill(**file);
  if (done) {
    done = disk_->Rename(unfinished, SpareName(number_));
  }
  if (!done) {
    file->reset();
    // What it took is given back; that it failed is what is told.
    static_cast<void>(disk_->Remove(unfinished));
  }
  return done;
}

Result<void> SpareWork::Fill(File& file) const {
  const std::string zeros(static_cast<std::size_t>(std::min(bytes_, kFillBytes)), '\0');
  for (std::uint64_t at = 0; at < bytes_; at += kFillBytes) {
    const std::uint64_t left = std::min(kFillBytes, bytes_ - at);
    auto written = file.Write(at, std::string_view(zeros).substr(0, left));
    if (!written) {
      return written;
    }
  }
  return file.Sync();
}

}  // namespace nunc
