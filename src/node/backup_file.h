// Reads backup files: verified, loaded into a store, made into a data folder.
//
// Shape:   a backup is entries and the records behind them: LoadBackup gives a store as of the
//          file's end. Records of a whole backup are one chain from the head's on; where only one
//          database was backed up there are gaps, and the blocks' checksums alone cover them.
// Errors:  kInvalid: no backup, or a newer format; kDamaged: changed or not whole; kNotFound: the
//          database is not in it. A store is of no use after an error.
// Source:  docs/formats-snapshot.md; docs/backup.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/store.h"
#include "env/clock.h"
#include "env/disk.h"
#include "env/random.h"
#include "storage/record.h"
#include "storage/snapshot_reader.h"

namespace nunc {

using BackupProgress = std::function<void(std::uint64_t bytes)>;

// `name` is for messages, which begin with it and say where in the file it is.
// Everything is checked and nothing kept.
Result<SnapshotSummary> VerifyBackup(ByteSource& source, std::string name,
                                     const BackupProgress& progress);
// `only`: that database; empty: everything.
Result<SnapshotSummary> LoadBackup(ByteSource& source, std::string name, std::string_view only,
                                   Store& store, const BackupProgress& progress);

// Of a full sync: the state that another node goes on from.
struct FullState {
  SnapshotSummary summary{};
  ChainEnd end{};                // of its newest record, which the next one goes on behind
  std::vector<TermEnd> terms{};  // of the history up to there
};
Result<FullState> LoadFullSync(ByteSource& source, std::string name, Store& store,
                               const BackupProgress& progress);

// A snapshot of `store` that is exact at its start: it needs no record. It is on the medium then.
Result<void> WriteExactSnapshot(Disk& disk, Store& store, const SnapshotHead& head);

struct RestoreWorld {
  Disk& data;  // an empty folder
  Disk& log;   // another one, or the same
  Clock& clock;
  Random& random;
};

// A snapshot of `store` as of the backup's end, an empty log behind it and, last, the meta file of
// a new cluster and history: no token of another one fits.
Result<void> WriteFolder(const RestoreWorld& world, Store& store, const SnapshotSummary& backup,
                         std::uint64_t segment_bytes);

}  // namespace nunc
