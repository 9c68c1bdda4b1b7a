// Watches of a node under everything that may happen to them at once, held against the contract:
// writers, sessions that lag and drain, syncs that come late, tombstones that go, new connections.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/prng.h"
#include "node/node.h"
#include "sim/watch_oracle.h"

namespace nunc {
namespace {

class WatchedNode {
 public:
  WatchedNode(std::uint64_t seed, AckLevel level)
      : prng_(seed),
        node_({.user = "a",
               .password = "b",
               .address = "x:1",
               .start_time_ms = 1'000,
               .hash_seed = seed,
               .value_bytes_max = 1'000,
               .catch_up_entries_per_turn = 1 + prng_.Below(6),
               .has_log = true}) {
    node_.BeginTerm({5}, {});
    Step(SessionOpened{kWriter});
    Run(kWriter, {.verb = Verb::kAuth, .name = "a", .secret = "b"});
    Run(kWriter, {.verb = Verb::kCreateDb, .name = "db", .secret = "t", .level = level});
    gated_ = level == AckLevel::kDisk;
    Sync(node_.end().revision);
    Run(kWriter, {.verb = Verb::kUseDb, .name = "db", .secret = "t"});
    for (const char* pattern : {"*", "a*", "a/b*", "b*", "c"}) {
      auto client = std::make_unique<Client>(
          Client{.pattern = pattern, .view = WatchView(history_, pattern), .session = {}});
      clients_.push_back(std::move(client));
      Connect(clients_.size() - 1);
    }
  }

  // One thing that may happen. Empty: the contract holds.
  std::string Happen() {
    switch (prng_.Below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        Write();
        break;
      case 5:
        Sync({durable_.value + prng_.Below(node_.end().revision.value - durable_.value + 1)});
        break;
      case 6:
        Lag();
        break;
      case 7:
      case 8:
        DrainAll(/*all=*/false);
        break;
      case 9:
        if (prng_.Below(8) == 0) {
          Connect(prng_.Below(clients_.size()));
        }
        break;
      case 10:
        PassTime(prng_.Below(20) == 0 ? kTombstoneAgeUsMax + 1 : kProgressIntervalUs + 1);
        break;
      default:
        break;
    }
    Step(TurnEnded{});
    return std::exchange(broken_, {});
  }

  // Everything is synced, drained and told.
  std::string Rest() {
    Sync(node_.end().revision);
    DrainAll(/*all=*/true);
    do {
      Step(TurnEnded{});
    } while (node_.has_work());
    for (const auto& client : clients_) {
      if (broken_.empty()) {
        broken_ = client->view.AtRest(node_.end().revision);
      }
    }
    return std::exchange(broken_, {});
  }

 private:
  static constexpr SessionId kWriter{.slot = 0, .generation = 1};

  struct Client {
    std::string pattern;
    WatchView view;
    SessionId session;
    bool lagging = false;
  };

  void Run(SessionId session, const Command& command) {
    Step(ClientCommand{.session = session, .command = &command});
  }

  void Write() {
    static constexpr std::string_view kKeys[] = {"a", "a/b", "a/bc", "a/c", "ab", "b", "b/1", "c"};
    const std::string_view key = kKeys[prng_.Below(std::size(kKeys))];
    if (prng_.Below(3) == 0) {
      return Run(kWriter, {.verb = Verb::kRemove, .key = key});
    }
    const std::string value = std::to_string(prng_.Below(1'000));
    Run(kWriter, {.verb = Verb::kSet, .key = key, .value = value});
  }

  void Sync(Revision durable) {
    durable_ = durable;
    if (gated_) {
      history_.SetDurable(durable);
    }
    Step(LogSynced{durable});
  }

  void Lag() {
    Client& client = *clients_[prng_.Below(clients_.size())];
    client.lagging = true;
    Step(SessionLagging{client.session});
  }

  // As the hub: drained again and again until nothing comes.
  void DrainAll(bool all) {
    for (const auto& client : clients_) {
      while (client->lagging && (all || prng_.Below(2) == 0)) {
        told_ = 0;
        Step(SessionDrained{client->session});
        client->lagging = told_ > 0;
      }
    }
  }

  void PassTime(std::int64_t us) {
    now_.mono_us += us;
    now_.wall_us += us;
    Step(TurnStarted{.now = now_});
    Step(Tick{});
  }

  void Connect(std::size_t index) {
    Client& client = *clients_[index];
    if (client.session.generation > 0) {
      Step(SessionClosed{client.session});
    }
    client.session = {.slot = static_cast<std::uint32_t>(index + 1),
                      .generation = client.session.generation + 1};
    client.lagging = false;
    client.view.Resume();
    Step(SessionOpened{client.session});
    Run(client.session, {.verb = Verb::kUseDb, .name = "db", .secret = "t"});
    const std::string since = client.view.token();
    Run(client.session, {.verb = Verb::kWatch, .key = client.pattern, .since = since});
  }

  void Step(const Input& input) {
    node_.Step(input, output_);
    for (const Output::Logged& logged : output_.records) {
      history_.OnRecord(logged.record);
    }
    for (const auto& item : output_.items) {
      const auto* change = std::get_if<Change>(&item);
      for (std::size_t i = 0; change != nullptr && i < change->count; ++i) {
        Hear(output_.targets[change->first + i], *change);
      }
    }
  }

  void Hear(SessionId session, const Change& change) {
    ++told_;
    if (change.key == kConnectionsKey || !broken_.empty()) {
      return;
    }
    Client& client = *clients_.at(session.slot - 1);
    broken_ = client.view.OnEvent(change);
    if (!broken_.empty()) {
      broken_ = client.pattern + ": " + broken_;
    }
  }

  Prng prng_;
  Node node_;
  Now now_{.mono_us = 1, .wall_us = 1'000'000};
  Output output_;
  WatchHistory history_;
  Revision durable_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::string broken_;
  std::size_t told_ = 0;
  bool gated_ = false;
};

TEST(Watches, KeepTheContractWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    WatchedNode node(seed, seed % 2 == 0 ? AckLevel::kDisk : AckLevel::kWritten);
    for (int i = 0; i < 500; ++i) {
      ASSERT_EQ(node.Happen(), "") << "seed " << seed << ", step " << i;
      if (i % 100 == 99) {
        ASSERT_EQ(node.Rest(), "") << "seed " << seed << ", at rest after step " << i;
      }
    }
  }
}

}  // namespace
}  // namespace nunc
