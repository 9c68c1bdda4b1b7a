// Lines out of a byte stream: NQL over TCP has one command per line.
//
// Shape:   pure; bytes in, lines out. Call Next() until kNeedMore:
//            for (LineEvent e = lines.Next(input); e.kind != kNeedMore; e = lines.Next(input))
//          A line ends at `\n`; one `\r` before it and then trailing `;` are not part of its text.
//          What follows the last `\n` is no line.
// Limits:  a line with more than `line_bytes_max` bytes before its `\n` is passed over and told as
//          kTooLong when it ends; the memory held is bounded by twice the limit.
// Owner:   one per connection.
// Source:  docs/language.md; docs/reference-server.md §1.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nunc {

struct LineEvent {
  enum class Kind : std::uint8_t {
    kNeedMore,  // all of the input is taken
    kLine,
    kTooLong,
  };
  Kind kind = Kind::kNeedMore;
  // In the caller's input or in the reader: valid until the next Next() or DropDelivered(), and
  // only as long as the input's bytes are.
  std::string_view text;
};

class LineReader {
 public:
  explicit LineReader(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  // Takes bytes off the front of `input` up to the end of the next line.
  LineEvent Next(std::string_view& input);
  // Frees the last line's text before the next Next().
  void DropDelivered();
  // Memory held beyond the object itself; 0 between lines.
  [[nodiscard]] std::size_t BufferedBytes() const;

 private:
  void Keep(std::string_view piece);

  std::size_t line_bytes_max_;
  std::string partial_;      // of a line whose end has not come, or the line given last
  bool discarding_ = false;  // the rest of an over-long line
  bool delivered_ = false;   // the text given last lies in partial_
};

}  // namespace nunc
