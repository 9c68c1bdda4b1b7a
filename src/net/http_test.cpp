#include "net/http.h"

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;
using Outcome = HttpParser::Outcome;

// What came out of a parser, in one comparable line per outcome.
using Story = std::vector<std::string>;

std::string Describe(const HttpRequest& request) {
  std::string text = std::string(request.method) + " " + std::string(request.target) + " 1." +
                     std::to_string(request.version_minor) +
                     (request.keep_alive ? " keep" : " close") +
                     (request.upgrade ? " upgrade" : "");
  for (const HttpHeader& header : request.headers) {
    text.append(" [").append(header.name).append("=").append(header.value).append("]");
  }
  return text + " '" + std::string(request.body) + "'";
}

// Gives the bytes in pieces of `step`.
Story Drive(HttpParser& parser, const std::string& bytes, std::size_t step) {
  Story story;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string piece = bytes.substr(at, step);
    std::span<const char> input(piece);
    for (Outcome outcome = parser.Next(input); outcome != Outcome::kNeedMore;
         outcome = parser.Next(input)) {
      if (outcome == Outcome::kContinue) story.emplace_back("continue");
      if (outcome == Outcome::kRequest) story.push_back(Describe(parser.Request()));
      if (outcome == Outcome::kError) story.push_back(std::to_string(parser.LastFault().status));
    }
    EXPECT_TRUE(input.empty());
  }
  return story;
}

// The same story must come however the bytes are cut.
Story Parse(const std::string& bytes, const HttpParser::Limits& limits = {}) {
  HttpParser whole(limits);
  Story story = Drive(whole, bytes, bytes.size() + 1);
  for (const std::size_t step : {1U, 2U, 3U, 7U, 16U, 100U}) {
    HttpParser cut(limits);
    EXPECT_EQ(Drive(cut, bytes, step), story) << "in pieces of " << step;
  }
  return story;
}

std::string Get(std::string_view headers) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n";
}

std::string Chunked(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

// The body of the only request, or the status of the refusal.
std::string BodyOf(const std::string& bytes, const HttpParser::Limits& limits = {}) {
  const Story story = Parse(bytes, limits);
  if (story.size() != 1) return "outcomes: " + std::to_string(story.size());
  const std::size_t quote = story[0].find('\'');
  return quote == std::string::npos ? story[0]
                                    : story[0].substr(quote + 1, story[0].size() - quote - 2);
}

std::string StatusOf(const std::string& bytes, const HttpParser::Limits& limits = {}) {
  const Story story = Parse(bytes, limits);
  if (story.empty()) return "nothing";
  return story.back().size() == 3 ? story.back() : "200";
}

TEST(Http, TheAbsoluteFormOfATargetIsItsPath) {
  const auto target = [](std::string_view form) {
    return Parse("GET " + std::string(form) + " HTTP/1.1\r\nHost: h\r\n\r\n").at(0);
  };
  EXPECT_EQ(target("http://h:1/a/b?c=http://x"), target("/a/b?c=http://x"));
  EXPECT_EQ(target("HTTPS://h/a"), target("/a"));
  EXPECT_EQ(target("http://h"), target("/"));
  EXPECT_EQ(target("http://h?c"), target("/"));
  // Not forms of ours: they stay as they are, and are found nowhere.
  EXPECT_NE(target("/http://h/"), target("/"));
  EXPECT_NE(target("/x?u=http://h/a"), target("/a"));
}

TEST(HttpParser, ReadsMethodTargetHeadersAndBody) {
  EXPECT_EQ(Parse("POST /a?b=c HTTP/1.1\r\nHost: h:80\r\ncontent-LENGTH: 5\r\nX-Empty:\r\n"
                  "X-Spaces: \t a b \t\r\n\r\nhello"),
            (Story{"POST /a?b=c 1.1 keep [Host=h:80] [content-LENGTH=5] [X-Empty=] "
                   "[X-Spaces=a b] 'hello'"}));
}

TEST(HttpParser, FindsHeadersInAnyCase) {
  HttpParser parser({});
  const std::string bytes = Get("X-A: 1\r\nx-a: 2\r\n");
  std::span<const char> input(bytes);
  ASSERT_EQ(parser.Next(input), Outcome::kRequest);
  ASSERT_NE(parser.Request().Find("x-A"), nullptr);
  EXPECT_EQ(*parser.Request().Find("x-A"), "1");
  EXPECT_EQ(parser.Request().Find("x"), nullptr);
}

TEST(HttpParser, StopsAtTheEndOfARequest) {
  HttpParser parser({});
  const std::string bytes = Get("Upgrade: websocket\r\nConnection: Upgrade\r\n") + "\x81\x85rest";
  std::span<const char> input(bytes);
  ASSERT_EQ(parser.Next(input), Outcome::kRequest);
  EXPECT_TRUE(parser.Request().upgrade);
  EXPECT_EQ(std::string(input.begin(), input.end()), "\x81\x85rest");
}

TEST(HttpParser, ReadsPipelinedRequestsAndSkipsEmptyLinesBetween) {
  EXPECT_EQ(
      Parse(Get("") + "\r\n\r\n" +
            "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab\r\n" +
            Chunked("1\r\nc\r\n0\r\n\r\n") + Get("")),
      (Story{"GET / 1.1 keep [Host=h] ''", "POST /p 1.1 keep [Host=h] [Content-Length=2] 'ab'",
             "POST / 1.1 keep [Host=h] [Transfer-Encoding=chunked] 'c'",
             "GET / 1.1 keep [Host=h] ''"}));
}

TEST(HttpParser, KnowsWhichConnectionsStay) {
  EXPECT_EQ(Parse(Get("Connection: close\r\n")),
            Story{"GET / 1.1 close [Host=h] [Connection=close] ''"});
  EXPECT_EQ(Parse("GET / HTTP/1.0\r\n\r\n"), Story{"GET / 1.0 close ''"});
  EXPECT_EQ(Parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
            Story{"GET / 1.0 keep [Connection=Keep-Alive] ''"});
  EXPECT_EQ(Parse(Get("Upgrade: websocket\r\n")),
            Story{"GET / 1.1 keep [Host=h] [Upgrade=websocket] ''"});
}

TEST(HttpParser, WantsExactlyOneGoodHostInHttp11) {
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), "400");
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), "400");
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), "400");
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400");
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), "400");
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "200");
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: [::1]:3013\r\n\r\n"), "200");
  EXPECT_EQ(StatusOf("GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n"), "200") << "absolute form";
}

TEST(HttpParser, RefusesAmbiguousLengths) {
  const auto post = [](std::string_view headers) {
    return "POST / HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n";
  };
  for (const std::string_view headers :
       {"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n", "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n", "Content-Length: 5 5\r\n", "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: identity\r\n"}) {
    EXPECT_EQ(StatusOf(post(headers)), "400") << headers;
  }
  for (const std::string_view headers :
       {"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n", "Transfer-Encoding: xchunked\r\n"}) {
    EXPECT_EQ(StatusOf(post(headers)), "501") << headers;
  }
  EXPECT_EQ(StatusOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400");
}

TEST(HttpParser, RefusesMalformedHeaders) {
  for (const std::string_view headers :
       {"A: 1\r\n b\r\n"sv, "A: 1\r\n\tb\r\n"sv, "A:\r\n b\r\n"sv, " A: 1\r\n"sv, "A : 1\r\n"sv,
        "A\r\n"sv, ": 1\r\n"sv, "A(b): 1\r\n"sv, "A: 1\n"sv, "A: 1\rB: 2\r\n"sv, "A: \x01\r\n"sv,
        "A: \x00\r\n"sv, "A: \x7f\r\n"sv, "A\x00: 1\r\n"sv, "Connection: a b\r\n"sv}) {
    EXPECT_EQ(StatusOf(Get(headers)), "400") << headers;
  }
}

TEST(HttpParser, RefusesMalformedRequestLines) {
  for (const std::string_view line :
       {" GET / HTTP/1.1", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET /", "GET / HTTP/1.1x",
        "GET / HTTP/1.1 ", "G@T / HTTP/1.1", "GET / http/1.1", "GET /a b HTTP/1.1", "GET", "\r"}) {
    EXPECT_EQ(StatusOf(std::string(line) + "\r\nHost: h\r\n\r\n"), "400") << line;
  }
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\nHost: h\n\n"), "400");
  EXPECT_EQ(StatusOf("\n"), "400");
}

TEST(HttpParser, RefusesGarbageBeforeALineEnds) {
  EXPECT_EQ(StatusOf("\x16\x03\x01\x02"), "400") << "a TLS client";
}

TEST(HttpParser, RefusesOtherVersionsWith505) {
  EXPECT_EQ(StatusOf("PRI * HTTP/2.0\r\n\r\n"), "505");
  EXPECT_EQ(StatusOf("GET / HTTP/0.9\r\n\r\n"), "505");
  EXPECT_EQ(StatusOf("GET / HTTP/1.2\r\nHost: h\r\n\r\n"), "505");
}

TEST(HttpParser, TakesHeadsUpToTheLimitAndNoByteMore) {
  const std::string head = Get("X-A: " + std::string(100, 'a') + "\r\n");
  HttpParser::Limits limits;
  limits.head_bytes_max = head.size();
  EXPECT_EQ(StatusOf(head, limits), "200");
  limits.head_bytes_max = head.size() - 1;
  EXPECT_EQ(StatusOf(head, limits), "431");
  EXPECT_EQ(StatusOf(std::string(limits.head_bytes_max + 1, 'A'), limits), "431");
}

TEST(HttpParser, TakesHeadersUpToTheLimitAndNotOneMore) {
  HttpParser::Limits limits;
  limits.headers_max = 3;
  EXPECT_EQ(StatusOf(Get("A: 1\r\nB: 2\r\n"), limits), "200");
  EXPECT_EQ(StatusOf(Get("A: 1\r\nB: 2\r\nC: 3\r\n"), limits), "431");
}

TEST(HttpParser, RefusesATooLargeBodyAsSoonAsItIsDeclared) {
  HttpParser::Limits limits;
  limits.body_bytes_max = 10;
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ";
  EXPECT_EQ(StatusOf(head + "10\r\n\r\n0123456789", limits), "200");
  EXPECT_EQ(StatusOf(head + "11\r\n\r\n", limits), "413");
  EXPECT_EQ(StatusOf(Chunked("a\r\n0123456789\r\n0\r\n\r\n"), limits), "200");
  EXPECT_EQ(StatusOf(Chunked("b\r\n"), limits), "413");
  EXPECT_EQ(StatusOf(Chunked("6\r\n012345\r\n5\r\n"), limits), "413");
  EXPECT_EQ(Parse(head + "11\r\nExpect: 100-continue\r\n\r\n", limits), Story{"413"});
}

TEST(HttpParser, DecodesChunks) {
  EXPECT_EQ(BodyOf(Chunked("5\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n0\r\n\r\n")),
            "hello 0123456789");
  EXPECT_EQ(BodyOf(Chunked("0\r\n\r\n")), "");
  EXPECT_EQ(
      BodyOf(Chunked("1;name=value;q=\"a;b\"\r\nx\r\n0;last\r\nTrailer: t\r\nOther: u\r\n\r\n")),
      "x");
  EXPECT_EQ(BodyOf(Chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n")), "\r\n\r\n") << "line ends are data too";
}

TEST(HttpParser, DropsTrailers) {
  EXPECT_EQ(Parse(Chunked("1\r\nx\r\n0\r\nHost: other\r\nX-A: 1\r\n\r\n")),
            Story{"POST / 1.1 keep [Host=h] [Transfer-Encoding=chunked] 'x'"});
}

TEST(HttpParser, RefusesBadChunks) {
  for (const std::string_view body :
       {"\r\n\r\n", "x\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "0x1\r\n\r\n", "1 \r\nx\r\n", "1\nx\r\n",
        "1\r\nxy\r\n0\r\n\r\n", "1\r\nx0\r\n\r\n", "1\r\nx\n0\r\n\r\n", "1;\r\nx\r\n0\r\n\r\n",
        "1;a=\"\r\n", "0;a=\"\r\n\r\n", "11111111111111111\r\n", "0\r\nBad Trailer: 1\r\n\r\n",
        "0\r\nA: 1\r\n b\r\n\r\n", "0\r\nContent-Length: 1\r\n\r\n", "1\r\nx\r\n\r\n0\r\n\r\n"}) {
    EXPECT_EQ(StatusOf(Chunked(body)), "400") << body;
  }
}

TEST(HttpParser, BoundsChunkExtensionsAndTrailers) {
  EXPECT_EQ(StatusOf(Chunked("1;" + std::string(900, 'a') + "\r\nx\r\n0\r\n\r\n")), "200");
  EXPECT_EQ(StatusOf(Chunked("1;" + std::string(1100, 'a'))), "400");
  EXPECT_EQ(StatusOf(Chunked(std::string(1100, '0'))), "400");
  HttpParser::Limits limits;
  limits.head_bytes_max = 200;
  EXPECT_EQ(StatusOf(Chunked("0\r\nA: " + std::string(150, 'a') + "\r\n\r\n"), limits), "200");
  EXPECT_EQ(StatusOf(Chunked("0\r\nA: " + std::string(250, 'a')), limits), "431");
  limits.headers_max = 4;
  EXPECT_EQ(StatusOf(Chunked("0\r\nA: 1\r\nB: 1\r\n\r\n"), limits), "200");
  EXPECT_EQ(StatusOf(Chunked("0\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n"), limits), "431");
}

TEST(HttpParser, ReportsAPeerThatWaitsForContinue) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n";
  EXPECT_EQ(Parse(head + "Content-Length: 2\r\n\r\nab").size(), 2U);
  EXPECT_EQ(Parse(head + "Content-Length: 2\r\n\r\nab").front(), "continue");
  EXPECT_EQ(Parse(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").front(), "continue");
  EXPECT_EQ(Parse(head + "Content-Length: 0\r\n\r\n").size(), 1U) << "no body is to come";
  EXPECT_EQ(Parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na").size(),
            1U);
}

TEST(HttpParser, TakesNothingMoreAfterAnError) {
  EXPECT_EQ(Parse("bad\n" + Get("")), Story{"400"});
}

TEST(HttpParser, HoldsWhatArrivedAndNothingBetweenRequests) {
  HttpParser parser({});
  EXPECT_EQ(Drive(parser, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc", 100),
            Story{});
  EXPECT_TRUE(parser.InRequest());
  EXPECT_LT(parser.BufferedBytes(), 2000U);
  const std::string rest(999'997, 'x');
  std::span<const char> input(rest);
  EXPECT_EQ(parser.Next(input), Outcome::kRequest);
  EXPECT_FALSE(parser.InRequest());
  EXPECT_EQ(parser.Request().body.size(), 1'000'000U);
  parser.Reset();
  EXPECT_EQ(parser.BufferedBytes(), 0U);
  EXPECT_EQ(Drive(parser, "\r\n\r\n", 100), Story{});
  EXPECT_FALSE(parser.InRequest()) << "empty lines are no request";
  EXPECT_LE(sizeof(HttpParser), 64U);
}

TEST(HttpResponse, WritesHeadAndBody) {
  std::string out = "before|";
  HttpResponse response;
  response.content_type = "text/plain; charset=UTF-8";
  response.headers.emplace_back("X-A", "1");
  response.body = "hello";
  AppendHttpResponse(out, response, "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(out,
            "before|HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain; charset=UTF-8\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello");
}

std::string Written(const HttpResponse& response) {
  std::string out;
  AppendHttpResponse(out, response, "");
  return out;
}

TEST(HttpResponse, SaysWhatBecomesOfTheConnection) {
  HttpResponse response;
  response.keep_alive = false;
  EXPECT_EQ(Written(response), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  response.keep_alive = true;
  response.version_minor = 0;
  EXPECT_EQ(Written(response),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(HttpResponse, LeavesOutBodiesThatMustNotBeSent) {
  HttpResponse response;
  response.body = "hello";
  response.head_only = true;
  EXPECT_EQ(Written(response), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  response.head_only = false;
  response.status = 204;
  EXPECT_EQ(Written(response), "HTTP/1.1 204 No Content\r\n\r\n");
  response.status = 304;
  EXPECT_EQ(Written(response), "HTTP/1.1 304 Not Modified\r\n\r\n");
}

TEST(HttpResponse, ABodyOfUnknownLengthGoesInChunks) {
  HttpResponse response;
  response.chunked = true;
  std::string text = Written(response);
  EXPECT_EQ(text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  AppendHttpChunk(text, std::string(26, 'x'));
  EXPECT_TRUE(text.ends_with("\r\n1a\r\n" + std::string(26, 'x') + "\r\n"));
}

TEST(HttpResponse, CannotBeSplitByHeaderValuesOrNames) {
  HttpResponse response;
  response.content_type = "a\r\nEvil: 1";
  response.headers.emplace_back("X-A", "1\r\n\r\nevil\n\x00\x7f"s);
  response.headers.emplace_back("X-B: 1\r\nEvil", "1");
  response.headers.emplace_back("", "1");
  EXPECT_EQ(Written(response),
            "HTTP/1.1 200 OK\r\nContent-Type: a  Evil: 1\r\nX-A: 1    evil   \r\n"
            "Content-Length: 0\r\n\r\n");
}

TEST(HttpReason, NamesWhatTheServerSends) {
  EXPECT_EQ(HttpReason(426), "Upgrade Required");
  EXPECT_EQ(HttpReason(431), "Request Header Fields Too Large");
  EXPECT_EQ(HttpReason(299), "Unknown");
}

TEST(HttpListHas, FindsWholeTokensOnly) {
  EXPECT_TRUE(HttpListHas("keep-alive, Upgrade", "upgrade"));
  EXPECT_TRUE(HttpListHas(" ,\tUPGRADE\t,", "upgrade"));
  EXPECT_FALSE(HttpListHas("upgraded, up grade", "upgrade"));
  EXPECT_FALSE(HttpListHas("", "upgrade"));
}

}  // namespace
}  // namespace nunc
