#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/base64.h"
#include "base/log.h"
#include "transport/connection.h"
#include "transport/http_door.h"
#include "transport/hub.h"

namespace nunc {
namespace {

constexpr std::string_view kBlockType = "application/octet-stream";

int HexDigit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t value = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
  return value == std::string_view::npos ? -1 : static_cast<int>(value);
}

// RFC 3986 §2.1. What is no escape stays as it is.
std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escaped = text[at] == '%' && at + 2 < text.size() && HexDigit(text[at + 1]) >= 0 &&
                         HexDigit(text[at + 2]) >= 0;
    if (escaped) {
      out += static_cast<char>(HexDigit(text[at + 1]) * 16 + HexDigit(text[at + 2]));
      at += 2;
    } else {
      out += text[at];
    }
  }
  return out;
}

// The value of `name` behind the question mark; empty: there is none.
std::string QueryValue(std::string_view target, std::string_view name) {
  const std::size_t question = target.find('?');
  std::string_view rest = question == std::string_view::npos ? "" : target.substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) {
      return Unescape(pair.substr(name.size() + 1));
    }
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
  }
  return {};
}

// Zero, which is nobody's, for what is no id.
DatabaseId IdIn(std::string_view text) {
  DatabaseId id;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), id.value);
  return fault == std::errc{} && end == text.data() + text.size() ? id : DatabaseId{};
}

std::uint16_t StatusOf(Fault fault) {
  switch (fault) {
    case Fault::kNotFound:
      return 404;
    case Fault::kUnavailable:
      return 503;
    default:
      return 409;
  }
}

}  // namespace

// RFC 7617. The header is neither kept nor logged.
bool HttpDoor::IsAdmin() const {
  constexpr std::string_view kScheme = "Basic ";
  const std::string_view* header = parser_.Request().Find("Authorization");
  if (header == nullptr || !EqualsIgnoreCase(header->substr(0, kScheme.size()), kScheme)) {
    return false;
  }
  const Result<std::string> pair = DecodeBase64(header->substr(kScheme.size()));
  if (!pair) {
    return false;
  }
  const std::string_view text = *pair;
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos &&
         connection_.hub().IsAdmin(text.substr(0, colon), text.substr(colon + 1));
}

void HttpDoor::RefuseStranger() {
  Answer({.status = 401,
          .content_type = kPlainText,
          .headers = {{"WWW-Authenticate", "Basic realm=\"nunc\""}},
          .body = "user or password of the admin is wrong\n"});
}

void HttpDoor::StartBackup() {
  const HttpRequest& request = parser_.Request();
  if (!IsAdmin()) {
    return RefuseStranger();
  }
  if (head_only_ || version_minor_ == 0) {
    return AnswerText(400, "a backup is for GET over HTTP/1.1\n");
  }
  Result<std::unique_ptr<BodySource>> backup =
      connection_.hub().BeginBackup(QueryValue(request.target, "db"));
  if (!backup) {
    return AnswerText(StatusOf(backup.error().fault), backup.error().detail + "\n");
  }
  body_ = std::move(*backup);
  body_waits_ = false;
  // It is gone with the door, and does not call this afterwards.
  body_->OnMore([this] {
    body_waits_ = false;
    connection_.hub().ResumeNextTurn(connection_);
  });
  const HttpResponse head{
      .content_type = kBlockType,
      .headers = {{"X-Nunc-Estimate", std::to_string(connection_.hub().store_bytes())}},
      .chunked = true,
      .keep_alive = false};
  AppendHttpResponse(connection_.Out(), head, connection_.hub().HttpDate());
  connection_.Sending();
  LogInfo("backup begun");
}

// One pull a turn: its slice of work is all that a turn has for it.
bool HttpDoor::PumpBody() {
  if (connection_.hub().stopping()) {
    GiveUpBody("the server stops");
    return true;
  }
  if (!connection_.MayRun()) {
    return false;
  }
  const BodySource::State state = body_->Pull(piece_);
  if (!piece_.empty()) {
    AppendHttpChunk(connection_.Out(), piece_);
    connection_.Sending();
    std::string().swap(piece_);
  }
  switch (state) {
    case BodySource::State::kMore:
      return false;
    case BodySource::State::kWaiting:
      body_waits_ = true;
      return false;
    case BodySource::State::kFailed:
      GiveUpBody("it could not be made");
      return true;
    case BodySource::State::kEnd:
      break;
  }
  LogInfo("backup sent");
  body_.reset();
  connection_.Out() += kHttpLastChunk;
  connection_.CloseAfterSending();
  return true;
}

// Without the last chunk, so that nobody takes it for whole.
void HttpDoor::GiveUpBody(std::string_view why) {
  LogWarn("backup not sent: " + std::string(why));
  body_.reset();
  connection_.CloseAfterSending();
}

// The status is the answer's only part, and comes when the disk has the record where that matters.
void HttpDoor::StartImport() {
  const HttpRequest& request = parser_.Request();
  if (!IsAdmin()) {
    return RefuseStranger();
  }
  // A page of another site can make a browser send credentials it knows, but not this type.
  const std::string_view* type = request.Find("Content-Type");
  if (type == nullptr || !EqualsIgnoreCase(*type, kBlockType)) {
    return AnswerText(415, "the body is a block of a backup, of type application/octet-stream\n");
  }
  importing_ = true;
  connection_.OpenSession(SessionKind::kRequest);
  commands_.emplace(std::string_view{});
  answer_.clear();
  parts_answered_ = 0;
  part_begun_ = false;
  const std::string database = QueryValue(request.target, "db");
  connection_.Import({.session = {},
                      .database = database,
                      .id = IdIn(QueryValue(request.target, "id")),
                      .block = request.body});
  RunPending();
}

}  // namespace nunc
