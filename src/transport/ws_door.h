// NQL over WebSocket: a text message holds one or more commands separated by `;`.
//
// Shape:   every reply and event is a text message of its own, line feed included. A binary message
//          that is UTF-8 is taken like text. Answers nothing on connect.
// Limits:  message: HubLimits::command_bytes_max; kCommandsPerMessageMax commands; a peer that
//          leaves two pings unanswered is gone.
// Owner:   Connection.
// Source:  RFC 6455; docs/language.md; docs/reference-server.md §1.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "language/nql_split.h"
#include "net/websocket.h"
#include "transport/protocol.h"

namespace nunc {

class Connection;

class WsDoor final : public Protocol {
 public:
  WsDoor(Connection& connection, bool deflate);

  [[nodiscard]] WireForm form() const override { return form_; }
  void OnOpen() override;
  std::size_t OnBytes(std::span<char> input) override;
  bool RunPending() override;
  void OnReply(const Reply& reply, const Output& output) override;
  void OnTick(std::int64_t now_us) override;
  void OnStop() override;
  [[nodiscard]] std::size_t BufferedBytes() const override;

 private:
  void OnEvent(const WsEvent& event);
  void OnMessage(std::string_view message);
  // Returns what could not be run this turn.
  std::string_view RunCommands(NqlSplitter& splitter);
  void SendText(std::string_view text);

  Connection& connection_;
  WireForm form_;
  WebSocketDecoder decoder_;
  std::string pending_;  // commands of a message that wait for the next turn
  std::size_t pending_from_ = 0;
  std::size_t pending_scan_budget_ = 0;
  std::int64_t last_ping_us_ = 0;
  unsigned unanswered_pings_ = 0;
};

}  // namespace nunc
