#include "core/command_table.h"

#include <cstddef>

#include "base/check.h"

namespace nunc {
namespace {

constexpr Argument Word(std::string_view name, Field field, std::string_view missing) {
  return {.name = name, .kind = ArgumentKind::kWord, .field = field, .missing = missing};
}

constexpr Argument OptionalWord(std::string_view name, Field field) {
  return {.name = name, .field = field, .presence = Presence::kOptional};
}

constexpr Argument Rest(std::string_view name, Field field, std::string_view missing) {
  return {.name = name, .kind = ArgumentKind::kRest, .field = field, .missing = missing};
}

constexpr Argument OptionalRest(std::string_view name, Field field) {
  return {
      .name = name, .kind = ArgumentKind::kRest, .field = field, .presence = Presence::kOptional};
}

constexpr Argument Typed(std::string_view name, ArgumentKind kind, std::string_view missing) {
  return {.name = name, .kind = kind, .missing = missing};
}

constexpr Argument OptionalTyped(std::string_view name, ArgumentKind kind) {
  return {.name = name, .kind = kind, .presence = Presence::kOptional};
}

constexpr std::string_view kResolveParts =
    "resolve must be followed by an id, a database, a key, a version and a value";

constexpr std::array kTable = {
    CommandRow{
        .verb = Verb::kAuth,
        .name = "auth",
        .level = Level::kOpen,
        .arguments = {OptionalWord("USER", Field::kName), OptionalRest("PASSWORD", Field::kSecret)},
        .summary = "makes this connection an admin's"},
    CommandRow{.verb = Verb::kUseDb,
               .name = "use-db",
               .alias = "use",
               .level = Level::kOpen,
               .arguments = {Word("DATABASE", Field::kName,
                                  "use-db must be followed by a database name and a token"),
                             Typed("[USER] TOKEN", ArgumentKind::kLogin,
                                   "use-db must be followed by a database name and a token")},
               .summary = "selects a database, with its token or as one of its users"},
    CommandRow{.verb = Verb::kCreateDb,
               .name = "create-db",
               .level = Level::kAdmin,
               .effect = Effect::kWrites,
               .arguments = {Word("NAME", Field::kName, "create-db must be followed by a token"),
                             Word("TOKEN", Field::kSecret, "create-db must be followed by a token"),
                             OptionalTyped("STRATEGY] [ack LEVEL", ArgumentKind::kDatabaseOptions)},
               .summary = "creates a database; STRATEGY is none, newer or arbiter, LEVEL is "
                          "written, disk or quorum"},
    CommandRow{.verb = Verb::kDropDb,
               .name = "drop-db",
               .level = Level::kAdmin,
               .effect = Effect::kRemoves,
               .arguments = {Word("NAME", Field::kName, "drop-db must be followed by a name")},
               .summary = "removes a database with all its keys"},
    CommandRow{.verb = Verb::kCreateUser,
               .name = "create-user",
               .level = Level::kSecure,
               .effect = Effect::kWrites,
               .arguments = {Word("USER", Field::kName,
                                  "create-user must be followed by a user name and a token"),
                             Rest("TOKEN", Field::kSecret,
                                  "create-user must be followed by a user name and a token")},
               .summary = "creates a user of the selected database, or replaces the token"},
    CommandRow{.verb = Verb::kSetPermissions,
               .name = "set-permissions",
               .level = Level::kSecure,
               .effect = Effect::kWrites,
               .arguments = {Word("USER", Field::kName, "user is mandatory"),
                             Rest("LIST", Field::kValue, "permission list is mandatory")},
               .summary = "says which keys a user may read, write, increment and remove"},
    CommandRow{.verb = Verb::kSnapshot,
               .name = "snapshot",
               .level = Level::kAdmin,
               .arguments = {OptionalWord("true|false", Field::kName),
                             OptionalWord("DATABASE|DATABASE...", Field::kValue)},
               .summary = "writes a snapshot of everything; ok when it is on disk"},
    CommandRow{.verb = Verb::kReplicateSnapshot,
               .name = "replicate-snapshot",
               .level = Level::kAdmin,
               .arguments = {Word("DATABASE|DATABASE...", Field::kValue,
                                  "replicate-snapshot must contain a db name"),
                             OptionalWord("true|false", Field::kName)},
               .summary = "the same, as backup scripts ask for it"},
    CommandRow{.verb = Verb::kOplog,
               .name = "oplog",
               .level = Level::kAdmin,
               .arguments = {Word("info|since|clean", Field::kName,
                                  "oplog must be followed by info, since or clean"),
                             OptionalRest("...", Field::kValue)},
               .summary = "shows and cleans the op log"},
    CommandRow{.verb = Verb::kGet,
               .name = "get",
               .level = Level::kKey,
               .permission = Permission::kRead,
               .arguments = {Word("KEY", Field::kKey, "get must contain a key")},
               .summary = "answers the value of a key"},
    CommandRow{.verb = Verb::kGetSafe,
               .name = "get-safe",
               .level = Level::kKey,
               .permission = Permission::kRead,
               .arguments = {Word("KEY", Field::kKey, "get-safe must contain a key")},
               .summary = "answers the version and the value of a key"},
    CommandRow{
        .verb = Verb::kGetMany,
        .name = "get-many",
        .level = Level::kDatabase,
        .arguments = {Typed("KEY [KEY...]", ArgumentKind::kKeys, "get-many must contain a key")},
        .summary = "answers those of several keys that exist and may be read"},
    CommandRow{.verb = Verb::kSet,
               .name = "set",
               .level = Level::kKey,
               .permission = Permission::kWrite,
               .effect = Effect::kWrites,
               .arguments = {Word("KEY", Field::kKey, "set must contain a key"),
                             OptionalRest("VALUE", Field::kValue)},
               .summary = "stores a value, whatever was there"},
    CommandRow{
        .verb = Verb::kSetSafe,
        .name = "set-safe",
        .level = Level::kKey,
        .permission = Permission::kWrite,
        .effect = Effect::kWrites,
        .arguments = {Word("KEY", Field::kKey, "set-safe must be followed by a version and key"),
                      Typed("VERSION", ArgumentKind::kVersion,
                            "set-safe must be followed by a version and key"),
                      Rest("VALUE", Field::kValue, "set-safe must be followed by a key")},
        .summary = "stores a value unless the key has changed since VERSION"},
    CommandRow{
        .verb = Verb::kPut,
        .name = "put",
        .level = Level::kKey,
        .permission = Permission::kWrite,
        .effect = Effect::kWrites,
        .arguments =
            {Word("KEY", Field::kKey,
                  "put must contain a key: put KEY [ttl MS] [if-version N|if-absent] : VALUE"),
             Typed("[ttl MS] [if-version N|if-absent] : VALUE", ArgumentKind::kPutOptions,
                   "put must have ` : ` before the value: put KEY [ttl MS] [if-version "
                   "N|if-absent] : VALUE")},
        .summary = "stores a value, for MS milliseconds, if the key has version N or is missing; "
                   "answers the new version"},
    CommandRow{.verb = Verb::kIncrement,
               .name = "increment",
               .level = Level::kKey,
               .permission = Permission::kIncrement,
               .effect = Effect::kWrites,
               .arguments = {Word("KEY", Field::kKey, "increment must contain a key"),
                             OptionalTyped("AMOUNT", ArgumentKind::kAmount)},
               .summary = "adds to a whole number; a missing key counts as 0"},
    CommandRow{.verb = Verb::kRemove,
               .name = "remove",
               .level = Level::kKey,
               .permission = Permission::kRemove,
               .effect = Effect::kRemoves,
               .arguments = {Word("KEY", Field::kKey, "remove must contain a key")},
               .summary = "removes a key"},
    CommandRow{.verb = Verb::kExpire,
               .name = "expire",
               .level = Level::kKey,
               .permission = Permission::kWrite,
               .effect = Effect::kRemoves,
               .arguments = {Word("KEY", Field::kKey, "expire must contain a key"),
                             Typed("MS", ArgumentKind::kTtl,
                                   "expire must be followed by a key and milliseconds")},
               .summary = "removes a key when MS milliseconds have passed"},
    CommandRow{.verb = Verb::kPersist,
               .name = "persist",
               .level = Level::kKey,
               .permission = Permission::kWrite,
               .effect = Effect::kRemoves,
               .arguments = {Word("KEY", Field::kKey, "persist must contain a key")},
               .summary = "lets a key live for ever again"},
    CommandRow{.verb = Verb::kTtl,
               .name = "ttl",
               .level = Level::kKey,
               .permission = Permission::kRead,
               .arguments = {Word("KEY", Field::kKey, "ttl must contain a key")},
               .summary = "answers the milliseconds that a key still lives; -1 has no end"},
    CommandRow{
        .verb = Verb::kSetSession,
        .name = "set-session",
        .level = Level::kKey,
        .permission = Permission::kWrite,
        .effect = Effect::kWrites,
        .arguments = {Word("KEY", Field::kKey,
                           "set-session must contain a key: set-session KEY [grace MS] : VALUE"),
                      Typed("[grace MS] : VALUE", ArgumentKind::kSessionOptions,
                            "set-session must have ` : ` before the value: set-session KEY [grace "
                            "MS] : VALUE")},
        .summary = "stores a value that goes when this session ends, or MS milliseconds later"},
    CommandRow{.verb = Verb::kMulti,
               .name = "multi",
               .level = Level::kDatabase,
               .summary = "begins a transaction: the writes that follow wait for exec"},
    CommandRow{.verb = Verb::kExec,
               .name = "exec",
               .level = Level::kDatabase,
               .summary = "makes all writes of the transaction as one, or none of them"},
    CommandRow{.verb = Verb::kDiscard,
               .name = "discard",
               .level = Level::kOpen,
               .summary = "ends the transaction without doing anything"},
    CommandRow{.verb = Verb::kKeys,
               .name = "keys",
               .alias = "ls",
               .level = Level::kDatabase,
               .arguments = {OptionalRest("PATTERN", Field::kKey)},
               .summary = "lists keys: prefix*, *suffix or contained text"},
    CommandRow{.verb = Verb::kScan,
               .name = "scan",
               .level = Level::kDatabase,
               .arguments = {Word("PREFIX", Field::kKey, "scan must contain a prefix, or *"),
                             OptionalTyped("after KEY] [limit N", ArgumentKind::kScanOptions)},
               .summary = "answers the keys that begin with PREFIX and may be read, in order"},
    CommandRow{.verb = Verb::kWatch,
               .name = "watch",
               .level = Level::kKey,
               .permission = Permission::kRead,
               .arguments = {Word("KEY|PREFIX*", Field::kKey, "watch must contain a key"),
                             OptionalTyped("since TOKEN] [latest|all|every MS",
                                           ArgumentKind::kWatchOptions)},
               .summary = "sends every later change of a key, or of all that begin with PREFIX"},
    CommandRow{.verb = Verb::kUnwatch,
               .name = "unwatch",
               .level = Level::kDatabase,
               .arguments = {Word("KEY|PREFIX*", Field::kKey, "unwatch must contain a key")},
               .summary = "ends a watch"},
    CommandRow{.verb = Verb::kUnwatchAll,
               .name = "unwatch-all",
               .level = Level::kDatabase,
               .summary = "ends all watches in the selected database"},
    CommandRow{.verb = Verb::kArbiter,
               .name = "arbiter",
               .level = Level::kDatabase,
               .summary = "makes this connection one that decides conflicts"},
    CommandRow{.verb = Verb::kResolve,
               .name = "resolve",
               .level = Level::kOpen,
               .effect = Effect::kWrites,
               .arguments = {Typed("ID", ArgumentKind::kConflictId, "opp id mandatory"),
                             Word("DATABASE", Field::kName, kResolveParts),
                             Word("KEY", Field::kKey, kResolveParts),
                             Typed("VERSION", ArgumentKind::kVersion, kResolveParts),
                             Rest("VALUE", Field::kValue, kResolveParts)},
               .summary = "decides a conflict (arbiters with write permission, admins)"},
    CommandRow{
        .verb = Verb::kDebug,
        .name = "debug",
        .level = Level::kAdmin,
        .arguments = {Word("delivery|force-election|list-dbs|loop|pending-conflicts|pending-ops|"
                           "process-info",
                           Field::kName, "command is mandatory")},
        .summary = "shows what is going on inside"},
    CommandRow{.verb = Verb::kListCommands,
               .name = "list-commands",
               .level = Level::kAdmin,
               .summary = "lists the command words"},
    CommandRow{.verb = Verb::kMetricsState,
               .name = "metrics-state",
               .level = Level::kAdmin,
               .arguments = {OptionalWord("json", Field::kName)},
               .summary = "answers counters in one line; as JSON with the times of deliveries"},
    CommandRow{.verb = Verb::kClusterState,
               .name = "cluster-state",
               .level = Level::kAdmin,
               .arguments = {OptionalWord("json", Field::kName)},
               .summary = "lists the members and their roles"},
    CommandRow{.verb = Verb::kWhoami,
               .name = "whoami",
               .level = Level::kOpen,
               .summary = "answers the selected database, the user and whether it is an admin"},
    CommandRow{.verb = Verb::kHello,
               .name = "hello",
               .level = Level::kOpen,
               .arguments = {OptionalWord("SESSION", Field::kSecret)},
               .summary = "answers the session's name, and takes over the keys of a former one"},
    CommandRow{.verb = Verb::kWait,
               .name = "wait",
               .level = Level::kDatabase,
               .arguments = {Word("TOKEN", Field::kSince,
                                  "wait must be followed by a token of an earlier 'ready', by "
                                  "linear or by max-age=MS")},
               .summary = "answers when all up to TOKEN may be seen here; all that is final "
                          "(linear); what is at most MS old (max-age=MS)"},
    CommandRow{.verb = Verb::kExplain,
               .name = "explain",
               .level = Level::kKey,
               .permission = Permission::kRead,
               .arguments = {Word("KEY", Field::kKey, "explain must contain a key")},
               .summary = "answers who wrote a key last, who watches it and who lags"},
    CommandRow{.verb = Verb::kDelivered,
               .name = "delivered",
               .level = Level::kDatabase,
               .arguments = {Typed("AT", ArgumentKind::kAmount,
                                   "delivered must be followed by the time of a change")},
               .summary = "reports that a change, made at AT, has been shown"},
    CommandRow{
        .verb = Verb::kPing, .name = "ping", .level = Level::kOpen, .summary = "answers pong"},
    CommandRow{
        .verb = Verb::kLeave,
        .name = "leave",
        .level = Level::kAdmin,
        .arguments = {Word("NODE", Field::kName, "leave must be followed by the id of a member")},
        .summary = "takes the node that has the id NODE out of the cluster"},
    CommandRow{
        .verb = Verb::kPromote,
        .name = "promote",
        .level = Level::kAdmin,
        .arguments = {Word("NODE", Field::kName, "promote must be followed by the id of a member")},
        .summary = "hands the role of the primary to the node that has the id NODE"},
    CommandRow{.verb = Verb::kAddNode,
               .name = "add-node",
               .level = Level::kAdmin,
               .arguments = {Word("ADDRESS", Field::kName,
                                  "add-node must be followed by where the new node listens for "
                                  "other nodes")},
               .summary = "dials a node that waits to join (--join wait), and lets it in"},
    CommandRow{.verb = Verb::kPeerAddress,
               .name = "peer-address",
               .level = Level::kOpen,
               .summary = "answers where other nodes of its cluster reach this one"},
};

constexpr bool RowsAreInVerbOrder() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].verb) != i) {
      return false;
    }
  }
  return kTable.size() == static_cast<std::size_t>(Verb::kRejected);
}
static_assert(RowsAreInVerbOrder(), "every verb has its row, in the order of the enum");

}  // namespace

std::span<const Argument> CommandRow::argument_list() const {
  std::size_t count = 0;
  while (count < arguments.size() && !arguments[count].name.empty()) {
    ++count;
  }
  return {arguments.data(), count};
}

std::span<const CommandRow> CommandTable() {
  return kTable;
}

const CommandRow& RowOf(Verb verb) {
  CHECK(verb != Verb::kRejected);
  return kTable[static_cast<std::size_t>(verb)];
}

bool NeedsNoData(Verb verb) {
  switch (verb) {
    case Verb::kAuth:
    case Verb::kClusterState:
    case Verb::kLeave:
    case Verb::kListCommands:
    case Verb::kMetricsState:
    case Verb::kPeerAddress:
    case Verb::kPing:
    case Verb::kWhoami:
      return true;
    default:
      return false;
  }
}

const CommandRow* FindCommand(std::string_view name) {
  for (const CommandRow& row : kTable) {
    if (row.name == name || (!row.alias.empty() && row.alias == name)) {
      return &row;
    }
  }
  return nullptr;
}

std::string_view* PlaceOf(Command& command, Field field) {
  switch (field) {
    case Field::kName:
      return &command.name;
    case Field::kKey:
      return &command.key;
    case Field::kSecret:
      return &command.secret;
    case Field::kSince:
      return &command.since;
    case Field::kValue:
      return &command.value;
    case Field::kNowhere:
      break;
  }
  return nullptr;
}

std::string_view LevelName(const CommandRow& row) {
  switch (row.level) {
    case Level::kOpen:
      return "open";
    case Level::kAdmin:
      return "admin";
    case Level::kDatabase:
      return "database";
    case Level::kSecure:
      return "admin, database";
    case Level::kKey:
      break;
  }
  switch (row.permission) {
    case Permission::kRead:
      return "key (r)";
    case Permission::kWrite:
      return "key (w)";
    case Permission::kIncrement:
      return "key (i)";
    case Permission::kRemove:
      break;
  }
  return "key (x)";
}

bool MayBeRetried(Verb verb) {
  switch (verb) {
    case Verb::kSet:
    case Verb::kSetSafe:
    case Verb::kPut:
    case Verb::kIncrement:
    case Verb::kRemove:
    case Verb::kExec:
      return true;
    default:
      return false;
  }
}

}  // namespace nunc
