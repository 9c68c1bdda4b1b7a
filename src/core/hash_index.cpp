#include "core/hash_index.h"

#include <utility>

#include "base/check.h"
#include "base/hash.h"

namespace nunc {
namespace {

constexpr unsigned kTagShift = 48;
constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << kTagShift) - 1;

// Three disjoint parts of the hash: first bits for the directory, middle for the tag, last for the
// slot, so that equal positions do not imply equal tags.
std::uint64_t Tag(std::uint64_t hash) {
  return (hash >> 16U) << kTagShift;
}

Entry* EntryIn(std::uint64_t slot) {
  return reinterpret_cast<Entry*>(slot & kAddressMask);  // NOLINT(performance-no-int-to-ptr)
}

std::uint64_t MakeSlot(std::uint64_t hash, Entry* entry) {
  const auto address = reinterpret_cast<std::uint64_t>(entry);
  CHECK((address & ~kAddressMask) == 0);
  return Tag(hash) | address;
}

bool IsFull(std::size_t count, std::size_t slots) {
  return count + count / 8 >= slots;
}

// Calls visit(hash, entry) for each.
template <class Visit>
void ForEachEntry(const std::vector<std::uint64_t>& slots, std::uint64_t seed, const Visit& visit) {
  ForEachAhead(slots, EntryIn, [&](std::uint64_t slot) {
    Entry* entry = EntryIn(slot);
    visit(HashBytes(entry->key(), seed), entry);
  });
}

}  // namespace

HashIndex::HashIndex(std::uint64_t seed) : seed_(seed) {
  segments_.push_back(std::make_unique<Segment>());
  directory_.push_back(segments_.back().get());
}

std::uint64_t HashIndex::Hash(std::string_view key) const {
  return HashBytes(key, seed_);
}

std::size_t HashIndex::DirectoryPosition(std::uint64_t hash) const {
  return depth_ == 0 ? 0 : static_cast<std::size_t>(hash >> (64U - depth_));
}

HashIndex::Segment& HashIndex::SegmentOf(std::uint64_t hash) const {
  return *directory_[DirectoryPosition(hash)];
}

Entry* HashIndex::Find(std::uint64_t hash, std::string_view key) const {
  const Segment& segment = SegmentOf(hash);
  const std::size_t mask = segment.slots.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const std::uint64_t slot = segment.slots[at];
    if (slot == 0) {
      return nullptr;
    }
    if ((slot & ~kAddressMask) == Tag(hash) && EntryIn(slot)->key() == key) {
      return EntryIn(slot);
    }
  }
}

void HashIndex::Prefetch(std::uint64_t hash) const {
  const Segment& segment = SegmentOf(hash);
  __builtin_prefetch(&segment.slots[hash & (segment.slots.size() - 1)]);
}

void HashIndex::PrefetchEntry(std::uint64_t hash) const {
  const Segment& segment = SegmentOf(hash);
  const std::size_t mask = segment.slots.size() - 1;
  for (std::size_t at = hash & mask; segment.slots[at] != 0; at = (at + 1) & mask) {
    if ((segment.slots[at] & ~kAddressMask) == Tag(hash)) {
      return EntryIn(segment.slots[at])->PrefetchKey();
    }
  }
}

std::size_t HashIndex::SlotOf(const Segment& segment, std::uint64_t hash,
                              const Entry* entry) const {
  const std::size_t mask = segment.slots.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    CHECK(segment.slots[at] != 0);
    if (EntryIn(segment.slots[at]) == entry) {
      return at;
    }
  }
}

void HashIndex::Place(Segment& segment, std::uint64_t hash, Entry* entry) {
  const std::size_t mask = segment.slots.size() - 1;
  std::size_t at = hash & mask;
  while (segment.slots[at] != 0) {
    at = (at + 1) & mask;
  }
  segment.slots[at] = MakeSlot(hash, entry);
  ++segment.count;
}

void HashIndex::Insert(std::uint64_t hash, Entry* entry) {
  MakeRoom(hash);
  Place(SegmentOf(hash), hash, entry);
  ++size_;
}

void HashIndex::Erase(std::uint64_t hash, const Entry* entry) {
  Segment& segment = SegmentOf(hash);
  const std::size_t mask = segment.slots.size() - 1;
  std::size_t hole = SlotOf(segment, hash, entry);
  // Backward shift: whoever probed past the hole moves into it, so no marker is left behind.
  for (std::size_t at = (hole + 1) & mask; segment.slots[at] != 0; at = (at + 1) & mask) {
    const std::size_t home = Hash(EntryIn(segment.slots[at])->key()) & mask;
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      segment.slots[hole] = segment.slots[at];
      hole = at;
    }
  }
  segment.slots[hole] = 0;
  --segment.count;
  --size_;
}

void HashIndex::Replace(std::uint64_t hash, const Entry* old, Entry* fresh) {
  Segment& segment = SegmentOf(hash);
  segment.slots[SlotOf(segment, hash, old)] = MakeSlot(hash, fresh);
}

void HashIndex::MakeRoom(std::uint64_t hash) {
  // More than one split happens only when all entries fall on one side of it.
  while (IsFull(SegmentOf(hash).count + 1, SegmentOf(hash).slots.size())) {
    Segment& segment = SegmentOf(hash);
    if (segment.slots.size() < kSegmentSlotsMax) {
      Grow(segment);
    } else {
      Split(DirectoryPosition(hash));
    }
  }
}

void HashIndex::Grow(Segment& segment) const {
  std::vector<std::uint64_t> old(segment.slots.size() * 2);
  old.swap(segment.slots);
  segment.count = 0;
  ForEachEntry(old, seed_, [&](std::uint64_t hash, Entry* entry) { Place(segment, hash, entry); });
}

void HashIndex::Split(std::size_t position) {
  Segment& low = *directory_[position];
  if (low.depth == depth_) {
    CHECK(depth_ < 48);  // one more doubling would need more entries than memory holds
    std::vector<Segment*> doubled;
    doubled.reserve(directory_.size() * 2);
    for (Segment* segment : directory_) {
      doubled.push_back(segment);
      doubled.push_back(segment);
    }
    directory_ = std::move(doubled);
    ++depth_;
    position *= 2;
  }
  segments_.push_back(std::make_unique<Segment>());
  Segment& high = *segments_.back();
  ++low.depth;
  high.depth = low.depth;
  high.slots.assign(kSegmentSlotsMax, 0);
  std::vector<std::uint64_t> old(low.slots.size());
  old.swap(low.slots);
  low.count = 0;
  ForEachEntry(old, seed_, [&](std::uint64_t hash, Entry* entry) {
    const bool is_high = ((hash >> (64U - low.depth)) & 1U) != 0;
    Place(is_high ? high : low, hash, entry);
  });
  // The positions that shared `low` are one aligned run; its second half is `high`'s now.
  const std::size_t run = std::size_t{1} << (depth_ - low.depth + 1);
  const std::size_t first = position / run * run;
  for (std::size_t i = first + run / 2; i < first + run; ++i) {
    directory_[i] = &high;
  }
}

}  // namespace nunc
