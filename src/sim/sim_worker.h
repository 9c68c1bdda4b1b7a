// A worker whose jobs run when virtual time says so.
//
// Shape:   a job begins a delay after it was submitted, or after the one before it has finished; it
//          runs as a whole then, and counts as finished its duration later. Both are drawn anew for
//          each job. A crash in between finds what the job did, but nobody has heard of it.
// Owner:   the schedule must outlive it. Destroying it is Abandon; a job and the listener may do
//          that, a `done` may not.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "base/prng.h"
#include "env/worker.h"
#include "sim/schedule.h"

namespace nunc {

class SimWorker final : public Worker {
 public:
  // Each within first .. last.
  struct Span {
    std::int64_t first_us = 0;
    std::int64_t last_us = 0;
  };
  struct Delays {
    Span before;
    Span duration;
  };

  SimWorker(SimSchedule& schedule, Delays delays, std::uint64_t seed);
  ~SimWorker() override { Abandon(); }

  void Submit(Task job, Task done) override;
  // With kForOne it runs the schedule, whatever else is on it, until a job has finished.
  std::size_t Collect(Wait wait) override;

  // Called when there is something to collect: what a descriptor is to a loop. It may collect.
  void OnFinished(std::function<void()> listener) { listener_ = std::move(listener); }
  // For the jobs that have not begun: a slow disk.
  void SetDelays(Delays delays) { delays_ = delays; }
  // The process has died: no job begins and no `done` runs any more, until Submit.
  void Abandon();
  // Whose `done` has not run.
  [[nodiscard]] std::size_t pending() const { return waiting_.size() + finished_.size(); }

 private:
  struct Entry {
    Task job;
    Task done;
  };

  std::int64_t Draw(Span span);
  void PlanNext();
  void Begin();
  void Finish();

  SimSchedule& schedule_;
  Delays delays_;
  Prng prng_;
  std::function<void()> listener_;
  std::deque<Entry> waiting_;  // the first one is planned or runs
  std::deque<Task> finished_;
  std::optional<SimSchedule::Id> planned_;
};

}  // namespace nunc
