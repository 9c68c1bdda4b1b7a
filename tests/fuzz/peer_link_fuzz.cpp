// The bytes of a link between nodes, from a stranger's first to a node's frames: however they are
// cut, the same is answered and the same frames come; nothing opens without the secret.
//
// Input: one byte (1: we dialed; 2: greeting and proof are put right, which no search by chance
// would find; the rest seeds the cuts), then what the other side sends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "cluster/message.h"
#include "transport/peer_handshake.h"

namespace {

using nunc::LinkOrigin;
using State = nunc::PeerHandshake::State;

constexpr std::string_view kSecret = "a secret";
constexpr unsigned kWeDialed = 1;
constexpr unsigned kPutRight = 2;

nunc::PeerNonce OurNonce() {
  nunc::PeerNonce nonce{};
  nonce.fill('o');
  return nonce;
}

struct Story {
  State state = State::kGreeting;
  std::string why;
  std::string sent;
  std::vector<std::string> frames;
  std::string fault;
  friend bool operator==(const Story&, const Story&) = default;
};

// What a node does with what came behind the handshake.
void TakeFrames(std::string& waits, Story& story) {
  while (story.fault.empty()) {
    const auto decoded = nunc::DecodeFrame(waits);
    if (!decoded) {
      CHECK(!decoded.error().detail.empty());
      story.fault = decoded.error().detail;
    } else if (!decoded->has_value()) {
      return;
    } else {
      std::string again;
      nunc::EncodeFrame((*decoded)->frame, again);
      CHECK(again == std::string_view(waits).substr(0, (*decoded)->bytes));
      story.frames.push_back(std::move(again));
      waits.erase(0, (*decoded)->bytes);
    }
  }
}

// Pieces of 1 to 32 bytes that follow from the seed; 0 gives everything at once.
Story Drive(std::string_view bytes, LinkOrigin origin, unsigned seed) {
  nunc::PeerHandshake handshake(origin, kSecret, OurNonce());
  Story story;
  if (origin == LinkOrigin::kDialed) {
    handshake.Begin(story.sent);
  }
  std::string waits;
  unsigned state = seed;
  while (!bytes.empty() && handshake.state() != State::kRefused && story.fault.empty()) {
    state = state * 1103515245U + 12345U;
    std::size_t step = seed == 0 ? bytes.size() : (state >> 16U) % 32 + 1;
    step = std::min(step, bytes.size());
    if (handshake.wanted() > 0) {
      step = std::min(step, handshake.wanted());
      // One allocation of its own, so that a sanitizer sees a read past the end.
      handshake.Take(std::string(bytes.substr(0, step)), story.sent);
      CHECK(handshake.wanted() <= nunc::kPeerGreetingBytes);
    } else {
      waits += bytes.substr(0, step);
      TakeFrames(waits, story);
    }
    bytes.remove_prefix(step);
  }
  CHECK(story.sent.size() <= nunc::kPeerGreetingBytes + nunc::kPeerProofBytes);
  CHECK((handshake.state() == State::kRefused) == !handshake.why().empty());
  story.state = handshake.state();
  story.why = handshake.why();
  return story;
}

void PutRight(std::string& bytes, LinkOrigin origin) {
  bytes.resize(std::max(bytes.size(), nunc::kPeerGreetingBytes + nunc::kPeerProofBytes));
  const std::string ours = nunc::EncodePeerGreeting(OurNonce());
  std::copy_n(ours.begin(), ours.size() - nunc::kPeerNonceBytes, bytes.begin());
  const std::string theirs = bytes.substr(0, nunc::kPeerGreetingBytes);
  const std::string proof = origin == LinkOrigin::kDialed
                                ? nunc::PeerProof(kSecret, LinkOrigin::kAccepted, ours, theirs)
                                : nunc::PeerProof(kSecret, LinkOrigin::kDialed, theirs, ours);
  bytes.replace(nunc::kPeerGreetingBytes, nunc::kPeerProofBytes, proof);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const LinkOrigin origin =
      (data[0] & kWeDialed) != 0 ? LinkOrigin::kDialed : LinkOrigin::kAccepted;
  std::string bytes(data + 1, data + size);
  const bool right = (data[0] & kPutRight) != 0;
  if (right) {
    PutRight(bytes, origin);
  }
  const Story whole = Drive(bytes, origin, 0);
  CHECK(whole == Drive(bytes, origin, data[0] + 1U));
  CHECK((whole.state == State::kProven) == right);
  return 0;
}
