#include "storage/memory_file_fixture.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace nunc {

class MemoryFile : public File {
 public:
  MemoryFile(MemoryDisk& disk, std::shared_ptr<std::string> bytes)
      : disk_(disk), bytes_(std::move(bytes)) {}

  Result<std::size_t> Read(std::uint64_t offset, std::span<char> into) override {
    if (auto called = disk_.Call(); !called) return tl::unexpected(called.error());
    if (offset >= bytes_->size()) return 0U;
    return bytes_->copy(into.data(), into.size(), offset);
  }

  Result<void> Write(std::uint64_t offset, std::string_view bytes) override {
    if (auto called = disk_.Call(); !called) return called;
    bytes_->resize(std::max<std::size_t>(bytes_->size(), offset + bytes.size()));
    bytes_->replace(offset, bytes.size(), bytes);
    return {};
  }

  Result<void> Reserve(std::uint64_t bytes) override {
    if (auto called = disk_.Call(); !called) return called;
    bytes_->resize(std::max<std::size_t>(bytes_->size(), bytes));
    return {};
  }

  Result<void> Sync() override {
    if (auto called = disk_.Call(); !called) return called;
    ++disk_.syncs_;
    return {};
  }

  Result<std::uint64_t> Size() override {
    if (auto called = disk_.Call(); !called) return tl::unexpected(called.error());
    return bytes_->size();
  }

 private:
  MemoryDisk& disk_;
  std::shared_ptr<std::string> bytes_;
};

Result<void> MemoryDisk::Call() {
  if (calls_until_failure_ > 0 && --calls_until_failure_ == 0) {
    return Fail(Fault::kIo, "this call was made to fail");
  }
  return {};
}

Result<std::unique_ptr<File>> MemoryDisk::Open(std::string_view name, OpenMode mode) {
  if (auto called = Call(); !called) return tl::unexpected(called.error());
  if (mode == OpenMode::kCreate) {
    files_.insert_or_assign(std::string(name), std::make_shared<std::string>());
  }
  const auto found = files_.find(name);
  if (found == files_.end()) return Fail(Fault::kNotFound, PathOf(name) + ": no such file");
  return std::make_unique<MemoryFile>(*this, found->second);
}

Result<std::vector<FileInfo>> MemoryDisk::List() {
  if (auto called = Call(); !called) return tl::unexpected(called.error());
  std::vector<FileInfo> files;
  files.reserve(files_.size());
  for (const auto& [name, bytes] : files_) {
    files.push_back({.name = name, .bytes = bytes->size()});
  }
  return files;
}

Result<void> MemoryDisk::Rename(std::string_view from, std::string_view to) {
  if (auto called = Call(); !called) return called;
  const auto found = files_.find(from);
  if (found == files_.end()) return Fail(Fault::kNotFound, PathOf(from) + ": no such file");
  auto bytes = found->second;
  files_.erase(found);
  files_.insert_or_assign(std::string(to), std::move(bytes));
  return {};
}

Result<void> MemoryDisk::Remove(std::string_view name) {
  if (auto called = Call(); !called) return called;
  const auto found = files_.find(name);
  if (found == files_.end()) return Fail(Fault::kNotFound, PathOf(name) + ": no such file");
  files_.erase(found);
  return {};
}

Result<void> MemoryDisk::SyncFolder() {
  if (auto called = Call(); !called) return called;
  ++syncs_;
  return {};
}

std::string MemoryDisk::PathOf(std::string_view name) const {
  return "/memory/" + std::string(name);
}

std::string& MemoryDisk::Bytes(std::string_view name) {
  const auto found = files_.find(name);
  CHECK(found != files_.end());
  return *found->second;
}

Result<std::size_t> MemorySource::Read(std::span<char> into) {
  const std::size_t count = left_.copy(into.data(), std::min(into.size(), step_));
  left_.remove_prefix(count);
  return count;
}

void QueuedWorker::Submit(Task job, Task done) {
  tasks_.emplace_back(std::move(job), std::move(done));
  most_waiting_ = std::max(most_waiting_, tasks_.size());
}

std::size_t QueuedWorker::Collect(Wait /*wait*/) {
  if (tasks_.empty()) return 0;
  auto [job, done] = std::move(tasks_.front());
  tasks_.pop_front();
  job();
  done();
  return 1;
}

}  // namespace nunc
