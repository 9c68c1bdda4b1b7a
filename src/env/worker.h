// Blocking work beside the loop: syncs, compression, reading old files.
//
// Shape:   jobs run one after another, in the order they came. A job owns what it touches; its
//          `done` runs later on the submitting thread, inside Collect, in the same order.
//          Two implementations: posix/worker.h is a thread; the simulator's runs jobs when virtual
//          time says so.
// Owner:   who submits; destroying it waits for the job that runs and drops those that have not
//          begun, and every `done`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace nunc {

enum class Wait : std::uint8_t { kNo, kForOne };

class Worker {
 public:
  using Task = std::move_only_function<void()>;

  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  virtual ~Worker() = default;

  virtual void Submit(Task job, Task done) = 0;
  // Runs the `done` of every job that has finished; with kForOne it first waits until there is one,
  // unless nothing was submitted. Gives how many it ran.
  virtual std::size_t Collect(Wait wait) = 0;
};

}  // namespace nunc
