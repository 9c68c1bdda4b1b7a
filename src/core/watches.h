// Who watches which key of one database, and which of those keys a slow session has yet to hear.
//
// Shape:   per key the watching sessions in one array (a change walks it); per session the keys it
//          watches. A registration is a pair of positions that point at each other.
//          A lagging session's registrations are marked dirty instead of being told: the list of
//          dirty ones is ordered by newest change, and never holds values. Those of the policy
//          `all` are told still, as far as the session's allowance reaches.
// Cost:    about 48 bytes per registration and 100 per watched key. A change costs its watchers.
// Limits:  kWatchesPerSessionMax; at the limit Add refuses.
// Owner:   one per Database; WatchingSession lives in the session of the same database.
// Source:  docs/architecture.md §3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/pattern_watches.h"
#include "core/watch_policy.h"

namespace nunc {

class Database;
class WatchingSession;

class WatchedKey {
 public:
  struct Watcher {
    WatchingSession* session = nullptr;
    std::uint32_t interest = 0;  // position in the session's interests
  };

  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] const std::vector<Watcher>& watchers() const { return watchers_; }

 private:
  friend class Watches;
  friend class WatchingSession;
  std::string key_;
  std::uint64_t hash_ = 0;
  std::vector<Watcher> watchers_;
};

// The watches of one session in one database.
class WatchingSession : public std::enable_shared_from_this<WatchingSession> {
 public:
  WatchingSession(SessionId id, Database& database) : id_(id), database_(database) {}

  [[nodiscard]] SessionId id() const { return id_; }
  [[nodiscard]] Database& database() const { return database_; }
  [[nodiscard]] bool lagging() const { return lagging_; }
  void set_lagging(bool lagging) { lagging_ = lagging; }
  [[nodiscard]] std::size_t size() const { return interests_.size() + patterns_.size(); }
  // Shared so that who works on one later can see that it is gone.
  // By prefix, and whether it is of that key alone.
  using Patterns = std::map<std::pair<std::string_view, bool>, std::shared_ptr<PatternWatch>>;
  [[nodiscard]] const Patterns& patterns() const { return patterns_; }
  // Null when it is not watched.
  [[nodiscard]] std::shared_ptr<PatternWatch> FindPattern(std::string_view prefix,
                                                          bool one_key = false) const;
  // A change that several of its watches want is told once; false: it has been told.
  bool BeginTelling(std::uint64_t change) { return std::exchange(told_, change) != change; }
  [[nodiscard]] bool WasTold(std::uint64_t change) const { return told_ == change; }

  // Whose rights decide what it is told. Empty: it came with the database's token.
  std::string user;
  // The user whose list counts.
  [[nodiscard]] std::string_view rights_of() const {
    return user.empty() ? std::string_view("all") : user;
  }
  // An admin's: it may see `$$` keys, which wait for the disk in every database.
  bool admin = false;
  // Its client reads kStarted and kReady, also of watches without a token.
  bool knows_ready = false;
  // It is told changes alone.
  [[nodiscard]] bool IsSilent() const { return !wants_tokens && !knows_ready; }
  std::size_t behind = 0;  // patterns that have yet to hear something
  bool in_closing = false;
  bool keys_begun = false;  // that changes of keys may be left out up to the next kReady is told
  // It has a watch that keeps tokens, and was given one at `token_at`.
  bool wants_tokens = false;
  Revision token_at{};
  // Watches of keys were told a part of what they have yet to hear: a kReady closes it once this
  // is on disk.
  std::optional<Revision> closes_at;
  // Of a key up to that revision it has yet to hear from the gate, in the place of what was before.
  Revision awaits{};
  // What came behind was taken back, and it has yet to be told so.
  std::optional<Revision> rewound;

  [[nodiscard]] WatchPolicy policy(std::uint32_t interest) const {
    return interests_[interest].policy;
  }
  // Of a session that lags: one that wants all changes is given one more of that many bytes. False:
  // they reach no further, and from now on all of them are cut.
  bool TakeAllowance(std::size_t bytes);
  // So for the key of `interest`, if it wants all.
  bool MayTell(std::uint32_t interest, std::size_t bytes);
  // What watches of `all` may still be given while the session lags; the session's.
  void set_allowance(std::size_t* allowance) { allowance_ = allowance; }

  // Notes that the key of `interest` changed: it becomes the newest dirty one.
  void MarkDirty(std::uint32_t interest);
  struct Dirty {
    const WatchedKey* key = nullptr;
    bool gap = false;  // it wants all changes, and some were left out
  };
  // The dirty key whose change is oldest; null when nothing is dirty. Unmarks it.
  Dirty TakeDirty();

 private:
  friend class Watches;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Interest {
    WatchedKey* key = nullptr;
    std::uint32_t watcher = 0;  // position in the key's watchers
    WatchPolicy policy = WatchPolicy::kLatest;
    bool dirty = false;
    bool gap = false;
    std::uint32_t older = kNone;
    std::uint32_t newer = kNone;
  };

  void Unlink(std::uint32_t interest);
  void Relink(std::uint32_t from, std::uint32_t to);

  SessionId id_;
  Database& database_;
  bool lagging_ = false;
  std::size_t* allowance_ = nullptr;
  std::uint64_t told_ = 0;
  Patterns patterns_;
  std::vector<Interest> interests_;
  std::uint32_t oldest_dirty_ = kNone;
  std::uint32_t newest_dirty_ = kNone;
};

class Watches {
 public:
  enum class Added : std::uint8_t { kYes, kAlready, kLimit };

  // `hash` is the HashIndex's of `key`. One that is there already gets the policy.
  Added Add(WatchingSession& session, std::string_view key, std::uint64_t hash,
            WatchPolicy policy = WatchPolicy::kLatest);
  // False when it was not watched.
  bool Remove(WatchingSession& session, std::string_view key, std::uint64_t hash);
  // The one of a prefix that is watched already is given, too; null at the limit.
  std::shared_ptr<PatternWatch> AddPattern(WatchingSession& session, std::string_view prefix,
                                           bool one_key = false);
  bool RemovePattern(WatchingSession& session, std::string_view prefix, bool one_key = false);
  // Those of keys that are not allowed become such that ask for it at each change
  // (PatternWatch::one_key). Gives them.
  using Allows = bool (*)(const WatchingSession& session, std::string_view key);
  std::vector<std::shared_ptr<PatternWatch>> Withhold(WatchingSession& session, Allows allows);
  // So many of those of keys and of patterns at most; how many.
  std::size_t RemoveSome(WatchingSession& session, std::size_t most);
  void RemoveAll(WatchingSession& session) { RemoveSome(session, SIZE_MAX); }

  [[nodiscard]] bool Contains(const WatchingSession& session, std::string_view key,
                              std::uint64_t hash) const;
  // Null when nobody watches it.
  [[nodiscard]] const WatchedKey* Find(std::string_view key, std::uint64_t hash) const;
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  [[nodiscard]] bool empty() const { return keys_.empty() && patterns_.empty(); }
  PatternWatches& patterns() { return patterns_; }
  [[nodiscard]] const PatternWatches& patterns() const { return patterns_; }
  // In byte order of the keys.
  [[nodiscard]] std::vector<const WatchedKey*> All() const;

 private:
  struct HashedKey {
    std::string_view key;
    std::uint64_t hash = 0;
    friend bool operator==(const HashedKey& a, const HashedKey& b) {
      return a.hash == b.hash && a.key == b.key;
    }
  };
  struct TakeHash {
    // As this cannot throw, the map keeps no second copy of the hash: 16 bytes of each key.
    std::size_t operator()(const HashedKey& key) const noexcept { return key.hash; }
  };

  static std::uint32_t FindInterest(const WatchingSession& session, const WatchedKey& key);
  void Drop(WatchingSession& session, std::uint32_t interest);

  // The key of the map views the WatchedKey's own text, which stays where it is.
  std::unordered_map<HashedKey, std::unique_ptr<WatchedKey>, TakeHash> keys_;
  PatternWatches patterns_;
};

}  // namespace nunc
