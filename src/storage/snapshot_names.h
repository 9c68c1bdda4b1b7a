// Which files of a folder are snapshots, and how one becomes so.
//
// Shape:   `snapshot-` and the 20 digits of its start revision; `.tmp` behind it until it counts.
//          Byte order of the names is the order of the revisions.
// Errors:  those of the disk.
// Source:  docs/formats.md, "Snapshots and backups".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/ids.h"
#include "env/disk.h"

namespace nunc {

std::string SnapshotName(Revision start);
// Where it is written.
std::string UnfinishedSnapshotName(Revision start);
// The start revision, of a name that SnapshotName gives.
std::optional<Revision> ParseSnapshotName(std::string_view name);

struct SnapshotInfo {
  std::string name;
  Revision start{};
  std::uint64_t bytes = 0;
};

// Newest first.
Result<std::vector<SnapshotInfo>> ListSnapshots(Disk& disk);

// From now on the file has its final name, after a power cut too. The file itself must be synced
// (SnapshotFile::Finish).
Result<void> PublishSnapshot(Disk& disk, std::string_view unfinished, std::string_view name);

// Whether a stop left one half written.
Result<bool> HasUnfinishedSnapshot(Disk& disk);

// At a start: what a stop left half written is of no use.
Result<void> RemoveUnfinishedSnapshots(Disk& disk);

}  // namespace nunc
