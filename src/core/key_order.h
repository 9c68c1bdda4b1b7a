// Entries in byte order of their keys, for listings and prefixes.
//
// Shape:   a vector of blocks of at most 256 entry addresses: the two bottom levels of a B-tree,
//          which is all that keys in memory need (10 M keys: 60,000 blocks).
// Cost:    about 12 bytes per key; insert and erase a binary search and a move of <= 2 KiB.
// Owner:   one per Database. Holds no entry alive. A cursor is valid until the next change; hold a
//          place over changes by its key.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/entry.h"

namespace nunc {

class KeyOrder {
 public:
  class Cursor {
   public:
    [[nodiscard]] bool at_end() const { return block_ == order_->blocks_.size(); }
    [[nodiscard]] Entry* entry() const { return order_->blocks_[block_][position_]; }
    void Advance();

   private:
    friend class KeyOrder;
    const KeyOrder* order_ = nullptr;
    std::size_t block_ = 0;
    std::size_t position_ = 0;
  };

  // `entry`'s key must be absent.
  void Insert(Entry* entry);
  // In place of whatever is there: all of `entries`, whose keys are distinct, in any order.
  void Build(const std::vector<Entry*>& entries);
  // A key that equals the entry's must be present.
  void Erase(const Entry* entry);
  // The first entry whose key is not below `key`.
  [[nodiscard]] Cursor Seek(std::string_view key) const;

 private:
  static constexpr std::size_t kBlockEntriesMax = 256;
  using Block = std::vector<Entry*>;

  [[nodiscard]] std::size_t BlockOf(std::string_view key) const;
  void MergeWithNext(std::size_t block);

  std::vector<Block> blocks_;  // none is empty
};

}  // namespace nunc
