// One connection to the TCP door, read line by line.
//
// Units:   waits are milliseconds; negative waits for ever.
// Errors:  kUnavailable with the reason when the peer cannot be reached, is silent for too long or
//          goes away; kInvalid when a line passes every limit of the server.
// Owner:   moved, not copied; the destructor closes. `stop_fd` stays its caller's.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "server/config.h"

namespace nunc {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

class TcpClient {
 public:
  // When `stop_fd` (or -1) becomes readable, every wait ends with kUnavailable.
  static Result<TcpClient> Connect(const HostPort& server, int timeout_ms, int stop_fd);
  Result<void> Send(std::string_view bytes);
  // The next line without its line feed.
  Result<std::string> ReadLine(int timeout_ms);

 private:
  TcpClient(FileDescriptor socket, int stop_fd) : socket_(std::move(socket)), stop_fd_(stop_fd) {}

  FileDescriptor socket_;
  int stop_fd_;
  std::string buffer_;
  std::size_t searched_ = 0;  // no line feed in front of this place
};

}  // namespace nunc
