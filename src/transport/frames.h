// The wire forms of one change, each encoded at most once however many sessions get it.
//
// Shape:   Get encodes on first use. A compressed form exists only where it is smaller; otherwise
//          it is the plain one.
// Owner:   the Hub, for the time of one change; the frames live on in the queues that share them.
// Source:  docs/architecture.md §3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/output.h"
#include "language/nunc1_reply.h"
#include "net/deflate.h"
#include "transport/out_queue.h"

namespace nunc {

enum class WireForm : std::uint8_t {
  kLines,      // TCP
  kWebSocket,  // a text message per line
  kWebSocketDeflate,
  kJson,  // one text message of nunc.1
  kJsonDeflate,
  kSse,   // an event of an HTTP answer, as a chunk of it
  kNone,  // an HTTP request hears of no changes
};

inline constexpr std::size_t kWireForms = static_cast<std::size_t>(WireForm::kNone);

[[nodiscard]] constexpr bool IsCompressed(WireForm form) {
  return form == WireForm::kWebSocketDeflate || form == WireForm::kJsonDeflate;
}

// Appends one text message in a WebSocket form. `scratch` is working space.
void AppendTextMessage(std::string& out, std::string_view text, WireForm form, Deflater& deflater,
                       std::string& scratch);

class Frames {
 public:
  // Empty for a database that is not there any more.
  using DatabaseNames = std::function<std::string_view(DatabaseId)>;

  Frames(Deflater& deflater, std::string& scratch, Nunc1Writer& json, DatabaseNames names)
      : deflater_(deflater),
        scratch_(scratch),
        json_(json),
        names_(std::move(names)),
        alive_(std::make_shared<std::size_t>(0)) {}

  void Begin(const Change& change);
  const SharedFrame& Get(WireForm form);
  // Bytes in all frames that anybody still holds, each counted once, and of the newest ones.
  [[nodiscard]] std::size_t bytes_alive() const { return *alive_; }

 private:
  // Takes `encoded_`.
  SharedFrame Place(WireForm form);
  void EncodeLines(std::string& out) const;
  void EncodeMessages(std::string& out, WireForm form);
  void EncodeJson(std::string& out, WireForm form);
  void EncodeEvent(std::string& out);

  Deflater& deflater_;
  std::string& scratch_;
  Nunc1Writer& json_;
  DatabaseNames names_;
  const Change* change_ = nullptr;
  std::shared_ptr<std::size_t> alive_;  // frames may outlive this
  std::string encoded_;
  std::array<FrameChunkPtr, kWireForms> chunks_;  // of short frames
  std::array<SharedFrame, kWireForms> frames_;
};

}  // namespace nunc
