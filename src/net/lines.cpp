#include "net/lines.h"

namespace nunc {
namespace {

std::string_view WithoutLineEnd(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(';'))
    line.remove_suffix(1);
  return line;
}

}  // namespace

LineEvent LineReader::Next(std::string_view& input) {
  DropDelivered();
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos) {
    Keep(input);
    input = {};
    return {};
  }
  std::string_view line = input.substr(0, end);
  input.remove_prefix(end + 1);
  if (discarding_ || line.size() > line_bytes_max_ - partial_.size()) {
    discarding_ = false;
    std::string().swap(partial_);  // assigning an empty one would keep the memory
    return {.kind = LineEvent::Kind::kTooLong, .text = {}};
  }
  if (!partial_.empty()) {
    partial_ += line;
    delivered_ = true;
    line = partial_;
  }
  return {.kind = LineEvent::Kind::kLine, .text = WithoutLineEnd(line)};
}

void LineReader::DropDelivered() {
  if (delivered_) {
    delivered_ = false;
    std::string().swap(partial_);  // assigning an empty one would keep the memory
  }
}

std::size_t LineReader::BufferedBytes() const {
  const std::size_t inline_bytes = std::string().capacity();
  return partial_.capacity() > inline_bytes ? partial_.capacity() : 0;
}

void LineReader::Keep(std::string_view piece) {
  if (discarding_ || piece.size() > line_bytes_max_ - partial_.size()) {
    discarding_ = true;
    std::string().swap(partial_);  // assigning an empty one would keep the memory
    return;
  }
  partial_ += piece;
}

}  // namespace nunc
