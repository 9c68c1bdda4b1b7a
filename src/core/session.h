// What the core knows of one connected client.
//
// Owner:   Executor, by slot. A database outlives the sessions that use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/database.h"
#include "core/ids.h"
#include "core/recent_writes.h"
#include "core/transaction.h"
#include "core/watches.h"

namespace nunc {

enum class SessionKind : std::uint8_t {
  kConnection,  // counts in $connections of the database it selects
  kRequest,     // one HTTP request: does not count
};

struct Session {
  struct DatabaseWatches {
    Database* database = nullptr;
    // An address that watched keys may hold; shared as PatternWatch is.
    std::shared_ptr<WatchingSession> watches;
  };

  SessionId id;
  SessionKind kind = SessionKind::kConnection;
  SessionName name;
  std::uint64_t owner = 0;   // of keys that live with it; 0: it has had none and no name
  bool knows_ready = false;  // as in WatchingSession
  bool admin = false;
  bool lagging = false;
  std::size_t allowance = 0;     // bytes that watches of `all` may still be given while it lags
  Database* database = nullptr;  // the selected one
  Revision dropped{};            // by that record the selected one went away
  std::string user;              // empty: came with the database's token
  // Looked up again when the database's epoch has moved on.
  std::uint64_t permissions_epoch = 0;
  const PermissionList* permissions = nullptr;
  std::unique_ptr<Transaction> transaction;  // between `multi` and `exec`; null: none
  std::uint32_t forwards = 0;                // commands that another node runs, not answered yet
  bool may_own = false;                      // it has had keys that live with it
  // For one of another node, which is an arbiter there.
  bool stands_in = false;
  bool arbiter_elsewhere = false;
  // One per database that it watches something in; watches stay when another one is selected.
  std::vector<DatabaseWatches> watches;

  // As `explain` names who it is.
  [[nodiscard]] Writer writer() const;
  // Of the selected database.
  [[nodiscard]] bool is_arbiter() const;
  // Null: it has not watched anything there yet.
  [[nodiscard]] std::shared_ptr<WatchingSession> FindWatching(const Database& in) const;
  std::shared_ptr<WatchingSession> WatchingIn(Database& in);
};

// 32 hexadecimal digits; `-` for one without a name.
std::string FormatSessionName(const SessionName& name);
std::optional<SessionName> ParseSessionName(std::string_view text);

}  // namespace nunc
