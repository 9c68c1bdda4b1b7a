// Names with a meaning of their own.
//
// Source:  docs/language.md (special names).
#pragma once

#include <string_view>

#include "core/conflicts.h"

namespace nunc {

inline constexpr std::string_view kConnectionsKey = "$connections";
inline constexpr std::string_view kTokenKey = "$$token";
inline constexpr std::string_view kUserKeyPrefix = "$$user_";
inline constexpr std::string_view kPermissionKeyPrefix = "$$permission_$";
inline constexpr std::string_view kSecurePrefix = "$$";
inline constexpr std::string_view kAdminDatabase = "$admin";

// For admins alone.
inline bool IsSecureKey(std::string_view key) {
  return key.starts_with(kSecurePrefix);
}
// Secrets, rights and conflicts go when somebody decides so, and never by themselves.
inline bool MayEnd(std::string_view key) {
  return !IsSecureKey(key) && !key.starts_with(kConflictKeyPrefix);
}

}  // namespace nunc
