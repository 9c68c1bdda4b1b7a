// A folder of the machine's file system.
//
// Shape:   system calls relative to the opened folder, so that nobody who renames the folder
//          redirects us. One process at a time (posix/folder.h).
// Errors:  as env/disk.h says; kInvalid for a name that is no plain file name or is LOCK, and for
//          every call that would change something through kReadOnly. A Write or Reserve that finds
//          the disk full leaves the file as long as it was.
// Limits:  names of at most 255 bytes.
// Source:  docs/cluster.md §4.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "env/disk.h"
#include "posix/folder.h"

namespace nunc {

class PosixDisk final : public Disk {
 public:
  static Result<std::unique_ptr<PosixDisk>> Open(const std::string& folder, FolderAccess access);

  Result<std::unique_ptr<File>> Open(std::string_view name, OpenMode mode) override;
  Result<std::vector<FileInfo>> List() override;
  Result<void> Rename(std::string_view from, std::string_view to) override;
  Result<void> Remove(std::string_view name) override;
  Result<void> SyncFolder() override;
  [[nodiscard]] std::string PathOf(std::string_view name) const override;

 private:
  PosixDisk(Folder folder, FolderAccess access);

  Result<void> CheckWritable() const;

  Folder folder_;
  FolderAccess access_;
};

}  // namespace nunc
