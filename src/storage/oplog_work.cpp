#include "storage/oplog_work.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/planted.h"
#include "storage/oplog_state.h"
#include "storage/segment.h"

namespace nunc {

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
  Result<void> done = Fill();
  if (done && filled_ == bytes_) {
    file_.reset();
    done = disk_->Rename(UnfinishedSpareName(number_), SpareName(number_));
    finished_ = done.has_value();
  }
  if (!done) {
    file_.reset();
    // What it took is given back; that it failed is what is told.
    static_cast<void>(disk_->Remove(UnfinishedSpareName(number_)));
  }
  return done;
}

// A few pieces at a time are synced: one sync of all would be as long as all.
Result<void> SpareWork::Fill() {
  if (file_ == nullptr) {
    auto file = disk_->Open(UnfinishedSpareName(number_), OpenMode::kCreate);
    if (!file) {
      return Fail(file.error().fault, file.error().detail);
    }
    file_ = std::move(*file);
    zeros_.assign(kPieceBytes, '\0');
  }
  const std::string_view piece = std::string_view(zeros_).substr(0, bytes_ - filled_);
  auto written = file_->Write(filled_, piece);
  if (!written) {
    return written;
  }
  filled_ += piece.size();
  const bool syncs = filled_ == bytes_ || filled_ % kSyncBytes == 0;
  return syncs ? file_->Sync() : Result<void>();
}

}  // namespace nunc
