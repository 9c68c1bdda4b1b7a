// The server's log: one line per event, `time level message key=value ...` on standard error.
//
// Errors:  none; a line that cannot be written is lost.
// Thread:  any.
// Secrets: never pass a token or password; there is no masking behind this interface.
#pragma once

#include <string_view>

namespace nunc {

enum class LogLevel : unsigned char { kTrace, kDebug, kInfo, kWarn, kError, kOff };

void SetLogLevel(LogLevel level);
LogLevel GetLogLevel();

void Log(LogLevel level, std::string_view message);

inline void LogDebug(std::string_view message) {
  Log(LogLevel::kDebug, message);
}
inline void LogInfo(std::string_view message) {
  Log(LogLevel::kInfo, message);
}
inline void LogWarn(std::string_view message) {
  Log(LogLevel::kWarn, message);
}
inline void LogError(std::string_view message) {
  Log(LogLevel::kError, message);
}

}  // namespace nunc
