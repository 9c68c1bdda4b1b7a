#include "language/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include <simdjson.h>

#include "base/limits.h"
#include "base/utf8.h"

namespace nunc {
namespace {

namespace dom = simdjson::dom;

// What the reader keeps between texts is in proportion to this.
constexpr std::size_t kKeptBytesMax = std::size_t{64} << 10;

JsonFault FaultOf(simdjson::error_code code) {
  switch (code) {
    case simdjson::SUCCESS:
      return JsonFault::kNone;
    case simdjson::DEPTH_ERROR:
      return JsonFault::kTooDeep;
    case simdjson::NUMBER_ERROR:
      return JsonFault::kNumber;
    default:
      return JsonFault::kInvalid;
  }
}

// Of its digits, without the sign: whether 64 bits cannot hold it.
bool IsBeyond64(std::string_view digits, bool negative) {
  const std::string_view most = negative ? "9223372036854775808" : "18446744073709551615";
  return digits.size() != most.size() ? digits.size() > most.size() : digits > most;
}

// The end of the string that begins at `at`, in valid JSON.
std::size_t EndOfString(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    at += json[at] == '\\' ? 1U : 0U;
  }
  return at + 1;
}

// The end of the value that begins at `at`, in valid minified JSON.
std::size_t EndOfValue(std::string_view json, std::size_t at) {
  std::size_t depth = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (c == '"') {
      at = EndOfString(json, at);
    } else if (c == '{' || c == '[') {
      ++depth;
      ++at;
    } else if (c == '}' || c == ']') {
      --depth;
      ++at;
    } else {
      at = std::min(json.find_first_of(depth == 0 ? ",]}" : "\"[]{}", at + 1), json.size());
    }
    if (depth == 0) {
      break;
    }
  }
  return at;
}

// Writes integers that 64 bits cannot hold as the doubles that they nearly are, in as many bytes:
// the library refuses them. False: there is none.
bool WriteAsDoubles(std::string& json) {
  bool found = false;
  for (std::size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      at = std::min(EndOfString(json, at), json.size());
      continue;
    }
    if (c != '-' && (c < '0' || c > '9')) {
      ++at;
      continue;
    }
    const std::size_t from = at + (c == '-' ? 1 : 0);
    const std::size_t digits_end =
        std::min(json.find_first_not_of("0123456789", from), json.size());
    at = std::min(json.find_first_not_of("0123456789+-.eE", from), json.size());
    const std::string_view digits = std::string_view(json).substr(from, digits_end - from);
    if (at == digits_end && IsBeyond64(digits, c == '-')) {
      json.replace(digits_end - 2, 2, "e2");
      found = true;
    }
  }
  return found;
}

void FillMember(const dom::element& value, JsonMember& member) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      member.type = JsonType::kArray;
      return;
    case dom::element_type::OBJECT:
      member.type = JsonType::kObject;
      return;
    case dom::element_type::INT64:
      member.type = JsonType::kInteger;
      member.integer = value.get_int64().value_unsafe();
      return;
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
      member.type = JsonType::kNumber;
      return;
    case dom::element_type::STRING:
      member.type = JsonType::kString;
      member.text = value.get_string().value_unsafe();
      return;
    case dom::element_type::BOOL:
      member.type = JsonType::kBool;
      member.integer = value.get_bool().value_unsafe() ? 1 : 0;
      return;
    case dom::element_type::NULL_VALUE:
      member.type = JsonType::kNull;
      return;
  }
}

}  // namespace

class JsonReader::Parser {
 public:
  // `text` has SIMDJSON_PADDING readable bytes behind it, or is copied.
  JsonFault Parse(std::string_view text, bool padded) {
    // A byte order mark is left to the caller by one version of the library and skipped by others.
    if (text.starts_with('\xEF')) {
      return JsonFault::kInvalid;
    }
    if (parser_.capacity() < text.size() || parser_.max_depth() != kDepth) {
      if (parser_.allocate(std::max(text.size(), kKeptBytesMax), kDepth) != simdjson::SUCCESS) {
        return JsonFault::kInvalid;
      }
    }
    const JsonFault fault = FaultOf(parser_.parse(text.data(), text.size(), !padded).get(root_));
    return fault == JsonFault::kNumber ? ParseAsDoubles(text) : fault;
  }

  [[nodiscard]] const dom::element& root() const { return root_; }
  [[nodiscard]] bool large() const { return parser_.capacity() > kKeptBytesMax; }

 private:
  // The library refuses what it calls its maximum. Empty brackets it does not count.
  static constexpr std::size_t kDepth = kMessageDepthMax + 1;

  JsonFault ParseAsDoubles(std::string_view text) {
    as_doubles_ = text;
    if (!WriteAsDoubles(as_doubles_)) {
      return JsonFault::kNumber;
    }
    const JsonFault fault = FaultOf(parser_.parse(as_doubles_).get(root_));
    std::string().swap(as_doubles_);
    return fault;
  }

  dom::parser parser_;
  dom::element root_;
  std::string as_doubles_;
};

JsonReader::JsonReader() : parser_(std::make_unique<Parser>()) {}
JsonReader::~JsonReader() = default;

JsonFault JsonReader::ReadText(std::string_view text) {
  members_.clear();
  minified_.resize(text.size() + simdjson::SIMDJSON_PADDING);
  std::size_t size = 0;
  if (simdjson::minify(text.data(), text.size(), minified_.data(), size) != simdjson::SUCCESS) {
    return JsonFault::kInvalid;
  }
  const JsonFault fault = parser_->Parse({minified_.data(), size}, true);
  minified_.resize(size);  // the padding behind it keeps its place
  return fault;
}

JsonFault JsonReader::ReadObject(std::string_view text) {
  const JsonFault fault = ReadText(text);
  return fault == JsonFault::kNone ? ReadMembers() : fault;
}

JsonFault JsonReader::ReadMembers() {
  dom::object object;
  if (parser_->root().get_object().get(object) != simdjson::SUCCESS) {
    return JsonFault::kNotObject;
  }
  const std::string_view json = minified_;
  std::size_t at = 1;  // behind the bracket
  for (const dom::key_value_pair member : object) {
    if (members_.size() == kRequestFieldsMax) {
      return JsonFault::kTooManyMembers;
    }
    const std::size_t from = EndOfString(json, at) + 1;  // behind the colon
    const std::size_t to = EndOfValue(json, from);
    members_.push_back({.name = member.key, .raw = json.substr(from, to - from)});
    FillMember(member.value, members_.back());
    at = to + 1;  // behind the comma
  }
  return JsonFault::kNone;
}

bool JsonReader::IsJson(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  // Most texts show with their first character that they are none.
  if (first == std::string_view::npos ||
      std::string_view("{[\"-0123456789tfn").find(text[first]) == std::string_view::npos) {
    return false;
  }
  const bool valid = parser_->Parse(text, false) == JsonFault::kNone;
  Trim();
  return valid;
}

void JsonReader::Trim() {
  if (parser_->large()) {
    parser_ = std::make_unique<Parser>();
    members_.clear();
    std::string().swap(minified_);  // assigning an empty one would keep the memory
  }
}

// ---- merging

namespace {

void AppendName(std::string& out, std::string_view name) {
  if (out.back() != '{') {
    out += ',';
  }
  AppendJsonString(out, name);
  out += ':';
}

struct Merged {
  dom::element change;
  std::optional<dom::element> target;
  bool written = false;
};
using MergedMembers = std::map<std::string_view, Merged>;

void Merge(std::string& out, const std::optional<dom::element>& target, const dom::element& patch);

// The member that both or only the patch has, once.
void MergeMember(std::string& out, std::string_view name, Merged& member) {
  if (!std::exchange(member.written, true) && !member.change.is_null()) {
    AppendName(out, name);
    Merge(out, member.target, member.change);
  }
}

// As deep as the texts are: kMessageDepthMax.
void Merge(std::string& out, const std::optional<dom::element>& target, const dom::element& patch) {
  dom::object changes;
  if (patch.get_object().get(changes) != simdjson::SUCCESS) {
    out += simdjson::minify(patch);
    return;
  }
  MergedMembers members;
  for (const dom::key_value_pair change : changes) {
    members[change.key].change = change.value;
  }
  out += '{';
  dom::object present;
  if (target && target->get_object().get(present) == simdjson::SUCCESS) {
    for (const dom::key_value_pair member : present) {
      if (const auto changed = members.find(member.key); changed != members.end()) {
        changed->second.target = member.value;
      }
    }
    for (const dom::key_value_pair member : present) {
      if (const auto changed = members.find(member.key); changed != members.end()) {
        MergeMember(out, member.key, changed->second);
      } else {
        AppendName(out, member.key);
        out += simdjson::minify(member.value);
      }
    }
  }
  for (const dom::key_value_pair change : changes) {
    MergeMember(out, change.key, members[change.key]);
  }
  out += '}';
}

}  // namespace

class JsonMerge::Parsers {
 public:
  JsonReader::Parser patch;
  JsonReader::Parser target;
};

JsonMerge::JsonMerge() : parsers_(std::make_unique<Parsers>()) {}
JsonMerge::~JsonMerge() = default;

JsonFault JsonMerge::ReadPatch(std::string_view text) {
  return text.size() > kMergeBytesMax ? JsonFault::kTooLong : parsers_->patch.Parse(text, false);
}

bool JsonMerge::Apply(std::string_view target, std::string& out) {
  if (target.size() > kMergeBytesMax || parsers_->target.Parse(target, false) != JsonFault::kNone) {
    return false;
  }
  out.clear();
  Merge(out, parsers_->target.root(), parsers_->patch.root());
  return true;
}

bool JsonElements::Next(std::string_view& element) {
  if (AtEnd()) {
    return false;
  }
  const std::size_t end = EndOfValue(rest_, 0);
  element = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end, rest_.size()));
  if (rest_.starts_with(',')) {
    rest_.remove_prefix(1);
  }
  return true;
}

void AppendJsonNumber(std::string& out, std::int64_t number) {
  std::array<char, 24> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), written.ptr);
}

void AppendJsonString(std::string& out, std::string_view text) {
  std::string repaired;
  if (!IsValidUtf8(text)) {
    AppendRepairedUtf8(repaired, text);
    text = repaired;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') {
      continue;
    }
    out.append(text.substr(from, at - from));
    from = at + 1;
    out += '\\';
    if (byte >= 0x20) {
      out += text[at];
    } else if (byte == '\n') {
      out += 'n';
    } else if (byte == '\r') {
      out += 'r';
    } else if (byte == '\t') {
      out += 't';
    } else {
      out.append("u00");
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  out.append(text.substr(from)) += '"';
}

}  // namespace nunc
