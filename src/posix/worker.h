// One thread for blocking jobs, with a descriptor that wakes the loop.
//
// Shape:   Submit wakes the thread with one futex call, a finished job makes fd() readable with one
//          write. The thread takes no signals.
// Errors:  Start gives kUnavailable when the system has no thread or descriptor left.
// Thread:  all calls on one thread, the one that submits. A job is destroyed on the worker's
//          thread once it has run, its `done` on the caller's.
// Limits:  the queue has none: who submits knows how much it has under way.
// Source:  docs/cluster.md §4.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "env/worker.h"
#include "posix/descriptor.h"

namespace nunc {

class PosixWorker final : public Worker {
 public:
  enum class Priority : std::uint8_t { kNormal, kLow };

  // `name` is what ps and top show: 15 bytes of it.
  static Result<std::unique_ptr<PosixWorker>> Start(std::string name, Priority priority);
  ~PosixWorker() override;

  void Submit(Task job, Task done) override;
  // A `done` may submit and collect.
  std::size_t Collect(Wait wait) override;

  // Readable when a job has finished; Collect makes it unreadable again. Now and then it is
  // readable although Collect has nothing to run.
  [[nodiscard]] int fd() const { return finished_event_.fd(); }

 private:
  struct Entry {
    Task job;
    Task done;
  };

  explicit PosixWorker(Descriptor finished_event) : finished_event_(std::move(finished_event)) {}

  void Run(const std::string& name, Priority priority);
  void WaitForEvent() const;
  void TakeFinished();

  Descriptor finished_event_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_;  // guarded by mutex_, like the next two
  std::deque<Task> finished_;
  bool stopping_ = false;
  std::atomic<bool> some_finished_ = false;

  // The submitting thread's own.
  std::deque<Task> collected_;
  std::size_t submitted_ = 0;  // and their `done` not yet in collected_
  std::thread thread_;
};

}  // namespace nunc
