// WebSocket frames: the same bytes give the same events however they are cut, memory follows what
// arrived, and what is compressed comes back.
//
// Input: one byte of switches, one byte that seeds the cuts, then the client's bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "net/deflate.h"
#include "net/websocket.h"

namespace {

using nunc::WsEvent;

struct Seen {
  WsEvent::Kind kind;
  std::uint16_t close_code;
  std::string payload;
  friend bool operator==(const Seen&, const Seen&) = default;
};

constexpr std::size_t kMessageBytesMax = 4096;

// Pieces of 1 to 16 bytes that follow from the seed; 0 gives everything at once.
std::vector<Seen> Drive(std::string_view bytes, nunc::Inflater* inflater, unsigned seed) {
  nunc::WebSocketDecoder decoder({.message_bytes_max = kMessageBytesMax, .inflater = inflater});
  std::vector<Seen> events;
  unsigned state = seed;
  bool ended = false;
  while (!bytes.empty()) {
    state = state * 1103515245U + 12345U;
    const std::size_t step = seed == 0 ? bytes.size() : (state >> 16) % 16 + 1;
    std::string piece(bytes.substr(0, step));
    bytes.remove_prefix(piece.size());
    std::span<char> input(piece);
    for (WsEvent event = decoder.Next(input); event.kind != WsEvent::Kind::kNeedMore;
         event = decoder.Next(input)) {
      CHECK(!ended);
      CHECK(event.payload.size() <= kMessageBytesMax);
      ended = event.kind == WsEvent::Kind::kClose || event.kind == WsEvent::Kind::kError;
      events.push_back({event.kind, event.close_code, std::string(event.payload)});
    }
    CHECK(input.empty());
    CHECK(decoder.BufferedBytes() <= 2 * (kMessageBytesMax + 125));
    if (decoder.Idle()) CHECK(decoder.BufferedBytes() == 0);
  }
  return events;
}

void CheckDeflateRoundTrip(std::string_view bytes, nunc::Inflater& inflater) {
  static nunc::Deflater deflater;
  std::string compressed;
  if (!deflater.Compress(bytes, compressed)) return;
  std::string back;
  CHECK(inflater.Inflate(compressed, bytes.size(), back) == nunc::InflateOutcome::kOk);
  CHECK(back == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static nunc::Inflater inflater;
  const bool deflate = (data[0] & 1U) != 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  nunc::Inflater* const negotiated = deflate ? &inflater : nullptr;
  CHECK(Drive(bytes, negotiated, 0) == Drive(bytes, negotiated, data[1] + 1U));
  CheckDeflateRoundTrip(bytes, inflater);
  return 0;
}
