// A node and its watchers under everything that may happen to them at once, held against the
// contract: writers, keys that expire, guests whose keys go with them, rights that change, sessions
// that lag and drain, syncs that come late, tombstones that go, watches that end and begin, new
// connections, starts with a lost tail.
//
// Shape:   Happen is one turn; Rest lets everything be told. Both give what is broken; empty: fine.
//          The same seed makes the same history.
// Owner:   watch_test.cpp; tests/sim/planted_test.cpp, which plants bugs under it.
// Source:  docs/delivery.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "node/node.h"
#include "sim/lifetime_oracle.h"
#include "sim/model.h"
#include "sim/watch_oracle.h"

namespace nunc {

class WatchWorld {
 public:
  // The level of its database follows from the seed, too.
  explicit WatchWorld(std::uint64_t seed);

  std::string Happen();
  // Everything is synced, drained and told.
  std::string Rest();

 private:
  struct Client {
    std::string name;
    Reader reader;
    std::vector<WatchView> views{};
    WatchPolicy policy = WatchPolicy::kLatest;
    SessionId session{};
    bool lagging = false;
    bool draining = false;
    std::string connections{};  // the newest `$connections` it was told
  };

  // One who comes and goes, with keys that live as long.
  struct Guest {
    SessionId session{};
    SessionName name{};
    bool here = false;
  };

  void Start(Term term, const ChainEnd& end, std::vector<TermEnd> before);
  void AddClient(std::string_view name, const std::vector<std::string_view>& patterns,
                 const Reader& reader, WatchPolicy policy = WatchPolicy::kLatest);

  // Each is one thing that may happen.
  void Write();
  void WriteKey(std::string_view key);
  void ChangeLifetime();
  void ComeOrGo();
  void ChangeRights();
  void SyncSome();
  void Lag();
  void DrainAll(bool all);
  void PassTime();
  void WatchOrUnwatch();
  void Reconnect();
  void BecomeAnother();
  void GoTo(std::int64_t mono_us);
  void Restart();

  void StartTurn(std::int64_t passed_us);
  void Connect(Client& client);
  void Watch(const Client& client, WatchView& view);
  void Sync(Revision durable);
  void Run(SessionId session, const Command& command);
  void Step(const Input& input);
  void Hear(Client& client, const Change& change);
  void Break(const Client& client, std::string_view what);
  [[nodiscard]] std::string CheckRest(const Client& client) const;

  Prng prng_;
  std::uint64_t seed_;
  std::unique_ptr<Node> node_;
  Now now_{.mono_us = 1, .wall_us = 1'000'000};
  Output output_;
  std::string log_;  // all records
  Revision durable_;
  WatchHistory history_;
  Model model_;  // of `log_`
  LifetimeOracle lifetimes_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Guest> guests_ = std::vector<Guest>(2);
  std::string broken_;
  std::size_t told_ = 0;  // events
  bool turn_ends_ = false;
};

}  // namespace nunc
