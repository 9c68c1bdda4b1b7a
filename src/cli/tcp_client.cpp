#include "cli/tcp_client.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace nunc {

namespace {

using Clock = std::chrono::steady_clock;

// A peer that vanished without a word is noticed after about half a minute.
constexpr int kKeepaliveIdleS = 15;
constexpr int kKeepaliveIntervalS = 5;
constexpr int kKeepaliveProbes = 3;

constexpr std::string_view kToldToStop = "told to stop";

enum class Wake : unsigned char { kReady, kStopped, kTimeout };

std::string SystemText(int error) {
  return std::generic_category().message(error);
}

class Deadline {
 public:
  explicit Deadline(int timeout_ms)
      : forever_(timeout_ms < 0), at_(Clock::now() + std::chrono::milliseconds(timeout_ms)) {}
  // For poll(); rounded up, so that it does not spin in the last millisecond.
  int LeftMs() const {
    if (forever_) {
      return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }

 private:
  bool forever_;
  Clock::time_point at_;
};

Wake WaitReady(int fd, short events, int stop_fd, const Deadline& deadline) {
  while (true) {
    std::array<pollfd, 2> fds{{{fd, events, 0}, {stop_fd, POLLIN, 0}}};
    const int ready = poll(fds.data(), fds.size(), deadline.LeftMs());
    if (fds[1].revents != 0) {
      return Wake::kStopped;
    }
    if (ready > 0) {
      return Wake::kReady;
    }
    if (ready == 0) {
      return Wake::kTimeout;
    }
  }
}

void SetOption(int fd, int level, int name, int value) {
  // Comfort only: a connection without it works.
  setsockopt(fd, level, name, &value, sizeof value);
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// 0: connected; an errno otherwise; -1: told to stop.
int ConnectSocket(int fd, const addrinfo& address, int stop_fd, const Deadline& deadline) {
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0) {
    return 0;
  }
  if (errno != EINPROGRESS && errno != EINTR) {
    return errno;
  }
  switch (WaitReady(fd, POLLOUT, stop_fd, deadline)) {
    case Wake::kStopped:
      return -1;
    case Wake::kTimeout:
      return ETIMEDOUT;
    case Wake::kReady:
      break;
  }
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

Result<TcpClient> TcpClient::Connect(const HostPort& server, int timeout_ms, int stop_fd) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &found);
  if (failed != 0) {
    return Fail(Fault::kUnavailable, ToText(server) + ": " + gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  const Deadline deadline(timeout_ms);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    FileDescriptor fd(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    error = fd.get() < 0 ? errno : ConnectSocket(fd.get(), *address, stop_fd, deadline);
    if (error == 0) {
      SetOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
      SetOption(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
      SetOption(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleS);
      SetOption(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalS);
      SetOption(fd.get(), IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
      return TcpClient(std::move(fd), stop_fd);
    }
    if (error < 0) {
      return Fail(Fault::kUnavailable, std::string(kToldToStop));
    }
  }
  return Fail(Fault::kUnavailable, ToText(server) + ": " + SystemText(error));
}

Result<void> TcpClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      // Requests are small; a peer that takes none of them is told apart by the next read.
      if (WaitReady(socket_.get(), POLLOUT, stop_fd_, Deadline(-1)) == Wake::kStopped) {
        return Fail(Fault::kUnavailable, std::string(kToldToStop));
      }
    } else if (errno != EINTR) {
      return Fail(Fault::kUnavailable, SystemText(errno));
    }
  }
  return {};
}

Result<std::string> TcpClient::ReadLine(int timeout_ms) {
  const Deadline deadline(timeout_ms);
  while (true) {
    if (const std::size_t end = buffer_.find('\n', searched_); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      searched_ = 0;
      return line;
    }
    searched_ = buffer_.size();
    if (buffer_.size() > kValueBytesMaxCeiling + kCommandOverheadBytesMax) {
      return Fail(Fault::kInvalid, "a line is longer than any answer may be");
    }
    std::array<char, 16384> chunk{};
    const ssize_t got = recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (got > 0) {
      buffer_.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      return Fail(Fault::kUnavailable, "the server closed the connection");
    } else if (errno == EAGAIN) {
      switch (WaitReady(socket_.get(), POLLIN, stop_fd_, deadline)) {
        case Wake::kStopped:
          return Fail(Fault::kUnavailable, std::string(kToldToStop));
        case Wake::kTimeout:
          return Fail(Fault::kUnavailable, "the server does not answer");
        case Wake::kReady:
          break;
      }
    } else if (errno != EINTR) {
      return Fail(Fault::kUnavailable, SystemText(errno));
    }
  }
}

}  // namespace nunc
