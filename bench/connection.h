// One client connection: opened, upgraded or greeted, logged in, then used without blocking.
//
// Shape:   Open(), Ask() and WaitForMore() wait (10 seconds at most); Receive() never does.
// Errors:  anything unexpected ends the generator (die.h).
// Owner:   the descriptor belongs to the object; movable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "wire.h"

namespace nunc::bench {

struct Target {
  Dialect dialect;
  std::uint16_t port = 0;  // on 127.0.0.1
  bool offer_deflate = false;
};

class Connection {
 public:
  // Connects and selects the database (NQL).
  static Connection Open(const Target& target);

  Connection(Connection&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  [[nodiscard]] int Fd() const { return fd_; }

  // Sends everything, waiting for room where the socket has none.
  void Send(std::string_view bytes) const;
  // Sends a request and reads exactly `reply`.
  void Ask(std::string_view request, std::string_view reply) const;
  // Until there is something to read.
  void WaitForMore() const;
  // Reads what is there: 0 when nothing is.
  [[nodiscard]] std::size_t Receive(std::span<char> into) const;

 private:
  explicit Connection(int fd) : fd_(fd) {}
  static Connection Dial(const Target& target);
  [[nodiscard]] std::string ReadUntil(std::string_view end) const;
  void Expect(std::string_view reply) const;

  friend void EnsureDatabase(Target target);

  int fd_ = -1;
};

// Creates the database of the benchmarks where it is not there yet. Nothing to do for others than
// Nunc.
void EnsureDatabase(Target target);

// Lets this process and what it measures have as many sockets as the system allows.
void RaiseFileLimit();

}  // namespace nunc::bench
