#include "transport/peer_links.h"

#include <array>
#include <netdb.h>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "transport/peer_links_fixture.h"

namespace nunc {
namespace {

// ---- opening

TEST_F(PeerLinksTest, ALinkOpensOnBothSidesAndCarriesFramesBothWays) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  const auto [at_a, at_b] = Link(a, b);
  EXPECT_EQ(a.heard.opened.back().origin, LinkOrigin::kDialed);
  EXPECT_EQ(a.heard.opened.back().address, b.links.address());
  EXPECT_EQ(b.heard.opened.back().origin, LinkOrigin::kAccepted);
  EXPECT_EQ(b.heard.opened.back().address, "");
  a.Send(at_a, TestFrame("one"));
  a.Send(at_a, TestFrame("two"));
  b.Send(at_b, TestFrame(""));
  const auto& by_b = b.heard.frames[at_b];
  ASSERT_TRUE(TurnUntil([&] { return by_b.size() == 2 && a.heard.frames[at_a].size() == 1; }));
  EXPECT_EQ(by_b, (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(a.heard.failed.empty() && a.heard.closed.empty() && b.heard.closed.empty());
}

TEST_F(PeerLinksTest, AFrameSentAtTheOpeningComesBehindTheProof) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  a.heard.on_open = [&](LinkId link) { a.Send(link, TestFrame("hello of a")); };
  b.heard.on_open = [&](LinkId link) { b.Send(link, TestFrame("hello of b")); };
  const auto [at_a, at_b] = Link(a, b);
  ASSERT_TRUE(TurnUntil(
      [&] { return a.heard.frames[at_a].size() == 1 && b.heard.frames[at_b].size() == 1; }));
  EXPECT_EQ(a.heard.frames[at_a].front(), "hello of b");
}

TEST_F(PeerLinksTest, AnotherSecretOpensNothingOnEitherSide) {
  PeerTestNode& a = AddNode("another secret");
  const PeerTestNode& b = AddNode();
  a.Dial(b.links.address());
  ASSERT_TRUE(TurnUntil([&] { return !a.heard.failed.empty(); }));
  EXPECT_EQ(a.heard.failed.front().failure, DialFailure::kNotAuthentic);
  EXPECT_EQ(a.heard.failed.front().address, b.links.address());
  EXPECT_EQ(b.links.refused(), 1U);
  TurnSomeTimes();
  EXPECT_TRUE(a.heard.opened.empty() && b.heard.opened.empty());
  EXPECT_EQ(a.heard.failed.size(), 1U);
}

TEST_F(PeerLinksTest, ADialIsRefusedWhereNobodyListens) {
  PeerTestNode& a = AddNode();
  Result<Listener> gone = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(gone);
  gone->socket.Close();
  a.Dial(gone->address);
  ASSERT_TRUE(TurnUntil([&] { return !a.heard.failed.empty(); }));
  EXPECT_EQ(a.heard.failed.front().failure, DialFailure::kRefused);
  EXPECT_EQ(a.heard.failed.front().address, gone->address);
}

TEST_F(PeerLinksTest, ADialOfWhatCannotBeReachedIsNotRefused) {
  PeerTestNode& a = AddNode();
  for (const std::string_view address : {"224.0.0.1:3015", "no port", "127.0.0.1:0", ""}) {
    a.heard.failed.clear();
    a.Dial(address);
    ASSERT_TRUE(TurnUntil([&] { return !a.heard.failed.empty(); })) << address;
    EXPECT_EQ(a.heard.failed.front().failure, DialFailure::kUnreachable) << address;
    EXPECT_EQ(a.heard.failed.front().address, address);
  }
}

std::string HostOf(const TcpAddress& address) {
  std::array<char, NI_MAXHOST> host{};
  EXPECT_EQ(getnameinfo(reinterpret_cast<const sockaddr*>(&address.bytes), address.size,
                        host.data(), host.size(), nullptr, 0, NI_NUMERICHOST),
            0);
  return host.data();
}

TEST_F(PeerLinksTest, ANameIsDialedByAllItsAddresses) {
  PeerTestNode& a = AddNode();
  const auto addresses = ResolveTcp("localhost:1");
  ASSERT_TRUE(addresses);
  for (const TcpAddress& address : *addresses) {
    const PeerTestNode& b = AddNode(kPeerSecret, kPeerUnsentBytesMax, HostOf(address));
    const std::string port = b.links.address().substr(b.links.address().rfind(':'));
    a.heard.opened.clear();
    a.Dial("localhost" + port);
    ASSERT_TRUE(TurnUntil([&] { return !a.heard.opened.empty() || !a.heard.failed.empty(); }));
    EXPECT_EQ(a.heard.opened.size(), 1U) << HostOf(address);
  }
}

TEST_F(PeerLinksTest, AProbeTellsOnlyThatNobodyListens) {
  PeerTestNode& a = AddNode();
  const PeerTestNode& b = AddNode();
  Result<Listener> gone = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(gone);
  gone->socket.Close();
  a.links.Probe(b.links.address());
  a.links.Probe("224.0.0.1:3015");
  TurnSomeTimes();
  EXPECT_TRUE(a.heard.failed.empty());
  EXPECT_EQ(b.links.refused(), 0U);
  a.links.Probe(gone->address);
  ASSERT_TRUE(TurnUntil([&] { return !a.heard.failed.empty(); }));
  EXPECT_EQ(a.heard.failed.front().failure, DialFailure::kRefused);
  EXPECT_TRUE(a.heard.opened.empty() && b.heard.opened.empty());
}

// One that fails inside the call: were it told in the same turn, that turn would have no end.
TEST_F(PeerLinksTest, ADialThatFailsAgainAndAgainHasOneEventInATurn) {
  PeerTestNode& a = AddNode();
  std::size_t in_turn = 0;
  a.heard.on_failed = [&] {
    if (++in_turn < 10) {
      a.Dial("no port");
    }
  };
  a.Dial("no port");
  for (int turn = 0; turn < 5; ++turn) {
    in_turn = 0;
    EXPECT_EQ(a.links.next_us(), a.links.now_us());  // at once
    Turn();
    EXPECT_EQ(in_turn, 1U);
  }
}

// ---- frames

TEST_F(PeerLinksTest, TheLargestFrameArrivesWholeInManyPieces) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  const auto [at_a, at_b] = Link(a, b);
  std::string body(kPeerFrameBytesMax - 4, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 31 >> 8U);
  }
  a.Send(at_a, TestFrame("before"));
  a.Send(at_a, TestFrame(body));
  a.Send(at_a, TestFrame("behind"));
  const auto& frames = b.heard.frames[at_b];
  ASSERT_TRUE(TurnUntil([&] { return frames.size() == 3; }));
  EXPECT_TRUE(frames[1] == body);
  EXPECT_EQ(frames[2], "behind");
  EXPECT_GT(b.heard.calls, kPeerFrameBytesMax / kReadBytesPerTurn);
}

TEST_F(PeerLinksTest, AFrameThatIsNeverWholeEndsTheLinkAtTheLimit) {
  PeerTestNode& b = AddNode();
  const Socket peer = Stranger(b);
  ProveAsDialer(peer);
  Hear(peer, kPeerProofBytes);
  const LinkId at_b = b.heard.opened.front().link;
  const std::string bytes(kPeerFrameBytesMax - 1, '\xFF');  // says that it is longer than it may be
  Say(peer, bytes);
  ASSERT_TRUE(TurnUntil([&] { return b.heard.offered == kPeerFrameBytesMax - 1; }));
  TurnSomeTimes();
  EXPECT_TRUE(b.heard.closed.empty());
  Say(peer, "\xFF");
  ASSERT_TRUE(TurnUntil([&] { return !b.heard.closed.empty(); }));
  EXPECT_EQ(b.heard.closed.front(), at_b);
}

TEST_F(PeerLinksTest, ALinkHasSoManyBytesUnsentAndOneMoreEndsIt) {
  constexpr std::size_t kUnsent = 1'000;
  PeerTestNode& a = AddNode(kPeerSecret, kUnsent);
  PeerTestNode& b = AddNode();
  const auto [at_a, at_b] = Link(a, b);
  a.Send(at_a, TestFrame(std::string(kUnsent - 4, 'x')));
  ASSERT_TRUE(TurnUntil([&] { return b.heard.frames[at_b].size() == 1; }));
  EXPECT_TRUE(a.heard.closed.empty());

  a.Send(at_a, std::string(kUnsent, 'x'));
  a.Send(at_a, "y");
  EXPECT_TRUE(a.heard.closed.empty());  // not from inside the call
  ASSERT_TRUE(TurnUntil([&] { return !a.heard.closed.empty() && !b.heard.closed.empty(); }));
  EXPECT_EQ(a.heard.closed.front(), at_a);
  a.Send(at_a, TestFrame("nobody"));  // nothing for a link that is gone
  TurnSomeTimes();
  EXPECT_EQ(b.heard.frames[at_b].size(), 1U);
}

TEST_F(PeerLinksTest, ASlowReaderGetsAllInOrderAndOnlyTheLimitEndsItsLink) {
  constexpr std::size_t kUnsent = std::size_t{16} << 20;
  constexpr std::size_t kFrame = std::size_t{256} << 10;
  PeerTestNode& a = AddNode(kPeerSecret, kUnsent);
  const Result<Listener> listener = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  a.Dial(listener->address);
  Socket slow;
  ASSERT_TRUE(
      TurnUntil([&] { return AcceptTcp(listener->socket, slow) == AcceptOutcome::kAccepted; }));
  const std::string theirs = Hear(slow, kPeerGreetingBytes);
  const std::string greeting = EncodePeerGreeting(PeerNonce{});
  Say(slow, greeting);
  Hear(slow, kPeerProofBytes);
  Say(slow, PeerProof(kPeerSecret, LinkOrigin::kAccepted, theirs, greeting));
  ASSERT_TRUE(TurnUntil([&] { return a.heard.opened.size() == 1; }));
  const LinkId at_a = a.heard.opened.front().link;

  // Until the system takes no more, and then as much as may be kept.
  std::size_t sent = 0;
  const auto fill = [&](std::size_t bytes) {
    for (; sent < bytes; sent += kFrame) {
      a.Send(at_a, std::string(kFrame, static_cast<char>(sent / kFrame)));
      Turn();
    }
  };
  fill(kUnsent);
  EXPECT_TRUE(a.heard.closed.empty());
  std::string got;
  std::vector<char> buffer(std::size_t{1} << 20);
  ASSERT_TRUE(TurnUntil([&] {
    got.append(buffer.data(), ReceiveBytes(slow, buffer).bytes);
    return got.size() >= sent;
  }));
  ASSERT_EQ(got.size(), sent);
  for (std::size_t at = 0; at < sent; at += kFrame / 2) {
    ASSERT_EQ(got[at], static_cast<char>(at / kFrame)) << at;
  }
  // It reads nothing any more: what the system takes is bounded, and so is what waits here.
  while (a.heard.closed.empty() && sent < 16 * kUnsent) {
    fill(sent + kFrame);
  }
  EXPECT_EQ(a.heard.closed.size(), 1U);
}

TEST_F(PeerLinksTest, WhatIsSentInATurnLeavesInOnePiece) {
  PeerTestNode& a = AddNode();
  const Result<Listener> listener = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  a.Dial(listener->address);
  Socket peer;
  ASSERT_TRUE(
      TurnUntil([&] { return AcceptTcp(listener->socket, peer) == AcceptOutcome::kAccepted; }));
  const std::string theirs = Hear(peer, kPeerGreetingBytes);
  const std::string greeting = EncodePeerGreeting(PeerNonce{});
  Say(peer, greeting);
  Hear(peer, kPeerProofBytes);
  Say(peer, PeerProof(kPeerSecret, LinkOrigin::kAccepted, theirs, greeting));
  ASSERT_TRUE(TurnUntil([&] { return a.heard.opened.size() == 1; }));
  const LinkId at_a = a.heard.opened.front().link;
  for (int i = 0; i < 100; ++i) {
    a.Send(at_a, TestFrame("x"));
  }
  std::array<char, 1'000> buffer{};
  EXPECT_TRUE(ReceiveBytes(peer, buffer).would_block);  // nothing leaves before the turn's end
  a.links.Flush();
  // One segment, for each has the flag that says to hand it over at once.
  std::size_t got = 0;
  std::size_t pieces = 0;
  ASSERT_TRUE(TurnUntil([&] {
    const Transfer received = ReceiveBytes(peer, buffer);
    pieces += received.bytes > 0 ? 1U : 0U;
    got += received.bytes;
    return got == 500;
  }));
  EXPECT_EQ(pieces, 1U);
}

// ---- ends

TEST_F(PeerLinksTest, WhoClosesHearsNothingMoreAndTheOtherSideHearsOfIt) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  const auto [at_a, at_b] = Link(a, b);
  a.Send(at_a, TestFrame("last words"));
  b.Send(at_b, TestFrame("too late"));
  a.Close(at_a);
  a.Send(at_a, TestFrame("after the end"));
  ASSERT_TRUE(TurnUntil([&] { return !b.heard.closed.empty(); }));
  EXPECT_EQ(b.heard.closed.front(), at_b);
  EXPECT_EQ(b.heard.frames[at_b], (std::vector<std::string>{"last words"}));
  TurnSomeTimes();
  EXPECT_TRUE(a.heard.closed.empty());
  EXPECT_TRUE(a.heard.frames[at_a].empty());
  EXPECT_EQ(b.heard.closed.size(), 1U);
}

TEST_F(PeerLinksTest, LastWordsArriveHoweverLongAndWhateverComesMeanwhile) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  const auto [at_a, at_b] = Link(a, b);
  const std::string words(kPeerFrameBytesMax - 4, 'w');  // more than the system takes at once
  b.heard.on_frame = [&, link = at_b](LinkId) {
    b.links.Send(link, TestFrame(words));
    b.links.Close(link);
  };
  for (int i = 0; i < 100; ++i) {
    a.Send(at_a, TestFrame(std::string(100'000, 'x')));
  }
  ASSERT_TRUE(TurnUntil([&] { return !a.heard.closed.empty(); }));
  ASSERT_EQ(a.heard.frames[at_a].size(), 1U);
  EXPECT_TRUE(a.heard.frames[at_a].front() == words);
}

TEST_F(PeerLinksTest, AClosedLinkWaitsForTheOtherSideOnlySoLong) {
  PeerTestNode& b = AddNode();
  const Socket peer = Stranger(b);
  ProveAsDialer(peer);
  Hear(peer, kPeerProofBytes);
  b.Close(b.heard.opened.front().link);
  EXPECT_TRUE(HearsTheEnd(peer));
  const std::int64_t end_us = b.links.next_us();
  EXPECT_LE(end_us, MonotonicUs() + std::int64_t{kPeerHandshakeTimeoutMs} * 1'000);
  b.links.Turn(end_us);
  EXPECT_EQ(b.links.next_us(), INT64_MAX);
  EXPECT_TRUE(b.heard.closed.empty());
}

TEST_F(PeerLinksTest, BothMayCloseAtOnce) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  const auto [at_a, at_b] = Link(a, b);
  a.Close(at_a);
  b.Close(at_b);
  ASSERT_TRUE(
      TurnUntil([&] { return a.links.next_us() == INT64_MAX && b.links.next_us() == INT64_MAX; }));
  EXPECT_TRUE(a.heard.closed.empty() && b.heard.closed.empty());
  Link(a, b);
}

TEST_F(PeerLinksTest, ALinkMayBeClosedAndOthersDialedFromInsideAnEvent) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  const auto [at_a, at_b] = Link(a, b);
  b.heard.on_frame = [&, link = at_b](LinkId) {
    b.links.Close(link);
    b.links.Dial(a.links.address());
  };
  a.Send(at_a, TestFrame("one") + TestFrame("two"));
  ASSERT_TRUE(TurnUntil([&] { return b.heard.opened.size() >= 3; }));
  EXPECT_EQ(a.heard.closed.front(), at_a);
  EXPECT_TRUE(b.heard.closed.empty());
}

TEST_F(PeerLinksTest, ANodeThatGoesEndsItsLinksAndIsRefusedThen) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  const auto [at_a, at_b] = Link(a, b);
  const std::string address = b.links.address();
  nodes_.pop_back();
  ASSERT_TRUE(TurnUntil([&] { return !a.heard.closed.empty(); }));
  EXPECT_EQ(a.heard.closed.front(), at_a);
  a.Dial(address);
  ASSERT_TRUE(TurnUntil([&] { return !a.heard.failed.empty(); }));
  EXPECT_EQ(a.heard.failed.front().failure, DialFailure::kRefused);
}

TEST_F(PeerLinksTest, NoIdIsUsedTwice) {
  PeerTestNode& a = AddNode();
  PeerTestNode& b = AddNode();
  std::set<LinkId> of_a;
  std::set<LinkId> of_b;
  for (int i = 0; i < 10; ++i) {
    const auto [at_a, at_b] = Link(a, b);
    EXPECT_TRUE(of_a.insert(at_a).second);
    EXPECT_TRUE(of_b.insert(at_b).second);
    a.Close(at_a);
  }
  EXPECT_FALSE(of_a.contains(LinkId{}) || of_b.contains(LinkId{}));
}

}  // namespace
}  // namespace nunc
