// The other nodes, as bytes on links: one node dials another, both prove the cluster's secret, and
// then either sends frames.
//
// Shape:   calls are wishes, events are what came of them. No event comes from inside a call: they
//          come as the turn begins and when its loop is dispatched, and an event may call whatever
//          it likes. Two implementations: transport/peer_links.h over TCP; the simulator's.
//          On one link bytes arrive in the order they were sent, or the link ends.
// Errors:  none from a call: a link that fails ends with OnLinkClosed, a dial with OnDialFailed.
// Limits:  kPeerUnsentBytesMax, kPeerFrameBytesMax, kPeerLinksMax, kPeerDialTimeoutMs.
// Thread:  the loop's.
// Owner:   PeerEvents outlives the PeerNet that was given it.
// Source:  docs/cluster-protocol.md, "Opening a link".
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nunc {

// Never used twice in a process; 0 is none.
struct LinkId {
  std::uint64_t value = 0;
  friend auto operator<=>(const LinkId&, const LinkId&) = default;
};

enum class LinkOrigin : std::uint8_t { kDialed, kAccepted };

enum class DialFailure : std::uint8_t {
  kRefused,       // nobody listens there: the machine answers, the process is gone
  kUnreachable,   // anything else: no answer in time, no route, the name is unknown, it broke off
  kNotAuthentic,  // it does not know the secret, or speaks another version of the protocol
};

class PeerEvents {
 public:
  PeerEvents() = default;
  PeerEvents(const PeerEvents&) = delete;
  PeerEvents& operator=(const PeerEvents&) = delete;
  virtual ~PeerEvents() = default;

  // Both sides have proven the secret; who the other one is, its first frame says. `address` is as
  // it was dialed, empty for a link that was accepted.
  virtual void OnLinkOpen(LinkId link, LinkOrigin origin, std::string_view address) = 0;
  // `bytes` is all that has come and was not used. Gives how much of it is used now: whole frames.
  // The rest comes again, with what follows it. What may still be used then must be one that is not
  // whole: with kPeerFrameBytesMax unused the link is closed.
  virtual std::size_t OnLinkBytes(LinkId link, std::string_view bytes) = 0;
  // The other side, the network or a limit ended it; not for one that the node closed itself.
  virtual void OnLinkClosed(LinkId link, std::string_view why) = 0;
  // The end of a Dial that opened no link, or the news of a Probe.
  virtual void OnDialFailed(std::string_view address, DialFailure failure,
                            std::string_view why) = 0;
};

class PeerNet {
 public:
  PeerNet() = default;
  PeerNet(const PeerNet&) = delete;
  PeerNet& operator=(const PeerNet&) = delete;
  virtual ~PeerNet() = default;

  // One try at `HOST:PORT`, at most kPeerDialTimeoutMs long: ends with OnLinkOpen or OnDialFailed.
  virtual void Dial(std::string_view address) = 0;
  // Only asks whether anybody listens there: OnDialFailed with kRefused, or nothing. No link.
  virtual void Probe(std::string_view address) = 0;
  // Sent in the order given, at the end of the turn. Nothing for a link that is gone. With more
  // than kPeerUnsentBytesMax unsent the link ends.
  virtual void Send(LinkId link, std::string_view bytes) = 0;
  // Nothing more comes of it, from now on; what was sent may still arrive.
  virtual void Close(LinkId link) = 0;
};

}  // namespace nunc
