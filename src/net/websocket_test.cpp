#include "net/websocket.h"

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/deflate.h"

namespace nunc {

std::ostream& operator<<(std::ostream& out, WsEvent::Kind kind) {
  return out << static_cast<int>(kind);
}

namespace {

using std::string_literals::operator""s;
using Kind = WsEvent::Kind;

struct Seen {
  Kind kind;
  std::string payload;
  std::uint16_t close_code = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Seen& seen) {
    return out << seen.kind << " '" << seen.payload << "' " << seen.close_code;
  }
};

using Events = std::vector<Seen>;

enum class Length { kShortest, k16, k64 };

// A masked client frame; `first` is FIN, RSV and opcode as they travel.
std::string ClientFrame(unsigned first, std::string_view payload, Length form = Length::kShortest) {
  constexpr std::string_view kMask = "\x37\xfa\x21\x3d";
  std::string frame(1, static_cast<char>(first));
  if (form == Length::kShortest && payload.size() >= 126) {
    form = payload.size() > 0xFFFF ? Length::k64 : Length::k16;
  }
  unsigned length_bytes = 0;
  if (form == Length::kShortest) {
    frame.push_back(static_cast<char>(0x80U | payload.size()));
  } else {
    length_bytes = form == Length::k16 ? 2 : 8;
    frame.push_back(static_cast<char>(form == Length::k16 ? 0xFE : 0xFF));
  }
  for (unsigned i = length_bytes; i > 0; --i) {
    frame.push_back(static_cast<char>(std::uint64_t{payload.size()} >> (8 * (i - 1))));
  }
  frame += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
  }
  return frame;
}

// Gives the bytes in pieces of `step` and collects what comes out.
Events Drive(WebSocketDecoder& decoder, const std::string& bytes, std::size_t step) {
  Events events;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    // A piece of its own, so that the sanitizer sees a view kept too long.
    std::string piece = bytes.substr(at, step);
    std::span<char> input(piece);
    for (WsEvent event = decoder.Next(input); event.kind != Kind::kNeedMore;
         event = decoder.Next(input)) {
      events.push_back({event.kind, std::string(event.payload), event.close_code});
    }
    EXPECT_TRUE(input.empty());
  }
  return events;
}

// The same events must come however the bytes are cut.
Events Decode(const std::string& bytes, const WebSocketDecoder::Limits& limits = {}) {
  WebSocketDecoder whole(limits);
  Events events = Drive(whole, bytes, bytes.size() + 1);
  for (const std::size_t step : {1U, 2U, 3U, 5U, 7U, 13U, 64U, 1000U}) {
    WebSocketDecoder cut(limits);
    EXPECT_EQ(Drive(cut, bytes, step), events) << "in pieces of " << step;
  }
  return events;
}

Events Error(std::uint16_t code) {
  return {{Kind::kError, "", code}};
}

TEST(WebSocketDecoder, DeliversMessagesInOrder) {
  EXPECT_EQ(Decode(ClientFrame(0x81, "one") + ClientFrame(0x82, "\xff\x00"s) +
                   ClientFrame(0x81, "") + ClientFrame(0x81, "ä€𝄞")),
            (Events{{Kind::kText, "one"},
                    {Kind::kBinary, "\xff\x00"s},
                    {Kind::kText, ""},
                    {Kind::kText, "ä€𝄞"}}));
}

TEST(WebSocketDecoder, TakesEveryLengthForm) {
  for (const std::size_t size : {0U, 1U, 8U, 125U, 126U, 127U, 65'535U, 65'536U, 300'000U}) {
    const std::string text(size, 'x');
    const Events expected{{Kind::kText, text}, {Kind::kPing, "p"}};
    WebSocketDecoder decoder({});
    EXPECT_EQ(Drive(decoder, ClientFrame(0x81, text) + ClientFrame(0x89, "p"), 4096), expected);
    WebSocketDecoder other({});
    EXPECT_EQ(Drive(other, ClientFrame(0x81, text) + ClientFrame(0x89, "p"), 1'000'000), expected);
  }
}

TEST(WebSocketDecoder, ShowsAWholeFrameWithoutACopy) {
  std::string bytes = ClientFrame(0x81, "hello");
  std::span<char> input(bytes);
  WebSocketDecoder decoder({});
  const WsEvent event = decoder.Next(input);
  EXPECT_EQ(event.payload.data(), bytes.data() + 6);
  EXPECT_EQ(event.payload, "hello");
  EXPECT_EQ(decoder.BufferedBytes(), 0U);
}

TEST(WebSocketDecoder, UnmasksEverySizeWhereverTheCutsAre) {
  std::string bytes;
  Events expected;
  std::string text;
  for (std::size_t size = 0; size < 300; ++size) {
    expected.push_back({Kind::kText, text});
    bytes += ClientFrame(0x81, text);
    text += static_cast<char>('a' + size % 26);
  }
  EXPECT_EQ(Decode(bytes), expected);
}

TEST(WebSocketDecoder, FindsWhatIsNoUtf8AtEveryPlaceOfAWholeFrame) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\xff';
      EXPECT_EQ(Decode(ClientFrame(0x81, text)), Error(kWsCloseBadPayload)) << size << ", " << at;
    }
  }
}

TEST(WebSocketDecoder, TakesWholeFramesOfExactlyTheLimit) {
  const WebSocketDecoder::Limits limits{.message_bytes_max = 200};
  EXPECT_EQ(Decode(ClientFrame(0x81, std::string(200, 'x')), limits).front().kind, Kind::kText);
  EXPECT_EQ(Decode(ClientFrame(0x81, std::string(201, 'x')), limits), Error(kWsCloseTooLarge));
}

TEST(WebSocketDecoder, PutsFragmentsTogetherWithControlFramesBetween) {
  EXPECT_EQ(Decode(ClientFrame(0x01, "one ") + ClientFrame(0x89, "ping while waiting") +
                   ClientFrame(0x00, "") + ClientFrame(0x8A, "") + ClientFrame(0x00, "two ") +
                   ClientFrame(0x80, "three") + ClientFrame(0x02, "") + ClientFrame(0x80, "b")),
            (Events{{Kind::kPing, "ping while waiting"},
                    {Kind::kPong, ""},
                    {Kind::kText, "one two three"},
                    {Kind::kBinary, "b"}}));
}

TEST(WebSocketDecoder, RefusesFramesWithoutMask) {
  EXPECT_EQ(Decode("\x81\x03one"), Error(1002));
  EXPECT_EQ(Decode("\x89\x00"s), Error(1002));
}

TEST(WebSocketDecoder, RefusesReservedBitsAndOpcodes) {
  for (const unsigned bits : {0x40U, 0x20U, 0x10U}) {
    EXPECT_EQ(Decode(ClientFrame(0x81 | bits, "x")), Error(1002)) << bits;
  }
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    EXPECT_EQ(Decode(ClientFrame(0x80 | opcode, "x")), Error(1002)) << opcode;
  }
}

TEST(WebSocketDecoder, RefusesBrokenFragmentation) {
  EXPECT_EQ(Decode(ClientFrame(0x80, "x")), Error(1002)) << "continuation of nothing";
  EXPECT_EQ(Decode(ClientFrame(0x00, "x")), Error(1002)) << "continuation of nothing";
  EXPECT_EQ(Decode(ClientFrame(0x01, "x") + ClientFrame(0x81, "y")), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0x01, "x") + ClientFrame(0x02, "y")), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0x81, "x") + ClientFrame(0x80, "y")),
            (Events{{Kind::kText, "x"}, {Kind::kError, "", 1002}}));
}

TEST(WebSocketDecoder, RefusesLongOrFragmentedControlFrames) {
  EXPECT_EQ(Decode(ClientFrame(0x89, std::string(125, 'p'))),
            (Events{{Kind::kPing, std::string(125, 'p')}}));
  EXPECT_EQ(Decode(ClientFrame(0x89, std::string(126, 'p'))), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0x88, std::string(126, 'p'))), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0x09, "p")), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0x08, "")), Error(1002));
}

TEST(WebSocketDecoder, RefusesLengthsThatAreNotShortestOrHaveTheTopBit) {
  EXPECT_EQ(Decode(ClientFrame(0x82, "x", Length::k16)), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0x82, std::string(126, 'x'), Length::k64)), Error(1002));
  EXPECT_EQ(Decode("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01mask"s), Error(1002));
}

TEST(WebSocketDecoder, ReadsCloseCodesAndReasons) {
  EXPECT_EQ(Decode(ClientFrame(0x88, "")), (Events{{Kind::kClose, "", kWsCloseNoStatus}}));
  EXPECT_EQ(Decode(ClientFrame(0x88,
                               "\x03\xe8"
                               "bye ä")),
            (Events{{Kind::kClose, "bye ä", 1000}}));
  EXPECT_EQ(Decode(ClientFrame(0x88, "x")), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0x88, "\x03\xe8\xff")), Error(1007));
  EXPECT_EQ(Decode(ClientFrame(0x88, "\x03\xe8\xc3")), Error(1007)) << "cut character";
}

TEST(WebSocketDecoder, TakesExactlyTheCloseCodesThatMayTravel) {
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    const bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                         (code >= 3000 && code <= 4999);
    WebSocketDecoder decoder({});
    const std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    const Events events = Drive(decoder, ClientFrame(0x88, payload), 100);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, allowed ? Kind::kClose : Kind::kError) << code;
    EXPECT_EQ(events[0].close_code, allowed ? code : 1002) << code;
  }
}

TEST(WebSocketDecoder, DecodesNothingAfterCloseOrError) {
  EXPECT_EQ(Decode(ClientFrame(0x88, "") + ClientFrame(0x81, "late")),
            (Events{{Kind::kClose, "", kWsCloseNoStatus}}));
  EXPECT_EQ(Decode(ClientFrame(0x83, "") + ClientFrame(0x81, "late")), Error(1002));
}

TEST(WebSocketDecoder, RefusesTextThatIsNotUtf8) {
  EXPECT_EQ(Decode(ClientFrame(0x81, "\xc3\x28")), Error(1007));
  EXPECT_EQ(Decode(ClientFrame(0x81, "cut \xe2\x82")), Error(1007)) << "ends inside a character";
  EXPECT_EQ(Decode(ClientFrame(0x81, "\xed\xa0\x80")), Error(1007)) << "surrogate";
  EXPECT_EQ(Decode(ClientFrame(0x01, "\xe2\x82") + ClientFrame(0x80, "")), Error(1007));
}

TEST(WebSocketDecoder, TakesACharacterCutBetweenFragments) {
  EXPECT_EQ(
      Decode(ClientFrame(0x01, "\xe2\x82") + ClientFrame(0x89, "\xff") + ClientFrame(0x80, "\xac")),
      (Events{{Kind::kPing, "\xff"}, {Kind::kText, "€"}}));
}

TEST(WebSocketDecoder, RefusesBadTextBeforeTheMessageEnds) {
  WebSocketDecoder decoder({});
  const std::string frame = ClientFrame(0x01, "ok \xff and much more to come");
  EXPECT_EQ(Drive(decoder, frame.substr(0, 12), 12), Error(1007));
  EXPECT_EQ(decoder.BufferedBytes(), 0U);
}

TEST(WebSocketDecoder, StateOfOneTextDoesNotLeakIntoTheNext) {
  EXPECT_EQ(Decode(ClientFrame(0x02, "\xe2\x82") + ClientFrame(0x80, "") + ClientFrame(0x81, "ok")),
            (Events{{Kind::kBinary, "\xe2\x82"}, {Kind::kText, "ok"}}));
}

TEST(WebSocketDecoder, TakesMessagesUpToTheLimitAndNoByteMore) {
  const WebSocketDecoder::Limits limits{.message_bytes_max = 1000, .inflater = nullptr};
  EXPECT_EQ(Decode(ClientFrame(0x81, std::string(1000, 'x')), limits),
            (Events{{Kind::kText, std::string(1000, 'x')}}));
  EXPECT_EQ(Decode(ClientFrame(0x81, std::string(1001, 'x')), limits), Error(1009));
  EXPECT_EQ(
      Decode(ClientFrame(0x01, std::string(600, 'x')) + ClientFrame(0x80, std::string(400, 'x')),
             limits),
      (Events{{Kind::kText, std::string(1000, 'x')}}));
  EXPECT_EQ(
      Decode(ClientFrame(0x01, std::string(600, 'x')) + ClientFrame(0x80, std::string(401, 'x')),
             limits),
      Error(1009));
}

TEST(WebSocketDecoder, RefusesADeclaredLengthBeforeItsBytesArrive) {
  WebSocketDecoder decoder({.message_bytes_max = 1000, .inflater = nullptr});
  EXPECT_EQ(Drive(decoder, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask"s, 100), Error(1009));
  EXPECT_EQ(decoder.BufferedBytes(), 0U);
}

TEST(WebSocketDecoder, HoldsWhatArrivedNotWhatIsDeclaredAndNothingWhenIdle) {
  WebSocketDecoder decoder({});
  const std::string frame = ClientFrame(0x82, std::string(1'000'000, 'x'));
  EXPECT_EQ(Drive(decoder, frame.substr(0, 1014), 100), Events{});
  EXPECT_GE(decoder.BufferedBytes(), 1000U);
  EXPECT_LE(decoder.BufferedBytes(), 4000U);
  EXPECT_FALSE(decoder.Idle());
  EXPECT_EQ(Drive(decoder, frame.substr(1014), 10'000).size(), 1U);
  EXPECT_EQ(decoder.BufferedBytes(), 0U);
  EXPECT_TRUE(decoder.Idle());
  EXPECT_LE(sizeof(WebSocketDecoder), 104U);
}

TEST(WebSocketDecoder, ForgetsAControlPayloadButKeepsTheMessageAroundIt) {
  WebSocketDecoder decoder({});
  EXPECT_EQ(Drive(decoder, ClientFrame(0x01, std::string(50, 'a')), 10), Events{});
  EXPECT_EQ(Drive(decoder, ClientFrame(0x89, std::string(100, 'p')), 10).size(), 1U);
  EXPECT_EQ(Drive(decoder, ClientFrame(0x80, "b"), 1),
            (Events{{Kind::kText, std::string(50, 'a') + "b"}}));
  EXPECT_EQ(decoder.BufferedBytes(), 0U);
}

class CompressedDecoder : public testing::Test {
 protected:
  std::string Compress(std::string_view text) {
    std::string compressed;
    EXPECT_TRUE(deflater_.Compress(text, compressed));
    return compressed;
  }

  Deflater deflater_;
  Inflater inflater_;
  WebSocketDecoder::Limits limits_{.message_bytes_max = 10'000, .inflater = &inflater_};
};

TEST_F(CompressedDecoder, InflatesWholeAndFragmentedMessagesBesidePlainOnes) {
  const std::string text(5000, 'z');
  const std::string compressed = Compress(text);
  EXPECT_EQ(Decode(ClientFrame(0xC1, compressed) + ClientFrame(0x81, "plain") +
                       ClientFrame(0x42, compressed.substr(0, 3)) + ClientFrame(0x89, "p") +
                       ClientFrame(0x80, compressed.substr(3)) + ClientFrame(0xC1, "\x00"s),
                   limits_),
            (Events{{Kind::kText, text},
                    {Kind::kText, "plain"},
                    {Kind::kPing, "p"},
                    {Kind::kBinary, text},
                    {Kind::kText, ""}}));
}

TEST_F(CompressedDecoder, LeavesNothingBufferedBehindAMessage) {
  WebSocketDecoder decoder(limits_);
  EXPECT_EQ(Drive(decoder, ClientFrame(0xC1, Compress(std::string(5000, 'z'))), 4).size(), 1U);
  EXPECT_EQ(decoder.BufferedBytes(), 0U);
}

TEST_F(CompressedDecoder, RefusesRsv1OnContinuationsAndControlFrames) {
  EXPECT_EQ(Decode(ClientFrame(0x41, "x") + ClientFrame(0xC0, "y"), limits_), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0xC9, "p"), limits_), Error(1002));
  EXPECT_EQ(Decode(ClientFrame(0xE1, "p"), limits_), Error(1002));
}

TEST_F(CompressedDecoder, RefusesBombsDamageAndBadText) {
  EXPECT_EQ(Decode(ClientFrame(0xC1, Compress(std::string(10'000, 'z'))), limits_).front().kind,
            Kind::kText);
  EXPECT_EQ(Decode(ClientFrame(0xC1, Compress(std::string(10'001, 'z'))), limits_), Error(1009));
  EXPECT_EQ(Decode(ClientFrame(0xC1, "\xff\xff\xff"), limits_), Error(1007));
  EXPECT_EQ(Decode(ClientFrame(0xC1, Compress(std::string(100, '\xff'))), limits_), Error(1007));
  EXPECT_EQ(Decode(ClientFrame(0xC2, Compress(std::string(100, '\xff'))), limits_).front().kind,
            Kind::kBinary);
}

TEST(WebSocketEncoder, WritesTheShortestLengthForm) {
  const auto head = [](std::size_t size) {
    std::string out;
    AppendWsFrame(out, WsOpcode::kText, std::string(size, 'x'));
    return out.substr(0, out.size() - size);
  };
  EXPECT_EQ(head(0), "\x81\x00"s);
  EXPECT_EQ(head(125), "\x81\x7d"s);
  EXPECT_EQ(head(126), "\x81\x7e\x00\x7e"s);
  EXPECT_EQ(head(65'535), "\x81\x7e\xff\xff"s);
  EXPECT_EQ(head(65'536), "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

TEST(WebSocketEncoder, SplitsLongMessages) {
  std::string out;
  AppendWsMessage(out, WsOpcode::kText, "abcdefg", WsForm::kPlain, 3);
  EXPECT_EQ(out, "\x01\x03"s + "abc" + "\x00\x03"s + "def" + "\x80\x01"s + "g");
  out.clear();
  AppendWsMessage(out, WsOpcode::kBinary, "abcdef", WsForm::kCompressed, 3);
  EXPECT_EQ(out, "\x42\x03"s + "abc" + "\x80\x03"s + "def");
  out.clear();
  AppendWsMessage(out, WsOpcode::kText, "abc", WsForm::kCompressed, 3);
  EXPECT_EQ(out, "\xc1\x03"s + "abc");
  out.clear();
  AppendWsMessage(out, WsOpcode::kText, std::string(kWsFragmentBytes, 'x'));
  EXPECT_EQ(out.size(), 4 + kWsFragmentBytes);
  AppendWsMessage(out, WsOpcode::kText, std::string(kWsFragmentBytes + 1, 'x'));
  EXPECT_EQ(out.size(), 4 + kWsFragmentBytes + 4 + kWsFragmentBytes + 2 + 1);
}

// Whatever was guessed, the bytes are those of a message that is encoded apart.
TEST(WebSocketEncoder, WritesATextInPlaceAsItWouldApart) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65'535U, 65'536U, 150'000U}) {
    for (const std::size_t guess : {0U, 125U, 126U, 1'000'000U}) {
      const std::string payload(size, 'p');
      std::string apart = "before";
      AppendWsMessage(apart, WsOpcode::kText, payload);
      std::string in_place = "before";
      WsTextInPlace message(in_place, guess);
      in_place += payload;
      message.End();
      EXPECT_TRUE(in_place == apart) << size << " guessed as " << guess;
    }
  }
}

TEST(WebSocketEncoder, AppendsBehindWhatIsThere) {
  std::string out = "before";
  AppendWsFrame(out, WsOpcode::kPong, "p");
  EXPECT_EQ(out, "before\x8a\x01p");
}

TEST(WebSocketEncoder, ClosesWithCodeAndAReasonThatFits) {
  std::string out;
  AppendWsClose(out, kWsCloseGoingAway, "bye");
  EXPECT_EQ(out,
            "\x88\x05\x03\xe9"
            "bye");
  out.clear();
  AppendWsClose(out, kWsCloseNoStatus, "not sent");
  EXPECT_EQ(out, "\x88\x00"s);
  out.clear();
  AppendWsClose(out, kWsCloseNormal, std::string(200, 'x'));
  EXPECT_EQ(out, "\x88\x7d\x03\xe8" + std::string(123, 'x'));
  out.clear();
  AppendWsClose(out, kWsCloseNormal, std::string(122, 'x') + "€");
  EXPECT_EQ(out, "\x88\x7c\x03\xe8" + std::string(122, 'x')) << "no character is cut";
}

}  // namespace
}  // namespace nunc
