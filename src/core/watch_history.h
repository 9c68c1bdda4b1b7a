// What happened to the keys of one database and to the rights of its users, by revision: what the
// watch contract is held against.
//
// Shape:   fed with every record. It goes side by side with what is told of it, turn by turn, or
// the
//          whole of a log is there first (SetAsOf).
// Owner:   watch_oracle.h; tests and the simulator.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/permissions.h"
#include "core/record.h"

namespace nunc {

// Whose rights decide what a watch is told.
struct Reader {
  std::string user{};  // empty: came with the database's token
  bool admin = false;
};

// What a watch is for: a key, or all that begin with a prefix.
struct WatchedKeys {
  explicit WatchedKeys(std::string_view pattern)
      : is_pattern(pattern.ends_with('*')),
        prefix(pattern.substr(0, pattern.size() - (is_pattern ? 1 : 0))) {}
  [[nodiscard]] bool Contain(std::string_view key) const {
    return is_pattern ? key.starts_with(prefix) : key == prefix;
  }

  bool is_pattern;
  std::string prefix;  // or the key
};

// Of one database.
class WatchHistory {
 public:
  struct Past {
    Revision revision{};
    std::optional<std::string> value{};  // empty: removed
    std::int64_t version = 0;
  };

  // A database of AckLevel::kDisk waits with everything, any other with its `$$` keys.
  explicit WatchHistory(bool waits_for_disk) : waits_(waits_for_disk) {}

  void OnRecord(const Record& record);
  void SetDurable(Revision durable) { durable_ = durable; }
  void SetNow(std::int64_t now_us) { now_us_ = now_us; }
  // Rights are those of that revision, not the newest.
  void SetAsOf(Revision revision) { as_of_ = revision; }
  [[nodiscard]] std::int64_t now_us() const { return now_us_; }
  // What came behind `last` was lost, and its revisions will be used again.
  void Cut(Revision last);

  // All changes of the database wait for the disk.
  [[nodiscard]] bool waits() const { return waits_; }
  [[nodiscard]] Revision durable() const { return durable_; }
  [[nodiscard]] bool MayRead(const Reader& reader, std::string_view key) const;
  // In the one order of all that waits for nothing else.
  [[nodiscard]] bool InOrder(std::string_view key) const;
  // What the key was made at that revision; null: nothing.
  [[nodiscard]] const Past* At(std::string_view key, Revision revision) const;
  // All that it was made, in order; null: it never was.
  [[nodiscard]] const std::vector<Past>* Of(std::string_view key) const;
  // The values of all those keys that may be read.
  using State = std::map<std::string, std::string, std::less<>>;
  [[nodiscard]] State StateAt(const Reader& reader, const WatchedKeys& keys,
                              Revision revision) const;
  // Of the newest change before that revision of one of those keys; zero: none.
  [[nodiscard]] Revision Before(const Reader& reader, const WatchedKeys& keys,
                                Revision revision) const;

 private:
  using Pasts = std::map<std::string, std::vector<Past>, std::less<>>;
  struct Rights {
    Revision from{};
    std::optional<PermissionList> list{};  // empty: removed
  };

  void Note(std::string_view key, Past past);
  void NoteRights(std::string_view key, const Past& past);

  bool waits_;
  Pasts keys_;
  std::vector<std::pair<Revision, std::string>> changes_;
  std::map<std::string, std::vector<Rights>, std::less<>> rights_;  // by user
  Revision as_of_{std::numeric_limits<std::uint64_t>::max()};
  Revision durable_;
  std::int64_t now_us_ = 0;
};

}  // namespace nunc
