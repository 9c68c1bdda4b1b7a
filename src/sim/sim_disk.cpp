#include "sim/sim_disk.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "base/check.h"

namespace nunc {
namespace {

constexpr std::size_t kFileNameBytesMax = 255;

Result<void> CheckName(std::string_view name) {
  const bool plain = !name.empty() && name.size() <= kFileNameBytesMax && name != "." &&
                     name != ".." && name != "LOCK" && !name.contains('/') && !name.contains('\0');
  if (!plain) {
    return Fail(Fault::kInvalid, "'" + std::string(name) + "' cannot be the name of a file");
  }
  return {};
}

}  // namespace

// Not in the namespace above, because SimDevice must know it as a friend.
class SimFile final : public File {
 public:
  SimFile(SimDevice& device, std::shared_ptr<SimNode> node, std::string path, bool writable)
      : device_(device),
        generation_(device.generation_),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        lost_(node_->lost) {
    ++node_->opened;
  }

  ~SimFile() override {
    if (generation_ == device_.generation_) {
      --node_->opened;
    }
  }

  Result<std::size_t> Read(std::uint64_t offset, std::span<char> into) override;
  Result<void> Write(std::uint64_t offset, std::string_view bytes) override;
  Result<void> Reserve(std::uint64_t bytes) override;
  Result<void> Sync() override;
  Result<std::uint64_t> Size() override;

 private:
  using Operation = SimDevice::Operation;
  using Refusal = SimDevice::Refusal;

  std::optional<Refusal> Begin(Operation operation, std::uint64_t offset, std::uint64_t length,
                               std::string_view bytes = {});
  Result<void> CheckChange(std::uint64_t offset, std::uint64_t length) const;

  SimDevice& device_;
  std::uint64_t generation_;
  std::shared_ptr<SimNode> node_;
  std::string path_;
  bool writable_;
  std::uint64_t lost_;  // of the node's, those that it has heard of
};

std::optional<SimFile::Refusal> SimFile::Begin(Operation operation, std::uint64_t offset,
                                               std::uint64_t length, std::string_view bytes) {
  if (generation_ != device_.generation_) {
    return Refusal{.error = {.fault = Fault::kIo, .detail = path_ + ": its process has ended"},
                   .has_effect = false};
  }
  return device_.Begin(
      {.operation = operation, .path = path_, .bytes = bytes, .offset = offset, .length = length});
}

Result<void> SimFile::CheckChange(std::uint64_t offset, std::uint64_t length) const {
  if (!writable_) {
    return Fail(Fault::kInvalid, path_ + " was opened for reading only");
  }
  if (length > std::numeric_limits<std::int64_t>::max() ||
      offset > std::numeric_limits<std::int64_t>::max() - length) {
    return Fail(Fault::kIo, path_ + ": no file can be that long");
  }
  const std::uint64_t size = node_->bytes.seen().size();
  if (offset + length > size && !device_.HasRoom(offset + length - size)) {
    return Fail(Fault::kNoSpace, path_ + ": the disk is full");
  }
  return {};
}

Result<std::size_t> SimFile::Read(std::uint64_t offset, std::span<char> into) {
  if (std::optional<Refusal> refusal = Begin(Operation::kRead, offset, into.size())) {
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  const std::string& content = node_->bytes.seen();
  if (offset >= content.size()) {
    return 0;
  }
  return content.copy(into.data(), into.size(), offset);
}

Result<void> SimFile::Write(std::uint64_t offset, std::string_view bytes) {
  std::optional<Refusal> refusal = Begin(Operation::kWrite, offset, bytes.size(), bytes);
  if (refusal) {
    bytes = refusal->has_effect ? bytes.substr(0, bytes.size() / 2) : std::string_view();
  }
  Result<void> possible = CheckChange(offset, bytes.size());
  if (possible) {
    node_->bytes.Write(device_.NextSequence(), offset, bytes);
  }
  return refusal ? tl::unexpected<Error>(std::move(refusal->error)) : std::move(possible);
}

Result<void> SimFile::Reserve(std::uint64_t bytes) {
  if (std::optional<Refusal> refusal = Begin(Operation::kReserve, 0, bytes)) {
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  Result<void> possible = CheckChange(0, bytes);
  if (possible) {
    node_->bytes.Extend(device_.NextSequence(), bytes);
  }
  return possible;
}

Result<void> SimFile::Sync() {
  std::optional<Refusal> refusal = Begin(Operation::kSync, 0, 0);
  if (!refusal && std::exchange(device_.fail_next_sync_, false)) {
    refusal = Refusal{.error = {.fault = Fault::kIo, .detail = path_ + ": made to fail"},
                      .has_effect = true};
  }
  if (refusal) {
    if (refusal->has_effect) {
      node_->bytes.ForgetPending();
      lost_ = ++node_->lost;
    }
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  // Every open file hears once of what was lost, whoever's sync it was (fsync(2), since
  // Linux 4.13).
  if (std::exchange(lost_, node_->lost) != node_->lost) {
    return Fail(Fault::kIo, path_ + ": what was written before is lost: a sync was made to fail");
  }
  node_->bytes.Sync();
  return {};
}

Result<std::uint64_t> SimFile::Size() {
  if (std::optional<Refusal> refusal = Begin(Operation::kSize, 0, 0)) {
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  return node_->bytes.seen().size();
}

SimDisk::SimDisk(SimDevice& device, std::string folder)
    : device_(device), names_(device.FolderOf(folder)), folder_(std::move(folder)) {}

Result<std::unique_ptr<File>> SimDisk::Open(std::string_view name, OpenMode mode) {
  const Result<void> named = CheckName(name);
  if (!named) {
    return tl::unexpected<Error>(named.error());
  }
  std::string path = PathOf(name);
  std::optional<SimDevice::Refusal> refusal =
      device_.Begin({.operation = SimDevice::Operation::kOpen,
                     .path = path,
                     .bytes = {},
                     .offset = 0,
                     .length = std::to_underlying(mode)});
  if (refusal) {
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  std::shared_ptr<SimNode> node = names_.Find(name);
  if (!node && mode != OpenMode::kCreate) {
    return Fail(Fault::kNotFound, path + ": no such file");
  }
  if (!node) {
    node = device_.MakeNode();
    names_.Create(device_.NextSequence(), name, node);
  } else if (mode == OpenMode::kCreate) {
    node->bytes.Truncate(device_.NextSequence());
  }
  return std::make_unique<SimFile>(device_, std::move(node), std::move(path),
                                   mode != OpenMode::kRead);
}

Result<std::vector<FileInfo>> SimDisk::List() {
  std::optional<SimDevice::Refusal> refusal =
      device_.Begin({.operation = SimDevice::Operation::kList, .path = folder_, .bytes = {}});
  if (refusal) {
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  std::vector<FileInfo> files;
  for (const auto& [name, node] : names_.seen()) {
    files.push_back({.name = name, .bytes = node->bytes.seen().size()});
  }
  return files;
}

Result<void> SimDisk::Rename(std::string_view from, std::string_view to) {
  for (const std::string_view name : {from, to}) {
    Result<void> named = CheckName(name);
    if (!named) {
      return named;
    }
  }
  const std::string path = PathOf(from);
  std::optional<SimDevice::Refusal> refusal =
      device_.Begin({.operation = SimDevice::Operation::kRename, .path = path, .bytes = to});
  if (refusal) {
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  if (!names_.Find(from)) {
    return Fail(Fault::kNotFound, path + ": no such file");
  }
  names_.Rename(device_.NextSequence(), from, to);
  return {};
}

Result<void> SimDisk::Remove(std::string_view name) {
  Result<void> named = CheckName(name);
  if (!named) {
    return named;
  }
  const std::string path = PathOf(name);
  std::optional<SimDevice::Refusal> refusal =
      device_.Begin({.operation = SimDevice::Operation::kRemove, .path = path, .bytes = {}});
  if (refusal) {
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  if (!names_.Find(name)) {
    return Fail(Fault::kNotFound, path + ": no such file");
  }
  names_.Remove(device_.NextSequence(), name);
  return {};
}

Result<void> SimDisk::SyncFolder() {
  std::optional<SimDevice::Refusal> refusal =
      device_.Begin({.operation = SimDevice::Operation::kSyncFolder, .path = folder_, .bytes = {}});
  if (refusal) {
    return tl::unexpected<Error>(std::move(refusal->error));
  }
  names_.Sync();
  return {};
}

std::string SimDisk::PathOf(std::string_view name) const {
  return folder_ + "/" + std::string(name);
}

bool SimDisk::Has(std::string_view name) const {
  return names_.Find(name) != nullptr;
}

std::string SimDisk::Content(std::string_view name) const {
  const std::shared_ptr<SimNode> node = names_.Find(name);
  return node ? node->bytes.seen() : std::string();
}

std::vector<std::string> SimDisk::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, node] : names_.seen()) {
    names.push_back(name);
  }
  return names;
}

std::string SimDisk::SyncedContent(std::string_view name) const {
  const std::shared_ptr<SimNode> node = names_.Find(name);
  return node ? node->bytes.durable() : std::string();
}

bool SimDisk::HasDurable(std::string_view name) const {
  return names_.durable().contains(name);
}

std::string SimDisk::DurableContent(std::string_view name) const {
  const auto found = names_.durable().find(name);
  return found == names_.durable().end() ? std::string() : found->second->bytes.durable();
}

void SimDisk::SetContent(std::string_view name, std::string_view bytes) {
  CHECK(CheckName(name).has_value());
  std::shared_ptr<SimNode> node = names_.Find(name);
  if (!node) {
    node = device_.MakeNode();
  }
  node->bytes.Replace(bytes);
  names_.Put(name, std::move(node));
}

void SimDisk::FlipBit(std::string_view name, std::uint64_t bit) {
  const std::shared_ptr<SimNode> node = names_.Find(name);
  if (node) {
    node->bytes.FlipBit(bit);
  }
}

}  // namespace nunc
