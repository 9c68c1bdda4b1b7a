// One connection with another node: connecting -> proving -> open -> closing -> ended.
//
// Shape:   closing: the node wants it no more; what was sent still leaves, what comes is dropped,
//          so that no reset destroys the last words on their way.
//          An ended one is told of and destroyed in the next turn, never inside its own call.
// Limits:  kPeerUnsentBytesMax, kPeerFrameBytesMax; kPeerDialTimeoutMs, kPeerHandshakeTimeoutMs,
//          kPeerSilentMs.
// Owner:   PeerLinks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/peer_net.h"
#include "net/connect.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "transport/peer_handshake.h"

namespace nunc {

class PeerLinks;

class PeerLink final : public Loop::Handler {
 public:
  enum class Purpose : std::uint8_t { kAccepted, kDial, kProbe };
  enum class State : std::uint8_t { kConnecting, kProving, kOpen, kClosing, kEnded };

  // `address` is empty for one that was accepted.
  PeerLink(PeerLinks& links, LinkId id, Purpose purpose, std::string_view address);
  ~PeerLink() override;

  // One of them, once.
  void Connect();
  void Accept(Socket socket);

  void Send(std::string_view bytes);
  void Close();
  void Flush();
  // Ends what has used up its time.
  void CheckTime(std::int64_t now_us);
  void CheckPeer();
  // There is no way to go on. The node is told, or the log where it was a stranger.
  void End(DialFailure failure, std::string_view why);
  // Of one that has ended: what the node must hear of it.
  void Tell(PeerEvents& events) const;

  void OnReady(std::uint32_t events) override;

  [[nodiscard]] LinkId id() const { return id_; }
  [[nodiscard]] State state() const { return state_; }
  // Somebody who came and has not proven the secret yet.
  [[nodiscard]] bool stranger() const {
    return purpose_ == Purpose::kAccepted && state_ == State::kProving;
  }
  // When CheckTime is to be called; an open one has no end.
  [[nodiscard]] std::int64_t end_by_us() const { return end_by_us_; }

 private:
  enum class News : std::uint8_t { kNone, kClosed, kDialFailed };

  void TryAddresses();
  void Connected();
  bool Watch(std::uint32_t events);
  void BeginProof(LinkOrigin origin);
  void Prove();
  void Open();
  void Receive();
  void Discard();
  void Take(std::string_view fresh);
  std::size_t Use(std::string_view bytes);
  void Sent(std::size_t bytes);
  void UpdateEvents();
  void LeaveSocket();
  // An end that is nobody's news.
  void Leave();
  [[nodiscard]] std::size_t unsent() const { return out_.size() - sent_; }

  PeerLinks& links_;
  const LinkId id_;
  const Purpose purpose_;
  const std::string address_;
  State state_ = State::kConnecting;
  Socket socket_;
  Loop::Registration registration_;
  std::uint32_t events_ = 0;
  std::vector<TcpAddress> addresses_;  // not tried yet, the next one last
  bool refused_ = false;               // by one of them
  std::optional<PeerHandshake> handshake_;
  std::string in_;  // came, and is not a whole frame yet
  std::string out_;
  std::size_t sent_ = 0;  // of out_
  bool blocked_ = false;  // the socket took no more
  bool shut_ = false;     // our side has said that nothing more comes
  std::int64_t end_by_us_ = INT64_MAX;
  News news_ = News::kNone;
  DialFailure failure_ = DialFailure::kUnreachable;
  std::string why_;
};

}  // namespace nunc
