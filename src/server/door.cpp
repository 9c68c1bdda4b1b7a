#include "server/door.h"

#include <fcntl.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace nunc {
namespace {

Socket OpenSpare() {
  return Socket(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

ListeningDoor::ListeningDoor(Hub& hub, Listener listener, Door door)
    : hub_(hub), listener_(std::move(listener)), door_(door), spare_(OpenSpare()) {}

ListeningDoor::~ListeningDoor() {
  Stop();
}

Result<void> ListeningDoor::Start() {
  const Result<Loop::Registration> added = hub_.loop().Add(listener_.socket.fd(), EPOLLIN, *this);
  if (!added) {
    return tl::unexpected<Error>(added.error());
  }
  registration_ = *added;
  return {};
}

void ListeningDoor::Stop() {
  if (registration_.fd >= 0) {
    hub_.loop().Remove(registration_);
    registration_.fd = -1;
    listener_.socket.Close();
  }
}

void ListeningDoor::OnReady(std::uint32_t) {
  for (std::size_t i = 0; i < kAcceptsPerTurn; ++i) {
    Socket socket;
    switch (AcceptTcp(listener_.socket, socket)) {
      case AcceptOutcome::kNone:
        return;
      case AcceptOutcome::kNoResources:
        RefuseForWantOfDescriptors();
        continue;
      case AcceptOutcome::kAccepted:
        break;
    }
    if (hub_.full()) {
      Refuse(socket);
    } else {
      hub_.Admit(std::move(socket), door_);
    }
  }
}

// One attempt to say why; whether it arrives is not worth waiting for.
void ListeningDoor::Refuse(const Socket& socket) const {
  const std::string_view word =
      door_ == Door::kTcp
          ? "error too many connections \n"
          : "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  [[maybe_unused]] const ssize_t sent =
      send(socket.fd(), word.data(), word.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  LogWarn("connection refused: the limit of connections is reached");
}

void ListeningDoor::RefuseForWantOfDescriptors() {
  LogWarn("connection refused: no file descriptor is left");
  spare_.Close();
  {
    Socket refused;
    AcceptTcp(listener_.socket, refused);
  }
  spare_ = OpenSpare();
}

}  // namespace nunc
