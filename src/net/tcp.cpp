#include "net/tcp.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nunc {
namespace {

constexpr int kBacklog = 4096;

void SetOption(const Socket& socket, int level, int option, int value) {
  setsockopt(socket.fd(), level, option, &value, sizeof(value));
}

std::string BoundAddress(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getsockname(socket.fd(), generic, &length) != 0 ||
      getnameinfo(generic, length, host, sizeof(host), port, sizeof(port),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  const bool v6 = address.ss_family == AF_INET6;
  return (v6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Socket::~Socket() {
  Close();
}

void Socket::Close() {
  if (fd_ >= 0) {
    close(fd_);
    fd_ = -1;
  }
}

Result<Listener> ListenTcp(const std::string& host, std::uint16_t port) {
  const std::string shown = host + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int fault = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (fault != 0) {
    return Fail(Fault::kUnavailable, "cannot resolve " + shown + ": " + gai_strerror(fault));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  Listener listener;
  listener.socket = Socket(
      socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, found->ai_protocol));
  if (listener.socket.valid()) {
    // A restart must not wait for the old connections' TIME_WAIT.
    SetOption(listener.socket, SOL_SOCKET, SO_REUSEADDR, 1);
  }
  if (!listener.socket.valid() ||
      bind(listener.socket.fd(), found->ai_addr, found->ai_addrlen) != 0 ||
      listen(listener.socket.fd(), kBacklog) != 0) {
    return Fail(Fault::kUnavailable, "cannot listen on " + shown + ": " + std::strerror(errno));
  }
  listener.address = BoundAddress(listener.socket);
  return listener;
}

AcceptOutcome AcceptTcp(const Socket& listener, Socket& accepted) {
  const int fd = accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    accepted = Socket(fd);
    return AcceptOutcome::kAccepted;
  }
  const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  return exhausted ? AcceptOutcome::kNoResources : AcceptOutcome::kNone;
}

void TuneConnection(const Socket& socket, std::uint32_t quiet_ms) {
  SetOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  const int quiet_s = std::max(1, static_cast<int>(quiet_ms / 1000));
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, quiet_s);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, quiet_s);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

// Not TCP_USER_TIMEOUT: it also ends connections whose peer is there but does not read.
PeerState LookAtPeer(const Socket& socket, std::uint32_t silent_ms) {
  constexpr unsigned kUnansweredMax = 3;
  tcp_info info{};
  socklen_t length = sizeof(info);
  if (getsockopt(socket.fd(), IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
    return PeerState::kOwesNothing;
  }
  const unsigned unanswered = unsigned{info.tcpi_retransmits} + info.tcpi_probes;
  if (unanswered >= kUnansweredMax && info.tcpi_last_ack_recv > silent_ms) {
    return PeerState::kGone;
  }
  return unanswered > 0 || info.tcpi_unacked > 0 ? PeerState::kOwes : PeerState::kOwesNothing;
}

Transfer ReceiveBytes(const Socket& socket, std::span<char> buffer) {
  const ssize_t received = recv(socket.fd(), buffer.data(), buffer.size(), 0);
  if (received > 0) {
    return {.bytes = static_cast<std::size_t>(received)};
  }
  const bool would_block = received < 0 && (errno == EAGAIN || errno == EINTR);
  return {.would_block = would_block, .ended = !would_block};
}

namespace {

Transfer SentResult(ssize_t sent) {
  if (sent >= 0) {
    return {.bytes = static_cast<std::size_t>(sent)};
  }
  const bool would_block = errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
  return {.would_block = would_block, .ended = !would_block};
}

}  // namespace

Transfer SendBytes(const Socket& socket, std::string_view bytes) {
  return SentResult(send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

Transfer SendGathered(const Socket& socket, std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return SentResult(sendmsg(socket.fd(), &message, MSG_NOSIGNAL));
}

void ShutdownSending(const Socket& socket) {
  shutdown(socket.fd(), SHUT_WR);
}

}  // namespace nunc
