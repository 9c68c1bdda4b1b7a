#include "net/loop.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <sched.h>
#include <string>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "base/check.h"

namespace nunc {
namespace {

// More ready sockets than this wait for the next call; the kernel hands them out in rotation.
constexpr int kEventsPerWait = 128;
constexpr std::uint64_t kWakeName = UINT64_MAX;

std::uint64_t NameOf(std::uint32_t slot, std::uint32_t generation) {
  return (std::uint64_t{generation} << 32U) | slot;
}

std::int64_t ReadClock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

std::int64_t MonotonicUs() {
  return ReadClock(CLOCK_MONOTONIC);
}
std::int64_t WallUs() {
  return ReadClock(CLOCK_REALTIME);
}
std::int64_t ThreadCpuUs() {
  return ReadClock(CLOCK_THREAD_CPUTIME_ID);
}

Result<Loop> Loop::Create() {
  Loop loop;
  loop.ready_.resize(kEventsPerWait);
  loop.epoll_ = epoll_create1(EPOLL_CLOEXEC);
  loop.wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeName}};
  if (loop.epoll_ < 0 || loop.wake_ < 0 ||
      epoll_ctl(loop.epoll_, EPOLL_CTL_ADD, loop.wake_, &event) != 0) {
    return Fail(Fault::kIo, std::string("cannot make an event loop: ") + std::strerror(errno));
  }
  return loop;
}

Loop::Loop(Loop&& other) noexcept
    : waits_in_ms_(other.waits_in_ms_),
      epoll_(std::exchange(other.epoll_, -1)),
      wake_(std::exchange(other.wake_, -1)),
      slots_(std::move(other.slots_)),
      free_slots_(std::move(other.free_slots_)),
      ready_(std::move(other.ready_)),
      ready_count_(std::exchange(other.ready_count_, 0)) {}

Loop::~Loop() {
  if (epoll_ >= 0) {
    close(epoll_);
  }
  if (wake_ >= 0) {
    close(wake_);
  }
}

Result<Loop::Registration> Loop::Add(int fd, std::uint32_t events, Handler& handler) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  const std::uint32_t generation = slots_[slot].generation;
  epoll_event event{.events = events, .data = {.u64 = NameOf(slot, generation)}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    return Fail(Fault::kIo, std::string("cannot watch a socket: ") + std::strerror(errno));
  }
  free_slots_.pop_back();
  slots_[slot].handler = &handler;
  return Registration{.slot = slot, .generation = generation, .fd = fd};
}

void Loop::Change(const Registration& registration, std::uint32_t events) {
  epoll_event event{.events = events,
                    .data = {.u64 = NameOf(registration.slot, registration.generation)}};
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, registration.fd, &event) == 0);
}

void Loop::Remove(const Registration& registration) {
  Slot& slot = slots_[registration.slot];
  CHECK(slot.handler != nullptr && slot.generation == registration.generation);
  epoll_ctl(epoll_, EPOLL_CTL_DEL, registration.fd, nullptr);
  slot.handler = nullptr;
  ++slot.generation;
  free_slots_.push_back(registration.slot);
}

int Loop::WaitInKernel(std::int64_t timeout_us) {
  if (!waits_in_ms_) {
    const timespec timeout{.tv_sec = timeout_us / 1'000'000,
                           .tv_nsec = timeout_us % 1'000'000 * 1000};
    const int count = epoll_pwait2(epoll_, ready_.data(), kEventsPerWait, &timeout, nullptr);
    // Linux before 5.11 does not know the call, and some sandboxes refuse what they do not know.
    waits_in_ms_ = count < 0 && (errno == ENOSYS || errno == EPERM);
    if (!waits_in_ms_) {
      return count;
    }
  }
  // Rounded up: a timer that wakes too early would be asked for again and again.
  const std::int64_t timeout_ms = std::min<std::int64_t>((timeout_us + 999) / 1000, INT_MAX);
  return epoll_wait(epoll_, ready_.data(), kEventsPerWait, static_cast<int>(timeout_ms));
}

std::size_t Loop::Wait(std::int64_t timeout_us) {
  const int count = WaitInKernel(timeout_us);
  ready_count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  return ready_count_;
}

std::size_t Loop::Poll(std::int64_t until_us) {
  while (Wait(0) == 0 && MonotonicUs() < until_us) {
    sched_yield();
  }
  return ready_count_;
}

void Loop::Dispatch() {
  for (std::size_t i = 0; i < ready_count_; ++i) {
    const epoll_event event = ready_[i];
    if (event.data.u64 == kWakeName) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t taken = read(wake_, &count, sizeof(count));
      continue;
    }
    const auto slot = static_cast<std::uint32_t>(event.data.u64);
    const auto generation = static_cast<std::uint32_t>(event.data.u64 >> 32U);
    if (slots_[slot].handler != nullptr && slots_[slot].generation == generation) {
      slots_[slot].handler->OnReady(event.events);
    }
  }
  ready_count_ = 0;
}

void Loop::Wake() {
  const std::uint64_t one = 1;
  // A full counter means that a wake-up is already waiting.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

}  // namespace nunc
