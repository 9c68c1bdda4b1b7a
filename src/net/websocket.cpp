#include "net/websocket.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "net/deflate.h"

namespace nunc {
namespace {

constexpr unsigned kFinBit = 0x80;
constexpr unsigned kRsv1Bit = 0x40;
constexpr unsigned kRsv23Bits = 0x30;
constexpr unsigned kOpcodeBits = 0x0F;
constexpr unsigned kControlBit = 0x08;
constexpr unsigned kMaskBit = 0x80;
constexpr unsigned kLengthBits = 0x7F;
constexpr unsigned kLength16 = 126;            // two length bytes follow
constexpr unsigned kLength64 = 127;            // eight
constexpr std::size_t kControlBytesMax = 125;  // RFC 6455 §5.5
constexpr std::size_t kMaskBytes = 4;
constexpr std::size_t kWsHeaderBytesMax = 10;  // of a server's frame
constexpr std::uint64_t kNotAsciiBits = 0x8080'8080'8080'8080U;

unsigned Byte(char c) {
  return static_cast<unsigned char>(c);
}

bool IsControl(WsOpcode opcode) {
  return (static_cast<unsigned>(opcode) & kControlBit) != 0;
}

bool IsKnownOpcode(unsigned opcode) {
  return opcode <= Byte('\x2') || (opcode >= Byte('\x8') && opcode <= Byte('\xA'));
}

// RFC 6455 §7.4 and the IANA registry: 1004-1006 and 1015 never travel, the rest is not assigned.
bool IsCloseCode(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

std::size_t LengthBytes(unsigned length7) {
  if (length7 == kLength16) return 2;
  return length7 == kLength64 ? 8 : 0;
}

std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes)
    value = value << 8 | Byte(byte);
  return value;
}

// XORs in place; returns all the resulting bytes ORed together, so that whoever needs to know
// whether they are ASCII need not read them again.
std::uint64_t XorBytes(std::span<char> bytes, std::uint32_t mask32) {
  static_assert(std::endian::native == std::endian::little, "the tail takes the mask from its end");
  std::uint64_t mask = std::uint64_t{mask32} << 32U | mask32;
  std::uint64_t seen = 0;
  char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= sizeof(mask); left -= sizeof(mask), at += sizeof(mask)) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    word ^= mask;
    seen |= word;
    std::memcpy(at, &word, sizeof(word));
  }
  for (; left > 0; --left, ++at, mask >>= 8U) {
    const unsigned byte = Byte(*at) ^ static_cast<unsigned>(mask & 0xFFU);
    seen |= byte;
    *at = static_cast<char>(byte);
  }
  return seen;
}

// XORs in place and turns the mask to where the next piece of the payload goes on.
void Unmask(std::span<char> bytes, std::array<char, kMaskBytes>& mask) {
  std::uint32_t mask32 = 0;
  std::memcpy(&mask32, mask.data(), sizeof(mask32));
  XorBytes(bytes, mask32);
  const auto turn = static_cast<std::ptrdiff_t>(bytes.size() % kMaskBytes);
  std::rotate(mask.begin(), mask.begin() + turn, mask.end());
}

// RFC 6455 §5.2: a server's frame header in its shortest form. Returns its size.
std::size_t WriteHeader(std::array<char, kWsHeaderBytesMax>& header, WsOpcode opcode,
                        std::uint64_t length, WsFrameBits bits) {
  std::size_t size = 2;
  header[0] = static_cast<char>(static_cast<unsigned>(opcode) | (bits.fin ? kFinBit : 0U) |
                                (bits.compressed ? kRsv1Bit : 0U));
  if (length < kLength16) {
    header[1] = static_cast<char>(length);
    return size;
  }
  const bool wide = length > 0xFFFF;
  header[1] = static_cast<char>(wide ? kLength64 : kLength16);
  for (unsigned shift = wide ? 64 : 16; shift > 0; shift -= 8)
    header[size++] = static_cast<char>(length >> (shift - 8));
  return size;
}

}  // namespace

WsEvent WebSocketDecoder::Next(std::span<char>& input) {
  if (delivered_) DropDelivered();
  if (ended_) {
    input = {};
    return {};
  }
  WsEvent event;
  if (TakeWholeText(input, event)) return event;
  while (true) {
    if (!in_frame_ && !TakeHeader(input, event)) return event;
    event = IsControl(frame_opcode_) ? TakeControl(input) : TakeData(input);
    // Nothing to report while the frame is complete: a fragment, the next frame may be here too.
    if (event.kind != WsEvent::Kind::kNeedMore || in_frame_) return event;
  }
}

std::size_t WebSocketDecoder::BufferedBytes() const {
  const std::size_t inline_bytes = std::string().capacity();
  return buffer_.capacity() > inline_bytes ? buffer_.capacity() : 0;
}

WsEvent WebSocketDecoder::Fail(std::uint16_t close_code, const char* reason) {
  ended_ = true;
  message_bytes_ = 0;
  DropDelivered();
  return {.kind = WsEvent::Kind::kError, .close_code = close_code, .reason = reason, .payload = {}};
}

// The common case by a short way: a text message in one frame that has come whole. False: anything
// else, an error among it, and then nothing is taken.
bool WebSocketDecoder::TakeWholeText(std::span<char>& input, WsEvent& event) {
  std::size_t header_bytes = 2 + kMaskBytes;
  if (!Idle() || input.size() < header_bytes ||
      Byte(input[0]) != (kFinBit | static_cast<unsigned>(WsOpcode::kText)) ||
      (Byte(input[1]) & kMaskBit) == 0) {
    return false;
  }
  std::size_t length = Byte(input[1]) & kLengthBits;
  if (length == kLength64) return false;
  if (length == kLength16) {
    length = BigEndian({input.data() + 2, 2});
    header_bytes += 2;
    if (length < kLength16) return false;
  }
  if (input.size() < header_bytes + length || length > limits_.message_bytes_max) return false;
  std::uint32_t mask32 = 0;
  std::memcpy(&mask32, input.data() + header_bytes - kMaskBytes, sizeof(mask32));
  const std::span<char> payload = input.subspan(header_bytes, length);
  const std::uint64_t seen = XorBytes(payload, mask32);
  input = input.subspan(header_bytes + length);
  event = {.kind = WsEvent::Kind::kText, .payload = {payload.data(), payload.size()}};
  if ((seen & kNotAsciiBits) != 0 && !IsValidUtf8(event.payload)) {
    event = Fail(kWsCloseBadPayload, "text is not UTF-8");
  }
  return true;
}

// False: more input is needed, or `failure` is a kError.
bool WebSocketDecoder::TakeHeader(std::span<char>& input, WsEvent& failure) {
  const auto take_until = [&](std::size_t size) {
    const std::size_t count = std::min(size - header_size_, input.size());
    std::copy_n(input.data(), count, header_.data() + header_size_);
    header_size_ = static_cast<std::uint8_t>(header_size_ + count);
    input = input.subspan(count);
    return header_size_ == size;
  };
  if (header_size_ < 2) {
    if (!take_until(2)) return false;
    if (const char* reason = CheckFirstBytes(); reason != nullptr) {
      failure = Fail(kWsCloseProtocolError, reason);
      return false;
    }
  }
  const std::size_t length_bytes = LengthBytes(Byte(header_[1]) & kLengthBits);
  return take_until(2 + length_bytes + kMaskBytes) && StartFrame(failure);
}

// What is wrong with the two bytes that every frame header begins with; null when nothing is.
const char* WebSocketDecoder::CheckFirstBytes() const {
  const unsigned first = Byte(header_[0]);
  const unsigned second = Byte(header_[1]);
  const unsigned opcode = first & kOpcodeBits;
  if (!IsKnownOpcode(opcode)) return "reserved opcode";
  if ((first & kRsv23Bits) != 0) return "reserved bit set";
  const bool control = (opcode & kControlBit) != 0;
  const bool continuation = opcode == static_cast<unsigned>(WsOpcode::kContinuation);
  if ((first & kRsv1Bit) != 0 && (limits_.inflater == nullptr || control || continuation)) {
    return "reserved bit set";
  }
  if ((second & kMaskBit) == 0) return "client frame without mask";
  if (control) {
    if ((first & kFinBit) == 0) return "fragmented control frame";
    if ((second & kLengthBits) > kControlBytesMax) return "control frame longer than 125 bytes";
    return nullptr;
  }
  if (continuation && !in_message_) return "continuation of no message";
  if (!continuation && in_message_) return "new message inside a fragmented one";
  return nullptr;
}

// The header is complete: checks its length and opens the frame.
bool WebSocketDecoder::StartFrame(WsEvent& failure) {
  const unsigned first = Byte(header_[0]);
  const unsigned length7 = Byte(header_[1]) & kLengthBits;
  const std::size_t length_bytes = LengthBytes(length7);
  const std::uint64_t length =
      length_bytes == 0 ? length7 : BigEndian({header_.data() + 2, length_bytes});
  // RFC 6455 §5.2: the top bit is 0 and the shortest form must be used.
  if (length_bytes == 8 && (length >> 63) != 0) {
    failure = Fail(kWsCloseProtocolError, "length with its top bit set");
    return false;
  }
  if ((length_bytes == 2 && length < kLength16) || (length_bytes == 8 && length <= 0xFFFF)) {
    failure = Fail(kWsCloseProtocolError, "length not in its shortest form");
    return false;
  }
  frame_opcode_ = static_cast<WsOpcode>(first & kOpcodeBits);
  if (!IsControl(frame_opcode_)) {
    if (length > limits_.message_bytes_max - message_bytes_) {
      failure = Fail(kWsCloseTooLarge, "message too large");
      return false;
    }
    if (frame_opcode_ != WsOpcode::kContinuation) {
      in_message_ = true;
      message_opcode_ = frame_opcode_;
      compressed_ = (first & kRsv1Bit) != 0;
      utf8_ = {};
    }
  }
  std::copy_n(header_.data() + 2 + length_bytes, kMaskBytes, mask_.begin());
  frame_fin_ = (first & kFinBit) != 0;
  frame_left_ = length;
  in_frame_ = true;
  header_size_ = 0;
  return true;
}

// As much of the frame's payload as the input has, unmasked where it lies.
std::string_view WebSocketDecoder::TakePayload(std::span<char>& input) {
  const std::size_t count = std::min<std::uint64_t>(frame_left_, input.size());
  const std::span<char> piece = input.first(count);
  Unmask(piece, mask_);
  input = input.subspan(count);
  frame_left_ -= count;
  in_frame_ = frame_left_ > 0;
  return {piece.data(), piece.size()};
}

WsEvent WebSocketDecoder::TakeControl(std::span<char>& input) {
  const std::string_view piece = TakePayload(input);
  const bool buffered = buffer_.size() > message_bytes_;
  if (!in_frame_ && !buffered) return FinishControl(piece);
  buffer_.append(piece);
  if (in_frame_) return {};
  delivered_ = true;
  return FinishControl(std::string_view(buffer_).substr(message_bytes_));
}

WsEvent WebSocketDecoder::FinishControl(std::string_view payload) {
  if (frame_opcode_ == WsOpcode::kClose) return FinishClose(payload);
  const bool ping = frame_opcode_ == WsOpcode::kPing;
  return {.kind = ping ? WsEvent::Kind::kPing : WsEvent::Kind::kPong, .payload = payload};
}

WsEvent WebSocketDecoder::FinishClose(std::string_view payload) {
  std::uint16_t code = kWsCloseNoStatus;
  if (payload.size() == 1) return Fail(kWsCloseProtocolError, "close frame of one byte");
  if (!payload.empty()) {
    code = static_cast<std::uint16_t>(BigEndian(payload.substr(0, 2)));
    payload.remove_prefix(2);
    if (!IsCloseCode(code)) return Fail(kWsCloseProtocolError, "close code not allowed");
    if (!IsValidUtf8(payload)) return Fail(kWsCloseBadPayload, "close reason is not UTF-8");
  }
  ended_ = true;
  return {.kind = WsEvent::Kind::kClose, .close_code = code, .payload = payload};
}

WsEvent WebSocketDecoder::TakeData(std::span<char>& input) {
  const std::string_view piece = TakePayload(input);
  const bool plain_text = message_opcode_ == WsOpcode::kText && !compressed_;
  if (plain_text && !utf8_.Push(piece)) return Fail(kWsCloseBadPayload, "text is not UTF-8");
  const bool whole = !in_frame_ && frame_fin_;
  if (whole && message_bytes_ == 0) return FinishMessage(piece);
  buffer_.append(piece);
  message_bytes_ += piece.size();
  if (!whole) return {};
  delivered_ = true;
  return FinishMessage(buffer_);
}

WsEvent WebSocketDecoder::FinishMessage(std::string_view payload) {
  in_message_ = false;
  message_bytes_ = 0;
  const bool text = message_opcode_ == WsOpcode::kText;
  if (compressed_) {
    std::string inflated;
    switch (limits_.inflater->Inflate(payload, limits_.message_bytes_max, inflated)) {
      case InflateOutcome::kOk:
        break;
      case InflateOutcome::kTooLarge:
        return Fail(kWsCloseTooLarge, "message too large");
      case InflateOutcome::kCorrupt:
        return Fail(kWsCloseBadPayload, "compressed message is damaged");
    }
    buffer_ = std::move(inflated);
    delivered_ = true;
    payload = buffer_;
    if (text && !IsValidUtf8(payload)) return Fail(kWsCloseBadPayload, "text is not UTF-8");
  } else if (text && !utf8_.AtBoundary()) {
    return Fail(kWsCloseBadPayload, "text is not UTF-8");
  }
  return {.kind = text ? WsEvent::Kind::kText : WsEvent::Kind::kBinary, .payload = payload};
}

// Forgets a payload that the last event showed; a message that is still coming in stays.
void WebSocketDecoder::DropDelivered() {
  delivered_ = false;
  if (message_bytes_ > 0) {
    buffer_.resize(message_bytes_);
  } else {
    std::string().swap(buffer_);  // an assignment would keep the capacity of an idle connection
  }
}

void AppendWsFrame(std::string& out, WsOpcode opcode, std::string_view payload, WsFrameBits bits) {
  std::array<char, kWsHeaderBytesMax> header{};
  const std::size_t size = WriteHeader(header, opcode, payload.size(), bits);
  out.append(header.data(), size).append(payload);
}

void WsTextInPlace::End() {
  const std::size_t payload_at = begin_ + room_;
  const std::size_t length = out_.size() - payload_at;
  if (length > kWsFragmentBytes) {
    const std::string payload = out_.substr(payload_at);
    out_.resize(begin_);
    return AppendWsMessage(out_, WsOpcode::kText, payload);
  }
  std::array<char, kWsHeaderBytesMax> header{};
  const std::size_t size = WriteHeader(header, WsOpcode::kText, length, {});
  if (size == room_) {
    std::copy_n(header.data(), size, out_.data() + begin_);
  } else {
    out_.replace(begin_, room_, header.data(), size);
  }
}

void AppendWsMessage(std::string& out, WsOpcode opcode, std::string_view payload, WsForm form,
                     std::size_t fragment_bytes) {
  WsFrameBits bits{.fin = false, .compressed = form == WsForm::kCompressed};
  while (payload.size() > fragment_bytes) {
    AppendWsFrame(out, opcode, payload.substr(0, fragment_bytes), bits);
    payload.remove_prefix(fragment_bytes);
    opcode = WsOpcode::kContinuation;
    bits.compressed = false;
  }
  bits.fin = true;
  AppendWsFrame(out, opcode, payload, bits);
}

void AppendWsClose(std::string& out, std::uint16_t code, std::string_view reason) {
  if (code == kWsCloseNoStatus) return AppendWsFrame(out, WsOpcode::kClose, {});
  constexpr std::size_t kReasonBytesMax = kControlBytesMax - 2;
  if (reason.size() > kReasonBytesMax) {
    std::size_t cut = kReasonBytesMax;
    while (cut > 0 && (Byte(reason[cut]) & 0xC0U) == 0x80)
      --cut;  // not inside a character
    reason = reason.substr(0, cut);
  }
  std::array<char, kControlBytesMax> payload{static_cast<char>(code >> 8),
                                             static_cast<char>(code & 0xFF)};
  std::copy(reason.begin(), reason.end(), payload.begin() + 2);
  AppendWsFrame(out, WsOpcode::kClose, {payload.data(), 2 + reason.size()});
}

}  // namespace nunc
