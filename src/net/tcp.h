// TCP sockets: listening, accepting, sending what is gathered.
//
// Shape:   thin over the system calls; everything non-blocking and close-on-exec.
// Errors:  kUnavailable: the address cannot be had (in use, not ours, no permission).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <sys/uio.h>
#include <utility>

#include "base/result.h"

namespace nunc {

// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

struct Listener {
  Socket socket;
  std::string address;  // as bound, `host:port`
};

// `host` is an address or a name; port 0 lets the system choose.
Result<Listener> ListenTcp(const std::string& host, std::uint16_t port);

enum class AcceptOutcome : std::uint8_t {
  kAccepted,
  kNone,         // nobody waits
  kNoResources,  // out of descriptors or memory: somebody waits and cannot be taken
};
AcceptOutcome AcceptTcp(const Socket& listener, Socket& accepted);

// No delay of small writes; an idle peer that vanished without a word is noticed by keepalive
// probes within about four times `quiet_ms`.
void TuneConnection(const Socket& socket, std::uint32_t quiet_ms);

// The same for a peer that has something to acknowledge, where keepalive is silent. One that is
// only slow answers probes and repeats and is never gone.
enum class PeerState : std::uint8_t {
  kOwesNothing,  // all that was sent is acknowledged
  kOwes,
  kGone,  // it has let several repeats pass and was last heard of more than `silent_ms` ago
};
PeerState LookAtPeer(const Socket& socket, std::uint32_t silent_ms);

struct Transfer {
  std::size_t bytes = 0;
  bool would_block = false;
  bool ended = false;  // received: the peer sends no more. Sent: the connection is gone
};
Transfer ReceiveBytes(const Socket& socket, std::span<char> buffer);
Transfer SendBytes(const Socket& socket, std::string_view bytes);
Transfer SendGathered(const Socket& socket, std::span<iovec> pieces);

// Tells the peer that nothing more comes, while its own bytes are still taken.
void ShutdownSending(const Socket& socket);

}  // namespace nunc
