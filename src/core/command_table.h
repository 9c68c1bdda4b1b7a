// One declaration per command: it feeds the parsers, the right check, the help and the docs.
//
// Shape:   a constant table, one row per Verb. Adding a command is a row here, a handler in
//          executor.cpp and nothing else.
// Source:  docs/language.md is checked against this table by a test.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/command.h"
#include "core/permissions.h"

namespace nunc {

// Who may call. Failures are told in this order: key well formed, secure, database, permission.
enum class Level : std::uint8_t {
  kOpen,      // anyone
  kAdmin,     // after a good `auth`
  kDatabase,  // with a database selected
  kSecure,    // admin, with a database selected: it writes a `$$` key
  kKey,       // `$$` keys: admin. Then a database, then the row's permission on the key
};

enum class ArgumentKind : std::uint8_t {
  kWord,             // up to the next space
  kRest,             // all that is left, spaces included
  kLogin,            // all that is left: TOKEN, or USER and TOKEN
  kKeys,             // all that is left, each word a key
  kVersion,          // whole number; out of 32 bits: unconditional
  kAmount,           // whole number of 64 bits; empty: 1
  kTtl,              // whole number: milliseconds
  kConflictId,       // whole number
  kWatchOptions,     // [since TOKEN] [latest|all|every MS]; from another word on ignored
  kPutOptions,       // [ttl MS] [if-version N|if-absent] : and all that is left
  kSessionOptions,   // [grace MS] : and all that is left
  kScanOptions,      // [after KEY] [limit N], in any order
  kDatabaseOptions,  // [none|newer|arbiter] [ack written|disk|quorum]
};

// Where a kWord or kRest goes in the Command.
enum class Field : std::uint8_t { kName, kKey, kSecret, kSince, kValue, kNowhere };

enum class Presence : std::uint8_t { kRequired, kOptional };

struct Argument {
  std::string_view name;  // as help and docs show it
  ArgumentKind kind = ArgumentKind::kWord;
  Field field = Field::kNowhere;
  Presence presence = Presence::kRequired;
  std::string_view missing{};  // error text when a required one is absent
};

// What a command may do to the store: with a full disk or memory, some are refused.
enum class Effect : std::uint8_t {
  kReads,
  kWrites,   // needs a place in the log, and memory
  kRemoves,  // needs a place in the log
};

struct CommandRow {
  Verb verb = Verb::kRejected;
  std::string_view name;
  std::string_view alias{};  // may be empty
  Level level = Level::kOpen;
  Permission permission = Permission::kRead;  // of Level::kKey
  Effect effect = Effect::kReads;
  std::array<Argument, 5> arguments{};  // ends at the first without a name
  std::string_view summary;

  [[nodiscard]] std::span<const Argument> argument_list() const;
};

std::span<const CommandRow> CommandTable();
const CommandRow& RowOf(Verb verb);
// Answered by every node, also by one that holds no data.
bool NeedsNoData(Verb verb);
// By name or alias; null when there is none.
const CommandRow* FindCommand(std::string_view name);
// Where the field stands in the command; null: nowhere.
std::string_view* PlaceOf(Command& command, Field field);
// Whether it may bear a sequence: it is a write that a transaction takes, or ends one.
bool MayBeRetried(Verb verb);
std::string_view LevelName(const CommandRow& row);

}  // namespace nunc
