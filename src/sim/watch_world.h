// A node and its watchers under everything that may happen to them at once, held against the
// contract: writers, keys that expire, guests whose keys go with them, rights that change, sessions
// that lag and drain, syncs that come late, tombstones that go, watches that end and begin, new
// connections, starts with a lost tail. In some of them another node makes the records, which come
// in pieces and are taken back in part, and the two change roles.
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
#include <utility>
#include <vector>

#include "base/prng.h"
#include "core/watch_oracle.h"
#include "node/node.h"
#include "sim/lifetime_oracle.h"
#include "sim/model.h"

namespace nunc {

class WatchWorld {
 public:
  // The level of its database follows from the seed, too.
  explicit WatchWorld(std::uint64_t seed);

  std::string Happen();
  // Everything is synced, drained and told.
  std::string Rest();

 private:
  static constexpr SessionId kWriter{.slot = 0, .generation = 1};
  static constexpr std::uint64_t kCluster = 77;
  static constexpr std::string_view kDatabase = "db";
  static constexpr std::string_view kToken = "token";

  // A log up to some revision.
  struct Prefix {
    ChainEnd end;
    std::size_t bytes = 0;
    std::vector<TermEnd> terms;
  };
  static Prefix PrefixOf(std::string_view log, Revision last);

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

  // The other node (watch_world_follow.cpp).
  [[nodiscard]] bool follows() const { return other_ != nullptr; }
  void HappenBetweenNodes();
  void ReceiveSome();
  void ReceiveAll();
  void ReceivePiece(std::size_t bytes);
  void CommitSome();
  void BecomeSecondary();
  void BecomePrimary();
  void OtherPrimary();
  void RewindTo(const ChainEnd& end);
  void OnReceived(std::string_view bytes);
  void StartOther(Term term, const Prefix& prefix);
  void RunOther(const Command& command);
  void CompareWithLog();

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
  bool has_other_;               // a seed whose node is not alone
  std::unique_ptr<Node> other_;  // it makes the records; null: the node does by itself
  std::string other_log_;        // begins with `log_`
  Revision committed_;
  Output other_output_;
};

}  // namespace nunc
