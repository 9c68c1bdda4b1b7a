#include "core/store_walk.h"

#include <algorithm>
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

// What a session has done meanwhile is left out: the log says it again.
std::optional<RetryState> StoreWalk::NextRetries() {
  const DatabaseId database = databases_[position_ - 1].state.id;
  while (store_.Find(database) != nullptr && !Planted(Bug::kFleetRetriesLost)) {
    const RetryState* next = store_.retries().NextOf(database, *after_session_);
    if (next == nullptr) {
      break;
    }
    after_session_ = next->session;
    RetryState told = *next;
    std::erase_if(told.results,
                  [&](const RetryResult& result) { return result.revision > up_to_; });
    told.newest = std::min(told.newest, up_to_);
    if (!told.results.empty() || told.floor > 0) {
      return told;
    }
  }
  return std::nullopt;
}

}  // namespace nunc
