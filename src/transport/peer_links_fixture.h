// For tests of links between nodes: nodes on one loop, and strangers at their ports.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/connect.h"
#include "transport/peer_handshake.h"
#include "transport/peer_node_fixture.h"

namespace nunc {

inline constexpr std::string_view kPeerSecret = "the secret of this cluster";

// Several nodes on one loop, and time that the test may move on.
class PeerLinksTest : public testing::Test {
 protected:
  PeerLinksTest() : loop_(Loop::Create()) {}

  PeerTestNode& AddNode(std::string_view secret = kPeerSecret,
                        std::size_t unsent_bytes_max = kPeerUnsentBytesMax,
                        const std::string& host = "127.0.0.1") {
    return *nodes_.emplace_back(std::make_unique<PeerTestNode>(
        *loop_, nodes_.size() + 1, *ListenTcp(host, 0),
        PeerOptions{.secret = std::string(secret), .unsent_bytes_max = unsent_bytes_max}));
  }

  void Turn() {
    constexpr std::int64_t kWaitUs = 1'000;
    loop_->Wait(kWaitUs);
    const std::int64_t now_us = MonotonicUs() + ahead_us_;
    for (const auto& node : nodes_) {
      node->links.Turn(now_us);
    }
    loop_->Dispatch();
    for (const auto& node : nodes_) {
      node->links.Flush();
    }
  }

  bool TurnUntil(const std::function<bool()>& holds) {
    constexpr std::int64_t kDeadlineUs = 30'000'000;
    const std::int64_t until_us = MonotonicUs() + kDeadlineUs;
    while (!holds()) {
      if (MonotonicUs() > until_us) {
        return false;
      }
      Turn();
    }
    return true;
  }
  // Long enough for all that is under way on this machine.
  void TurnSomeTimes() {
    for (int i = 0; i < 20; ++i) {
      Turn();
    }
  }

  // A link from `a` to `b`: as each of them calls it.
  std::pair<LinkId, LinkId> Link(PeerTestNode& a, PeerTestNode& b) {
    const std::size_t opened_by_a = a.heard.opened.size();
    const std::size_t opened_by_b = b.heard.opened.size();
    a.Dial(b.links.address());
    EXPECT_TRUE(TurnUntil([&] {
      return a.heard.opened.size() > opened_by_a && b.heard.opened.size() > opened_by_b;
    }));
    return {a.heard.opened.back().link, b.heard.opened.back().link};
  }

  // Somebody who speaks what he likes.
  Socket Stranger(const PeerTestNode& node) {
    Socket socket;
    const auto addresses = ResolveTcp(node.links.address());
    EXPECT_TRUE(addresses);
    ConnectTcp(addresses->front(), socket);
    return socket;
  }
  void Say(const Socket& socket, std::string_view bytes) {
    EXPECT_TRUE(TurnUntil([&] {
      const Transfer sent = SendBytes(socket, bytes);
      bytes.remove_prefix(sent.bytes);
      return bytes.empty();
    }));
  }
  std::string Hear(const Socket& socket, std::size_t bytes) {
    std::string heard;
    std::array<char, 256> buffer{};
    EXPECT_TRUE(TurnUntil([&] {
      const Transfer got = ReceiveBytes(socket, std::span(buffer).first(bytes - heard.size()));
      heard.append(buffer.data(), got.bytes);
      return heard.size() == bytes;
    }));
    return heard;
  }
  bool HearsTheEnd(const Socket& socket) {
    std::array<char, 256> buffer{};
    return TurnUntil([&] { return ReceiveBytes(socket, buffer).ended; });
  }
  // The greeting and the proof of a node that knows the secret.
  void ProveAsDialer(const Socket& socket) {
    const PeerNonce nonce{};
    const std::string greeting = EncodePeerGreeting(nonce);
    Say(socket, greeting);
    const std::string theirs = Hear(socket, kPeerGreetingBytes);
    Say(socket, PeerProof(kPeerSecret, LinkOrigin::kDialed, greeting, theirs));
  }

  Result<Loop> loop_;
  std::vector<std::unique_ptr<PeerTestNode>> nodes_;
  std::int64_t ahead_us_ = 0;
};

}  // namespace nunc
