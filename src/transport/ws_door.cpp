#include "transport/ws_door.h"

#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "language/nql_reply.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {
namespace {

// A longer reply is built apart: it may have to be cut into fragments, or be worth compressing.
constexpr std::size_t kInPlaceBytesMax = kWsFragmentBytes / 2;
// `value V\n`, the most frequent reply with a text, is so much longer than its text.
constexpr std::size_t kValueFrameBytes = 7;

}  // namespace

WsDoor::WsDoor(Connection& connection, bool deflate)
    : WsProtocol(connection, deflate ? WireForm::kWebSocketDeflate : WireForm::kWebSocket,
                 connection.hub().limits().command_bytes_max()) {}

void WsDoor::OnBinary(std::string_view message) {
  if (!IsValidUtf8(message)) {
    return connection().Execute(hub().parser().Reject("a binary message must hold UTF-8 text"));
  }
  OnText(message);
}

void WsDoor::OnText(std::string_view message) {
  NqlParser& parser = hub().parser();
  // Nearly every message is one command: it need not be counted, nor split.
  if (!message.empty() && message.front() > ' ' && message.find(';') == std::string_view::npos) {
    return connection().Execute(parser.Parse(message));
  }
  const std::size_t commands = NqlSplitter(message).CountRest();
  if (commands == 0) {
    return connection().Execute(parser.Reject("empty command"));
  }
  if (commands > kCommandsPerMessageMax) {
    return connection().Execute(
        parser.Reject("too many commands in one message: " + std::to_string(commands) +
                      ", allowed are " + std::to_string(kCommandsPerMessageMax)));
  }
  NqlSplitter splitter(message);
  pending_ = RunCommands(splitter);
  pending_from_ = 0;
  if (!pending_.empty()) {
    DropMessage();  // not held twice while it waits
  }
}

std::string_view WsDoor::RunCommands(NqlSplitter& splitter) {
  std::string_view part;
  while (connection().MayRun() && splitter.Next(part)) {
    connection().Execute(hub().parser().Parse(part));
  }
  // One budget for the message, however many turns it takes: it decides where commands end.
  pending_scan_budget_ = splitter.failed_scan_budget();
  return splitter.Remaining();
}

bool WsDoor::RunPending() {
  if (pending_.empty()) {
    return true;
  }
  NqlSplitter splitter(std::string_view(pending_).substr(pending_from_), pending_scan_budget_);
  const std::string_view rest = RunCommands(splitter);
  pending_from_ = pending_.size() - rest.size();
  if (rest.empty()) {
    std::string().swap(pending_);  // assigning an empty one would keep the memory
  }
  return rest.empty();
}

void WsDoor::OnReply(const Reply& reply, const Output& output) {
  // Most replies are an ok, and one is like another.
  if (reply.kind == ReplyKind::kOk) {
    connection().Out().append("\x81\x04ok \n", 6);
    return;
  }
  if (const std::string_view echo = ErrorEcho(reply); !echo.empty()) {
    SendText(echo);
  }
  const auto write = [&](std::string& out) {
    if (reply.is_status()) {
      AppendStatus(out, reply, output);
    } else {
      AppendData(out, reply, output);
    }
  };
  const std::size_t in_place_max =
      form() == WireForm::kWebSocketDeflate ? kDeflateBytesMin / 2 : kInPlaceBytesMax;
  if (output.rows.empty() && reply.text.size() < in_place_max) {
    WsTextInPlace message(connection().Out(), reply.text.size() + kValueFrameBytes);
    write(connection().Out());
    return message.End();
  }
  std::string& text = hub().reply_text();
  text.clear();
  write(text);
  SendText(text);
}

std::size_t WsDoor::BufferedBytes() const {
  return pending_.capacity() + DecoderBytes();
}

}  // namespace nunc
