#include "node/backup.h"

#include <utility>

#include "base/log.h"
#include "node/snapshot_parts.h"

namespace nunc {
namespace {

SnapshotHead HeadOf(const Backup::Source& source, DatabaseId only) {
  SnapshotHead head = MakeSnapshotHead(source.kind, source.node.store(), source.node.end(),
                                       source.cluster, source.terms);
  head.committed = source.committed;
  if (const Database* database = source.node.store().Find(only);
      only != DatabaseId{} && database != nullptr) {
    head.filter = database->name();
  }
  return head;
}

}  // namespace

Backup::Backup(Source source, DatabaseId only, std::shared_ptr<BackupHold> hold)
    : source_(std::move(source)),
      only_(only),
      hold_(std::move(hold)),
      running_(std::make_shared<Running>(HeadOf(source_, only))) {
  running_->only = only;
  running_->blocks.push_back(running_->encoder.head());
  running_->bytes = running_->blocks.front().size();
  walk_ = std::make_unique<StoreWalk>(source_.node.store(), source_.node.end().revision, only);
}

// A job may outlive the backup: then nobody is there to be woken.
template <class Job>
void Backup::Submit(Job job) {
  ++running_->in_flight;
  auto made = std::make_shared<Made>();
  source_.world.bulk.Submit(
      [running = running_, made, job = std::move(job)]() mutable { *made = job(*running); },
      [running = running_, made, weak = std::weak_ptr(hold_)] {
        --running->in_flight;
        running->records_read = running->records_read || made->last;
        if (!made->failure.empty()) {
          running->failed = true;
          LogWarn("backup given up: " + made->failure);
        }
        if (!made->block.empty()) {
          running->bytes += made->block.size();
          running->blocks.push_back(std::move(made->block));
        }
        if (const std::shared_ptr<BackupHold> hold = weak.lock(); hold != nullptr && hold->wake) {
          hold->wake();
        }
      });
}

void Backup::GiveUp(std::string_view why) {
  running_->failed = true;
  LogWarn("backup given up: " + std::string(why));
}

BodySource::State Backup::Pull(std::string& piece) {
  piece.clear();
  if (!running_->failed && source_.world.clock.MonotonicUs() >= hold_->until_us) {
    GiveUp("it has not been taken in time");
  }
  if (running_->failed) {
    return State::kFailed;
  }
  if (!running_->blocks.empty()) {
    piece = std::move(running_->blocks.front());
    running_->bytes -= piece.size();
    running_->blocks.pop_front();
  }
  Work();
  if (!running_->blocks.empty()) {
    return State::kMore;
  }
  if (step_ == Step::kDone && running_->in_flight == 0) {
    return State::kEnd;
  }
  const bool walks = step_ == Step::kWalk && running_->in_flight < kBlocksMax;
  const bool reads = step_ == Step::kSealed && source_.log.durable() >= end_.revision;
  return walks || reads || running_->failed ? State::kMore : State::kWaiting;
}

void Backup::Work() {
  switch (step_) {
    case Step::kWalk:
      return Walk();
    case Step::kSealed:
      // A backup never holds what a power cut could still take from the server.
      if (source_.log.durable() < end_.revision) {
        return;
      }
      running_->reader.emplace(source_.world.log, source_.log.View());
      running_->next = {hold_->after.value + 1};
      running_->last = end_.revision;
      step_ = Step::kRecords;
      return ReadRecords();
    case Step::kRecords:
      return ReadRecords();
    case Step::kDone:
      return;
  }
}

void Backup::Walk() {
  const std::int64_t until_us = source_.world.clock.MonotonicUs() + kSliceUs;
  constexpr std::size_t kEntriesPerLook = 64;  // at the clock
  for (std::size_t i = 1;; ++i) {
    const bool flushes = builder_.full();
    if (flushes) {
      FlushBlock();
    }
    const bool looks = flushes || i % kEntriesPerLook == 0;
    if (running_->in_flight + running_->blocks.size() >= kBlocksMax ||
        (looks && source_.world.clock.MonotonicUs() >= until_us)) {
      return;
    }
    if (!AddItem(builder_, walk_->Next())) {
      walk_.reset();
      return Seal();
    }
  }
}

void Backup::FlushBlock() {
  Submit([raw = builder_.Take()](Running& running) {
    return Made{.block = running.encoder.Block(BlockKind::kEntries, raw)};
  });
}

void Backup::Seal() {
  if (!builder_.empty()) {
    FlushBlock();
  }
  if (only_ != DatabaseId{} && source_.node.store().Find(only_) == nullptr) {
    return GiveUp("the database was dropped meanwhile");
  }
  end_ = MakeSnapshotEnd(source_.node.store(), source_.node.end(), builder_, only_);
  step_ = Step::kSealed;
}

// One block at a time: what is read follows what is pulled.
void Backup::ReadRecords() {
  if (running_->in_flight > 0 || !running_->blocks.empty()) {
    return;
  }
  if (!running_->records_read) {
    return Submit([](Running& running) { return ReadBlock(running); });
  }
  step_ = Step::kDone;
  Submit([end = end_](Running& running) mutable {
    end.records = running.records;
    return Made{.block = running.encoder.End(end)};
  });
}

Backup::Made Backup::ReadBlock(Running& running) {
  if (running.next > running.last) {
    return {.last = true};
  }
  running.raw.clear();
  Result<void> found;
  if (!std::exchange(running.positioned, true)) {
    found = running.reader->SeekRevision(running.next);
  }
  while (found && running.next <= running.last && running.raw.size() < kBlockTargetBytes) {
    const Result<std::optional<DecodedRecord>> next = running.reader->Next();
    if (!next || !next->has_value()) {
      found = next ? Fail(Fault::kDamaged, "the op log ends early") : tl::unexpected(next.error());
      break;
    }
    ++running.next.value;
    if (running.only == DatabaseId{} || (*next)->record.database == running.only) {
      running.raw += running.reader->bytes();
      ++running.records;
    }
  }
  if (!found) {
    return {.failure = found.error().detail};
  }
  Made made{.last = running.next > running.last};
  if (!running.raw.empty()) {
    made.block = running.encoder.Block(BlockKind::kRecords, running.raw);
  }
  return made;
}

}  // namespace nunc
