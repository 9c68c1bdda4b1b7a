#include "core/conflicts.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/limits.h"

namespace nunc {

std::string ConflictKey(std::string_view key, ConflictId id) {
  std::string name(kConflictKeyPrefix);
  name += key;
  name += '_';
  name += std::to_string(id.value);
  return name;
}

std::optional<ConflictName> ParseConflictKey(std::string_view conflict_key) {
  const std::size_t bar = conflict_key.rfind('_');
  if (!conflict_key.starts_with(kConflictKeyPrefix) || bar < kConflictKeyPrefix.size()) {
    return std::nullopt;
  }
  ConflictName name{.key = conflict_key.substr(0, bar).substr(kConflictKeyPrefix.size())};
  const char* end = conflict_key.data() + conflict_key.size();
  const auto [stopped, fault] = std::from_chars(conflict_key.data() + bar + 1, end, name.id.value);
  if (fault != std::errc{} || stopped != end || ConflictKey(name.key, name.id) != conflict_key) {
    return std::nullopt;
  }
  return name;
}

bool Conflicts::Open(std::string_view key, ConflictId id) {
  if (open_count_ >= kOpenConflictsPerDatabaseMax) {
    return false;
  }
  const auto [at, inserted] = open_.try_emplace(std::string(key));
  at->second.push_back(id);
  ++open_count_;
  newest_ = std::max(newest_, id);
  return true;
}

void Conflicts::LoadOpen(std::string_view key, ConflictId id) {
  std::deque<ConflictId>& ids = open_.try_emplace(std::string(key)).first->second;
  ids.insert(std::upper_bound(ids.begin(), ids.end(), id), id);
  ++open_count_;
  newest_ = std::max(newest_, id);
}

const std::deque<ConflictId>& Conflicts::OpenOf(std::string_view key) const {
  static const std::deque<ConflictId> none;
  const auto found = open_.find(key);
  return found == open_.end() ? none : found->second;
}

void Conflicts::CloseOldest(std::string_view key) {
  const auto found = open_.find(key);
  CHECK(found != open_.end() && !found->second.empty());
  closed_.push_back(ConflictKey(key, found->second.front()));
  found->second.pop_front();
  --open_count_;
  if (found->second.empty()) {
    open_.erase(found);
  }
}

bool Conflicts::IsOpen(const ConflictName& name) const {
  const std::deque<ConflictId>& open = OpenOf(name.key);
  return std::find(open.begin(), open.end(), name.id) != open.end();
}

void Conflicts::Drop(const ConflictName& name, std::string_view conflict_key) {
  if (const auto found = open_.find(name.key); found != open_.end()) {
    open_count_ -= std::erase(found->second, name.id);
    if (found->second.empty()) {
      open_.erase(found);
    }
  }
  std::erase(closed_, conflict_key);
}

void Conflicts::Forget(std::string_view key) {
  const auto found = open_.find(key);
  if (found != open_.end()) {
    open_count_ -= found->second.size();
    open_.erase(found);
  }
}

void Conflicts::Clear() {
  open_.clear();
  closed_.clear();
  open_count_ = 0;
}

std::vector<std::string> Conflicts::TakeClosed() {
  std::vector<std::string> taken(std::make_move_iterator(closed_.begin()),
                                 std::make_move_iterator(closed_.end()));
  closed_.clear();
  std::sort(taken.begin(), taken.end());
  return taken;
}

std::optional<std::string> Conflicts::TakeOneClosedOverLimit() {
  if (closed_.size() <= kClosedConflictsPerDatabaseMax) {
    return std::nullopt;
  }
  std::string taken = std::move(closed_.front());
  closed_.pop_front();
  return taken;
}

std::vector<std::string> Conflicts::OpenConflictKeys() const {
  std::vector<std::string> keys;
  keys.reserve(open_count_);
  for (const auto& [key, ids] : open_) {
    for (const ConflictId id : ids) {
      keys.push_back(ConflictKey(key, id));
    }
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace nunc
