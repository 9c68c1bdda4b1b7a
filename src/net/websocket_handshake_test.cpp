#include "net/websocket_handshake.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// The handshake of RFC 6455 §1.3, to be spoiled one header at a time.
class WebSocketHandshake : public testing::Test {
 protected:
  HttpRequest request_{.method = "GET",
                       .target = "/chat",
                       .version_minor = 1,
                       .keep_alive = true,
                       .upgrade = true,
                       .headers = {{"Host", "server.example.com"},
                                   {"Upgrade", "websocket"},
                                   {"Connection", "Upgrade"},
                                   {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                                   {"Sec-WebSocket-Version", "13"}},
                       .body = {}};

  std::string_view& Value(std::string_view name) {
    for (HttpHeader& header : request_.headers) {
      if (header.name == name) return header.value;
    }
    request_.headers.push_back({name, ""});
    return request_.headers.back().value;
  }

  void Remove(std::string_view name) {
    std::erase_if(request_.headers, [&](const HttpHeader& header) { return header.name == name; });
  }

  std::uint16_t Status() { return AnswerWsHandshake(request_, WsDeflate::kOffer, "").status; }

  // The extension header of the answer to one offer; empty when nothing is negotiated.
  std::string Negotiated(std::string_view offer, WsDeflate deflate = WsDeflate::kOffer) {
    Value("Sec-WebSocket-Extensions") = offer;
    const WsHandshake answer = AnswerWsHandshake(request_, deflate, "");
    EXPECT_EQ(answer.status, 101) << "an offer never refuses the connection";
    std::string head;
    AppendWsAccept(head, answer);
    constexpr std::string_view kName = "Sec-WebSocket-Extensions: ";
    const std::size_t at = head.find(kName);
    EXPECT_EQ(at != std::string::npos, answer.deflate);
    if (at == std::string::npos) return {};
    const std::size_t from = at + kName.size();
    return head.substr(from, head.find('\r', from) - from);
  }
};

constexpr std::string_view kPlainAnswer =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

TEST_F(WebSocketHandshake, AcceptsTheExampleOfTheRfc) {
  std::string head;
  AppendWsAccept(head, AnswerWsHandshake(request_, WsDeflate::kOffer, ""));
  EXPECT_EQ(head,
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "\r\n");
}

TEST_F(WebSocketHandshake, TakesNamesAndTokensInAnyCaseAndOrder) {
  Value("Upgrade") = "h2c, WebSocket";
  Value("Connection") = "keep-alive, UPGRADE";
  for (HttpHeader& header : request_.headers) {
    if (header.name == "Sec-WebSocket-Key") header.name = "sec-websocket-key";
  }
  EXPECT_EQ(Status(), 101);
}

TEST_F(WebSocketHandshake, ChoosesTheSubprotocolThatIsSpokenHereAndNoOther) {
  const auto chosen = [this](std::string_view offer, std::string_view spoken) {
    Value("Sec-WebSocket-Protocol") = offer;
    std::string head;
    AppendWsAccept(head, AnswerWsHandshake(request_, WsDeflate::kOffer, spoken));
    return head.find("Sec-WebSocket-Protocol: nunc.1\r\n") != std::string::npos;
  };
  for (const std::string_view offer : {"nunc.1", "chat, nunc.1", " ,nunc.1\t, nunc.2"}) {
    EXPECT_TRUE(chosen(offer, "nunc.1")) << offer;
  }
  for (const std::string_view offer : {"", "chat", "NUNC.1", "nunc.10", "nunc.1;a"}) {
    EXPECT_FALSE(chosen(offer, "nunc.1")) << offer;
  }
  EXPECT_FALSE(chosen("nunc.1", ""));
  request_.headers.push_back({"sec-websocket-protocol", "chat"});
  request_.headers.push_back({"sec-websocket-protocol", "nunc.1"});
  EXPECT_TRUE(chosen("other", "nunc.1"));
}

TEST_F(WebSocketHandshake, RefusesWhatAsksForNoUpgradeWith426) {
  EXPECT_TRUE(WantsWebSocket(request_));
  Value("Upgrade") = "h2c";
  EXPECT_FALSE(WantsWebSocket(request_));
  EXPECT_EQ(Status(), 426);
  Value("Upgrade") = "websocket";
  request_.upgrade = false;
  EXPECT_EQ(Status(), 426);
}

TEST_F(WebSocketHandshake, RefusesOtherMethodsWith405) {
  request_.method = "POST";
  EXPECT_EQ(Status(), 405);
}

TEST_F(WebSocketHandshake, RefusesHttp10) {
  request_.version_minor = 0;
  EXPECT_EQ(Status(), 400);
}

TEST_F(WebSocketHandshake, RefusesOtherVersionsAndNamesItsOwn) {
  Value("Sec-WebSocket-Version") = "8";
  const WsHandshake refused = AnswerWsHandshake(request_, WsDeflate::kOffer, "");
  EXPECT_EQ(refused.status, 426);
  std::string out;
  AppendHttpResponse(out, WsRefusal(refused), "");
  EXPECT_NE(out.find("Sec-WebSocket-Version: 13\r\n"), std::string::npos);
  EXPECT_NE(out.find("Upgrade: websocket\r\n"), std::string::npos);
  EXPECT_NE(out.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(WebSocketHandshake, RefusesAMissingOrRepeatedVersionOrKey) {
  const HttpRequest good = request_;
  for (const std::string_view name : {"Sec-WebSocket-Version", "Sec-WebSocket-Key"}) {
    request_ = good;
    request_.headers.push_back({name, Value(name)});
    EXPECT_EQ(Status(), 400) << name << " twice";
    Remove(name);
    EXPECT_EQ(Status(), 400) << name << " missing";
  }
}

TEST_F(WebSocketHandshake, RefusesKeysThatAreNotSixteenBytes) {
  for (const std::string_view key :
       {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZWU=", "dGhlIHNhbXBsZSBub25j!Q==",
        "c2hvcnQ=", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="}) {
    Value("Sec-WebSocket-Key") = key;
    EXPECT_EQ(Status(), 400) << key;
  }
}

TEST_F(WebSocketHandshake, NegotiatesDeflateWithoutContextTakeover) {
  for (const std::string_view offer :
       {"permessage-deflate", "permessage-deflate; client_max_window_bits",
        "permessage-deflate;client_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=15",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; client_max_window_bits=\"10\"",
        "x-webkit-deflate-frame, permessage-deflate",
        "foo; bar=1; baz=\"quux\" , , permessage-deflate ;client_no_context_takeover"}) {
    EXPECT_EQ(Negotiated(offer), kPlainAnswer) << offer;
  }
}

TEST_F(WebSocketHandshake, NamesTheServerWindowWhenAskedForTheFullOne) {
  EXPECT_EQ(Negotiated("permessage-deflate; server_max_window_bits=15"),
            std::string(kPlainAnswer) + "; server_max_window_bits=15");
}

TEST_F(WebSocketHandshake, DeclinesOffersItCannotKeepOrRead) {
  for (const std::string_view offer :
       {"permessage-deflate; server_max_window_bits=14",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=015",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; unknown", "permessage-deflate2", "deflate", ""}) {
    EXPECT_EQ(Negotiated(offer), "") << offer;
  }
}

TEST_F(WebSocketHandshake, TakesTheFirstOfferThatItCanKeep) {
  EXPECT_EQ(Negotiated("permessage-deflate; server_max_window_bits=10, permessage-deflate"),
            kPlainAnswer);
  EXPECT_EQ(Negotiated("permessage-deflate, permessage-deflate; server_max_window_bits=15"),
            kPlainAnswer);
}

TEST_F(WebSocketHandshake, IgnoresAMalformedHeaderAndReadsTheNext) {
  for (const std::string_view offer :
       {"permessage-deflate;", "permessage-deflate; =1", "permessage-deflate; a=",
        "permessage-deflate; a=\"", "permessage-deflate; client_max_window_bits=\"10",
        "permessage-deflate foo", "permessage-deflate, ;", "permessage-deflate; a=\"b c\"", "@",
        "permessage-deflate, \x80"}) {
    EXPECT_EQ(Negotiated(offer), "") << offer;
  }
  Value("Sec-WebSocket-Extensions") = "permessage-deflate;";
  request_.headers.push_back({"sec-websocket-extensions", "permessage-deflate"});
  EXPECT_TRUE(AnswerWsHandshake(request_, WsDeflate::kOffer, "").deflate);
}

TEST_F(WebSocketHandshake, NegotiatesNothingWhenSwitchedOff) {
  EXPECT_EQ(Negotiated("permessage-deflate", WsDeflate::kOff), "");
}

}  // namespace
}  // namespace nunc
