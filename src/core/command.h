// What a client asks for, free of any wire form: every door decodes into this.
//
// Shape:   one plain struct; which fields mean something is the command's row in command_table.h.
// Owner:   the decoder. All views must stay valid during the Step that gets the command.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/conflicts.h"
#include "core/database.h"

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
  kPing,
  // Not a command: a request that could not be read. Its error takes its place in the order of the
  // replies like any other.
  kRejected,
};

struct Command {
  Verb verb = Verb::kRejected;
  std::string_view name{};    // database, user or sub-command; of kRejected the error text
  std::string_view key{};     // key or pattern
  std::string_view user{};    // of use-db with a user
  std::string_view secret{};  // token or password
  std::string_view since{};   // of watch: a token, `0`: everything; empty: from now on
  std::string_view value{};   // value, permission list, database names
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
  std::int64_t amount = 1;  // of increment
  ConflictId conflict{};
  Strategy strategy = Strategy::kNone;
  std::optional<AckLevel> level{};  // of create-db; empty: the server's default
};

}  // namespace nunc
