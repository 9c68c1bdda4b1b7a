// Two nodes prove to each other that they know the cluster's secret, before any frame.
//
// Shape:   bytes in, bytes out; no socket and no clock. It takes exactly what it asks for, so what
//          stands behind a handshake stays where it is.
//          Dialer: greeting ->  <- greeting, proof ->  <- proof. Who listens proves nothing to
//          whoever has not, and says nothing to whoever does not greet.
// Errors:  kRefused, and why().
// Owner:   one per link that is not open. The secret outlives it.
// Source:  docs/cluster-protocol.md, "Opening a link".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "env/peer_net.h"
#include "env/random.h"

namespace nunc {

inline constexpr std::size_t kPeerNonceBytes = 32;
inline constexpr std::size_t kPeerGreetingBytes = 44;
inline constexpr std::size_t kPeerProofBytes = 32;
inline constexpr std::uint32_t kPeerProtocolVersion = 1;

using PeerNonce = std::array<char, kPeerNonceBytes>;
PeerNonce MakePeerNonce(Random& random);

// 44 bytes; in every version the first 12 are in the same places.
std::string EncodePeerGreeting(const PeerNonce& nonce);
// Of `prover`, over both greetings as they were sent.
std::string PeerProof(std::string_view secret, LinkOrigin prover, std::string_view dialer_greeting,
                      std::string_view listener_greeting);

class PeerHandshake {
 public:
  enum class State : std::uint8_t {
    kGreeting,  // waits for the other side's
    kProof,     // waits for the other side's
    kProven,    // both sides know the secret: what follows are frames
    kRefused,   // the other side does not, or speaks something else
  };

  // `origin` is our side: kDialed greets first.
  PeerHandshake(LinkOrigin origin, std::string_view secret, const PeerNonce& nonce);

  // What the dialer begins with; who listens says nothing before it is greeted.
  void Begin(std::string& out);
  // So many bytes and no more it takes next.
  [[nodiscard]] std::size_t wanted() const;
  // At most wanted() bytes; appends what is to be sent.
  void Take(std::string_view bytes, std::string& out);

  [[nodiscard]] State state() const { return state_; }
  // Nothing has come at all.
  [[nodiscard]] bool untouched() const { return state_ == State::kGreeting && came_.empty(); }
  // Refused: for people.
  [[nodiscard]] std::string_view why() const { return why_; }

 private:
  void TakeGreeting(std::string& out);
  void TakeProof(std::string& out);
  void Refuse(std::string why);
  [[nodiscard]] std::string ProofOf(LinkOrigin prover) const;

  LinkOrigin origin_;
  std::string_view secret_;
  std::string own_greeting_;
  std::string their_greeting_;
  std::string came_;  // of what is waited for
  std::string why_;
  State state_ = State::kGreeting;
};

}  // namespace nunc
