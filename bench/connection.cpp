#include "connection.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "die.h"

namespace nunc::bench {

namespace {

constexpr int kWaitMs = 10'000;

void WaitFor(int fd, short events) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  const int ready = ::poll(&entry, 1, kWaitMs);
  if (ready < 0 && errno != EINTR) DieErrno("poll");
  if (ready == 0) Die("the server did not answer within 10 seconds");
}

}  // namespace

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.fd_;
    other.fd_ = -1;
  }
  return *this;
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

Connection Connection::Dial(const Target& target) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) DieErrno("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets interface asks for it
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd, generic, sizeof address) != 0) DieErrno("connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Closing with a reset leaves no TIME_WAIT behind: 10,000 connections a run would use up the
  // ports of the machine.
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  Connection connection(fd);
  if (target.dialect.Kind() == Wire::kNats) {
    if (!connection.ReadUntil("\r\n").starts_with("INFO ")) Die("NATS did not greet");
    connection.Send("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
  }
  if (target.dialect.Kind() == Wire::kNqlTcp) connection.Expect("ok \n");
  if (target.dialect.IsWebSocket()) {
    connection.Send(UpgradeRequest(target.dialect.Kind(), target.offer_deflate));
    if (!connection.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 101 ")) {
      Die("the WebSocket upgrade was refused");
    }
    if (target.dialect.Kind() == Wire::kNunc1 &&
        !connection.ReadUntil("}}").contains(R"("protocol":"nunc.1")")) {
      Die("the server did not greet");
    }
  }
  return connection;
}

Connection Connection::Open(const Target& target) {
  Connection connection = Dial(target);
  if (const std::string use = target.dialect.Use(); !use.empty()) {
    connection.Ask(use, target.dialect.UseReply());
  }
  return connection;
}

void Connection::Send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      WaitFor(fd_, POLLOUT);
    } else if (errno != EINTR) {
      DieErrno("send");
    }
  }
}

std::size_t Connection::Receive(std::span<char> into) const {
  const ssize_t received = ::recv(fd_, into.data(), into.size(), MSG_DONTWAIT);
  if (received > 0) return static_cast<std::size_t>(received);
  if (received == 0) Die("the server closed a connection");
  if (errno != EAGAIN && errno != EINTR) DieErrno("recv");
  return 0;
}

void Connection::WaitForMore() const {
  WaitFor(fd_, POLLIN);
}

std::string Connection::ReadUntil(std::string_view end) const {
  std::string text;
  std::array<char, 1> byte{};
  while (!text.ends_with(end)) {
    if (Receive(byte) == 1) {
      text += byte[0];
    } else {
      WaitFor(fd_, POLLIN);
    }
  }
  return text;
}

void Connection::Expect(std::string_view reply) const {
  std::string text(reply.size(), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const std::size_t more = Receive(std::span(text).subspan(have));
    if (more == 0) WaitFor(fd_, POLLIN);
    have += more;
    if (!reply.starts_with(std::string_view(text).substr(0, have))) {
      Die("unexpected reply: " + text.substr(0, have));
    }
  }
}

void Connection::Ask(std::string_view request, std::string_view reply) const {
  Send(request);
  Expect(reply);
}

void EnsureDatabase(Target target) {
  // Its port speaks NQL, too.
  if (target.dialect.Kind() == Wire::kNunc1) target.dialect = Dialect(Wire::kNqlWs);
  const Dialect& dialect = target.dialect;
  if (!dialect.IsNql()) return;
  const Connection admin = Connection::Dial(target);
  admin.Send(dialect.Command("auth admin admin-pwd"));
  admin.Send(dialect.Command("create-db " + std::string(kDatabase) + " " + std::string(kToken)));
  std::string text;
  while (!text.contains("create-db success") && !text.contains("already exists")) {
    text += admin.ReadUntil("\n");
    if (text.contains("Not auth")) Die("the server does not take admin / admin-pwd");
  }
}

void RaiseFileLimit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) DieErrno("setrlimit");
}

}  // namespace nunc::bench
