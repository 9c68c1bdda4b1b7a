// HTTP requests: the same bytes give the same requests however they are cut, memory follows what
// arrived, and no header value can write lines of its own into a response.
//
// Input: one byte that seeds the cuts, then the client's bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "net/http.h"

namespace {

using Outcome = nunc::HttpParser::Outcome;

constexpr nunc::HttpParser::Limits kLimits{
    .head_bytes_max = 1024, .headers_max = 8, .body_bytes_max = 512};

std::string Describe(const nunc::HttpRequest& request) {
  std::string text;
  const auto add = [&text](std::string_view part) {
    text.append(part).append("\n");  // cannot stand in any part of the head
  };
  add(request.method);
  add(request.target);
  add(std::to_string(request.version_minor));
  add(request.keep_alive ? "keep" : "close");
  add(request.upgrade ? "upgrade" : "");
  for (const nunc::HttpHeader& header : request.headers) {
    add(header.name);
    add(header.value);
  }
  add(request.body);
  return text;
}

void CheckRequest(const nunc::HttpRequest& request) {
  CHECK(!request.method.empty());
  CHECK(!request.target.empty());
  CHECK(request.headers.size() <= kLimits.headers_max);
  CHECK(request.body.size() <= kLimits.body_bytes_max);
  CHECK(request.version_minor == 0 || request.Find("hOST") != nullptr);
  const bool both =
      request.Find("Content-Length") != nullptr && request.Find("Transfer-Encoding") != nullptr;
  CHECK(!both);
}

// Pieces of 1 to 32 bytes that follow from the seed; 0 gives everything at once.
std::vector<std::string> Drive(std::string_view bytes, unsigned seed) {
  nunc::HttpParser parser(kLimits);
  std::vector<std::string> story;
  unsigned state = seed;
  bool ended = false;
  while (!bytes.empty()) {
    state = state * 1103515245U + 12345U;
    const std::size_t step = seed == 0 ? bytes.size() : (state >> 16) % 32 + 1;
    const std::string piece(bytes.substr(0, step));
    bytes.remove_prefix(piece.size());
    std::span<const char> input(piece);
    for (Outcome outcome = parser.Next(input); outcome != Outcome::kNeedMore;
         outcome = parser.Next(input)) {
      CHECK(!ended);
      ended = outcome == Outcome::kError;
      if (ended) CHECK(parser.LastFault().status >= 400);
      if (ended) story.emplace_back(parser.LastFault().detail);
      if (outcome == Outcome::kContinue) story.emplace_back("continue");
      if (outcome == Outcome::kRequest) {
        CheckRequest(parser.Request());
        story.push_back(Describe(parser.Request()));
      }
    }
    CHECK(input.empty());
    CHECK(parser.BufferedBytes() <= 8192);
  }
  return story;
}

void CheckResponse(std::string_view bytes) {
  nunc::HttpResponse response;
  response.content_type = bytes;
  const std::size_t half = bytes.size() / 2;
  response.headers.emplace_back("X-Fuzz", bytes.substr(half));
  response.headers.emplace_back(bytes.substr(0, half), "value");
  std::string out;
  nunc::AppendHttpResponse(out, response, "");
  CHECK(std::count(out.begin(), out.end(), '\n') <= 6);
  CHECK(std::count(out.begin(), out.end(), '\r') == std::count(out.begin(), out.end(), '\n'));
  CHECK(out.find("\r\n\r\n") == out.size() - 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  CHECK(Drive(bytes, 0) == Drive(bytes, data[0] + 1U));
  CheckResponse(bytes);
  return 0;
}
