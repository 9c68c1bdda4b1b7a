#include "transport/ws_door.h"

#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "language/nql_reply.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {
namespace {

constexpr unsigned kUnansweredPingsMax = 2;
// A longer reply is built apart: it may have to be cut into fragments, or be worth compressing.
constexpr std::size_t kInPlaceBytesMax = kWsFragmentBytes / 2;
// `value V\n`, the most frequent reply with a text, is so much longer than its text.
constexpr std::size_t kValueFrameBytes = 7;

}  // namespace

WsDoor::WsDoor(Connection& connection, bool deflate)
    : connection_(connection),
      form_(deflate ? WireForm::kWebSocketDeflate : WireForm::kWebSocket),
      decoder_({.message_bytes_max = connection.hub().limits().command_bytes_max(),
                .inflater = deflate ? &connection.hub().inflater() : nullptr}) {}

void WsDoor::OnOpen() {
  connection_.OpenSession(SessionKind::kConnection);
}

std::size_t WsDoor::OnBytes(std::span<char> input) {
  std::span<char> rest = input;
  while (connection_.MayRun() && pending_.empty()) {
    const WsEvent event = decoder_.Next(rest);
    if (event.kind == WsEvent::Kind::kNeedMore) {
      return input.size();
    }
    OnEvent(event);
  }
  return input.size() - rest.size();
}

void WsDoor::OnEvent(const WsEvent& event) {
  switch (event.kind) {
    case WsEvent::Kind::kText:
      return OnMessage(event.payload);
    case WsEvent::Kind::kBinary:
      if (!IsValidUtf8(event.payload)) {
        return connection_.Execute(
            connection_.hub().parser().Reject("a binary message must hold UTF-8 text"));
      }
      return OnMessage(event.payload);
    case WsEvent::Kind::kPing:
      AppendWsFrame(connection_.Out(), WsOpcode::kPong, event.payload);
      return connection_.Sending();
    case WsEvent::Kind::kClose:
      AppendWsClose(connection_.Out(), event.close_code, "");
      return connection_.CloseAfterSending();
    case WsEvent::Kind::kError:
      AppendWsClose(connection_.Out(), event.close_code, event.reason);
      return connection_.CloseAfterSending();
    case WsEvent::Kind::kPong:  // any byte counts as a sign of life: see OnTick
    case WsEvent::Kind::kNeedMore:
      return;
  }
}

void WsDoor::OnMessage(std::string_view message) {
  NqlParser& parser = connection_.hub().parser();
  // Nearly every message is one command: it need not be counted, nor split.
  if (!message.empty() && message.front() > ' ' && message.find(';') == std::string_view::npos) {
    return connection_.Execute(parser.Parse(message));
  }
  const std::size_t commands = NqlSplitter(message).CountRest();
  if (commands == 0) {
    return connection_.Execute(parser.Reject("empty command"));
  }
  if (commands > kCommandsPerMessageMax) {
    return connection_.Execute(
        parser.Reject("too many commands in one message: " + std::to_string(commands) +
                      ", allowed are " + std::to_string(kCommandsPerMessageMax)));
  }
  NqlSplitter splitter(message);
  pending_ = RunCommands(splitter);
  pending_from_ = 0;
  if (!pending_.empty()) {
    decoder_.DropDelivered();  // not held twice while it waits
  }
}

std::string_view WsDoor::RunCommands(NqlSplitter& splitter) {
  std::string_view part;
  while (connection_.MayRun() && splitter.Next(part)) {
    connection_.Execute(connection_.hub().parser().Parse(part));
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

void WsDoor::SendText(std::string_view text) {
  AppendTextMessage(connection_.Out(), text, form_, connection_.hub().deflater(),
                    connection_.hub().scratch());
}

void WsDoor::OnReply(const Reply& reply, const Output& output) {
  // Most replies are an ok, and one is like another.
  if (reply.kind == ReplyKind::kOk) {
    connection_.Out().append("\x81\x04ok \n", 6);
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
      form_ == WireForm::kWebSocketDeflate ? kDeflateBytesMin / 2 : kInPlaceBytesMax;
  if (output.rows.empty() && reply.text.size() < in_place_max) {
    WsTextInPlace message(connection_.Out(), reply.text.size() + kValueFrameBytes);
    write(connection_.Out());
    return message.End();
  }
  std::string& text = connection_.hub().reply_text();
  text.clear();
  write(text);
  SendText(text);
}

void WsDoor::OnTick(std::int64_t now_us) {
  const std::int64_t interval_us = std::int64_t{connection_.hub().limits().ping_interval_ms} * 1000;
  // A peer that does not read cannot answer either; whether it is there at all, TCP tells.
  if (connection_.last_heard_us() > last_ping_us_ || connection_.sending_blocked()) {
    unanswered_pings_ = 0;
  }
  const std::int64_t quiet_since_us =
      connection_.last_heard_us() > last_ping_us_ ? connection_.last_heard_us() : last_ping_us_;
  if (now_us - quiet_since_us < interval_us || connection_.sending_blocked()) {
    return;
  }
  if (unanswered_pings_ >= kUnansweredPingsMax) {
    LogInfo("connection lost: the peer does not answer pings");
    return connection_.Die();
  }
  ++unanswered_pings_;
  last_ping_us_ = now_us;
  AppendWsFrame(connection_.Out(), WsOpcode::kPing, "");
  connection_.Sending();
}

void WsDoor::OnStop() {
  AppendWsClose(connection_.Out(), kWsCloseGoingAway, "the server stops");
}

std::size_t WsDoor::BufferedBytes() const {
  return pending_.capacity() + decoder_.BufferedBytes();
}

}  // namespace nunc
