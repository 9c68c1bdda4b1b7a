#include "core/store_walk.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"
#include "core/conflicts.h"

namespace nunc {

StoreWalk::StoreWalk(Store& store, Revision up_to, DatabaseId only) : store_(store), up_to_(up_to) {
  for (const DatabaseState& state : store.States()) {
    if (only == DatabaseId{} || state.id == only) {
      databases_.push_back({.state = state, .name = std::string(state.name)});
    }
  }
}

EntryState StoreWalk::StateOf(const Entry& entry) const {
  return {.key = entry.key(),
          .value = entry.is_tombstone() ? std::string_view{} : entry.value(),
          .version = entry.version(),
          .removed = entry.is_tombstone(),
          .in_conflict = entry.in_conflict(),
          .revision = std::min(entry.revision(), up_to_),
          .removed_at_us = entry.is_tombstone() ? entry.tombstone_links().removed_at_us : 0};
}

void StoreWalk::NoteWaiting() {
  Database* database = store_.Find(databases_[position_ - 1].state.id);
  if (database == nullptr || Planted(Bug::kMarkedInWalk)) {
    return;
  }
  for (const std::string& key : database->conflicts().OpenConflictKeys()) {
    const std::optional<ConflictName> name = ParseConflictKey(key);
    if (name && (waiting_.empty() || waiting_.back() != name->key)) {
      waiting_.emplace_back(name->key);
    }
  }
}

// Null: that was all. What has been removed or dropped meanwhile the log tells.
const Entry* StoreWalk::NextWaiting() {
  while (!waiting_.empty()) {
    const std::string key = std::move(waiting_.back());
    waiting_.pop_back();
    const Database* database = store_.Find(databases_[position_ - 1].state.id);
    const Entry* entry = database == nullptr ? nullptr : database->Find(key);
    if (entry != nullptr && entry->revision() > up_to_) {
      return entry;
    }
  }
  return nullptr;
}

StoreWalk::Item StoreWalk::Next() {
  if (walk_) {
    const Entry* entry = walk_->Next();
    if (entry != nullptr && entry->revision() <= up_to_) {
      return StateOf(*entry);
    }
    walk_.reset();
    NoteWaiting();
  }
  if (const Entry* entry = NextWaiting(); entry != nullptr) {
    return StateOf(*entry);
  }
  if (position_ == databases_.size()) {
    return {};
  }
  const Told& next = databases_[position_++];
  Database* database = store_.Find(next.state.id);
  if (database == nullptr && Planted(Bug::kDroppedInWalk)) {
    return Next();
  }
  if (database == nullptr) {
    DatabaseState state = next.state;
    state.name = next.name;
    return state;
  }
  walk_.emplace(database->revision_order());
  return database->State();
}

}  // namespace nunc
