// The running server: doors, loop and node, put together.
//
// Shape:   Open loads the data folder, then binds all doors or none; Run serves until Stop, SIGINT
// or SIGTERM, then answers
//          what it has read, says goodbye (WebSocket 1001) and returns.
// Errors:  kUnavailable: an address or the data folder cannot be had; kDamaged, kInvalid: the data
//          folder cannot be used as it is; kIo: the disk failed, or the system has no room.
// Thread:  Open and Run on one thread, which gets the signals; Stop from any.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "server/config.h"

namespace nunc {

struct Addresses {  // as bound, HOST:PORT
  std::string ws;
  std::string http;
  std::string tcp;
  std::string peers{};  // empty: in no cluster
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> Open(const Config& config, const ShowProgress& show);
  ~Server();

  [[nodiscard]] const Addresses& addresses() const;
  Result<void> Run();
  // Why Run has ended: its folder holds a whole state from the primary, to be opened again, at the
  // same addresses.
  [[nodiscard]] bool starts_anew() const;
  void Stop();

 private:
  class Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace nunc
