// HTTP/1.1 on the server's side: client bytes to requests, responses to bytes.
//
// Shape:   bytes in, requests out; no socket, clock or thread. One request at a time: the parser
//          stops exactly behind it and leaves the rest of the input (pipelining, upgrade).
// Units:   bytes, counts.
// Errors:  kError with the status to answer; the connection must be closed after that answer.
// Owner:   one parser per connection. Between requests it holds no memory but itself.
// Source:  RFC 9110, RFC 9112. Boost.Beast's parser does the grammar; what it lets pass and RFC
//          9112 forbids or calls ambiguous is refused before or beside it (http.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace nunc {

struct HttpHeader {
  std::string_view name;
  std::string_view value;
};

// Views into the parser: valid until its next Next() or Reset().
struct HttpRequest {
  std::string_view method;
  std::string_view target;
  int version_minor = 1;  // HTTP/1.x
  bool keep_alive = false;
  bool upgrade = false;  // Connection: upgrade and an Upgrade header
  std::vector<HttpHeader> headers;
  std::string_view body;

  // Value of the first header of that name in any case; nullptr when there is none.
  [[nodiscard]] const std::string_view* Find(std::string_view name) const;
};

struct HttpFault {
  std::uint16_t status = 0;  // 400, 413, 431, 501 or 505
  const char* detail = "";   // for people, static text
};

class HttpParser {
 public:
  struct Limits {
    std::size_t head_bytes_max = kHttpHeadBytesMax;  // also for all trailers of a chunked body
    std::size_t headers_max = kHttpHeadersMax;
    std::size_t body_bytes_max = kValueBytesMaxDefault + kCommandOverheadBytesMax;
  };

  enum class Outcome : std::uint8_t {
    kNeedMore,  // all of the input is taken
    kContinue,  // the peer waits for kHttpContinue before it sends the body; go on with Next()
    kRequest,   // Request() is whole
    kError,     // LastFault() says what; all later input is dropped
  };

  explicit HttpParser(const Limits& limits);
  ~HttpParser();
  HttpParser(HttpParser&&) noexcept;
  HttpParser& operator=(HttpParser&&) noexcept;

  // Takes bytes off the front of `input` up to the next outcome. After kRequest it begins the next
  // request, as if Reset() had been called.
  Outcome Next(std::span<const char>& input);

  [[nodiscard]] const HttpRequest& Request() const;  // after kRequest only
  [[nodiscard]] const HttpFault& LastFault() const { return fault_; }
  // True from a request's first byte until it is whole.
  [[nodiscard]] bool InRequest() const;
  // Memory held beyond the object itself; it follows what has arrived, never what is declared.
  [[nodiscard]] std::size_t BufferedBytes() const;
  // Frees the request and makes the parser as new.
  void Reset();

 private:
  class Message;

  Limits limits_;
  HttpFault fault_;
  std::unique_ptr<Message> message_;
};

inline constexpr std::string_view kHttpContinue = "HTTP/1.1 100 Continue\r\n\r\n";

struct HttpResponse {
  std::uint16_t status = 200;
  std::string_view content_type{};  // empty: none is sent
  // Written as given but for control characters, which become spaces; one whose name is not a
  // token is left out. Content-Length, Date, Connection and Content-Type are not for here.
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string_view body{};
  bool chunked = false;  // of unknown length: AppendHttpChunk and kHttpLastChunk follow
  bool keep_alive = true;
  bool head_only = false;  // HEAD: Content-Length tells of the body, which is not sent
  int version_minor = 1;   // of the request: a 1.0 peer must be told that the connection stays
};

// `date` is an IMF-fixdate (RFC 9110 §5.6.7); empty: no Date header.
void AppendHttpResponse(std::string& out, const HttpResponse& response, std::string_view date);

// Source:  RFC 9112 §7.1. `bytes` is not empty.
void AppendHttpChunk(std::string& out, std::string_view bytes);
inline constexpr std::string_view kHttpLastChunk = "0\r\n\r\n";

// "Not Found" for 404; "Unknown" for a status that the server does not send.
std::string_view HttpReason(std::uint16_t status);

// True when the comma-separated header value (Connection, Upgrade) has that token, in any case.
bool HttpListHas(std::string_view list, std::string_view token);
// ASCII only, as header names and tokens are.
bool EqualsIgnoreCase(std::string_view left, std::string_view right);

}  // namespace nunc
