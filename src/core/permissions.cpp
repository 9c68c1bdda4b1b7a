#include "core/permissions.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace nunc {
namespace {

// The pieces of `text` between `separator`s; an empty text is one empty piece.
template <class Visit>
void ForEachPiece(std::string_view text, char separator, Visit visit) {
  while (true) {
    const std::size_t end = text.find(separator);
    visit(text.substr(0, end));
    if (end == std::string_view::npos) {
      return;
    }
    text.remove_prefix(end + 1);
  }
}

std::string_view TrimStars(std::string_view pattern) {
  while (pattern.starts_with('*')) {
    pattern.remove_prefix(1);
  }
  while (pattern.ends_with('*')) {
    pattern.remove_suffix(1);
  }
  return pattern;
}

std::uint8_t PermissionOf(char letter) {
  switch (letter) {
    case 'r':
      return static_cast<std::uint8_t>(Permission::kRead);
    case 'w':
      return static_cast<std::uint8_t>(Permission::kWrite);
    case 'i':
      return static_cast<std::uint8_t>(Permission::kIncrement);
    case 'x':
      return static_cast<std::uint8_t>(Permission::kRemove);
    default:
      return 0;
  }
}

}  // namespace

std::string_view PatternPrefix(std::string_view pattern) {
  return pattern.ends_with('*') ? TrimStars(pattern) : std::string_view{};
}

bool MatchesPattern(std::string_view key, std::string_view pattern) {
  if (pattern.ends_with('*')) {
    return key.starts_with(PatternPrefix(pattern));
  }
  if (pattern.starts_with('*')) {
    return key.ends_with(TrimStars(pattern));
  }
  return key.find(pattern) != std::string_view::npos;
}

Result<PermissionList::Group> PermissionList::ParseGroup(std::string_view text) {
  const std::size_t space = text.find(' ');
  const std::string_view letters = text.substr(0, space);
  Group group;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const std::uint8_t permission = PermissionOf(letters[i]);
    if (permission == 0) {
      return Fail(Fault::kInvalid,
                  "unknown permission letter '" + std::string(FirstCharacter(letters.substr(i))) +
                      "' in '" + std::string(PrefixOf(text, kShownBytesMax)) +
                      "': allowed are r (read), w (write), i (increment), x (remove)");
    }
    group.permissions |= permission;
  }
  if (letters.empty() || space == std::string_view::npos || space + 1 == text.size()) {
    return Fail(Fault::kInvalid,
                "permission group '" + std::string(PrefixOf(text, kShownBytesMax)) +
                    "' must be letters, a space and key patterns, as in 'rw a,b*'");
  }
  ForEachPiece(text.substr(space + 1), ',', [&group](std::string_view pattern) {
    if (!pattern.empty()) {
      group.patterns.emplace_back(pattern);
    }
  });
  return group;
}

Result<PermissionList> PermissionList::Parse(std::string_view text) {
  PermissionList list;
  Result<PermissionList> failure = list;
  ForEachPiece(text, '|', [&](std::string_view piece) {
    Result<Group> group = ParseGroup(piece);
    if (group) {
      list.groups_.push_back(std::move(*group));
    } else if (failure) {
      failure = tl::unexpected<Error>(group.error());
    }
  });
  if (!failure) {
    return failure;
  }
  return list;
}

PermissionList PermissionList::ParseLenient(std::string_view text) {
  PermissionList list;
  ForEachPiece(text, '|', [&list](std::string_view piece) {
    Result<Group> group = ParseGroup(piece);
    if (group) {
      list.groups_.push_back(std::move(*group));
    }
  });
  return list;
}

bool PermissionList::Allows(Permission permission, std::string_view key) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    return (group.permissions & static_cast<std::uint8_t>(permission)) != 0 &&
           std::any_of(group.patterns.begin(), group.patterns.end(),
                       [&](const std::string& pattern) { return MatchesPattern(key, pattern); });
  });
}

}  // namespace nunc
