#include "net/tcp.h"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "net/loop.h"

namespace nunc {
namespace {

std::uint16_t PortOf(std::string_view address) {
  std::uint16_t port = 0;
  const std::string_view digits = address.substr(address.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

Socket Connect(std::uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  EXPECT_EQ(connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return socket;
}

void WaitReadable(const Socket& socket) {
  pollfd waiting{.fd = socket.fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
}

TEST(ListenTcp, PortZeroIsAnsweredWithTheChosenOne) {
  const Result<Listener> listener = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  EXPECT_TRUE(listener->address.starts_with("127.0.0.1:"));
  EXPECT_NE(PortOf(listener->address), 0);
}

TEST(ListenTcp, ATakenPortIsUnavailableAndNamed) {
  const Result<Listener> first = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(first);
  const Result<Listener> second = ListenTcp("127.0.0.1", PortOf(first->address));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::kUnavailable);
  EXPECT_NE(second.error().detail.find(first->address), std::string::npos);
}

TEST(ListenTcp, AnAddressThatIsNotOursIsUnavailable) {
  const Result<Listener> listener = ListenTcp("192.0.2.1", 0);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().fault, Fault::kUnavailable);
}

TEST(AcceptTcp, NobodyWaitingIsNotAnError) {
  const Result<Listener> listener = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  Socket accepted;
  EXPECT_EQ(AcceptTcp(listener->socket, accepted), AcceptOutcome::kNone);
  EXPECT_FALSE(accepted.valid());
}

TEST(AcceptTcp, BytesGoBothWaysAndTheEndIsSeen) {
  const Result<Listener> listener = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  const Socket client = Connect(PortOf(listener->address));
  WaitReadable(listener->socket);
  Socket served;
  ASSERT_EQ(AcceptTcp(listener->socket, served), AcceptOutcome::kAccepted);
  TuneConnection(served, 1000);

  std::array<char, 16> buffer{};
  EXPECT_TRUE(ReceiveBytes(served, buffer).would_block);
  std::string first = "he";
  std::string second = "llo";
  std::array<iovec, 2> pieces{iovec{.iov_base = first.data(), .iov_len = first.size()},
                              iovec{.iov_base = second.data(), .iov_len = second.size()}};
  EXPECT_EQ(SendGathered(client, pieces).bytes, 5U);
  WaitReadable(served);
  EXPECT_EQ(ReceiveBytes(served, buffer).bytes, 5U);
  EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");
  EXPECT_EQ(LookAtPeer(served, 0), PeerState::kOwesNothing);

  ShutdownSending(client);
  WaitReadable(served);
  EXPECT_TRUE(ReceiveBytes(served, buffer).ended);
}

// Counts its events, and takes another registration away at the first.
class Counting final : public Loop::Handler {
 public:
  void OnReady(std::uint32_t) override {
    ++events;
    if (loop != nullptr) {
      loop->Remove(*other);
      loop = nullptr;
    }
  }
  int events = 0;
  Loop* loop = nullptr;
  const Loop::Registration* other = nullptr;
};

TEST(Loop, AnEventForWhatWasRemovedInTheSameBatchIsDropped) {
  Result<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop);
  std::array<int, 2> a{};
  std::array<int, 2> b{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a.data()), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b.data()), 0);
  const Socket sockets[] = {Socket(a[0]), Socket(a[1]), Socket(b[0]), Socket(b[1])};
  Counting first;
  Counting second;
  const Result<Loop::Registration> one = loop->Add(sockets[0].fd(), EPOLLOUT, first);
  const Result<Loop::Registration> two = loop->Add(sockets[2].fd(), EPOLLOUT, second);
  ASSERT_TRUE(one && two);
  // Whoever comes first removes the other: exactly one event is delivered.
  first.loop = &*loop;
  first.other = &*two;
  second.loop = &*loop;
  second.other = &*one;
  EXPECT_EQ(loop->Wait(1'000'000), 2U);
  loop->Dispatch();
  EXPECT_EQ(first.events + second.events, 1);
}

TEST(Loop, WakeEndsAWaitAndOnlyOne) {
  Result<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop);
  loop->Wake();
  loop->Wake();
  EXPECT_EQ(loop->Wait(60'000'000), 1U);
  loop->Dispatch();
  EXPECT_EQ(loop->Wait(0), 0U);
}

}  // namespace
}  // namespace nunc
