#include "storage/snapshot_names.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace nunc {
namespace {

constexpr std::string_view kBeginning = "snapshot-";
constexpr std::string_view kUnfinished = ".tmp";
constexpr std::size_t kDigits = 20;  // of the largest revision

bool IsUnfinished(std::string_view name) {
  return name.ends_with(kUnfinished) &&
         ParseSnapshotName(name.substr(0, name.size() - kUnfinished.size())).has_value();
}

}  // namespace

std::string SnapshotName(Revision start) {
  const std::string digits = std::to_string(start.value);
  std::string name(kBeginning);
  name.append(kDigits - digits.size(), '0');
  return name + digits;
}

std::string UnfinishedSnapshotName(Revision start) {
  return SnapshotName(start) + std::string(kUnfinished);
}

std::optional<Revision> ParseSnapshotName(std::string_view name) {
  if (name.size() != kBeginning.size() + kDigits || !name.starts_with(kBeginning)) {
    return std::nullopt;
  }
  Revision start;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kBeginning.size(), end, start.value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return start;
}

Result<std::vector<SnapshotInfo>> ListSnapshots(Disk& disk) {
  auto files = disk.List();
  if (!files) return tl::unexpected(std::move(files.error()));
  std::vector<SnapshotInfo> snapshots;
  for (FileInfo& file : *files) {
    if (const auto start = ParseSnapshotName(file.name)) {
      snapshots.push_back({.name = std::move(file.name), .start = *start, .bytes = file.bytes});
    }
  }
  std::ranges::reverse(snapshots);
  return snapshots;
}

Result<void> PublishSnapshot(Disk& disk, std::string_view unfinished, std::string_view name) {
  if (auto renamed = disk.Rename(unfinished, name); !renamed) return renamed;
  return disk.SyncFolder();
}

Result<bool> HasUnfinishedSnapshot(Disk& disk) {
  auto files = disk.List();
  if (!files) return tl::unexpected(std::move(files.error()));
  return std::ranges::any_of(*files, [](const FileInfo& file) { return IsUnfinished(file.name); });
}

Result<void> RemoveUnfinishedSnapshots(Disk& disk) {
  auto files = disk.List();
  if (!files) return tl::unexpected(std::move(files.error()));
  for (const FileInfo& file : *files) {
    if (!IsUnfinished(file.name)) continue;
    if (auto removed = disk.Remove(file.name); !removed) return removed;
  }
  return {};
}

}  // namespace nunc
