#include "sim/sim_bytes.h"

#include <algorithm>
#include <map>
#include <utility>

namespace nunc {

void SimBytes::Write(std::uint64_t sequence, std::uint64_t offset, std::string_view bytes) {
  if (!bytes.empty()) {
    Add({.kind = Kind::kWrite,
         .sequence = sequence,
         .offset = offset,
         .end = offset + bytes.size(),
         .bytes = std::string(bytes)});
  }
}

void SimBytes::Extend(std::uint64_t sequence, std::uint64_t size) {
  if (size > seen_.size()) {
    Add({.kind = Kind::kExtend, .sequence = sequence, .offset = size, .end = size, .bytes = {}});
  }
}

void SimBytes::Truncate(std::uint64_t sequence) {
  if (!seen_.empty()) {
    Add({.kind = Kind::kTruncate, .sequence = sequence, .offset = 0, .end = 0, .bytes = {}});
  }
}

void SimBytes::Add(Change change) {
  Apply(change, seen_);
  pending_.push_back(std::move(change));
}

void SimBytes::Apply(const Change& change, std::string& content) {
  if (change.kind == Kind::kTruncate) {
    content.clear();
  }
  if (content.size() < change.end) {
    content.resize(change.end);
  }
  content.replace(change.offset, change.bytes.size(), change.bytes);
}

// Of `change` only what lies in the sectors `first` .. `end` - 1.
void SimBytes::ApplySectors(const Change& change, std::uint64_t first, std::uint64_t end,
                            std::string& content) {
  const std::uint64_t from = std::max(change.offset, first * kSectorBytes);
  const std::uint64_t until = std::min(change.offset + change.bytes.size(), end * kSectorBytes);
  if (from >= until) {
    return;
  }
  if (content.size() < until) {
    content.resize(until);
  }
  content.replace(from, until - from, change.bytes, from - change.offset, until - from);
}

void SimBytes::Sync() {
  for (const Change& change : pending_) {
    Apply(change, durable_);
  }
  pending_.clear();
}

void SimBytes::ForgetPending() {
  pending_.clear();
}

std::string SimBytes::KeepPrefix(std::uint64_t cut, Prng& prng) const {
  std::string content = durable_;
  for (const Change& change : pending_) {
    if (change.sequence < cut) {
      Apply(change, content);
      continue;
    }
    if (change.sequence == cut && change.kind == Kind::kWrite) {
      const std::uint64_t first = change.offset / kSectorBytes;
      const std::uint64_t sectors = (change.end - 1) / kSectorBytes - first + 1;
      if (prng.Chance(1, 2) && content.size() < change.end) {
        content.resize(change.end);
      }
      ApplySectors(change, first, first + prng.Below(sectors + 1), content);
    }
    break;
  }
  return content;
}

std::string SimBytes::KeepAny(Prng& prng) const {
  std::string content = durable_;
  std::uint64_t size = durable_.size();
  std::vector<const Change*> changes;
  for (const Change& change : pending_) {
    if (change.kind != Kind::kTruncate) {
      changes.push_back(&change);
    } else if (prng.Chance(1, 2)) {
      content.clear();
      size = 0;
      changes.clear();
    }
  }
  const std::uint64_t lengths_kept = prng.Below(changes.size() + 1);
  for (std::size_t i = 0; i < lengths_kept; ++i) {
    size = std::max(size, changes[i]->end);
  }
  std::map<std::uint64_t, std::vector<const Change*>> history;
  for (const Change* change : changes) {
    for (std::uint64_t at = change->offset; at < change->offset + change->bytes.size();
         at = (at / kSectorBytes + 1) * kSectorBytes) {
      history[at / kSectorBytes].push_back(change);
    }
  }
  for (const auto& [sector, writes] : history) {
    const std::uint64_t kept = prng.Below(writes.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) {
      ApplySectors(*writes[i], sector, sector + 1, content);
    }
  }
  content.resize(size);
  return content;
}

void SimBytes::Crash(Keep keep, std::uint64_t cut, Prng& prng) {
  switch (keep) {
    case Keep::kNothing:
      break;
    case Keep::kAll:
      Sync();
      break;
    case Keep::kPrefix:
      durable_ = KeepPrefix(cut, prng);
      break;
    case Keep::kAny:
      durable_ = KeepAny(prng);
      break;
  }
  pending_.clear();
  seen_ = durable_;
}

void SimBytes::FlipBit(std::uint64_t bit) {
  const char mask = static_cast<char>(1U << (bit % 8));
  for (std::string* content : {&seen_, &durable_}) {
    if (bit / 8 < content->size()) {
      (*content)[bit / 8] = static_cast<char>((*content)[bit / 8] ^ mask);
    }
  }
}

void SimBytes::Replace(std::string_view bytes) {
  pending_.clear();
  seen_ = bytes;
  durable_ = bytes;
}

void SimBytes::AddPending(std::vector<std::uint64_t>& sequences) const {
  for (const Change& change : pending_) {
    sequences.push_back(change.sequence);
  }
}

}  // namespace nunc
