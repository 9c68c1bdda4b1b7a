// A folder that is to be filled: it was empty, or not there, and is so again unless it is kept.
//
// Errors:  kInvalid: something is in it; else as posix/folder.h. Nothing is changed then.
// Owner:   locked while this lives; what was made in it goes with the destructor unless Keep was
//          called.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "posix/disk.h"

namespace nunc {

class EmptyFolder {
 public:
  explicit EmptyFolder(std::string path) : path_(std::move(path)) {}
  EmptyFolder(const EmptyFolder&) = delete;
  EmptyFolder& operator=(const EmptyFolder&) = delete;
  ~EmptyFolder();

  // Looks before the lock is made, and again when nobody else can add anything.
  Result<void> Open();
  void Keep() { kept_ = true; }
  [[nodiscard]] Disk& disk() const { return *disk_; }

 private:
  [[nodiscard]] Result<void> CheckEmpty() const;

  std::string path_;
  std::unique_ptr<PosixDisk> disk_;
  bool made_ = false;
  bool had_lock_ = false;
  bool kept_ = false;
};

}  // namespace nunc
