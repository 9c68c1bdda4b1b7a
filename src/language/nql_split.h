// Finds where one command of an NQL message ends and the next begins.
//
// Shape:   a `;` separates commands, as existing clients rely on, except inside a value that is
//          whole JSON: text that starts a word with `{`, `[` or `"`, whose brackets and quotes
//          balance, and that ends the word where they do. What does not balance splits at every
//          `;`, as it always did.
// Cost:    linear: scans that fail share one budget per message; when it is used up, every later
//          `;` separates.
// Source:  docs/language.md (several commands in one message).
#pragma once

#include <cstddef>
#include <string_view>

namespace nunc {

class NqlSplitter {
 public:
  explicit NqlSplitter(std::string_view message);
  // Goes on with a message whose beginning another splitter has taken: the same parts follow.
  NqlSplitter(std::string_view remaining, std::size_t failed_scan_budget)
      : message_(remaining), failed_scan_budget_(failed_scan_budget) {}

  // The next part between separators, without its leading spaces and line feeds; blank parts are
  // passed over. False at the end.
  bool Next(std::string_view& part);

  // What Next has not given yet.
  [[nodiscard]] std::string_view Remaining() const { return message_.substr(at_); }
  [[nodiscard]] std::size_t failed_scan_budget() const { return failed_scan_budget_; }
  // How many parts Next would still give; does not move.
  [[nodiscard]] std::size_t CountRest() const;

 private:
  [[nodiscard]] std::size_t FindEnd(std::size_t from);

  std::string_view message_;
  std::size_t at_ = 0;
  std::size_t failed_scan_budget_ = 0;
};

}  // namespace nunc
