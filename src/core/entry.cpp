#include "core/entry.h"

#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>

#include "base/check.h"

namespace nunc {
namespace {

// The compiler would pad the header to 40 bytes; the key starts right behind the last field. With
// 16-byte keys and 100-byte values those 4 bytes decide between malloc's 160 and 176 byte blocks.
constexpr std::size_t kHeaderBytes = 36;
// Room for an out-of-line address, so that any entry can take a value of any length later.
constexpr std::size_t kInlineBytesMin = sizeof(char*);

void* AllocateOrDie(std::size_t bytes) {
  void* memory = std::malloc(bytes);
  CHECK(memory != nullptr);
  return memory;
}

// An empty view may have no address, which memmove must not be given. The two may overlap.
void CopyBytes(char* to, std::string_view from) {
  if (!from.empty()) {
    std::memmove(to, from.data(), from.size());
  }
}

}  // namespace

Entry* Entry::Allocate(std::string_view key, std::size_t inline_bytes) {
  static_assert(offsetof(Entry, flags_) + sizeof(std::uint8_t) <= kHeaderBytes);
  const std::size_t bytes =
      kHeaderBytes + key.size() + (inline_bytes < kInlineBytesMin ? kInlineBytesMin : inline_bytes);
  // A full object must fit, its tail padding included, also when key and value are tiny.
  void* memory = AllocateOrDie(bytes < sizeof(Entry) ? sizeof(Entry) : bytes);
  auto* entry = new (memory) Entry;
  entry->key_length_ = static_cast<std::uint16_t>(key.size());
  CopyBytes(entry->Bytes(), key);
  return entry;
}

Entry* Entry::Create(std::string_view key, std::string_view value) {
  Entry* entry = Allocate(key, value.size() > kInlineValueBytesMax ? 0 : value.size());
  entry->SetValue(value);
  return entry;
}

Entry* Entry::CreateTombstone(std::string_view key, const TombstoneLinks& links) {
  Entry* entry = Allocate(key, sizeof(TombstoneLinks));
  entry->flags_ |= kTombstone;
  entry->set_tombstone_links(links);
  return entry;
}

void Entry::Destroy(Entry* entry) {
  if ((entry->flags_ & kOutOfLine) != 0) {
    std::free(entry->OutOfLineBytes());
  }
  entry->~Entry();
  std::free(entry);
}

std::size_t Entry::AllocatedBytes() const {
  constexpr std::size_t kMallocBytes = 8;  // what glibc keeps before each block
  auto* self = const_cast<Entry*>(this);   // NOLINT(cppcoreguidelines-pro-type-const-cast)
  std::size_t bytes = malloc_usable_size(self) + kMallocBytes;
  if ((flags_ & kOutOfLine) != 0) {
    bytes += malloc_usable_size(OutOfLineBytes()) + kMallocBytes;
  }
  return bytes;
}

const char* Entry::Bytes() const {
  return reinterpret_cast<const char*>(this) + kHeaderBytes;
}
char* Entry::Bytes() {
  return reinterpret_cast<char*>(this) + kHeaderBytes;
}

char* Entry::OutOfLineBytes() const {
  char* address = nullptr;
  std::memcpy(&address, Bytes() + key_length_, sizeof(address));
  return address;
}

// Asked from malloc instead of stored: 4 bytes per key saved, and only a changed length asks.
std::size_t Entry::InlineCapacity() const {
  auto* self = const_cast<Entry*>(this);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  const std::size_t usable = malloc_usable_size(self) - kHeaderBytes - key_length_;
  return usable < kInlineValueBytesMax ? usable : kInlineValueBytesMax;
}

std::string_view Entry::value() const {
  if ((flags_ & kOutOfLine) != 0) {
    return {OutOfLineBytes(), value_length_};
  }
  return {Bytes() + key_length_, value_length_};
}

void Entry::SetValue(std::string_view value) {
  const bool fits = value.size() <= value_length_ || value.size() <= InlineCapacity();
  if ((flags_ & kOutOfLine) == 0 && fits) {
    CopyBytes(Bytes() + key_length_, value);
  } else if ((flags_ & kOutOfLine) != 0 && value.size() <= InlineCapacity()) {
    char* old = OutOfLineBytes();
    CopyBytes(Bytes() + key_length_, value);
    std::free(old);
    flags_ &= static_cast<std::uint8_t>(~kOutOfLine);
  } else {
    StoreOutOfLine(value);
  }
  value_length_ = static_cast<std::uint32_t>(value.size());
}

void Entry::StoreOutOfLine(std::string_view value) {
  char* old = (flags_ & kOutOfLine) != 0 ? OutOfLineBytes() : nullptr;
  const std::size_t capacity = old == nullptr ? 0 : malloc_usable_size(old);
  if (old != nullptr && value.size() <= capacity && value.size() >= capacity / 2) {
    std::memmove(old, value.data(), value.size());
    return;
  }
  auto* fresh = static_cast<char*>(AllocateOrDie(value.size()));
  std::memcpy(fresh, value.data(), value.size());
  std::free(old);
  std::memcpy(Bytes() + key_length_, static_cast<const void*>(&fresh), sizeof(fresh));
  flags_ |= kOutOfLine;
}

Entry::TombstoneLinks Entry::tombstone_links() const {
  TombstoneLinks links;
  std::memcpy(&links, Bytes() + key_length_, sizeof(links));
  return links;
}

void Entry::set_tombstone_links(const TombstoneLinks& links) {
  std::memcpy(Bytes() + key_length_, &links, sizeof(links));
}

void Entry::set_in_conflict(bool in_conflict) {
  flags_ = static_cast<std::uint8_t>(in_conflict ? flags_ | kInConflict : flags_ & ~kInConflict);
}

void Entry::set_has_lifetime(bool has_lifetime) {
  flags_ = static_cast<std::uint8_t>(has_lifetime ? flags_ | kHasLifetime : flags_ & ~kHasLifetime);
}

void RevisionOrder::Append(Entry* entry) {
  entry->older_ = newest_;
  entry->newer_ = nullptr;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = entry;
  newest_ = entry;
}

void RevisionOrder::Remove(Entry* entry) {
  (entry->older_ != nullptr ? entry->older_->newer_ : oldest_) = entry->newer_;
  (entry->newer_ != nullptr ? entry->newer_->older_ : newest_) = entry->older_;
  entry->older_ = nullptr;
  entry->newer_ = nullptr;
}

void RevisionOrder::MoveToEnd(Entry* entry) {
  if (entry != newest_) {
    Remove(entry);
    Append(entry);
  }
}

void RevisionOrder::InsertAfter(Entry* place, Entry* entry) {
  entry->older_ = place;
  entry->newer_ = place->newer_;
  (place->newer_ != nullptr ? place->newer_->older_ : newest_) = entry;
  place->newer_ = entry;
}

void RevisionOrder::InsertBefore(Entry* place, Entry* entry) {
  entry->newer_ = place;
  entry->older_ = place->older_;
  (place->older_ != nullptr ? place->older_->newer_ : oldest_) = entry;
  place->older_ = entry;
}

void RevisionOrder::EndWalks() {
  Entry* entry = oldest_;
  while (entry != nullptr) {
    Entry* after = entry->newer_;
    if ((entry->flags_ & Entry::kMarker) != 0) {
      Remove(entry);
      entry->flags_ = 0;
    }
    entry = after;
  }
}

void RevisionOrder::MergeBack(std::span<Entry* const> entries) {
  Entry* place = newest_;
  for (Entry* entry : entries) {
    while (place != nullptr && place->revision_ > entry->revision_) {
      place = place->older_;
    }
    if (place != nullptr) {
      InsertAfter(place, entry);
    } else if (oldest_ != nullptr) {
      InsertBefore(oldest_, entry);
    } else {
      Append(entry);
    }
  }
}

RevisionWalk::RevisionWalk(RevisionOrder& order, From from) : order_(order) {
  marker_.flags_ = Entry::kMarker;
  if (from == From::kOldest && order.oldest_ != nullptr) {
    order.InsertBefore(order.oldest_, &marker_);
  } else {
    order.Append(&marker_);
  }
}

RevisionWalk::~RevisionWalk() {
  if (marker_.flags_ == Entry::kMarker) {
    order_.Remove(&marker_);
  }
}

Entry* RevisionWalk::Next() {
  Entry* entry = Peek();
  if (entry != nullptr) {
    order_.Remove(&marker_);
    order_.InsertAfter(entry, &marker_);
  }
  return entry;
}

Entry* RevisionWalk::Previous() {
  Entry* entry = RevisionOrder::Before(&marker_);
  if (entry != nullptr) {
    order_.Remove(&marker_);
    order_.InsertBefore(entry, &marker_);
  }
  return entry;
}

}  // namespace nunc
