#include "language/nql_parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "language/words.h"

namespace nunc {
namespace {

// Decimal with an optional sign, nothing else.
bool IsInteger(std::string_view word) {
  if (word.starts_with('-') || word.starts_with('+')) {
    word.remove_prefix(1);
  }
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool ReadInt64(std::string_view word, std::int64_t& number) {
  if (word.starts_with('+')) {
    word.remove_prefix(1);
  }
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), number);
  return fault == std::errc{} && end == word.data() + word.size();
}

// Which the reference server took from anybody who knew the admin's password.
constexpr std::array<std::string_view, 4> kNodeWords = {"election", "join", "set-primary",
                                                        "set-secoundary"};

std::string WhyUnknown(std::string_view verb) {
  if (verb.empty()) {
    return "empty command";
  }
  if (std::ranges::find(kNodeWords, verb) != kNodeWords.end()) {
    return std::string(verb).append(
        " is for nodes, which prove the secret of the cluster to each other: start one with "
        "--join");
  }
  return "unknown command: " + std::string(PrefixOf(verb, 128));
}

}  // namespace

Command NqlParser::Reject(std::string reason) {
  reason_ = std::move(reason);
  return {.verb = Verb::kRejected, .name = reason_};
}

std::string_view NqlParser::TakeWord(Rest& rest) {
  const std::size_t space = rest.text.find(' ');
  const std::string_view word = rest.text.substr(0, space);
  rest.ended = space == std::string_view::npos;
  rest.text.remove_prefix(rest.ended ? rest.text.size() : space + 1);
  return word;
}

Command NqlParser::Parse(std::string_view text) {
  while (text.starts_with('\n')) {
    text.remove_prefix(1);
  }
  while (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  Rest rest{.text = text};
  const std::string_view verb = TakeWord(rest);
  const CommandRow* row = FindCommand(verb);
  if (row == nullptr) {
    return Reject(WhyUnknown(verb));
  }
  Command command{.verb = row->verb};
  for (const Argument& argument : row->argument_list()) {
    if (rest.ended) {
      if (argument.presence == Presence::kRequired) {
        return Reject(std::string(argument.missing));
      }
      break;
    }
    if (!TakeArgument(*row, argument, rest, command)) {
      break;
    }
  }
  return command;
}

bool NqlParser::TakeArgument(const CommandRow& row, const Argument& argument, Rest& rest,
                             Command& command) {
  if (argument.kind == ArgumentKind::kRest || argument.kind == ArgumentKind::kLogin) {
    const std::string_view all = WithoutLineFeeds(std::exchange(rest.text, {}));
    rest.ended = true;
    const std::size_t space = all.find(' ');
    if (argument.kind == ArgumentKind::kRest) {
      *PlaceOf(command, argument.field) = all;
    } else if (space == std::string_view::npos) {
      command.secret = all;
    } else {
      command.user = all.substr(0, space);
      command.secret = all.substr(space + 1);
    }
    return true;
  }
  if (argument.kind == ArgumentKind::kKeys) {
    TakeKeys(rest, command);
    return true;
  }
  const std::string_view word = TakeWord(rest);
  if (argument.kind == ArgumentKind::kWord) {
    *PlaceOf(command, argument.field) = word;
    return true;
  }
  if (argument.kind == ArgumentKind::kWatchOptions) {
    return TakeWatchOptions(word, rest, command);
  }
  if (argument.kind == ArgumentKind::kDatabaseOptions) {
    return TakeDatabaseOptions(word, rest, command);
  }
  if (argument.kind == ArgumentKind::kPutOptions ||
      argument.kind == ArgumentKind::kSessionOptions) {
    return TakeValueOptions(row, word, rest, command);
  }
  if (argument.kind == ArgumentKind::kScanOptions) {
    return TakeScanOptions(word, rest, command);
  }
  return TakeNumber(row, argument, word, command);
}

// [since TOKEN] [latest|all|every MS], in any order. Existing clients may put anything else there.
bool NqlParser::TakeWatchOptions(std::string_view word, Rest& rest, Command& command) {
  bool policy = false;
  for (;; word = TakeWord(rest)) {
    const bool since = word == "since";
    const bool every = word == kEveryWord;
    const std::optional<WatchPolicy> named = every ? WatchPolicy::kEvery : WatchPolicyOf(word);
    if (!since && !named) {
      return true;
    }
    if (since ? !command.since.empty() : std::exchange(policy, true)) {
      command = Reject(
          "watch takes `since TOKEN` and one of `latest`, `all` and `every MS`, each "
          "once, not one more " +
          Quoted(word));
      return false;
    }
    const std::string_view value =
        (since || every) && !rest.ended ? TakeWord(rest) : std::string_view{};
    if (since && value.empty()) {
      command =
          Reject("since must be followed by a token of an earlier 'ready', or 0 for everything");
      return false;
    }
    if (every && !ReadInt64(value, command.every_ms)) {
      command =
          Reject("every must be followed by a whole number of milliseconds, not " + Quoted(value));
      return false;
    }
    if (since) {
      command.since = value;
    } else {
      command.policy = *named;
    }
    if (rest.ended) {
      return true;
    }
  }
}

// One more than allowed is taken, so that the core sees it; the rest would only need memory.
void NqlParser::TakeKeys(Rest& rest, Command& command) {
  keys_.clear();
  while (!rest.ended && keys_.size() <= kGetManyKeysMax) {
    keys_.push_back(TakeWord(rest));
  }
  command.keys = keys_;
}

// Options, each once, then ` : VALUE`.
bool NqlParser::TakeValueOptions(const CommandRow& row, std::string_view word, Rest& rest,
                                 Command& command) {
  const bool put = row.verb == Verb::kPut;
  bool timed = false;
  for (; word != ":"; word = TakeWord(rest)) {
    const bool time = word == (put ? "ttl" : "grace");
    const bool first = time ? !timed : !command.if_version && !command.if_absent;
    timed = timed || time;
    if (!first || (!time && (!put || (word != "if-absent" && word != "if-version")))) {
      command = Reject(std::string(row.name)
                           .append(put ? " takes `ttl MS`, one of `if-version N` and `if-absent`"
                                       : " takes `grace MS`")
                           .append(", then ` : `, not ")
                           .append(Quoted(word))
                           .append(": ")
                           .append(row.name)
                           .append(" KEY ")
                           .append(row.argument_list().back().name));
      return false;
    }
    if (!TakeValueOption(row, word, rest, command)) {
      return false;
    }
    if (rest.ended) {
      command = Reject(std::string(row.argument_list().back().missing));
      return false;
    }
  }
  command.value = WithoutLineFeeds(std::exchange(rest.text, {}));
  rest.ended = true;
  return true;
}

bool NqlParser::TakeValueOption(const CommandRow& row, std::string_view word, Rest& rest,
                                Command& command) {
  constexpr std::int64_t kVersionMax = std::numeric_limits<std::uint32_t>::max();
  if (word == "if-absent") {
    command.if_absent = true;
    return true;
  }
  const std::string_view value = rest.ended ? std::string_view{} : TakeWord(rest);
  const bool version = word == "if-version";
  const std::int64_t least = version || word == "grace" ? 0 : 1;
  const std::int64_t most = version ? kVersionMax : kLifetimeMsMax;
  std::int64_t number = 0;
  if (!ReadInt64(value, number) || number < least || number > most) {
    command = Reject(std::string(row.name) + ": " + std::string(word) +
                     " must be followed by a whole number from " + std::to_string(least) + " to " +
                     std::to_string(most) + ", not " + Quoted(value));
    return false;
  }
  if (version) {
    command.if_version = static_cast<std::uint32_t>(number);
  } else if (word == "ttl") {
    command.ttl_ms = number;
  } else {
    command.grace_ms = number;
  }
  return true;
}

// [after KEY] [limit N], in any order.
bool NqlParser::TakeScanOptions(std::string_view word, Rest& rest, Command& command) {
  for (;; word = TakeWord(rest)) {
    const bool after = word == "after" && command.after.empty();
    if (!after && (word != "limit" || command.limit)) {
      command = Reject("scan takes `after KEY` and `limit N`, each once, not " + Quoted(word));
      return false;
    }
    const std::string_view value = rest.ended ? std::string_view{} : TakeWord(rest);
    std::int64_t limit = 0;
    if (after && value.empty()) {
      command = Reject("scan: after must be followed by a key");
      return false;
    }
    if (!after && !ReadInt64(value, limit)) {
      command = Reject("scan: the limit must be a whole number from 1 to " +
                       std::to_string(kScanRowsMax) + ", not " + Quoted(value));
      return false;
    }
    if (after) {
      command.after = value;
    } else {
      command.limit = limit;
    }
    if (rest.ended) {
      return true;
    }
  }
}

// [none|newer|arbiter] [ack written|disk|quorum]
bool NqlParser::TakeDatabaseOptions(std::string_view word, Rest& rest, Command& command) {
  if (word != "ack") {
    const std::optional<Strategy> strategy = word.empty() ? Strategy::kNone : StrategyOf(word);
    if (!strategy) {
      command = Reject("unknown strategy " + Quoted(word) + ": allowed are " +
                       std::string(kStrategyWords));
      return false;
    }
    command.strategy = *strategy;
    if (rest.ended || TakeWord(rest) != "ack") {
      return true;
    }
  }
  const std::string_view level = rest.ended ? std::string_view{} : TakeWord(rest);
  command.level = AckLevelOf(level);
  if (!command.level) {
    command = Reject("unknown ack level " + Quoted(level) + ": allowed are " +
                     std::string(kAckLevelWords));
    return false;
  }
  return true;
}

bool NqlParser::TakeNumber(const CommandRow& row, const Argument& argument, std::string_view word,
                           Command& command) {
  if (argument.kind == ArgumentKind::kAmount && word.empty()) {
    return true;  // `increment KEY ` with nothing behind the space adds one
  }
  std::int64_t number = 0;
  const bool fits = ReadInt64(word, number);
  if (argument.kind == ArgumentKind::kVersion && IsInteger(word)) {
    // Existing clients send milliseconds for a version that they do not know: what no version can
    // be, and -1, mean whatever is stored.
    const bool in_range = fits && number >= std::numeric_limits<std::int32_t>::min() &&
                          number <= std::numeric_limits<std::uint32_t>::max();
    if (in_range && number != -1) {
      command.version = number;
    }
    return true;
  }
  if (!fits) {
    command = Reject(std::string(row.name) + ": " + std::string(argument.name) +
                     " must be a whole number of 64 bits, not " + Quoted(word));
    return false;
  }
  if (argument.kind == ArgumentKind::kConflictId) {
    command.conflict.value = number;
  } else if (argument.kind == ArgumentKind::kTtl) {
    command.ttl_ms = number;
  } else {
    command.amount = number;
  }
  return true;
}

// Replies are lines, so a line feed inside a value would end one; existing clients know that it is
// dropped.
std::string_view NqlParser::WithoutLineFeeds(std::string_view value) {
  if (value.find('\n') == std::string_view::npos) {
    return value;
  }
  value_.clear();
  std::copy_if(value.begin(), value.end(), std::back_inserter(value_),
               [](char c) { return c != '\n'; });
  return value_;
}

}  // namespace nunc
