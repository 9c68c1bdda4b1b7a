// A life of the node; how it begins and ends is in world_faults.cpp.
#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace nunc {
namespace {

constexpr std::int64_t kWallStartUs = 1'790'000'000'000'000;
constexpr std::int64_t kTickUs = 1'000'000;
constexpr std::uint64_t kCommandsPerTurnMax = 4;
// With so much of the log left, all keys that are to go do.
constexpr std::size_t kRoomForAll = 20'000;
constexpr std::size_t kWaitingMax = 20;  // replies of one session, then it asks nothing more

SimWorker::Delays Slow(std::int64_t longest_us) {
  return {.before = {.first_us = 0, .last_us = longest_us / 4},
          .duration = {.first_us = 10, .last_us = longest_us}};
}

}  // namespace

WorldReport Simulate(const WorldOptions& options) {
  return World(options).Run();
}

World::World(const WorldOptions& options)
    : options_(options),
      prng_(options.seed),
      data_(device_, "data"),
      log_(device_, options.seed % 2 == 0 ? "data" : "log"),
      sync_(schedule_, Slow(1'000), options.seed + 1),
      sync_beside_(schedule_, Slow(1'000), options.seed + 5),
      bulk_(schedule_, Slow(1'000), options.seed + 2),
      clock_(schedule_, kWallStartUs),
      random_(options.seed + 3),
      oracle_(data_, log_),
      clients_(oracle_, options.seed + 4, {}) {
  DrawOptions();
}

void World::DrawOptions() {
  static constexpr std::int64_t kSyncIntervals[] = {0, 5'000, 50'000};
  static constexpr std::uint64_t kCommandGapsUs[] = {100, 1'000, 5'000, 12'000};
  const std::uint64_t segment_bytes = std::uint64_t{16'384} << prng_.Below(3);
  persistence_options_ = {
      .segment_bytes = segment_bytes,
      .sync_interval_us = kSyncIntervals[prng_.Below(std::size(kSyncIntervals))],
      .snapshot_every_bytes = segment_bytes * (1 + prng_.Below(4)),
      .snapshot_every_us = prng_.InRange(200'000, 5'000'000),
      .keep = {.bytes = prng_.Below(4) * segment_bytes, .age_us = prng_.InRange(0, 500'000)},
      .log_bytes_max = segment_bytes * 12};
  const std::int64_t longest_us = prng_.InRange(100, 20'000);
  sync_.SetDelays(Slow(longest_us));
  sync_beside_.SetDelays(Slow(longest_us));
  bulk_.SetDelays(Slow(longest_us));
  // A sync that runs may have begun just before, and the turn that begins the next comes later.
  oracle_.SetUnsyncedMax(persistence_options_.sync_interval_us + 3 * longest_us + 20'000);
  clock_.SetLook(prng_.Chance(1, 2) ? 600 : 0);
  command_gap_us_ = kCommandGapsUs[prng_.Below(std::size(kCommandGapsUs))];
  clients_ = Clients(oracle_, options_.seed + 4,
                     {.keys = 10 + prng_.Below(120), .value_bytes_max = segment_bytes / 32});
  for (SimWorker* worker : {&sync_, &sync_beside_, &bulk_}) {
    worker->OnFinished([this] { woken_ = true; });
  }
}

PersistenceWorld World::Around() {
  return {.data = data_,
          .log = log_,
          .sync = sync_,
          .sync_beside = &sync_beside_,
          .bulk = bulk_,
          .clock = clock_,
          .random = random_};
}

ExecutorOptions World::NodeOptions() const {
  return {.user = std::string(Clients::kUser),
          .password = std::string(Clients::kPassword),
          .address = {},
          .hash_seed = options_.seed,
          .value_bytes_max = persistence_options_.segment_bytes / 8,
          .ack_default = options_.seed % 3 == 0 ? AckLevel::kDisk : AckLevel::kWritten,
          .has_log = true};
}

void World::Tell(std::string_view what) const {
  if (options_.tell) {
    options_.tell(std::to_string(schedule_.now_us()) + " us, event " +
                  std::to_string(report_.events) + ": " + std::string(what));
  }
}

void World::Hash(std::uint64_t number) {
  report_.trace_hash = HashBytes(std::to_string(number), report_.trace_hash);
}

WorldReport World::Run() {
  const Result<void> ran = RunAll();
  if (!ran) {
    report_.violation = "event " + std::to_string(report_.events) + ": " + ran.error().detail;
  }
  report_.records = oracle_.records();
  report_.acknowledged = clients_.acknowledged();
  report_.refused_full = clients_.refused_full();
  report_.simulated_us = schedule_.now_us();
  for (const std::uint64_t number :
       {device_.trace_hash(), clients_.hash(), report_.events, report_.lives}) {
    Hash(number);
  }
  return report_;
}

Result<void> World::RunAll() {
  while (schedule_.now_us() < options_.duration_us) {
    const Result<bool> started = Start();
    if (!started) {
      return tl::unexpected(started.error());
    }
    if (*started) {
      ++report_.lives;
      if (Result<void> lived = Live(); !lived) {
        return lived;
      }
    }
    if (Result<void> tried = TryDamagedCopy(); !tried) {
      return tl::unexpected(tried.error());
    }
    Hash(device_.trace_hash());
  }
  return {};
}

// ---- a life

Result<void> World::Live() {
  PlanLife();
  while (!down_ && schedule_.now_us() < life_.end_us) {
    ChangeWorld();
    Result<void> done = Advance(NextTurnUs());
    if (done && !down_) {
      done = Turn();
    }
    if (!done) {
      return done;
    }
  }
  return down_ ? Result<void>() : EndLife();
}

std::int64_t World::NextTurnUs() const {
  if (life_.node->has_work()) {
    return schedule_.now_us();
  }
  std::int64_t next_us = std::min(clock_.ScheduleUs(life_.persistence->next_us()), next_tick_us_);
  if (const std::optional<std::int64_t> deadline_us = life_.node->next_deadline_us(); deadline_us) {
    next_us = std::min(next_us, clock_.ScheduleUs(*deadline_us));
  }
  if (!quiet_) {
    next_us = std::min(next_us, next_command_us_);
  }
  return std::max(next_us, schedule_.now_us());
}

// Until then, or until a worker has something to say.
Result<void> World::Advance(std::int64_t until_us) {
  while (!woken_ && !down_) {
    const auto next_us = schedule_.NextUs();
    if (!next_us || *next_us > until_us) {
      schedule_.RunUntil(until_us);
      return {};
    }
    schedule_.RunOne();
    if (Result<void> checked = AfterEvent(); !checked) {
      return checked;
    }
  }
  return {};
}

// As the server's hub has it.
Result<void> World::Turn() {
  woken_ = false;
  const Now now{.mono_us = clock_.MonotonicUs(), .wall_us = clock_.WallUs()};
  turn_us_ = now.mono_us;
  const std::size_t log_room = life_.persistence->log_room();
  Result<void> done = Step(TurnStarted{.now = now, .log_room = log_room});
  if (const std::string late = lifetimes_.OnTurn(turn_us_);
      done && !late.empty() && log_room >= kRoomForAll && !life_.node->has_work()) {
    return Violated(late);
  }
  if (done) {
    done = TakeNews();
  }
  if (done && !down_ && !quiet_ && schedule_.now_us() >= next_command_us_) {
    next_command_us_ =
        schedule_.now_us() + static_cast<std::int64_t>(prng_.Below(2 * command_gap_us_));
    done = RunCommands();
  }
  if (done && !down_) {
    done = Step(TurnEnded{});
  }
  if (!done || down_) {
    return done;
  }
  if (const Result<void> ended = life_.persistence->EndTurn(now); !ended) {
    return Stopped(ended.error());
  }
  oracle_.OnWritten();
  records_heard_ = life_.node->records().size();
  clients_.Release();
  if (schedule_.now_us() >= next_tick_us_) {
    next_tick_us_ = schedule_.now_us() + kTickUs;
    done = Step(Tick{});
  }
  if (done) {
    done = AfterEvent();
  }
  if (done && !down_) {
    // A turn takes time, and workers go on meanwhile.
    const bool woken = std::exchange(woken_, false);
    done = Advance(schedule_.now_us() + prng_.InRange(5, 60));
    woken_ = woken_ || woken;
  }
  return done;
}

Result<void> World::TakeNews() {
  const Persistence::News& news = life_.persistence->Collect();
  if (news.failure) {
    return Stopped(*news.failure);
  }
  if (news.durable > life_.node->gate().durable()) {
    if (Result<void> synced = oracle_.MustBeSynced(news.durable, "what the node says"); !synced) {
      return synced;
    }
    if (Result<void> stepped = Step(LogSynced{news.durable}); !stepped) {
      return stepped;
    }
  }
  for (const OperationResult& result : news.results) {
    if (Result<void> stepped = Step(OperationEnded{&result}); !stepped) {
      return stepped;
    }
  }
  return {};
}

Result<void> World::RunCommands() {
  for (std::uint64_t left = 1 + prng_.Below(kCommandsPerTurnMax); left > 0; --left) {
    if (Result<void> ran = RunCommand(static_cast<std::uint32_t>(prng_.Below(Clients::kSessions)));
        !ran) {
      return ran;
    }
  }
  return {};
}

Result<void> World::RunCommand(std::uint32_t slot) {
  if (clients_.WaitsFor(slot) >= kWaitingMax) {
    return {};
  }
  if (clients_.IsOpen(slot) && prng_.Chance(1, 200)) {
    const SessionId leaving = clients_.IdOf(slot);
    lifetimes_.OnSessionEnded(clients_.SessionNameOf(slot).owner());
    clients_.Close(slot);
    return Step(SessionClosed{leaving});
  }
  Script script = Clients::First();
  if (clients_.IsOpen(slot)) {
    script = clients_.Next(slot);
  } else {
    const SessionId opening = clients_.Open(slot);
    if (Result<void> opened =
            Step(SessionOpened{.session = opening, .name = clients_.SessionNameOf(slot)});
        !opened) {
      return opened;
    }
  }
  const Command command = script.ToCommand();
  clients_.Begin(slot, script);
  return Step(ClientCommand{.session = clients_.IdOf(slot), .command = &command}, &script);
}

Result<void> World::Step(const Input& input, const Script* script) {
  life_.node->Step(input, output_);
  const std::string_view records = life_.node->records().substr(records_heard_);
  records_heard_ = life_.node->records().size();
  const LifetimeOracle::By by = std::holds_alternative<TurnStarted>(input)
                                    ? LifetimeOracle::By::kNode
                                    : LifetimeOracle::By::kClient;
  std::string broken;
  Result<void> heard = oracle_.OnRecords(
      records, schedule_.now_us(), [&](const DecodedRecord& record, const Model& before) {
        clients_.OnRecord(record, before);
        broken = broken.empty() ? lifetimes_.OnRecord(record.record, turn_us_, by) : broken;
      });
  if (!heard) {
    return heard;
  }
  if (!broken.empty()) {
    return Violated(broken);
  }
  if (script != nullptr) {
    clients_.End(*script);
  }
  return clients_.OnOutput(output_);
}

Result<void> World::AfterEvent() {
  ++report_.events;
  if (device_.crashed()) {
    Fall(Ending::kInCall);
    return {};
  }
  if (device_.calls() == calls_checked_) {
    return {};
  }
  calls_checked_ = device_.calls();
  return oracle_.CheckFiles();
}

}  // namespace nunc
