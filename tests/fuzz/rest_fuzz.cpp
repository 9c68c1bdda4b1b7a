// What a request under /v1 is about: no path, query, condition, login or patch crashes its reader;
// what is read is written back the same, and what is refused is named in JSON.
//
// Input: lines: a method, a target, tags, a login, a stored value, a patch.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "language/json.h"
#include "language/nunc1_request.h"
#include "language/rest_request.h"

namespace {

std::string Escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

void CheckTarget(std::string_view method, std::string_view target) {
  nunc::RestTarget read;
  if (const auto refusal = nunc::ParseRestTarget(method, target, read); refusal) {
    CHECK(refusal->status == 400 || refusal->status == 404 || refusal->status == 405);
    CHECK((refusal->status == 405) == !refusal->allow.empty());
    CHECK(!refusal->message.empty() && refusal->field.size() <= 64);
    std::string text = "{";
    nunc::Nunc1Parser::AppendRefusal(
        text, {.code = refusal->code, .message = refusal->message, .field = refusal->field});
    text += '}';
    CHECK(nunc::JsonReader().IsJson(text));
    return;
  }
  CHECK(nunc::IsRestPath(target));
  for (const std::string* part : {&read.db, &read.key, &read.after, &read.user}) {
    CHECK(nunc::IsValidUtf8(*part));
  }
  if (read.resource == nunc::RestResource::kKey) {
    nunc::RestTarget again;
    const std::string path = "/v1/db/" + Escaped(read.db) + "/keys/" + Escaped(read.key);
    CHECK(!nunc::ParseRestTarget(method, path, again));
    CHECK(again.db == read.db && again.key == read.key);
  } else if (read.resource == nunc::RestResource::kWatch) {
    CHECK(read.prefix || !read.key.ends_with('*'));
  }
}

void CheckTags(std::string_view header) {
  nunc::EntityTags strong;
  nunc::EntityTags weak;
  const bool good = strong.Add(header, nunc::EntityTags::Comparison::kStrong);
  CHECK(good == weak.Add(header, nunc::EntityTags::Comparison::kWeak));
  for (const nunc::EntryTag& tag : strong.tags) {
    CHECK(weak.Matches(tag));
    nunc::EntityTags again;
    CHECK(again.Add(nunc::FormatEntityTag(tag), nunc::EntityTags::Comparison::kStrong));
    CHECK(!again.any && again.tags.size() == 1 && again.tags.front() == tag);
  }
}

// A patch that has been applied changes nothing more.
void CheckMerge(std::string_view stored, std::string_view patch) {
  nunc::JsonMerge merge;
  std::string once;
  if (merge.ReadPatch(patch) != nunc::JsonFault::kNone || !merge.Apply(stored, once)) {
    return;
  }
  CHECK(nunc::JsonReader().IsJson(once));
  CHECK(once.size() <= 16 * (stored.size() + patch.size()));
  std::string twice;
  CHECK(merge.Apply(once, twice));
  CHECK(once == twice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 6> lines;
  for (std::string_view& line : lines) {
    line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  CheckTarget(lines[0], lines[1]);
  CheckTags(lines[2]);
  if (const auto login = nunc::ParseAuthorization(lines[3]); login) {
    CHECK(login->user.find(':') == std::string::npos);
  }
  CheckMerge(lines[4], lines[5]);
  return 0;
}
