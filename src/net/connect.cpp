#include "net/connect.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <system_error>

namespace nunc {
namespace {

ConnectState StateOf(int error) {
  switch (error) {
    case 0:
      return {.outcome = ConnectOutcome::kConnected};
    case EINPROGRESS:
    case EINTR:
      return {.outcome = ConnectOutcome::kUnderWay};
    case ECONNREFUSED:
    case ECONNRESET:  // it went while we waited in its queue
      return {.outcome = ConnectOutcome::kRefused, .why = std::strerror(error)};
    default:
      return {.outcome = ConnectOutcome::kFailed, .why = std::strerror(error)};
  }
}

// Where nobody listens, a port of the range that the system chooses from can be chosen for the
// socket that tries to reach it, which then reaches itself.
bool IsOwnPeer(const Socket& socket) {
  TcpAddress own{.size = sizeof(own.bytes)};
  TcpAddress peer{.size = sizeof(peer.bytes)};
  return getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&own.bytes), &own.size) == 0 &&
         getpeername(socket.fd(), reinterpret_cast<sockaddr*>(&peer.bytes), &peer.size) == 0 &&
         own.size == peer.size && std::memcmp(&own.bytes, &peer.bytes, own.size) == 0;
}

tl::unexpected<Error> NotAnAddress(std::string_view given) {
  return Fail(Fault::kInvalid,
              "'" + std::string(given) + "' is not HOST:PORT with a port of 1 to 65535");
}

}  // namespace

Result<std::vector<TcpAddress>> ResolveTcp(std::string_view host_port) {
  const std::size_t colon = host_port.rfind(':');
  std::string_view host = host_port.substr(0, colon);
  if (colon == std::string_view::npos || host_port.contains('\0')) {
    return NotAnAddress(host_port);
  }
  const std::string_view digits = host_port.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), port);
  if (error != std::errc{} || end != digits.end() || port == 0) {
    return NotAnAddress(host_port);
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) {
    return NotAnAddress(host_port);
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int fault =
      getaddrinfo(std::string(host).c_str(), std::string(digits).c_str(), &hints, &found);
  if (fault != 0) {
    return Fail(Fault::kUnavailable,
                "cannot resolve " + std::string(host) + ": " + gai_strerror(fault));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  std::vector<TcpAddress> addresses;
  for (const addrinfo* next = found; next != nullptr && addresses.size() < kTcpAddressesMax;
       next = next->ai_next) {
    TcpAddress& address = addresses.emplace_back(TcpAddress{.size = next->ai_addrlen});
    std::memcpy(&address.bytes, next->ai_addr, next->ai_addrlen);
  }
  return addresses;
}

ConnectState ConnectTcp(const TcpAddress& address, Socket& connecting) {
  connecting =
      Socket(socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!connecting.valid()) {
    return StateOf(errno);
  }
  const auto* generic = reinterpret_cast<const sockaddr*>(&address.bytes);
  const int done = connect(connecting.fd(), generic, address.size);
  return done == 0 ? HowConnected(connecting) : StateOf(errno);
}

ConnectState HowConnected(const Socket& socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
  }
  if (error == 0 && IsOwnPeer(socket)) {
    error = ECONNREFUSED;
  }
  return StateOf(error);
}

}  // namespace nunc
