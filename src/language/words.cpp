#include "language/words.h"

#include <cstddef>

#include "base/text.h"

namespace nunc {

std::optional<Strategy> StrategyOf(std::string_view word) {
  if (word == "none") {
    return Strategy::kNone;
  }
  if (word == "newer") {
    return Strategy::kNewer;
  }
  return word == "arbiter" ? std::optional(Strategy::kArbiter) : std::nullopt;
}

std::optional<AckLevel> AckLevelOf(std::string_view word) {
  if (word == "written") {
    return AckLevel::kWritten;
  }
  if (word == "disk") {
    return AckLevel::kDisk;
  }
  return word == "quorum" ? std::optional(AckLevel::kQuorum) : std::nullopt;
}

std::optional<WatchPolicy> WatchPolicyOf(std::string_view word) {
  if (word == "latest") {
    return WatchPolicy::kLatest;
  }
  return word == "all" ? std::optional(WatchPolicy::kAll) : std::nullopt;
}

std::string Quoted(std::string_view word) {
  std::string quoted = "'";
  quoted += PrefixOf(word, kShownBytesMax);
  quoted += word.size() > kShownBytesMax ? "...'" : "'";
  return quoted;
}

}  // namespace nunc
