// What a Step has decided, as data: the driver carries it out, in this order.
//
// Shape:   items in the order in which their sessions must get them. Each command ends in exactly
//          one status (kOk or kError); its data comes before.
// Owner:   the driver reuses one Output; Clear keeps the memory. Views in it point into the store,
//          into the command or into this Output, and hold until the next Step.
// Source:  docs/architecture.md §4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/error_code.h"
#include "core/ids.h"
#include "core/operation.h"
#include "core/record.h"

namespace nunc {

enum class ReplyKind : std::uint8_t {
  kOk,
  kError,
  kValue,         // text
  kNoValue,       // the key is absent
  kValueVersion,  // text, number
  kNoValueVersion,
  kAuthValid,
  kAuthInvalid,
  kDatabaseCreated,
  kPut,        // number: the new version; text: what an edit has made
  kTtl,        // number: milliseconds; -1: for ever
  kNoTtl,      // the key is absent
  kHello,      // text: the session's name; number: 1 when it has got the keys of a former one
  kQueued,     // a write waits for `exec`
  kExecuted,   // rows: key, new version; -1: removed
  kEntries,    // rows: key, value, version
  kKeys,       // rows: name
  kScan,       // rows: key, value, version; text: the key where it goes on, empty at the end
  kDatabases,  // rows: name, strategy
  kConflicts,  // rows: text of each open conflict
  kPendingOps,
  kProcess,  // number: start time in milliseconds
  kCommands,
  kMetrics,      // counters
  kMetricsJson,  // and rows: where `detail` is a database, sent or shown so often; then figures
  kCluster,      // rows: a member's address, its link, its SeenRole
  kClusterJson,  // rows: field, value; without a value the number. kMemberRow begins a member
  kWhoami,       // rows: field, value
  kExplain,      // rows: field, value; without a value the number
  kPong,
  kLines,  // text: the title; rows: lines
};

inline constexpr std::string_view kMemberRow = "member";

// A member of a cluster, in the words of existing clients.
enum class SeenRole : std::uint8_t { kStartingUp, kSecondary, kPrimary };

// How long turns of the driver's loop took.
struct TurnTime {
  std::int64_t wall_us = 0;
  std::int64_t cpu_us = 0;  // the loop's own; at most 1 ms too high, 0 for what was not looked at
};

struct Counters {
  std::uint64_t commands = 0;
  double query_time_ms_average = 0;
  std::uint64_t log_bytes = 0;  // of the op log's files
  std::uint64_t log_records = 0;
};

struct Reply {
  SessionId session{};
  ReplyKind kind = ReplyKind::kOk;
  ErrorCode error = ErrorCode::kRejected;  // of kError
  std::string_view text{};                 // of kOk after an increment: the sum
  std::int64_t number = 0;                 // of kOk after a write of one key: its version
  std::int64_t ttl_ms = -1;                // of kValueVersion, if it was asked for: as in kTtl
  Revision revision{};         // of the entry that is shown, or of what was written; zero: none
  std::uint32_t position = 0;  // of kError: which write of a transaction was refused, from 1
  // Output::rows[first_row, first_row + row_count).
  std::size_t first_row = 0;
  std::size_t row_count = 0;
  // What it rests on must be on disk up to here before anyone may see it.
  Revision after{};
  // A status that waits for an OperationResult.
  OperationId operation{};

  [[nodiscard]] bool is_status() const {
    return kind == ReplyKind::kOk || kind == ReplyKind::kError;
  }
};

enum class ChangeKind : std::uint8_t {
  kSet,
  kRemoved,
  kConflict,  // for arbiters: value is the whole message
  // What a watch is told of itself; key is its pattern, empty: those of keys in the database.
  kStarted,  // value says what follows: `snapshot`, `delta`, `current` or another of protocol.md's
  kReady,    // all up to here has been told; value is a token to go on from
  kGap,      // changes have been left out of what was to be all of them; key is the pattern or key
};

// Of kStarted: nothing follows, as the database has gone.
inline constexpr std::string_view kDropped = "dropped";

// The version existing clients see while a conflict on a key is open.
inline constexpr std::int64_t kVersionInConflict = -2;

// One change and the sessions that must hear of it: Output::targets[first, first + count).
struct Change {
  DatabaseId database{};  // zero: it has been dropped
  ChangeKind kind = ChangeKind::kSet;
  std::string_view key{};
  std::string_view value{};
  std::int64_t version = 0;
  Revision revision{};       // of the record it came with
  std::int64_t time_us = 0;  // of that record, since 1970; 0: not known any more
  std::size_t newer_at = 0;  // of kConflict: where in value the newer value begins
  bool more = false;         // the keys are as at one revision only after a kReady that follows
  std::size_t first = 0;
  std::size_t count = 0;
  // As in Reply. Without targets, who must hear is looked up when it is reached.
  Revision after{};
};

struct Output {
  struct Row {
    std::string_view name{};
    std::string_view detail{};
    std::int64_t version = 0;
  };
  // A record of the op log; its items are record_items[first_item, first_item + item_count).
  struct Logged {
    Record record;
    std::size_t first_item = 0;
    std::size_t item_count = 0;
  };

  std::vector<std::variant<Reply, Change>> items;
  std::vector<SessionId> targets;
  std::vector<Row> rows;
  std::vector<Logged> records;  // what changed, in order
  std::vector<RecordItem> record_items;
  std::vector<Operation> operations;
  // For the node that makes the records; bytes as forward.h has them.
  struct Forward {
    OperationId operation{};
    SessionId session{};
    bool may_come_again = false;  // it is done once, however often it comes
    std::string bytes{};
  };
  std::vector<Forward> forwards;
  Counters counters;                // of kMetrics, kMetricsJson
  std::size_t entries_visited = 0;  // by the command, shown or not: what made it long
  std::deque<std::string> texts;    // what no one else holds; a deque never moves them
  std::optional<Error> failure;     // of an input that is not a client's: it was not taken

  void Clear() {
    items.clear();
    targets.clear();
    rows.clear();
    records.clear();
    record_items.clear();
    operations.clear();
    forwards.clear();
    entries_visited = 0;
    texts.clear();
    failure.reset();
  }
  std::string_view Keep(std::string text) { return texts.emplace_back(std::move(text)); }
};

// Those of a reply.
inline std::span<const Output::Row> RowsOf(const Reply& reply, const Output& output) {
  return std::span(output.rows).subspan(reply.first_row, reply.row_count);
}

}  // namespace nunc
