#include "sim/sim_folder.h"

#include <utility>

namespace nunc {

void SimFolder::Apply(const Change& change, Names& names) {
  // Whatever name it has: an earlier rename of it may not have been kept.
  std::erase_if(names, [&](const auto& entry) { return entry.second == change.node; });
  if (!change.name.empty()) {
    names.insert_or_assign(change.name, change.node);
  }
}

void SimFolder::Add(Change change) {
  change.replaced = Find(change.name);
  Apply(change, seen_);
  pending_.push_back(std::move(change));
}

void SimFolder::Create(std::uint64_t sequence, std::string_view name,
                       std::shared_ptr<SimNode> node) {
  Add({.sequence = sequence,
       .name = std::string(name),
       .node = std::move(node),
       .replaced = nullptr});
}

void SimFolder::Rename(std::uint64_t sequence, std::string_view from, std::string_view to) {
  Add({.sequence = sequence, .name = std::string(to), .node = Find(from), .replaced = nullptr});
}

void SimFolder::Remove(std::uint64_t sequence, std::string_view name) {
  Add({.sequence = sequence, .name = {}, .node = Find(name), .replaced = nullptr});
}

void SimFolder::Sync() {
  durable_ = seen_;
  pending_.clear();
}

// Whoever had the name durably has given it up by a change that was not kept: it must not end
// without a name, so the change that leans on that one is not kept either.
bool SimFolder::TakesNameOfAnother(const Change& change) const {
  const auto holder = durable_.find(change.name);
  return holder != durable_.end() && holder->second != change.replaced &&
         holder->second != change.node;
}

void SimFolder::Crash(Keep keep, std::uint64_t cut, Prng& prng) {
  for (const Change& change : pending_) {
    const bool kept = keep == Keep::kAll || (keep == Keep::kPrefix && change.sequence < cut) ||
                      (keep == Keep::kAny && prng.Chance(1, 2));
    if (kept && !TakesNameOfAnother(change)) {
      Apply(change, durable_);
    }
  }
  pending_.clear();
  seen_ = durable_;
}

void SimFolder::Put(std::string_view name, std::shared_ptr<SimNode> node) {
  // What was pending for this file, or for others under its name, would undo it.
  std::erase_if(pending_, [&](const Change& old) { return old.node == node || old.name == name; });
  const Change change{
      .sequence = 0, .name = std::string(name), .node = std::move(node), .replaced = nullptr};
  Apply(change, seen_);
  Apply(change, durable_);
}

std::shared_ptr<SimNode> SimFolder::Find(std::string_view name) const {
  const auto found = seen_.find(name);
  return found == seen_.end() ? nullptr : found->second;
}

void SimFolder::AddPending(std::vector<std::uint64_t>& sequences) const {
  for (const Change& change : pending_) {
    sequences.push_back(change.sequence);
  }
}

}  // namespace nunc
