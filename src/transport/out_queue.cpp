#include "transport/out_queue.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nunc {
namespace {

constexpr std::size_t kCompactBytesMin = std::size_t{64} << 10;
constexpr std::size_t kCompactFramesMin = 64;
constexpr std::size_t kEntriesKept = 2;  // by an empty queue

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
  const bool has_memory = buffer.capacity() > std::string().capacity();
  if (has_memory && buffer.capacity() <= kBufferBytesMax && buffers_.size() < kBuffersMax) {
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
  const bool short_one = frame.size <= kShortFrameBytesMax;
  if (!shared_.empty()) {
    Shared& last = shared_.back();
    if (last.chunk == frame.chunk && last.end == frame.at && last.at == bytes_.size()) {
      last.end += frame.size;
      shared_size_ += frame.size;
      return;
    }
  }
  // Behind the first of a chunk more are likely to come.
  if (short_one && frame.at != 0 && !empty()) {
    Bytes() += frame.bytes();
    return;
  }
  shared_.push_back(
      {.at = bytes_.size(), .chunk = frame.chunk, .begin = frame.at, .end = frame.at + frame.size});
  shared_size_ += frame.size;
}

std::size_t OutQueue::size() const {
  return bytes_.size() - sent_bytes_ + shared_size_;
}

std::size_t OutQueue::Gather(std::span<iovec> pieces) const {
  std::size_t count = 0;
  std::size_t at = sent_bytes_;
  std::size_t next = sent_shared_;
  while (count < pieces.size() && (at < bytes_.size() || next < shared_.size())) {
    const std::size_t until = next < shared_.size() ? shared_[next].at : bytes_.size();
    const std::string_view piece =
        at < until ? std::string_view(bytes_).substr(at, until - at) : shared_[next++].bytes();
    at = until;
    pieces[count++] = {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()};
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
    Shared& shared = shared_[sent_shared_];
    const std::size_t taken = std::min(sent, shared.size());
    shared_size_ -= taken;
    sent -= taken;
    shared.begin += taken;
    if (shared.size() == 0) {
      shared.chunk.reset();
      ++sent_shared_;
    }
  }
}

void OutQueue::LeaveChunks() {
  const auto is_common = [](const Shared& shared) {
    return shared.chunk != nullptr && shared.chunk->common();
  };
  if (std::none_of(shared_.begin(), shared_.end(), is_common)) {
    return;
  }
  std::string own = pool_.Take();
  std::vector<Shared> kept;
  std::size_t at = sent_bytes_;
  for (std::size_t i = sent_shared_; i < shared_.size(); ++i) {
    Shared& shared = shared_[i];
    own.append(bytes_, at, shared.at - at);
    at = shared.at;
    if (is_common(shared)) {
      own += shared.bytes();
      shared_size_ -= shared.size();
    } else {
      shared.at = own.size();
      kept.push_back(std::move(shared));
    }
  }
  own.append(bytes_, at);
  pool_.Give(std::exchange(bytes_, std::move(own)));
  shared_ = std::move(kept);
  sent_bytes_ = 0;
  sent_shared_ = 0;
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
    // The two common cases, without a walk.
    if (shared_.empty()) {
      transfer = SendBytes(socket, std::string_view(bytes_).substr(sent_bytes_));
    } else if (shared_.size() == 1 && bytes_.empty()) {
      transfer = SendBytes(socket, shared_.front().bytes());
    } else {
      std::array<iovec, kPiecesMax> pieces;
      transfer = SendGathered(socket, {pieces.data(), Gather(pieces)});
    }
    Consume(transfer.bytes);
    Compact();
    if (transfer.would_block) {
      LeaveChunks();
    }
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
  if (shared_.capacity() > kEntriesKept) {
    shared_.shrink_to_fit();
  }
  sent_bytes_ = 0;
  sent_shared_ = 0;
  shared_size_ = 0;
}

}  // namespace nunc
