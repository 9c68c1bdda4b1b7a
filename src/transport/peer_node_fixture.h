// For tests of links between nodes: one node, and what it heard.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/little_endian.h"
#include "transport/peer_links.h"

namespace nunc {

// Numbers that no other node of the test gets.
class PeerNumbers final : public Random {
 public:
  explicit PeerNumbers(std::uint64_t seed) : next_(seed << 32U) {}
  std::uint64_t Next() override { return ++next_; }

 private:
  std::uint64_t next_;
};

// Frames of a length in four bytes and so many bytes; what comes is kept by link.
class PeerRecorder final : public PeerEvents {
 public:
  struct Opened {
    LinkId link{};
    LinkOrigin origin{};
    std::string address{};
  };
  struct Failed {
    std::string address{};
    DialFailure failure{};
    std::string why{};
  };

  void OnLinkOpen(LinkId link, LinkOrigin origin, std::string_view address) override {
    CheckOutside();
    opened.push_back({.link = link, .origin = origin, .address = std::string(address)});
    if (on_open) {
      on_open(link);
    }
  }
  std::size_t OnLinkBytes(LinkId link, std::string_view bytes) override {
    CheckOutside();
    ++calls;
    offered = bytes.size();
    std::size_t used = 0;
    while (bytes.size() - used >= 4) {
      const auto size = GetLittle<std::uint32_t>(bytes, used);
      if (bytes.size() - used < size) {
        break;
      }
      frames[link].emplace_back(bytes.substr(used + 4, size - 4));
      used += size;
      if (on_frame) {
        on_frame(link);
      }
    }
    return used;
  }
  void OnLinkClosed(LinkId link, std::string_view why) override {
    CheckOutside();
    EXPECT_FALSE(why.empty());
    closed.push_back(link);
  }
  void OnDialFailed(std::string_view address, DialFailure failure, std::string_view why) override {
    CheckOutside();
    EXPECT_FALSE(why.empty());
    failed.push_back(
        {.address = std::string(address), .failure = failure, .why = std::string(why)});
    if (on_failed) {
      on_failed();
    }
  }

  // True while a call of PeerNet runs: no event may come then.
  bool in_call = false;
  std::vector<Opened> opened;
  std::map<LinkId, std::vector<std::string>> frames;
  std::vector<LinkId> closed;
  std::vector<Failed> failed;
  std::size_t calls = 0;    // with bytes
  std::size_t offered = 0;  // by the last of them
  std::function<void(LinkId)> on_open;
  std::function<void(LinkId)> on_frame;
  std::function<void()> on_failed;

 private:
  void CheckOutside() const { EXPECT_FALSE(in_call) << "an event from inside a call"; }
};

inline std::string TestFrame(std::string_view body) {
  std::string frame(4, '\0');
  PutLittle(frame.data(), static_cast<std::uint32_t>(4 + body.size()));
  return frame.append(body);
}

// One node: its links and what it heard.
struct PeerTestNode {
  PeerTestNode(Loop& loop, std::uint64_t seed, Listener listener, PeerOptions options)
      : random(seed),
        links({.loop = loop, .random = random, .events = heard}, std::move(listener),
              std::move(options)) {
    EXPECT_TRUE(links.Start());
  }

  void Dial(std::string_view address) {
    heard.in_call = true;
    links.Dial(address);
    heard.in_call = false;
  }
  void Send(LinkId link, std::string_view bytes) {
    heard.in_call = true;
    links.Send(link, bytes);
    heard.in_call = false;
  }
  void Close(LinkId link) {
    heard.in_call = true;
    links.Close(link);
    heard.in_call = false;
  }

  PeerNumbers random;
  PeerRecorder heard;
  PeerLinks links;
};

}  // namespace nunc
