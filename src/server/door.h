// A listening address whose connections go to the hub.
//
// Limits:  at HubLimits::connections_max, when only kDescriptorsReserved are left, and when the
//          system has no descriptor at all, a newcomer is accepted and closed at once, with a word
//          why where there is one to send. The log says so once a second.
// Owner:   Server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/loop.h"
#include "net/tcp.h"
#include "transport/hub.h"

namespace nunc {

class ListeningDoor final : public Loop::Handler {
 public:
  ListeningDoor(Hub& hub, Listener listener, Door door);
  ~ListeningDoor() override;

  Result<void> Start();
  // No more newcomers.
  void Stop();
  [[nodiscard]] const std::string& address() const { return listener_.address; }

  void OnReady(std::uint32_t events) override;

 private:
  void Refuse(const Socket& socket);
  void RefuseForWantOfDescriptors();
  void NoteRefused(std::string_view why);

  Hub& hub_;
  Listener listener_;
  Door door_;
  Loop::Registration registration_;
  int descriptor_end_;         // connections have those below
  std::uint64_t refused_ = 0;  // since the log said so
  std::int64_t next_word_us_ = 0;
  // Given up for a moment to take, and close, a newcomer when no other descriptor is left: one
  // left waiting would make the loop spin.
  Socket spare_;
};

}  // namespace nunc
