// What the protocols over WebSocket share: frames to messages, pings, the end.
//
// Shape:   a base of the doors; what a message means, and what the replies look like, is theirs.
// Limits:  messages as long as the door says; a peer that leaves two pings unanswered is gone.
// Owner:   Connection.
// Source:  RFC 6455.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/websocket.h"
#include "transport/protocol.h"

namespace nunc {

class Connection;
class Hub;

class WsProtocol : public Protocol {
 public:
  [[nodiscard]] WireForm form() const final { return form_; }
  void OnOpen() override;
  std::size_t OnBytes(std::span<char> input) final;
  void OnTick(std::int64_t now_us) final;
  void OnStop() final;

 protected:
  WsProtocol(Connection& connection, WireForm form, std::size_t message_bytes_max);

  // One whole message. It holds during the call.
  virtual void OnText(std::string_view message) = 0;
  virtual void OnBinary(std::string_view message) = 0;
  // Of a message that was read something has not run: no other one is taken.
  [[nodiscard]] virtual bool HasPending() const = 0;

  void SendText(std::string_view text);
  Connection& connection() { return connection_; }
  Hub& hub();
  // The message is held by the door itself now.
  void DropMessage() { decoder_.DropDelivered(); }
  [[nodiscard]] std::size_t DecoderBytes() const { return decoder_.BufferedBytes(); }

 private:
  void OnEvent(const WsEvent& event);

  Connection& connection_;
  WireForm form_;
  WebSocketDecoder decoder_;
  std::int64_t last_ping_us_ = 0;
  unsigned unanswered_pings_ = 0;
};

}  // namespace nunc
