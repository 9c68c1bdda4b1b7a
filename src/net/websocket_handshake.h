// Answers a WebSocket opening handshake.
//
// Shape:   a parsed request in, an answer out. Any path, Host and Origin; the one subprotocol that
//          is spoken here is chosen where it is offered, by its exact name.
//          permessage-deflate: the first offer that we can keep, always without context takeover.
// Errors:  a refusal is an HTTP status with its reason; a malformed extension header only means
//          that nothing is negotiated from it.
// Source:  RFC 6455 §4.2, RFC 7692 §5 and §7.1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http.h"

namespace nunc {

struct WsHandshake {
  // 101: accepted. Refused: 405 not GET; 426 no upgrade to websocket asked for, or a version other
  // than 13; 400 anything else that is wrong or missing.
  std::uint16_t status = 101;
  bool deflate = false;            // permessage-deflate is on for this connection
  bool window_bits_named = false;  // the offer had server_max_window_bits=15: the answer names it
  std::string accept_key;          // Sec-WebSocket-Accept
  std::string_view subprotocol{};  // empty: none is chosen
  const char* detail = "";         // refused: for people, static text
};

enum class WsDeflate : std::uint8_t { kOff, kOffer };

// True when the request asks for an upgrade to WebSocket: the HTTP port then hands it over.
bool WantsWebSocket(const HttpRequest& request);

// `subprotocol` is the one that is spoken here, static text; empty: none.
WsHandshake AnswerWsHandshake(const HttpRequest& request, WsDeflate deflate,
                              std::string_view subprotocol);

// The 101 head of an accepted handshake; frames may follow at once.
void AppendWsAccept(std::string& out, const WsHandshake& accepted);

// The answer to a refused one, to be sent with AppendHttpResponse; the connection is then closed.
HttpResponse WsRefusal(const WsHandshake& refused);

}  // namespace nunc
