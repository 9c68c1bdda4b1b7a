// A file descriptor that closes itself.
#pragma once

#include <unistd.h>
#include <utility>

namespace nunc {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  // What close reports is of no use: whoever needs the bytes on the medium has synced them.
  ~Descriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  // For whoever has taken over to close it.
  void Release() { fd_ = -1; }

 private:
  int fd_ = -1;
};

}  // namespace nunc
