// NQL over TCP: one command per line.
//
// Shape:   greets with `ok`; a line ends at `\n`, one `\r` before it is dropped; `;` does not
//          separate, but trailing ones are dropped.
// Limits:  a line over HubLimits::command_bytes_max is passed over and answered with an error.
// Owner:   Connection.
// Source:  docs/language.md; docs/reference-server.md §1.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "transport/protocol.h"

namespace nunc {

class Connection;

class TcpDoor final : public Protocol {
 public:
  explicit TcpDoor(Connection& connection) : connection_(connection) {}

  [[nodiscard]] WireForm form() const override { return WireForm::kLines; }
  void OnOpen() override;
  std::size_t OnBytes(std::span<char> input) override;
  void OnReply(const Reply& reply, const Output& output) override;
  // A vanished peer is TCP keepalive's business here: the protocol has no ping of the server.
  void OnTick(std::int64_t) override {}
  [[nodiscard]] std::size_t BufferedBytes() const override { return partial_.capacity(); }

 private:
  void KeepPartial(std::string_view piece);
  void RunLine(std::string_view line);

  Connection& connection_;
  std::string partial_;      // of a line whose end has not come
  bool discarding_ = false;  // the rest of an over-long line
};

}  // namespace nunc
