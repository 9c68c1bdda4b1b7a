// Work that a command asks of the disk and that ends later: its reply waits for it.
//
// Shape:   the executor checks the command and describes the work; who owns the disk does it and
//          hands back an OperationResult under the same id.
// Source:  docs/language.md (administration).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/ids.h"

namespace nunc {

struct OperationId {
  std::uint64_t value = 0;
  friend auto operator<=>(OperationId, OperationId) = default;
};

enum class OperationKind : std::uint8_t {
  kSnapshot,    // everything that is there now, on disk
  kOplogInfo,   // what the log holds
  kOplogSince,  // records from `from` on
  kOplogClean,  // whole segments below `from`, or down to `keep`
};

// A place in the log, as people name it.
struct LogPlace {
  enum class Kind : std::uint8_t { kRevision, kTime };
  Kind kind = Kind::kRevision;
  Revision revision{};
  std::int64_t time_us = 0;
};

// How much of the log stays.
struct LogKeep {
  std::uint64_t bytes = UINT64_MAX;
  std::int64_t age_us = INT64_MAX;
};

struct Operation {
  OperationId id{};
  OperationKind kind = OperationKind::kSnapshot;
  LogPlace from{};
  LogKeep keep{};
  bool by_keep = false;     // of kOplogClean
  Revision to{};            // of kOplogSince: the last one that is shown
  DatabaseId database{};    // of kOplogSince; zero: all
  std::string pattern{};    // of keys, as `keys` has it; empty: all
  std::uint64_t limit = 0;  // records at most
};

struct OperationResult {
  OperationId id{};
  std::string failure{};             // empty: it is done
  std::string title{};               // of the data; empty: there is none
  std::vector<std::string> lines{};  // behind the title
};

}  // namespace nunc
