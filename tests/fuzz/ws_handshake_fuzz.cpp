// WebSocket handshake: every request gets an answer from the known set, and nothing of the request
// can write lines of its own into it.
//
// Input: one byte of switches (1: offer deflate, 2: the rest is one extension header instead of a
// whole HTTP head), then the client's bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "net/websocket_handshake.h"

namespace {

std::ptrdiff_t Lines(std::string_view text) {
  return std::count(text.begin(), text.end(), '\n');
}

void CheckAnswer(const nunc::HttpRequest& request, nunc::WsDeflate deflate) {
  const nunc::WsHandshake answer = nunc::AnswerWsHandshake(request, deflate, "nunc.1");
  std::string out;
  if (answer.status == 101) {
    CHECK(nunc::WantsWebSocket(request));
    CHECK(answer.accept_key.size() == 28);
    CHECK(!answer.deflate || deflate == nunc::WsDeflate::kOffer);
    nunc::AppendWsAccept(out, answer);
    CHECK(Lines(out) == 5 + (answer.deflate ? 1 : 0) + (answer.subprotocol.empty() ? 0 : 1));
  } else {
    CHECK(answer.status == 400 || answer.status == 405 || answer.status == 426);
    nunc::AppendHttpResponse(out, nunc::WsRefusal(answer), "");
    const std::ptrdiff_t extra = answer.status == 426 ? 2 : (answer.status == 405 ? 1 : 0);
    CHECK(Lines(out) == 5 + extra);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto deflate = (data[0] & 1U) != 0 ? nunc::WsDeflate::kOffer : nunc::WsDeflate::kOff;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 2U) != 0) {
    const nunc::HttpRequest request{.method = "GET",
                                    .target = "/",
                                    .version_minor = 1,
                                    .keep_alive = true,
                                    .upgrade = true,
                                    .headers = {{"Upgrade", "websocket"},
                                                {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                                                {"Sec-WebSocket-Version", "13"},
                                                {"Sec-WebSocket-Extensions", bytes}},
                                    .body = {}};
    CheckAnswer(request, deflate);
    return 0;
  }
  nunc::HttpParser parser({});
  std::span<const char> input(bytes);
  if (parser.Next(input) == nunc::HttpParser::Outcome::kRequest) {
    CheckAnswer(parser.Request(), deflate);
  }
  return 0;
}
