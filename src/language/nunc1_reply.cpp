#include "language/nunc1_reply.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/base64.h"
#include "base/utf8.h"
#include "core/command_table.h"
#include "language/cluster_reply.h"
#include "language/metrics_reply.h"
#include "language/nql_reply.h"
#include "language/nunc1_request.h"

namespace nunc {
namespace {

struct Code {
  ErrorCode code;
  std::string_view word;
};

constexpr std::array kCodes = {
    Code{ErrorCode::kRejected, "bad-request"},
    Code{ErrorCode::kNotAuth, "not-admin"},
    Code{ErrorCode::kSecureKey, "secure-key"},
    Code{ErrorCode::kNoDatabaseSelected, "no-db-selected"},
    Code{ErrorCode::kPermissionDenied, "permission-denied"},
    Code{ErrorCode::kEmptyKey, "empty-key"},
    Code{ErrorCode::kKeyTooLong, "key-too-long"},
    Code{ErrorCode::kKeyCharacter, "key-character"},
    Code{ErrorCode::kBadName, "bad-name"},
    Code{ErrorCode::kBadSecret, "bad-token"},
    Code{ErrorCode::kValueTooLong, "value-too-long"},
    Code{ErrorCode::kUnknownDatabase, "unknown-db"},
    Code{ErrorCode::kInvalidToken, "invalid-token"},
    Code{ErrorCode::kBadToken, "bad-since"},
    Code{ErrorCode::kDatabaseExists, "db-exists"},
    Code{ErrorCode::kTooManyDatabases, "too-many-dbs"},
    Code{ErrorCode::kTooManyKeys, "too-many-keys"},
    Code{ErrorCode::kReplyTooLong, "reply-too-long"},
    Code{ErrorCode::kScanLimit, "scan-limit"},
    Code{ErrorCode::kEveryRange, "every-range"},
    Code{ErrorCode::kTooManyWatches, "too-many-watches"},
    Code{ErrorCode::kBadPermissionList, "bad-permissions"},
    Code{ErrorCode::kServerKey, "server-key"},
    Code{ErrorCode::kTokenRemoval, "token-removal"},
    Code{ErrorCode::kNegativeVersion, "negative-version"},
    Code{ErrorCode::kVersionLimit, "version-limit"},
    Code{ErrorCode::kInvalidVersion, "invalid-version"},
    Code{ErrorCode::kVersionDiffers, "version-differs"},
    Code{ErrorCode::kKeyAbsent, "key-absent"},
    Code{ErrorCode::kKeyExists, "key-exists"},
    Code{ErrorCode::kNoArbiter, "no-arbiter"},
    Code{ErrorCode::kConflictUnresolved, "conflict-unresolved"},
    Code{ErrorCode::kTooManyConflicts, "too-many-conflicts"},
    Code{ErrorCode::kConflictTooLong, "conflict-too-long"},
    Code{ErrorCode::kNotArbiter, "not-arbiter"},
    Code{ErrorCode::kConflictNotOpen, "conflict-not-open"},
    Code{ErrorCode::kConflictNotFirst, "conflict-not-first"},
    Code{ErrorCode::kNotNumeric, "not-numeric"},
    Code{ErrorCode::kNumberOverflow, "number-overflow"},
    Code{ErrorCode::kSnapshotWithoutDatabase, "snapshot-without-db"},
    Code{ErrorCode::kSnapshotFlag, "snapshot-flag"},
    Code{ErrorCode::kSnapshotUnknownDatabases, "snapshot-unknown-dbs"},
    Code{ErrorCode::kReplicateSnapshotUnknown, "replicate-snapshot-unknown-db"},
    Code{ErrorCode::kUnknownDebugCommand, "unknown-debug-command"},
    Code{ErrorCode::kDiskFull, "disk-full"},
    Code{ErrorCode::kMemoryFull, "memory-full"},
    Code{ErrorCode::kNoLog, "no-log"},
    Code{ErrorCode::kBadOplogCommand, "bad-oplog-command"},
    Code{ErrorCode::kOperationFailed, "operation-failed"},
    Code{ErrorCode::kUnfinished, "unfinished-restore"},
    Code{ErrorCode::kBadImport, "bad-import"},
    Code{ErrorCode::kAdminDrop, "admin-drop"},
    Code{ErrorCode::kNotEditable, "not-editable"},
    Code{ErrorCode::kBadTtl, "bad-ttl"},
    Code{ErrorCode::kBadGrace, "bad-grace"},
    Code{ErrorCode::kSecureLifetime, "secure-lifetime"},
    Code{ErrorCode::kTooManySessionKeys, "too-many-session-keys"},
    Code{ErrorCode::kBadSession, "bad-session"},
    Code{ErrorCode::kNoTransaction, "no-transaction"},
    Code{ErrorCode::kInTransaction, "in-transaction"},
    Code{ErrorCode::kKeyTwice, "key-twice"},
    Code{ErrorCode::kTransactionTooLarge, "transaction-too-large"},
    Code{ErrorCode::kTransactionSpoiled, "transaction-spoiled"},
    Code{ErrorCode::kBadSequence, "bad-sequence"},
    Code{ErrorCode::kSequenceForgotten, "sequence-forgotten"},
    Code{ErrorCode::kSessionForgotten, "session-forgotten"},
    Code{ErrorCode::kSequenceReused, "sequence-reused"},
    Code{ErrorCode::kUnknownOutcome, "unknown-outcome"},
    Code{ErrorCode::kNoCluster, "no-cluster"},
    Code{ErrorCode::kUnknownForm, "unknown-form"},
    Code{ErrorCode::kUnknownMember, "unknown-member"},
    Code{ErrorCode::kNoSuccessor, "no-successor"},
    Code{ErrorCode::kCannotLead, "cannot-lead"},
    Code{ErrorCode::kNoMajority, "no-majority"},
    Code{ErrorCode::kBadAddress, "bad-address"},
    Code{ErrorCode::kMemberThere, "member-there"},
    Code{ErrorCode::kNotPrimary, "not-primary"},
    Code{ErrorCode::kBehind, "behind"},
};

constexpr bool CodesAreInOrder() {
  for (std::size_t i = 0; i < kCodes.size(); ++i) {
    if (static_cast<std::size_t>(kCodes[i].code) != i) {
      return false;
    }
  }
  return kCodes.back().code == ErrorCode::kBehind;
}
static_assert(CodesAreInOrder(), "every error of the core has its code, in the order of the enum");

void AppendRevision(std::string& out, Revision revision) {
  if (revision != Revision{}) {
    out += ",\"revision\":";
    AppendJsonNumber(out, static_cast<std::int64_t>(revision.value));
  }
}

void AppendHello(std::string& out, const Reply& reply) {
  out += "\"ok\":{\"session\":";
  AppendJsonString(out, reply.text);
  out.append(",\"resumed\":").append(reply.number == 0 ? "false" : "true") += '}';
}

void AppendVersions(std::string& out, const Reply& reply, std::span<const Output::Row> rows) {
  out += "\"ok\":{\"versions\":[";
  for (const Output::Row& row : rows) {
    out += out.back() == '[' ? "" : ",";
    if (row.version < 0) {
      out += "null";
    } else {
      AppendJsonNumber(out, row.version);
    }
  }
  out += ']';
  AppendRevision(out, reply.revision);
  out += '}';
}

void AppendList(std::string& out, std::string_view name, std::span<const Output::Row> rows) {
  out.append("\"ok\":{\"").append(name).append("\":[");
  std::string line;
  for (const Output::Row& row : rows) {
    line = row.name;
    if (!row.detail.empty()) {
      line.append(" : ").append(row.detail);
    }
    out += out.back() == '[' ? "" : ",";
    AppendJsonString(out, line);
  }
  out += "]}";
}

// What NQL says in lines, without the word that it begins with.
void AppendNqlLines(std::string& out, const Reply& reply, const Output& output) {
  std::string said;
  nunc::AppendData(said, reply, output);
  std::string_view text = said;
  text.remove_prefix(std::min(text.find_first_of(" \n"), text.size()));
  out += "\"ok\":{\"lines\":[";
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (!line.empty()) {
      out += out.back() == '[' ? "" : ",";
      AppendJsonString(out, line);
    }
  }
  out += "]}";
}

// The rows name fields; `admin` is true or false.
void AppendWhoami(std::string& out, std::span<const Output::Row> rows) {
  out += "\"ok\":{";
  for (const Output::Row& row : rows) {
    out += out.back() == '{' ? "\"" : ",\"";
    out.append(row.name == "database" ? "db" : row.name).append("\":");
    if (row.name == "admin") {
      out += row.detail;
    } else {
      AppendJsonString(out, row.detail);
    }
  }
  out += '}';
}

// The rows name fields; those of watchers, at the end, become a list.
void AppendExplanation(std::string& out, std::span<const Output::Row> rows) {
  constexpr std::string_view kWatcher = "watcher";
  out += "\"ok\":{";
  const auto* row = rows.data();
  const auto* const end = rows.data() + rows.size();
  for (; row != end && row->name != kWatcher; ++row) {
    out += out.back() == '{' ? "\"" : ",\"";
    out.append(row->name).append("\":");
    if (row->detail.empty()) {
      AppendJsonNumber(out, row->version);
    } else {
      AppendJsonString(out, row->detail);
    }
  }
  if (row != end) {
    out += ",\"sessions\":[";
    for (; row != end; ++row) {
      out += out.back() == '[' ? "" : ",";
      AppendJsonString(out, row->detail);
    }
    out += ']';
  }
  out += '}';
}

void AppendCluster(std::string& out, std::span<const Output::Row> rows) {
  out += "\"ok\":{\"cluster\":";
  AppendMembersJson(out, rows);
  out += '}';
}

void AppendMetrics(std::string& out, const Counters& counters, std::span<const Output::Row> rows) {
  out += "\"ok\":{\"metrics\":";
  AppendMetricsJson(out, counters, rows);
  out += '}';
}

void AppendCommandWordList(std::string& out) {
  out += "\"ok\":{\"lines\":[";
  for (const CommandRow& row : CommandTable()) {
    out += out.back() == '[' ? "" : ",";
    AppendJsonString(out, row.name);
  }
  out += "]}";
}

// Where what was refused is taken.
std::string_view PrimaryOf(const Reply& reply) {
  const bool names = reply.error == ErrorCode::kNotPrimary || reply.error == ErrorCode::kBehind;
  return names && reply.text != "-" ? reply.text : std::string_view{};
}

// NQL's text, which for two errors is a message in itself.
std::string MessageOf(const Reply& reply, const Output& output) {
  constexpr std::string_view kPrefix = "error ";
  std::string message;
  AppendErrorText(message, reply, output);
  while (message.ends_with('\n')) {
    message.pop_back();
  }
  if (reply.error == ErrorCode::kNoDatabaseSelected && message.starts_with(kPrefix)) {
    message.erase(0, kPrefix.size());
  }
  return message;
}

// The field of a request that a refusal of the core is about.
std::string_view FieldOf(ErrorCode code, Verb verb) {
  switch (code) {
    case ErrorCode::kEmptyKey:
    case ErrorCode::kKeyTooLong:
    case ErrorCode::kKeyCharacter:
    case ErrorCode::kSecureLifetime:
    case ErrorCode::kTooManySessionKeys:
      return "key";
    case ErrorCode::kInTransaction:
      return "op";
    case ErrorCode::kKeyTwice:
      return "key";
    case ErrorCode::kServerKey:
      return verb == Verb::kCreateDb ? "name" : "key";
    case ErrorCode::kValueTooLong:
      return verb == Verb::kSetPermissions ? "list" : "value";
    case ErrorCode::kBadName:
      return verb == Verb::kCreateDb ? "name" : "user";
    case ErrorCode::kBadSecret:
      return verb == Verb::kSet || verb == Verb::kSetSafe ? "value" : "token";
    case ErrorCode::kInvalidToken:
      return "token";
    case ErrorCode::kBadToken:
      return verb == Verb::kWait ? "token" : "since";
    case ErrorCode::kTooManyKeys:
      return "keys";
    case ErrorCode::kEveryRange:
      return "every";
    case ErrorCode::kScanLimit:
      return "limit";
    case ErrorCode::kVersionDiffers:
      return "if-version";
    case ErrorCode::kKeyAbsent:
      return verb == Verb::kPut ? "if-version" : "key";
    case ErrorCode::kBadTtl:
      return "ttl";
    case ErrorCode::kBadGrace:
      return "grace";
    case ErrorCode::kBadSession:
    case ErrorCode::kSessionForgotten:
      return "session";
    case ErrorCode::kBadSequence:
    case ErrorCode::kSequenceForgotten:
    case ErrorCode::kSequenceReused:
      return "seq";
    case ErrorCode::kKeyExists:
      return "if-absent";
    case ErrorCode::kBadPermissionList:
      return "list";
    case ErrorCode::kNegativeVersion:
    case ErrorCode::kInvalidVersion:
      return "version";
    case ErrorCode::kUnknownDebugCommand:
      return "what";
    case ErrorCode::kUnknownForm:
      return "form";
    case ErrorCode::kUnknownMember:
    case ErrorCode::kCannotLead:
    case ErrorCode::kNoMajority:
      return "node";
    case ErrorCode::kBadAddress:
    case ErrorCode::kMemberThere:
      return "address";
    case ErrorCode::kSnapshotUnknownDatabases:
    case ErrorCode::kReplicateSnapshotUnknown:
      return "dbs";
    default:
      return {};
  }
}

}  // namespace

std::string_view Nunc1CodeOf(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kCodes.size() ? kCodes[index].word : "other";
}

void Nunc1Writer::AppendValue(std::string& out, std::string_view value) {
  if (reader_.IsJson(value)) {
    out.append("\"value\":").append(value);
  } else if (IsValidUtf8(value)) {
    out += "\"text\":";
    AppendJsonString(out, value);
  } else {
    out.append("\"base64\":\"").append(EncodeBase64(value)) += '"';
  }
}

void Nunc1Writer::AppendEntries(std::string& out, const Reply& reply,
                                std::span<const Output::Row> entries) {
  out += "\"ok\":{\"entries\":[";
  for (const Output::Row& entry : entries) {
    out += out.back() == '[' ? "{\"key\":" : ",{\"key\":";
    AppendJsonString(out, entry.name);
    out += ',';
    AppendValue(out, entry.detail);
    out += ",\"version\":";
    AppendJsonNumber(out, entry.version);
    out += '}';
  }
  out += ']';
  if (reply.kind == ReplyKind::kScan && !reply.text.empty()) {
    out += ",\"after\":";
    AppendJsonString(out, reply.text);
  }
  out += '}';
}

void Nunc1Writer::AppendFound(std::string& out, const Reply& reply) {
  out += "\"ok\":{\"found\":true,";
  AppendValue(out, reply.text);
  if (reply.kind == ReplyKind::kValueVersion) {
    out += ",\"version\":";
    AppendJsonNumber(out, reply.number);
  }
  AppendRevision(out, reply.revision);
  out += '}';
}

void Nunc1Writer::AppendData(std::string& out, const Reply& reply, const Output& output) {
  switch (reply.kind) {
    case ReplyKind::kNoValue:
    case ReplyKind::kNoValueVersion:
    case ReplyKind::kNoTtl:
      out += "\"ok\":{\"found\":false}";
      return;
    case ReplyKind::kTtl:
      out += "\"ok\":{\"found\":true,\"ttl\":";
      AppendJsonNumber(out, reply.number);
      out += '}';
      return;
    case ReplyKind::kHello:
      return AppendHello(out, reply);
    case ReplyKind::kValue:
    case ReplyKind::kValueVersion:
      return AppendFound(out, reply);
    case ReplyKind::kAuthInvalid:
      return Nunc1Parser::AppendRefusal(
          out, {.code = "invalid-auth", .message = "no such user, or not that password"});
    case ReplyKind::kAuthValid:
    case ReplyKind::kDatabaseCreated:
    case ReplyKind::kPong:
    case ReplyKind::kOk:
    case ReplyKind::kError:
      out += "\"ok\":{}";
      return;
    case ReplyKind::kPut:
      out += "\"ok\":{\"version\":";
      AppendJsonNumber(out, reply.number);
      AppendRevision(out, reply.revision);
      out += '}';
      return;
    case ReplyKind::kQueued:
      out += "\"ok\":{\"queued\":true}";
      return;
    case ReplyKind::kExecuted:
      return AppendVersions(out, reply, RowsOf(reply, output));
    case ReplyKind::kEntries:
    case ReplyKind::kScan:
      return AppendEntries(out, reply, RowsOf(reply, output));
    case ReplyKind::kWhoami:
      return AppendWhoami(out, RowsOf(reply, output));
    case ReplyKind::kExplain:
      return AppendExplanation(out, RowsOf(reply, output));
    case ReplyKind::kKeys:
      return AppendList(out, "keys", RowsOf(reply, output));
    case ReplyKind::kDatabases:
    case ReplyKind::kConflicts:
    case ReplyKind::kLines:
      return AppendList(out, "lines", RowsOf(reply, output));
    case ReplyKind::kCommands:
      return AppendCommandWordList(out);
    case ReplyKind::kPendingOps:
    case ReplyKind::kProcess:
    case ReplyKind::kMetrics:
    case ReplyKind::kCluster:
      return AppendNqlLines(out, reply, output);
    case ReplyKind::kMetricsJson:
      return AppendMetrics(out, output.counters, RowsOf(reply, output));
    case ReplyKind::kClusterJson:
      return AppendCluster(out, RowsOf(reply, output));
  }
}

void Nunc1Writer::AppendStatus(std::string& out, const Reply& reply, const Output& output,
                               Verb verb) {
  if (reply.kind == ReplyKind::kError) {
    return Nunc1Parser::AppendRefusal(out, {.code = Nunc1CodeOf(reply.error),
                                            .message = MessageOf(reply, output),
                                            .field = FieldOf(reply.error, verb),
                                            .primary = PrimaryOf(reply)});
  }
  out += "\"ok\":{";
  if (reply.revision != Revision{}) {
    if (verb == Verb::kIncrement) {
      out.append("\"value\":").append(reply.text) += ',';
    }
    if (verb == Verb::kSet || verb == Verb::kSetSafe || verb == Verb::kSetSession ||
        verb == Verb::kIncrement) {
      out += "\"version\":";
      AppendJsonNumber(out, reply.number);
      out += ',';
    }
    out += "\"revision\":";
    AppendJsonNumber(out, static_cast<std::int64_t>(reply.revision.value));
  }
  out += '}';
}

void Nunc1Writer::AppendPush(std::string& out, const Change& change, std::string_view database) {
  const auto field = [&out](std::string_view name, std::string_view text) {
    out.append(",\"").append(name).append("\":");
    AppendJsonString(out, text);
  };
  const auto begin = [&](std::string_view push) {
    out.append("{\"push\":\"").append(push) += '"';
    if (!database.empty()) {
      field("db", database);
    }
  };
  switch (change.kind) {
    case ChangeKind::kSet:
      begin("set");
      field("key", change.key);
      out += ',';
      AppendValue(out, change.value);
      out += ",\"version\":";
      AppendJsonNumber(out, change.version);
      break;
    case ChangeKind::kRemoved:
      begin("removed");
      field("key", change.key);
      break;
    case ChangeKind::kConflict:
      begin("conflict");
      AppendConflict(out, change);
      break;
    case ChangeKind::kStarted: {
      begin("started");
      const std::size_t space = change.value.find(' ');  // `rewind TOKEN`
      field("with", change.value.substr(0, space));
      if (space != std::string_view::npos) {
        field("token", change.value.substr(space + 1));
      }
      break;
    }
    case ChangeKind::kReady:
      begin("ready");
      field("token", change.value);
      break;
    case ChangeKind::kGap:
      begin("gap");
      break;
  }
  const bool of_a_watch = change.kind == ChangeKind::kStarted ||
                          change.kind == ChangeKind::kReady || change.kind == ChangeKind::kGap;
  if (of_a_watch && !change.key.empty()) {
    field("watch", change.key);
  }
  AppendRevision(out, change.revision);
  if (change.time_us != 0) {
    out += ",\"at\":";
    AppendJsonNumber(out, change.time_us / kUsPerMs);
  }
  out += change.more ? ",\"more\":true}" : "}";
}

// Of `resolve ID DATABASE VERSION KEY REFERENCE NEW`.
void Nunc1Writer::AppendConflict(std::string& out, const Change& change) {
  std::string_view rest = change.value;
  const auto take = [&rest] {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    return word;
  };
  take();
  out += ",\"conflict\":";
  AppendJsonString(out, take());
  take();  // the database is told by its name
  const std::string_view version = take();
  out += ",\"key\":";
  AppendJsonString(out, take());
  out.append(",\"version\":").append(version).append(",\"reference\":{");
  const std::string_view newer =
      change.value.substr(std::min(change.newer_at, change.value.size()));
  // The space between them belongs to neither.
  AppendValue(out, rest.substr(0, rest.size() - std::min(newer.size() + 1, rest.size())));
  out += "},\"new\":{";
  AppendValue(out, newer);
  out += '}';
}

}  // namespace nunc
