#include "transport/http_door.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "language/nql_reply.h"
#include "net/websocket_handshake.h"
#include "transport/connection.h"
#include "transport/hub.h"
#include "transport/nunc1_door.h"
#include "transport/ws_door.h"

namespace nunc {
namespace {

std::string_view TrimRight(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' ||
                           text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string_view PathOf(std::string_view target) {
  return target.substr(0, target.find('?'));
}

}  // namespace

HttpDoor::HttpDoor(Connection& connection, Serves serves)
    : connection_(connection),
      serves_(serves),
      parser_({.head_bytes_max = kHttpHeadBytesMax,
               .headers_max = kHttpHeadersMax,
               .body_bytes_max = connection.hub().limits().command_bytes_max()}) {}

std::size_t HttpDoor::OnBytes(std::span<char> input) {
  if (Streams()) {
    return input.size();  // there is nothing that could be said in it
  }
  std::span<const char> rest = input;
  while (connection_.MayRun() && !commands_ && !upgraded_ && body_ == nullptr && rest_ == nullptr) {
    const HttpParser::Outcome outcome = parser_.Next(rest);
    if (outcome == HttpParser::Outcome::kNeedMore) {
      if (parser_.InRequest() && request_since_us_ == 0) {
        request_since_us_ = connection_.hub().now_us();
      }
      break;
    }
    if (outcome == HttpParser::Outcome::kContinue) {
      connection_.Out() += kHttpContinue;
      connection_.Sending();
    } else if (outcome == HttpParser::Outcome::kRequest) {
      request_since_us_ = 0;
      OnRequest();
    } else {
      const HttpFault& fault = parser_.LastFault();
      close_after_answer_ = true;
      AnswerText(fault.status, fault.detail);
    }
  }
  return input.size() - rest.size();
}

void HttpDoor::OnRequest() {
  const HttpRequest& request = parser_.Request();
  close_after_answer_ = !request.keep_alive || connection_.hub().stopping();
  had_request_ = true;
  head_only_ = request.method == "HEAD";
  version_minor_ = request.version_minor;
  if (WantsWebSocket(request)) {
    return Upgrade();
  }
  if (serves_ == Serves::kUpgradesOnly) {
    close_after_answer_ = true;
    return Answer(WsRefusal(AnswerWsHandshake(request, WsDeflate::kOff, kNunc1)));
  }
  const std::string_view path = PathOf(request.target);
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.method == "POST" && path == "/v1/import") {
    return StartImport();
  }
  if (request.method == "OPTIONS") {
    return Preflight();
  }
  if (IsRestPath(path) && !(reads && (path == "/v1/backup" || path == "/v1/openapi.json"))) {
    return StartRest();
  }
  if (request.method == "POST") {
    return StartCommands();
  }
  if (reads) {
    return Get();
  }
  Answer({.status = 405,
          .content_type = kPlainText,
          .headers = {{"Allow", "GET, HEAD, POST, OPTIONS"}},
          .body = "allowed are GET, HEAD, POST and OPTIONS\n"});
}

void HttpDoor::Upgrade() {
  const WsHandshake handshake = AnswerWsHandshake(parser_.Request(), WsDeflate::kOffer, kNunc1);
  if (handshake.status != 101) {
    close_after_answer_ = true;
    return Answer(WsRefusal(handshake));
  }
  AppendWsAccept(connection_.Out(), handshake);
  connection_.Sending();
  upgraded_ = true;
  if (handshake.subprotocol == kNunc1) {
    connection_.SwitchTo(std::make_unique<Nunc1Door>(connection_, handshake.deflate));
  } else {
    connection_.SwitchTo(std::make_unique<WsDoor>(connection_, handshake.deflate));
  }
}

void HttpDoor::Get() {
  const std::string_view path = PathOf(parser_.Request().target);
  if (path == "/livez" || path == "/readyz") {
    return AnswerText(200, "ok\n");
  }
  if (path == "/v1/backup") {
    return StartBackup();
  }
  const std::optional<StaticPage> page = connection_.hub().FindPage(path);
  if (!page) {
    return AnswerText(404,
                      "nothing here: pages are / and /demo, health is /livez and /readyz, "
                      "commands go by POST to /, and the interface is under /v1\n");
  }
  Answer({.content_type = page->content_type,
          .headers = {{"Content-Security-Policy", std::string(page->security_policy)},
                      {"Cache-Control", "no-cache"}},
          .body = page->body});
}

void HttpDoor::Preflight() {
  const bool rest = IsRestPath(parser_.Request().target);
  Answer(
      {.status = 204,
       .headers = {{"Access-Control-Allow-Methods", rest ? "GET, HEAD, POST, PUT, PATCH, DELETE, "
                                                           "OPTIONS"
                                                         : "GET, HEAD, POST, OPTIONS"},
                   {"Access-Control-Allow-Headers",
                    rest ? "Content-Type, Authorization, If-Match, If-None-Match, Last-Event-ID"
                         : "Content-Type, Authorization"},
                   {"Access-Control-Max-Age", "86400"}}});
}

void HttpDoor::StartRest() {
  rest_ = std::make_unique<RestDoor>(connection_, parser_.Request());
  RunRest();
}

bool HttpDoor::RunRest() {
  if (!rest_->Run()) {
    return false;
  }
  if (rest_->streams()) {
    return true;
  }
  RestDoor::Answer answer = rest_->TakeAnswer();
  rest_.reset();
  connection_.CloseSession();
  answer.headers.emplace_back("Access-Control-Expose-Headers", "ETag, Nunc-TTL");
  Answer({.status = answer.status,
          .content_type = answer.content_type,
          .headers = std::move(answer.headers),
          .body = answer.body});
  parser_.Reset();
  return true;
}

void HttpDoor::StartCommands() {
  const std::string_view body = parser_.Request().body;
  if (!IsValidUtf8(body)) {
    return AnswerText(400, "the body must be UTF-8 text\n");
  }
  const std::size_t count = NqlSplitter(body).CountRest();
  if (count > kCommandsPerMessageMax) {
    return AnswerText(413, "too many commands in one request: " + std::to_string(count) +
                               ", allowed are " + std::to_string(kCommandsPerMessageMax) + "\n");
  }
  connection_.OpenSession(SessionKind::kRequest);
  commands_.emplace(body);
  answer_.clear();
  parts_answered_ = 0;
  part_begun_ = false;
  RunPending();
}

bool HttpDoor::RunPending() {
  if (body_ != nullptr) {
    return PumpBody();
  }
  if (rest_ != nullptr) {
    return RunRest();
  }
  if (!commands_) {
    return true;
  }
  for (std::string_view part; connection_.MayRun();) {
    // What was held back must have its place in the answer before more is said there.
    if (connection_.AwaitsReplies() && AnswerIsFull()) {
      return false;
    }
    if (!commands_->Next(part)) {
      if (connection_.AwaitsReplies()) {
        return false;
      }
      commands_.reset();
      connection_.CloseSession();
      // A program looks at the status alone; commands have theirs in their parts.
      Answer({.status = std::exchange(importing_, false) ? status_ : std::uint16_t{200},
              .content_type = kPlainText,
              .body = answer_});
      std::string().swap(answer_);  // assigning an empty one would keep the memory
      parser_.Reset();
      return true;
    }
    if (AnswerIsFull()) {
      BeginPart();
      answer_ += "not run: the answer has reached its limit of " +
                 std::to_string(kHttpAnswerBytesMax) + " bytes";
      EndPart();
      continue;
    }
    connection_.Execute(connection_.hub().parser().Parse(TrimRight(part)));
  }
  return false;
}

bool HttpDoor::AnswerIsFull() const {
  return answer_.size() >= kHttpAnswerBytesMax;
}

void HttpDoor::BeginPart() {
  if (!part_begun_ && parts_answered_ > 0) {
    answer_ += ';';
  }
  part_begun_ = true;
}

void HttpDoor::EndPart() {
  part_begun_ = false;
  ++parts_answered_;
}

// An error is told alone; a success by its first data message, or `empty`.
void HttpDoor::OnReply(const Reply& reply, const Output& output) {
  if (rest_ != nullptr) {
    return rest_->OnReply(reply, output);
  }
  const bool has_data = part_begun_;
  BeginPart();
  if (!reply.is_status()) {
    if (!has_data) {
      AppendData(answer_, reply, output);
    }
    return;
  }
  const bool refused = reply.kind == ReplyKind::kError;
  const bool elsewhere = refused && reply.error == ErrorCode::kNotPrimary;
  status_ = elsewhere ? 421 : refused ? 409 : 200;
  if (refused) {
    AppendErrorText(answer_, reply, output);
    answer_ +=
        importing_ && elsewhere ? ": a restore is for the primary, whose TCP door that is" : "";
  } else if (importing_) {
    answer_ += std::to_string(reply.number);
  } else if (!has_data) {
    answer_ += "empty";
  }
  EndPart();
}

void HttpDoor::AnswerText(std::uint16_t status, std::string_view text) {
  Answer({.status = status, .content_type = kPlainText, .body = text});
}

void HttpDoor::Answer(HttpResponse response) {
  response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  response.keep_alive = !close_after_answer_;
  response.head_only = head_only_;
  response.version_minor = version_minor_;
  AppendHttpResponse(connection_.Out(), response, connection_.hub().HttpDate());
  connection_.Sending();
  if (close_after_answer_) {
    connection_.CloseAfterSending();
  }
}

void HttpDoor::OnStop() {
  body_.reset();
  EndStream();
}

void HttpDoor::EndStream() {
  if (Streams() && !std::exchange(stream_ended_, true)) {
    rest_->EndStream();
  }
}

void HttpDoor::OnTick(std::int64_t now_us) {
  if (Streams()) {
    return stream_ended_ ? connection_.CloseAfterSending() : rest_->OnTick(now_us);
  }
  // While an answer is on its way the peer owes nothing, but to take a backup in time: the log is
  // kept for it.
  if (body_ != nullptr) {
    const bool stalls = connection_.sending_blocked() &&
                        now_us - connection_.last_active_us() >
                            std::int64_t{connection_.hub().limits().http_idle_timeout_ms} * 1000;
    if (stalls || connection_.hub().stopping()) {
      GiveUpBody(stalls ? "it is not being taken" : "the server stops");
    }
  }
  if (connection_.Busy()) {
    return;
  }
  const HubLimits& limits = connection_.hub().limits();
  const std::int64_t quiet_us =
      now_us - (had_request_ || request_since_us_ != 0 ? connection_.last_active_us()
                                                       : connection_.opened_us());
  if (request_since_us_ != 0) {
    const bool stalled = quiet_us > std::int64_t{limits.handshake_timeout_ms} * 1000;
    // However steadily it drips: the whole request must have come by then.
    const std::int64_t request_us_max = std::int64_t{limits.http_request_timeout_ms} * 1000;
    if (stalled || now_us - request_since_us_ > request_us_max) {
      close_after_answer_ = true;
      AnswerText(408, "the request did not arrive in time\n");
    }
    return;
  }
  const std::uint32_t idle_ms =
      had_request_ ? limits.http_idle_timeout_ms : limits.handshake_timeout_ms;
  if (quiet_us > std::int64_t{idle_ms} * 1000) {
    connection_.CloseAfterSending();
  }
}

std::size_t HttpDoor::BufferedBytes() const {
  return parser_.BufferedBytes() + answer_.capacity() + piece_.capacity() +
         (body_ == nullptr ? 0 : body_->BufferedBytes()) +
         (rest_ == nullptr ? 0 : rest_->BufferedBytes());
}

}  // namespace nunc
