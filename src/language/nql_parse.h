// Reads one NQL command.
//
// Shape:   text in, Command out; the command table says what each verb takes. Words are separated
//          by single spaces, so two in a row make an empty word; a last argument may hold spaces.
// Errors:  a Command of verb kRejected whose `name` is the error text: it takes its place in the
//          order of the replies like any other command.
// Owner:   one per connection loop. The Command views `text` or this parser; it holds until the
//          next Parse.
// Source:  docs/language.md; docs/reference-server.md §2.1.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/command.h"
#include "core/command_table.h"

namespace nunc {

class NqlParser {
 public:
  Command Parse(std::string_view text);

  // For what a door refuses before it is a command: an over-long line, bytes that are not UTF-8.
  Command Reject(std::string reason);

 private:
  // What is left of the text; `ended` tells "nothing follows" from "an empty last word follows".
  struct Rest {
    std::string_view text;
    bool ended = false;
  };
  static std::string_view TakeWord(Rest& rest);
  // False: `command` has become kRejected.
  bool TakeArgument(const CommandRow& row, const Argument& argument, Rest& rest, Command& command);
  bool TakeWatchOptions(std::string_view word, Rest& rest, Command& command);
  void TakeKeys(Rest& rest, Command& command);
  bool TakeValueOptions(const CommandRow& row, std::string_view word, Rest& rest, Command& command);
  bool TakeValueOption(const CommandRow& row, std::string_view word, Rest& rest, Command& command);
  bool TakeScanOptions(std::string_view word, Rest& rest, Command& command);
  bool TakeDatabaseOptions(std::string_view word, Rest& rest, Command& command);
  bool TakeNumber(const CommandRow& row, const Argument& argument, std::string_view word,
                  Command& command);
  std::string_view WithoutLineFeeds(std::string_view value);

  std::string reason_;
  std::string value_;
  std::vector<std::string_view> keys_;
};

}  // namespace nunc
