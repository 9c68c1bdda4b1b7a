// The op log of a stopped server, read to its end: each database as the oracle of watches wants it.
//
// Errors:  those of the disk and of the log; kInvalid for a log that has lost its beginning.
// Owner:   nunc_watch_check and its tests.
// Source:  docs/formats.md.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/record.h"
#include "core/watch_history.h"
#include "env/disk.h"

namespace nunc {

struct LoggedDatabase {
  explicit LoggedDatabase(AckLevel level) : history(WaitsForLog(level)) {}

  WatchHistory history;
  std::set<Revision> units;  // of records with several keys
};

class OpLog {
 public:
  void Add(const Record& record);
  // The one that had the name last; null: none had.
  [[nodiscard]] LoggedDatabase* Find(std::string_view name);
  [[nodiscard]] Revision newest() const { return newest_; }

 private:
  std::map<DatabaseId, LoggedDatabase> databases_;
  std::map<std::string, DatabaseId, std::less<>> by_name_;
  Revision newest_;
};

Result<OpLog> ReadOpLog(Disk& disk);

}  // namespace nunc
