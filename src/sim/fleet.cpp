#include "sim/fleet.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace nunc {
namespace {

constexpr std::int64_t kWallStartUs = 1'790'000'000'000'000;
constexpr SimWorker::Delays kDisk{.before = {.first_us = 0, .last_us = 200},
                                  .duration = {.first_us = 50, .last_us = 3'000}};
constexpr std::string_view kFinal = "final";
constexpr std::string_view kFast = "fast";
constexpr std::size_t kShortUndoBytes = 5'000;
// What is written where logs are short: so much that segments become full.
constexpr std::size_t kPadBytes = 3'000;

std::string ViewKey(DatabaseId database, std::string_view key) {
  return std::to_string(database.value) + " " + std::string(key);
}

PersistenceOptions LogOf(const FleetOptions& options) {
  const LogKeep all{.bytes = UINT64_MAX, .age_us = INT64_MAX};
  const LogKeep none{.bytes = 1, .age_us = 1};
  // One frame of records finds a place in a segment.
  return {.segment_bytes = 300'000,
          .snapshot_every_bytes = 100'000,
          .keep = options.cleans ? none : all};
}

}  // namespace

FleetReport SimulateFleet(const FleetOptions& options) {
  return Fleet(options).Run();
}

Fleet::Machine::Machine(SimSchedule& schedule, std::uint64_t seed)
    : disk(device, "data"),
      sync(schedule, kDisk, seed + 1),
      bulk(schedule, kDisk, seed + 2),
      clock(schedule, kWallStartUs),
      random(seed + 3) {}

Fleet::Fleet(const FleetOptions& options)
    : options_(options), prng_(options.seed), net_(schedule_, options.seed + 9, options.nodes) {
  for (std::size_t i = 0; options_.counts && i < options_.nodes; ++i) {
    counters_.push_back(
        {.key = "count" + std::to_string(i), .session = {.high = i + 1}, .gives_up = i % 2 == 1});
  }
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    machines_.push_back(std::make_unique<Machine>(schedule_, options_.seed * 100 + i * 10));
    for (SimWorker* worker : {&machines_[i]->sync, &machines_[i]->bulk}) {
      worker->OnFinished([this, i] {
        machines_[i]->woken = true;
        PlanTurn(i);
      });
    }
  }
}

void Fleet::Tell(const std::string& what) const {
  if (options_.tell) {
    options_.tell(std::to_string(schedule_.now_us()) + " us: " + what);
  }
}

void Fleet::Violate(const std::string& what) {
  if (!report_.violation) {
    report_.violation = std::to_string(schedule_.now_us()) + " us: " + what;
  }
}

// ---- lives

void Fleet::Start(std::size_t index) {
  Machine& machine = *machines_[index];
  machine.node = std::make_unique<Node>(ExecutorOptions{.user = "a",
                                                        .password = "b",
                                                        .address = {},
                                                        .hash_seed = options_.seed + index,
                                                        .value_bytes_max = 4'000,
                                                        .forwards = true,
                                                        .has_log = true});
  machine.node->store().KeepUndo(options_.cleans ? kShortUndoBytes : kUndoBytesMax);
  const PersistenceWorld world{.data = machine.disk,
                               .log = machine.disk,
                               .sync = machine.sync,
                               .bulk = machine.bulk,
                               .clock = machine.clock,
                               .random = machine.random};
  const PersistenceOptions options = LogOf(options_);
  Result<Recovered> recovered = Recover(
      world, options.segment_bytes, machine.node->store(), [](const auto&) {},
      index == 0 ? FirstStart::kOwnCluster : FirstStart::kJoins);
  if (!recovered) {
    return NotStarted(index, recovered.error());
  }
  const std::string address = std::to_string(index) + " client-" + std::to_string(index);
  const Priority priority{static_cast<std::uint32_t>(index + 1)};
  Membership membership{.id = {index + 1},
                        .members = {},
                        .arbiter_node = options_.arbiter_node && index + 1 == machines_.size()};
  if (index == 0) {
    membership.members = FirstMembers(recovered->meta->value(), membership.id, priority, address);
  }
  Result<std::unique_ptr<Persistence>> persistence =
      Persistence::StartMember(world, *machine.node, options, std::move(*recovered), membership);
  if (!persistence) {
    return NotStarted(index, persistence.error());
  }
  machine.persistence = std::move(*persistence);
  Result<MemberStart> start = machine.persistence->member_start(prng_.Next());
  if (!start) {
    return Violate("node " + std::to_string(index) + ": " + start.error().detail);
  }
  machine.driver = std::make_unique<ClusterDriver>(
      ClusterDriver::World{
          .node = *machine.node,
          .persistence = *machine.persistence,
          .net = net_.Of(index),
          .heard = [this, &machine](const Output& heard) { Hear(machine, heard); }},
      MemberOptions{.address = address,
                    .priority = priority,
                    .join = {"0"},
                    .keep_log_us = options_.cleans ? 0 : kMemberKeepUs},
      std::move(*start),
      Now{.mono_us = machine.clock.MonotonicUs(), .wall_us = machine.clock.WallUs()});
  net_.SetProcess(index, machine.driver.get());
  machine.runs = true;
  machine.ready = false;
  machine.view.clear();
  machine.asked.clear();
  machine.answered = {};
  machine.in_final = true;
  Step(machine, SessionOpened{.session = kWriter});
  Step(machine, SessionOpened{.session = kWatcher});
  Step(machine, SessionOpened{.session = kCounting});
  PlanTurn(index);
}

void Fleet::Stop(std::size_t index, bool power_cut) {
  Machine& machine = *machines_[index];
  Tell("node " + std::to_string(index) + (power_cut ? " loses power" : " is killed"));
  report_.unknown += machine.asked.size();
  LoseCounted(machine);
  net_.SetProcess(index, nullptr);
  machine.runs = false;
  machine.will_crash = false;
  machine.was_primary = false;
  machine.driver.reset();
  machine.sync.Abandon();
  machine.bulk.Abandon();
  machine.persistence.reset();
  machine.node.reset();
  if (power_cut) {
    machine.device.Crash(prng_);
  } else {
    machine.device.KillProcess();
  }
}

// It may lose power while the state that has come becomes its folder.
void Fleet::Reload(std::size_t index) {
  ++report_.full_syncs;
  Tell("node " + std::to_string(index) + " has a whole state");
  Stop(index, false);
  if (!healed_ && prng_.Chance(1, 2)) {
    machines_[index]->device.CrashAtCall(1 + prng_.Below(80));
    machines_[index]->will_crash = true;
  }
  Start(index);
}

void Fleet::DisturbSync(std::size_t index) {
  Machine* primary = Primary();
  if (primary == nullptr || prng_.Chance(1, 2)) {
    Tell("node " + std::to_string(index) + " will lose power while a state comes");
    machines_[index]->device.CrashAtCall(1 + prng_.Below(10));
    machines_[index]->will_crash = true;
    return;
  }
  Tell("the primary hands over while a state is sent");
  primary->driver->HandOver(0);
}

void Fleet::NotStarted(std::size_t index, const Error& error) {
  Machine& machine = *machines_[index];
  if (!machine.device.crashed()) {
    return Violate("node " + std::to_string(index) + " does not start: " + error.detail);
  }
  Tell("node " + std::to_string(index) + " loses power while it starts");
  machine.will_crash = false;
  machine.node.reset();
  machine.sync.Abandon();
  machine.bulk.Abandon();
  machine.device.Crash(prng_);
}

// ---- turns

void Fleet::PlanTurn(std::size_t index) {
  Machine& machine = *machines_[index];
  const std::int64_t at_us = schedule_.now_us() + prng_.InRange(20, 300);
  if (machine.next_turn_us > schedule_.now_us() && machine.next_turn_us <= at_us) {
    return;
  }
  machine.next_turn_us = at_us;
  schedule_.At(at_us, [this, index, at_us] {
    if (machines_[index]->runs && machines_[index]->next_turn_us == at_us) {
      Turn(index);
    }
  });
}

void Fleet::Turn(std::size_t index) {
  Machine& machine = *machines_[index];
  const Now now{.mono_us = machine.clock.MonotonicUs(), .wall_us = machine.clock.WallUs()};
  machine.driver->StartTurn(now);
  if (machine.driver->receives() && !healed_ && prng_.Chance(1, 25)) {
    DisturbSync(index);
  }
  Step(machine, TurnStarted{.now = now,
                            .log_room = machine.persistence->log_room(),
                            .accepting = machine.driver->accepting()});
  const Persistence::News& news = machine.persistence->Collect();
  if (news.failure) {
    return Ended(index, *news.failure);
  }
  machine.driver->TakeNews();
  for (const OperationResult& result : news.results) {
    Step(machine, OperationEnded{&result});
  }
  if (!machine.driver->halted()) {
    const std::uint64_t rarely = options_.cleans ? 12 : 4;
    if (!machine.ready) {
      OpenSessions(machine);
    } else if (!quiet_ && prng_.Chance(1, rarely)) {
      WriteSomething(machine);
    }
    if (machine.ready && options_.counts && prng_.Chance(1, rarely)) {
      CountSomething(machine);
    }
  }
  Step(machine, TurnEnded{});
  Result<void> ended = machine.driver->EndTurn();
  if (ended) {
    ended = machine.persistence->EndTurn(now);
  }
  if (!ended) {
    return Ended(index, ended.error());
  }
  if (machine.driver->wants_reload()) {
    return Reload(index);
  }
  const bool leads = machine.node->role() == NodeRole::kPrimary;
  if (leads && !std::exchange(machine.was_primary, leads)) {
    ++report_.primaries;
    Tell("node " + std::to_string(index) + " is primary");
  }
  machine.was_primary = leads;
  const std::int64_t next_us =
      std::min({machine.driver->next_us(), machine.persistence->next_us(), now.mono_us + 20'000});
  schedule_.After(std::max<std::int64_t>(20, next_us - machine.clock.MonotonicUs()), [this, index] {
    if (machines_[index]->runs) {
      PlanTurn(index);
    }
  });
}

// In the middle of what it did with its disk, if that was the fault.
void Fleet::Ended(std::size_t index, const Error& error) {
  if (machines_[index]->device.crashed()) {
    return Stop(index, true);
  }
  Violate("node " + std::to_string(index) + " stops: " + error.detail);
}

void Fleet::Step(Machine& machine, const Input& input) {
  machine.node->Step(input, output_);
  if (output_.failure) {
    Violate("a node refuses: " + output_.failure->detail);
  }
  Hear(machine, output_);
}

void Fleet::Run(Machine& machine, SessionId session, const Command& command) {
  if (session == kCounting && command.verb != Verb::kIncrement) {
    machine.counted.emplace_back();
  } else if (session == kWriter) {
    const bool writes = command.verb == Verb::kPut;
    machine.asked.push_back({.key = std::string(writes ? command.key : ""),
                             .value = std::string(writes ? command.value : ""),
                             .final_database = machine.in_final});
  }
  Step(machine, ClientCommand{.session = session, .command = &command});
}

// The databases come with the log; a primary makes them.
void Fleet::OpenSessions(Machine& machine) {
  Run(machine, kWriter, {.verb = Verb::kAuth, .name = "a", .secret = "b"});
  const Store& store = machine.node->store();
  if (store.Find(kFinal) == nullptr || store.Find(kFast) == nullptr) {
    if (machine.node->role() == NodeRole::kPrimary) {
      Run(machine, kWriter,
          {.verb = Verb::kCreateDb, .name = kFinal, .secret = "t", .level = AckLevel::kDisk});
      Run(machine, kWriter,
          {.verb = Verb::kCreateDb, .name = kFast, .secret = "t", .level = AckLevel::kWritten});
    }
    return;
  }
  machine.ready = true;
  Run(machine, kWriter, {.verb = Verb::kUseDb, .name = kFinal, .secret = "t"});
  Run(machine, kCounting, {.verb = Verb::kUseDb, .name = kFinal, .secret = "t"});
  Run(machine, kWatcher, {.verb = Verb::kUseDb, .name = kFinal, .secret = "t"});
  Run(machine, kWatcher, {.verb = Verb::kWatch, .key = "*", .since = "0"});
  Run(machine, kWatcher, {.verb = Verb::kUseDb, .name = kFast, .secret = "t"});
  Run(machine, kWatcher, {.verb = Verb::kWatch, .key = "*", .since = "0"});
}

void Fleet::WriteSomething(Machine& machine) {
  std::string key = "k" + std::to_string(prng_.Below(kKeys));
  std::string value = "v" + std::to_string(++values_);
  const bool in_final = prng_.Chance(1, 2);
  const Command use_db{.verb = Verb::kUseDb, .name = in_final ? kFinal : kFast, .secret = "t"};
  if (machine.node->PauseBefore(kWriter, use_db, 0) == Pause::kNone) {
    machine.in_final = in_final;
    Run(machine, kWriter, use_db);
  }
  if (options_.cleans && machine.in_final) {
    key = value;  // a log that was cleaned has it no more, so the store must
  }
  if (options_.cleans) {
    value += ' ';
    while (value.size() < kPadBytes) {
      value += std::to_string(prng_.Next());
    }
  }
  const Command put{.verb = Verb::kPut, .key = key, .value = value};
  if (machine.node->PauseBefore(kWriter, put, 0) == Pause::kNone) {
    Run(machine, kWriter, put);
  }
}

// ---- what is heard

void Fleet::Hear(Machine& machine, const Output& output) {
  for (const auto& item : output.items) {
    if (const auto* reply = std::get_if<Reply>(&item)) {
      if (reply->session.slot < kStandInsMax) {
        machine.driver->OnReply(*reply, output);
      } else if (reply->session == kWriter && reply->is_status()) {
        HearStatus(machine, *reply);
      } else if (reply->session == kCounting && reply->is_status()) {
        const Counted counted = machine.counted.front();
        machine.counted.pop_front();
        HearCounted(counted, *reply);
      }
      continue;
    }
    const auto& change = std::get<Change>(item);
    for (std::size_t i = 0; i < change.count; ++i) {
      if (output.targets[change.first + i] == kWatcher) {
        HearChange(machine, change);
      }
    }
  }
}

void Fleet::HearStatus(Machine& machine, const Reply& reply) {
  if (machine.asked.empty()) {
    return Violate("a status that nobody asked for");
  }
  const Asked asked = std::move(machine.asked.front());
  machine.asked.pop_front();
  if (asked.key.empty()) {
    return;
  }
  if (reply.kind != ReplyKind::kOk) {
    const bool unknown = reply.error == ErrorCode::kUnknownOutcome;
    ++(unknown ? report_.unknown : report_.refused);
    if (!unknown) {
      refused_.insert(asked.value);
    }
    return;
  }
  report_.forwarded += machine.node->role() == NodeRole::kPrimary ? 0U : 1U;
  if (reply.revision > machine.node->end().revision) {
    Violate(asked.value + " is answered where it has not come to yet");
  }
  if (reply.revision <= std::exchange(machine.answered, reply.revision)) {
    Violate(asked.value + " is not behind what its client wrote before");
  }
  if (asked.final_database) {
    ++report_.acknowledged;
    acknowledged_.insert(asked.value);
  }
}

void Fleet::HearChange(Machine& machine, const Change& change) {
  const std::string key = ViewKey(change.database, change.key);
  if (change.kind == ChangeKind::kStarted) {
    const std::string prefix = ViewKey(change.database, "");
    if (!change.value.starts_with("rewound")) {
      std::erase_if(machine.view, [&](const auto& seen) { return seen.first.starts_with(prefix); });
    } else {
      ++report_.rewinds;
      machine.answered = {};  // those revisions come again
    }
  } else if (change.kind == ChangeKind::kRemoved) {
    machine.view.erase(key);
  } else if (change.kind == ChangeKind::kSet && !change.key.starts_with("$")) {
    machine.view[key] = change.value;
    const Database* database = machine.node->store().Find(change.database);
    const bool counts = change.key.starts_with("count");
    if (!counts && database != nullptr && database->name() == kFinal) {
      shown_.insert(std::string(change.value));
    }
  }
}

}  // namespace nunc
