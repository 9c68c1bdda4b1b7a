// One folder of files, as the log, the snapshots and the meta file need it.
//
// Shape:   names are flat, without a slash. Two implementations: posix/disk.h, and the simulator's,
//          which loses at a crash what was not synced.
//          What survives a power cut: bytes written before a File::Sync that succeeded, in a file
//          whose name was there before a Disk::SyncFolder that succeeded.
// Errors:  kNotFound: no such file. kNoSpace: the disk is full, nothing else changed. kIo: anything
//          else; after it the state of the file on the disk is unknown and nothing may be retried.
// Thread:  any; calls on one File from two threads only if none of them changes the same bytes.
// Source:  docs/cluster.md §4, §17.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace nunc {

class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // Gives how many bytes there were: fewer than asked for only at the end of the file.
  virtual Result<std::size_t> Read(std::uint64_t offset, std::span<char> into) = 0;
  // All of it, or an error; grows the file where it ends before.
  virtual Result<void> Write(std::uint64_t offset, std::string_view bytes) = 0;
  // Afterwards the file has at least `bytes`, and writes below do not run out of space.
  virtual Result<void> Reserve(std::uint64_t bytes) = 0;
  // Everything written before is on the medium when it returns.
  virtual Result<void> Sync() = 0;
  virtual Result<std::uint64_t> Size() = 0;
};

enum class OpenMode : std::uint8_t {
  kRead,       // an existing file
  kReadWrite,  // an existing file
  kCreate,     // a new, empty file; one of that name is emptied
};

struct FileInfo {
  std::string name;
  std::uint64_t bytes = 0;
};

class Disk {
 public:
  Disk() = default;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  virtual ~Disk() = default;

  virtual Result<std::unique_ptr<File>> Open(std::string_view name, OpenMode mode) = 0;
  // In byte order of the names; files alone.
  virtual Result<std::vector<FileInfo>> List() = 0;
  // Replaces a file named `to`.
  virtual Result<void> Rename(std::string_view from, std::string_view to) = 0;
  virtual Result<void> Remove(std::string_view name) = 0;
  // The names as they are now are on the medium when it returns.
  virtual Result<void> SyncFolder() = 0;
  // For messages to people: where a file is.
  [[nodiscard]] virtual std::string PathOf(std::string_view name) const = 0;
};

}  // namespace nunc
