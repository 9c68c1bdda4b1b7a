// The nunc.1 protocol over WebSocket: each text message is a JSON object.
//
// Shape:   greets with its limits; then requests with ids in, and answers in their order and pushes
//          out.
// Limits:  message: HubLimits::json_bytes_max; those of Nunc1Requests.
// Owner:   Connection.
// Source:  docs/protocol.md.
#pragma once

#include <cstddef>
#include <string_view>

#include "transport/nunc1_requests.h"
#include "transport/ws_protocol.h"

namespace nunc {

class Nunc1Door final : public WsProtocol {
 public:
  Nunc1Door(Connection& connection, bool deflate);

  void OnOpen() override;
  bool RunPending() override;
  void OnReply(const Reply& reply, const Output& output) override;
  [[nodiscard]] std::size_t BufferedBytes() const override;

 private:
  void OnText(std::string_view message) override;
  void OnBinary(std::string_view message) override;
  [[nodiscard]] bool HasPending() const override { return requests_.HasBatch(); }

  Nunc1Requests requests_;
};

}  // namespace nunc
