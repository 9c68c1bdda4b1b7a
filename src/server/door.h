// A listening address whose connections go to the hub.
//
// Limits:  at HubLimits::connections_max, and when the system has no descriptor left, a newcomer is
//          accepted and closed at once, with a word why where there is one to send.
// Owner:   Server.
#pragma once

#include <cstdint>
#include <string>

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
  void Refuse(const Socket& socket) const;
  void RefuseForWantOfDescriptors();

  Hub& hub_;
  Listener listener_;
  Door door_;
  Loop::Registration registration_;
  // Given up for a moment to take, and close, a newcomer when no other descriptor is left: one
  // left waiting would make the loop spin.
  Socket spare_;
};

}  // namespace nunc
