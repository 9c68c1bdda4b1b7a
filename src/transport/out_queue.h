// What one connection has yet to send: own bytes, and frames that it shares with others.
//
// Shape:   bytes are appended in place; shared frames are pointed at, and those that stand one
//          behind the other in their chunk are one piece. A short one among other things is copied,
//          which costs less than an entry of its own. Flush sends all of it with gathered writes;
//          what the socket does not take of common chunks is copied, so that no slow reader keeps
//          them.
// Owner:   one per connection. An empty queue holds next to no memory: its buffer goes back to the
//          pool.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/tcp.h"
#include "transport/shared_frame.h"

namespace nunc {

// Buffers of emptied queues, so that a connection that speaks now and then does not allocate.
class BufferPool {
 public:
  std::string Take();
  void Give(std::string buffer);

 private:
  static constexpr std::size_t kBufferBytesMax = std::size_t{32} << 10;
  static constexpr std::size_t kBuffersMax = 256;
  std::vector<std::string> buffers_;
};

class OutQueue {
 public:
  explicit OutQueue(BufferPool& pool) : pool_(pool) {}

  // Append to it; everything in it leaves in order with the frames shared meanwhile.
  std::string& Bytes();
  void Share(const SharedFrame& frame);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }
  // The part of size() that is not shared with others.
  [[nodiscard]] std::size_t own_size() const { return size() - shared_size_; }

  // Sends until all is sent or the socket takes no more.
  Transfer Flush(const Socket& socket);
  void Clear();

 private:
  // Frames that stand one behind the other in a chunk.
  struct Shared {
    std::size_t at = 0;  // stands before bytes_[at]
    FrameChunkPtr chunk;
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] std::size_t size() const { return end - begin; }
    [[nodiscard]] std::string_view bytes() const { return chunk->bytes().substr(begin, size()); }
  };

  std::size_t Gather(std::span<iovec> pieces) const;
  void Consume(std::size_t sent);
  // What is left of common chunks becomes its own.
  void LeaveChunks();
  // Gives back what has been sent, so that a queue that never empties does not grow for ever.
  void Compact();

  BufferPool& pool_;
  std::string bytes_;
  std::vector<Shared> shared_;
  std::size_t sent_bytes_ = 0;   // of bytes_
  std::size_t sent_shared_ = 0;  // of shared_
  std::size_t shared_size_ = 0;  // unsent bytes in shared frames
};

}  // namespace nunc
