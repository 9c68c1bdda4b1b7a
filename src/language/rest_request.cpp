#include "language/rest_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <system_error>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "base/utf8.h"
#include "language/words.h"

namespace nunc {
namespace {

constexpr std::string_view kRoot = "/v1";
constexpr std::string_view kDatabases = "/v1/db/";

struct Kind {
  RestResource resource;
  std::string_view methods;
  std::array<std::string_view, 6> parameters;  // ends at the first empty one
};

constexpr std::array kKinds = {
    Kind{RestResource::kKey, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", {"ttl"}},
    Kind{RestResource::kKeys, "GET, HEAD, OPTIONS", {"prefix", "after", "limit"}},
    Kind{RestResource::kBatch, "POST, OPTIONS", {}},
    Kind{RestResource::kWatch,
         "GET, OPTIONS",
         {"prefix", "key", "policy", "every", "access_token", "user"}},
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char small = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

// False: a percent sign without two digits, or no UTF-8.
bool Decode(std::string_view text, bool plus_is_space, std::string& out) {
  out.clear();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += plus_is_space && text[at] == '+' ? ' ' : text[at];
      continue;
    }
    const int high = at + 2 < text.size() ? HexDigit(text[at + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[at + 2]) : -1;
    if (low < 0) {
      return false;
    }
    out += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return IsValidUtf8(out);
}

RestRefusal BadParameter(std::string_view name, std::string_view allowed) {
  const std::string field(PrefixOf(name, kShownBytesMax));
  return {.code = "bad-field",
          .message = std::string(field).append(" must be ").append(allowed),
          .field = field};
}

RestRefusal BadEscape(std::string field) {
  return {.code = "bad-escape",
          .message =
              "a % must be followed by two hexadecimal digits, and what is escaped must be "
              "UTF-8",
          .field = std::move(field)};
}

std::span<const std::string_view> ParametersOf(const Kind& kind) {
  const auto* const end = std::find(kind.parameters.begin(), kind.parameters.end(), "");
  return {kind.parameters.begin(), end};
}

RestRefusal UnknownParameter(std::string_view name, const Kind& kind) {
  const std::string field(PrefixOf(name, kShownBytesMax));
  std::string allowed;
  for (const std::string_view parameter : ParametersOf(kind)) {
    allowed.append(allowed.empty() ? "" : ", ").append(parameter);
  }
  return {.code = "bad-field",
          .message = "unknown parameter " + Quoted(field) + ": allowed are " +
                     (allowed.empty() ? "none here" : allowed),
          .field = field};
}

std::optional<RestRefusal> Take(std::string_view name, std::string value, RestTarget& out) {
  if (name == "prefix") {
    out.prefix = std::move(value);
  } else if (name == "key") {
    out.key = std::move(value);
  } else if (name == "after") {
    out.after = std::move(value);
  } else if (name == "access_token") {
    out.access_token = std::move(value);
  } else if (name == "user") {
    out.user = std::move(value);
  } else if (name == "policy") {
    const std::optional<WatchPolicy> policy = WatchPolicyOf(value);
    if (!policy) {
      return BadParameter(name, std::string("one of ").append(kWatchPolicyWords));
    }
    out.policy = *policy;
  } else {
    std::int64_t number = 0;
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (fault != std::errc{} || end != value.data() + value.size()) {
      return BadParameter(name, "an integer");
    }
    if (name == kEveryWord) {
      out.every_ms = number;
    } else {
      (name == "ttl" ? out.ttl_ms : out.limit) = number;
    }
  }
  return std::nullopt;
}

std::optional<RestRefusal> TakeQuery(std::string_view query, const Kind& kind, RestTarget& out) {
  const std::span<const std::string_view> allowed = ParametersOf(kind);
  std::vector<std::string> seen;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) {
      continue;
    }
    const std::string_view raw_name = pair.substr(0, pair.find('='));
    std::string name;
    std::string value;
    if (!Decode(raw_name, true, name)) {
      return BadEscape({});
    }
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      return UnknownParameter(name, kind);
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return RestRefusal{.code = "bad-field",
                         .message = "the parameter " + name + " is given twice",
                         .field = name};
    }
    if (!Decode(pair.substr(std::min(raw_name.size() + 1, pair.size())), true, value)) {
      return BadEscape(name);
    }
    seen.push_back(name);
    if (std::optional<RestRefusal> refusal = Take(name, std::move(value), out); refusal) {
      return refusal;
    }
  }
  if (kind.resource == RestResource::kWatch) {
    if (std::find(seen.begin(), seen.end(), kEveryWord) != seen.end()) {
      if (std::find(seen.begin(), seen.end(), "policy") != seen.end()) {
        return RestRefusal{.code = "bad-field",
                           .message = "policy and every exclude each other",
                           .field = std::string(kEveryWord)};
      }
      out.policy = WatchPolicy::kEvery;
    }
    const bool key = std::find(seen.begin(), seen.end(), "key") != seen.end();
    if (key == out.prefix.has_value()) {
      return RestRefusal{.code = "bad-field",
                         .message = "exactly one of key and prefix must be given",
                         .field = "prefix"};
    }
    if (key && out.key.ends_with('*')) {
      return BadParameter("key", "a key that does not end with *; watch it by its prefix");
    }
  }
  return std::nullopt;
}

RestRefusal NotAllowed(std::string_view methods) {
  return {.status = 405,
          .code = "method-not-allowed",
          .message = std::string("allowed are ").append(methods),
          .allow = methods};
}

bool Allows(const Kind& kind, std::string_view method) {
  std::string_view rest = kind.methods;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    if (one == method) {
      return true;
    }
    rest.remove_prefix(std::min(one.size() + 2, rest.size()));
  }
  return false;
}

const Kind* KindOf(std::string_view rest, std::string_view& key) {
  constexpr std::string_view kKey = "keys/";
  if (rest.starts_with(kKey)) {
    key = rest.substr(kKey.size());
    return &kKinds[0];
  }
  constexpr std::array<std::string_view, 3> kNames = {"keys", "batch", "watch"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == rest) {
      return &kKinds[i + 1];
    }
  }
  return nullptr;
}

// `"V-R"` without its quotes.
std::optional<EntryTag> ParseTag(std::string_view text) {
  EntryTag tag;
  const char* const end = text.data() + text.size();
  const auto version = std::from_chars(text.data(), end, tag.version);
  if (version.ec != std::errc{} || version.ptr == end || *version.ptr != '-') {
    return std::nullopt;
  }
  const auto revision = std::from_chars(version.ptr + 1, end, tag.revision.value);
  if (revision.ec != std::errc{} || revision.ptr != end || tag.revision == Revision{}) {
    return std::nullopt;
  }
  // What we would write otherwise, as with zeros in front, is another tag.
  const std::string written = FormatEntityTag(tag);
  return std::string_view(written).substr(1, written.size() - 2) == text ? std::optional(tag)
                                                                         : std::nullopt;
}

void SkipSpace(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

bool IsScheme(std::string_view header, std::string_view scheme) {
  return header.size() > scheme.size() && header[scheme.size()] == ' ' &&
         std::equal(scheme.begin(), scheme.end(), header.begin(), [](char small, char c) {
           return small == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
         });
}

}  // namespace

bool IsRestPath(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return path == kRoot || (path.starts_with(kRoot) && path[kRoot.size()] == '/');
}

std::optional<RestRefusal> ParseRestTarget(std::string_view method, std::string_view target,
                                           RestTarget& out) {
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
  const Kind* kind = nullptr;
  std::string_view db;
  std::string_view key;
  if (path.starts_with(kDatabases)) {
    const std::string_view rest = path.substr(kDatabases.size());
    db = rest.substr(0, rest.find('/'));
    kind = KindOf(rest.substr(std::min(db.size() + 1, rest.size())), key);
  }
  if (path == "/v1/openapi.json") {
    return NotAllowed("GET, HEAD, OPTIONS");
  }
  if (kind == nullptr || db.empty()) {
    return RestRefusal{.status = 404,
                       .code = "not-found",
                       .message =
                           "nothing here: paths are /v1/db/{db}/keys, "
                           "/v1/db/{db}/keys/{key}, /v1/db/{db}/batch, /v1/db/{db}/watch "
                           "and /v1/openapi.json"};
  }
  if (!Allows(*kind, method)) {
    return NotAllowed(kind->methods);
  }
  out = {.resource = kind->resource};
  if (!Decode(db, false, out.db)) {
    return BadEscape("db");
  }
  if (!Decode(key, false, out.key)) {
    return BadEscape("key");
  }
  if (std::optional<RestRefusal> refusal = TakeQuery(query, *kind, out); refusal) {
    return refusal;
  }
  return out.ttl_ms && method != "PUT" ? std::optional(BadParameter("ttl", "given with PUT alone"))
                                       : std::nullopt;
}

bool EntityTags::Add(std::string_view header, Comparison comparison) {
  given = true;
  SkipSpace(header);
  if (header == "*") {
    any = true;
    return true;
  }
  bool lists_nothing = !header.empty();
  while (!header.empty()) {
    // RFC 9110 §5.6.1: empty members are none.
    if (header.front() == ',') {
      header.remove_prefix(1);
      SkipSpace(header);
      continue;
    }
    const bool weak = header.starts_with("W/");
    header.remove_prefix(weak ? 2 : 0);
    const std::size_t end = header.starts_with('"') ? header.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) {
      return false;
    }
    if (const std::optional<EntryTag> tag = ParseTag(header.substr(1, end - 1));
        tag && (!weak || comparison == Comparison::kWeak)) {
      tags.push_back(*tag);
    }
    lists_nothing = false;
    header.remove_prefix(end + 1);
    SkipSpace(header);
    if (!header.empty() && header.front() != ',') {
      return false;
    }
    header.remove_prefix(std::min<std::size_t>(1, header.size()));
    SkipSpace(header);
  }
  return !lists_nothing;
}

bool EntityTags::Matches(const EntryTag& tag) const {
  return any || std::find(tags.begin(), tags.end(), tag) != tags.end();
}

std::string FormatEntityTag(const EntryTag& tag) {
  return '"' + std::to_string(tag.version) + '-' + std::to_string(tag.revision.value) + '"';
}

std::optional<RestLogin> ParseAuthorization(std::string_view header) {
  if (IsScheme(header, "bearer")) {
    header.remove_prefix(std::string_view("bearer").size());
    SkipSpace(header);
    return RestLogin{.token = std::string(header)};
  }
  if (!IsScheme(header, "basic")) {
    return std::nullopt;
  }
  header.remove_prefix(std::string_view("basic").size());
  SkipSpace(header);
  const Result<std::string> pair = DecodeBase64(header);
  const std::size_t colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  return RestLogin{.user = pair->substr(0, colon), .token = pair->substr(colon + 1)};
}

}  // namespace nunc
