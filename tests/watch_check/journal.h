// Holds the journal of end-to-end watchers against the op log of the server they watched.
//
// Shape:   a line of JSON for each thing that a watcher has done or heard, in its order:
//            {"watcher":W,"watch":PATTERN,"since":TOKEN}     it is watching from here on; besides
//                                                            "policy", of `all` and `every`
//            {"watcher":W,"told":TEXT}                       a line, or a message of nunc.1
//            {"watcher":W,"unwatch":PATTERN}                 it has been answered that it is not
//            {"watcher":W,"login":{"user":U,"admin":BOOL}}   who it is from here on
//            {"watcher":W,"cut":true}                        its connection has ended
//            {"watcher":W,"rest":true}                       it has been told everything
//          Rights are looked at as of the revision that a part was closed at, or a change has.
// Errors:  a line that is none of these is a violation like any other.
// Limits:  of each watcher the first violation is told: what follows from it says nothing.
// Owner:   nunc_watch_check and its tests.
// Source:  docs/delivery.md.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/watch_oracle.h"
#include "op_log.h"
#include "push.h"

namespace nunc {

struct JournalEntry {
  enum class Kind : std::uint8_t { kWatch, kUnwatch, kLogin, kCut, kTold, kRest };
  std::size_t line = 0;
  Kind kind = Kind::kTold;
  std::string pattern{};
  std::string since{};
  WatchPolicy policy = WatchPolicy::kLatest;
  Reader reader{};
  Push push{};
};

class Journal {
 public:
  struct Sums {
    std::size_t watchers = 0;
    std::size_t watches = 0;
    std::size_t changes = 0;
    std::size_t readies = 0;
  };

  // What is read is looked at by Check: each violation in a line.
  void Read(std::istream& lines);
  [[nodiscard]] std::vector<std::string> Check(LoggedDatabase& database, Revision newest);
  [[nodiscard]] const Sums& sums() const { return sums_; }

 private:
  std::map<std::string, std::vector<JournalEntry>> watchers_;
  std::vector<std::string> violations_;
  Sums sums_;
};

}  // namespace nunc
