#include "sim/lifetime_oracle.h"

#include <algorithm>

#include "core/conflicts.h"

namespace nunc {

void LifetimeOracle::Begin(const Model& model, std::int64_t mono_us, std::int64_t log_us) {
  lives_.clear();
  ended_.clear();
  for (const auto& [id, database] : model.databases()) {
    for (const auto& [key, entry] : database.entries) {
      Note({id, key}, entry.lifetime, mono_us + entry.lifetime.expires_us - log_us);
      ended_.insert(entry.lifetime.owner);
    }
  }
}

void LifetimeOracle::Note(const Place& place, const Lifetime& lifetime, std::int64_t due_us) {
  const auto found = lives_.find(place);
  if (lifetime.empty()) {
    if (found != lives_.end()) {
      lives_.erase(found);
    }
  } else if (found == lives_.end() || !(found->second.lifetime == lifetime)) {
    lives_.insert_or_assign(place, Life{.lifetime = lifetime, .due_us = due_us});
  }
}

std::string LifetimeOracle::OnRecord(const Record& record, std::int64_t mono_us, By by) {
  if (record.type == RecordType::kDropDatabase) {
    std::erase_if(lives_,
                  [&](const auto& life) { return life.first.first == record.database.value; });
  }
  for (const RecordItem& item : record.items) {
    if (item.type == RecordType::kMark) {
      continue;
    }
    if (std::string broken = by == By::kNode ? Judge(record, item, mono_us) : std::string();
        !broken.empty()) {
      return broken;
    }
    const bool lives = item.type != RecordType::kRemove;
    Note({record.database.value, std::string(item.key)}, lives ? item.lifetime : Lifetime{},
         mono_us + item.lifetime.expires_us - record.time_us);
  }
  return {};
}

std::string LifetimeOracle::Judge(const Record& record, const RecordItem& item,
                                  std::int64_t mono_us) const {
  const std::string key(item.key);
  if (key.starts_with(kConflictKeyPrefix)) {
    return {};  // it goes with the key it is about
  }
  const auto found = lives_.find({record.database.value, key});
  if (found == lives_.end()) {
    return "early: " + key + " lives for ever, and is changed by the node";
  }
  const Lifetime& lifetime = found->second.lifetime;
  const bool orphan = lifetime.owner != 0 && ended_.contains(lifetime.owner);
  if (item.type == RecordType::kRemove) {
    const bool over = lifetime.expires_us != 0 ? found->second.due_us <= mono_us
                                               : orphan && lifetime.grace_us == 0;
    return over ? std::string() : "early: " + key + " goes before its time";
  }
  const std::int64_t grace_us = item.lifetime.expires_us - record.time_us;
  const bool right = item.type == RecordType::kExpire && orphan && lifetime.expires_us == 0 &&
                     item.lifetime.owner == lifetime.owner && grace_us <= lifetime.grace_us &&
                     grace_us + kSlackUs >= lifetime.grace_us;
  return right ? std::string() : "grace: of " + key + " is not what it was to be";
}

std::string LifetimeOracle::OnTurn(std::int64_t mono_us) {
  for (const auto& [place, life] : lives_) {
    const bool late = life.lifetime.expires_us != 0 ? life.due_us + kSlackUs < mono_us
                                                    : ended_.contains(life.lifetime.owner);
    if (late) {
      return "late: " + place.second + " is there still, due " + std::to_string(life.due_us) +
             " at " + std::to_string(mono_us) + ", session " + std::to_string(life.lifetime.owner);
    }
  }
  return {};
}

std::optional<std::int64_t> LifetimeOracle::next_us() const {
  std::optional<std::int64_t> next;
  for (const auto& [place, life] : lives_) {
    if (life.lifetime.expires_us != 0) {
      next = std::min(next.value_or(life.due_us), life.due_us);
    }
  }
  return next;
}

}  // namespace nunc
