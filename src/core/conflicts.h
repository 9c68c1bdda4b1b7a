// Open conflicts of one database under strategy arbiter: who waits for which decision.
//
// Shape:   per key the ids of its open conflicts, oldest first; the texts are ordinary entries
//          (`$conflicts_KEY_ID`). Decisions are taken oldest first, so that each one builds on the
//          one before and none is lost.
// Limits:  kOpenConflictsPerDatabaseMax open ones; kClosedConflictsPerDatabaseMax decided ones are
//          remembered for arbiters that follow a chain, then the oldest is forgotten.
// Owner:   Database.
// Source:  docs/language.md (conflicts); docs/reference-server.md §4.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nunc {

// Nanoseconds of the wall clock when it arose, raised where needed so that it is unique.
struct ConflictId {
  std::int64_t value = 0;
  friend auto operator<=>(ConflictId, ConflictId) = default;
};

// Its watchers are the arbiters.
inline constexpr std::string_view kConflictsKey = "$conflicts";
inline constexpr std::string_view kConflictKeyPrefix = "$conflicts_";

inline constexpr std::string_view kDecidedPrefix = "resolved ";

std::string ConflictKey(std::string_view key, ConflictId id);

// The other way round; empty when `conflict_key` is not one that ConflictKey makes.
struct ConflictName {
  std::string_view key{};
  ConflictId id{};
};
std::optional<ConflictName> ParseConflictKey(std::string_view conflict_key);

class Conflicts {
 public:
  // False at the limit.
  [[nodiscard]] bool Open(std::string_view key, ConflictId id);
  // Oldest first; empty when the key has none.
  [[nodiscard]] const std::deque<ConflictId>& OpenOf(std::string_view key) const;
  // The key of the newest one of a key that has some.
  [[nodiscard]] std::string NewestKeyOf(std::string_view key) const {
    return ConflictKey(key, OpenOf(key).back());
  }
  // The oldest one of `key` is decided; its conflict key is remembered as closed.
  void CloseOldest(std::string_view key);
  // That one is neither open nor known as decided any more; of a record that says so.
  void Drop(const ConflictName& name, std::string_view conflict_key);
  [[nodiscard]] bool IsOpen(const ConflictName& name) const;
  // The key is gone, and what was open with it.
  void Forget(std::string_view key);

  // Conflict keys of decided conflicts that are to be removed: all of them, or the oldest while
  // there are more than the limit (a restore may bring many more: an arbiter removes those).
  std::vector<std::string> TakeClosed();
  std::optional<std::string> TakeOneClosedOverLimit();

  // Conflict keys of decided conflicts that are still there, oldest first.
  [[nodiscard]] const std::deque<std::string>& closed() const { return closed_; }

  // Recovery: an undecided entry of the queue, in any order; a decided one, oldest first.
  void LoadOpen(std::string_view key, ConflictId id);
  void LoadClosed(std::string_view conflict_key) { closed_.emplace_back(conflict_key); }
  // The greatest id that is or was open here since the start.
  [[nodiscard]] ConflictId newest() const { return newest_; }

  // All open conflict keys in byte order of their names, as arbiters are told them.
  [[nodiscard]] std::vector<std::string> OpenConflictKeys() const;

  // An arbiter has registered at some time: from then on conflicts are queued, not refused.
  [[nodiscard]] bool arbiter_seen() const { return arbiter_seen_; }
  void set_arbiter_seen(bool seen = true) { arbiter_seen_ = seen; }
  // The queue is found anew from its entries.
  void Clear();

 private:
  std::map<std::string, std::deque<ConflictId>, std::less<>> open_;
  std::deque<std::string> closed_;
  std::size_t open_count_ = 0;
  ConflictId newest_;
  bool arbiter_seen_ = false;
};

}  // namespace nunc
