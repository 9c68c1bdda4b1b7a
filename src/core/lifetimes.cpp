#include "core/lifetimes.h"

#include <algorithm>

#include "base/planted.h"

namespace nunc {

void Lifetimes::Link(Item& item) {
  if (item.lifetime.expires_us != 0) {
    constexpr std::int64_t kPlantedUs = 20'000;
    item.due_us = item.lifetime.expires_us + drift_us_ +
                  (Planted(Bug::kWatchLifetimeLong) ? kPlantedUs : 0) -
                  (Planted(Bug::kWatchLifetimeShort) ? kPlantedUs : 0);
    by_due_.emplace(Due{item.due_us, item.number}, &item);
  }
  if (item.lifetime.owner != 0) {
    by_owner_[item.lifetime.owner].emplace(item.number, &item);
  }
}

void Lifetimes::Unlink(const Item& item) {
  if (item.lifetime.expires_us != 0) {
    by_due_.erase(Due{item.due_us, item.number});
  }
  if (item.lifetime.owner != 0) {
    const auto owned = by_owner_.find(item.lifetime.owner);
    owned->second.erase(item.number);
    if (owned->second.empty()) {
      by_owner_.erase(owned);
    }
  }
}

void Lifetimes::Set(Database& database, Entry& entry, const Lifetime& lifetime) {
  const auto found = by_entry_.find(&entry);
  if (lifetime.empty()) {
    if (found != by_entry_.end()) {
      Unlink(found->second);
      by_entry_.erase(found);
    }
    entry.set_has_lifetime(false);
    return;
  }
  if (found == by_entry_.end()) {
    Item& item = by_entry_[&entry];
    item = {.database = &database, .entry = &entry, .lifetime = lifetime, .number = ++last_number_};
    Link(item);
  } else if (!(found->second.lifetime == lifetime)) {
    // What stays as it is keeps its time, whatever the wall clock did meanwhile.
    Unlink(found->second);
    found->second.lifetime = lifetime;
    Link(found->second);
  }
  entry.set_has_lifetime(true);
}

void Lifetimes::Stop() {
  stopped_ = true;
  drift_us_ = 0;
  ended_.clear();
  for (auto& [entry, item] : by_entry_) {
    if (item.lifetime.expires_us != 0 && item.due_us != item.lifetime.expires_us) {
      Unlink(item);
      Link(item);
    }
  }
}

Lifetime Lifetimes::Of(const Entry& entry) const {
  return entry.has_lifetime() ? by_entry_.at(&entry).lifetime : Lifetime{};
}

std::int64_t Lifetimes::LeftMs(const Entry& entry) const {
  const Item* item = entry.has_lifetime() ? &by_entry_.at(&entry) : nullptr;
  return item == nullptr || item->lifetime.expires_us == 0
             ? -1
             : (std::max<std::int64_t>(0, item->due_us - now_us_) + kUsPerMs - 1) / kUsPerMs;
}

const Lifetimes::Item* Lifetimes::FirstDue() const {
  return by_due_.empty() || by_due_.begin()->first.first > now_us_ ? nullptr
                                                                   : by_due_.begin()->second;
}

std::optional<std::int64_t> Lifetimes::next_deadline_us() const {
  const bool comes = !stopped_ && !by_due_.empty() && FirstDue() == nullptr &&
                     !Planted(Bug::kWatchLifetimeUnwoken);
  return comes ? std::optional(by_due_.begin()->first.first - skew_us_) : std::nullopt;
}

void Lifetimes::EndOwner(std::uint64_t owner) {
  if (CountOf(owner) > 0) {
    ended_.push_back({.owner = owner});
  }
}

void Lifetimes::EndOwners(const std::set<std::uint64_t>& here) {
  if (Planted(Bug::kLifetimeOfOldSession)) {
    return;
  }
  for (const auto& [owner, owned] : by_owner_) {
    if (!here.contains(owner)) {
      ended_.push_back({.owner = owner});
    }
  }
}

const Lifetimes::Item* Lifetimes::Next() {
  while (!ended_.empty()) {
    EndedOwner& ended = ended_.front();
    const Item* item = NextOf(ended.owner, ended.after_number);
    if (item == nullptr) {
      ended_.pop_front();
    } else if (item->lifetime.expires_us == 0) {
      return item;
    } else {
      ended.after_number = item->number;
    }
  }
  return FirstDue();
}

std::size_t Lifetimes::CountOf(std::uint64_t owner) const {
  const auto found = by_owner_.find(owner);
  return found == by_owner_.end() ? 0 : found->second.size();
}

const Lifetimes::Item* Lifetimes::NextOf(std::uint64_t owner, std::uint64_t after_number) const {
  const auto found = by_owner_.find(owner);
  if (found == by_owner_.end()) {
    return nullptr;
  }
  const auto next = found->second.upper_bound(after_number);
  return next == found->second.end() ? nullptr : next->second;
}

}  // namespace nunc
