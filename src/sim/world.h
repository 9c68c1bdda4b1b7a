// One node on a simulated machine, with clients and faults, from a seed: the whole of
// `nunc simulate`.
//
// Shape:   lives, one after another: Recover and Persistence::Start on what the disk really holds,
//          turns in virtual time as the server's loop has them, then a fault that the seed chose.
//          One thread; the same seed and options give the same run and the same hash.
// Errors:  the report's violation: the first invariant that does not hold, and at which event.
// Units:   virtual microseconds.
// Source:  docs/cluster.md §17.1; docs/durability.md.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/prng.h"
#include "node/node.h"
#include "node/persistence.h"
#include "sim/clients.h"
#include "sim/lifetime_oracle.h"
#include "sim/oracle.h"
#include "sim/schedule.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "sim/sim_worker.h"

namespace nunc {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::int64_t duration_us = 10'000'000;
  std::function<void(std::string_view)> tell;  // what happens, for people; may be empty
};

struct WorldReport {
  std::uint64_t lives = 0;
  std::uint64_t events = 0;
  std::uint64_t records = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t refused_full = 0;
  std::map<std::string, std::uint64_t, std::less<>> faults;  // by kind
  std::int64_t simulated_us = 0;
  std::uint64_t trace_hash = 0;
  std::optional<std::string> violation;  // with the number of the event
};

WorldReport Simulate(const WorldOptions& options);

// The node's clock: it also goes on a little each time somebody looks, so that a walk in slices
// really has slices.
class LookedAtClock final : public Clock {
 public:
  LookedAtClock(const SimSchedule& schedule, std::int64_t wall_us)
      : schedule_(schedule), wall_distance_us_(wall_us) {}

  std::int64_t MonotonicUs() override {
    ahead_us_ += look_us_;
    return schedule_.now_us() + ahead_us_;
  }
  std::int64_t WallUs() override { return schedule_.now_us() + ahead_us_ + wall_distance_us_; }

  void SetLook(std::int64_t look_us) { look_us_ = look_us; }
  void JumpWall(std::int64_t by_us) { wall_distance_us_ += by_us; }
  // In the schedule's time.
  [[nodiscard]] std::int64_t ScheduleUs(std::int64_t mono_us) const { return mono_us - ahead_us_; }

 private:
  const SimSchedule& schedule_;
  std::int64_t ahead_us_ = 0;
  std::int64_t look_us_ = 0;
  std::int64_t wall_distance_us_;
};

class World {
 public:
  explicit World(const WorldOptions& options);
  WorldReport Run();

 private:
  // How a life ends, if nothing else ends it before.
  enum class Ending : std::uint8_t {
    kPowerCut,
    kInCall,  // power cut or kill, in the middle of what a job or a turn does
    kKill,
    kStop,
    kFailedSync,
    kFailedCall,
    kFull,
  };
  static constexpr std::uint64_t kEndings = 7;

  struct Life {
    std::unique_ptr<Node> node;
    std::unique_ptr<Persistence> persistence;
    Ending ending = Ending::kKill;
    std::int64_t fault_us = 0;
    std::int64_t end_us = 0;
    std::int64_t space_us = 0;  // when there is space again
    std::uint64_t refused = 0;  // by a full disk, when none should be any more
    bool faulted = false;
    bool judged = false;  // `refused` is set
  };

  void DrawOptions();
  [[nodiscard]] PersistenceWorld Around();
  [[nodiscard]] ExecutorOptions NodeOptions() const;
  Result<void> RunAll();
  Result<bool> Start();
  Result<bool> StartFailed(const Error& error);
  void PlanLife();
  Result<void> Live();
  void DoFault();
  void ChangeWorld();
  [[nodiscard]] std::int64_t NextTurnUs() const;
  Result<void> Advance(std::int64_t until_us);
  Result<void> Turn();
  Result<void> TakeNews();
  Result<void> RunCommands();
  Result<void> RunCommand(std::uint32_t slot);
  Result<void> Step(const Input& input, const Script* script = nullptr);
  Result<void> AfterEvent();
  Result<void> Stopped(const Error& error);
  [[nodiscard]] bool IsOurs(const Error& error) const;
  Result<void> EndLife();
  Result<void> StopCleanly();
  void Fall(Ending ending);
  Result<void> TryDamagedCopy();
  Result<void> RecoverCopy(SimDisk& data, SimDisk& log, Revision mark);
  [[nodiscard]] Revision DurableMark() const;
  void Tell(std::string_view what) const;
  void Hash(std::uint64_t number);

  WorldOptions options_;
  Prng prng_;
  WorldReport report_;
  SimSchedule schedule_;
  SimDevice device_;
  SimDisk data_;
  SimDisk log_;
  SimWorker sync_;
  SimWorker sync_beside_;
  SimWorker bulk_;
  LookedAtClock clock_;
  SimRandom random_;
  Oracle oracle_;
  Clients clients_;
  LifetimeOracle lifetimes_;
  PersistenceOptions persistence_options_;
  Life life_;
  Output output_;
  std::size_t records_heard_ = 0;
  std::int64_t turn_us_ = 0;  // when it began, on the node's clock
  std::uint64_t calls_checked_ = 0;
  std::uint64_t command_gap_us_ = 0;
  std::int64_t next_command_us_ = 0;
  std::int64_t next_tick_us_ = 0;
  bool quiet_ = false;  // the clients ask nothing more
  bool woken_ = false;
  bool down_ = true;
  bool full_ = false;
};

}  // namespace nunc
