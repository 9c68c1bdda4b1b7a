// What a user may do with which keys: the list behind `set-permissions`.
//
// Shape:   groups separated by `|`; a group is letters, a space, patterns separated by commas:
//          `rw some,other|i cnt*|r *`. Rights add up over groups.
// Errors:  Parse names the first thing that is wrong. ParseLenient takes a list that an admin wrote
//          by hand as a value: what it cannot read grants nothing.
// Source:  docs/language.md (permissions); patterns as existing clients know them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace nunc {

enum class Permission : std::uint8_t { kRead = 1, kWrite = 2, kIncrement = 4, kRemove = 8 };

// Ends with `*`: prefix; else starts with `*`: suffix; else: contained. The empty one matches all.
bool MatchesPattern(std::string_view key, std::string_view pattern);
// What every key that matches begins with; empty when the pattern does not say.
std::string_view PatternPrefix(std::string_view pattern);

class PermissionList {
 public:
  static Result<PermissionList> Parse(std::string_view text);
  static PermissionList ParseLenient(std::string_view text);

  [[nodiscard]] bool Allows(Permission permission, std::string_view key) const;

 private:
  struct Group {
    std::uint8_t permissions = 0;
    std::vector<std::string> patterns;
  };
  static Result<Group> ParseGroup(std::string_view text);

  std::vector<Group> groups_;
};

}  // namespace nunc
