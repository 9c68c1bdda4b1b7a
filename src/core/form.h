// What of a key or a version is refused whatever is stored.
//
// Errors:  the code to answer with; nothing: it may be used.
// Limits:  kKeyBytesMax for what clients name (base/limits.h).
// Source:  docs/language.md.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/command.h"
#include "core/output.h"

namespace nunc {

std::optional<ErrorCode> CheckKey(std::string_view key, std::size_t bytes_max);
// The version that a write names; the stored one will be one higher.
std::optional<ErrorCode> CheckVersion(const Command& command);

}  // namespace nunc
