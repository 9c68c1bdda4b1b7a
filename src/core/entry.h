// One key with its value, version and revision, in a single allocation.
//
// Shape:   [header 36 B][key][value]. A value that does not fit where the first one stood (or is
//          over kInlineValueBytesMax) lives in an allocation of its own whose address stands in
//          the value's place, so that an entry never moves: hash index, key order and revision
//          order all hold its address.
//          A removed key is a tombstone: the same header and key, no value, linked with the other
//          tombstones of its database. A marker holds the place of a walk and is no entry at all.
// Units:   bytes; versions count up from 0 (the wire shows -2 while `in_conflict`).
// Owner:   the Database; created and freed only through Create and Destroy.
// Source:  docs/architecture.md §3; the layout is argued in docs/performance.md (memory).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/ids.h"

namespace nunc {

class Entry {
 public:
  static constexpr std::size_t kInlineValueBytesMax = 512;

  // What stands in the value's place of a tombstone.
  struct TombstoneLinks {
    std::int64_t removed_at_us = 0;  // log time: since 1970
    Entry* previous = nullptr;
    Entry* next = nullptr;
  };

  static Entry* Create(std::string_view key, std::string_view value);
  static Entry* CreateTombstone(std::string_view key, const TombstoneLinks& links);
  static void Destroy(Entry* entry);
  // What malloc has given for it, its own bookkeeping included.
  [[nodiscard]] std::size_t AllocatedBytes() const;

  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  [[nodiscard]] std::string_view key() const { return {Bytes(), key_length_}; }
  // The key is read soon: gets it on its way, for a walk over entries that lie apart.
  void PrefetchKey() const { __builtin_prefetch(&key_length_); }
  [[nodiscard]] std::string_view value() const;
  void SetValue(std::string_view value);

  [[nodiscard]] bool is_tombstone() const { return (flags_ & kTombstone) != 0; }
  [[nodiscard]] TombstoneLinks tombstone_links() const;
  void set_tombstone_links(const TombstoneLinks& links);

  // The version as clients compare it; an open conflict is not a number here.
  [[nodiscard]] std::uint32_t version() const { return version_; }
  void set_version(std::uint32_t version) { version_ = version; }
  [[nodiscard]] bool in_conflict() const { return (flags_ & kInConflict) != 0; }
  void set_in_conflict(bool in_conflict);

  // How long it lives stands in Lifetimes.
  [[nodiscard]] bool has_lifetime() const { return (flags_ & kHasLifetime) != 0; }
  void set_has_lifetime(bool has_lifetime);

  [[nodiscard]] Revision revision() const { return revision_; }
  void set_revision(Revision revision) { revision_ = revision; }

 private:
  friend class RevisionOrder;
  friend class RevisionWalk;

  static constexpr std::uint8_t kTombstone = 1;
  static constexpr std::uint8_t kOutOfLine = 2;
  static constexpr std::uint8_t kInConflict = 4;
  static constexpr std::uint8_t kMarker = 8;
  static constexpr std::uint8_t kHasLifetime = 16;

  Entry() = default;
  ~Entry() = default;

  static Entry* Allocate(std::string_view key, std::size_t inline_bytes);
  [[nodiscard]] const char* Bytes() const;
  char* Bytes();
  [[nodiscard]] char* OutOfLineBytes() const;
  [[nodiscard]] std::size_t InlineCapacity() const;
  void StoreOutOfLine(std::string_view value);

  Entry* older_ = nullptr;  // revision order
  Entry* newer_ = nullptr;
  Revision revision_;
  std::uint32_t version_ = 0;
  std::uint32_t value_length_ = 0;
  std::uint16_t key_length_ = 0;
  std::uint8_t flags_ = 0;
};

// Calls visit(item) for each, the key of its entry being fetched ahead: entries lie apart in
// memory. entry_of(item) is null where there is none; such an item is passed over.
template <class Items, class EntryOf, class Visit>
void ForEachAhead(Items&& items, const EntryOf& entry_of, const Visit& visit) {
  constexpr std::size_t kAhead = 16;
  for (std::size_t i = 0; i < items.size() + kAhead; ++i) {
    if (i < items.size() && entry_of(items[i]) != nullptr) {
      entry_of(items[i])->PrefetchKey();
    }
    if (i >= kAhead && entry_of(items[i - kAhead]) != nullptr) {
      visit(items[i - kAhead]);
    }
  }
}

// Doubly linked list through the entries, oldest revision first. A changed entry moves to the end.
//
// Shape:   Append and Remove are O(1); no allocation. Walks hold their place by a marker in it.
// Owner:   one per Database; holds no entry alive.
class RevisionOrder {
 public:
  void Append(Entry* entry);
  void Remove(Entry* entry);
  void MoveToEnd(Entry* entry);
  // All walks end here: the list is about to go, or to get entries in its middle.
  void EndWalks();
  // Entries that are not in it go where their revisions say; newest first, and no walk is on.
  void MergeBack(std::span<Entry* const> entries);

  [[nodiscard]] Entry* oldest() const { return SkipMarkers(oldest_); }
  [[nodiscard]] Entry* newest() const { return SkipMarkersBack(newest_); }
  [[nodiscard]] static Entry* After(const Entry* entry) { return SkipMarkers(entry->newer_); }
  [[nodiscard]] static Entry* Before(const Entry* entry) { return SkipMarkersBack(entry->older_); }

 private:
  friend class RevisionWalk;

  [[nodiscard]] static Entry* SkipMarkers(Entry* entry) {
    while (entry != nullptr && (entry->flags_ & Entry::kMarker) != 0) {
      entry = entry->newer_;
    }
    return entry;
  }
  [[nodiscard]] static Entry* SkipMarkersBack(Entry* entry) {
    while (entry != nullptr && (entry->flags_ & Entry::kMarker) != 0) {
      entry = entry->older_;
    }
    return entry;
  }
  void InsertAfter(Entry* place, Entry* entry);
  void InsertBefore(Entry* place, Entry* entry);

  Entry* oldest_ = nullptr;
  Entry* newest_ = nullptr;
};

// Goes through a RevisionOrder, oldest first, while entries change and move under it.
//
// Shape:   what moves to the end is met there again; what is removed is not met. The order may go
//          first: the walk then has ended.
class RevisionWalk {
 public:
  enum class From : std::uint8_t { kOldest, kNewest };
  explicit RevisionWalk(RevisionOrder& order, From from = From::kOldest);
  ~RevisionWalk();
  RevisionWalk(const RevisionWalk&) = delete;
  RevisionWalk& operator=(const RevisionWalk&) = delete;

  // The entry ahead; null at the end, for now: one that changes later stands behind it.
  [[nodiscard]] Entry* Peek() const { return RevisionOrder::After(&marker_); }
  // Goes over it.
  Entry* Next();
  // Goes back over the entry behind; null at the beginning.
  Entry* Previous();

 private:
  RevisionOrder& order_;
  Entry marker_;
};

}  // namespace nunc
