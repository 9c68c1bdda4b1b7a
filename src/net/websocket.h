// The server's side of WebSocket framing: client bytes to events, messages to frames.
//
// Shape:   bytes in, events out; no socket, clock or thread. Call Next() until kNeedMore:
//            for (WsEvent e = decoder.Next(input); e.kind != kNeedMore; e = decoder.Next(input))
// Units:   bytes.
// Errors:  kError carries the close code to send; the decoder then takes no more bytes.
// Owner:   one decoder per connection; the Inflater is shared and must outlive it.
// Source:  RFC 6455 §5-§8; RFC 7692 §6.2, §7.2 for RSV1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/utf8.h"

namespace nunc {

class Inflater;

enum class WsOpcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

// RFC 6455 §7.4.1: those that this code or its callers send or report.
inline constexpr std::uint16_t kWsCloseNormal = 1000;
inline constexpr std::uint16_t kWsCloseGoingAway = 1001;
inline constexpr std::uint16_t kWsCloseProtocolError = 1002;
inline constexpr std::uint16_t kWsCloseNoStatus = 1005;  // never on the wire
inline constexpr std::uint16_t kWsCloseBadPayload = 1007;
inline constexpr std::uint16_t kWsClosePolicy = 1008;
inline constexpr std::uint16_t kWsCloseTooLarge = 1009;
inline constexpr std::uint16_t kWsCloseTryAgainLater = 1013;

struct WsEvent {
  enum class Kind : std::uint8_t {
    kNeedMore,  // all of the input is taken
    kText,      // one whole message, valid UTF-8
    kBinary,    // one whole message, unchecked
    kPing,
    kPong,
    kClose,  // payload is the reason, close_code the peer's code or kWsCloseNoStatus
    kError,  // close_code is what to send: 1002, 1007 or 1009
  };
  Kind kind = Kind::kNeedMore;
  std::uint16_t close_code = 0;
  const char* reason = "";  // kError: for people, static text
  // In the caller's input or the decoder's buffer: valid until the next Next() and only as long as
  // the input's bytes are.
  std::string_view payload;
};

class WebSocketDecoder {
 public:
  struct Limits {
    std::size_t message_bytes_max = kValueBytesMaxDefault + kCommandOverheadBytesMax;
    Inflater* inflater = nullptr;  // null: permessage-deflate was not negotiated, RSV1 is refused
  };

  explicit WebSocketDecoder(const Limits& limits) : limits_(limits) {}

  // Takes bytes off the front of `input` (and unmasks them in place) up to the next event. After
  // kClose or kError all input is dropped and the answer is kNeedMore.
  WsEvent Next(std::span<char>& input);

  // Memory held for a partial message beyond the object itself; 0 when idle. It follows what has
  // arrived, never what a frame header declares.
  [[nodiscard]] std::size_t BufferedBytes() const;
  // Frees the last event's payload before the next Next(). Only directly after an event: what is
  // buffered after kNeedMore has not been delivered.
  void DropDelivered();
  // True between messages: the peer has not left one half sent.
  [[nodiscard]] bool Idle() const { return header_size_ == 0 && !in_frame_ && !in_message_; }

 private:
  WsEvent Fail(std::uint16_t close_code, const char* reason);
  bool TakeWholeText(std::span<char>& input, WsEvent& event);
  bool TakeHeader(std::span<char>& input, WsEvent& failure);
  const char* CheckFirstBytes() const;
  bool StartFrame(WsEvent& failure);
  WsEvent TakeControl(std::span<char>& input);
  WsEvent TakeData(std::span<char>& input);
  WsEvent FinishControl(std::string_view payload);
  WsEvent FinishClose(std::string_view payload);
  WsEvent FinishMessage(std::string_view payload);
  std::string_view TakePayload(std::span<char>& input);

  Limits limits_;
  std::string buffer_;             // message so far, then the payload so far of a control frame
  std::uint64_t frame_left_ = 0;   // payload bytes of the frame still to come
  std::size_t message_bytes_ = 0;  // how much of buffer_ is the message
  std::array<char, 14> header_{};  // RFC 6455 §5.2: the longest frame header
  std::uint8_t header_size_ = 0;
  std::array<char, 4> mask_{};  // turned so that mask_[0] is for the next byte
  Utf8Validator utf8_;
  WsOpcode frame_opcode_ = WsOpcode::kContinuation;
  WsOpcode message_opcode_ = WsOpcode::kText;
  bool frame_fin_ = false;
  bool in_frame_ = false;    // header taken, payload not complete
  bool in_message_ = false;  // a data message has begun
  bool compressed_ = false;
  bool delivered_ = false;  // the last event's payload lies in buffer_
  bool ended_ = false;
};

struct WsFrameBits {
  bool fin = true;
  bool compressed = false;  // RSV1, RFC 7692 §6: first frame of a compressed message only
};

enum class WsForm : std::uint8_t { kPlain, kCompressed };

// One unmasked frame.
void AppendWsFrame(std::string& out, WsOpcode opcode, std::string_view payload,
                   WsFrameBits bits = {});

// One message, in fragments when longer than `fragment_bytes` (> 0). kCompressed: the payload is
// what Deflater::Compress made.
void AppendWsMessage(std::string& out, WsOpcode opcode, std::string_view payload,
                     WsForm form = WsForm::kPlain, std::size_t fragment_bytes = kWsFragmentBytes);

// One text message whose payload is appended to `out` between construction and End(), which saves
// copying it. The better `payload_bytes` is guessed, the less End() has to move.
class WsTextInPlace {
 public:
  WsTextInPlace(std::string& out, std::size_t payload_bytes)
      : out_(out), begin_(out.size()), room_(payload_bytes < 126 ? 2 : 4) {
    out_.append(room_, '\0');
  }
  void End();

 private:
  std::string& out_;
  std::size_t begin_;
  std::size_t room_;  // kept free for the header
};

// kWsCloseNoStatus makes an empty close frame. The reason is cut, at a character, to the 123 bytes
// that fit (RFC 6455 §5.5).
void AppendWsClose(std::string& out, std::uint16_t code, std::string_view reason);

}  // namespace nunc
