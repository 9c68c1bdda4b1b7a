// Words that every wire form has in common, and how an error shows one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/record.h"
#include "core/watch_policy.h"

namespace nunc {

inline constexpr std::string_view kStrategyWords = "none, newer, arbiter";
inline constexpr std::string_view kAckLevelWords = "written, disk, quorum";
inline constexpr std::string_view kWatchPolicyWords = "latest, all";  // one has a number besides
inline constexpr std::string_view kEveryWord = "every";

std::optional<Strategy> StrategyOf(std::string_view word);
std::optional<AckLevel> AckLevelOf(std::string_view word);
std::optional<WatchPolicy> WatchPolicyOf(std::string_view word);

// In quotes, and cut: an error must not repeat megabytes.
std::string Quoted(std::string_view word);

}  // namespace nunc
