// One database: its entries in three orders, its watches, its conflicts and its users' rights.
//
// Shape:   Set and Remove change an entry and its place in all orders; who must hear is the
// caller's
//          business (Executor). Nothing here knows sessions' rights or texts.
// Units:   times in microseconds since 1970, as in the op log; a revision comes from the caller.
//          Loading (recovery, restore) leaves the key order and the conflicts for FinishLoading.
// Limits:  tombstones as limits.h says; dropping one raises the horizon.
// Owner:   Executor. Entries are owned here.
// Source:  docs/architecture.md §3.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/conflicts.h"
#include "core/entry.h"
#include "core/hash_index.h"
#include "core/ids.h"
#include "core/key_order.h"
#include "core/lifetimes.h"
#include "core/permissions.h"
#include "core/record.h"
#include "core/special_keys.h"
#include "core/undo.h"
#include "core/watches.h"

namespace nunc {

// Fields of a new database.
struct DatabaseOptions {
  DatabaseId id;
  std::string name;
  Strategy strategy = Strategy::kNone;
  AckLevel level = AckLevel::kWritten;
  std::uint64_t hash_seed = 0;
  std::size_t* store_bytes = nullptr;  // counts the memory of all databases; may be null
  Lifetimes* lifetimes = nullptr;      // of all databases; null: every key lives for ever
  Undo* undo = nullptr;                // of all databases; null: nothing is ever taken back
};

class Database {
 public:
  explicit Database(DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] DatabaseId id() const { return options_.id; }
  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] Strategy strategy() const { return options_.strategy; }
  [[nodiscard]] AckLevel level() const { return options_.level; }

  [[nodiscard]] std::uint64_t Hash(std::string_view key) const { return index_.Hash(key); }
  [[nodiscard]] DatabaseState State() const;

  // Null for a key that is absent or removed.
  [[nodiscard]] Entry* Find(std::string_view key) const { return Find(key, Hash(key)); }
  [[nodiscard]] Entry* Find(std::string_view key, std::uint64_t hash) const;
  // As in HashIndex.
  void Prefetch(std::string_view key) const { index_.Prefetch(Hash(key)); }
  // They are looked up soon, one after the other.
  void Expect(std::span<const std::string_view> keys) const;
  // A tombstone too.
  [[nodiscard]] Entry* FindAny(std::string_view key, std::uint64_t hash) const {
    return index_.Find(hash, key);
  }

  struct Write {
    std::string_view key{};
    std::uint64_t hash = 0;
    std::string_view value{};
    std::uint32_t version = 0;
    Revision revision{};
    bool in_conflict = false;
    Lifetime lifetime{};
  };
  // `existing` is what Find gave for the key just now.
  Entry* Set(Entry* existing, const Write& write);
  // `existing` becomes a tombstone and is freed.
  void Remove(Entry* existing, std::uint64_t hash, Revision revision, std::int64_t now_us);
  // The key waits for an arbiter. It stays where it is in the revision order: the record of this
  // has no value, so a walk that has not come to the key yet must still find it.
  void Mark(Entry* existing);
  // Like Mark, it leaves the key where it is in the revision order.
  void ChangeLifetime(Entry& entry, const Lifetime& lifetime, Revision revision);
  // So it was before, or its database is gone; the log says nothing of it.
  void SetLifetime(Entry& entry, const Lifetime& lifetime);
  [[nodiscard]] Lifetime LifetimeOf(const Entry& entry) const {
    return entry.has_lifetime() ? options_.lifetimes->Of(entry) : Lifetime{};
  }
  // Of the newest record that changed a lifetime and nothing else.
  [[nodiscard]] Revision lifetime_revision() const { return lifetime_revision_; }
  // The entry of an open conflict of that key; null: it is none, or has been decided.
  [[nodiscard]] const Entry* OpenQuestion(std::string_view conflict_key) const;
  // What showing the entry rests on: its own change and, while it waits, the newest question.
  [[nodiscard]] Revision ShownRevision(const Entry& entry) const;

  // A key becomes what it was (database_rewind.cpp). Newest first; then Merge, once for all keys
  // of which something was taken back, puts them where their revisions say.
  void Restore(const Undo::Was& was);
  void Merge(const std::vector<std::string_view>& keys, Revision newest);

  // Keys the server itself keeps (`$connections`): in listings, outside the revision order.
  Entry* SetLive(std::string_view key, std::string_view value);

  // Between the two, entries come in revision order and only FindAny and Find may be asked.
  void StartLoading(const DatabaseState& state);
  void Load(const EntryState& state);
  void FinishLoading();
  // Frees at most `most` entries of a database that nobody will ask any more; true: none is left.
  bool FreeSome(std::size_t most);

  [[nodiscard]] KeyOrder::Cursor Seek(std::string_view key) const { return keys_.Seek(key); }
  // The first key that lies behind `after` and may begin with `prefix`.
  [[nodiscard]] KeyOrder::Cursor SeekBehind(std::string_view after, std::string_view prefix) const;
  RevisionOrder& revision_order() { return revisions_; }
  [[nodiscard]] const RevisionOrder& revision_order() const { return revisions_; }
  // Of the newest change, `$$` keys' newest change.
  [[nodiscard]] Revision newest_revision() const;
  [[nodiscard]] Revision secure_revision() const { return secure_revision_; }
  // Its restore has not ended: it has no token yet, and nobody may use it.
  [[nodiscard]] bool is_unfinished() const;
  [[nodiscard]] std::size_t live_keys() const { return index_.size() - tombstones_; }
  [[nodiscard]] std::size_t tombstones() const { return tombstones_; }
  // Memory of its entries, as the store counts it.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // The newest revision of a dropped tombstone: a prefix cursor older than it gets a snapshot.
  [[nodiscard]] Revision horizon() const { return horizon_; }
  void RaiseHorizon(Revision horizon) { horizon_ = std::max(horizon_, horizon); }
  // Drops tombstones over the count or the age; at most `most` at a time.
  void DropOldTombstones(std::int64_t now_us, std::size_t most);

  // Null: `user` has no list.
  [[nodiscard]] const PermissionList* PermissionsOf(std::string_view user) const;
  // Changes whenever any list does, so that sessions may keep what they looked up.
  [[nodiscard]] std::uint64_t permissions_epoch() const { return permissions_epoch_; }

  Watches& watches() { return watches_; }
  [[nodiscard]] const Watches& watches() const { return watches_; }
  Conflicts& conflicts() { return conflicts_; }

  // Sessions that have this database selected, and whether watchers of the count must be told.
  struct Connections {
    std::int64_t count = 0;
    bool changed = false;
  };
  Connections& connections() { return connections_; }

 private:
  Entry* Insert(const Write& write);
  Entry* LinkTombstone(std::string_view key, Revision revision, std::int64_t removed_at_us);
  void UnlinkTombstone(Entry* tombstone);
  // In the order of the tombstones alone; null: as the oldest.
  void ChainTombstone(Entry* tombstone, Entry* previous);
  void UnchainTombstone(Entry* tombstone);
  void MergeTombstones(std::span<Entry* const> entries);
  void NoteSecureKey(std::string_view key, std::string_view value, bool removed);
  void LoadConflicts();
  void Count(const Entry* entry);
  void Uncount(const Entry* entry);
  void NoteUndo(const Entry* existing, std::string_view key, std::uint64_t hash);
  void NoteMarks(const Entry& existing);
  void RestoreAbsent(std::string_view key, std::uint64_t hash);

  // Of one key in the hash index and the key order.
  static constexpr std::size_t kOrderBytes = 24;
  // Of one key in Lifetimes: what malloc gives for its three places.
  static constexpr std::size_t kLifetimeBytes = 256;

  DatabaseOptions options_;
  HashIndex index_;
  KeyOrder keys_;
  RevisionOrder revisions_;
  std::vector<Entry*> live_;  // outside the revision order
  bool loading_ = false;
  std::size_t bytes_ = 0;
  Entry* oldest_tombstone_ = nullptr;
  Entry* newest_tombstone_ = nullptr;
  std::size_t tombstones_ = 0;
  Revision horizon_;
  Revision secure_revision_;
  Revision lifetime_revision_;
  std::map<std::string, PermissionList, std::less<>> permissions_;
  std::uint64_t permissions_epoch_ = 1;
  Watches watches_;
  Conflicts conflicts_;
  Connections connections_;
};

// Tombstones dropped per database at a time: a turn stays short after a mass removal.
inline constexpr std::size_t kTombstonesPerTurn = 256;

}  // namespace nunc
