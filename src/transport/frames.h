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
#include <memory>
#include <string>
#include <string_view>

#include "core/output.h"
#include "net/deflate.h"
#include "transport/out_queue.h"

namespace nunc {

enum class WireForm : std::uint8_t {
  kLines,      // TCP
  kWebSocket,  // a text message per line
  kWebSocketDeflate,
  kNone,  // an HTTP request hears of no changes
};

// Appends one text message in a WebSocket form. `scratch` is working space.
void AppendTextMessage(std::string& out, std::string_view text, WireForm form, Deflater& deflater,
                       std::string& scratch);

class Frames {
 public:
  Frames(Deflater& deflater, std::string& scratch)
      : deflater_(deflater), scratch_(scratch), alive_(std::make_shared<std::size_t>(0)) {}

  void Begin(const Change& change);
  const SharedFrame& Get(WireForm form);
  // Bytes in all frames that anybody still holds, each counted once.
  [[nodiscard]] std::size_t bytes_alive() const { return *alive_; }

 private:
  void EncodeLines(std::string& out) const;
  void EncodeMessages(std::string& out, WireForm form);

  Deflater& deflater_;
  std::string& scratch_;
  const Change* change_ = nullptr;
  std::shared_ptr<std::size_t> alive_;  // frames may outlive this
  std::array<SharedFrame, 3> frames_;
};

}  // namespace nunc
