// NQL over TCP: one command per line.
//
// Shape:   greets with `ok`; what a line is, net/lines.h says. `;` does not separate commands here.
// Limits:  a line over HubLimits::command_bytes_max is passed over and answered with an error.
// Owner:   Connection.
// Source:  docs/language.md; docs/reference-server.md §1.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/lines.h"
#include "transport/protocol.h"

namespace nunc {

class Connection;

class TcpDoor final : public Protocol {
 public:
  explicit TcpDoor(Connection& connection);

  [[nodiscard]] WireForm form() const override { return WireForm::kLines; }
  void OnOpen() override;
  std::size_t OnBytes(std::span<char> input) override;
  void OnReply(const Reply& reply, const Output& output) override;
  // A vanished peer is TCP keepalive's business here: the protocol has no ping of the server.
  void OnTick(std::int64_t) override {}
  [[nodiscard]] std::size_t BufferedBytes() const override { return lines_.BufferedBytes(); }

 private:
  void RunLine(const LineEvent& line);
  // Has the keys of the next commands fetched; how many lines it has looked at.
  std::size_t LookAhead(std::string_view input);

  Connection& connection_;
  LineReader lines_;
};

}  // namespace nunc
