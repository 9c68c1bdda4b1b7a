#include "net/connect.h"

#include <array>
#include <poll.h>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// How a try ends at the first address that is meant.
ConnectState ConnectTo(std::string_view host_port, Socket& socket) {
  const Result<std::vector<TcpAddress>> addresses = ResolveTcp(host_port);
  if (!addresses) {
    return {.outcome = ConnectOutcome::kFailed, .why = addresses.error().detail};
  }
  ConnectState state = ConnectTcp(addresses->front(), socket);
  if (state.outcome == ConnectOutcome::kUnderWay) {
    pollfd waiting{.fd = socket.fd(), .events = POLLOUT, .revents = 0};
    EXPECT_EQ(poll(&waiting, 1, 10'000), 1);
    state = HowConnected(socket);
  }
  return state;
}

TEST(ResolveTcp, TakesAddressesAndNames) {
  for (const std::string_view text : {"127.0.0.1:1", "[::1]:65535", "localhost:3015"}) {
    const auto addresses = ResolveTcp(text);
    ASSERT_TRUE(addresses) << text << ": " << addresses.error().detail;
    EXPECT_FALSE(addresses->empty()) << text;
  }
}

TEST(ResolveTcp, RefusesWhatIsNotHostAndPort) {
  constexpr std::string_view kRefused[] = {"",
                                           ":",
                                           ":3015",
                                           "[]:3015",
                                           "127.0.0.1",
                                           "127.0.0.1:",
                                           "127.0.0.1:0",
                                           "127.0.0.1:65536",
                                           "127.0.0.1:-1",
                                           "127.0.0.1:http",
                                           "127.0.0.1:30 15",
                                           {"127.0.0.1\0.example:3015", 23}};
  for (const std::string_view text : kRefused) {
    const auto addresses = ResolveTcp(text);
    ASSERT_FALSE(addresses) << text;
    EXPECT_EQ(addresses.error().fault, Fault::kInvalid);
    EXPECT_NE(addresses.error().detail.find("HOST:PORT"), std::string::npos);
  }
}

TEST(ConnectTcp, ReachesWhoListens) {
  const Result<Listener> listener = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  Socket client;
  EXPECT_EQ(ConnectTo(listener->address, client).outcome, ConnectOutcome::kConnected);
  EXPECT_EQ(SendBytes(client, "hello").bytes, 5U);
  pollfd waiting{.fd = listener->socket.fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
  Socket served;
  ASSERT_EQ(AcceptTcp(listener->socket, served), AcceptOutcome::kAccepted);
  waiting = {.fd = served.fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
  std::array<char, 16> buffer{};
  EXPECT_EQ(ReceiveBytes(served, buffer).bytes, 5U);
}

TEST(ConnectTcp, IsRefusedWhereNobodyListens) {
  Result<Listener> listener = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  listener->socket.Close();
  Socket client;
  const ConnectState state = ConnectTo(listener->address, client);
  EXPECT_EQ(state.outcome, ConnectOutcome::kRefused);
  EXPECT_FALSE(state.why.empty());
}

TEST(ConnectTcp, ToWhereNoRouteLeadsFailsAndIsNotRefused) {
  // No socket of TCP can be connected to an address of many.
  Socket client;
  const ConnectState state = ConnectTo("224.0.0.1:3015", client);
  EXPECT_EQ(state.outcome, ConnectOutcome::kFailed);
  EXPECT_FALSE(state.why.empty());
}

TEST(ConnectTcp, ASocketThatReachedItselfIsRefused) {
  // A port that nobody has, and that the socket is then given as its own.
  Result<Listener> listener = ListenTcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  const auto addresses = ResolveTcp(listener->address);
  ASSERT_TRUE(addresses);
  listener->socket.Close();
  const TcpAddress& own = addresses->front();
  const Socket client(socket(own.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&own.bytes);
  const int yes = 1;
  setsockopt(client.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  ASSERT_EQ(bind(client.fd(), generic, own.size), 0);
  ASSERT_EQ(connect(client.fd(), generic, own.size), 0);
  EXPECT_EQ(HowConnected(client).outcome, ConnectOutcome::kRefused);
}

}  // namespace
}  // namespace nunc
