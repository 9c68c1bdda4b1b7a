#include "transport/out_queue.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nunc {
namespace {

constexpr std::size_t kCompactBytesMin = std::size_t{64} << 10;
constexpr std::size_t kCompactFramesMin = 64;

}  // namespace

std::string BufferPool::Take() {
  if (buffers_.empty()) {
    return {};
  }
  std::string buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void BufferPool::Give(std::string buffer) {
  if (buffer.capacity() <= kBufferBytesMax && buffers_.size() < kBuffersMax) {
    buffer.clear();
    buffers_.push_back(std::move(buffer));
  }
}

std::string& OutQueue::Bytes() {
  if (bytes_.empty()) {
    bytes_ = pool_.Take();
  }
  return bytes_;
}

void OutQueue::Share(const SharedFrame& frame) {
  if (frame->size() <= kCopiedFrameBytesMax) {
    Bytes().append(*frame);
    return;
  }
  shared_.push_back({.at = bytes_.size(), .frame = frame});
  shared_size_ += frame->size();
}

std::size_t OutQueue::size() const {
  return bytes_.size() - sent_bytes_ + shared_size_;
}

std::size_t OutQueue::Gather(std::span<iovec> pieces) const {
  std::size_t count = 0;
  std::size_t at = sent_bytes_;
  std::size_t next = sent_shared_;
  std::size_t skip = sent_of_frame_;
  while (count < pieces.size() && (at < bytes_.size() || next < shared_.size())) {
    const std::size_t until = next < shared_.size() ? shared_[next].at : bytes_.size();
    if (at < until) {
      pieces[count++] = {.iov_base = const_cast<char*>(bytes_.data() + at), .iov_len = until - at};
      at = until;
      continue;
    }
    const std::string& frame = *shared_[next++].frame;
    pieces[count++] = {.iov_base = const_cast<char*>(frame.data() + skip),
                       .iov_len = frame.size() - skip};
    skip = 0;
  }
  return count;
}

void OutQueue::Consume(std::size_t sent) {
  while (sent > 0) {
    const bool frames_left = sent_shared_ < shared_.size();
    const std::size_t until = frames_left ? shared_[sent_shared_].at : bytes_.size();
    if (sent_bytes_ < until) {
      const std::size_t taken = std::min(sent, until - sent_bytes_);
      sent_bytes_ += taken;
      sent -= taken;
      continue;
    }
    const std::size_t left = shared_[sent_shared_].frame->size() - sent_of_frame_;
    const std::size_t taken = std::min(sent, left);
    shared_size_ -= taken;
    sent -= taken;
    sent_of_frame_ += taken;
    if (taken == left) {
      shared_[sent_shared_].frame.reset();
      ++sent_shared_;
      sent_of_frame_ = 0;
    }
  }
}

void OutQueue::Compact() {
  // Half of what is held must be garbage, so that each byte is moved at most once on average.
  if (sent_bytes_ >= kCompactBytesMin && sent_bytes_ * 2 >= bytes_.size()) {
    bytes_.erase(0, sent_bytes_);
    for (std::size_t i = sent_shared_; i < shared_.size(); ++i) {
      shared_[i].at -= sent_bytes_;
    }
    sent_bytes_ = 0;
  }
  if (sent_shared_ >= kCompactFramesMin && sent_shared_ * 2 >= shared_.size()) {
    shared_.erase(shared_.begin(), shared_.begin() + static_cast<std::ptrdiff_t>(sent_shared_));
    sent_shared_ = 0;
  }
}

Transfer OutQueue::Flush(const Socket& socket) {
  constexpr std::size_t kPiecesMax = 64;
  while (!empty()) {
    Transfer transfer;
    if (shared_.empty()) {
      // The common case, without a walk.
      transfer = SendBytes(socket, std::string_view(bytes_).substr(sent_bytes_));
    } else {
      std::array<iovec, kPiecesMax> pieces;
      transfer = SendGathered(socket, {pieces.data(), Gather(pieces)});
    }
    Consume(transfer.bytes);
    Compact();
    if (transfer.would_block || transfer.ended) {
      return transfer;
    }
  }
  Clear();
  return {};
}

void OutQueue::Clear() {
  pool_.Give(std::exchange(bytes_, {}));
  shared_.clear();
  shared_.shrink_to_fit();
  sent_bytes_ = 0;
  sent_shared_ = 0;
  sent_of_frame_ = 0;
  shared_size_ = 0;
}

}  // namespace nunc
