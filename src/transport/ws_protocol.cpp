#include "transport/ws_protocol.h"

#include "base/log.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {
namespace {

constexpr unsigned kUnansweredPingsMax = 2;

}  // namespace

WsProtocol::WsProtocol(Connection& connection, WireForm form, std::size_t message_bytes_max)
    : connection_(connection),
      form_(form),
      decoder_({.message_bytes_max = message_bytes_max,
                .inflater = IsCompressed(form) ? &connection.hub().inflater() : nullptr}) {}

Hub& WsProtocol::hub() {
  return connection_.hub();
}

void WsProtocol::OnOpen() {
  const bool json = form_ == WireForm::kJson || form_ == WireForm::kJsonDeflate;
  connection_.OpenSession(SessionKind::kConnection, /*knows_ready=*/json);
}

std::size_t WsProtocol::OnBytes(std::span<char> input) {
  std::span<char> rest = input;
  while (connection_.MayRun() && !HasPending()) {
    const WsEvent event = decoder_.Next(rest);
    if (event.kind == WsEvent::Kind::kNeedMore) {
      return input.size();
    }
    OnEvent(event);
  }
  return input.size() - rest.size();
}

void WsProtocol::OnEvent(const WsEvent& event) {
  switch (event.kind) {
    case WsEvent::Kind::kText:
      return OnText(event.payload);
    case WsEvent::Kind::kBinary:
      return OnBinary(event.payload);
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

void WsProtocol::SendText(std::string_view text) {
  AppendTextMessage(connection_.Out(), text, form_, hub().deflater(), hub().scratch());
}

void WsProtocol::OnTick(std::int64_t now_us) {
  const std::int64_t interval_us = std::int64_t{hub().limits().ping_interval_ms} * 1000;
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

void WsProtocol::OnStop() {
  AppendWsClose(connection_.Out(), kWsCloseGoingAway, "the server stops");
}

}  // namespace nunc
