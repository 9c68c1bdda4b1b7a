// Counts the changes in what one watcher receives, whatever the cuts between reads.
//
// Shape:   Feed(bytes just read) -> how many changes ended in them and the number of the last. The
//          same counting of line feeds for every wire; WebSocket frames are first taken off.
//          So are the pings of NATS. Answers() is what must go back to the server: pongs.
// Errors:  frames that are not text, ping or pong end the generator (die.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire.h"

namespace nunc::bench {

// One buffer for all watchers; in front of it there is room for the end of the read before.
struct ReadBuffer {
  static constexpr std::size_t kCarry = 128;
  std::vector<char> bytes = std::vector<char>(kCarry + (std::size_t{64} << 10U));
  [[nodiscard]] std::span<char> Space() { return std::span(bytes).subspan(kCarry); }
};

class ChangeReader {
 public:
  struct Counted {
    std::uint64_t changes = 0;
    std::uint64_t last = 0;  // the number at the end of the last whole change
  };

  // `size` bytes have been read into buffer.Space().
  Counted Feed(const Dialect& dialect, ReadBuffer& buffer, std::size_t size);

  // Empty but after a ping; the caller sends it and then clears it.
  [[nodiscard]] std::string& Answers() { return answers_; }

 private:
  // Moves the payloads of WebSocket frames together, and ends a message of nunc.1 that is a change
  // as a line; returns their size.
  std::size_t TakeFramesOff(std::span<char> bytes, bool is_nunc1);
  // `part` is what comes next of a message.
  void NoteKind(std::span<const char> part);
  // Pings of NATS that end in what was read; `all` begins with what was carried.
  std::size_t CountPings(std::string_view all);
  std::size_t TakeWholeHeader(std::span<const char> bytes);
  void EndControlFrame();
  // Reads one byte of a frame header; true when the header is complete.
  bool AddHeaderByte(char byte);

  std::array<char, ReadBuffer::kCarry> carry_{};
  std::array<char, 10> header_{};
  std::uint8_t header_size_ = 0;
  std::uint8_t phase_ = 0;  // line feeds of a change that has not ended
  std::uint32_t payload_left_ = 0;
  bool control_ = false;
  std::size_t message_at_ = 0;       // of nunc.1: how much of it has come
  std::array<char, 2> push_kind_{};  // how the name of its push begins
  std::string control_payload_;
  std::string answers_;
};

}  // namespace nunc::bench
