#include "node/snapshotter.h"

#include <utility>

#include "base/planted.h"
#include "node/snapshot_parts.h"

namespace nunc {
namespace {

Result<std::vector<SnapshotInfo>> PublishAndThin(Disk& disk, Revision start, std::size_t kept) {
  if (Result<void> published =
          PublishSnapshot(disk, UnfinishedSnapshotName(start), SnapshotName(start));
      !published) {
    return tl::unexpected(published.error());
  }
  Result<std::vector<SnapshotInfo>> all = ListSnapshots(disk);
  while (all && all->size() > kept) {
    if (Result<void> removed = disk.Remove(all->back().name); !removed) {
      return tl::unexpected(removed.error());
    }
    all->pop_back();
  }
  return all;
}

}  // namespace

// A job does nothing once one before it has failed.
template <class Work>
void Snapshotter::Submit(Work work) {
  ++running_->in_flight;
  world_.bulk.Submit(
      [running = running_, work = std::move(work)]() mutable {
        if (!running->error) {
          if (Result<void> done = work(*running); !done) {
            running->error = done.error();
          }
        }
      },
      [running = running_] { --running->in_flight; });
}

void Snapshotter::Begin(const ClusterId& cluster, std::vector<TermEnd> terms) {
  running_ = std::make_shared<Running>();
  running_->disk = &world_.data;
  running_->start = node_.end().revision;
  step_ = Step::kWalk;
  builder_ = BlockBuilder();
  walk_.emplace(node_.store(), running_->start);
  Submit([head = MakeSnapshotHead(SnapshotKind::kSnapshot, node_.store(), node_.end(), cluster,
                                  std::move(terms))](Running& running) -> Result<void> {
    Result<SnapshotFile> file =
        SnapshotFile::Create(*running.disk, UnfinishedSnapshotName(running.start), head);
    if (!file) {
      return tl::unexpected(file.error());
    }
    running.file.emplace(std::move(*file));
    return {};
  });
}

bool Snapshotter::ready() const {
  return running() && !given_up_ && step_ == Step::kWalk &&
         running_->in_flight < kBlocksInFlightMax;
}

void Snapshotter::Slice(Revision durable) {
  if (!running()) {
    return;
  }
  if (running_->in_flight == 0 && running_->error) {
    return End(tl::unexpected(*running_->error));
  }
  if (given_up_) {
    return running_->in_flight == 0 ? End(Fail(Fault::kNoSpace, *given_up_)) : void();
  }
  switch (step_) {
    case Step::kWalk:
      return Walk();
    case Step::kSealed:
      if (running_->in_flight == 0 &&
          (durable >= end_.revision || Planted(Bug::kSnapshotBeforeDurable))) {
        Publish();
      }
      return;
    case Step::kPublishing:
      if (running_->in_flight == 0) {
        snapshots_ = std::move(running_->snapshots);
        End({});
      }
      return;
  }
}

void Snapshotter::GiveUp(std::string_view why) {
  if (running() && step_ != Step::kPublishing) {
    walk_.reset();
    given_up_ = why;
  }
}

void Snapshotter::Walk() {
  const std::int64_t until_us = world_.clock.MonotonicUs() + kSliceUs;
  constexpr std::size_t kEntriesPerLook = 64;  // at the clock
  for (std::size_t i = 1; i <= kEntriesPerSlice; ++i) {
    if (builder_.full()) {
      FlushBlock();
    }
    if (running_->in_flight >= kBlocksInFlightMax ||
        (i % kEntriesPerLook == 0 && world_.clock.MonotonicUs() >= until_us)) {
      return;
    }
    if (!AddItem(builder_, walk_->Next())) {
      walk_.reset();
      return Seal();
    }
  }
}

void Snapshotter::FlushBlock() {
  Submit([raw = builder_.Take()](Running& running) -> Result<void> {
    return running.file->Append(BlockKind::kEntries, raw);
  });
}

void Snapshotter::Seal() {
  if (!builder_.empty()) {
    FlushBlock();
  }
  end_ = MakeSnapshotEnd(node_.store(), node_.end(), builder_);
  step_ = Step::kSealed;
  Submit([end = end_](Running& running) -> Result<void> { return running.file->Finish(end); });
}

void Snapshotter::Publish() {
  step_ = Step::kPublishing;
  Submit([](Running& running) -> Result<void> {
    Result<std::vector<SnapshotInfo>> snapshots =
        PublishAndThin(*running.disk, running.start, kKept);
    if (!snapshots) {
      return tl::unexpected(snapshots.error());
    }
    running.snapshots = std::move(*snapshots);
    return {};
  });
}

void Snapshotter::End(Result<void> outcome) {
  if (!outcome) {
    running_->error.reset();
    // It may be what fills the disk.
    Submit([](Running& running) -> Result<void> {
      running.file.reset();
      return running.disk->Remove(UnfinishedSnapshotName(running.start));
    });
  }
  walk_.reset();
  given_up_.reset();
  running_.reset();
  outcome_ = std::move(outcome);
}

}  // namespace nunc
