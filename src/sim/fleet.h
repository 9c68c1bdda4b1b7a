// Several nodes as the server runs them, in one cluster: real logs, folders and stores on simulated
// machines, from a seed.
//
// Shape:   each machine takes turns as the server's loop has them. Clients write at every node, in
//          a database that waits until what it shows is final and in one that does not; a watcher
//          at each node keeps what it is told. Faults come and are healed, then the logs must be
//          the same, byte for byte by their chains, have all that was acknowledged as final and
//          nothing that was refused; every watcher's view is the store. Who is answered at a node
//          finds there what it wrote, and its writes are in the order in which it made them. Who
//          counts sends what it is not sure of once more, at any node, and now and then what it is
//          sure of: in the end each has been counted once, and what was given up at most once.
// Errors:  the report's violation, with the virtual time.
// Units:   virtual microseconds.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "node/cluster_driver.h"
#include "node/node.h"
#include "node/persistence.h"
#include "sim/dialed_net.h"
#include "sim/schedule.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "sim/sim_worker.h"

namespace nunc {

struct FleetOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;
  std::int64_t duration_us = 20'000'000;  // of faults
  // Logs are short and kept for nobody, and little can be taken back: who was away needs a full
  // sync.
  bool cleans = false;
  // Others count, and ask again what may have been done.
  bool counts = false;
  bool arbiter_node = false;  // the last one holds no log; of three
  std::function<void(std::string_view)> tell{};
};

struct FleetReport {
  std::uint64_t acknowledged = 0;  // writes that are final
  std::uint64_t unknown = 0;       // may have happened or not
  std::uint64_t refused = 0;       // no primary was found in time
  std::uint64_t forwarded = 0;     // answered at a node that is not primary
  std::uint64_t rewinds = 0;
  std::uint64_t full_syncs = 0;
  std::uint64_t restarts = 0;
  std::uint64_t cuts = 0;
  std::uint64_t primaries = 0;
  std::uint64_t counted = 0;      // once each
  std::uint64_t asked_again = 0;  // because it may have been counted or not
  std::optional<std::string> violation{};
};

FleetReport SimulateFleet(const FleetOptions& options);

class Fleet {
 public:
  explicit Fleet(const FleetOptions& options);
  FleetReport Run();

 private:
  static constexpr SessionId kWriter{.slot = kStandInsMax, .generation = 1};
  static constexpr SessionId kWatcher{.slot = kStandInsMax + 1, .generation = 1};
  static constexpr SessionId kCounting{.slot = kStandInsMax + 2, .generation = 1};
  static constexpr std::size_t kKeys = 20;

  // One who counts, whichever node it is connected to; a session that outlives them.
  struct Counter {
    std::string key{};
    SessionName session{};
    std::uint64_t sequence = 0;  // the one that it is at; those before have been counted
    bool waits = false;          // for the answer
    bool gives_up = false;       // what may have been counted or not
    std::uint64_t answered = 0;  // how many it was told of
    std::map<std::uint64_t, Revision> done{};  // the newest ones
  };
  struct Counted {
    Counter* counter = nullptr;  // null: not a count
    std::uint64_t sequence = 0;
  };

  struct Asked {
    std::string key{};  // empty: not a write
    std::string value{};
    bool final_database = false;
  };
  struct Machine {
    Machine(SimSchedule& schedule, std::uint64_t seed);
    SimDevice device;
    SimDisk disk;
    SimWorker sync;
    SimWorker bulk;
    SimClock clock;
    SimRandom random;
    std::unique_ptr<Node> node;
    std::unique_ptr<Persistence> persistence;
    std::unique_ptr<ClusterDriver> driver;
    bool runs = false;
    bool cut = false;
    bool will_crash = false;  // in a call of its disk
    bool woken = false;
    bool ready = false;  // its sessions are in their databases
    bool was_primary = false;
    bool in_final = true;  // its writer
    std::int64_t next_turn_us = 0;
    std::deque<Asked> asked{};                  // the writer's commands without a status
    std::deque<Counted> counted{};              // the same of those who count
    Revision answered{};                        // of its newest write
    std::map<std::string, std::string> view{};  // of its watcher
  };

  void Start(std::size_t index);
  void Stop(std::size_t index, bool power_cut);
  void Reload(std::size_t index);
  void DisturbSync(std::size_t index);
  void NotStarted(std::size_t index, const Error& error);
  void OpenSessions(Machine& machine);
  void PlanTurn(std::size_t index);
  void Turn(std::size_t index);
  void Ended(std::size_t index, const Error& error);
  void Step(Machine& machine, const Input& input);
  void Run(Machine& machine, SessionId session, const Command& command);
  void Hear(Machine& machine, const Output& output);
  void HearStatus(Machine& machine, const Reply& reply);
  void HearChange(Machine& machine, const Change& change);
  void WriteSomething(Machine& machine);
  // Those who count (fleet_counters.cpp).
  void CountSomething(Machine& machine);
  void Count(Machine& machine, Counter& counter, std::uint64_t sequence);
  void HearCounted(const Counted& counted, const Reply& reply);
  void LoseCounted(Machine& machine);
  void CheckCounts(const Machine& machine);
  void DoFault();
  void RestartAll();
  void HealAll();
  void Advance(std::int64_t until_us);
  void CheckSame();
  void CheckLog();
  void CheckKept(const Machine& machine);
  void CheckView(const Machine& machine);
  void Violate(const std::string& what);
  void Tell(const std::string& what) const;
  [[nodiscard]] Machine* Primary();

  FleetOptions options_;
  Prng prng_;
  FleetReport report_;
  SimSchedule schedule_;
  DialedNet net_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::uint64_t values_ = 0;
  std::deque<Counter> counters_;
  // Of the database in which what is seen is final: values that were acknowledged or shown.
  std::set<std::string> acknowledged_;
  std::set<std::string> shown_;
  std::set<std::string> refused_;  // of either database: it was said that they were not written
  Output output_;
  bool quiet_ = false;  // nobody writes any more
  bool healed_ = false;
};

}  // namespace nunc
