#include "transport/peer_link.h"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "transport/peer_links.h"

namespace nunc {
namespace {

// A buffer that is empty keeps so much: a turn's records of an ordinary load.
constexpr std::size_t kPeerBufferKept = 2 * kReplicateBytesMax;
constexpr std::size_t kPeerCompactBytesMin = std::size_t{64} << 10;
// Keepalive: one of these without a sound, then three probes.
constexpr std::uint32_t kPeerQuietMs = 1'000;

std::int64_t MsToUs(std::uint32_t ms) {
  return std::int64_t{ms} * 1'000;
}

void GiveBack(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kPeerBufferKept) {
    std::string().swap(buffer);
  }
}

}  // namespace

PeerLink::PeerLink(PeerLinks& links, LinkId id, Purpose purpose, std::string_view address)
    : links_(links), id_(id), purpose_(purpose), address_(address) {}

PeerLink::~PeerLink() {
  LeaveSocket();
}

void PeerLink::LeaveSocket() {
  if (registration_.fd >= 0) {
    links_.loop().Remove(registration_);
    registration_.fd = -1;
  }
  socket_.Close();
}

bool PeerLink::Watch(std::uint32_t events) {
  const Result<Loop::Registration> added = links_.loop().Add(socket_.fd(), events, *this);
  if (added) {
    registration_ = *added;
    events_ = events;
  }
  return added.has_value();
}

void PeerLink::UpdateEvents() {
  const std::uint32_t wanted = EPOLLIN | (blocked_ ? EPOLLOUT : 0U);
  if (wanted != events_) {
    events_ = wanted;
    links_.loop().Change(registration_, wanted);
  }
}

void PeerLink::OnReady(std::uint32_t events) {
  if (state_ == State::kConnecting) {
    return Connected();
  }
  if ((events & EPOLLOUT) != 0) {
    blocked_ = false;  // Flush goes on
    UpdateEvents();
  }
  if ((events & ~std::uint32_t{EPOLLOUT}) == 0) {
    return;
  }
  if (state_ == State::kProving) {
    Prove();
  } else if (state_ == State::kOpen) {
    Receive();
  } else {
    Discard();
  }
}

// ---- connecting

void PeerLink::Connect() {
  end_by_us_ = links_.now_us() + MsToUs(kPeerDialTimeoutMs);
  Result<std::vector<TcpAddress>> addresses = ResolveTcp(address_);
  if (!addresses) {
    return End(DialFailure::kUnreachable, addresses.error().detail);
  }
  addresses_ = std::move(*addresses);
  std::ranges::reverse(addresses_);
  TryAddresses();
}

void PeerLink::TryAddresses() {
  while (!addresses_.empty()) {
    const ConnectState tried = ConnectTcp(addresses_.back(), socket_);
    addresses_.pop_back();
    if (tried.outcome == ConnectOutcome::kUnderWay || tried.outcome == ConnectOutcome::kConnected) {
      if (Watch(EPOLLOUT)) {
        return;
      }
      return End(DialFailure::kUnreachable, "the system has no room to watch one more socket");
    }
    refused_ = refused_ || tried.outcome == ConnectOutcome::kRefused;
    why_ = tried.why;
  }
  const std::string why = std::exchange(why_, {});
  End(refused_ ? DialFailure::kRefused : DialFailure::kUnreachable, why);
}

void PeerLink::Connected() {
  ConnectState tried = HowConnected(socket_);
  if (tried.outcome == ConnectOutcome::kUnderWay) {
    return;
  }
  if (tried.outcome != ConnectOutcome::kConnected) {
    refused_ = refused_ || tried.outcome == ConnectOutcome::kRefused;
    why_ = std::move(tried.why);
    LeaveSocket();
    return TryAddresses();
  }
  if (purpose_ == Purpose::kProbe) {
    return Leave();
  }
  BeginProof(LinkOrigin::kDialed);
  handshake_->Begin(out_);
  UpdateEvents();
}

void PeerLink::Accept(Socket socket) {
  socket_ = std::move(socket);
  end_by_us_ = links_.now_us() + MsToUs(kPeerHandshakeTimeoutMs);
  BeginProof(LinkOrigin::kAccepted);
  if (!Watch(EPOLLIN)) {
    End(DialFailure::kUnreachable, "the system has no room to watch one more socket");
  }
}

// ---- proving

void PeerLink::BeginProof(LinkOrigin origin) {
  TuneConnection(socket_, kPeerQuietMs);
  handshake_.emplace(origin, links_.secret(), MakePeerNonce(links_.random()));
  state_ = State::kProving;
}

void PeerLink::Prove() {
  std::array<char, std::max(kPeerGreetingBytes, kPeerProofBytes)> buffer{};
  while (state_ == State::kProving) {
    const Transfer received = ReceiveBytes(socket_, std::span(buffer).first(handshake_->wanted()));
    if (received.would_block) {
      return;
    }
    if (received.ended) {
      if (purpose_ == Purpose::kAccepted && handshake_->untouched()) {
        return Leave();  // it only wanted to know whether anybody listens
      }
      // Who was sent our proof and hangs up did not like it.
      const bool proof_sent = handshake_->state() == PeerHandshake::State::kProof;
      return proof_sent ? End(DialFailure::kNotAuthentic,
                              "the other side closed the link at our proof: its secret is another")
                        : End(DialFailure::kUnreachable, "the other side closed the link");
    }
    handshake_->Take({buffer.data(), received.bytes}, out_);
    if (handshake_->state() == PeerHandshake::State::kRefused) {
      const std::string why(handshake_->why());
      Flush();  // a greeting of ours tells it why
      return End(DialFailure::kNotAuthentic, why);
    }
    if (handshake_->state() == PeerHandshake::State::kProven) {
      return Open();
    }
  }
}

void PeerLink::Open() {
  if (purpose_ == Purpose::kAccepted && links_.full()) {
    return End(DialFailure::kUnreachable, kTooManyPeerLinks);
  }
  handshake_.reset();
  state_ = State::kOpen;
  end_by_us_ = INT64_MAX;
  links_.events().OnLinkOpen(
      id_, purpose_ == Purpose::kAccepted ? LinkOrigin::kAccepted : LinkOrigin::kDialed, address_);
}

// ---- open

void PeerLink::Receive() {
  const std::span<char> buffer = links_.read_buffer();
  const Transfer received = ReceiveBytes(socket_, buffer);
  if (received.ended) {
    return End(DialFailure::kUnreachable, "the other side closed the link");
  }
  if (received.bytes > 0) {
    Take({buffer.data(), received.bytes});
  }
}

// Bytes that make whole frames by themselves are used where they came.
void PeerLink::Take(std::string_view fresh) {
  if (in_.empty()) {
    fresh.remove_prefix(Use(fresh));
    in_.assign(fresh);
  } else {
    in_ += fresh;
    in_.erase(0, Use(in_));
  }
  if (in_.size() >= kPeerFrameBytesMax) {
    return End(DialFailure::kUnreachable,
               "a frame has more than " + std::to_string(kPeerFrameBytesMax) + " bytes");
  }
  if (in_.empty()) {
    GiveBack(in_);
  }
}

std::size_t PeerLink::Use(std::string_view bytes) {
  const std::size_t used = links_.events().OnLinkBytes(id_, bytes);
  CHECK(used <= bytes.size());
  return used;
}

void PeerLink::Send(std::string_view bytes) {
  if (state_ != State::kOpen) {
    return;
  }
  if (bytes.size() > links_.unsent_bytes_max() - unsent()) {
    return End(DialFailure::kUnreachable,
               "more than " + std::to_string(links_.unsent_bytes_max()) + " bytes wait to be sent");
  }
  out_ += bytes;
}

void PeerLink::Flush() {
  if (state_ == State::kConnecting || state_ == State::kEnded || blocked_) {
    return;
  }
  if (unsent() > 0) {
    const Transfer transfer = SendBytes(socket_, std::string_view(out_).substr(sent_));
    if (transfer.ended) {
      return End(DialFailure::kUnreachable, "the connection is gone");
    }
    Sent(transfer.bytes);
    blocked_ = unsent() > 0;
    UpdateEvents();
  }
  if (state_ == State::kClosing && unsent() == 0 && !shut_) {
    shut_ = true;
    ShutdownSending(socket_);
  }
}

void PeerLink::Sent(std::size_t bytes) {
  sent_ += bytes;
  if (sent_ == out_.size()) {
    sent_ = 0;
    GiveBack(out_);
  } else if (sent_ >= kPeerCompactBytesMin && sent_ * 2 >= out_.size()) {
    // Half of it is gone, so each byte is moved once on average.
    out_.erase(0, sent_);
    sent_ = 0;
  }
}

// ---- the end

void PeerLink::Close() {
  if (state_ == State::kOpen) {
    state_ = State::kClosing;
    end_by_us_ = links_.now_us() + MsToUs(kPeerHandshakeTimeoutMs);
  }
}

void PeerLink::Discard() {
  if (ReceiveBytes(socket_, links_.read_buffer()).ended) {
    Leave();
  }
}

void PeerLink::CheckTime(std::int64_t now_us) {
  if (state_ == State::kEnded || now_us < end_by_us_) {
    return;
  }
  End(DialFailure::kUnreachable,
      purpose_ == Purpose::kAccepted ? "the secret was not proven in time" : "no answer in time");
}

void PeerLink::CheckPeer() {
  if (state_ == State::kOpen && LookAtPeer(socket_, kPeerSilentMs) == PeerState::kGone) {
    End(DialFailure::kUnreachable, "the other side acknowledges nothing any more");
  }
}

void PeerLink::End(DialFailure failure, std::string_view why) {
  if (state_ == State::kEnded) {
    return;
  }
  failure_ = failure;
  why_ = why;
  if (state_ == State::kOpen) {
    news_ = News::kClosed;
  } else if (stranger()) {
    links_.NoteRefused(why_);
  } else if (state_ != State::kClosing &&
             (purpose_ == Purpose::kDial || failure == DialFailure::kRefused)) {
    news_ = News::kDialFailed;
  }
  Leave();
}

void PeerLink::Leave() {
  state_ = State::kEnded;
  LeaveSocket();
  links_.NoteEnded();
}

void PeerLink::Tell(PeerEvents& events) const {
  if (news_ == News::kClosed) {
    events.OnLinkClosed(id_, why_);
  } else if (news_ == News::kDialFailed) {
    events.OnDialFailed(address_, failure_, why_);
  }
}

}  // namespace nunc
