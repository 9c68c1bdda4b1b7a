// The event loop: waits for sockets and calls whoever registered them.
//
// Shape:   level-triggered epoll. A registration is named by slot and generation, so that an event
//          for something closed in the same batch is dropped, never delivered to its successor.
// Errors:  Add fails when the system has no room (ENOSPC, ENOMEM).
// Thread:  one; only Wake may be called from others and from signal handlers.
// Owner:   the caller keeps handlers alive until Remove.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/epoll.h>
#include <vector>

#include "base/result.h"

namespace nunc {

class Loop {
 public:
  class Handler {
   public:
    Handler() = default;
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;
    virtual ~Handler() = default;
    // `events` are EPOLL* bits.
    virtual void OnReady(std::uint32_t events) = 0;
  };

  struct Registration {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    int fd = -1;
  };

  static Result<Loop> Create();
  Loop(Loop&& other) noexcept;
  Loop& operator=(Loop&&) = delete;
  ~Loop();

  Result<Registration> Add(int fd, std::uint32_t events, Handler& handler);
  void Change(const Registration& registration, std::uint32_t events);
  void Remove(const Registration& registration);

  // Waits at most `timeout_us` (0: not at all) until something is ready; Dispatch then calls the
  // handlers. Apart, so that the caller can look at the clock in between.
  std::size_t Wait(std::int64_t timeout_us);
  // Looks without sleep until something is ready, at most until that time of MonotonicUs: a
  // processor that sleeps hears of it later. Other threads of that processor go first.
  std::size_t Poll(std::int64_t until_us);
  void Dispatch();
  void Wake();

 private:
  struct Slot {
    Handler* handler = nullptr;
    std::uint32_t generation = 0;
  };

  Loop() = default;

  int WaitInKernel(std::int64_t timeout_us);

  bool waits_in_ms_ = false;  // the kernel is older than 5.11
  int epoll_ = -1;
  int wake_ = -1;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<epoll_event> ready_;
  std::size_t ready_count_ = 0;
};

// Time that only moves forward, in microseconds.
std::int64_t MonotonicUs();
// Microseconds since 1970.
std::int64_t WallUs();
// What the calling thread has used of a processor. A system call, unlike the other two.
std::int64_t ThreadCpuUs();

}  // namespace nunc
