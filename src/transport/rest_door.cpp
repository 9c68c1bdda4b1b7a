#include "transport/rest_door.h"

#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "base/utf8.h"
#include "language/json.h"
#include "language/nunc1_reply.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::string_view kOkField = "\"ok\":";
constexpr std::string_view kIfMatch = "If-Match";
constexpr std::string_view kIfNoneMatch = "If-None-Match";

// Whatever parameters it has.
bool IsMediaType(const std::string_view* header, std::string_view type) {
  if (header == nullptr) {
    return false;
  }
  std::string_view essence = header->substr(0, header->find(';'));
  essence = essence.substr(0, essence.find_last_not_of(" \t") + 1);
  return EqualsIgnoreCase(essence, type);
}

std::uint16_t StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRejected:
    case ErrorCode::kEmptyKey:
    case ErrorCode::kKeyTooLong:
    case ErrorCode::kKeyCharacter:
    case ErrorCode::kBadSecret:
    case ErrorCode::kScanLimit:
    case ErrorCode::kEveryRange:
    case ErrorCode::kBadTtl:
    case ErrorCode::kBadSequence:
      return 400;
    case ErrorCode::kNotAuth:
    case ErrorCode::kSecureKey:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kServerKey:
    case ErrorCode::kTokenRemoval:
    case ErrorCode::kSecureLifetime:
      return 403;
    case ErrorCode::kKeyAbsent:
      return 404;
    case ErrorCode::kVersionDiffers:
    case ErrorCode::kKeyExists:
      return 412;
    case ErrorCode::kValueTooLong:
      return 413;
    case ErrorCode::kNotPrimary:
      return 421;
    case ErrorCode::kUnknownOutcome:
    case ErrorCode::kBehind:
      return 503;
    case ErrorCode::kDiskFull:
    case ErrorCode::kMemoryFull:
      return 507;
    default:
      return 409;
  }
}

}  // namespace

RestDoor::RestDoor(Connection& connection, const HttpRequest& request)
    : connection_(connection), request_(request), requests_(connection) {
  // What a browser is told is JSON or text is nothing else; a cache must ask, and has the tag.
  answer_.headers = {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-cache"}};
  if (const auto refusal = ParseRestTarget(request.method, request.target, target_); refusal) {
    Refuse(refusal->status,
           {.code = refusal->code, .message = refusal->message, .field = refusal->field});
    if (!refusal->allow.empty()) {
      answer_.headers.emplace_back("Allow", refusal->allow);
    }
    return;
  }
  const bool lasting = target_.resource == RestResource::kWatch;
  if (lasting && request.version_minor == 0) {
    Refuse(400, {.code = "http-version", .message = "a watch is for HTTP/1.1"});
  } else if (ReadConditions() && Authorize()) {
    connection_.OpenSession(lasting ? SessionKind::kConnection : SessionKind::kRequest,
                            /*knows_ready=*/lasting);
  }
}

RestDoor::~RestDoor() = default;

bool RestDoor::ReadConditions() {
  for (const HttpHeader& header : request_.headers) {
    const bool match = EqualsIgnoreCase(header.name, kIfMatch);
    if (!match && !EqualsIgnoreCase(header.name, kIfNoneMatch)) {
      continue;
    }
    EntityTags& tags = match ? if_match_ : if_none_match_;
    if (!tags.Add(header.value,
                  match ? EntityTags::Comparison::kStrong : EntityTags::Comparison::kWeak)) {
      Refuse(400, {.code = "bad-condition",
                   .message = "allowed are * and tags in quotes with commas between them",
                   .field = match ? kIfMatch : kIfNoneMatch});
      return false;
    }
  }
  return true;
}

bool RestDoor::Authorize() {
  std::optional<RestLogin> login;
  if (const std::string_view* header = request_.Find("Authorization"); header != nullptr) {
    login = ParseAuthorization(*header);
  } else if (target_.access_token) {
    login = RestLogin{.user = target_.user, .token = *target_.access_token};
  }
  if (!login) {
    RefuseStranger();
    return false;
  }
  login_ = std::move(*login);
  return true;
}

bool RestDoor::Run() {
  while (step_ != Step::kDone && step_ != Step::kStream) {
    if (step_ == Step::kBatch && requests_.HasBatch()) {
      requests_.RunBatch();
    }
    if (connection_.AwaitsReplies() || !connection_.MayRun()) {
      return step_ == Step::kDone || step_ == Step::kStream;
    }
    switch (step_) {
      case Step::kLogin:
        Login();
        break;
      case Step::kCommand:
        RunCommand();
        break;
      case Step::kWatch:
        Watch();
        break;
      case Step::kBatch:
      case Step::kStream:
      case Step::kDone:
        break;
    }
  }
  return true;
}

void RestDoor::Login() {
  connection_.Execute(
      {.verb = Verb::kUseDb, .name = target_.db, .user = login_.user, .secret = login_.token});
}

void RestDoor::RunCommand() {
  switch (target_.resource) {
    case RestResource::kKey:
      return RunOnKey();
    case RestResource::kBatch:
      return StartBatch();
    case RestResource::kWatch:
      since_ = "0";
      if (const std::string_view* last = request_.Find("Last-Event-ID");
          last != nullptr && !last->empty()) {
        since_ = *last;
      }
      return Watch();
    case RestResource::kKeys:
      break;
  }
  // The core takes a star at the end for `all that begin so`, and what was asked for is literal.
  const std::string prefix = target_.prefix.value_or("") + '*';
  connection_.Execute(
      {.verb = Verb::kScan, .key = prefix, .after = target_.after, .limit = target_.limit});
}

// ---- keys

void RestDoor::RunOnKey() {
  Command command{.verb = Verb::kGetSafe, .key = target_.key, .with_ttl = true};
  if (request_.method == "PUT") {
    command.verb = Verb::kPut;
    command.ttl_ms = target_.ttl_ms;
    if (!AddValue(command)) {
      return;
    }
  } else if (request_.method == "PATCH") {
    command.verb = Verb::kPut;
    if (!AddPatch(command)) {
      return;
    }
  } else if (request_.method == "DELETE") {
    command.verb = Verb::kRemove;
    command.if_present = true;
  }
  if (command.verb != Verb::kGetSafe) {
    AddConditions(command);
  }
  connection_.Execute(command);
}

void RestDoor::AddConditions(Command& command) const {
  if (if_match_.any) {
    command.if_present = true;
  } else if (if_match_.given) {
    command.if_tags = if_match_.tags;
  }
  command.if_absent = if_none_match_.any;
  command.if_not_tags = if_none_match_.tags;
}

bool RestDoor::AddValue(Command& command) {
  command.value = request_.body;
  if (!IsMediaType(request_.Find("Content-Type"), kJson)) {
    return true;
  }
  JsonReader& reader = connection_.hub().json_reader();
  const JsonFault fault = reader.ReadText(request_.body);
  if (fault != JsonFault::kNone) {
    RefuseJson(fault);
    return false;
  }
  command.value = reader.minified();
  return true;
}

bool RestDoor::AddPatch(Command& command) {
  if (!IsMediaType(request_.Find("Content-Type"), kMergePatch)) {
    Refuse(415, {.code = "bad-content-type",
                 .message = "a patch is of the type application/merge-patch+json",
                 .field = "Content-Type"});
    answer_.headers.emplace_back("Accept-Patch", kMergePatch);
    return false;
  }
  edit_ = std::make_unique<MergeEdit>();
  if (const JsonFault fault = edit_->Read(request_.body); fault != JsonFault::kNone) {
    RefuseJson(fault);
    return false;
  }
  command.edit = edit_.get();
  return true;
}

void RestDoor::ShowValue(const Reply& reply) {
  const EntryTag tag{reply.number, reply.revision};
  if (if_match_.given && !if_match_.Matches(tag)) {
    return RefuseCondition(reply, kIfMatch);
  }
  AddTag(reply);
  if (reply.ttl_ms >= 0) {
    answer_.headers.emplace_back("Nunc-TTL", std::to_string(reply.ttl_ms));
  }
  if (if_none_match_.given && if_none_match_.Matches(tag)) {
    answer_.status = 304;
    return;
  }
  answer_.body = reply.text;
  if (connection_.hub().json_reader().IsJson(reply.text)) {
    answer_.content_type = kJson;
  } else {
    answer_.content_type =
        IsValidUtf8(reply.text) ? "text/plain; charset=UTF-8" : "application/octet-stream";
  }
}

// A key that the server keeps itself, as `$connections`, has no revision, and so no tag.
void RestDoor::AddTag(const Reply& reply) {
  if (reply.revision == Revision{}) {
    return;
  }
  answer_.headers.emplace_back("ETag", FormatEntityTag({reply.number, reply.revision}));
}

// ---- batches and watches

void RestDoor::StartBatch() {
  step_ = Step::kBatch;
  Nunc1Parser& parser = connection_.hub().json_parser();
  const Nunc1Request& batch = parser.ParseRequests(request_.body);
  if (batch.kind == Nunc1Request::Kind::kRefused) {
    Refuse(batch.refusal.code == "too-many-requests" ? 413 : 400, batch.refusal);
  } else {
    requests_.Run({}, batch);
  }
  parser.Trim();
}

void RestDoor::Watch() {
  step_ = Step::kWatch;
  const std::string key = target_.prefix ? *target_.prefix + '*' : target_.key;
  connection_.Execute({.verb = Verb::kWatch,
                       .key = key,
                       .since = since_,
                       .policy = target_.policy,
                       .every_ms = target_.every_ms});
}

void RestDoor::BeginStream() {
  step_ = Step::kStream;
  HttpResponse head{.content_type = "text/event-stream",
                    .headers = std::move(answer_.headers),
                    .chunked = true,
                    .keep_alive = false};
  head.headers.emplace_back("Access-Control-Allow-Origin", "*");
  // What stands between must not keep events back.
  head.headers.emplace_back("X-Accel-Buffering", "no");
  AppendHttpResponse(connection_.Out(), head, connection_.hub().HttpDate());
  connection_.Hear(WireForm::kSse);
  connection_.Sending();
}

void RestDoor::OnTick(std::int64_t now_us) {
  const std::int64_t interval_us = std::int64_t{connection_.hub().limits().ping_interval_ms} * 1000;
  if (now_us - connection_.last_sent_us() >= interval_us && !connection_.sending_blocked()) {
    AppendHttpChunk(connection_.Out(), ":\n\n");
    connection_.Sending();
  }
}

void RestDoor::EndStream() {
  connection_.Hear(WireForm::kNone);
  connection_.Out() += kHttpLastChunk;
  connection_.Sending();
}

// ---- replies

void RestDoor::OnReply(const Reply& reply, const Output& output) {
  if (step_ == Step::kBatch) {
    if (const auto answer = requests_.OnReply(reply, output); answer) {
      answer_.content_type = kJson;
      answer_.body = answer->fields.substr(kOkField.size());
      requests_.Trim();
      step_ = Step::kDone;
    }
  } else if (reply.is_status()) {
    OnStatus(reply, output);
  } else if (step_ == Step::kCommand) {
    OnData(reply, output);
  }
}

void RestDoor::OnData(const Reply& reply, const Output& output) {
  switch (reply.kind) {
    case ReplyKind::kValueVersion:
      return ShowValue(reply);
    case ReplyKind::kNoValueVersion:
      if (if_match_.given) {
        return RefuseCondition(reply, kIfMatch);
      }
      return Refuse(404, {.code = "key-absent", .message = "there is no such key", .field = "key"});
    case ReplyKind::kPut:
      AddTag(reply);
      if (edit_ != nullptr) {
        answer_.content_type = kJson;
        answer_.body = reply.text;
      } else {
        answer_.status = reply.number == 0 ? 201 : 204;  // a new key begins at version 0
      }
      return;
    default:
      answer_.content_type = kJson;
      connection_.hub().json_writer().AppendData(answer_.body, reply, output);
      answer_.body.erase(0, kOkField.size());
  }
}

void RestDoor::OnStatus(const Reply& reply, const Output& output) {
  const bool error = reply.kind == ReplyKind::kError;
  if (step_ == Step::kLogin) {
    // Whether it is the database that is not there is not told to whom it is not for.
    return error ? RefuseStranger() : void(step_ = Step::kCommand);
  }
  const bool watches = target_.resource == RestResource::kWatch;
  if (watches && !error) {
    return BeginStream();
  }
  if (watches && reply.error == ErrorCode::kBadToken && since_ != "0") {
    // A browser sends what it has, for ever; it is told everything anew.
    since_ = "0";
    step_ = Step::kWatch;
    return;
  }
  if (error) {
    return RefuseError(reply, output);
  }
  if (request_.method == "DELETE") {
    answer_.status = 204;
  }
  step_ = Step::kDone;
}

void RestDoor::RefuseError(const Reply& reply, const Output& output) {
  const bool conditional = if_match_.given || if_none_match_.given;
  switch (reply.error) {
    case ErrorCode::kNoDatabaseSelected:  // it has just been dropped
      return RefuseStranger();
    case ErrorCode::kKeyAbsent:
      if (if_match_.given) {
        return RefuseCondition(reply, kIfMatch);
      }
      return Refuse(404, {.code = "key-absent", .message = "there is no such key", .field = "key"});
    case ErrorCode::kKeyExists:
      return RefuseCondition(reply, kIfNoneMatch);
    case ErrorCode::kVersionDiffers:
      return RefuseCondition(reply, if_match_.given ? kIfMatch : kIfNoneMatch);
    case ErrorCode::kNotEditable:
      return Refuse(409, {.code = Nunc1CodeOf(reply.error),
                          .message = "the value that is stored is no JSON text of at most " +
                                     std::to_string(kMergeBytesMax) + " bytes"});
    default:
      break;
  }
  std::string fields;
  Nunc1Writer::AppendStatus(fields, reply, output, conditional ? Verb::kPut : Verb::kSet);
  answer_.status = StatusOf(reply.error);
  answer_.content_type = kJson;
  answer_.body = '{' + fields + '}';
  step_ = Step::kDone;
}

void RestDoor::RefuseCondition(const Reply& reply, std::string_view field) {
  const bool there = reply.revision != Revision{};
  std::string message = "there is no such key";
  if (there) {
    message = "the key is at " + FormatEntityTag({reply.number, reply.revision});
    AddTag(reply);
  }
  const std::string_view code = !there                                        ? "key-absent"
                                : field == kIfNoneMatch && if_none_match_.any ? "key-exists"
                                                                              : "version-differs";
  Refuse(412, {.code = code, .message = std::move(message), .field = field});
}

void RestDoor::RefuseStranger() {
  Refuse(401, {.code = "invalid-token",
               .message = "allowed are Authorization: Bearer with the token of the database, and "
                          "Basic with a user of it and the user's token"});
  answer_.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"nunc\"");
}

void RestDoor::RefuseJson(JsonFault fault) {
  switch (fault) {
    case JsonFault::kTooLong:
      return Refuse(413, {.code = "patch-too-long",
                          .message = "the patch is too long: allowed are " +
                                     std::to_string(kMergeBytesMax) + " bytes"});
    case JsonFault::kTooDeep:
      return Refuse(400, {.code = "too-deep",
                          .message = "the brackets are too deep: allowed are " +
                                     std::to_string(kMessageDepthMax) + " levels"});
    default:
      return Refuse(400, {.code = "bad-json",
                          .message = "the body is no JSON text, or holds a number that 64 bits "
                                     "cannot"});
  }
}

void RestDoor::Refuse(std::uint16_t status, const Nunc1Refusal& refusal) {
  answer_.status = status;
  answer_.content_type = kJson;
  answer_.body = "{";
  Nunc1Parser::AppendRefusal(answer_.body, refusal);
  answer_.body += '}';
  step_ = Step::kDone;
}

std::size_t RestDoor::BufferedBytes() const {
  return answer_.body.capacity() + requests_.BufferedBytes();
}

}  // namespace nunc
