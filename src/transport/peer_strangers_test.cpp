#include <string>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "transport/peer_links.h"
#include "transport/peer_links_fixture.h"

namespace nunc {
namespace {

TEST_F(PeerLinksTest, GarbageIsClosedAtOnce) {
  const PeerTestNode& b = AddNode();
  const Socket stranger = Stranger(b);
  Say(stranger, "GET / HTTP/1.1\r\n");
  EXPECT_TRUE(HearsTheEnd(stranger));
  EXPECT_EQ(b.links.refused(), 1U);
  EXPECT_TRUE(b.heard.opened.empty() && b.heard.closed.empty());
}

TEST_F(PeerLinksTest, HalfAHandshakeAndAnEndOpensNothing) {
  const PeerTestNode& b = AddNode();
  const Socket stranger = Stranger(b);
  Say(stranger, EncodePeerGreeting(PeerNonce{}).substr(0, 20));
  ShutdownSending(stranger);
  EXPECT_TRUE(HearsTheEnd(stranger));
  EXPECT_EQ(b.links.refused(), 1U);
  EXPECT_TRUE(b.heard.opened.empty());
}

TEST_F(PeerLinksTest, AProofOfAnEarlierLinkOpensNothing) {
  const PeerTestNode& b = AddNode();
  const std::string greeting = EncodePeerGreeting(PeerNonce{});
  const Socket first = Stranger(b);
  Say(first, greeting);
  const std::string theirs = Hear(first, kPeerGreetingBytes);
  const std::string proof = PeerProof(kPeerSecret, LinkOrigin::kDialed, greeting, theirs);
  Say(first, proof);
  EXPECT_EQ(Hear(first, kPeerProofBytes),
            PeerProof(kPeerSecret, LinkOrigin::kAccepted, greeting, theirs));
  EXPECT_EQ(b.heard.opened.size(), 1U);

  const Socket second = Stranger(b);
  Say(second, greeting);
  EXPECT_NE(Hear(second, kPeerGreetingBytes), theirs);
  Say(second, proof);
  EXPECT_TRUE(HearsTheEnd(second));
  EXPECT_EQ(b.heard.opened.size(), 1U);
}

TEST_F(PeerLinksTest, WhoSendsADialersOwnBytesBackProvesNothing) {
  PeerTestNode& a = AddNode();
  const Result<Listener> mirror = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(mirror);
  a.Dial(mirror->address);
  Socket peer;
  ASSERT_TRUE(
      TurnUntil([&] { return AcceptTcp(mirror->socket, peer) == AcceptOutcome::kAccepted; }));
  Say(peer, Hear(peer, kPeerGreetingBytes));
  Say(peer, Hear(peer, kPeerProofBytes));
  ASSERT_TRUE(TurnUntil([&] { return !a.heard.failed.empty(); }));
  EXPECT_EQ(a.heard.failed.front().failure, DialFailure::kNotAuthentic);
  EXPECT_TRUE(a.heard.opened.empty());
}

TEST_F(PeerLinksTest, ASilentStrangerIsClosedWhenItsTimeIsOver) {
  PeerTestNode& b = AddNode();
  const Socket stranger = Stranger(b);
  Say(stranger, EncodePeerGreeting(PeerNonce{}).substr(0, 8));
  TurnSomeTimes();
  ASSERT_EQ(b.links.refused(), 0U);
  const std::int64_t end_us = b.links.next_us();
  b.links.Turn(end_us - 1);
  EXPECT_EQ(b.links.refused(), 0U);
  b.links.Turn(end_us);
  EXPECT_EQ(b.links.refused(), 1U);
  EXPECT_TRUE(HearsTheEnd(stranger));
}

TEST_F(PeerLinksTest, ADialThatNobodyAnswersEndsWhenItsTimeIsOver) {
  PeerTestNode& a = AddNode();
  const Result<Listener> silent = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(silent);
  a.Dial(silent->address);
  const std::int64_t end_us = a.links.next_us();
  TurnSomeTimes();
  EXPECT_EQ(a.links.next_us(), end_us);
  a.links.Turn(end_us - 1);
  EXPECT_TRUE(a.heard.failed.empty());
  a.links.Turn(end_us);
  ASSERT_EQ(a.heard.failed.size(), 1U);
  EXPECT_EQ(a.heard.failed.front().failure, DialFailure::kUnreachable);
}

TEST_F(PeerLinksTest, SoManyMayHaveYetToProveTheSecretAndOneMoreIsClosed) {
  PeerTestNode& b = AddNode();
  std::vector<Socket> strangers;
  for (std::size_t i = 0; i < kPeerHandshakesMax; ++i) {
    strangers.push_back(Stranger(b));
    Say(strangers.back(), "N");
  }
  TurnSomeTimes();
  EXPECT_EQ(b.links.refused(), 0U);
  const Socket one_more = Stranger(b);
  EXPECT_TRUE(HearsTheEnd(one_more));
  EXPECT_EQ(b.links.refused(), 1U);
  // One of them goes, and there is room again.
  strangers.pop_back();
  TurnSomeTimes();
  ProveAsDialer(Stranger(b));
  ASSERT_TRUE(TurnUntil([&] { return b.heard.opened.size() == 1; }));
}

TEST_F(PeerLinksTest, SoManyLinksMayBeThereAndOneMoreIsRefusedHereAndThere) {
  PeerTestNode& b = AddNode();
  std::vector<Socket> peers;
  for (std::size_t i = 0; i < kPeerLinksMax; ++i) {
    peers.push_back(Stranger(b));
    ProveAsDialer(peers.back());
  }
  ASSERT_TRUE(TurnUntil([&] { return b.heard.opened.size() == kPeerLinksMax; }));
  const std::uint64_t refused = b.links.refused();
  const Socket one_more = Stranger(b);
  EXPECT_TRUE(HearsTheEnd(one_more));
  EXPECT_EQ(b.links.refused(), refused + 1);
  PeerTestNode& c = AddNode();
  b.Dial(c.links.address());
  ASSERT_TRUE(TurnUntil([&] { return !b.heard.failed.empty(); }));
  EXPECT_EQ(b.heard.failed.front().failure, DialFailure::kUnreachable);

  peers.pop_back();
  ASSERT_TRUE(TurnUntil([&] { return !b.heard.closed.empty(); }));
  Link(b, c);
}

// The descriptors of this process, none of which is free.
class NoDescriptorLeft {
 public:
  NoDescriptorLeft() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const int lowest_free = dup(0);
    EXPECT_GE(lowest_free, 0);
    close(lowest_free);
    const rlimit none{.rlim_cur = static_cast<rlim_t>(lowest_free), .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;
  ~NoDescriptorLeft() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(PeerLinksTest, WithoutADescriptorNewcomersWaitAndNoTurnIsWasted) {
  PeerTestNode& b = AddNode();
  const Socket stranger = Stranger(b);
  {
    const NoDescriptorLeft none;
    Turn();
    EXPECT_EQ(loop_->Wait(0), 0U);  // nothing is ready that nobody can take
    EXPECT_LT(b.links.next_us(), INT64_MAX);
  }
  b.links.Turn(b.links.next_us());
  ProveAsDialer(stranger);
  ASSERT_TRUE(TurnUntil([&] { return b.heard.opened.size() == 1; }));
}

// The place that was free when it came is taken when it has proven.
TEST_F(PeerLinksTest, WhoProvesWhenTheLastPlaceIsTakenIsClosed) {
  PeerTestNode& b = AddNode();
  const Socket late = Stranger(b);
  Say(late, "N");
  std::vector<Socket> peers;
  for (std::size_t i = 0; i < kPeerLinksMax; ++i) {
    peers.push_back(Stranger(b));
    ProveAsDialer(peers.back());
  }
  ASSERT_TRUE(TurnUntil([&] { return b.heard.opened.size() == kPeerLinksMax; }));
  const std::string greeting = EncodePeerGreeting(PeerNonce{});
  Say(late, greeting.substr(1));
  const std::string theirs = Hear(late, kPeerGreetingBytes);
  Say(late, PeerProof(kPeerSecret, LinkOrigin::kDialed, greeting, theirs));
  EXPECT_TRUE(HearsTheEnd(late));
  EXPECT_EQ(b.heard.opened.size(), kPeerLinksMax);
  EXPECT_EQ(b.links.refused(), 1U);
}

}  // namespace
}  // namespace nunc
