#include "sim/sim_worker.h"

#include <utility>

namespace nunc {

SimWorker::SimWorker(SimSchedule& schedule, Delays delays, std::uint64_t seed)
    : schedule_(schedule), delays_(delays), prng_(seed) {}

std::int64_t SimWorker::Draw(Span span) {
  return prng_.InRange(span.first_us, span.last_us);
}

void SimWorker::Submit(Task job, Task done) {
  waiting_.push_back({.job = std::move(job), .done = std::move(done)});
  if (!planned_) {
    PlanNext();
  }
}

void SimWorker::PlanNext() {
  planned_ = schedule_.After(Draw(delays_.before), [this] { Begin(); });
}

void SimWorker::Begin() {
  // Planned before the job runs, which may find that the machine dies and abandon us.
  planned_ = schedule_.After(Draw(delays_.duration), [this] { Finish(); });
  Task job = std::exchange(waiting_.front().job, nullptr);
  job();
}

void SimWorker::Finish() {
  planned_.reset();
  finished_.push_back(std::move(waiting_.front().done));
  waiting_.pop_front();
  if (!waiting_.empty()) {
    PlanNext();
  }
  // A copy, because the listener may end the process and destroy us.
  const std::function<void()> listener = listener_;
  if (listener) {
    listener();
  }
}

std::size_t SimWorker::Collect(Wait wait) {
  while (wait == Wait::kForOne && finished_.empty() && !waiting_.empty() && schedule_.RunOne()) {
  }
  std::size_t count = 0;
  for (std::size_t left = finished_.size(); left > 0 && !finished_.empty(); --left) {
    Task done = std::move(finished_.front());
    finished_.pop_front();
    done();
    ++count;
  }
  return count;
}

void SimWorker::Abandon() {
  if (planned_) {
    schedule_.Cancel(*planned_);
    planned_.reset();
  }
  waiting_.clear();
  finished_.clear();
}

}  // namespace nunc
