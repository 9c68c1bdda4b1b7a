#include "server/door.h"

#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace nunc {
namespace {

Socket OpenSpare() {
  return Socket(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// The system always gives the lowest one that is free.
int DescriptorEnd() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > INT_MAX) {
    return INT_MAX;
  }
  const int all = static_cast<int>(files.rlim_cur);
  return all - std::min(kDescriptorsReserved, all / 2);
}

}  // namespace

ListeningDoor::ListeningDoor(Hub& hub, Listener listener, Door door)
    : hub_(hub),
      listener_(std::move(listener)),
      door_(door),
      descriptor_end_(DescriptorEnd()),
      spare_(OpenSpare()) {}

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
    if (hub_.full() || socket.fd() >= descriptor_end_) {
      Refuse(socket);
    } else {
      hub_.Admit(std::move(socket), door_);
    }
  }
}

// One attempt to say why; whether it arrives is not worth waiting for.
void ListeningDoor::Refuse(const Socket& socket) {
  const std::string_view word =
      door_ == Door::kTcp
          ? "error too many connections \n"
          : "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  [[maybe_unused]] const ssize_t sent =
      send(socket.fd(), word.data(), word.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  NoteRefused(hub_.full() ? "the limit of connections is reached"
                          : "the file descriptors that are left are for the server's own files");
}

void ListeningDoor::RefuseForWantOfDescriptors() {
  NoteRefused("no file descriptor is left");
  spare_.Close();
  {
    Socket refused;
    AcceptTcp(listener_.socket, refused);
  }
  spare_ = OpenSpare();
}

void ListeningDoor::NoteRefused(std::string_view why) {
  constexpr std::int64_t kEveryUs = 1'000'000;
  ++refused_;
  if (hub_.now_us() >= next_word_us_) {
    next_word_us_ = hub_.now_us() + kEveryUs;
    LogWarn("connections refused count=" + std::to_string(std::exchange(refused_, 0)) + ": " +
            std::string(why));
  }
}

}  // namespace nunc
