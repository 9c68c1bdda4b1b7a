// Finds an entry by key: extendible hashing over segments of at most 512 slots.
//
// Shape:   a directory (indexed by the first bits of the hash) of segments with linear probing. A
//          full segment is split alone, so that growth never stops the loop: about 450 entries are
//          touched at a time, whatever the size of the whole. Slots hold the entry's address and
//          16 bits of its hash, so that a miss seldom touches an entry.
// Cost:    about 12 bytes per key; one cache miss for the slot, one for the entry.
// Owner:   one per Database. Holds no entry alive.
// Source:  Fagin et al., "Extendible hashing", 1979; docs/architecture.md §3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/entry.h"

namespace nunc {

class HashIndex {
 public:
  explicit HashIndex(std::uint64_t seed);

  [[nodiscard]] std::uint64_t Hash(std::string_view key) const;
  [[nodiscard]] Entry* Find(std::uint64_t hash, std::string_view key) const;
  // A Find of it comes soon: gets on its way what that reads first.
  void Prefetch(std::uint64_t hash) const;
  // And, once that has come, the entry which it will most likely find.
  void PrefetchEntry(std::uint64_t hash) const;
  // `entry`'s key must be absent.
  void Insert(std::uint64_t hash, Entry* entry);
  // `entry` must be present.
  void Erase(std::uint64_t hash, const Entry* entry);
  // Puts `fresh`, which has the same key, where `old` stands.
  void Replace(std::uint64_t hash, const Entry* old, Entry* fresh);

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSegmentSlotsMin = 16;
  static constexpr std::size_t kSegmentSlotsMax = 512;

  struct Segment {
    unsigned depth = 0;  // how many first bits of the hash all its entries share
    std::size_t count = 0;
    std::vector<std::uint64_t> slots = std::vector<std::uint64_t>(kSegmentSlotsMin);
  };

  [[nodiscard]] std::size_t DirectoryPosition(std::uint64_t hash) const;
  [[nodiscard]] Segment& SegmentOf(std::uint64_t hash) const;
  [[nodiscard]] std::size_t SlotOf(const Segment& segment, std::uint64_t hash,
                                   const Entry* entry) const;
  static void Place(Segment& segment, std::uint64_t hash, Entry* entry);
  void MakeRoom(std::uint64_t hash);
  void Grow(Segment& segment) const;
  void Split(std::size_t position);

  std::uint64_t seed_;
  std::size_t size_ = 0;
  unsigned depth_ = 0;
  std::vector<Segment*> directory_;
  std::vector<std::unique_ptr<Segment>> segments_;
};

}  // namespace nunc
