// Reads what a request of the HTTP interface under /v1 is about: its path, its query, its
// conditions and who asks.
//
// Shape:   text in, a RestTarget or a RestRefusal out. Nothing is looked up: whether a database or
//          a key is there is not known here.
// Errors:  a refusal with its status, its code and, where there is one, the field to blame. An
//          unknown or repeated parameter is one. No refusal shows a token.
// Limits:  those of the request's head (kHttpHeadBytesMax), which all of this stands in.
// Source:  docs/http.md; RFC 3986 §2.1; RFC 9110 §8.8.3, §13.1; WHATWG URL §5.1 (queries).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/command.h"

namespace nunc {

enum class RestResource : std::uint8_t { kKey, kKeys, kBatch, kWatch };

struct RestTarget {
  RestResource resource = RestResource::kKey;
  std::string db{};
  std::string key{};                    // of kKey; of kWatch when one key is watched
  std::optional<std::string> prefix{};  // of kKeys, and of kWatch in place of a key
  std::string after{};
  std::optional<std::int64_t> limit{};
  WatchPolicy policy = WatchPolicy::kLatest;
  std::int64_t every_ms = 0;             // of kEvery
  std::optional<std::int64_t> ttl_ms{};  // of a PUT
  std::optional<std::string> access_token{};
  std::string user{};  // whose access token it is
};

struct RestRefusal {
  std::uint16_t status = 400;
  std::string_view code{};
  std::string message{};
  std::string field{};       // empty: none
  std::string_view allow{};  // of 405
};

// True for what belongs to the interface: `/v1` and all below it.
[[nodiscard]] bool IsRestPath(std::string_view target);

// Empty when `out` has been filled. HEAD is allowed where GET shows what is there now.
std::optional<RestRefusal> ParseRestTarget(std::string_view method, std::string_view target,
                                           RestTarget& out);

// If-Match or If-None-Match. A weak tag or one of another form than ours matches no entry where
// tags are compared strongly, and is left out.
struct EntityTags {
  enum class Comparison : std::uint8_t { kStrong, kWeak };

  // Of one header line; several are taken one after the other. False: it is malformed.
  bool Add(std::string_view header, Comparison comparison);
  [[nodiscard]] bool Matches(const EntryTag& tag) const;

  bool given = false;
  bool any = false;  // `*`
  std::vector<EntryTag> tags{};
};

// `"VERSION-REVISION"`, with its quotes.
std::string FormatEntityTag(const EntryTag& tag);

struct RestLogin {
  std::string user{};  // empty: the token is the database's
  std::string token{};
};

// `Bearer TOKEN` or `Basic BASE64(USER:TOKEN)`; empty when it is neither.
std::optional<RestLogin> ParseAuthorization(std::string_view header);

}  // namespace nunc
