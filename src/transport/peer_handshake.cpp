#include "transport/peer_handshake.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/little_endian.h"
#include "base/secret.h"
#include "net/digest.h"

namespace nunc {
namespace {

constexpr std::string_view kMagic = "NUNCPEER";
constexpr std::size_t kVersionAt = kMagic.size();
constexpr std::size_t kNonceAt = kVersionAt + sizeof(kPeerProtocolVersion);
static_assert(kNonceAt + kPeerNonceBytes == kPeerGreetingBytes);

// Different for the two sides, so that nobody's proof can be sent back to them.
std::string_view LabelOf(LinkOrigin prover) {
  return prover == LinkOrigin::kDialed ? "nunc peer 1 dialer" : "nunc peer 1 listener";
}

LinkOrigin OtherSide(LinkOrigin origin) {
  return origin == LinkOrigin::kDialed ? LinkOrigin::kAccepted : LinkOrigin::kDialed;
}

}  // namespace

PeerNonce MakePeerNonce(Random& random) {
  PeerNonce nonce{};
  for (std::size_t at = 0; at < nonce.size(); at += sizeof(std::uint64_t)) {
    PutLittle(nonce.data() + at, random.Next());
  }
  return nonce;
}

std::string EncodePeerGreeting(const PeerNonce& nonce) {
  std::string greeting(kPeerGreetingBytes, '\0');
  std::ranges::copy(kMagic, greeting.begin());
  PutLittle(greeting.data() + kVersionAt, kPeerProtocolVersion);
  std::ranges::copy(nonce, greeting.begin() + kNonceAt);
  return greeting;
}

std::string PeerProof(std::string_view secret, LinkOrigin prover, std::string_view dialer_greeting,
                      std::string_view listener_greeting) {
  std::string message(LabelOf(prover));
  message += '\0';
  message += dialer_greeting;
  message += listener_greeting;
  return HmacSha256(secret, message);
}

PeerHandshake::PeerHandshake(LinkOrigin origin, std::string_view secret, const PeerNonce& nonce)
    : origin_(origin), secret_(secret), own_greeting_(EncodePeerGreeting(nonce)) {}

void PeerHandshake::Begin(std::string& out) {
  CHECK(origin_ == LinkOrigin::kDialed);
  out += own_greeting_;
}

std::size_t PeerHandshake::wanted() const {
  switch (state_) {
    case State::kGreeting:
      return kPeerGreetingBytes - came_.size();
    case State::kProof:
      return kPeerProofBytes - came_.size();
    case State::kProven:
    case State::kRefused:
      break;
  }
  return 0;
}

void PeerHandshake::Take(std::string_view bytes, std::string& out) {
  CHECK(bytes.size() <= wanted());
  came_ += bytes;
  if (state_ == State::kGreeting) {
    TakeGreeting(out);
  } else if (state_ == State::kProof && came_.size() == kPeerProofBytes) {
    TakeProof(out);
  }
}

void PeerHandshake::TakeGreeting(std::string& out) {
  // At the first wrong byte: whoever speaks something else may never send as many as are waited
  // for.
  const std::string_view magic = std::string_view(came_).substr(0, kMagic.size());
  if (!kMagic.starts_with(magic)) {
    return Refuse("what came is not the greeting of a node");
  }
  if (came_.size() < kPeerGreetingBytes) {
    return;
  }
  if (origin_ == LinkOrigin::kAccepted) {
    out += own_greeting_;  // also to another version, which can then say what is wrong
  }
  if (const auto version = GetLittle<std::uint32_t>(came_, kVersionAt);
      version != kPeerProtocolVersion) {
    return Refuse("the other side speaks version " + std::to_string(version) +
                  " of the protocol between nodes, this one " +
                  std::to_string(kPeerProtocolVersion));
  }
  their_greeting_ = std::exchange(came_, {});
  state_ = State::kProof;
  if (origin_ == LinkOrigin::kDialed) {
    out += ProofOf(LinkOrigin::kDialed);
  }
}

void PeerHandshake::TakeProof(std::string& out) {
  if (!SecretsEqual(ProofOf(OtherSide(origin_)), came_)) {
    return Refuse("the other side does not know the secret of this cluster");
  }
  if (origin_ == LinkOrigin::kAccepted) {
    out += ProofOf(LinkOrigin::kAccepted);
  }
  state_ = State::kProven;
}

void PeerHandshake::Refuse(std::string why) {
  why_ = std::move(why);
  state_ = State::kRefused;
}

std::string PeerHandshake::ProofOf(LinkOrigin prover) const {
  const bool dialed = origin_ == LinkOrigin::kDialed;
  return PeerProof(secret_, prover, dialed ? own_greeting_ : their_greeting_,
                   dialed ? their_greeting_ : own_greeting_);
}

}  // namespace nunc
