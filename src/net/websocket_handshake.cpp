#include "net/websocket_handshake.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "net/digest.h"

namespace nunc {
namespace {

// RFC 6455 §1.3.
constexpr std::string_view kKeyGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view kVersion = "13";

// The value of a header that must be there exactly once.
const std::string_view* FindOnly(const HttpRequest& request, std::string_view name) {
  const std::string_view* found = nullptr;
  for (const HttpHeader& header : request.headers) {
    if (!EqualsIgnoreCase(header.name, name)) continue;
    if (found != nullptr) return nullptr;
    found = &header.value;
  }
  return found;
}

bool AnyHas(const HttpRequest& request, std::string_view name, std::string_view token) {
  return std::any_of(request.headers.begin(), request.headers.end(), [&](const HttpHeader& header) {
    return EqualsIgnoreCase(header.name, name) && HttpListHas(header.value, token);
  });
}

// RFC 6455 §11.3.4: the header may stand several times. Names of subprotocols have a case.
bool Offers(const HttpRequest& request, std::string_view subprotocol) {
  const auto has = [subprotocol](std::string_view list) {
    while (!list.empty()) {
      const std::size_t comma = std::min(list.find(','), list.size());
      std::string_view item = list.substr(0, comma);
      item.remove_prefix(std::min(item.find_first_not_of(" \t"), item.size()));
      item = item.substr(0, item.find_last_not_of(" \t") + 1);
      if (item == subprotocol) return true;
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
  };
  return std::any_of(request.headers.begin(), request.headers.end(), [&](const HttpHeader& header) {
    return EqualsIgnoreCase(header.name, "Sec-WebSocket-Protocol") && has(header.value);
  });
}

bool IsBase64Char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

// Base64 of 16 bytes (RFC 6455 §4.1): 22 digits and two signs of padding.
bool IsKey(std::string_view key) {
  constexpr std::size_t kDigits = 22;
  return key.size() == kDigits + 2 && key.ends_with("==") &&
         std::all_of(key.begin(), key.begin() + kDigits, IsBase64Char);
}

std::string AcceptKeyFor(std::string_view key) {
  return EncodeBase64(Sha1(std::string(key).append(kKeyGuid)));
}

// Reads RFC 6455 §9.1's grammar:
//   extension-list = 1#( token *( ";" token [ "=" ( token | quoted-string ) ] ) )
class ExtensionReader {
 public:
  explicit ExtensionReader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool AtEnd() {
    SkipSpace();
    return rest_.empty();
  }

  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Empty when there is none.
  std::string_view Token() {
    SkipSpace();
    const std::size_t end = std::min(rest_.find_first_not_of(kTokenChars), rest_.size());
    const std::string_view token = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return token;
  }

  // A token or a quoted one. Backslashes are legal there but have no use inside a token.
  std::string_view Value() {
    if (!Take('"')) return Token();
    const std::string_view token = Token();
    return !rest_.empty() && rest_.front() == '"' && Take('"') ? token : std::string_view();
  }

 private:
  static constexpr std::string_view kTokenChars =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

  void SkipSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  std::string_view rest_;
};

struct Parameter {
  std::string_view name;
  std::optional<std::string_view> value;
};

// 8 to 15 in decimal without leading zeros (RFC 7692 §7.1.2); 0 otherwise.
int WindowBits(std::string_view text) {
  if (text == "8" || text == "9") return text.front() - '0';
  const bool ten = text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5';
  return ten ? 10 + (text[1] - '0') : 0;
}

// One permessage-deflate offer; unknown, repeated or ill-valued parameters decline it (§7.1).
class Offer {
 public:
  void Add(const Parameter& parameter) {
    if (parameter.name == "server_no_context_takeover") {
      AddOnce(server_no_takeover_, !parameter.value);
    } else if (parameter.name == "client_no_context_takeover") {
      AddOnce(client_no_takeover_, !parameter.value);
    } else if (parameter.name == "client_max_window_bits") {
      // Any window that the client keeps to fits into ours.
      AddOnce(client_window_, !parameter.value || WindowBits(*parameter.value) != 0);
    } else if (parameter.name == "server_max_window_bits") {
      // A message is compressed once for all its receivers, with the full window.
      AddOnce(server_window_, parameter.value && WindowBits(*parameter.value) == 15);
    } else {
      acceptable_ = false;
    }
  }

  [[nodiscard]] bool Acceptable() const { return acceptable_; }
  [[nodiscard]] bool ServerWindow() const { return server_window_; }

 private:
  void AddOnce(bool& seen, bool good) {
    acceptable_ = acceptable_ && !seen && good;
    seen = true;
  }

  bool acceptable_ = true;
  bool server_no_takeover_ = false;
  bool client_no_takeover_ = false;
  bool client_window_ = false;
  bool server_window_ = false;
};

// The first acceptable offer of one header. Nothing when there is none or the header is malformed
// anywhere.
std::optional<Offer> ChooseOffer(std::string_view header) {
  std::optional<Offer> chosen;
  ExtensionReader reader(header);
  while (!reader.AtEnd()) {
    if (reader.Take(',')) continue;  // RFC 9110 §5.6.1: empty list members are ignored
    const std::string_view name = reader.Token();
    if (name.empty()) return std::nullopt;
    Offer offer;
    while (reader.Take(';')) {
      Parameter parameter{.name = reader.Token(), .value = std::nullopt};
      if (reader.Take('=')) parameter.value = reader.Value();
      if (parameter.name.empty()) return std::nullopt;
      if (parameter.value && parameter.value->empty()) return std::nullopt;
      offer.Add(parameter);
    }
    if (!reader.AtEnd() && !reader.Take(',')) return std::nullopt;
    if (!chosen && name == "permessage-deflate" && offer.Acceptable()) chosen = offer;
  }
  return chosen;
}

WsHandshake Refuse(std::uint16_t status, const char* detail) {
  WsHandshake refused;
  refused.status = status;
  refused.detail = detail;
  return refused;
}

}  // namespace

bool WantsWebSocket(const HttpRequest& request) {
  return request.upgrade && AnyHas(request, "Upgrade", "websocket");
}

WsHandshake AnswerWsHandshake(const HttpRequest& request, WsDeflate deflate,
                              std::string_view subprotocol) {
  if (!WantsWebSocket(request)) return Refuse(426, "this is a WebSocket address");
  if (request.method != "GET") return Refuse(405, "a WebSocket handshake is a GET");
  if (request.version_minor == 0) return Refuse(400, "a WebSocket handshake needs HTTP/1.1");
  const std::string_view* const version = FindOnly(request, "Sec-WebSocket-Version");
  if (version == nullptr) return Refuse(400, "one Sec-WebSocket-Version is needed");
  if (*version != kVersion) return Refuse(426, "only WebSocket version 13 is spoken here");
  const std::string_view* const key = FindOnly(request, "Sec-WebSocket-Key");
  if (key == nullptr || !IsKey(*key)) {
    return Refuse(400, "one Sec-WebSocket-Key of 16 bytes in base64 is needed");
  }
  WsHandshake accepted;
  accepted.accept_key = AcceptKeyFor(*key);
  if (!subprotocol.empty() && Offers(request, subprotocol)) accepted.subprotocol = subprotocol;
  for (const HttpHeader& header : request.headers) {
    if (deflate == WsDeflate::kOff || accepted.deflate) break;
    if (!EqualsIgnoreCase(header.name, "Sec-WebSocket-Extensions")) continue;
    if (const std::optional<Offer> offer = ChooseOffer(header.value)) {
      accepted.deflate = true;
      accepted.window_bits_named = offer->ServerWindow();
    }
  }
  return accepted;
}

void AppendWsAccept(std::string& out, const WsHandshake& accepted) {
  out.append(
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ");
  out.append(accepted.accept_key).append("\r\n");
  if (!accepted.subprotocol.empty()) {
    out.append("Sec-WebSocket-Protocol: ").append(accepted.subprotocol).append("\r\n");
  }
  if (accepted.deflate) {
    out.append(
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
        "client_no_context_takeover");
    if (accepted.window_bits_named) out.append("; server_max_window_bits=15");
    out.append("\r\n");
  }
  out.append("\r\n");
}

HttpResponse WsRefusal(const WsHandshake& refused) {
  HttpResponse response;
  response.status = refused.status;
  response.content_type = "text/plain; charset=UTF-8";
  response.body = refused.detail;
  response.keep_alive = false;
  if (refused.status == 405) response.headers.emplace_back("Allow", "GET");
  if (refused.status == 426) {
    response.headers.emplace_back("Upgrade", "websocket");             // RFC 9110 §15.5.22
    response.headers.emplace_back("Sec-WebSocket-Version", kVersion);  // RFC 6455 §4.2.2
  }
  return response;
}

}  // namespace nunc
