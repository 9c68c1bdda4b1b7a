// Encoded messages that are made once and sent to many.
//
// Shape:   a frame is a place in a chunk. Short ones stand one behind the other in a common chunk,
//          so that several which go to the same reader are one piece of memory; a long one has a
//          chunk to itself.
// Limits:  kFrameChunkBytes, kShortFrameBytesMax. Bytes in chunks are counted while anybody holds
//          them.
// Owner:   everybody who holds a pointer, counted without locks: loop thread only.
// Source:  docs/architecture.md §3.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

namespace nunc {

inline constexpr std::size_t kFrameChunkBytes = std::size_t{64} << 10;
inline constexpr std::size_t kShortFrameBytesMax = 1024;

class FrameChunk final
    : public boost::intrusive_ref_counter<FrameChunk, boost::thread_unsafe_counter> {
 public:
  // A common one, which is never moved. `alive` counts its bytes.
  explicit FrameChunk(std::shared_ptr<std::size_t> alive)
      : alive_(std::move(alive)), common_(true) {
    bytes_.reserve(kFrameChunkBytes);
  }
  // Of one long frame.
  FrameChunk(std::shared_ptr<std::size_t> alive, std::string frame)
      : alive_(std::move(alive)), common_(false), bytes_(std::move(frame)) {
    *alive_ += bytes_.size();
  }
  FrameChunk(const FrameChunk&) = delete;
  FrameChunk& operator=(const FrameChunk&) = delete;
  ~FrameChunk() { *alive_ -= bytes_.size(); }

  [[nodiscard]] bool HasRoom(std::size_t bytes) const {
    return common_ && bytes <= kFrameChunkBytes - bytes_.size();
  }
  // There must be room. Where it stands.
  std::size_t Append(std::string_view frame) {
    const std::size_t at = bytes_.size();
    bytes_ += frame;
    *alive_ += frame.size();
    return at;
  }
  // Nobody must hold a frame of it.
  void Clear() {
    *alive_ -= bytes_.size();
    bytes_.clear();
  }

  [[nodiscard]] bool common() const { return common_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::shared_ptr<std::size_t> alive_;
  bool common_;
  std::string bytes_;
};

using FrameChunkPtr = boost::intrusive_ptr<FrameChunk>;

struct SharedFrame {
  FrameChunkPtr chunk{};  // null: there is none
  std::size_t at = 0;
  std::size_t size = 0;

  [[nodiscard]] std::string_view bytes() const { return chunk->bytes().substr(at, size); }
};

}  // namespace nunc
