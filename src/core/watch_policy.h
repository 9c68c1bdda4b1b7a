// Which of the changes of what is watched a watch is told.
//
// Source:  docs/delivery.md.
#pragma once

#include <cstdint>

namespace nunc {

enum class WatchPolicy : std::uint8_t {
  kLatest,  // each, as long as its session does not lag; then the newest of each key
  kAll,     // each, also while its session lags, as far as kAllBytesMax reach
  kEvery,   // of each key the newest, once in an interval
};

}  // namespace nunc
