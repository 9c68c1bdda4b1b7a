#include "posix/worker.h"

#include <cerrno>
#include <iterator>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/check.h"

namespace nunc {
namespace {

constexpr int kLowNice = 10;
constexpr std::size_t kThreadNameBytesMax = 15;

void LowerPriority() {
  // On Linux the "process" of these two calls is the calling thread. Where all of us already run
  // lower, this must not raise it again.
  if (getpriority(PRIO_PROCESS, 0) < kLowNice) {
    setpriority(PRIO_PROCESS, 0, kLowNice);
  }
}

}  // namespace

Result<std::unique_ptr<PosixWorker>> PosixWorker::Start(std::string name, Priority priority) {
  Descriptor event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event.valid()) {
    return Fail(Fault::kUnavailable,
                "cannot make the worker " + name + ": " + std::generic_category().message(errno));
  }
  std::unique_ptr<PosixWorker> worker(new PosixWorker(std::move(event)));
  name.resize(std::min(name.size(), kThreadNameBytesMax));
  // A new thread inherits the mask, so there is no moment at which it could take a signal.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::string refused;
  try {
    worker->thread_ =
        std::thread([self = worker.get(), name, priority] { self->Run(name, priority); });
  } catch (const std::system_error& error) {
    refused = error.what();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!refused.empty()) {
    return Fail(Fault::kUnavailable, "cannot start the worker " + name + ": " + refused);
  }
  return worker;
}

PosixWorker::~PosixWorker() {
  if (!thread_.joinable()) {
    return;
  }
  std::deque<Entry> dropped;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    dropped.swap(waiting_);
  }
  wake_.notify_one();
  dropped.clear();
  thread_.join();
}

void PosixWorker::Submit(Task job, Task done) {
  ++submitted_;
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back({.job = std::move(job), .done = std::move(done)});
  }
  wake_.notify_one();
}

void PosixWorker::Run(const std::string& name, Priority priority) {
  pthread_setname_np(pthread_self(), name.c_str());
  if (priority == Priority::kLow) {
    LowerPriority();
  }
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) {
      return;
    }
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    entry.job();
    // What the job owned is gone before its `done` runs.
    entry.job = nullptr;
    lock.lock();
    const bool first = finished_.empty();
    finished_.push_back(std::move(entry.done));
    lock.unlock();
    // Whoever takes the first takes those behind it too, so one write is enough for all.
    if (first) {
      some_finished_ = true;
      CHECK(eventfd_write(finished_event_.fd(), 1) == 0);
    }
    lock.lock();
  }
}

void PosixWorker::WaitForEvent() const {
  pollfd waiting{.fd = fd(), .events = POLLIN, .revents = 0};
  while (poll(&waiting, 1, -1) < 0) {
    CHECK(errno == EINTR);
  }
}

void PosixWorker::TakeFinished() {
  // The loop asks in every turn, and reading the event is a system call.
  if (!some_finished_.exchange(false)) {
    return;
  }
  // First the event, then the list: a job that finishes in between makes it readable once more.
  eventfd_t count = 0;
  if (eventfd_read(finished_event_.fd(), &count) != 0) {
    some_finished_ = true;  // its event is still to come, and must be taken too
  }
  const std::scoped_lock lock(mutex_);
  submitted_ -= finished_.size();
  collected_.insert(collected_.end(), std::move_iterator(finished_.begin()),
                    std::move_iterator(finished_.end()));
  finished_.clear();
}

std::size_t PosixWorker::Collect(Wait wait) {
  TakeFinished();
  while (wait == Wait::kForOne && collected_.empty() && submitted_ > 0) {
    WaitForEvent();
    TakeFinished();
  }
  std::size_t count = 0;
  // From the front of a member, so that a `done` that collects runs the rest in order.
  while (!collected_.empty()) {
    Task done = std::move(collected_.front());
    collected_.pop_front();
    done();
    ++count;
  }
  return count;
}

}  // namespace nunc
