#include "core/key_order.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>

#include "base/check.h"

namespace nunc {
namespace {

// The first 8 bytes as a number that sorts as they do; what is missing counts as zero.
std::uint64_t FirstBytes(std::string_view text) {
  std::uint64_t number = 0;
  std::memcpy(&number, text.data(), std::min(text.size(), sizeof(number)));
  return __builtin_bswap64(number);
}

bool KeyBelow(const Entry* entry, std::string_view key) {
  return entry->key() < key;
}

struct Sorted {
  std::uint64_t first = 0;  // 8 bytes of the key, in an order that numbers have too
  Entry* entry = nullptr;
};

std::size_t SharedBytes(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// Sorts keys that are equal in their first `known` bytes. They lie apart in memory, so the 8 bytes
// behind what all of them share stand beside the entry and are compared alone; those that are equal
// there are sorted by what follows.
void SortBehind(std::span<Sorted> keys, std::size_t known) {
  constexpr std::size_t kFew = 8;
  const auto by_key = [](const Sorted& a, const Sorted& b) {
    return a.entry->key() < b.entry->key();
  };
  if (keys.size() <= kFew) {
    std::ranges::sort(keys, by_key);
    return;
  }
  const auto entry_of = [](const Sorted& sorted) { return sorted.entry; };
  std::string_view shared = keys.front().entry->key();
  ForEachAhead(keys, entry_of, [&](const Sorted& sorted) {
    const std::string_view key = sorted.entry->key();
    shared = shared.substr(0, known + SharedBytes(shared.substr(known), key.substr(known)));
  });
  ForEachAhead(keys, entry_of, [&](Sorted& sorted) {
    sorted.first = FirstBytes(sorted.entry->key().substr(shared.size()));
  });
  if (!std::ranges::is_sorted(keys, {}, &Sorted::first)) {
    std::ranges::sort(keys, {}, &Sorted::first);
  }
  const std::size_t next = shared.size() + sizeof(Sorted::first);
  while (!keys.empty()) {
    const auto end = std::ranges::find_if(
        keys, [first = keys.front().first](const Sorted& sorted) { return sorted.first != first; });
    const std::span<Sorted> equal(keys.begin(), end);
    keys = keys.subspan(equal.size());
    if (equal.size() == 1) {
      continue;
    }
    // One that ends here is equal to those with zero bytes in its place.
    const bool one_ends = std::ranges::any_of(
        equal, [next](const Sorted& sorted) { return sorted.entry->key().size() < next; });
    if (one_ends) {
      std::ranges::sort(equal, by_key);
    } else {
      SortBehind(equal, next);
    }
  }
}

}  // namespace

void KeyOrder::Cursor::Advance() {
  if (++position_ == order_->blocks_[block_].size()) {
    ++block_;
    position_ = 0;
  }
}

// The last block that starts at or below `key`, else the first.
std::size_t KeyOrder::BlockOf(std::string_view key) const {
  const auto after = std::upper_bound(
      blocks_.begin(), blocks_.end(), key,
      [](std::string_view sought, const Block& block) { return sought < block.front()->key(); });
  const auto position = static_cast<std::size_t>(after - blocks_.begin());
  return position == 0 ? 0 : position - 1;
}

void KeyOrder::Insert(Entry* entry) {
  if (blocks_.empty()) {
    blocks_.emplace_back(1, entry);
    return;
  }
  const std::size_t number = BlockOf(entry->key());
  if (blocks_[number].size() == kBlockEntriesMax) {
    const bool at_the_end =
        number + 1 == blocks_.size() && blocks_[number].back()->key() < entry->key();
    if (at_the_end) {
      // Keys that come in order (a load, a recovery) leave full blocks behind, not half full ones.
      blocks_.emplace_back(1, entry);
      return;
    }
    Block upper(blocks_[number].begin() + kBlockEntriesMax / 2, blocks_[number].end());
    blocks_[number].resize(kBlockEntriesMax / 2);
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(number) + 1, std::move(upper));
    Insert(entry);
    return;
  }
  Block& block = blocks_[number];
  block.insert(std::lower_bound(block.begin(), block.end(), entry->key(), KeyBelow), entry);
}

// One sort costs a fifth of as many inserts.
void KeyOrder::Build(const std::vector<Entry*>& entries) {
  blocks_.clear();
  std::vector<Sorted> sorted;
  sorted.reserve(entries.size());
  for (Entry* entry : entries) {
    sorted.push_back({.entry = entry});
  }
  SortBehind(sorted, 0);
  for (std::size_t from = 0; from < sorted.size(); from += kBlockEntriesMax) {
    const std::size_t count = std::min(kBlockEntriesMax, sorted.size() - from);
    Block& block = blocks_.emplace_back();
    block.reserve(count);
    for (std::size_t i = from; i < from + count; ++i) {
      block.push_back(sorted[i].entry);
    }
  }
}

void KeyOrder::Erase(const Entry* entry) {
  const std::size_t number = BlockOf(entry->key());
  CHECK(number < blocks_.size());
  Block& block = blocks_[number];
  const auto at = std::lower_bound(block.begin(), block.end(), entry->key(), KeyBelow);
  CHECK(at != block.end() && (*at)->key() == entry->key());
  block.erase(at);
  if (block.empty()) {
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(number));
    return;
  }
  MergeWithNext(number);
  if (number > 0) {
    MergeWithNext(number - 1);
  }
}

// Merging at half leaves room, so that one key set and removed again does not split and merge.
void KeyOrder::MergeWithNext(std::size_t block) {
  if (block + 1 >= blocks_.size() ||
      blocks_[block].size() + blocks_[block + 1].size() > kBlockEntriesMax / 2) {
    return;
  }
  std::copy(blocks_[block + 1].begin(), blocks_[block + 1].end(),
            std::back_inserter(blocks_[block]));
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(block) + 1);
}

KeyOrder::Cursor KeyOrder::Seek(std::string_view key) const {
  Cursor cursor;
  cursor.order_ = this;
  if (blocks_.empty()) {
    return cursor;
  }
  cursor.block_ = BlockOf(key);
  const Block& block = blocks_[cursor.block_];
  const auto at = std::lower_bound(block.begin(), block.end(), key, KeyBelow);
  cursor.position_ = static_cast<std::size_t>(at - block.begin());
  if (at == block.end()) {
    ++cursor.block_;
    cursor.position_ = 0;
  }
  return cursor;
}

}  // namespace nunc
