// Connecting to another machine without waiting for it.
//
// Shape:   an address is resolved, then each of what it stands for is tried: ConnectTcp begins, and
//          when the socket can be written HowConnected says how it ended.
// Blocks:  ResolveTcp, while the system's resolver looks for a name: not at all for an address,
//          microseconds for a name of its hosts file, seconds where no name server answers.
// Errors:  kInvalid: not `HOST:PORT`. kUnavailable: nobody knows the name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "base/result.h"
#include "net/tcp.h"

namespace nunc {

struct TcpAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

// Of one name; what it stands for besides is not tried.
inline constexpr std::size_t kTcpAddressesMax = 8;

// "127.0.0.1:3015", "[::1]:3015", "db1.example:3015"; in the order in which they are to be tried.
Result<std::vector<TcpAddress>> ResolveTcp(std::string_view host_port);

enum class ConnectOutcome : std::uint8_t {
  kUnderWay,
  kConnected,
  kRefused,  // the machine answers, and nobody listens there
  kFailed,
};

struct ConnectState {
  ConnectOutcome outcome = ConnectOutcome::kUnderWay;
  std::string why{};  // refused or failed: the system's words
};

ConnectState ConnectTcp(const TcpAddress& address, Socket& socket);
// Once the socket can be written, or has failed.
ConnectState HowConnected(const Socket& socket);

}  // namespace nunc
