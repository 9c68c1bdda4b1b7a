// What happens to the machines of a fleet, and what must hold when all is well again.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "sim/fleet.h"
#include "storage/oplog_reader.h"

namespace nunc {
namespace {

constexpr std::int64_t kJoinUs = 6'000'000;     // for each, until all are voters
constexpr std::int64_t kSettleUs = 12'000'000;  // after the last fault

// By database and key, as watchers name them.
std::map<std::string, std::string> StoredBy(const Store& store) {
  std::map<std::string, std::string> stored;
  for (const std::string_view name : {"final", "fast"}) {
    const Database* database = store.Find(name);
    for (auto at = database->Seek(""); !at.at_end(); at.Advance()) {
      if (!at.entry()->key().starts_with("$")) {
        stored[std::to_string(database->id().value) + " " + std::string(at.entry()->key())] =
            at.entry()->value();
      }
    }
  }
  return stored;
}

}  // namespace

FleetReport Fleet::Run() {
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    Start(i);
  }
  const std::int64_t joined_us = kJoinUs * static_cast<std::int64_t>(machines_.size());
  Advance(joined_us);
  if (Machine* primary = Primary(); primary == nullptr) {
    Violate("no primary at the beginning");
  } else {
    for (const MemberInfo& info : primary->driver->member().members().list) {
      if (info.standing != Standing::kVoter) {
        Violate("node " + std::to_string(info.name.id.value) + " is no voter yet");
      }
    }
    if (primary->driver->member().members().list.size() != machines_.size()) {
      Violate("not all have joined");
    }
  }
  while (schedule_.now_us() < joined_us + options_.duration_us && !report_.violation) {
    DoFault();
    Advance(schedule_.now_us() + prng_.InRange(50'000, 2'500'000));
  }
  // Half of them end with all killed at once, and nobody writing what was on its way once more.
  quiet_ = options_.seed % 2 == 0;
  HealAll();
  Advance(schedule_.now_us() + kSettleUs);
  if (!report_.violation) {
    CheckSame();
  }
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    if (machines_[i]->runs) {
      net_.SetProcess(i, nullptr);
    }
  }
  return report_;
}

void Fleet::Advance(std::int64_t until_us) {
  while (!report_.violation) {
    const std::optional<std::int64_t> next_us = schedule_.NextUs();
    if (!next_us || *next_us > until_us) {
      break;
    }
    schedule_.RunOne();
  }
  schedule_.RunUntil(report_.violation ? schedule_.now_us() : until_us);
}

Fleet::Machine* Fleet::Primary() {
  for (const auto& machine : machines_) {
    if (machine->runs && machine->driver->accepting() &&
        machine->node->role() == NodeRole::kPrimary) {
      return machine.get();
    }
  }
  return nullptr;
}

void Fleet::DoFault() {
  const std::size_t index = prng_.Below(machines_.size());
  Machine& machine = *machines_[index];
  if (!machine.runs) {
    ++report_.restarts;
    Tell("node " + std::to_string(index) + " starts");
    return Start(index);
  }
  switch (prng_.Below(9)) {
    case 0:
      return Stop(index, true);
    case 1:
      return Stop(index, false);
    case 2:
    case 3:
      ++report_.cuts;
      machine.cut = !machine.cut;
      Tell("node " + std::to_string(index) + (machine.cut ? " is cut off" : " is back"));
      return net_.CutOff(index, machine.cut);
    case 4:
    case 5:
      // A node that was cut off soon takes records back, if it has any that nobody else has.
      Tell("node " + std::to_string(index) + " will lose power in a call");
      machine.device.CrashAtCall(1 + prng_.Below(60));
      machine.will_crash = true;
      return;
    case 6:
      return RestartAll();
    case 7:
      machine.clock.JumpWall(prng_.InRange(-3'600'000'000, 3'600'000'000));
      return;
    default:
      Tell("node " + std::to_string(index) + " hands over");
      machine.driver->HandOver(0);
  }
}

// What the logs hold that was not final yet may become so without anybody writing it again.
void Fleet::RestartAll() {
  const bool power_cut = prng_.Chance(1, 2);
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    if (machines_[i]->runs) {
      Stop(i, power_cut);
    }
  }
  for (std::size_t i = 0; i < machines_.size() && !report_.violation; ++i) {
    Start(i);
  }
}

void Fleet::HealAll() {
  Tell("all is healed");
  healed_ = true;
  for (std::size_t i = 0; i < machines_.size() && !report_.violation; ++i) {
    if (machines_[i]->runs && (quiet_ || machines_[i]->will_crash)) {
      Stop(i, machines_[i]->will_crash);
    }
    if (std::exchange(machines_[i]->cut, false)) {
      net_.CutOff(i, false);
    }
    if (!machines_[i]->runs) {
      Start(i);
    }
  }
}

void Fleet::CheckSame() {
  const Machine* primary = Primary();
  if (primary == nullptr) {
    return Violate("no primary after all is healed");
  }
  // Clients go on, so the logs are compared up to where nobody writes any more.
  quiet_ = true;
  Advance(schedule_.now_us() + 3'000'000);
  primary = Primary();
  if (report_.violation) {
    return;
  }
  for (std::size_t i = 0; i < machines_.size() && primary != nullptr; ++i) {
    const Machine& machine = *machines_[i];
    if (!machine.driver->holds_data()) {
      continue;
    }
    Tell("node " + std::to_string(i) + " ends at " +
         std::to_string(machine.node->end().revision.value));
    if (machine.node->end() != primary->node->end()) {
      Violate("the log of node " + std::to_string(i) + " ends at " +
              std::to_string(machine.node->end().revision.value) + ", that of the primary at " +
              std::to_string(primary->node->end().revision.value) + ", or differs");
    }
    if (machine.driver->member().commit() != machine.node->end().revision) {
      Violate("node " + std::to_string(i) + " does not take all for final");
    }
    if (StoredBy(machine.node->store()) != StoredBy(primary->node->store())) {
      Violate("node " + std::to_string(i) + " holds something else than the primary");
    }
    CheckView(machine);
    if (options_.counts) {
      CheckCounts(machine);
    }
  }
  if (!report_.violation && options_.cleans) {
    CheckKept(*machines_.front());
  } else if (!report_.violation) {
    CheckLog();
  }
}

void Fleet::CheckLog() {
  Machine& machine = *machines_.front();
  std::map<std::string, int> found;
  LogReader reader(machine.disk, machine.persistence->log().View());
  Result<void> sought = reader.SeekRevision({1});
  while (sought) {
    const Result<std::optional<DecodedRecord>> next = reader.Next();
    if (!next || !*next) {
      sought = next ? Result<void>() : tl::unexpected(next.error());
      break;
    }
    for (const RecordItem& item : (*next)->record.items) {
      ++found[std::string(item.value)];
    }
  }
  if (!sought) {
    return Violate("the log cannot be read: " + sought.error().detail);
  }
  for (const std::string& value : acknowledged_) {
    if (found[value] != 1) {
      Violate(value + " was acknowledged, and is in the log " + std::to_string(found[value]) +
              " times");
    }
  }
  for (const std::string& value : refused_) {
    if (found[value] != 0) {
      Violate(value + " was refused, and is in the log");
    }
  }
  for (const std::string& value : shown_) {
    if (found[value] != 1) {
      Violate(value + " was shown as final, and is in the log " + std::to_string(found[value]) +
              " times");
    }
  }
}

// Each value has a key of its own there.
void Fleet::CheckKept(const Machine& machine) {
  const Database* database = machine.node->store().Find("final");
  for (const std::set<std::string>& values : {acknowledged_, shown_}) {
    for (const std::string& value : values) {
      const Entry* entry = database->Find(value.substr(0, value.find(' ')));
      if (entry == nullptr || entry->value() != value) {
        Violate(value.substr(0, value.find(' ')) + " was confirmed or shown as final, and is gone");
      }
    }
  }
}

void Fleet::CheckView(const Machine& machine) {
  const std::map<std::string, std::string> stored = StoredBy(machine.node->store());
  if (!machine.ready) {
    return;
  }
  for (const auto& [key, value] : stored) {
    if (const auto seen = machine.view.find(key); seen == machine.view.end()) {
      Violate(std::string("a watcher has not heard of ").append(key).append(" ").append(value));
    } else if (seen->second != value) {
      Violate(std::string("a watcher has ").append(key).append(" as ").append(seen->second));
    }
  }
  for (const auto& [key, value] : machine.view) {
    if (!stored.contains(key)) {
      Violate(std::string("a watcher still has ").append(key).append(" ").append(value));
    }
  }
}

}  // namespace nunc
