#include "cli/empty_folder.h"

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/escape.h"

namespace nunc {

namespace fs = std::filesystem;

EmptyFolder::~EmptyFolder() {
  if (disk_ == nullptr || kept_) {
    return;
  }
  if (const Result<std::vector<FileInfo>> files = disk_->List(); files) {
    for (const FileInfo& file : *files) {
      static_cast<void>(disk_->Remove(file.name));
    }
  }
  std::error_code ignored;
  if (!had_lock_) {
    fs::remove(fs::path(path_) / kLockName, ignored);
  }
  if (made_) {
    fs::remove(path_, ignored);
  }
}

Result<void> EmptyFolder::Open() {
  std::error_code unknown;
  made_ = !fs::exists(path_, unknown);
  had_lock_ = fs::exists(fs::path(path_) / kLockName, unknown);
  if (Result<void> empty = CheckEmpty(); !empty) {
    return empty;
  }
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open(path_, FolderAccess::kCreate);
  if (!disk) {
    return tl::unexpected(disk.error());
  }
  if (Result<void> empty = CheckEmpty(); !empty) {
    return empty;
  }
  disk_ = std::move(*disk);
  return {};
}

// Folders in it count too; the lock alone, which a server leaves, does not.
Result<void> EmptyFolder::CheckEmpty() const {
  std::error_code unknown;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, unknown)) {
    if (entry.path().filename() != kLockName) {
      return Fail(Fault::kInvalid, path_ + " is not empty: it holds " +
                                       HideControls(entry.path().filename().string()) +
                                       "; nothing was changed");
    }
  }
  return {};
}

}  // namespace nunc
