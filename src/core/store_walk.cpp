#include "core/store_walk.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/planted.h"

namespace nunc {

StoreWalk::StoreWalk(Store& store, Revision up_to, DatabaseId only) : store_(store), up_to_(up_to) {
  for (const DatabaseState& state : store.States()) {
    if (only == DatabaseId{} || state.id == only) {
      databases_.push_back({.state = state, .name = std::string(state.name)});
      databases_.back().state.name = {};
    }
  }
}

StoreWalk::Item StoreWalk::Next() {
  if (walk_) {
    const Entry* entry = walk_->Next();
    if (entry != nullptr && entry->revision() <= up_to_) {
      const Database* database = store_.Find(databases_[position_ - 1].state.id);
      return EntryState{
          .key = entry->key(),
          .value = entry->is_tombstone() ? std::string_view{} : entry->value(),
          .version = entry->version(),
          .removed = entry->is_tombstone(),
          .in_conflict = entry->in_conflict(),
          .lifetime = database == nullptr || Planted(Bug::kLifetimeNotInSnapshot)
                          ? Lifetime{}
                          : database->LifetimeOf(*entry),
          .revision = entry->revision(),
          .removed_at_us = entry->is_tombstone() ? entry->tombstone_links().removed_at_us : 0};
    }
    walk_.reset();
    after_session_ = 0;
  }
  if (after_session_) {
    if (std::optional<RetryState> retries = NextRetries(); retries) {
      return std::move(*retries);
    }
    after_session_.reset();
  }
  if (position_ == databases_.size()) {
    return {};
  }
  const Planned& planned = databases_[position_++];
  if (Database* database = store_.Find(planned.state.id); database != nullptr) {
    walk_.emplace(database->revision_order());
    return database->State();
  }
  DatabaseState dropped = planned.state;
  dropped.name = planned.name;
  return dropped;
}

// What a session has done meanwhile is left out: the log says it again. One that has begun
// meanwhile is told as empty, for the caller looks at its clock now and then.
std::optional<RetryState> StoreWalk::NextRetries() {
  const DatabaseId database = databases_[position_ - 1].state.id;
  const bool is_told = store_.Find(database) != nullptr && !Planted(Bug::kFleetRetriesLost);
  const RetryState* next = is_told ? store_.retries().NextOf(database, *after_session_) : nullptr;
  if (next == nullptr) {
    return std::nullopt;
  }
  after_session_ = next->session;
  RetryState told{.session = next->session,
                  .floor = next->floor,
                  .newest = std::min(next->newest, up_to_),
                  .time_us = next->time_us};
  std::ranges::copy_if(next->results, std::back_inserter(told.results),
                       [&](const RetryResult& result) { return result.revision <= up_to_; });
  return told;
}

}  // namespace nunc
