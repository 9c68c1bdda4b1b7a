// What one connection has yet to send: own bytes, and frames that it shares with others.
//
// Shape:   bytes are appended in place; a long shared frame is only pointed at, a short one is
//          copied, which costs less than an entry of its own. Flush sends all of it with gathered
//          writes.
// Owner:   one per connection. An empty queue holds no memory: its buffer goes back to the pool.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "net/tcp.h"

namespace nunc {

// An encoded message, made once and sent to many.
using SharedFrame = std::shared_ptr<const std::string>;

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
  static constexpr std::size_t kCopiedFrameBytesMax = 1024;

  struct Shared {
    std::size_t at = 0;  // stands before bytes_[at]
    SharedFrame frame;
  };

  std::size_t Gather(std::span<iovec> pieces) const;
  void Consume(std::size_t sent);
  // Gives back what has been sent, so that a queue that never empties does not grow for ever.
  void Compact();

  BufferPool& pool_;
  std::string bytes_;
  std::vector<Shared> shared_;
  std::size_t sent_bytes_ = 0;   // of bytes_
  std::size_t sent_shared_ = 0;  // of shared_
  std::size_t sent_of_frame_ = 0;
  std::size_t shared_size_ = 0;  // unsent bytes in shared frames
};

}  // namespace nunc
