// One protocol on one connection: its bytes to commands, replies to its bytes.
//
// Shape:   a door is a Protocol; it holds no rule of the store, only the wire form.
// Owner:   Connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/output.h"
#include "transport/frames.h"

namespace nunc {

class Protocol {
 public:
  Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol() = default;

  [[nodiscard]] virtual WireForm form() const = 0;
  // Once, before any byte.
  virtual void OnOpen() {}
  // Takes bytes off the front and returns how many. It leaves some only when
  // Connection::MayRun() has become false; they are given again later.
  virtual std::size_t OnBytes(std::span<char> input) = 0;
  // Goes on with commands that were read but not run; true when none is left.
  virtual bool RunPending() { return true; }
  // What is left waits for somebody else, who will have the connection resumed.
  [[nodiscard]] virtual bool Waits() const { return false; }
  virtual void OnReply(const Reply& reply, const Output& output) = 0;
  // A watch of the session has been told that its database is gone.
  virtual void OnDropped() {}
  // About every tick: timeouts and pings.
  virtual void OnTick(std::int64_t now_us) = 0;
  // The server stops: say goodbye in the protocol's own way.
  virtual void OnStop() {}
  // Memory held for requests that are not complete or not run.
  [[nodiscard]] virtual std::size_t BufferedBytes() const = 0;
};

}  // namespace nunc
