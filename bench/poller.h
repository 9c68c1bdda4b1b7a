// epoll behind three calls. Edge-triggered: what is reported must be read until nothing is left.
//
// Owner:   does not own the descriptors; closing one takes it out.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <sys/epoll.h>

namespace nunc::bench {

class Poller {
 public:
  explicit Poller(bool spin);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  void Watch(int fd, std::uint32_t tag) const;
  // Waits until something can be read or `deadline_ns` (of NowNs) has come; tags are in data.u32.
  [[nodiscard]] std::span<const epoll_event> Wait(std::int64_t deadline_ns);

 private:
  int fd_;
  bool spin_;
  std::array<epoll_event, 256> events_{};
};

}  // namespace nunc::bench
