#include "language/nql_reply.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>

#include "base/limits.h"
#include "base/utf8.h"
#include "core/command_table.h"
#include "language/cluster_reply.h"
#include "language/metrics_reply.h"

namespace nunc {
namespace {

constexpr std::string_view kEmptyMarker = "<Empty>";

void AppendNumber(std::string& out, std::int64_t number) {
  char digits[24];
  const auto written = std::to_chars(digits, digits + sizeof(digits), number);
  out.append(digits, written.ptr);
}

void AppendNumberLine(std::string& out, std::string_view before, std::int64_t number) {
  out += before;
  AppendNumber(out, number);
  out += '\n';
}

// Other protocols store any bytes. Here a line feed would end the message, and what follows it be
// taken for another; and a text message must be UTF-8.
void AppendValue(std::string& out, std::string_view value) {
  if (value.find('\n') == std::string_view::npos && IsValidUtf8(value)) {
    out += value;
    return;
  }
  const std::size_t from = out.size();
  AppendRepairedUtf8(out, value);
  out.erase(std::remove(out.begin() + static_cast<std::ptrdiff_t>(from), out.end(), '\n'),
            out.end());
}

void AppendRows(std::string& out, std::span<const Output::Row> rows, std::string_view before,
                std::string_view between) {
  for (const Output::Row& row : rows) {
    out.append(before).append(row.name);
    if (!row.detail.empty()) {
      out.append(between).append(row.detail);
    }
  }
}

void AppendEntries(std::string& out, std::span<const Output::Row> entries) {
  for (const Output::Row& entry : entries) {
    out.append("\n").append(entry.name) += ' ';
    AppendNumber(out, entry.version);
    out += ' ';
    AppendValue(out, entry.detail);
  }
}

void AppendListing(std::string& out, const Reply& reply, std::span<const Output::Row> rows) {
  switch (reply.kind) {
    case ReplyKind::kEntries:
      out += "values ";
      AppendNumber(out, static_cast<std::int64_t>(rows.size()));
      return AppendEntries(out, rows);
    case ReplyKind::kScan:
      out += "scan ";
      AppendNumber(out, static_cast<std::int64_t>(rows.size()));
      out.append(reply.text.empty() ? " end" : " more ").append(reply.text);
      return AppendEntries(out, rows);
    case ReplyKind::kKeys:
      out += "keys ";
      return AppendRows(out, rows, ",", "");
    case ReplyKind::kDatabases:
      out += "dbs-list ";
      return AppendRows(out, rows, "\n", " : ");
    case ReplyKind::kConflicts:
      out += "conflitcts-list ";
      for (const Output::Row& row : rows) {
        out += '\n';
        AppendValue(out, row.name);
      }
      return;
    case ReplyKind::kExecuted:
      out += "exec";
      for (const Output::Row& row : rows) {
        out += ' ';
        if (row.version < 0) {
          out += '-';
        } else {
          AppendNumber(out, row.version);
        }
      }
      return;
    case ReplyKind::kWhoami:
      out += "whoami";
      for (const Output::Row& row : rows) {
        out.append("\n").append(row.name).append(row.detail.empty() ? ":" : ": ");
        out.append(row.detail);
      }
      return;
    case ReplyKind::kExplain:
      out += "explain";
      for (const Output::Row& row : rows) {
        out.append("\n").append(row.name).append(": ").append(row.detail);
        if (row.detail.empty()) {
          AppendNumber(out, row.version);
        }
      }
      return;
    default:
      out += reply.text;
      return AppendRows(out, rows, "\n", "");
  }
}

void AppendCommandWords(std::string& out) {
  out += "commands-list ";
  for (const CommandRow& row : CommandTable()) {
    out.append(",").append(row.name);
    if (!row.alias.empty()) {
      out.append(",").append(row.alias);
    }
  }
  out += '\n';
}

void AppendUnknownDatabases(std::string& out, std::span<const Output::Row> rows) {
  if (rows.size() == 1) {
    out.append(rows.front().name).append(" is not a valid database name");
    return;
  }
  for (const Output::Row& row : rows) {
    out.append(row.name).append(", ");
  }
  out += "are not a valid database names";
}

// Texts with something of the request in them; empty prefix and suffix: see ErrorText.
struct TextAround {
  std::string_view before;
  std::string_view after;
};

TextAround AroundText(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadName:
      return {"not a valid name: '",
              "'. Allowed are 1 to 128 bytes without spaces, control characters and / \\ , ; |"};
    case ErrorCode::kBadToken:
      return {.before = "no place of this database to go on from: '",
              .after = "'. Give the token of the last 'ready', or 0 for everything"};
    case ErrorCode::kInTransaction:
      return {"",
              " is not taken in a transaction: set, set-safe, put, increment and remove are, and "
              "exec or discard end it"};
    case ErrorCode::kKeyTwice:
      return {"the transaction writes ", " already: each key may be written once"};
    case ErrorCode::kServerKey:
      return {"the server keeps ", " itself: it cannot be written"};
    case ErrorCode::kConflictUnresolved:
      return {"$$conflitct unresolved ", ""};
    case ErrorCode::kNotPrimary:
      return {"not-primary ", ""};
    case ErrorCode::kBehind:
      return {"behind: this node has not come so far; the primary is at ", ""};
    case ErrorCode::kUnknownMember:
      return {"no member has that id; their ids are ", ""};
    case ErrorCode::kCannotLead:
      return {"node ",
              " cannot be primary now: it must be linked with the primary, a voter, and of a "
              "priority above 0"};
    case ErrorCode::kNoMajority:
      return {"without node ",
              " those that are linked would be no majority of the voters, and nothing could be "
              "confirmed: start more of them first, or take those out that are away"};
    case ErrorCode::kBadAddress:
      return {"'", "' is no address of a node: allowed is HOST:PORT, at most 255 bytes"};
    case ErrorCode::kMemberThere:
      return {"a member is at ", " already"};
    case ErrorCode::kUnknownForm:
      return {"unknown form '", "': allowed is json, or none"};
    case ErrorCode::kConflictNotOpen:
      return {"", " is not an open conflict"};
    case ErrorCode::kConflictNotFirst:
      return {"", " must be resolved first"};
    case ErrorCode::kSecureLifetime:
      return {"a key that begins with $$ lives until it is removed: '", "'"};
    case ErrorCode::kUnfinished:
      return {"the database ", " is not restored to its end: restore it again, or drop it"};
    case ErrorCode::kScanLimit:
      static_assert(kScanRowsMax == 10'000);
      return {"scan: the limit must be a whole number from 1 to 10000, not '", "'"};
    case ErrorCode::kSnapshotFlag:
      return {"snapshot takes true or false before the database names, not '", "'"};
    case ErrorCode::kReplicateSnapshotUnknown:
      return {"Error trying to snapshot database: Database ", " not found"};
    case ErrorCode::kOperationFailed:
    case ErrorCode::kBadOplogCommand:
      return {"", ""};
    case ErrorCode::kUnknownDebugCommand:
      return {"unknown debug command '",
              "': allowed are delivery, force-election, list-dbs, loop, pending-conflicts, "
              "pending-ops, process-info"};
    default:
      return {"", ""};
  }
}

// Texts with the reply's number in them; empty: there is none.
TextAround AroundNumber(ErrorCode code) {
  switch (code) {
    case ErrorCode::kValueTooLong:
      return {"the value is too long: allowed are ", " bytes"};
    case ErrorCode::kMemoryFull:
      return {"the memory is full: the store may have ",
              " bytes (--max-memory). Removing and reading go on"};
    case ErrorCode::kEveryRange:
      static_assert(kEveryMsMax == 3'600'000);
      return {"every must be 1 to 3600000 milliseconds, not ", ""};
    case ErrorCode::kVersionDiffers:
      return {"the key has version ", ", not "};
    case ErrorCode::kKeyAbsent:
      return {"the key is absent, not at version ", ""};
    case ErrorCode::kKeyExists:
      return {"the key exists already, at version ", ""};
    case ErrorCode::kBadTtl:
      static_assert(kLifetimeMsMax == 315'360'000'000);
      return {"the time to live must be from 1 to 315360000000 milliseconds, not ", ""};
    case ErrorCode::kSequenceForgotten:
      return {"this may have been done or not: of its session all up to the sequence ",
              " is forgotten"};
    case ErrorCode::kSequenceReused:
      return {"the sequence ", " of this session was that of another write"};
    case ErrorCode::kBadGrace:
      return {"the grace must be from 0 to 315360000000 milliseconds, not ", ""};
    default:
      return {"", ""};
  }
}

// Of what goes beyond a limit that is always the same.
std::string_view LimitText(ErrorCode code) {
  switch (code) {
    case ErrorCode::kKeyTooLong:
      static_assert(kKeyBytesMax == 4096);
      return "the key is too long: allowed are 4096 bytes";
    case ErrorCode::kBadSecret:
      static_assert(kSecretBytesMax == 1024);
      return "the token must be 1 to 1024 bytes";
    case ErrorCode::kTooManyDatabases:
      static_assert(kDatabasesMax == 10'000);
      return "too many databases: allowed are 10000";
    case ErrorCode::kTooManyKeys:
      static_assert(kGetManyKeysMax == 1'000);
      return "too many keys: allowed are 1000 in one get-many";
    case ErrorCode::kReplyTooLong:
      static_assert(kReplyBytesMax == 16'777'216);
      return "the answer is too long: allowed are 16777216 bytes of keys and values; ask for fewer "
             "keys at once";
    case ErrorCode::kTransactionTooLarge:
      static_assert(kTransactionWritesMax == 1'000);
      static_assert(kTransactionBytesMax == 15'728'640);
      static_assert(kTransactionsBytesMax == 268'435'456);
      return "the transaction is too large: allowed are 1000 writes and 15728640 bytes of keys and "
             "values, 268435456 in all that are open";
    case ErrorCode::kTooManyWatches:
      static_assert(kWatchesPerSessionMax == 100'000);
      return "too many watches: allowed are 100000 per connection and database";
    case ErrorCode::kTooManyConflicts:
      static_assert(kOpenConflictsPerDatabaseMax == 10'000);
      return "too many open conflicts: allowed are 10000 per database";
    case ErrorCode::kTooManySessionKeys:
      static_assert(kSessionKeysMax == 1'000);
      return "too many keys that live with this session: allowed are 1000";
    case ErrorCode::kConflictTooLong:
      static_assert(kConflictBytesMax == std::size_t{15} << 20);
      return "the conflict is too long for an arbiter: key and both values may have 15 MiB";
    default:
      return {};
  }
}

// Texts that are always the same; empty: the reply's own text says it.
std::string_view ErrorText(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotAuth:
      return "Not auth";
    case ErrorCode::kSecureKey:
      return "To read security keys you must auth as an admin!";
    case ErrorCode::kNoDatabaseSelected:
      return "error no-db-selected\n";
    case ErrorCode::kPermissionDenied:
      return "permission denied\n";
    case ErrorCode::kEmptyKey:
      return "the key must not be empty";
    case ErrorCode::kKeyCharacter:
      return "the key holds a control character: allowed is any text without spaces and control "
             "characters";
    case ErrorCode::kUnknownDatabase:
      return "Not a valid database name";
    case ErrorCode::kInvalidToken:
      return "Invalid token";
    case ErrorCode::kDatabaseExists:
      return "database already exists";
    case ErrorCode::kTokenRemoval:
      return "$$token key cannot be removed";
    case ErrorCode::kNegativeVersion:
      return "the version must be -1 (unconditional) or at least 0";
    case ErrorCode::kVersionLimit:
      return "the version of this key has reached its limit: remove the key to start anew";
    case ErrorCode::kInvalidVersion:
      return "Invalid version!";
    case ErrorCode::kNoArbiter:
      return "An conflitct happend and there is no arbiter client not connected";
    case ErrorCode::kDiskFull:
      return "the disk is full: nothing can be written until there is space. Reading goes on";
    case ErrorCode::kNoLog:
      return "this server keeps nothing on disk (--memory), so there is no op log";
    case ErrorCode::kBadImport:
      return "this is no part of a backup, or its keys are in the database already";
    case ErrorCode::kAdminDrop:
      return "the database $admin cannot be dropped";
    case ErrorCode::kNotEditable:
      return "the value is none that can be edited so";
    case ErrorCode::kBadSession:
      return "a session is named by 32 hexadecimal digits, as hello answers them";
    case ErrorCode::kNoTransaction:
      return "there is no transaction: multi begins one";
    case ErrorCode::kTransactionSpoiled:
      return "nothing was done: a command of the transaction was refused";
    case ErrorCode::kBadSequence:
      return "a sequence needs a session with a name, and in a transaction it belongs to exec";
    case ErrorCode::kSessionForgotten:
      return "this may have been done or not: its session is forgotten. Take a new one";
    case ErrorCode::kUnknownOutcome:
      return "unknown: this was not confirmed in time, or was taken back";
    case ErrorCode::kNoSuccessor:
      return "no other voter that may be primary is linked: nobody could take this node's place";
    case ErrorCode::kNoCluster:
      return "this server is a member of no cluster: --bootstrap begins one, --join enters one";
    case ErrorCode::kNotArbiter:
      return "resolve is for admins and for arbiters of the database that may write the key";
    case ErrorCode::kNotNumeric:
      return "Key is not numeric";
    case ErrorCode::kNumberOverflow:
      return "the sum does not fit in 64 bits";
    case ErrorCode::kSnapshotWithoutDatabase:
      return "No database selected";
    default:
      return LimitText(code);
  }
}

// Data that is always the same.
std::string_view FixedLine(ReplyKind kind) {
  switch (kind) {
    case ReplyKind::kAuthValid:
      return "valid auth\n";
    case ReplyKind::kAuthInvalid:
      return "invalid auth\n";
    case ReplyKind::kDatabaseCreated:
      return "create-db success\n";
    case ReplyKind::kQueued:
      return "queued\n";
    case ReplyKind::kPendingOps:
      return "pending-ops \n";
    default:
      return "pong\n";
  }
}

// Watches of single keys are named together.
void AppendAboutWatch(std::string& out, std::string_view word, const Change& change) {
  out.append(word).append(change.key.empty() ? "-" : change.key).append(" ");
  out.append(change.value) += '\n';
}

void AppendClusterState(std::string& out, ReplyKind kind, std::span<const Output::Row> rows) {
  out += "cluster-state ";
  kind == ReplyKind::kCluster ? AppendMembersText(out, rows) : AppendMembersJson(out, rows);
  out += '\n';
}

}  // namespace

void AppendData(std::string& out, const Reply& reply, const Output& output) {
  switch (reply.kind) {
    case ReplyKind::kValue:
      out += "value ";
      AppendValue(out, reply.text);
      out += '\n';
      return;
    case ReplyKind::kNoValue:
      out.append("value ").append(kEmptyMarker) += '\n';
      return;
    case ReplyKind::kValueVersion:
      out += "value-version ";
      AppendNumber(out, reply.number);
      out += ' ';
      AppendValue(out, reply.text);
      out += '\n';
      return;
    case ReplyKind::kNoValueVersion:
      out.append("value-version 1 ").append(kEmptyMarker) += '\n';
      return;
    case ReplyKind::kAuthValid:
    case ReplyKind::kAuthInvalid:
    case ReplyKind::kDatabaseCreated:
    case ReplyKind::kQueued:
    case ReplyKind::kPendingOps:
    case ReplyKind::kPong:
      out += FixedLine(reply.kind);
      return;
    case ReplyKind::kPut:
      return AppendNumberLine(out, "put ", reply.number);
    case ReplyKind::kTtl:
      return AppendNumberLine(out, "ttl ", reply.number);
    case ReplyKind::kNoTtl:
      out.append("ttl ").append(kEmptyMarker) += '\n';
      return;
    case ReplyKind::kHello:
      out.append("hello ").append(reply.text).append(reply.number == 0 ? " new\n" : " resumed\n");
      return;
    case ReplyKind::kExecuted:
    case ReplyKind::kEntries:
    case ReplyKind::kScan:
    case ReplyKind::kKeys:
    case ReplyKind::kDatabases:
    case ReplyKind::kConflicts:
    case ReplyKind::kWhoami:
    case ReplyKind::kExplain:
    case ReplyKind::kLines:
      AppendListing(out, reply, RowsOf(reply, output));
      out += '\n';
      return;
    case ReplyKind::kProcess:
      return AppendNumberLine(out, "process-info \nprocess_id: ", reply.number);
    case ReplyKind::kCommands:
      return AppendCommandWords(out);
    case ReplyKind::kMetricsJson:
      out += "metrics-state ";
      AppendMetricsJson(out, output.counters, RowsOf(reply, output));
      out += '\n';
      return;
    case ReplyKind::kMetrics:
      return AppendMetricsText(out, output.counters);
    case ReplyKind::kCluster:
    case ReplyKind::kClusterJson:
      return AppendClusterState(out, reply.kind, RowsOf(reply, output));
    case ReplyKind::kOk:
    case ReplyKind::kError:
      return AppendStatus(out, reply, output);
  }
}

void AppendErrorText(std::string& out, const Reply& reply, const Output& output) {
  if (reply.position > 0) {
    out += "nothing was done: write ";
    AppendNumber(out, reply.position);
    out += " of the transaction was refused: ";
  }
  if (reply.error == ErrorCode::kSnapshotUnknownDatabases) {
    return AppendUnknownDatabases(out, RowsOf(reply, output));
  }
  if (reply.error == ErrorCode::kKeyAbsent && reply.number < 0) {
    out += "the key is absent";
    return;
  }
  if (const TextAround number = AroundNumber(reply.error); !number.before.empty()) {
    out += number.before;
    AppendNumber(out, reply.number);
    out += number.after;
    if (reply.error == ErrorCode::kVersionDiffers) {
      out += reply.text;
    }
    return;
  }
  const std::string_view fixed = ErrorText(reply.error);
  if (!fixed.empty()) {
    out += fixed;
    return;
  }
  const TextAround around = AroundText(reply.error);
  out.append(around.before).append(reply.text).append(around.after);
}

std::string_view ErrorEcho(const Reply& reply) {
  const bool echoed =
      reply.error == ErrorCode::kNoDatabaseSelected || reply.error == ErrorCode::kPermissionDenied;
  return echoed ? ErrorText(reply.error) : std::string_view{};
}

void AppendStatus(std::string& out, const Reply& reply, const Output& output) {
  if (reply.kind == ReplyKind::kOk) {
    out += "ok \n";
    return;
  }
  out += "error ";
  AppendErrorText(out, reply, output);
  out += " \n";
}

void AppendChanged(std::string& out, const Change& change) {
  out.append("changed ").append(change.key) += ' ';
  AppendValue(out, change.value);
  out += '\n';
}

void AppendChangedVersion(std::string& out, const Change& change) {
  out.append("changed-version ").append(change.key) += ' ';
  AppendNumber(out, change.version);
  out += ' ';
  AppendValue(out, change.value);
  out += '\n';
}

void AppendRemoved(std::string& out, const Change& change) {
  out.append("removed ").append(change.key) += '\n';
}

void AppendConflict(std::string& out, const Change& change) {
  AppendValue(out, change.value);
  out += '\n';
}

void AppendStarted(std::string& out, const Change& change) {
  AppendAboutWatch(out, "started ", change);
}

void AppendReady(std::string& out, const Change& change) {
  AppendAboutWatch(out, "ready ", change);
}

void AppendGap(std::string& out, const Change& change) {
  out.append("gap ").append(change.key) += '\n';
}

}  // namespace nunc
