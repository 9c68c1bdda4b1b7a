// Holds what a watcher was told against what happened: the seven names of the watch contract.
//
// Shape:   WatchHistory is fed every record; a WatchView every event of one watch, over all its
//          connections. Each answers with what is broken, by the name of the contract; empty: fine.
//            filter       only keys of the pattern
//            ordered      what is told live comes in the order of revisions
//            unique       no change of a key twice
//            atomic       at each `ready` the client holds what was there at that revision
//            reliable     nothing is left out of what is told live, nor at the end
//            resumable    also over a new connection with the token of the last `ready`
//            bookmarkable the tokens never go back
// Owner:   tests and the simulator.
// Source:  docs/delivery.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/output.h"
#include "core/record.h"

namespace nunc {

// Of one database.
class WatchHistory {
 public:
  struct Past {
    Revision revision{};
    std::optional<std::string> value{};  // empty: removed
    std::int64_t version = 0;
  };

  void OnRecord(const Record& record);
  // Nothing above it may be told; for a database that waits for the disk.
  void SetDurable(Revision durable) { durable_ = durable; }

  [[nodiscard]] Revision durable() const { return durable_; }
  // What the key was made at that revision; null: nothing.
  [[nodiscard]] const Past* At(std::string_view key, Revision revision) const;
  // The values of all keys with that prefix.
  using State = std::map<std::string, std::string, std::less<>>;
  [[nodiscard]] State StateAt(std::string_view prefix, Revision revision) const;
  // Of the newest change before that revision of a key with that prefix; zero: none.
  [[nodiscard]] Revision Before(std::string_view prefix, Revision revision) const;

 private:
  std::map<std::string, std::vector<Past>, std::less<>> keys_;
  std::vector<std::pair<Revision, std::string>> changes_;
  Revision durable_{UINT64_MAX};
};

class WatchView {
 public:
  // `PREFIX*`, or one key.
  WatchView(const WatchHistory& history, std::string_view pattern)
      : history_(history),
        is_pattern_(pattern.ends_with('*')),
        prefix_(pattern.substr(0, pattern.size() - (is_pattern_ ? 1 : 0))) {}

  [[nodiscard]] std::string OnEvent(const Change& change);
  // Another connection goes on from token(): what was told since is not known to have arrived.
  void Resume();
  // Nothing happens any more and all has been told.
  [[nodiscard]] std::string AtRest(Revision newest) const;
  // Of the last `ready`; `0` before the first.
  [[nodiscard]] const std::string& token() const { return token_; }
  [[nodiscard]] bool ready() const { return ready_; }

 private:
  [[nodiscard]] std::string OnKey(const Change& change);
  [[nodiscard]] std::string OnReady(const Change& change);
  [[nodiscard]] std::string Compare(Revision revision) const;

  const WatchHistory& history_;
  bool is_pattern_;
  std::string prefix_;  // or the key
  WatchHistory::State state_;
  std::map<std::string, Revision, std::less<>> told_;
  Revision live_{};  // of what was told last
  Revision ready_at_{};
  std::string token_ = "0";
  bool ready_ = false;  // nothing of a unit is open
};

}  // namespace nunc
