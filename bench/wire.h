// The languages of the generator: what to send and what must come back, byte for byte.
//
// Shape:   the same calls for every peer, so that all are measured by the same code path.
// Source:  NQL (a data message, then one status); RESP2 (arrays of bulk strings); RFC 6455 §5.2
//          for frames (client frames are masked, §5.3); the client protocol of NATS, of which there
//          are only publishing and subscribing, as there are of nunc.1 (docs/protocol.md), whose
//          watches ask for all changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nunc::bench {

enum class Wire : unsigned char { kResp, kNqlTcp, kNqlWs, kNunc1, kNats };

inline constexpr std::string_view kDatabase = "bench";
inline constexpr std::string_view kToken = "bench-token";
inline constexpr std::size_t kSequenceDigits = 8;

// How a value that is a numbered change ends.
std::string SequenceDigits(std::uint64_t number);

class Dialect {
 public:
  explicit Dialect(Wire wire) : wire_(wire) {}

  [[nodiscard]] Wire Kind() const { return wire_; }
  [[nodiscard]] bool IsNql() const { return wire_ == Wire::kNqlTcp || wire_ == Wire::kNqlWs; }
  [[nodiscard]] bool IsWebSocket() const { return wire_ == Wire::kNqlWs || wire_ == Wire::kNunc1; }

  [[nodiscard]] std::string Get(std::string_view key) const;
  [[nodiscard]] std::string GetReply(std::string_view value) const;
  [[nodiscard]] std::string Set(std::string_view key, std::string_view value) const;
  [[nodiscard]] std::string SetReply() const;
  [[nodiscard]] std::string Watch(std::string_view key) const;
  // `nth`: of the connection.
  [[nodiscard]] std::string WatchReply(std::string_view key, std::uint32_t nth = 1) const;
  // A change that watchers hear: SET for Nunc, PUBLISH for Redis, PUB for NATS.
  [[nodiscard]] std::string Change(std::string_view key, std::string_view value) const;

  // How many line feeds one change has as a watcher gets it (frame headers taken off). A message of
  // nunc.1 has none: its reader puts one where it ends.
  [[nodiscard]] std::size_t LinesPerChange() const {
    if (wire_ == Wire::kNunc1) return 1;
    return wire_ == Wire::kResp ? 7 : 2;
  }
  // Up to the end of the value in the last of those lines.
  [[nodiscard]] std::string_view ValueIn(std::string_view line) const {
    return wire_ == Wire::kNunc1 ? line.substr(0, line.rfind(kBehindText)) : line;
  }

  // What selects the database, and the answer; empty where there are none.
  [[nodiscard]] std::string Use() const;
  [[nodiscard]] std::string UseReply() const;

  // One command of Nunc as the wire carries it; `reply` frames what the server would send.
  [[nodiscard]] std::string Command(std::string_view line) const;
  [[nodiscard]] std::string Reply(std::string_view message) const;

 private:
  static constexpr std::string_view kBehindText = R"(","version":)";

  Wire wire_;
};

enum class Opcode : unsigned char { kText = 0x1, kPong = 0xA };

// Masked as a client must; the mask changes from frame to frame.
std::string ClientFrame(Opcode opcode, std::string_view payload);
std::string UpgradeRequest(Wire wire, bool offer_deflate);

}  // namespace nunc::bench
