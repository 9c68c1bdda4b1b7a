// Reads JSON texts and writes JSON strings.
//
// Shape:   ReadObject checks a whole text and gives the members of the object it is; values that
//          are not looked into stay as minified text. IsJson only checks.
// Errors:  a JsonFault; no text makes it throw or abort.
// Limits:  kMessageDepthMax, kRequestFieldsMax members of the outermost object. Numbers must fit in
//          64 bits, or in a double: what is larger is no JSON here.
// Owner:   loop thread. Reading takes up to 14 bytes for each byte of the text; Trim gives back
//          what a large text took.
// Source:  RFC 8259; simdjson's DOM, which checks all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nunc {

enum class JsonType : std::uint8_t { kNull, kBool, kInteger, kNumber, kString, kArray, kObject };

struct JsonMember {
  std::string_view name;
  JsonType type = JsonType::kNull;
  std::string_view raw;      // the value as minified JSON
  std::string_view text{};   // of kString
  std::int64_t integer = 0;  // of kInteger; of kBool 0 or 1
};

enum class JsonFault : std::uint8_t {
  kNone,
  kInvalid,    // no JSON text
  kTooDeep,    // kMessageDepthMax
  kNumber,     // one that is malformed, or that 64 bits cannot hold
  kNotObject,  // JSON, but no object
  kTooManyMembers,
  kTooLong,  // kMergeBytesMax
};

class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // The members hold until the next call of any kind.
  JsonFault ReadObject(std::string_view text);
  [[nodiscard]] std::span<const JsonMember> members() const { return members_; }

  // Any JSON text, as minified(); that holds until the next call of any kind.
  JsonFault ReadText(std::string_view text);
  [[nodiscard]] std::string_view minified() const { return minified_; }

  // One whole JSON text, of at most that depth.
  bool IsJson(std::string_view text);

  void Trim();

 private:
  friend class JsonMerge;
  class Parser;

  JsonFault ReadMembers();

  std::unique_ptr<Parser> parser_;
  std::string minified_;
  std::vector<JsonMember> members_;
};

// RFC 7396: what a patch makes of a text. Both are at most kMergeBytesMax long; what comes of them
// is minified, and of a name that stands twice in one object the last one counts.
class JsonMerge {
 public:
  JsonMerge();
  ~JsonMerge();
  JsonMerge(const JsonMerge&) = delete;
  JsonMerge& operator=(const JsonMerge&) = delete;

  JsonFault ReadPatch(std::string_view text);
  // After a patch that was read. False: the target is no JSON text, or too long.
  bool Apply(std::string_view target, std::string& out);

 private:
  class Parsers;
  std::unique_ptr<Parsers> parsers_;
};

// The elements of an array, one after the other. `array` is what ReadObject gave as
// JsonMember::raw, or a copy of it.
class JsonElements {
 public:
  explicit JsonElements(std::string_view array) : rest_(array.substr(1)) {}

  // False at the end.
  bool Next(std::string_view& element);
  // Behind the last element that Next gave: what a copy, with the byte before it, goes on from.
  [[nodiscard]] std::string_view Remaining() const { return rest_; }
  [[nodiscard]] bool AtEnd() const { return rest_.empty() || rest_.front() == ']'; }

 private:
  std::string_view rest_;
};

// With its quotes. Bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);
void AppendJsonNumber(std::string& out, std::int64_t number);

}  // namespace nunc
