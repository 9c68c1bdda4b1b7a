#include "net/http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <boost/beast/http/basic_parser.hpp>

#include "base/check.h"

namespace nunc {
namespace {

namespace beast_http = boost::beast::http;
using beast_http::error;
using BeastError = boost::beast::error_code;
using BeastText = boost::beast::string_view;

std::string_view View(BeastText text) {
  return {text.data(), text.size()};
}

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '\x7f';
}

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsTokenChar(char c) {  // RFC 9110 §5.6.2
  const char lower = Lower(c);
  return (lower >= 'a' && lower <= 'z') || IsDigit(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}

// uri-host [ ":" port ] without its finer grammar: what may not stand in an authority is refused.
bool IsHost(std::string_view value) {
  return value.find_first_of(" \t\"#,/<>?@\\^`{|}") == std::string_view::npos;
}

// RFC 9112 §3.2.2: the absolute form is taken, too; whatever it names as the host is this server.
std::string_view OriginForm(std::string_view target) {
  constexpr std::string_view kBehindScheme = "://";
  const std::string_view scheme = target.substr(0, target.find(kBehindScheme));
  const auto is = [scheme](std::string_view name) {
    return std::equal(name.begin(), name.end(), scheme.begin(), scheme.end(),
                      [](char left, char right) { return left == Lower(right); });
  };
  if (scheme.size() == target.size() || !(is("http") || is("https"))) {
    return target;
  }
  const std::size_t path = target.find_first_of("/?", scheme.size() + kBehindScheme.size());
  return path == std::string_view::npos || target[path] == '?' ? "/" : target.substr(path);
}

// Watches the bytes of head, chunk header and trailer lines for what Beast accepts or would wait
// on: RFC 9112 §2.2 (bare CR, bare LF), §5.2 (folding), and control characters anywhere.
class LineScanner {
 public:
  enum class Step : std::uint8_t { kInLine, kLineEnd, kEmptyLine, kFault };

  Step Push(char c) {
    if (previous_ == '\r' && c != '\n') return Refuse("CR without LF");
    if (c == '\n') {
      if (previous_ != '\r') return Refuse("LF without CR");
      const bool empty = line_bytes_ == 1;
      line_bytes_ = 0;
      previous_ = c;
      return empty ? Step::kEmptyLine : Step::kLineEnd;
    }
    if (IsControl(c) && c != '\r' && c != '\t') return Refuse("control character in head");
    if (previous_ == '\n' && (c == ' ' || c == '\t')) return Refuse("folded header");
    previous_ = c;
    ++line_bytes_;
    return Step::kInLine;
  }

  [[nodiscard]] const char* Detail() const { return detail_; }
  [[nodiscard]] bool AtStart() const { return line_bytes_ == 0; }

 private:
  Step Refuse(const char* detail) {
    detail_ = detail;
    return Step::kFault;
  }

  const char* detail_ = "";
  std::size_t line_bytes_ = 0;
  char previous_ = '\0';
};

// Well formed but for a version that is not ours: "GET / HTTP/2.0".
bool NamesOtherVersion(std::string_view request_line) {
  constexpr std::string_view kPrefix = " HTTP/";
  const std::size_t at = request_line.rfind(' ');
  if (at == std::string_view::npos ||
      std::count(request_line.begin(), request_line.end(), ' ') != 2) {
    return false;
  }
  const std::string_view version = request_line.substr(at);
  return version.size() == kPrefix.size() + 3 && version.starts_with(kPrefix) &&
         IsDigit(version[6]) && version[7] == '.' && IsDigit(version[8]);
}

// The chunk header, perhaps behind the CRLF of the chunk before, is that of the last chunk.
bool IsLastChunk(std::string_view line) {
  if (line.starts_with("\r\n")) line.remove_prefix(2);
  const std::size_t end = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
  return end > 0 && line.substr(0, end).find_first_not_of('0') == std::string_view::npos;
}

const char* DetailOf(const BeastError& ec) {
  if (ec == error::bad_method) return "bad method";
  if (ec == error::bad_target) return "bad request target";
  if (ec == error::bad_version) return "bad request line";
  if (ec == error::bad_field) return "bad header name";
  if (ec == error::bad_value) return "bad header value";
  if (ec == error::bad_content_length) return "bad Content-Length";
  if (ec == error::bad_transfer_encoding) return "bad Transfer-Encoding";
  if (ec == error::bad_chunk) return "bad chunk";
  if (ec == error::bad_chunk_extension) return "bad chunk extension";
  return "bad request";
}

}  // namespace

// One request on its way in. Head and chunk lines are gathered whole before Beast sees them, so
// that a request reads the same however the network cut it, and views of headers stay in place.
class HttpParser::Message final : public beast_http::basic_parser<true> {
 public:
  explicit Message(const Limits& limits) : limits_(limits) {
    header_limit(std::numeric_limits<std::uint32_t>::max());  // our own limit comes first
    body_limit(limits.body_bytes_max);
  }

  Outcome Take(std::span<const char>& input) {
    Outcome outcome = Outcome::kNeedMore;
    while (outcome == Outcome::kNeedMore && !input.empty()) {
      switch (phase_) {
        case Phase::kHead:
          outcome = TakeHead(input);
          break;
        case Phase::kBody:
        case Phase::kChunkData:
          outcome = TakeBody(input);
          break;
        case Phase::kChunkLine:
          outcome = TakeChunkLine(input);
          break;
        case Phase::kDone:
          return Outcome::kRequest;
      }
    }
    return outcome;
  }

  [[nodiscard]] bool Done() const { return phase_ == Phase::kDone; }
  // Nothing but empty lines so far, which RFC 9112 §2.2 wants ignored.
  [[nodiscard]] bool Blank() const {
    return phase_ == Phase::kHead && head_.empty() && scanner_.AtStart();
  }
  [[nodiscard]] const HttpRequest& Request() const { return request_; }
  [[nodiscard]] const HttpFault& LastFault() const { return fault_; }
  [[nodiscard]] std::size_t BufferedBytes() const {
    return sizeof(*this) + head_.capacity() + line_.capacity() + body_.capacity() +
           request_.headers.capacity() * sizeof(HttpHeader);
  }

 private:
  enum class Phase : std::uint8_t { kHead, kBody, kChunkLine, kChunkData, kDone };

  Outcome Refuse(std::uint16_t status, const char* detail) {
    if (fault_.status == 0) fault_ = {.status = status, .detail = detail};
    return Outcome::kError;
  }
  Outcome RefuseAs(const BeastError& ec);
  Outcome TakeHead(std::span<const char>& input);
  Outcome FinishHead();
  Outcome TakeBody(std::span<const char>& input);
  Outcome TakeChunkLine(std::span<const char>& input);
  Outcome FinishChunkLine();
  Outcome Finish();

  const char* CheckField(beast_http::field name, std::string_view value);
  // Beast's callbacks may only set an error; which one does not matter, fault_ holds ours.
  void RefuseField(std::uint16_t status, const char* detail, BeastError& ec) {
    Refuse(status, detail);
    ec = error::bad_value;
  }

  void on_request_impl(beast_http::verb verb, BeastText method, BeastText target, int version,
                       BeastError& ec) override;
  void on_field_impl(beast_http::field name, BeastText text, BeastText value,
                     BeastError& ec) override;
  void on_header_impl(BeastError& ec) override;
  std::size_t on_body_impl(BeastText bytes, BeastError& ec) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, BeastText bytes, BeastError& ec) override;
  void on_chunk_header_impl(std::uint64_t size, BeastText extensions, BeastError& ec) override;
  void on_response_impl(int /*status*/, BeastText /*reason*/, int /*version*/,
                        BeastError& /*ec*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         BeastError& /*ec*/) override {}
  void on_finish_impl(BeastError& /*ec*/) override {}

  Limits limits_;
  HttpRequest request_;
  HttpFault fault_;
  LineScanner scanner_;
  std::string head_;
  std::string line_;  // chunk header, or last chunk with its trailers, so far
  std::string body_;
  std::uint64_t chunk_left_ = 0;
  std::size_t fields_ = 0;
  std::size_t hosts_ = 0;
  std::size_t lengths_ = 0;
  Phase phase_ = Phase::kHead;
  bool chunk_end_due_ = false;  // the CRLF behind a chunk's data is the first line to come
  bool trailers_ = false;       // the last chunk's size line is in line_
};

HttpParser::Outcome HttpParser::Message::RefuseAs(const BeastError& ec) {
  if (ec == error::body_limit) return Refuse(413, "request body too large");
  if (ec == error::bad_version) {
    const std::string_view head = head_;
    if (NamesOtherVersion(head.substr(0, head.find('\r')))) {
      return Refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
  }
  return Refuse(400, DetailOf(ec));
}

HttpParser::Outcome HttpParser::Message::TakeHead(std::span<const char>& input) {
  std::size_t at = 0;
  std::size_t kept = 0;  // bytes of the input already in head_ or ignored
  bool whole = false;
  for (; at < input.size() && !whole; ++at) {
    if (head_.size() + at - kept >= limits_.head_bytes_max) {
      return Refuse(431, "request head too large");
    }
    const LineScanner::Step step = scanner_.Push(input[at]);
    if (step == LineScanner::Step::kFault) return Refuse(400, scanner_.Detail());
    if (step != LineScanner::Step::kEmptyLine) continue;
    whole = head_.size() + (at + 1 - kept) > 2;
    if (!whole) {  // an empty line before the request line
      scanner_ = {};
      head_.clear();
      kept = at + 1;
    }
  }
  head_.append(input.data() + kept, at - kept);
  input = input.subspan(at);
  return whole ? FinishHead() : Outcome::kNeedMore;
}

HttpParser::Outcome HttpParser::Message::FinishHead() {
  BeastError ec;
  put(boost::asio::const_buffer(head_.data(), head_.size()), ec);
  if (ec) return RefuseAs(ec);
  request_.keep_alive = keep_alive();
  request_.upgrade = upgrade() && request_.Find("Upgrade") != nullptr;
  if (is_done()) return Finish();
  phase_ = chunked() ? Phase::kChunkLine : Phase::kBody;
  scanner_ = {};
  const std::string_view* const expect = request_.Find("Expect");
  const bool waits = expect != nullptr && EqualsIgnoreCase(*expect, "100-continue");
  return waits && request_.version_minor > 0 ? Outcome::kContinue : Outcome::kNeedMore;
}

HttpParser::Outcome HttpParser::Message::TakeBody(std::span<const char>& input) {
  BeastError ec;
  const std::size_t taken = put(boost::asio::const_buffer(input.data(), input.size()), ec);
  if (ec) return RefuseAs(ec);
  input = input.subspan(taken);
  if (is_done()) return Finish();
  if (phase_ == Phase::kChunkData && chunk_left_ == 0) {
    phase_ = Phase::kChunkLine;
    scanner_ = {};
    chunk_end_due_ = true;
  }
  return Outcome::kNeedMore;
}

HttpParser::Outcome HttpParser::Message::TakeChunkLine(std::span<const char>& input) {
  while (!input.empty()) {
    const std::size_t bytes_max = trailers_ ? limits_.head_bytes_max : kChunkLineBytesMax;
    if (line_.size() >= bytes_max) {
      return trailers_ ? Refuse(431, "trailers too large") : Refuse(400, "chunk header too long");
    }
    const char c = input.front();
    input = input.subspan(1);
    line_.push_back(c);
    const LineScanner::Step step = scanner_.Push(c);
    if (step == LineScanner::Step::kFault) return Refuse(400, scanner_.Detail());
    if (step == LineScanner::Step::kInLine) continue;
    const bool empty = step == LineScanner::Step::kEmptyLine;
    if (chunk_end_due_) {
      if (!empty) return Refuse(400, "bad chunk");
      chunk_end_due_ = false;
    } else if (!trailers_ || empty) {
      return FinishChunkLine();
    }
  }
  return Outcome::kNeedMore;
}

// line_ holds a size line, or the last one with all its trailers.
HttpParser::Outcome HttpParser::Message::FinishChunkLine() {
  BeastError ec;
  put(boost::asio::const_buffer(line_.data(), line_.size()), ec);
  // Beast wants the trailers along with the last chunk, but also waits for the end of a quoted
  // extension that its line does not close.
  if (ec == error::need_more && !trailers_ && IsLastChunk(line_)) {
    trailers_ = true;
    return Outcome::kNeedMore;
  }
  if (ec) return RefuseAs(ec);
  line_.clear();
  if (is_done()) return Finish();
  phase_ = Phase::kChunkData;
  return Outcome::kNeedMore;
}

HttpParser::Outcome HttpParser::Message::Finish() {
  request_.body = body_;
  phase_ = Phase::kDone;
  return Outcome::kRequest;
}

void HttpParser::Message::on_request_impl(beast_http::verb /*verb*/, BeastText method,
                                          BeastText target, int version, BeastError& /*ec*/) {
  request_.method = View(method);
  request_.target = OriginForm(View(target));
  request_.version_minor = version % 10;
}

void HttpParser::Message::on_field_impl(beast_http::field name, BeastText text, BeastText value,
                                        BeastError& ec) {
  if (++fields_ > limits_.headers_max) return RefuseField(431, "too many headers", ec);
  if (phase_ != Phase::kHead) return;  // trailers are read and dropped (RFC 9110 §6.5.1)
  if (name == beast_http::field::transfer_encoding) {
    if (request_.version_minor == 0) {  // RFC 9112 §6.1: faulty framing
      return RefuseField(400, "Transfer-Encoding in HTTP/1.0", ec);
    }
    if (!EqualsIgnoreCase(View(value), "chunked")) {
      return RefuseField(501, "Transfer-Encoding other than chunked", ec);
    }
  }
  if (const char* detail = CheckField(name, View(value)); detail != nullptr) {
    return RefuseField(400, detail, ec);
  }
  request_.headers.push_back({.name = View(text), .value = View(value)});
}

// What Beast lets pass though a proxy in front of us might read it differently.
const char* HttpParser::Message::CheckField(beast_http::field name, std::string_view value) {
  if (name == beast_http::field::content_length) {
    if (++lengths_ > 1) return "more than one Content-Length";
    if (!std::all_of(value.begin(), value.end(), IsDigit)) return "bad Content-Length";
  }
  if (name == beast_http::field::host) {
    if (++hosts_ > 1) return "more than one Host";
    if (!IsHost(value)) return "bad Host";
  }
  return nullptr;
}

void HttpParser::Message::on_header_impl(BeastError& ec) {
  if (hosts_ == 0 && request_.version_minor > 0) RefuseField(400, "no Host", ec);
}

std::size_t HttpParser::Message::on_body_impl(BeastText bytes, BeastError& /*ec*/) {
  body_.append(bytes.data(), bytes.size());
  return bytes.size();
}

std::size_t HttpParser::Message::on_chunk_body_impl(std::uint64_t /*remain*/, BeastText bytes,
                                                    BeastError& ec) {
  chunk_left_ -= bytes.size();
  return on_body_impl(bytes, ec);
}

void HttpParser::Message::on_chunk_header_impl(std::uint64_t size, BeastText /*extensions*/,
                                               BeastError& /*ec*/) {
  chunk_left_ = size;
}

const std::string_view* HttpRequest::Find(std::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (EqualsIgnoreCase(header.name, name)) return &header.value;
  }
  return nullptr;
}

HttpParser::HttpParser(const Limits& limits) : limits_(limits) {}
HttpParser::~HttpParser() = default;
HttpParser::HttpParser(HttpParser&&) noexcept = default;
HttpParser& HttpParser::operator=(HttpParser&&) noexcept = default;

HttpParser::Outcome HttpParser::Next(std::span<const char>& input) {
  if (fault_.status != 0) {
    input = {};
    return Outcome::kNeedMore;
  }
  if (message_ && message_->Done()) message_.reset();
  if (input.empty()) return Outcome::kNeedMore;
  if (!message_) message_ = std::make_unique<Message>(limits_);
  const Outcome outcome = message_->Take(input);
  if (outcome == Outcome::kError) {
    fault_ = message_->LastFault();
    message_.reset();
  } else if (message_->Blank()) {
    message_.reset();
  }
  return outcome;
}

const HttpRequest& HttpParser::Request() const {
  CHECK(message_ != nullptr);
  CHECK(message_->Done());
  return message_->Request();
}

bool HttpParser::InRequest() const {
  return message_ != nullptr && !message_->Done();
}

std::size_t HttpParser::BufferedBytes() const {
  return message_ ? message_->BufferedBytes() : 0;
}

void HttpParser::Reset() {
  fault_ = {};
  message_.reset();
}

bool EqualsIgnoreCase(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return Lower(a) == Lower(b); });
}

bool HttpListHas(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    const std::size_t first = std::min(item.find_first_not_of(" \t"), item.size());
    item.remove_prefix(first);
    item = item.substr(0, item.find_last_not_of(" \t") + 1);
    if (EqualsIgnoreCase(item, token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

namespace {

void AppendHeader(std::string& out, std::string_view name, std::string_view value) {
  if (!IsToken(name)) return;
  out.append(name).append(": ");
  const std::size_t from = out.size();
  out.append(value);
  // A CR or LF would let the value write headers of its own.
  for (std::size_t at = from; at < out.size(); ++at) {
    if (IsControl(out[at]) && out[at] != '\t') out[at] = ' ';
  }
  out.append("\r\n");
}

}  // namespace

void AppendHttpResponse(std::string& out, const HttpResponse& response, std::string_view date) {
  // RFC 9110 §8.6: 1xx and 204 have no Content-Length; §15.4.5: 304 has no body.
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out.append(HttpReason(response.status)).append("\r\n");
  if (!date.empty()) AppendHeader(out, "Date", date);
  if (!response.content_type.empty()) AppendHeader(out, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers)
    AppendHeader(out, name, value);
  if (response.chunked) {
    AppendHeader(out, "Transfer-Encoding", "chunked");
  } else if (!bodiless) {
    AppendHeader(out, "Content-Length", std::to_string(response.body.size()));
  }
  if (!response.keep_alive) {
    AppendHeader(out, "Connection", "close");
  } else if (response.version_minor == 0) {
    AppendHeader(out, "Connection", "keep-alive");
  }
  out.append("\r\n");
  if (!bodiless && !response.head_only) out.append(response.body);
}

void AppendHttpChunk(std::string& out, std::string_view bytes) {
  char digits[16];
  const auto [end, fault] = std::to_chars(digits, digits + sizeof(digits), bytes.size(), 16);
  out.append(digits, end).append("\r\n").append(bytes).append("\r\n");
}

std::string_view HttpReason(std::uint16_t status) {
  struct Reason {
    std::uint16_t status;
    std::string_view text;
  };
  static constexpr std::array kReasons{
      Reason{101, "Switching Protocols"},
      Reason{200, "OK"},
      Reason{201, "Created"},
      Reason{202, "Accepted"},
      Reason{204, "No Content"},
      Reason{301, "Moved Permanently"},
      Reason{302, "Found"},
      Reason{304, "Not Modified"},
      Reason{307, "Temporary Redirect"},
      Reason{308, "Permanent Redirect"},
      Reason{400, "Bad Request"},
      Reason{401, "Unauthorized"},
      Reason{403, "Forbidden"},
      Reason{404, "Not Found"},
      Reason{405, "Method Not Allowed"},
      Reason{408, "Request Timeout"},
      Reason{409, "Conflict"},
      Reason{412, "Precondition Failed"},
      Reason{413, "Content Too Large"},
      Reason{415, "Unsupported Media Type"},
      Reason{422, "Unprocessable Content"},
      Reason{426, "Upgrade Required"},
      Reason{429, "Too Many Requests"},
      Reason{431, "Request Header Fields Too Large"},
      Reason{500, "Internal Server Error"},
      Reason{501, "Not Implemented"},
      Reason{503, "Service Unavailable"},
      Reason{505, "HTTP Version Not Supported"},
      Reason{507, "Insufficient Storage"},
  };
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.text;
  }
  return "Unknown";
}

}  // namespace nunc
