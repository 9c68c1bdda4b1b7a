#include "transport/hub.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// A hub over a real node, and clients at the other ends of socket pairs. A turn happens when the
// test says so, so that what one turn does can be told.
class HubTest : public testing::Test {
 protected:
  HubTest()
      : loop_(Loop::Create()),
        node_({.user = "admin",
               .password = "secret",
               .address = "here:1",
               .start_time_ms = 1,
               .hash_seed = 1,
               .value_bytes_max = kValueBytesMaxDefault}),
        hub_({.loop = *loop_, .node = node_, .random = random_},
             {.value_bytes_max = kValueBytesMaxDefault,
              .connections_max = 1000,
              .buffered_bytes_max = kBufferedBytesMaxDefault,
              .handshake_timeout_ms = kHandshakeTimeoutMsDefault,
              .http_request_timeout_ms = kHttpRequestTimeoutMsDefault,
              .http_idle_timeout_ms = kHttpIdleTimeoutMsDefault,
              .ping_interval_ms = kPingIntervalMsDefault},
             [](std::string_view) { return std::nullopt; }) {
    node_.EnsureDatabase("db", "db");
  }

  // A client on the TCP door with the database selected.
  Socket Connect() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    hub_.Admit(Socket(ends[0]), Door::kTcp);
    Socket client(ends[1]);
    Send(client, "use-db db db\n");
    EXPECT_EQ(TurnsUntil(client, "ok \nok \n"), 1U);
    return client;
  }

  static void Send(const Socket& client, std::string_view bytes) {
    EXPECT_EQ(send(client.fd(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

  static std::string Received(const Socket& client) {
    std::string text;
    std::array<char, 65'536> buffer{};
    for (Transfer got = ReceiveBytes(client, buffer); got.bytes > 0;
         got = ReceiveBytes(client, buffer)) {
      text.append(buffer.data(), got.bytes);
    }
    return text;
  }

  // How many turns it takes until the client has got exactly this; 0: it is not to come.
  std::size_t TurnsUntil(const Socket& client, std::string_view expected) {
    constexpr std::size_t kTurnsMax = 1000;
    std::string text;
    for (std::size_t turn = 1; turn <= kTurnsMax; ++turn) {
      EXPECT_TRUE(hub_.Turn());
      text += Received(client);
      if (text == expected) {
        return turn;
      }
    }
    ADD_FAILURE() << "got '" << text << "' instead of '" << expected << "'";
    return 0;
  }

  // Two numbers make the name of a session.
  class CountingRandom final : public Random {
   public:
    std::uint64_t Next() override { return ++count_; }

   private:
    std::uint64_t count_ = 0xABC;
  };

  Result<Loop> loop_;
  Node node_;
  CountingRandom random_;
  Hub hub_;
};

TEST(HubLimits, TheLargestValueFitsInBase64AsFarAsTheBuffersReach) {
  HubLimits limits{.value_bytes_max = 4, .buffered_bytes_max = kBufferedBytesMaxDefault};
  EXPECT_EQ(limits.json_bytes_max(), 8 + 2 * kCommandOverheadBytesMax);
  limits.buffered_bytes_max = kUnsentBytesMax;
  limits.value_bytes_max = kUnsentBytesMax - kCommandOverheadBytesMax;
  EXPECT_EQ(limits.json_bytes_max(), kUnsentBytesMax);
}

std::string Repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) {
    all += text;
  }
  return all;
}

TEST_F(HubTest, CommandsThatTakeLongerThanTheirSliceWaitBehindTheOthers) {
  constexpr std::size_t kKeys = 100'000;
  constexpr std::size_t kListings = 100;
  const Socket heavy = Connect();
  const Socket light = Connect();
  for (std::size_t first = 0; first < kKeys; first += kCommandsPerTurn / 2) {
    std::string batch;
    for (std::size_t i = 0; i < kCommandsPerTurn / 2; ++i) {
      batch += "set key" + std::to_string(first + i) + " v\n";
    }
    Send(heavy, batch);
    TurnsUntil(heavy, Repeat("ok \n", kCommandsPerTurn / 2));
  }
  Send(heavy, "set needle v\n");
  TurnsUntil(heavy, "ok \n");

  // Each looks at every key: all of them take far longer than a slice, also where they find
  // nothing.
  Send(heavy, Repeat("keys *absent\n", kListings));
  EXPECT_TRUE(hub_.Turn());
  const std::size_t all_absent = Repeat("keys \nok \n", kListings).size();
  std::size_t absent = Received(heavy).size();
  EXPECT_LT(absent, all_absent / 8);
  for (int turn = 0; turn < 1000 && absent < all_absent; ++turn) {
    EXPECT_TRUE(hub_.Turn());
    absent += Received(heavy).size();
  }
  EXPECT_EQ(absent, all_absent);

  Send(heavy, Repeat("keys *needle\n", kListings));
  EXPECT_TRUE(hub_.Turn());
  const std::size_t first_turn = Received(heavy).size();
  const std::size_t all = Repeat("keys ,needle\nok \n", kListings).size();
  EXPECT_GT(first_turn, 0U);
  EXPECT_LT(first_turn, all);

  Send(light, "ping\n");
  EXPECT_LE(TurnsUntil(light, "pong\nok \n"), 4U);
  std::size_t received = first_turn + Received(heavy).size();
  EXPECT_LT(received, all);
  for (int turn = 0; turn < 1000 && received < all; ++turn) {
    EXPECT_TRUE(hub_.Turn());
    received += Received(heavy).size();
  }
  EXPECT_EQ(received, all);
}

TEST_F(HubTest, WhoChangesAWidelyWatchedKeyWaitsUntilItsWatchersAreTold) {
  constexpr std::size_t kWatchers = 70;
  constexpr std::string_view kNewest = "changed-version wide 2 3\n";
  const Socket writer = Connect();
  std::vector<Socket> watchers;
  for (std::size_t i = 0; i < kWatchers; ++i) {
    watchers.push_back(Connect());
    Send(watchers.back(), "watch wide\n");
    TurnsUntil(watchers.back(), "ok \n");
  }
  // One change with this value is more than may be on its way.
  const std::size_t value_bytes = kFanOutBytesMax / kWatchers + 1;
  const std::string change = "set wide " + std::string(value_bytes, 'v') + "\n";
  std::string_view rest = change;
  while (!rest.empty()) {
    const ssize_t sent = send(writer.fd(), rest.data(), rest.size(), 0);
    rest.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
    if (rest.size() < 1000) {
      break;
    }
    EXPECT_TRUE(hub_.Turn());
  }
  // The end of the change comes together with two more commands that change the key.
  Send(writer, std::string(rest) + "set wide 2\nset wide 3\n");
  EXPECT_TRUE(hub_.Turn());
  EXPECT_EQ(Received(writer), "ok \n");
  TurnsUntil(writer, "ok \nok \n");
  EXPECT_FALSE(hub_.fan_out_full());

  // The watchers end with the newest value, however little their sockets took at once.
  std::vector<std::string> told(kWatchers);
  std::size_t done = 0;
  for (int turn = 0; turn < 1000 && done < kWatchers; ++turn) {
    for (std::size_t i = 0; i < kWatchers; ++i) {
      const bool was_done = told[i].ends_with(kNewest);
      told[i] += Received(watchers[i]);
      done += !was_done && told[i].ends_with(kNewest) ? 1U : 0U;
    }
    if (done < kWatchers) {
      EXPECT_TRUE(hub_.Turn());
    }
  }
  EXPECT_EQ(done, kWatchers);
}

}  // namespace
}  // namespace nunc
