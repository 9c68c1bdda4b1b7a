#include "core/database.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/planted.h"

namespace nunc {

Database::Database(DatabaseOptions options)
    : options_(std::move(options)), index_(options_.hash_seed) {}

Database::~Database() {
  revisions_.EndWalks();
  FreeSome(SIZE_MAX);
  for (Entry* entry : live_) {
    Entry::Destroy(entry);
  }
}

bool Database::FreeSome(std::size_t most) {
  for (std::size_t freed = 0; freed < most; ++freed) {
    Entry* entry = revisions_.oldest();
    if (entry == nullptr) {
      return true;
    }
    revisions_.Remove(entry);
    SetLifetime(*entry, {});
    Uncount(entry);
    Entry::Destroy(entry);
  }
  return false;
}

void Database::Count(const Entry* entry) {
  bytes_ += entry->AllocatedBytes() + kOrderBytes;
  if (options_.store_bytes != nullptr) {
    *options_.store_bytes += entry->AllocatedBytes() + kOrderBytes;
  }
}

void Database::Uncount(const Entry* entry) {
  bytes_ -= entry->AllocatedBytes() + kOrderBytes;
  if (options_.store_bytes != nullptr) {
    *options_.store_bytes -= entry->AllocatedBytes() + kOrderBytes;
  }
}

KeyOrder::Cursor Database::SeekBehind(std::string_view after, std::string_view prefix) const {
  KeyOrder::Cursor cursor = Seek(std::max(prefix, after));
  if (!cursor.at_end() && cursor.entry()->key() == after) {
    cursor.Advance();
  }
  return cursor;
}

DatabaseState Database::State() const {
  return {.id = options_.id,
          .name = options_.name,
          .strategy = options_.strategy,
          .level = options_.level,
          .arbiter_seen = conflicts_.arbiter_seen(),
          .horizon = horizon_};
}

Entry* Database::Find(std::string_view key, std::uint64_t hash) const {
  Entry* entry = index_.Find(hash, key);
  return entry == nullptr || entry->is_tombstone() ? nullptr : entry;
}

bool Database::is_unfinished() const {
  const Entry* token = Find(kTokenKey);
  return token != nullptr && token->value().empty();
}

Entry* Database::Set(Entry* existing, const Write& write) {
  NoteUndo(existing, write.key, write.hash);
  Entry* entry = existing;
  if (entry == nullptr) {
    entry = Insert(write);
  } else {
    Uncount(entry);
    entry->SetValue(write.value);
    Count(entry);
    revisions_.MoveToEnd(entry);
  }
  entry->set_version(write.version);
  entry->set_in_conflict(write.in_conflict);
  entry->set_revision(write.revision);
  if (!write.lifetime.empty() || !Planted(Bug::kLifetimeKeptBySet)) {
    SetLifetime(*entry, write.lifetime);
  }
  if (IsSecureKey(write.key)) {
    secure_revision_ = write.revision;
    NoteSecureKey(write.key, write.value, /*removed=*/false);
  }
  return entry;
}

void Database::SetLifetime(Entry& entry, const Lifetime& lifetime) {
  if (!entry.has_lifetime() && (lifetime.empty() || !MayEnd(entry.key()))) {
    return;
  }
  const bool had = entry.has_lifetime();
  options_.lifetimes->Set(*this, entry, lifetime);
  if (options_.store_bytes != nullptr && had != entry.has_lifetime()) {
    *options_.store_bytes += had ? std::size_t{0} - kLifetimeBytes : kLifetimeBytes;
  }
}

void Database::Mark(Entry* existing) {
  NoteMarks(*existing);
  existing->set_in_conflict(true);
}

void Database::ChangeLifetime(Entry& entry, const Lifetime& lifetime, Revision revision) {
  NoteMarks(entry);
  SetLifetime(entry, lifetime);
  lifetime_revision_ = revision;
}

Revision Database::ShownRevision(const Entry& entry) const {
  if (!entry.in_conflict()) {
    return entry.revision();
  }
  const std::deque<ConflictId>& open = conflicts_.OpenOf(entry.key());
  const Entry* newest = open.empty() ? nullptr : Find(ConflictKey(entry.key(), open.back()));
  return newest == nullptr ? entry.revision() : std::max(entry.revision(), newest->revision());
}

const Entry* Database::OpenQuestion(std::string_view conflict_key) const {
  const std::optional<ConflictName> name = ParseConflictKey(conflict_key);
  return name && conflicts_.IsOpen(*name) ? Find(conflict_key) : nullptr;
}

Revision Database::newest_revision() const {
  const Entry* newest = revisions_.newest();
  return newest == nullptr ? horizon_ : std::max(horizon_, newest->revision());
}

Entry* Database::Insert(const Write& write) {
  Entry* fresh = Entry::Create(write.key, write.value);
  if (Entry* tombstone = index_.Find(write.hash, write.key); tombstone != nullptr) {
    index_.Replace(write.hash, tombstone, fresh);
    UnlinkTombstone(tombstone);
  } else {
    index_.Insert(write.hash, fresh);
  }
  if (!loading_) {
    keys_.Insert(fresh);
  }
  revisions_.Append(fresh);
  Count(fresh);
  return fresh;
}

void Database::Remove(Entry* existing, std::uint64_t hash, Revision revision, std::int64_t now_us) {
  CHECK(!existing->is_tombstone());
  NoteUndo(existing, existing->key(), hash);
  Entry* tombstone = LinkTombstone(existing->key(), revision, now_us);
  index_.Replace(hash, existing, tombstone);
  if (!loading_) {
    keys_.Erase(existing);
  }
  revisions_.Remove(existing);
  if (IsSecureKey(existing->key())) {
    secure_revision_ = revision;
    NoteSecureKey(existing->key(), {}, /*removed=*/true);
  }
  SetLifetime(*existing, {});
  Uncount(existing);
  Entry::Destroy(existing);
}

// Puts it into the tombstones and the revision order, not into the index.
Entry* Database::LinkTombstone(std::string_view key, Revision revision,
                               std::int64_t removed_at_us) {
  Entry* tombstone = Entry::CreateTombstone(key, {.removed_at_us = removed_at_us});
  tombstone->set_revision(revision);
  ChainTombstone(tombstone, newest_tombstone_);
  ++tombstones_;
  revisions_.Append(tombstone);
  Count(tombstone);
  return tombstone;
}

void Database::ChainTombstone(Entry* tombstone, Entry* previous) {
  Entry* next = oldest_tombstone_;
  if (previous != nullptr) {
    Entry::TombstoneLinks links = previous->tombstone_links();
    next = std::exchange(links.next, tombstone);
    previous->set_tombstone_links(links);
  }
  Entry::TombstoneLinks own = tombstone->tombstone_links();
  own.previous = previous;
  own.next = next;
  tombstone->set_tombstone_links(own);
  if (next != nullptr) {
    Entry::TombstoneLinks links = next->tombstone_links();
    links.previous = tombstone;
    next->set_tombstone_links(links);
  }
  oldest_tombstone_ = previous == nullptr ? tombstone : oldest_tombstone_;
  newest_tombstone_ = next == nullptr ? tombstone : newest_tombstone_;
}

void Database::UnchainTombstone(Entry* tombstone) {
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
}

// Takes it out of the tombstones and the revision order, not out of the index.
void Database::UnlinkTombstone(Entry* tombstone) {
  UnchainTombstone(tombstone);
  --tombstones_;
  Uncount(tombstone);
  revisions_.Remove(tombstone);
  Entry::Destroy(tombstone);
}

void Database::DropOldTombstones(std::int64_t now_us, std::size_t most) {
  for (std::size_t dropped = 0; dropped < most && oldest_tombstone_ != nullptr; ++dropped) {
    const bool too_many = tombstones_ > std::max(kTombstonesMin, live_keys() / 4);
    const bool too_old =
        now_us - oldest_tombstone_->tombstone_links().removed_at_us > kTombstoneAgeUsMax;
    // A removal that may be taken back stays known.
    const bool may_return = options_.undo != nullptr && options_.undo->keeps() &&
                            oldest_tombstone_->revision() > options_.undo->floor();
    if (may_return || (!too_many && !too_old)) {
      return;
    }
    RaiseHorizon(oldest_tombstone_->revision());
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
  if (!loading_) {
    keys_.Insert(entry);
  }
  live_.push_back(entry);
  return entry;
}

// ---- loading

void Database::StartLoading(const DatabaseState& state) {
  CHECK(revisions_.oldest() == nullptr);
  loading_ = true;
  horizon_ = state.horizon;
  if (state.arbiter_seen) {
    conflicts_.set_arbiter_seen();
  }
}

void Database::Load(const EntryState& state) {
  const std::uint64_t hash = Hash(state.key);
  if (!state.removed) {
    Set(Find(state.key, hash), {.key = state.key,
                                .hash = hash,
                                .value = state.value,
                                .version = state.version,
                                .revision = state.revision,
                                .in_conflict = state.in_conflict,
                                .lifetime = state.lifetime});
    return;
  }
  if (Entry* existing = Find(state.key, hash); existing != nullptr) {
    return Remove(existing, hash, state.revision, state.removed_at_us);
  }
  if (FindAny(state.key, hash) == nullptr) {
    NoteUndo(nullptr, state.key, hash);
    index_.Insert(hash, LinkTombstone(state.key, state.revision, state.removed_at_us));
  }
}

void Database::FinishLoading() {
  loading_ = false;
  std::vector<Entry*> entries = live_;
  entries.reserve(live_keys());
  for (Entry* entry = revisions_.oldest(); entry != nullptr; entry = RevisionOrder::After(entry)) {
    if (!entry->is_tombstone()) {
      entries.push_back(entry);
    }
  }
  keys_.Build(entries);
  LoadConflicts();
  for (Entry* entry : entries) {
    if (entry->in_conflict() && conflicts_.OpenOf(entry->key()).empty()) {
      entry->set_in_conflict(false);
    }
  }
}

// The queue follows from its entries: open ones hold the question, decided ones the answer.
void Database::LoadConflicts() {
  std::vector<const Entry*> decided;
  for (KeyOrder::Cursor cursor = keys_.Seek(kConflictKeyPrefix); !cursor.at_end();
       cursor.Advance()) {
    const Entry* entry = cursor.entry();
    if (!entry->key().starts_with(kConflictKeyPrefix)) {
      break;
    }
    const std::optional<ConflictName> name = ParseConflictKey(entry->key());
    if (!name || entry->value().starts_with(kDecidedPrefix) || Find(name->key) == nullptr) {
      decided.push_back(entry);
    } else {
      conflicts_.LoadOpen(name->key, name->id);
      Find(name->key)->set_in_conflict(true);
    }
  }
  std::sort(decided.begin(), decided.end(),
            [](const Entry* a, const Entry* b) { return a->revision() < b->revision(); });
  for (const Entry* entry : decided) {
    conflicts_.LoadClosed(entry->key());
  }
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

void Database::Expect(std::span<const std::string_view> keys) const {
  std::array<std::uint64_t, kExpectedKeysMax> hashes{};
  const std::size_t count = std::min(keys.size(), hashes.size());
  for (std::size_t i = 0; i < count; ++i) {
    hashes[i] = Hash(keys[i]);
    index_.Prefetch(hashes[i]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    index_.PrefetchEntry(hashes[i]);
  }
}

}  // namespace nunc
