// How the lives of a node begin and end.
#include <algorithm>
#include <utility>

#include "sim/world.h"

namespace nunc {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
// A full disk is asked again this often at least; then service must be back.
constexpr std::int64_t kBackUs = 1'500'000;
constexpr std::int64_t kAnswerUs = 10 * kSecondUs;
constexpr std::uint64_t kCallsToFault = 150;

bool Has(const Error& error, std::string_view text) {
  return error.detail.find(text) != std::string::npos;
}

void CopyFiles(const SimDisk& from, SimDisk& to) {
  for (const std::string& name : from.Names()) {
    to.SetContent(name, from.Content(name));
  }
}

}  // namespace

// ---- beginning

Result<bool> World::Start() {
  down_ = false;
  life_ = {};
  life_.node = std::make_unique<Node>(NodeOptions());
  records_heard_ = 0;
  if (prng_.Chance(1, 6)) {
    device_.CrashAtCall(1 + prng_.Below(kCallsToFault));
  } else if (prng_.Chance(1, 12)) {
    device_.FailCall(1 + prng_.Below(kCallsToFault),
                     prng_.Chance(1, 2) ? Fault::kIo : Fault::kNoSpace);
  }
  Result<Recovered> recovered = Recover(Around(), persistence_options_.segment_bytes,
                                        life_.node->store(), [](const RecoveryProgress&) {});
  if (!recovered) {
    return StartFailed(recovered.error());
  }
  Result<void> judged = recovered->report.fresh ? oracle_.OnFresh() : Result<void>();
  if (judged) {
    judged = oracle_.OnRecovered(recovered->log.end, life_.node->store());
  }
  if (!judged) {
    return tl::unexpected(judged.error());
  }
  const Revision before = recovered->log.end.revision;
  const std::int64_t begun_us = clock_.MonotonicUs();
  const std::int64_t log_us = life_.node->store().LogTimeUs(clock_.WallUs());
  Result<std::unique_ptr<Persistence>> persistence =
      Persistence::Start(Around(), *life_.node, persistence_options_, std::move(*recovered));
  if (life_.node->end().revision > before) {
    judged = oracle_.OnTermBegun(life_.node->end());
  }
  if (judged && persistence) {
    life_.persistence = std::move(*persistence);
    lifetimes_.Begin(oracle_.model(), begun_us, log_us);
    judged = oracle_.OnStarted();
  }
  if (!judged) {
    return tl::unexpected(judged.error());
  }
  return persistence ? Result<bool>(true) : StartFailed(persistence.error());
}

Result<bool> World::StartFailed(const Error& error) {
  Tell("no start: " + error.detail);
  const bool lacks_space = full_ && error.fault == Fault::kNoSpace;
  if (!device_.crashed() && !IsOurs(error) && !lacks_space) {
    return Violated("the start was refused: " + error.detail);
  }
  ++report_.faults["during a start"];
  full_ = false;
  device_.SetCapacity(SimDevice::kDefaultCapacityBytes);
  Fall(Ending::kInCall);
  return false;
}

bool World::IsOurs(const Error& error) const {
  return Has(error, "made to fail") || Has(error, "the machine is down");
}

void World::PlanLife() {
  const std::int64_t now_us = schedule_.now_us();
  life_.ending = static_cast<Ending>(prng_.Below(kEndings));
  const std::int64_t longest_us = prng_.Chance(1, 4) ? 3 * kSecondUs : 400'000;
  life_.fault_us = now_us + prng_.InRange(0, longest_us);
  life_.end_us = life_.fault_us + prng_.InRange(1'000, 100'000);
  if (life_.ending == Ending::kFailedCall || life_.ending == Ending::kFailedSync ||
      life_.ending == Ending::kInCall) {
    life_.end_us = life_.fault_us + kSecondUs;
  }
  if (life_.ending == Ending::kFull) {
    life_.space_us = life_.fault_us + prng_.InRange(10'000, kSecondUs);
    life_.end_us = life_.space_us + kBackUs + kSecondUs / 2;
  }
  quiet_ = false;
  next_command_us_ = now_us;
  next_tick_us_ = now_us + kSecondUs;
  life_.refused = clients_.refused_full();
}

// ---- during a life

void World::ChangeWorld() {
  const std::int64_t now_us = schedule_.now_us();
  if (!life_.faulted && now_us >= life_.fault_us) {
    life_.faulted = true;
    DoFault();
  }
  if (full_ && now_us >= life_.space_us) {
    full_ = false;
    device_.SetCapacity(SimDevice::kDefaultCapacityBytes);
    Tell("there is space again");
  }
  if (life_.space_us > 0 && !life_.judged && now_us >= life_.space_us + kBackUs) {
    life_.judged = true;
    life_.refused = clients_.refused_full();
  }
  if (prng_.Chance(1, 2'000)) {
    const std::int64_t longest_us = std::int64_t{prng_.Chance(1, 5) ? 72 : 3} * 3'600 * kSecondUs;
    clock_.JumpWall(prng_.InRange(-longest_us, longest_us));
    ++report_.faults["wall clock jump"];
  }
}

void World::DoFault() {
  switch (life_.ending) {
    case Ending::kInCall:
      device_.CrashAtCall(1 + prng_.Below(kCallsToFault));
      return;
    case Ending::kFailedSync:
      Tell("the next sync will fail");
      ++report_.faults["failed sync"];
      return device_.FailNextSync();
    case Ending::kFailedCall: {
      const Fault fault = prng_.Chance(2, 3) ? Fault::kIo : Fault::kNoSpace;
      Tell("a call will fail");
      ++report_.faults["failed call"];
      return device_.FailCall(1 + prng_.Below(kCallsToFault), fault);
    }
    case Ending::kFull:
      full_ = true;
      ++report_.faults["full disk"];
      device_.SetCapacity(device_.UsedBytes() +
                          prng_.Below(2 * persistence_options_.segment_bytes));
      return Tell("the disk is full");
    case Ending::kPowerCut:
    case Ending::kKill:
    case Ending::kStop:
      return;
  }
}

Result<void> World::Stopped(const Error& error) {
  Tell("stopped: " + error.detail);
  if (!device_.crashed() && !IsOurs(error)) {
    return Violated("the node stopped: " + error.detail);
  }
  Fall(Ending::kInCall);
  return {};
}

// ---- ending

Result<void> World::EndLife() {
  if (Result<void> same = oracle_.CheckStore(life_.node->store()); !same) {
    return same;
  }
  const bool room =
      life_.ending != Ending::kFailedCall && (life_.ending != Ending::kFull || life_.judged);
  if (room && clients_.refused_full() > life_.refused) {
    return Violated("a write was refused for want of space where there is some");
  }
  if (life_.ending == Ending::kStop || (life_.ending == Ending::kFull && prng_.Chance(1, 2))) {
    return StopCleanly();
  }
  Fall(life_.ending == Ending::kKill ? Ending::kKill : Ending::kPowerCut);
  return {};
}

Result<void> World::StopCleanly() {
  quiet_ = true;
  const std::int64_t until_us = schedule_.now_us() + kAnswerUs;
  while (!down_ && (clients_.AnyWaits() || !life_.node->gate().empty())) {
    if (schedule_.now_us() >= until_us) {
      return Violated("a reply or change has not come in 10 s");
    }
    Result<void> done = Advance(NextTurnUs());
    if (done && !down_) {
      done = Turn();
    }
    if (!done) {
      return done;
    }
  }
  if (down_) {
    return {};
  }
  Result<void> checked = clients_.CheckAllHeard();
  if (!checked) {
    return checked;
  }
  if (const Result<void> finished = life_.persistence->Finish(); !finished) {
    return Stopped(finished.error());
  }
  checked = oracle_.MustBeSynced(oracle_.newest(), "a clean stop");
  if (checked) {
    oracle_.OnPromised(oracle_.newest());
    Fall(Ending::kStop);
  }
  return checked;
}

void World::Fall(Ending ending) {
  static constexpr std::string_view kNames[] = {"power cut", "in a call", "kill", "clean stop"};
  sync_.Abandon();
  sync_beside_.Abandon();
  bulk_.Abandon();
  life_.persistence.reset();
  life_.node.reset();
  clients_.BeginLife();
  down_ = true;
  woken_ = false;
  const bool in_call = ending == Ending::kInCall;
  const bool power = ending == Ending::kPowerCut || (in_call && prng_.Chance(1, 2)) ||
                     (ending == Ending::kStop && prng_.Chance(1, 3));
  ++report_.faults[std::string(kNames[static_cast<std::size_t>(ending)])];
  Tell(std::string(kNames[static_cast<std::size_t>(ending)]) + (power ? ", no power" : ""));
  if (power) {
    device_.Crash(prng_);
  } else {
    device_.KillProcess();
  }
  oracle_.OnFall(power, schedule_.now_us());
  if (full_ && prng_.Chance(2, 3)) {
    full_ = false;
    device_.SetCapacity(SimDevice::kDefaultCapacityBytes);
  }
}

// ---- damage

// The mark that a start will hold the log to.
Revision World::DurableMark() const {
  SimDevice device;
  SimDisk data(device, "data");
  CopyFiles(data_, data);
  const auto meta = MetaFile::Load(data);
  return meta ? (*meta)->value().durable : Revision{};
}

// On a copy of the disk, so that the world goes on with what it had.
Result<void> World::TryDamagedCopy() {
  if (prng_.Chance(1, 3)) {
    return {};
  }
  const Revision mark = DurableMark();
  SimDevice device;
  SimDisk data(device, "data");
  SimDisk log(device, options_.seed % 2 == 0 ? "data" : "log");
  CopyFiles(data_, data);
  CopyFiles(log_, log);
  SimDisk& disk = prng_.Chance(1, 2) ? data : log;
  const std::vector<std::string> names = disk.Names();
  if (names.empty()) {
    return {};
  }
  const std::string& name = names[prng_.Below(names.size())];
  const std::string content = disk.Content(name);
  if (content.empty()) {
    return {};
  }
  const std::uint64_t place = prng_.Below(content.size());
  const bool cut = prng_.Chance(1, 3);
  ++report_.faults[cut ? "file cut short" : "bit flip"];
  Tell((cut ? "cut " : "flip ") + name + " at " + std::to_string(place));
  if (cut) {
    disk.SetContent(name, std::string_view(content).substr(0, place));
  } else {
    disk.FlipBit(name, place * 8 + prng_.Below(8));
  }
  // Of a damaged meta file an older half may be left.
  return RecoverCopy(data, log, name == kMetaName ? Revision{} : mark);
}

Result<void> World::RecoverCopy(SimDisk& data, SimDisk& log, Revision mark) {
  SimSchedule schedule;
  SimWorker sync(schedule, {}, 1);
  SimWorker bulk(schedule, {}, 2);
  LookedAtClock clock(schedule, clock_.WallUs());
  SimRandom random(3);
  Node node(NodeOptions());
  const Result<Recovered> recovered = Recover(
      {.data = data, .log = log, .sync = sync, .bulk = bulk, .clock = clock, .random = random},
      persistence_options_.segment_bytes, node.store(), [](const RecoveryProgress&) {});
  if (!recovered) {
    const Error& error = recovered.error();
    const bool named =
        Has(error, "/") && (error.fault == Fault::kDamaged || error.fault == Fault::kInvalid);
    return named ? Result<void>() : Violated("damage was refused without a name: " + error.detail);
  }
  return oracle_.CheckCopy(recovered->log.end, node.store(), mark);
}

}  // namespace nunc
