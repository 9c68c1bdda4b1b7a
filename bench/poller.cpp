#include "poller.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <ctime>
#include <unistd.h>

#include "clock.h"
#include "die.h"

namespace nunc::bench {

Poller::Poller(bool spin) : fd_(::epoll_create1(EPOLL_CLOEXEC)), spin_(spin) {
  if (fd_ < 0) DieErrno("epoll_create1");
}

Poller::~Poller() {
  ::close(fd_);
}

void Poller::Watch(int fd, std::uint32_t tag) const {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u32 = tag;
  if (::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) DieErrno("epoll_ctl");
}

std::span<const epoll_event> Poller::Wait(std::int64_t deadline_ns) {
  int count = 0;
  do {
    const std::int64_t wait_ns = spin_ ? 0 : std::max<std::int64_t>(deadline_ns - NowNs(), 0);
    const timespec wait{.tv_sec = wait_ns / kNsPerSecond, .tv_nsec = wait_ns % kNsPerSecond};
    count = ::epoll_pwait2(fd_, events_.data(), static_cast<int>(events_.size()), &wait, nullptr);
    if (count < 0 && errno != EINTR) DieErrno("epoll_pwait2");
  } while (count <= 0 && NowNs() < deadline_ns);
  return std::span(events_).first(static_cast<std::size_t>(std::max(count, 0)));
}

}  // namespace nunc::bench
