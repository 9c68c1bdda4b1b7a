// Links with other nodes over TCP: the port that listens, dialing, proofs and queues.
//
// Shape:   a turn of the server is Turn(now), Loop::Dispatch, whatever the node does, Flush. Links
//          open and bytes come in Dispatch; what has failed or ended is told in the next Turn.
//          What Send queued in a turn leaves in one system call for each link, in Flush.
// Limits:  kPeerLinksMax: a dial fails, a newcomer is closed. kPeerHandshakesMax and the time of a
//          handshake: closed, and the log says so once a second.
// Blocks:  Dial and Probe of a name, while the system resolves it: net/connect.h. An address whose
//          machine is silent uses up a dial's time; further ones of the same name are not tried.
// Owner:   Server; loop thread only. Loop, random numbers and events outlive it. When it is
//          destroyed all links end and nobody is told.
// Source:  docs/cluster-protocol.md, "Opening a link".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "env/peer_net.h"
#include "env/random.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "transport/peer_link.h"

namespace nunc {

inline constexpr std::string_view kTooManyPeerLinks = "this node has as many links as it may";

struct PeerWorld {
  Loop& loop;
  Random& random;
  PeerEvents& events;
};

struct PeerOptions {
  std::string secret;  // the cluster's: not empty, at most kSecretBytesMax
  std::size_t unsent_bytes_max = kPeerUnsentBytesMax;  // of one link
};

class PeerLinks final : public PeerNet, public Loop::Handler {
 public:
  PeerLinks(PeerWorld world, Listener listener, PeerOptions options);
  ~PeerLinks() override;

  // From now on others can come.
  Result<void> Start();
  [[nodiscard]] const std::string& address() const { return listener_.address; }
  // First in a turn: times that are over, and the news of ended links. `now_us` is monotonic.
  void Turn(std::int64_t now_us);
  // When Turn is to be called again, if nothing happens before.
  [[nodiscard]] std::int64_t next_us() const;
  void Flush();

  void Dial(std::string_view address) override;
  void Probe(std::string_view address) override;
  void Send(LinkId link, std::string_view bytes) override;
  void Close(LinkId link) override;

  // Those who came, and were closed before their link was open; not those who left without a word.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  // For links.
  Loop& loop() { return world_.loop; }
  Random& random() { return world_.random; }
  PeerEvents& events() { return world_.events; }
  [[nodiscard]] std::string_view secret() const { return options_.secret; }
  [[nodiscard]] std::size_t unsent_bytes_max() const { return options_.unsent_bytes_max; }
  [[nodiscard]] std::int64_t now_us() const { return now_us_; }
  std::span<char> read_buffer() { return read_buffer_; }
  // Those that are dialed count from the beginning, those that came when they have proven.
  [[nodiscard]] bool full() const;
  void NoteRefused(std::string_view why);
  void NoteEnded() { ++ended_; }

  void OnReady(std::uint32_t events) override;

 private:
  PeerLink& Add(PeerLink::Purpose purpose, std::string_view address);
  void Reach(PeerLink::Purpose purpose, std::string_view address);
  void Welcome(Socket socket);
  void PauseAccepting();
  void ResumeAccepting();
  void TellEnded();
  PeerLink* Find(LinkId link);
  [[nodiscard]] std::size_t strangers() const;

  PeerWorld world_;
  Listener listener_;
  PeerOptions options_;
  Loop::Registration registration_;
  std::vector<std::unique_ptr<PeerLink>> links_;  // by ascending id
  std::vector<char> read_buffer_;
  std::uint64_t last_id_ = 0;
  std::size_t ended_ = 0;  // of links_
  std::int64_t now_us_ = 0;
  std::int64_t next_look_us_ = 0;             // at the machines behind open links
  std::int64_t accept_again_us_ = INT64_MAX;  // there was no descriptor for a newcomer
  std::uint64_t refused_ = 0;
  std::uint64_t refused_told_ = 0;  // of them
  std::int64_t next_word_us_ = 0;
};

}  // namespace nunc
