#include "posix/heap.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace nunc {
namespace {

constexpr std::uintptr_t kPageBytes = 4096;

// Without a system call. Page by page, because madvise takes nothing else.
std::uintptr_t HeapEnd() {
  return reinterpret_cast<std::uintptr_t>(sbrk(0)) / kPageBytes * kPageBytes;
}

}  // namespace

Heap::Heap() : end_(HeapEnd()) {
  mallopt(M_TOP_PAD, kStepBytes);
  mallopt(M_TRIM_THRESHOLD, kFreeBytesMax);
  mallopt(M_MMAP_THRESHOLD, kMappedBytesMin);
}

void Heap::Grow() {
  const std::uintptr_t end = HeapEnd();
  if (end > end_) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): where the heap ends is known as a number
    madvise(reinterpret_cast<void*>(end_), end - end_, MADV_HUGEPAGE);
  }
  end_ = end;
}

}  // namespace nunc
