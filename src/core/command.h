// What a client asks for, free of any wire form: every door decodes into this.
//
// Shape:   one plain struct; which fields mean something is the command's row in command_table.h.
// Owner:   the decoder. All views must stay valid during the Step that gets the command.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/conflicts.h"
#include "core/database.h"
#include "core/ids.h"
#include "core/watch_policy.h"

namespace nunc {

// In the order of the rows in command_table.cpp.
enum class Verb : std::uint8_t {
  kAuth,
  kUseDb,
  kCreateDb,
  kDropDb,
  kCreateUser,
  kSetPermissions,
  kSnapshot,
  kReplicateSnapshot,
  kOplog,
  kGet,
  kGetSafe,
  kGetMany,
  kSet,
  kSetSafe,
  kPut,
  kIncrement,
  kRemove,
  kExpire,
  kPersist,
  kTtl,
  kSetSession,
  kMulti,
  kExec,
  kDiscard,
  kKeys,
  kScan,
  kWatch,
  kUnwatch,
  kUnwatchAll,
  kArbiter,
  kResolve,
  kDebug,
  kListCommands,
  kMetricsState,
  kClusterState,
  kWhoami,
  kHello,
  kWait,
  kExplain,
  kDelivered,
  kPing,
  kLeave,
  kPromote,
  kAddNode,
  kPeerAddress,
  // Not a command: a request that could not be read. Its error takes its place in the order of the
  // replies like any other.
  kRejected,
};

// What of a stored entry tells it from all others of its key: a version comes back after a removal,
// a revision never.
struct EntryTag {
  std::int64_t version = 0;
  Revision revision{};
  friend bool operator==(const EntryTag&, const EntryTag&) = default;
};

// Makes a new value of the one that is stored; pure.
class ValueEdit {
 public:
  ValueEdit() = default;
  ValueEdit(const ValueEdit&) = delete;
  ValueEdit& operator=(const ValueEdit&) = delete;
  virtual ~ValueEdit() = default;

  // What another node makes the same edit of.
  [[nodiscard]] virtual std::string_view source() const = 0;
  // False: it cannot.
  virtual bool Edit(std::string_view stored, std::string& fresh) = 0;
};

// Why a command does not run yet.
enum class Pause : std::uint8_t {
  kNone,
  kForAnswers,  // of what its session has under way at another node
  kForCluster,  // for what has not come to this node, or has not been confirmed
};

struct Command {
  Verb verb = Verb::kRejected;
  std::string_view name{};    // database, user or sub-command; of kRejected the error text
  std::string_view key{};     // key or pattern
  std::string_view user{};    // of use-db with a user
  std::string_view secret{};  // token or password
  std::string_view since{};   // of watch: a token, `0`: everything; empty: from now on; of wait
  WatchPolicy policy = WatchPolicy::kLatest;  // of watch
  std::int64_t every_ms = 0;                  // of WatchPolicy::kEvery
  std::string_view value{};                   // value, permission list, database names
  // Of get-many.
  std::span<const std::string_view> keys{};
  // Of scan: the key behind which it begins, and how many it shows; empty: from the start, so many
  // as usual.
  std::string_view after{};
  std::optional<std::int64_t> limit{};
  // The version a write names; empty: whatever is stored. A negative one is refused by the core.
  std::optional<std::int64_t> version{};
  // Of put: only when the stored version is exactly this one; only when the key is missing.
  std::optional<std::uint32_t> if_version{};
  bool if_absent = false;
  // Of put and remove: only when the key is there; only when it is in one of these states; only
  // when it is in none of those.
  bool if_present = false;
  std::optional<std::span<const EntryTag>> if_tags{};
  std::span<const EntryTag> if_not_tags{};
  // Of put, in place of a value. Who may edit can see what is there, so the key must be readable.
  ValueEdit* edit = nullptr;
  // Of put and expire: how long the key lives. Otherwise a write makes it live for ever, unless it
  // keeps what is stored.
  std::optional<std::int64_t> ttl_ms{};
  std::optional<std::int64_t> grace_ms{};  // of set-session: how much longer than the session
  bool keeps_lifetime = false;
  bool with_ttl = false;    // of get-safe: the reply says how long the key still lives
  std::int64_t amount = 1;  // of increment; of delivered: milliseconds since 1970
  ConflictId conflict{};
  Strategy strategy = Strategy::kNone;
  std::optional<AckLevel> level{};  // of create-db; empty: the server's default
  RetryName retry{};                // where MayBeRetried (command_table.h)
};

}  // namespace nunc
