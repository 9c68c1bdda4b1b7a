// Large pages for the heap of malloc, where the system gives them to those who ask (madvise).
//
// Shape:   made once, at the start; Grow is called now and then while data is loaded, and costs a
//          look at a variable while the heap has not grown. Not while clients are served: the
//          system may take milliseconds to find and clear a large page, and everybody waits.
// Errors:  none: from a system that refuses, the pages are small ones.
// Limits:  the heap grows by kStepBytes at a time. What is free at its end above kFreeBytesMax goes
//          back to the system, and so does every block from kMappedBytesMin on when it is freed.
// Owner:   Server.
// Thread:  one. What other threads allocate is not in the heap.
// Source:  mallopt(3), madvise(2); docs/performance.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nunc {

class Heap {
 public:
  Heap();
  // Asks for large pages where the heap has grown since the last call.
  void Grow();

 private:
  static constexpr int kStepBytes = 32 << 20;
  static constexpr int kFreeBytesMax = 64 << 20;
  static constexpr int kMappedBytesMin = 4 << 20;

  std::uintptr_t end_ = 0;  // up to there it was asked for
};

}  // namespace nunc
