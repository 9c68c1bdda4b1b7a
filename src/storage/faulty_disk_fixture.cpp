#include "storage/faulty_disk_fixture.h"

#include <algorithm>

#include "base/check.h"

namespace nunc {

namespace {

class FaultyFile : public File {
 public:
  FaultyFile(FaultyDisk& disk, std::shared_ptr<FaultyDisk::Bytes> bytes)
      : disk_(disk), bytes_(std::move(bytes)) {}

  Result<std::size_t> Read(std::uint64_t offset, std::span<char> into) override {
    const auto called = disk_.Call();
    if (!called) {
      return Fail(called.error().fault, called.error().detail);
    }
    if (offset >= bytes_->now.size()) {
      return std::size_t{0};
    }
    const std::size_t read = bytes_->now.copy(into.data(), into.size(), offset);
    disk_.read_bytes += read;
    return read;
  }

  Result<void> Write(std::uint64_t offset, std::string_view bytes) override {
    ++disk_.writes;
    auto grown = disk_.Grow(*bytes_, offset + bytes.size());
    if (grown) {
      bytes.copy(bytes_->now.data() + offset, bytes.size());
    }
    return grown;
  }

  Result<void> Reserve(std::uint64_t bytes) override { return disk_.Grow(*bytes_, bytes); }

  Result<void> Sync() override {
    auto called = disk_.Call();
    if (called) {
      bytes_->synced = bytes_->now;
    }
    return called;
  }

  Result<std::uint64_t> Size() override {
    const auto called = disk_.Call();
    if (!called) {
      return Fail(called.error().fault, called.error().detail);
    }
    return std::uint64_t{bytes_->now.size()};
  }

 private:
  FaultyDisk& disk_;
  std::shared_ptr<FaultyDisk::Bytes> bytes_;
};

}  // namespace

Result<void> FaultyDisk::Call() {
  if (calls_left_ > 0 && --calls_left_ == 0) {
    failing_ = true;
  }
  return failing_ ? Fail(fault_, "as the test wants it") : Result<void>();
}

void FaultyDisk::FailFrom(std::uint64_t n, Fault fault) {
  calls_left_ = n;
  fault_ = fault;
  failing_ = false;
}

Result<void> FaultyDisk::Grow(Bytes& file, std::uint64_t bytes) {
  auto called = Call();
  if (!called || bytes <= file.now.size()) {
    return called;
  }
  std::uint64_t all = bytes - file.now.size();
  for (const auto& [name, other] : names_) {
    all += other->now.size();
  }
  if (all > bytes_max_) {
    return Fail(Fault::kNoSpace, "the disk of the test is full");
  }
  file.now.resize(bytes);
  return {};
}

Result<std::unique_ptr<File>> FaultyDisk::Open(std::string_view name, OpenMode mode) {
  const auto called = Call();
  if (!called) {
    return Fail(called.error().fault, called.error().detail);
  }
  auto found = names_.find(name);
  if (mode == OpenMode::kCreate) {
    found = names_.insert_or_assign(std::string(name), std::make_shared<Bytes>()).first;
  } else if (found == names_.end()) {
    return Fail(Fault::kNotFound, PathOf(name));
  }
  return std::unique_ptr<File>(std::make_unique<FaultyFile>(*this, found->second));
}

Result<std::vector<FileInfo>> FaultyDisk::List() {
  const auto called = Call();
  if (!called) {
    return Fail(called.error().fault, called.error().detail);
  }
  std::vector<FileInfo> files;
  for (const auto& [name, bytes] : names_) {
    files.push_back({.name = name, .bytes = bytes->now.size()});
  }
  return files;
}

Result<void> FaultyDisk::Rename(std::string_view from, std::string_view to) {
  auto called = Call();
  if (!called) {
    return called;
  }
  const auto found = names_.find(from);
  if (found == names_.end()) {
    return Fail(Fault::kNotFound, PathOf(from));
  }
  auto bytes = std::move(found->second);
  names_.erase(found);
  names_.insert_or_assign(std::string(to), std::move(bytes));
  return called;
}

Result<void> FaultyDisk::Remove(std::string_view name) {
  auto called = Call();
  if (!called) {
    return called;
  }
  const auto found = names_.find(name);
  if (found == names_.end()) {
    return Fail(Fault::kNotFound, PathOf(name));
  }
  names_.erase(found);
  return called;
}

Result<void> FaultyDisk::SyncFolder() {
  auto called = Call();
  if (called) {
    synced_names_ = names_;
  }
  return called;
}

std::string FaultyDisk::PathOf(std::string_view name) const {
  return std::string(name);
}

void FaultyDisk::CutPower() {
  calls_left_ = 0;
  failing_ = false;
  names_.clear();
  for (const auto& [name, bytes] : synced_names_) {
    names_.emplace(name,
                   std::make_shared<Bytes>(Bytes{.now = bytes->synced, .synced = bytes->synced}));
  }
  synced_names_ = names_;
}

std::string FaultyDisk::Names() const {
  std::string all;
  for (const auto& [name, bytes] : names_) {
    all += (all.empty() ? "" : " ") + name;
  }
  return all;
}

std::string& FaultyDisk::Content(std::string_view name) {
  const auto found = names_.find(name);
  CHECK(found != names_.end());
  return found->second->now;
}

void FaultyDisk::Put(std::string_view name, const std::string& content) {
  names_.insert_or_assign(std::string(name),
                          std::make_shared<Bytes>(Bytes{.now = content, .synced = content}));
  synced_names_ = names_;
}

std::unique_ptr<FaultyDisk> FaultyDisk::Copy() const {
  auto copy = std::make_unique<FaultyDisk>();
  for (const auto& [name, bytes] : names_) {
    copy->Put(name, bytes->now);
  }
  return copy;
}

std::size_t LaterWorker::Collect(Wait wait) {
  std::size_t ran = 0;
  // As little as is asked for, so that what does not wait for its own job is seen.
  while (!tasks_.empty() && (wait == Wait::kForOne ? ran == 0 : false)) {
    auto [job, done] = std::move(tasks_.front());
    tasks_.pop_front();
    job();
    done();
    ++ran;
  }
  return ran;
}

}  // namespace nunc
