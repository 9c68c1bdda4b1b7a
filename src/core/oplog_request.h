// What stands behind `oplog`: which part of the log is meant, in the words of people.
//
// Shape:   info | since PLACE [DATABASE] [PATTERN] [LIMIT] | clean before PLACE | clean keep
// KEEP...
//          PLACE is a revision (`1200`), or a time: `2026-11-24T10:00:00Z` (also a date alone, or
//          without the Z: always UTC), or an age (`90s`, `15m`, `2h`, `3d` ago). KEEP is a size
//          (`512MiB`, `1GiB`, bytes) or an age. DATABASE may be `*`: all.
// Errors:  kInvalid; the detail says what is allowed.
// Limits:  kOplogRecordsMax for LIMIT; kOplogRecordsDefault without one.
// Source:  docs/language.md (the op log).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/operation.h"

namespace nunc {

inline constexpr std::uint64_t kOplogRecordsDefault = 1'000;
inline constexpr std::uint64_t kOplogRecordsMax = 100'000;

struct OplogRequest {
  Operation operation;
  std::string database{};  // empty: all
};

// `now_us` is what ages count back from, since 1970.
Result<OplogRequest> ParseOplogRequest(std::string_view what, std::string_view rest,
                                       std::int64_t now_us);

// `90s`, `15m`, `2h`, `3d`: microseconds.
Result<std::int64_t> ParseAge(std::string_view text);
// `1048576`, `512KiB`, `64MiB`, `1GiB`.
Result<std::uint64_t> ParseBytes(std::string_view text);

}  // namespace nunc
