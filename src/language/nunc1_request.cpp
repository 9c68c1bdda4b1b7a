#include "language/nunc1_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/text.h"
#include "core/session.h"
#include "language/words.h"

namespace nunc {
namespace {

constexpr std::string_view kBatch = "batch";
constexpr std::int64_t kIdMax = (std::int64_t{1} << 53) - 1;
constexpr std::string_view kSequenceField = "seq";
constexpr std::string_view kSessionField = "session";
constexpr std::array<std::string_view, 3> kValueForms = {"value", "text", "base64"};

// How NQL's table names an argument, and how a field is called that takes it. Others are called as
// in the table, in small letters.
struct Renamed {
  std::string_view argument;
  std::string_view field;
};
constexpr std::array kRenamed = {
    Renamed{"DATABASE", "db"},     Renamed{"AMOUNT", "by"},
    Renamed{"ID", "conflict"},     Renamed{"DATABASE|DATABASE...", "dbs"},
    Renamed{"...", "arguments"},   Renamed{"true|false", "flag"},
    Renamed{"KEY|PREFIX*", "key"}, Renamed{"MS", "ttl"},
    Renamed{"json", "form"},
};

// A part of an argument that is several words in NQL.
constexpr Argument kOptionalWord{.name = "", .presence = Presence::kOptional};

std::string FieldOfArgument(const Argument& argument) {
  for (const Renamed& renamed : kRenamed) {
    if (renamed.argument == argument.name) {
      return std::string(renamed.field);
    }
  }
  if (argument.name.find('|') != std::string_view::npos) {
    return "what";
  }
  std::string field(argument.name);
  std::transform(field.begin(), field.end(), field.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return field;
}

bool IsValueArgument(const Argument& argument) {
  return argument.field == Field::kValue && argument.name == "VALUE";
}

void AddFields(const Argument& argument, std::vector<std::string>& fields) {
  if (argument.kind == ArgumentKind::kLogin) {
    fields.insert(fields.end(), {"user", "token"});
  } else if (argument.kind == ArgumentKind::kDatabaseOptions) {
    fields.insert(fields.end(), {"strategy", "ack"});
  } else if (argument.kind == ArgumentKind::kKeys) {
    fields.emplace_back("keys");
  } else if (argument.kind == ArgumentKind::kWatchOptions) {
    fields.insert(fields.end(), {"since", "policy", "every"});
  } else if (argument.kind == ArgumentKind::kScanOptions) {
    fields.insert(fields.end(), {"after", "limit"});
  } else if (argument.kind == ArgumentKind::kPutOptions) {
    fields.insert(fields.end(), {"ttl", "if-version", "if-absent"});
    fields.insert(fields.end(), kValueForms.begin(), kValueForms.end());
  } else if (argument.kind == ArgumentKind::kSessionOptions) {
    fields.emplace_back("grace");
    fields.insert(fields.end(), kValueForms.begin(), kValueForms.end());
  } else if (IsValueArgument(argument)) {
    fields.insert(fields.end(), kValueForms.begin(), kValueForms.end());
  } else {
    fields.push_back(FieldOfArgument(argument));
  }
}

// NQL could not say such a word, so no NQL client could name what it stands for.
bool IsSayable(std::string_view text, ArgumentKind kind) {
  const unsigned char least = kind == ArgumentKind::kWord ? 0x21 : 0x20;
  return std::all_of(text.begin(), text.end(), [least](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= least && byte != 0x7F;
  });
}

}  // namespace

void Nunc1Parser::AppendRefusal(std::string& out, const Nunc1Refusal& refusal) {
  out.append("\"error\":{\"code\":\"").append(refusal.code).append("\",\"message\":");
  AppendJsonString(out, refusal.message);
  if (!refusal.field.empty()) {
    out += ",\"field\":";
    AppendJsonString(out, refusal.field);
  }
  if (!refusal.primary.empty()) {
    out += ",\"primary\":";
    AppendJsonString(out, refusal.primary);
  }
  out += '}';
}

const Nunc1Request& Nunc1Parser::Parse(std::string_view message) {
  around_ = "id, op";
  std::string_view op;
  if (Read(message) && TakeId() && TakeOp(op)) {
    op == kBatch ? TakeBatch() : TakeCommand(op);
  }
  return request_;
}

const Nunc1Request& Nunc1Parser::ParsePart(std::string_view text) {
  around_ = "op";
  std::string_view op;
  if (Read(text) && TakeOp(op)) {
    if (op == kBatch) {
      Refuse("bad-request", "a batch does not hold another one", "op");
    } else {
      TakeCommand(op);
    }
  }
  return request_;
}

const Nunc1Request& Nunc1Parser::ParseRequests(std::string_view text) {
  around_ = {};
  if (Read(text)) {
    TakeBatch();
  }
  return request_;
}

bool Nunc1Parser::Read(std::string_view text) {
  request_ = {};
  row_ = nullptr;
  taken_.reset();
  switch (reader_.ReadObject(text)) {
    case JsonFault::kNone:
      break;
    case JsonFault::kInvalid:
      return Refuse("bad-json", "this is no JSON text");
    case JsonFault::kNumber:
      return Refuse("bad-json",
                    "a number is malformed or too large: allowed are integers of 64 bits and "
                    "doubles");
    case JsonFault::kTooDeep:
      return Refuse("too-deep", "the brackets are too deep: allowed are " +
                                    std::to_string(kMessageDepthMax) + " levels");
    case JsonFault::kNotObject:
      return Refuse("bad-request", "a request is a JSON object");
    case JsonFault::kTooManyMembers:
      return Refuse("bad-request", "too many fields: allowed are " +
                                       std::to_string(kRequestFieldsMax) + " in a request");
    case JsonFault::kTooLong:  // of merging alone
      break;
  }
  return true;
}

bool Nunc1Parser::TakeId() {
  constexpr std::string_view kAllowed =
      "an integer from 0 to 9007199254740991 or a string of 1 to 64 bytes";
  static_assert(kRequestIdBytesMax == 64 && kIdMax == 9'007'199'254'740'991);
  const JsonMember* member = Take("id");
  if (member == nullptr) {
    return Refuse("bad-request", "id is missing: it is " + std::string(kAllowed), "id");
  }
  id_.clear();
  if (member->type == JsonType::kInteger && member->integer >= 0 && member->integer <= kIdMax) {
    AppendJsonNumber(id_, member->integer);
  } else if (member->type == JsonType::kString && !member->text.empty() &&
             member->text.size() <= kRequestIdBytesMax) {
    AppendJsonString(id_, member->text);
  } else {
    return Refuse("bad-request", "id must be " + std::string(kAllowed), "id");
  }
  request_.id = id_;
  return true;
}

bool Nunc1Parser::TakeOp(std::string_view& op) {
  const JsonMember* member = Take("op");
  if (member == nullptr || member->type != JsonType::kString) {
    return Refuse("bad-request", "op must be a string that names what to do", "op");
  }
  op = member->text;
  return true;
}

bool Nunc1Parser::TakeBatch() {
  request_.kind = Nunc1Request::Kind::kBatch;
  const JsonMember* member = Take("requests");
  if (member == nullptr) {
    return RefuseMissing("requests");
  }
  if (member->type != JsonType::kArray) {
    return RefuseField("requests", "an array of requests");
  }
  std::size_t count = 0;
  JsonElements elements(member->raw);
  for (std::string_view element; elements.Next(element);) {
    ++count;
  }
  if (count > kBatchRequestsMax) {
    return Refuse("too-many-requests",
                  "too many requests in one batch: " + std::to_string(count) + ", allowed are " +
                      std::to_string(kBatchRequestsMax),
                  "requests");
  }
  request_.requests = member->raw;
  return AllTaken();
}

bool Nunc1Parser::TakeCommand(std::string_view op) {
  row_ = FindCommand(op);
  if (row_ == nullptr) {
    return Refuse("unknown-op",
                  "unknown op " + Quoted(op) + ": allowed are batch and the command words of NQL",
                  "op");
  }
  request_.command.verb = row_->verb == Verb::kGet ? Verb::kGetSafe : row_->verb;
  for (const Argument& argument : row_->argument_list()) {
    if (!TakeArgument(argument)) {
      return false;
    }
  }
  return (!MayBeRetried(row_->verb) || TakeSequence()) && AllTaken();
}

// Under which name the write may be sent again.
bool Nunc1Parser::TakeSequence() {
  RetryName& retry = request_.command.retry;
  const JsonMember* sequence = Take(kSequenceField);
  const JsonMember* session = Take(kSessionField);
  if (sequence == nullptr) {
    return session == nullptr || RefuseField(kSessionField, "given together with seq");
  }
  if (sequence->type != JsonType::kInteger || sequence->integer < 1 || sequence->integer > kIdMax) {
    return RefuseField(kSequenceField, "an integer from 1 to 9007199254740991");
  }
  retry.sequence = static_cast<std::uint64_t>(sequence->integer);
  if (session == nullptr) {
    return true;
  }
  const std::optional<SessionName> name =
      session->type == JsonType::kString ? ParseSessionName(session->text) : std::nullopt;
  if (!name) {
    return RefuseField(kSessionField, "the name of a session, as a greeting has it");
  }
  retry.session = *name;
  return true;
}

bool Nunc1Parser::TakeArgument(const Argument& argument) {
  Command& command = request_.command;
  if (IsValueArgument(argument)) {
    return TakeValue();
  }
  switch (argument.kind) {
    case ArgumentKind::kWord:
    case ArgumentKind::kRest: {
      std::string_view* place = PlaceOf(command, argument.field);
      CHECK(place != nullptr);
      return TakeText(FieldOfArgument(argument), argument, *place);
    }
    case ArgumentKind::kLogin:
      return TakeText("user", kOptionalWord, command.user) &&
             TakeText("token", argument, command.secret);
    case ArgumentKind::kVersion:
    case ArgumentKind::kAmount:
      return TakeWhole(FieldOfArgument(argument), argument);
    case ArgumentKind::kConflictId:
      return TakeConflict(FieldOfArgument(argument));
    case ArgumentKind::kDatabaseOptions:
      return TakeOptions();
    case ArgumentKind::kKeys:
      return TakeKeys();
    case ArgumentKind::kWatchOptions:
      return TakeText("since", kOptionalWord, command.since) && TakePolicy() && CheckSince();
    case ArgumentKind::kScanOptions:
      return TakeText("after", kOptionalWord, command.after) && TakeLimit();
    case ArgumentKind::kPutOptions:
      return TakeMilliseconds("ttl", Presence::kOptional, command.ttl_ms) && TakeConditions() &&
             TakeValue();
    case ArgumentKind::kSessionOptions:
      return TakeMilliseconds("grace", Presence::kOptional, command.grace_ms) && TakeValue();
    case ArgumentKind::kTtl:
      return TakeMilliseconds("ttl", argument.presence, command.ttl_ms);
  }
  return false;
}

// Who has no token yet must not miss what is there: an empty one is none.
bool Nunc1Parser::CheckSince() {
  for (const JsonMember& member : reader_.members()) {
    if (member.name == "since" && member.text.empty()) {
      return Refuse("bad-since", "since must be 0 or a token that was told, not empty", "since");
    }
  }
  return true;
}

bool Nunc1Parser::TakeText(std::string_view name, const Argument& argument,
                           std::string_view& text) {
  const JsonMember* member = Take(name);
  if (member == nullptr) {
    return argument.presence == Presence::kOptional || RefuseMissing(name);
  }
  if (argument.name == "true|false") {
    text = member->raw;
    return member->type == JsonType::kBool || RefuseField(name, "true or false");
  }
  if (member->type != JsonType::kString) {
    return RefuseField(name, "a string");
  }
  text = member->text;
  // What a key may hold is the core's business, which says it better.
  if (argument.field != Field::kKey && !IsSayable(text, argument.kind)) {
    return RefuseField(name, argument.kind == ArgumentKind::kWord
                                 ? "a string without spaces and control characters"
                                 : "a string without control characters");
  }
  return true;
}

bool Nunc1Parser::TakeValue() {
  const JsonMember* given = nullptr;
  std::size_t count = 0;
  for (const std::string_view name : kValueForms) {
    if (const JsonMember* form = Take(name); form != nullptr) {
      given = form;
      ++count;
    }
  }
  if (given == nullptr || count != 1) {
    return Refuse("bad-field",
                  "exactly one of value (JSON), text (UTF-8) and base64 (bytes) must be given",
                  kValueForms[0]);
  }
  if (given->name == kValueForms[0]) {
    request_.command.value = given->raw;
    return true;
  }
  if (given->type != JsonType::kString) {
    return RefuseField(given->name, "a string");
  }
  if (given->name == kValueForms[1]) {
    request_.command.value = given->text;
    return true;
  }
  Result<std::string> bytes = DecodeBase64(given->text);
  if (!bytes) {
    return RefuseField(given->name, "base64 with its padding (RFC 4648, section 4)");
  }
  bytes_ = std::move(*bytes);
  request_.command.value = bytes_;
  return true;
}

bool Nunc1Parser::TakeWhole(std::string_view name, const Argument& argument) {
  const JsonMember* member = Take(name);
  if (member == nullptr) {
    return argument.presence == Presence::kOptional || RefuseMissing(name);
  }
  if (argument.kind == ArgumentKind::kAmount) {
    request_.command.amount = member->integer;
    return member->type == JsonType::kInteger || RefuseField(name, "an integer of 64 bits");
  }
  request_.command.version = member->integer;
  const bool fits = member->type == JsonType::kInteger && member->integer >= 0 &&
                    member->integer <= std::numeric_limits<std::uint32_t>::max();
  return fits || RefuseField(name, "an integer from 0 to 4294967295");
}

// One more than allowed is taken, so that the core sees it.
bool Nunc1Parser::TakeKeys() {
  const JsonMember* member = Take("keys");
  if (member == nullptr) {
    return RefuseMissing("keys");
  }
  constexpr std::string_view kAllowed = "an array of strings";
  if (member->type != JsonType::kArray) {
    return RefuseField("keys", kAllowed);
  }
  key_texts_.clear();
  JsonElements elements(member->raw);
  std::string named;
  for (std::string_view element; key_texts_.size() <= kGetManyKeysMax && elements.Next(element);) {
    named.assign("{\"key\":").append(element) += '}';
    if (element_reader_.ReadObject(named) != JsonFault::kNone ||
        element_reader_.members().front().type != JsonType::kString) {
      return RefuseField("keys", kAllowed);
    }
    key_texts_.emplace_back(element_reader_.members().front().text);
  }
  keys_.assign(key_texts_.begin(), key_texts_.end());
  request_.command.keys = keys_;
  return true;
}

bool Nunc1Parser::TakeLimit() {
  const JsonMember* member = Take("limit");
  if (member != nullptr) {
    request_.command.limit = member->integer;
    return member->type == JsonType::kInteger || RefuseField("limit", "an integer");
  }
  return true;
}

bool Nunc1Parser::TakeMilliseconds(std::string_view name, Presence presence,
                                   std::optional<std::int64_t>& ms) {
  const JsonMember* member = Take(name);
  if (member == nullptr) {
    return presence == Presence::kOptional || RefuseMissing(name);
  }
  ms = member->integer;
  return member->type == JsonType::kInteger || RefuseField(name, "an integer, in milliseconds");
}

bool Nunc1Parser::TakeConditions() {
  if (const JsonMember* version = Take("if-version"); version != nullptr) {
    if (version->type != JsonType::kInteger || version->integer < 0 ||
        version->integer > std::numeric_limits<std::uint32_t>::max()) {
      return RefuseField("if-version", "an integer from 0 to 4294967295");
    }
    request_.command.if_version = static_cast<std::uint32_t>(version->integer);
  }
  if (const JsonMember* absent = Take("if-absent"); absent != nullptr) {
    if (absent->type != JsonType::kBool) {
      return RefuseField("if-absent", "true or false");
    }
    request_.command.if_absent = absent->integer != 0;
  }
  const bool both = request_.command.if_version && request_.command.if_absent;
  return !both || Refuse("bad-field", "if-version and if-absent exclude each other", "if-absent");
}

bool Nunc1Parser::TakePolicy() {
  std::string_view word;  // its data is null when it is not given
  if (!TakeText("policy", kOptionalWord, word)) {
    return false;
  }
  const std::optional<WatchPolicy> policy =
      word.data() == nullptr ? WatchPolicy::kLatest : WatchPolicyOf(word);
  if (!policy) {
    return RefuseField("policy", std::string("one of ").append(kWatchPolicyWords));
  }
  request_.command.policy = *policy;
  if (const JsonMember* every = Take(kEveryWord); every != nullptr) {
    if (word.data() != nullptr) {
      return Refuse("bad-field", "policy and every exclude each other", kEveryWord);
    }
    request_.command.policy = WatchPolicy::kEvery;
    request_.command.every_ms = every->integer;
    return every->type == JsonType::kInteger || RefuseField(kEveryWord, "an integer");
  }
  return true;
}

bool Nunc1Parser::TakeConflict(std::string_view name) {
  const JsonMember* member = Take(name);
  if (member == nullptr) {
    return RefuseMissing(name);
  }
  const std::string_view digits = member->text;
  std::int64_t& id = request_.command.conflict.value;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  const bool fits = member->type == JsonType::kString && fault == std::errc{} &&
                    end == digits.data() + digits.size();
  return fits || RefuseField(name, "the decimal number of a conflict, as a string");
}

bool Nunc1Parser::TakeOptions() {
  std::string_view word;  // its data is null when it is not given
  if (!TakeText("strategy", kOptionalWord, word)) {
    return false;
  }
  if (word.data() != nullptr) {
    const std::optional<Strategy> strategy = StrategyOf(word);
    if (!strategy) {
      return RefuseField("strategy", std::string("one of ").append(kStrategyWords));
    }
    request_.command.strategy = *strategy;
  }
  word = {};
  if (!TakeText("ack", kOptionalWord, word)) {
    return false;
  }
  if (word.data() != nullptr) {
    request_.command.level = AckLevelOf(word);
    return request_.command.level.has_value() ||
           RefuseField("ack", std::string("one of ").append(kAckLevelWords));
  }
  return true;
}

const JsonMember* Nunc1Parser::Take(std::string_view name) {
  const std::span<const JsonMember> members = reader_.members();
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!taken_[i] && members[i].name == name) {
      taken_.set(i);
      return &members[i];
    }
  }
  return nullptr;
}

// What is left is misspelt, or given twice.
bool Nunc1Parser::AllTaken() {
  const std::span<const JsonMember> members = reader_.members();
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (taken_[i]) {
      continue;
    }
    const std::string_view name = members[i].name;
    const bool twice =
        std::any_of(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(i),
                    [name](const JsonMember& before) { return before.name == name; });
    return Refuse("bad-field",
                  twice ? "the field " + Quoted(name) + " is given twice"
                        : "unknown field " + Quoted(name) + ": allowed are " + Allowed(),
                  name);
  }
  return true;
}

std::string Nunc1Parser::Allowed() const {
  std::vector<std::string> fields;
  if (row_ == nullptr) {
    fields.emplace_back("requests");
  } else {
    for (const Argument& argument : row_->argument_list()) {
      AddFields(argument, fields);
    }
    if (MayBeRetried(row_->verb)) {
      fields.emplace_back(kSequenceField);
      fields.emplace_back(kSessionField);
    }
  }
  std::string text(around_);
  for (const std::string& field : fields) {
    text.append(text.empty() ? "" : ", ").append(field);
  }
  return text;
}

bool Nunc1Parser::Refuse(std::string_view code, std::string message, std::string_view field) {
  request_.kind = Nunc1Request::Kind::kRefused;
  field_ = PrefixOf(field, kShownBytesMax);
  request_.refusal = {.code = code, .message = std::move(message), .field = field_};
  return false;
}

bool Nunc1Parser::RefuseField(std::string_view field, std::string_view allowed) {
  return Refuse("bad-field", std::string(field).append(" must be ").append(allowed), field);
}

bool Nunc1Parser::RefuseMissing(std::string_view field) {
  return Refuse("bad-field",
                std::string(field).append(" is missing: allowed are ").append(Allowed()), field);
}

}  // namespace nunc
