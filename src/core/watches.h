// Who watches which key of one database, and which of those keys a slow session has yet to hear.
//
// Shape:   per key the watching sessions in one array (a change walks it); per session the keys it
//          watches. A registration is a pair of positions that point at each other.
//          A lagging session's registrations are marked dirty instead of being told: the list of
//          dirty ones is ordered by newest change, and never holds values.
// Cost:    about 48 bytes per registration and 100 per watched key. A change costs its watchers.
// Limits:  kWatchesPerSessionMax; at the limit Add refuses.
// Owner:   one per Database; WatchingSession lives in the session of the same database.
// Source:  docs/architecture.md §3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/ids.h"

namespace nunc {

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
class WatchingSession {
 public:
  explicit WatchingSession(SessionId id) : id_(id) {}

  [[nodiscard]] SessionId id() const { return id_; }
  [[nodiscard]] bool lagging() const { return lagging_; }
  void set_lagging(bool lagging) { lagging_ = lagging; }
  [[nodiscard]] std::size_t size() const { return interests_.size(); }

  // Notes that the key of `interest` changed: it becomes the newest dirty one.
  void MarkDirty(std::uint32_t interest);
  // The dirty key whose change is oldest; empty when nothing is dirty. Unmarks it.
  const WatchedKey* TakeDirty();

 private:
  friend class Watches;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Interest {
    WatchedKey* key = nullptr;
    std::uint32_t watcher = 0;  // position in the key's watchers
    bool dirty = false;
    std::uint32_t older = kNone;
    std::uint32_t newer = kNone;
  };

  void Unlink(std::uint32_t interest);
  void Relink(std::uint32_t from, std::uint32_t to);

  SessionId id_;
  bool lagging_ = false;
  std::vector<Interest> interests_;
  std::uint32_t oldest_dirty_ = kNone;
  std::uint32_t newest_dirty_ = kNone;
};

class Watches {
 public:
  enum class Added : std::uint8_t { kYes, kAlready, kLimit };

  // `hash` is the HashIndex's of `key`.
  Added Add(WatchingSession& session, std::string_view key, std::uint64_t hash);
  // False when it was not watched.
  bool Remove(WatchingSession& session, std::string_view key, std::uint64_t hash);
  void RemoveAll(WatchingSession& session);

  [[nodiscard]] bool Contains(const WatchingSession& session, std::string_view key,
                              std::uint64_t hash) const;
  // Null when nobody watches it.
  [[nodiscard]] const WatchedKey* Find(std::string_view key, std::uint64_t hash) const;
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
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
    std::size_t operator()(const HashedKey& key) const { return key.hash; }
  };

  static std::uint32_t FindInterest(const WatchingSession& session, const WatchedKey& key);
  void Drop(WatchingSession& session, std::uint32_t interest);

  // The key of the map views the WatchedKey's own text, which stays where it is.
  std::unordered_map<HashedKey, std::unique_ptr<WatchedKey>, TakeHash> keys_;
};

}  // namespace nunc
