// A folder of files in memory for tests, whose n-th call can be made to fail; and a worker that
// runs its jobs inside Collect.
//
// Shape:   what was not synced is not lost here: the simulator's disk is for that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "env/disk.h"
#include "env/worker.h"
#include "storage/snapshot_reader.h"

namespace nunc {

class MemoryDisk : public Disk {
 public:
  Result<std::unique_ptr<File>> Open(std::string_view name, OpenMode mode) override;
  Result<std::vector<FileInfo>> List() override;
  Result<void> Rename(std::string_view from, std::string_view to) override;
  Result<void> Remove(std::string_view name) override;
  Result<void> SyncFolder() override;
  [[nodiscard]] std::string PathOf(std::string_view name) const override;

  // The bytes of a file that is there.
  std::string& Bytes(std::string_view name);
  [[nodiscard]] bool Has(std::string_view name) const { return files_.contains(name); }
  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }
  // The n-th call from now on says kIo and does nothing; 1 is the next one.
  void FailCall(std::uint64_t n) { calls_until_failure_ = n; }
  // Whether that call has come.
  [[nodiscard]] bool failed() const { return calls_until_failure_ == 0; }

 private:
  friend class MemoryFile;

  Result<void> Call();

  std::map<std::string, std::shared_ptr<std::string>, std::less<>> files_;
  std::uint64_t calls_until_failure_ = UINT64_MAX;
  std::uint64_t syncs_ = 0;
};

// Gives at most `step` bytes at once, as a socket would.
class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes, std::size_t step = SIZE_MAX)
      : left_(bytes), step_(step) {}

  Result<std::size_t> Read(std::span<char> into) override;

 private:
  std::string_view left_;
  std::size_t step_;
};

class QueuedWorker : public Worker {
 public:
  void Submit(Task job, Task done) override;
  std::size_t Collect(Wait wait) override;

  [[nodiscard]] std::size_t waiting() const { return tasks_.size(); }
  [[nodiscard]] std::size_t most_waiting() const { return most_waiting_; }

 private:
  std::deque<std::pair<Task, Task>> tasks_;
  std::size_t most_waiting_ = 0;
};

}  // namespace nunc
