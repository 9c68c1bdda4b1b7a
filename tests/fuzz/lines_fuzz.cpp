// Lines over TCP: however the bytes are cut, the lines are those of the whole input read by a
// simple rule, and the memory held is bounded.
//
// Input: one byte that seeds the cuts (0: none) and one that is the limit, then the client's bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "net/lines.h"

namespace {

using nunc::LineEvent;

struct Seen {
  bool too_long = false;
  std::string text;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// Pieces of 1 to 16 bytes that follow from the seed; 0 gives everything at once. Each piece is a
// copy of its own, so that a sanitizer sees a text that outlives it.
std::vector<Seen> Drive(std::string_view bytes, std::size_t limit, unsigned seed) {
  nunc::LineReader reader(limit);
  std::vector<Seen> lines;
  unsigned state = seed;
  while (!bytes.empty()) {
    state = state * 1103515245U + 12345U;
    const std::size_t step = seed == 0 ? bytes.size() : (state >> 16U) % 16 + 1;
    const std::string piece(bytes.substr(0, step));
    bytes.remove_prefix(piece.size());
    std::string_view input = piece;
    for (LineEvent event = reader.Next(input); event.kind != LineEvent::Kind::kNeedMore;
         event = reader.Next(input)) {
      lines.push_back({event.kind == LineEvent::Kind::kTooLong, std::string(event.text)});
      CHECK(event.text.size() <= limit);
      if (state % 2 == 0) reader.DropDelivered();
    }
    CHECK(input.empty());
    CHECK(reader.BufferedBytes() <= 2 * limit);
    if (piece.ends_with('\n')) CHECK(reader.BufferedBytes() == 0);
  }
  return lines;
}

// The rule, spelt over the whole input.
std::vector<Seen> Reference(std::string_view bytes, std::size_t limit) {
  std::vector<Seen> lines;
  std::string line;
  for (const char byte : bytes) {
    if (byte != '\n') {
      line += byte;
      continue;
    }
    const bool too_long = line.size() > limit;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    while (!line.empty() && line.back() == ';')
      line.pop_back();
    lines.push_back({too_long, too_long ? std::string() : line});
    line.clear();
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t limit = data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::vector<Seen> expected = Reference(bytes, limit);
  CHECK(Drive(bytes, limit, 0) == expected);
  CHECK(Drive(bytes, limit, data[0] + 1U) == expected);
  return 0;
}
