#include "node/full_sync_file.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/planted.h"
#include "node/backup_file.h"
#include "storage/oplog_state.h"
#include "storage/segment.h"
#include "storage/snapshot_names.h"

namespace nunc {
namespace {

// Why it may not become this folder; empty: it may.
std::string WhyNot(const SnapshotHead& head, const ChainEnd& end, const Meta& meta) {
  // One that joins may not have stored yet whom it has found.
  const bool unknown = meta.cluster == ClusterId{} && meta.joins;
  if (head.cluster != meta.cluster && !unknown) {
    return "it is of another cluster";
  }
  // It was sent by the primary of the term it ends in. In a later one this node may have confirmed
  // what it does not hold.
  if (meta.term > end.term) {
    return "it was sent in term " + std::to_string(end.term.value) + ", and this is term " +
           std::to_string(meta.term.value);
  }
  return meta.commit > end.revision ? "it ends before what is final here" : "";
}

class Installation {
 public:
  Installation(const PersistenceWorld& world, std::uint64_t segment_bytes, Store& store, Meta& meta)
      : world_(world), segment_bytes_(segment_bytes), store_(store), meta_(meta) {}

  // Empty: the file may not be used, and the log has said why.
  Result<std::optional<FullState>> Load(const ShowProgress& show);
  Result<void> Install(const FullState& state);

 private:
  Result<void> WriteNewSnapshot(const FullState& state);
  Result<void> RemoveOldSnapshots(const FullState& state);
  Result<void> ReplaceLog(const FullState& state);
  Result<void> RemoveOldLog();
  Result<void> StoreMeta(const FullState& state, MetaFile& file);

  PersistenceWorld world_;
  std::uint64_t segment_bytes_;
  Store& store_;
  Meta& meta_;
};

Result<std::optional<FullState>> Installation::Load(const ShowProgress& show) {
  auto file = world_.data.Open(kFullSyncName, OpenMode::kRead);
  if (!file) {
    return file.error().fault == Fault::kNotFound ? Result<std::optional<FullState>>(std::nullopt)
                                                  : tl::unexpected(file.error());
  }
  const Result<std::uint64_t> size = (*file)->Size();
  if (!size) {
    return tl::unexpected(size.error());
  }
  FileSource source(**file);
  Result<FullState> state =
      LoadFullSync(source, world_.data.PathOf(kFullSyncName), store_, [&](std::uint64_t bytes) {
        show({.what = "full sync", .done_bytes = bytes, .all_bytes = *size});
      });
  std::string why;
  if (state) {
    why = WhyNot(state->summary.head, state->end, meta_);
  } else if (state.error().fault == Fault::kDamaged || state.error().fault == Fault::kInvalid) {
    why = state.error().detail;
  } else {
    return tl::unexpected(state.error());
  }
  if (!why.empty()) {
    LogWarn("a full sync is not used, what was here before stays: " + why);
    return std::nullopt;
  }
  return std::move(*state);
}

// The new state is whole on the medium before anything of the old one goes; and the file is there
// until nothing of the old one is.
Result<void> Installation::Install(const FullState& state) {
  if (Planted(Bug::kFleetSyncFileFirst)) {
    if (Result<void> removed = RemoveFullSync(world_.data); !removed) {
      return removed;
    }
  }
  const Result<std::unique_ptr<MetaFile>> file = MetaFile::Load(world_.data);
  if (!file) {
    return tl::unexpected(file.error());
  }
  Result<void> done = WriteNewSnapshot(state);
  if (done) {
    done = RemoveOldSnapshots(state);
  }
  if (done) {
    done = ReplaceLog(state);
  }
  if (done) {
    done = StoreMeta(state, **file);
  }
  return done;
}

Result<void> Installation::WriteNewSnapshot(const FullState& state) {
  const SnapshotHead& from = state.summary.head;
  SnapshotHead head{.cluster = from.cluster,
                    .start = {.term = state.end.term,
                              .revision = state.end.revision,
                              .time_us = state.end.time_us,
                              .chain = state.end.checksum},
                    .highest_database = {.value = store_.NextDatabaseId().value - 1},
                    .last_conflict = from.last_conflict,
                    .terms = state.terms};
  if (!store_.members().empty()) {
    head.members_at = store_.members().back().revision;
    head.members = store_.members().back().members;
  }
  return WriteExactSnapshot(world_.data, store_, head);
}

Result<void> Installation::RemoveOldSnapshots(const FullState& state) {
  const Result<std::vector<SnapshotInfo>> snapshots = ListSnapshots(world_.data);
  if (!snapshots) {
    return tl::unexpected(snapshots.error());
  }
  for (const SnapshotInfo& snapshot : *snapshots) {
    if (snapshot.start != state.end.revision) {
      if (Result<void> removed = world_.data.Remove(snapshot.name); !removed) {
        return removed;
      }
    }
  }
  return world_.data.SyncFolder();
}

Result<void> Installation::RemoveOldLog() {
  const Result<LogFiles> files = ListLogFiles(world_.log);
  if (!files) {
    return tl::unexpected(files.error());
  }
  for (const Revision& first : files->indexes) {
    if (Result<void> removed = world_.log.Remove(IndexName(first)); !removed) {
      return removed;
    }
  }
  for (const SegmentInfo& segment : files->segments) {
    if (Result<void> removed = world_.log.Remove(SegmentName(segment.first)); !removed) {
      return removed;
    }
  }
  return world_.log.SyncFolder();
}

Result<void> Installation::ReplaceLog(const FullState& state) {
  if (Result<void> removed = RemoveOldLog(); !removed) {
    return removed;
  }
  ChainEnd start = state.end;
  if (Planted(Bug::kFleetSyncWithoutChain)) {
    start.checksum = state.summary.head.start.chain;
  }
  const Result<LogState> created = CreateLog(
      world_.log, {.cluster = state.summary.head.cluster, .segment_bytes = segment_bytes_}, start);
  return created ? Result<void>() : tl::unexpected(created.error());
}

Result<void> Installation::StoreMeta(const FullState& state, MetaFile& file) {
  const Revision end = state.end.revision;
  meta_.cluster = state.summary.head.cluster;
  meta_.durable = end;
  // The log is that of the primary who said so.
  meta_.commit = std::max(meta_.commit, std::min(state.summary.head.committed, end));
  meta_.damaged = false;
  return file.Store(meta_);
}

}  // namespace

// The folder is synced in any case: the name may have gone without that before a stop, and one that
// came back would undo what the node has done since.
Result<void> RemoveFullSync(Disk& disk) {
  for (const std::string_view name : {kFullSyncPartName, kFullSyncName}) {
    if (Result<void> removed = RemoveIfThere(disk, name); !removed) {
      return removed;
    }
  }
  return disk.SyncFolder();
}

Result<void> InstallFullSync(const PersistenceWorld& world, std::uint64_t segment_bytes,
                             Store& store, Meta& meta, const ShowProgress& show) {
  Installation installation(world, segment_bytes, store, meta);
  const Result<std::optional<FullState>> state = installation.Load(show);
  if (!state) {
    return tl::unexpected(state.error());
  }
  if (*state) {
    if (Result<void> installed = installation.Install(**state); !installed) {
      return installed;
    }
    LogInfo("full sync installed revision=" + std::to_string((*state)->end.revision.value) +
            " bytes=" + std::to_string((*state)->summary.bytes));
  }
  return RemoveFullSync(world.data);
}

}  // namespace nunc
