#include "core/form.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace nunc {

std::optional<ErrorCode> CheckKey(std::string_view key, std::size_t bytes_max) {
  if (key.empty()) {
    return ErrorCode::kEmptyKey;
  }
  if (key.size() > bytes_max) {
    return ErrorCode::kKeyTooLong;
  }
  const bool controls = std::any_of(key.begin(), key.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
  });
  return controls ? std::optional(ErrorCode::kKeyCharacter) : std::nullopt;
}

std::optional<ErrorCode> CheckVersion(const Command& command) {
  if (command.version && *command.version < 0) {
    return ErrorCode::kNegativeVersion;
  }
  if (command.version && *command.version >= std::numeric_limits<std::uint32_t>::max()) {
    return ErrorCode::kVersionLimit;
  }
  return std::nullopt;
}

}  // namespace nunc
