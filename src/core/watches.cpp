#include "core/watches.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/planted.h"

namespace nunc {

bool WatchingSession::TakeAllowance(std::size_t bytes) {
  // More than keys and values: a change is encoded, and costs something when both are short.
  constexpr std::size_t kBytesAround = 64;
  if (allowance_ == nullptr || *allowance_ < bytes + kBytesAround) {
    if (allowance_ != nullptr) {
      *allowance_ = 0;
    }
    return false;
  }
  *allowance_ -= bytes + kBytesAround;
  return true;
}

bool WatchingSession::MayTell(std::uint32_t interest, std::size_t bytes) {
  Interest& asked = interests_[interest];
  if (asked.policy != WatchPolicy::kAll) {
    return false;
  }
  // Behind one that is marked nothing is told.
  if (asked.dirty ? Planted(Bug::kWatchAllReordered) : TakeAllowance(bytes)) {
    return true;
  }
  asked.gap = true;
  return false;
}

void WatchingSession::MarkDirty(std::uint32_t interest) {
  if (interests_[interest].dirty) {
    if (newest_dirty_ == interest) {
      return;
    }
    Unlink(interest);
    if (Planted(Bug::kWatchMarkLost)) {
      return;
    }
  }
  Interest& marked = interests_[interest];
  marked.dirty = true;
  marked.older = newest_dirty_;
  marked.newer = kNone;
  (newest_dirty_ != kNone ? interests_[newest_dirty_].newer : oldest_dirty_) = interest;
  newest_dirty_ = interest;
}

WatchingSession::Dirty WatchingSession::TakeDirty() {
  if (oldest_dirty_ == kNone) {
    return {};
  }
  const std::uint32_t interest = oldest_dirty_;
  Unlink(interest);
  Interest& taken = interests_[interest];
  return {.key = taken.key, .gap = std::exchange(taken.gap, false)};
}

void WatchingSession::Unlink(std::uint32_t interest) {
  Interest& unlinked = interests_[interest];
  (unlinked.older != kNone ? interests_[unlinked.older].newer : oldest_dirty_) = unlinked.newer;
  (unlinked.newer != kNone ? interests_[unlinked.newer].older : newest_dirty_) = unlinked.older;
  unlinked.dirty = false;
  unlinked.older = kNone;
  unlinked.newer = kNone;
}

// The interest at `from` has been copied to `to`: whoever names it follows.
void WatchingSession::Relink(std::uint32_t from, std::uint32_t to) {
  const Interest& moved = interests_[to];
  moved.key->watchers_[moved.watcher].interest = to;
  if (moved.dirty) {
    (moved.older != kNone ? interests_[moved.older].newer : oldest_dirty_) = to;
    (moved.newer != kNone ? interests_[moved.newer].older : newest_dirty_) = to;
  }
  CHECK(oldest_dirty_ != from && newest_dirty_ != from);
}

// Walks the shorter of the two lists: one session with many keys and one key with many sessions
// are both common, both long at once is not.
std::uint32_t Watches::FindInterest(const WatchingSession& session, const WatchedKey& key) {
  if (session.interests_.size() <= key.watchers_.size()) {
    for (std::uint32_t i = 0; i < session.interests_.size(); ++i) {
      if (session.interests_[i].key == &key) {
        return i;
      }
    }
    return WatchingSession::kNone;
  }
  for (const WatchedKey::Watcher& watcher : key.watchers_) {
    if (watcher.session == &session) {
      return watcher.interest;
    }
  }
  return WatchingSession::kNone;
}

Watches::Added Watches::Add(WatchingSession& session, std::string_view key, std::uint64_t hash,
                            WatchPolicy policy) {
  const auto found = keys_.find(HashedKey{.key = key, .hash = hash});
  if (found != keys_.end()) {
    if (const std::uint32_t interest = FindInterest(session, *found->second);
        interest != WatchingSession::kNone) {
      session.interests_[interest].policy = policy;
      return Added::kAlready;
    }
  }
  if (session.size() >= kWatchesPerSessionMax) {
    return Added::kLimit;
  }
  WatchedKey* watched = nullptr;
  if (found != keys_.end()) {
    watched = found->second.get();
  } else {
    auto fresh = std::make_unique<WatchedKey>();
    fresh->key_ = key;
    fresh->hash_ = hash;
    watched = fresh.get();
    keys_.emplace(HashedKey{.key = watched->key_, .hash = hash}, std::move(fresh));
  }
  const auto interest = static_cast<std::uint32_t>(session.interests_.size());
  session.interests_.push_back({.key = watched,
                                .watcher = static_cast<std::uint32_t>(watched->watchers_.size()),
                                .policy = policy});
  watched->watchers_.push_back({.session = &session, .interest = interest});
  return Added::kYes;
}

bool Watches::Remove(WatchingSession& session, std::string_view key, std::uint64_t hash) {
  const auto found = keys_.find(HashedKey{.key = key, .hash = hash});
  if (found == keys_.end()) {
    return false;
  }
  const std::uint32_t interest = FindInterest(session, *found->second);
  if (interest == WatchingSession::kNone) {
    return false;
  }
  Drop(session, interest);
  return true;
}

void PatternWatch::Become(std::unique_ptr<CatchUp> next) {
  session->behind += next != nullptr ? 1U : 0U;
  session->behind -= catch_up != nullptr ? 1U : 0U;
  catch_up = std::move(next);
}

std::shared_ptr<PatternWatch> WatchingSession::FindPattern(std::string_view prefix,
                                                           bool one_key) const {
  const auto found = patterns_.find({prefix, one_key});
  return found == patterns_.end() ? nullptr : found->second;
}

std::shared_ptr<PatternWatch> Watches::AddPattern(WatchingSession& session, std::string_view prefix,
                                                  bool one_key) {
  if (std::shared_ptr<PatternWatch> found = session.FindPattern(prefix, one_key);
      found != nullptr) {
    return found;
  }
  if (session.size() >= kWatchesPerSessionMax) {
    return nullptr;
  }
  auto watch = std::make_shared<PatternWatch>();
  watch->session = &session;
  watch->prefix = prefix;
  watch->one_key = one_key;
  patterns_.Add(*watch);
  session.patterns_.emplace(std::pair(std::string_view(watch->prefix), one_key), watch);
  return watch;
}

bool Watches::RemovePattern(WatchingSession& session, std::string_view prefix, bool one_key) {
  const std::shared_ptr<PatternWatch> watch = session.FindPattern(prefix, one_key);
  if (watch == nullptr) {
    return false;
  }
  patterns_.Remove(*watch);
  watch->Become(nullptr);
  session.patterns_.erase({watch->prefix, one_key});
  return true;
}

std::size_t Watches::RemoveSome(WatchingSession& session, std::size_t most) {
  std::size_t removed = 0;
  for (; removed < most && !session.patterns_.empty(); ++removed) {
    const auto first = session.patterns_.begin();
    patterns_.Remove(*first->second);
    first->second->Become(nullptr);
    session.patterns_.erase(first);
  }
  for (; removed < most && !session.interests_.empty(); ++removed) {
    Drop(session, static_cast<std::uint32_t>(session.interests_.size() - 1));
  }
  return removed;
}

std::vector<std::shared_ptr<PatternWatch>> Watches::Withhold(WatchingSession& session,
                                                             Allows allows) {
  std::vector<std::shared_ptr<PatternWatch>> withheld;
  for (std::size_t i = session.interests_.size(); i > 0; --i) {  // the last takes a free place
    const WatchingSession::Interest taken = session.interests_[i - 1];
    if (allows(session, taken.key->key())) {
      continue;
    }
    const std::string key(taken.key->key());
    Drop(session, static_cast<std::uint32_t>(i - 1));
    withheld.push_back(AddPattern(session, key, /*one_key=*/true));
    withheld.back()->policy = taken.policy;
    withheld.back()->gap = taken.gap;
  }
  return withheld;
}

void Watches::Drop(WatchingSession& session, std::uint32_t interest) {
  if (session.interests_[interest].dirty) {
    session.Unlink(interest);
  }
  WatchedKey* key = session.interests_[interest].key;
  const std::uint32_t watcher = session.interests_[interest].watcher;
  const auto last_watcher = static_cast<std::uint32_t>(key->watchers_.size() - 1);
  if (watcher != last_watcher) {
    key->watchers_[watcher] = key->watchers_[last_watcher];
    const WatchedKey::Watcher& moved = key->watchers_[watcher];
    moved.session->interests_[moved.interest].watcher = watcher;
  }
  key->watchers_.pop_back();
  const auto last_interest = static_cast<std::uint32_t>(session.interests_.size() - 1);
  if (interest != last_interest) {
    session.interests_[interest] = session.interests_[last_interest];
    session.Relink(last_interest, interest);
  }
  session.interests_.pop_back();
  if (key->watchers_.empty()) {
    keys_.erase(keys_.find(HashedKey{.key = key->key_, .hash = key->hash_}));
  }
}

bool Watches::Contains(const WatchingSession& session, std::string_view key,
                       std::uint64_t hash) const {
  const WatchedKey* watched = Find(key, hash);
  return watched != nullptr && FindInterest(session, *watched) != WatchingSession::kNone;
}

const WatchedKey* Watches::Find(std::string_view key, std::uint64_t hash) const {
  const auto found = keys_.find(HashedKey{.key = key, .hash = hash});
  return found == keys_.end() ? nullptr : found->second.get();
}

std::vector<const WatchedKey*> Watches::All() const {
  std::vector<const WatchedKey*> all;
  all.reserve(keys_.size());
  for (const auto& [hashed, watched] : keys_) {
    all.push_back(watched.get());
  }
  std::sort(all.begin(), all.end(),
            [](const WatchedKey* a, const WatchedKey* b) { return a->key() < b->key(); });
  return all;
}

}  // namespace nunc
