// NQL over WebSocket: a text message holds one or more commands separated by `;`.
//
// Shape:   every reply and event is a text message of its own, line feed included. A binary message
//          that is UTF-8 is taken like text. Answers nothing on connect.
// Limits:  message: HubLimits::command_bytes_max; kCommandsPerMessageMax commands.
// Owner:   Connection.
// Source:  docs/language.md; docs/reference-server.md §1.3.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "language/nql_split.h"
#include "transport/ws_protocol.h"

namespace nunc {

class WsDoor final : public WsProtocol {
 public:
  WsDoor(Connection& connection, bool deflate);

  bool RunPending() override;
  void OnReply(const Reply& reply, const Output& output) override;
  [[nodiscard]] std::size_t BufferedBytes() const override;

 private:
  void OnText(std::string_view message) override;
  void OnBinary(std::string_view message) override;
  [[nodiscard]] bool HasPending() const override { return !pending_.empty(); }
  // Returns what could not be run this turn.
  std::string_view RunCommands(NqlSplitter& splitter);

  std::string pending_;  // commands of a message that wait for the next turn
  std::size_t pending_from_ = 0;
  std::size_t pending_scan_budget_ = 0;
};

}  // namespace nunc
