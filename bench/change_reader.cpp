#include "change_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "die.h"

namespace nunc::bench {

namespace {

constexpr unsigned kPing = 0x9;
constexpr unsigned kPong = 0xA;
constexpr unsigned kText = 0x1;
constexpr std::string_view kPush = R"({"push":")";
constexpr std::array<char, 2> kSet = {'s', 'e'};
constexpr std::string_view kNatsPing = "PING\r\n";

unsigned Byte(char byte) {
  return static_cast<unsigned char>(byte);
}

// std::count looks at one byte at a time and would be most of what the generator does.
std::size_t CountLineFeeds(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
    ++count;
  return count;
}

std::uint64_t NumberBefore(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() < kSequenceDigits) Die("a change is shorter than its number");
  const std::string_view digits = line.substr(line.size() - kSequenceDigits);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    Die("a watcher got something that is no change: " + std::string(line));
  }
  return number;
}

}  // namespace

ChangeReader::Counted ChangeReader::Feed(const Dialect& dialect, ReadBuffer& buffer,
                                         std::size_t size) {
  const std::span<char> fresh = buffer.Space().first(size);
  if (dialect.IsWebSocket()) size = TakeFramesOff(fresh, dialect.Kind() == Wire::kNunc1);
  std::memcpy(buffer.bytes.data(), carry_.data(), carry_.size());
  const std::string_view all(buffer.bytes.data(), ReadBuffer::kCarry + size);
  const std::string_view text = all.substr(ReadBuffer::kCarry);

  const std::size_t per_change = dialect.LinesPerChange();
  const std::size_t pings = dialect.Kind() == Wire::kNats ? CountPings(all) : 0;
  const std::size_t lines = CountLineFeeds(text) - pings + phase_;
  Counted counted{.changes = lines / per_change};
  phase_ = static_cast<std::uint8_t>(lines % per_change);
  if (counted.changes > 0) {
    std::size_t end = all.size();
    for (std::size_t i = 0; i <= phase_;) {
      end = all.rfind('\n', end - 1);
      // A ping behind the change is no part of it.
      if (pings == 0 || !all.substr(0, end + 1).ends_with(kNatsPing)) ++i;
    }
    counted.last = NumberBefore(dialect.ValueIn(all.substr(0, end)));
  }
  std::memcpy(carry_.data(), all.data() + all.size() - carry_.size(), carry_.size());
  return counted;
}

std::size_t ChangeReader::CountPings(std::string_view all) {
  std::size_t count = 0;
  std::size_t at = ReadBuffer::kCarry + 1 - kNatsPing.size();
  while ((at = all.find(kNatsPing, at)) != std::string_view::npos) {
    ++count;
    at += kNatsPing.size();
    answers_ += "PONG\r\n";
  }
  return count;
}

bool ChangeReader::AddHeaderByte(char byte) {
  header_[header_size_++] = byte;
  if (header_size_ < 2) return false;
  const unsigned length = Byte(header_[1]);
  if (length > 126) Die("frames above 65,535 bytes are not measured");
  if (length == 126 && header_size_ < 4) return false;
  payload_left_ = length < 126 ? length : (Byte(header_[2]) << 8U) | Byte(header_[3]);
  const unsigned opcode = Byte(header_[0]) & 0x0FU;
  control_ = opcode == kPing || opcode == kPong;
  if (!control_ && opcode != kText) Die("a watcher got a frame that is not text");
  header_size_ = 0;
  return true;
}

void ChangeReader::EndControlFrame() {
  if ((Byte(header_[0]) & 0x0FU) == kPing) {
    answers_ += ClientFrame(Opcode::kPong, control_payload_);
  }
  control_payload_.clear();
}

// The header of a text frame that is there in one piece, as nearly every one is; 0: it is not that.
std::size_t ChangeReader::TakeWholeHeader(std::span<const char> bytes) {
  constexpr std::size_t kShort = 2;
  constexpr std::size_t kWide = 4;
  if (header_size_ > 0 || bytes.size() < kWide || Byte(bytes[0]) != (0x80U | kText)) return 0;
  const unsigned length = Byte(bytes[1]);
  if (length > 126 || length == 0) return 0;
  control_ = false;
  payload_left_ = length < 126 ? length : (Byte(bytes[2]) << 8U) | Byte(bytes[3]);
  return length < 126 ? kShort : kWide;
}

void ChangeReader::NoteKind(std::span<const char> part) {
  for (std::size_t i = 0; i < push_kind_.size(); ++i) {
    const std::size_t at = kPush.size() + i;
    if (at >= message_at_ && at < message_at_ + part.size()) push_kind_[i] = part[at - message_at_];
  }
  message_at_ += part.size();
}

std::size_t ChangeReader::TakeFramesOff(std::span<char> bytes, bool is_nunc1) {
  std::size_t out = 0;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (payload_left_ == 0) {
      if (const std::size_t header = TakeWholeHeader(bytes.subspan(at)); header > 0) {
        at += header;
      } else if (AddHeaderByte(bytes[at++]) && payload_left_ == 0 && control_) {
        EndControlFrame();
      }
      continue;
    }
    const std::size_t take = std::min<std::size_t>(payload_left_, bytes.size() - at);
    if (control_) {
      control_payload_.append(&bytes[at], take);
    } else {
      if (is_nunc1) NoteKind(bytes.subspan(at, take));
      std::memmove(bytes.data() + out, bytes.data() + at, take);
      out += take;
    }
    at += take;
    payload_left_ -= static_cast<std::uint32_t>(take);
    if (payload_left_ > 0) continue;
    if (control_) {
      EndControlFrame();
    } else if (is_nunc1) {
      if (push_kind_ == kSet) bytes[out - 1] = '\n';  // in place of the brace
      message_at_ = 0;
    }
  }
  return out;
}

}  // namespace nunc::bench
