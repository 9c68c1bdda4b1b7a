#include "node/full_sync_receiver.h"

#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "node/full_sync_file.h"

namespace nunc {
// What a job has done counts while it is still the same state that comes.
template <class Job, class Done>
void FullSyncReceiver::Submit(Job job, Done done) {
  auto result = std::make_shared<Result<void>>();
  world_.bulk.Submit(
      [running = running_, result, job = std::move(job)]() mutable { *result = job(*running); },
      [this, running = running_, result, done = std::move(done)] {
        if (running != running_) {
          return;
        }
        if (!*result) {
          return GiveUp(result->error().detail);
        }
        done();
      });
}

std::string_view FullSyncReceiver::Take(NodeId from, Term term, const FullSync& sync,
                                        std::int64_t now_us) {
  if (sync.part == FullSync::Part::kBegin) {
    Begin(from, term, sync.at, now_us);
    return {};
  }
  // Of one that was given up here.
  if (running_ == nullptr || running_->whole) {
    return {};
  }
  return sync.part == FullSync::Part::kBytes ? TakeBytes(sync, now_us) : TakeEnd(sync);
}

void FullSyncReceiver::Begin(NodeId from, Term term, std::uint64_t about, std::int64_t now_us) {
  if (running_ != nullptr) {
    GiveUp("the primary begins anew");
  }
  LogInfo("full sync begins: a whole state comes from node=" + std::to_string(from.value) +
          " about=" + std::to_string(about));
  running_ = std::make_shared<Running>(
      Running{.disk = &world_.data, .from = from, .term = term, .about = about, .told_us = now_us});
  Submit(
      [](Running& running) -> Result<void> {
        Result<std::unique_ptr<File>> file =
            running.disk->Open(kFullSyncPartName, OpenMode::kCreate);
        if (!file) {
          return tl::unexpected(file.error());
        }
        running.file = std::move(*file);
        return {};
      },
      [] {});
}

std::string_view FullSyncReceiver::TakeBytes(const FullSync& sync, std::int64_t now_us) {
  Running& running = *running_;
  if (sync.at != running.taken) {
    return "a piece of its full sync is missing";
  }
  if (running.taken + sync.bytes.size() - running.written > kFullSyncWindowBytes) {
    return "its full sync does not wait for answers";
  }
  running.taken += sync.bytes.size();
  Submit(
      [at = sync.at, bytes = std::string(sync.bytes)](Running& job) -> Result<void> {
        return job.file == nullptr ? Fail(Fault::kIo, "its file could not be made")
                                   : job.file->Write(at, bytes);
      },
      [this, upto = running.taken] {
        running_->written = upto;
        world_.send(running_->from, {.bytes = upto});
      });
  if (now_us >= running.told_us + kFullSyncTellUs) {
    running.told_us = now_us;
    LogInfo("full sync bytes=" + std::to_string(running.taken) +
            " about=" + std::to_string(running.about));
  }
  return {};
}

std::string_view FullSyncReceiver::TakeEnd(const FullSync& sync) {
  if (sync.at != running_->taken) {
    return "the end of its full sync is missing";
  }
  running_->whole = true;
  Submit(
      [](Running& running) -> Result<void> {
        if (running.file == nullptr) {
          return Fail(Fault::kIo, "its file could not be made");
        }
        Result<void> done = running.file->Sync();
        running.file.reset();
        if (done) {
          done = running.disk->Rename(kFullSyncPartName, kFullSyncName);
        }
        return done ? running.disk->SyncFolder() : done;
      },
      [this] {
        running_->finished = true;
        LogInfo("full sync is here bytes=" + std::to_string(running_->taken));
      });
  return {};
}

void FullSyncReceiver::Follow(std::optional<NodeId> primary, Term term) {
  if (running_ != nullptr && (running_->from != primary || running_->term != term)) {
    GiveUp("another primary, or none");
  }
}

void FullSyncReceiver::Forget(NodeId peer) {
  if (running_ != nullptr && running_->from == peer && !running_->whole) {
    GiveUp("the link with the primary is gone");
  }
}

// Behind whatever job is still under way; a failure leaves a file that the next start removes or
// finds out of date.
void FullSyncReceiver::GiveUp(std::string_view why) {
  LogWarn("full sync given up: " + std::string(why));
  std::shared_ptr<Running> running = std::exchange(running_, nullptr);
  world_.bulk.Submit(
      [running = std::move(running)] {
        running->file.reset();
        static_cast<void>(RemoveFullSync(*running->disk));
      },
      [] {});
}

std::optional<FullSyncProgress> FullSyncReceiver::progress() const {
  return running_ == nullptr
             ? std::nullopt
             : std::optional(FullSyncProgress{.bytes = running_->taken, .about = running_->about});
}

}  // namespace nunc
