// A folder in memory for the tests of the op log, whose n-th call can be made to fail, and whose
// power can be cut; and a worker whose jobs run when they are waited for.
//
// Shape:   a file keeps its bytes while someone has it open, whatever happens to its name. A power
//          cut leaves exactly what was synced; what may be left besides is the simulator's to try.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "env/disk.h"
#include "env/worker.h"

namespace nunc {

class FaultyDisk : public Disk {
 public:
  struct Bytes {
    std::string now;
    std::string synced;
  };

  Result<std::unique_ptr<File>> Open(std::string_view name, OpenMode mode) override;
  Result<std::vector<FileInfo>> List() override;
  Result<void> Rename(std::string_view from, std::string_view to) override;
  Result<void> Remove(std::string_view name) override;
  Result<void> SyncFolder() override;
  [[nodiscard]] std::string PathOf(std::string_view name) const override;

  // The n-th call from now on fails, and each one after it; 0: none does.
  void FailFrom(std::uint64_t n, Fault fault);
  [[nodiscard]] bool failed() const { return failing_; }
  // Files together; more is kNoSpace.
  void set_bytes_max(std::uint64_t bytes) { bytes_max_ = bytes; }
  void CutPower();

  [[nodiscard]] bool Has(std::string_view name) const { return names_.contains(name); }
  [[nodiscard]] std::string Names() const;
  // Of a file that is there.
  std::string& Content(std::string_view name);
  void Put(std::string_view name, const std::string& content);
  // All files as they are, in a disk of their own, synced.
  [[nodiscard]] std::unique_ptr<FaultyDisk> Copy() const;

  // For its files.
  Result<void> Call();
  Result<void> Grow(Bytes& file, std::uint64_t bytes);
  std::uint64_t writes = 0;
  std::uint64_t read_bytes = 0;

 private:
  using NameTable = std::map<std::string, std::shared_ptr<Bytes>, std::less<>>;

  NameTable names_;
  NameTable synced_names_;
  std::uint64_t calls_left_ = 0;  // until one fails; 0: none does
  Fault fault_ = Fault::kIo;
  bool failing_ = false;
  std::uint64_t bytes_max_ = UINT64_MAX;
};

class LaterWorker : public Worker {
 public:
  void Submit(Task job, Task done) override {
    tasks_.emplace_back(std::move(job), std::move(done));
  }
  std::size_t Collect(Wait wait) override;

 private:
  std::deque<std::pair<Task, Task>> tasks_;
};

}  // namespace nunc
