// Changes that are taken back: what was before is noted, and put back in its place.
#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "base/planted.h"
#include "core/database.h"

namespace nunc {

void Database::NoteUndo(const Entry* existing, std::string_view key, std::uint64_t hash) {
  if (options_.undo == nullptr || !options_.undo->open()) {
    return;
  }
  Undo::Was was{.database = this, .key = std::string(key)};
  if (existing != nullptr) {
    was.kind = Undo::Was::Kind::kEntry;
    was.value = existing->value();
    was.version = existing->version();
    was.in_conflict = existing->in_conflict();
    was.lifetime = LifetimeOf(*existing);
    was.revision = existing->revision();
  } else if (const Entry* tombstone = index_.Find(hash, key); tombstone != nullptr) {
    was.kind = Undo::Was::Kind::kTombstone;
    was.revision = tombstone->revision();
    was.removed_at_us = tombstone->tombstone_links().removed_at_us;
  }
  options_.undo->Note(std::move(was));
}

void Database::NoteMarks(const Entry& existing) {
  if (options_.undo != nullptr && options_.undo->open()) {
    options_.undo->Note({.kind = Undo::Was::Kind::kMarks,
                         .database = this,
                         .key = std::string(existing.key()),
                         .in_conflict = existing.in_conflict(),
                         .lifetime = LifetimeOf(existing)});
  }
}

void Database::RestoreAbsent(std::string_view key, std::uint64_t hash) {
  Entry* entry = index_.Find(hash, key);
  if (entry == nullptr) {
    return;
  }
  index_.Erase(hash, entry);
  if (entry->is_tombstone()) {
    return UnlinkTombstone(entry);
  }
  keys_.Erase(entry);
  revisions_.Remove(entry);
  if (IsSecureKey(key)) {
    NoteSecureKey(key, {}, /*removed=*/true);
  }
  SetLifetime(*entry, {});
  Uncount(entry);
  Entry::Destroy(entry);
}

void Database::Restore(const Undo::Was& was) {
  const std::uint64_t hash = Hash(was.key);
  Entry* existing = Find(was.key, hash);
  const Revision secure = secure_revision_;  // another `$$` key may have changed later
  switch (was.kind) {
    case Undo::Was::Kind::kEntry:
      Set(existing, {.key = was.key,
                     .hash = hash,
                     .value = was.value,
                     .version = was.version,
                     .revision = was.revision,
                     .in_conflict = was.in_conflict,
                     .lifetime = Planted(Bug::kRewindLifetime) ? Lifetime{} : was.lifetime});
      secure_revision_ = secure;
      return;
    case Undo::Was::Kind::kMarks:
      existing->set_in_conflict(was.in_conflict);
      SetLifetime(*existing, was.lifetime);
      return;
    case Undo::Was::Kind::kTombstone:
      RestoreAbsent(was.key, hash);
      // What is known no more of others need not be known of this one.
      if (was.revision > horizon_ && !Planted(Bug::kRewindTombstone)) {
        index_.Insert(hash, LinkTombstone(was.key, was.revision, was.removed_at_us));
      }
      return;
    case Undo::Was::Kind::kAbsent:
      RestoreAbsent(was.key, hash);
  }
}

void Database::Merge(const std::vector<std::string_view>& keys, Revision newest) {
  revisions_.EndWalks();
  std::vector<Entry*> entries;
  for (const std::string_view key : keys) {
    if (Entry* entry = index_.Find(Hash(key), key); entry != nullptr) {
      entries.push_back(entry);
    }
  }
  for (Entry* entry : entries) {
    revisions_.Remove(entry);
  }
  std::ranges::stable_sort(entries, std::greater{}, &Entry::revision);
  if (Planted(Bug::kRewindOrder)) {
    std::ranges::reverse(entries);
    std::ranges::for_each(entries, [this](Entry* entry) { revisions_.Append(entry); });
  } else {
    revisions_.MergeBack(entries);
  }
  MergeTombstones(entries);
  secure_revision_ = std::min(secure_revision_, newest);
  lifetime_revision_ = std::min(lifetime_revision_, newest);
  conflicts_.Clear();
  LoadConflicts();
}

// They are in the order of their revisions, too; those that were put back stand at the end.
void Database::MergeTombstones(std::span<Entry* const> entries) {
  std::vector<Entry*> tombstones;
  std::ranges::copy_if(entries, std::back_inserter(tombstones), &Entry::is_tombstone);
  for (Entry* tombstone : tombstones) {
    UnchainTombstone(tombstone);
  }
  Entry* place = newest_tombstone_;
  for (Entry* tombstone : tombstones) {
    while (place != nullptr && place->revision() > tombstone->revision()) {
      place = place->tombstone_links().previous;
    }
    ChainTombstone(tombstone, place);
  }
}

}  // namespace nunc
