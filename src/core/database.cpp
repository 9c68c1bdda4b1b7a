#include "core/database.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"

namespace nunc {

Database::Database(DatabaseOptions options)
    : options_(std::move(options)), index_(options_.hash_seed) {}

Database::~Database() {
  // Live keys stand in the key order alone, removed ones in the revision order alone.
  for (KeyOrder::Cursor cursor = keys_.Seek(""); !cursor.at_end(); cursor.Advance()) {
    if (cursor.entry()->revision() == Revision{}) {
      Entry::Destroy(cursor.entry());
    }
  }
  Entry* entry = revisions_.oldest();
  while (entry != nullptr) {
    Entry* after = RevisionOrder::After(entry);
    Entry::Destroy(entry);
    entry = after;
  }
}

Entry* Database::Find(std::string_view key, std::uint64_t hash) const {
  Entry* entry = index_.Find(hash, key);
  return entry == nullptr || entry->is_tombstone() ? nullptr : entry;
}

Entry* Database::Set(Entry* existing, const Write& write) {
  Entry* entry = existing;
  if (entry == nullptr) {
    entry = Insert(write);
  } else {
    entry->SetValue(write.value);
    revisions_.MoveToEnd(entry);
  }
  entry->set_version(write.version);
  entry->set_in_conflict(write.in_conflict);
  entry->set_revision(write.revision);
  if (IsSecureKey(write.key)) {
    NoteSecureKey(write.key, write.value, /*removed=*/false);
  }
  return entry;
}

Entry* Database::Insert(const Write& write) {
  Entry* fresh = Entry::Create(write.key, write.value);
  if (Entry* tombstone = index_.Find(write.hash, write.key); tombstone != nullptr) {
    index_.Replace(write.hash, tombstone, fresh);
    UnlinkTombstone(tombstone);
  } else {
    index_.Insert(write.hash, fresh);
  }
  keys_.Insert(fresh);
  revisions_.Append(fresh);
  return fresh;
}

void Database::Remove(Entry* existing, std::uint64_t hash, Revision revision, std::int64_t now_us) {
  CHECK(!existing->is_tombstone());
  Entry* tombstone = Entry::CreateTombstone(
      existing->key(), {.removed_at_us = now_us, .previous = newest_tombstone_, .next = nullptr});
  tombstone->set_revision(revision);
  if (newest_tombstone_ != nullptr) {
    Entry::TombstoneLinks links = newest_tombstone_->tombstone_links();
    links.next = tombstone;
    newest_tombstone_->set_tombstone_links(links);
  } else {
    oldest_tombstone_ = tombstone;
  }
  newest_tombstone_ = tombstone;
  ++tombstones_;
  index_.Replace(hash, existing, tombstone);
  keys_.Erase(existing);
  revisions_.Remove(existing);
  revisions_.Append(tombstone);
  if (IsSecureKey(existing->key())) {
    NoteSecureKey(existing->key(), {}, /*removed=*/true);
  }
  Entry::Destroy(existing);
}

// Takes it out of the tombstones and the revision order, not out of the index.
void Database::UnlinkTombstone(Entry* tombstone) {
  const Entry::TombstoneLinks links = tombstone->tombstone_links();
  if (links.previous != nullptr) {
    Entry::TombstoneLinks previous = links.previous->tombstone_links();
    previous.next = links.next;
    links.previous->set_tombstone_links(previous);
  } else {
    oldest_tombstone_ = links.next;
  }
  if (links.next != nullptr) {
    Entry::TombstoneLinks next = links.next->tombstone_links();
    next.previous = links.previous;
    links.next->set_tombstone_links(next);
  } else {
    newest_tombstone_ = links.previous;
  }
  --tombstones_;
  revisions_.Remove(tombstone);
  Entry::Destroy(tombstone);
}

void Database::DropOldTombstones(std::int64_t now_us, std::size_t most) {
  for (std::size_t dropped = 0; dropped < most && oldest_tombstone_ != nullptr; ++dropped) {
    const bool too_many = tombstones_ > std::max(kTombstonesMin, live_keys() / 4);
    const bool too_old =
        now_us - oldest_tombstone_->tombstone_links().removed_at_us > kTombstoneAgeUsMax;
    if (!too_many && !too_old) {
      return;
    }
    horizon_ = std::max(horizon_, oldest_tombstone_->revision());
    index_.Erase(Hash(oldest_tombstone_->key()), oldest_tombstone_);
    UnlinkTombstone(oldest_tombstone_);
  }
}

Entry* Database::SetLive(std::string_view key, std::string_view value) {
  const std::uint64_t hash = Hash(key);
  if (Entry* entry = Find(key, hash); entry != nullptr) {
    entry->SetValue(value);
    entry->set_version(entry->version() + 1);
    return entry;
  }
  Entry* entry = Entry::Create(key, value);
  index_.Insert(hash, entry);
  keys_.Insert(entry);
  return entry;
}

const PermissionList* Database::PermissionsOf(std::string_view user) const {
  const auto found = permissions_.find(user);
  return found == permissions_.end() ? nullptr : &found->second;
}

void Database::NoteSecureKey(std::string_view key, std::string_view value, bool removed) {
  if (!key.starts_with(kPermissionKeyPrefix)) {
    return;
  }
  ++permissions_epoch_;
  const std::string_view user = key.substr(kPermissionKeyPrefix.size());
  if (!removed) {
    permissions_.insert_or_assign(std::string(user), PermissionList::ParseLenient(value));
  } else if (const auto found = permissions_.find(user); found != permissions_.end()) {
    permissions_.erase(found);
  }
}

}  // namespace nunc
