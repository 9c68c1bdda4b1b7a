#include "cluster/message.h"

#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/little_endian.h"

namespace nunc {
namespace {

constexpr NodeName kName{.id = {7}, .incarnation = {99}};
constexpr Position kPlace{.term = {3}, .revision = {41}};

// One of each, with every field set.
std::vector<Message> Samples() {
  return {
      Hello{.cluster = {1, 2}, .name = kName, .last = kPlace, .priority = {5}},
      Refused{.reason = Refusal::kTwoOfOneId},
      Election{.last = kPlace, .priority = {5}, .probe = true, .forced = true},
      Alive{.election = {4}, .grant = true, .probe = true},
      Victory{.start = {42}},
      Replicate{.previous = kPlace,
                .record_term = {4},
                .count = 2,
                .commit = {40},
                .head = {50},
                .stamp_us = 123,
                .records = "two records"},
      Replicate{.previous = kPlace, .commit = {40}, .head = {50}, .stamp_us = 123},
      Ack{.received = {41}, .durable = {40}, .applied = {41}, .stamp_us = 123},
      Ack{.received = {0},
          .durable = {0},
          .applied = {9},
          .stamp_us = 123,
          .conflict = true,
          .terms = {{.term = {1}, .last = {10}}, {.term = {3}, .last = {20}}}},
      TakeOver{.last = kPlace},
      Join{.name = kName, .priority = {5}, .voter = true, .address = "10.0.0.1:3015"},
      Join{.name = kName, .voter = true, .arbiter_node = true, .address = "10.0.0.1:3015"},
      Leave{.name = kName},
      Forward{.id = 12, .command = "a command"},
      ForwardReply{.id = 12, .taken = true, .upto = kPlace, .replies = "replies"},
      ForwardReply{.id = 12},
      Owners{.all = true, .owners = {5, 6}},
      RecoverRequest{.last = kPlace},
      FullSync{.part = FullSync::Part::kBegin, .at = 1'000'000},
      FullSync{.part = FullSync::Part::kBytes, .at = 77, .bytes = "a piece"},
      FullSync{.part = FullSync::Part::kEnd, .at = 84},
      FullSyncAck{.bytes = 84},
      Floor{.position = kPlace, .stamp_us = 123, .members = "members"},
  };
}

std::string Encoded(const Message& message) {
  std::string bytes;
  EncodeFrame({.term = {6}, .message = message}, bytes);
  return bytes;
}

// From an allocation of its own, so that a sanitizer sees a read past the end.
Result<std::optional<DecodedFrame>> DecodeCopy(std::string_view bytes,
                                               std::unique_ptr<char[]>& copy) {
  copy = std::make_unique<char[]>(bytes.size());
  bytes.copy(copy.get(), bytes.size());
  return DecodeFrame({copy.get(), bytes.size()});
}

void ExpectBroken(const std::string& bytes, std::string_view detail) {
  const auto decoded = DecodeFrame(bytes);
  ASSERT_FALSE(decoded.has_value()) << detail;
  EXPECT_EQ(decoded.error().fault, Fault::kDamaged);
  EXPECT_NE(decoded.error().detail.find(detail), std::string::npos) << decoded.error().detail;
}

void SetLength(std::string& bytes, std::size_t length) {
  PutLittle(bytes.data(), static_cast<std::uint32_t>(length));
}

TEST(Messages, AreDecodedAsTheyWereEncoded) {
  for (const Message& message : Samples()) {
    const std::string bytes = Encoded(message) + "what comes next";
    const auto decoded = DecodeFrame(bytes);
    ASSERT_TRUE(decoded.has_value() && decoded->has_value()) << message.index();
    EXPECT_EQ((*decoded)->frame, (Frame{.term = {6}, .message = message}));
    EXPECT_EQ((*decoded)->bytes, Encoded(message).size());
  }
}

TEST(Messages, OneThatIsCutShortIsWaitedFor) {
  for (const Message& message : Samples()) {
    const std::string bytes = Encoded(message);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      std::unique_ptr<char[]> copy;
      const auto decoded = DecodeCopy(std::string_view(bytes).substr(0, length), copy);
      ASSERT_TRUE(decoded.has_value());
      EXPECT_FALSE(decoded->has_value());
    }
  }
}

TEST(Messages, OneWhoseLengthSaysItIsShorterIsRefusedOrAnother) {
  for (const Message& message : Samples()) {
    std::string bytes = Encoded(message);
    while (bytes.size() > kFrameHeaderBytes) {
      bytes.pop_back();
      SetLength(bytes, bytes.size());
      std::unique_ptr<char[]> copy;
      const auto decoded = DecodeCopy(bytes, copy);
      if (decoded.has_value()) {
        ASSERT_TRUE(decoded->has_value());
        std::string again;
        EncodeFrame((*decoded)->frame, again);
        EXPECT_EQ(again, bytes);
      } else {
        EXPECT_FALSE(decoded.error().detail.empty());
      }
    }
  }
}

TEST(Messages, WithAnyByteChangedTheyAreRefusedOrAnotherOfTheSameBytes) {
  for (const Message& message : Samples()) {
    const std::string whole = Encoded(message);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(value);
        std::unique_ptr<char[]> copy;
        const auto decoded = DecodeCopy(bytes, copy);
        if (!decoded) {
          EXPECT_FALSE(decoded.error().detail.empty());
        } else if (decoded->has_value()) {
          std::string again;
          EncodeFrame((*decoded)->frame, again);
          EXPECT_EQ(again, bytes.substr(0, (*decoded)->bytes)) << "byte " << at;
        }
      }
    }
  }
}

TEST(Messages, SayWhatIsWrongWithThem) {
  std::string bytes = Encoded(Victory{});
  bytes[4] = 18;
  ExpectBroken(bytes, "kind 18 is not one of 1 to 17");
  ExpectBroken(Encoded(ForwardReply{.id = 1, .taken = true}), "the flags of a ForwardReply");
  bytes = Encoded(Victory{});
  bytes[5] = 2;
  ExpectBroken(bytes.substr(0, kFrameHeaderBytes), "version 2 is not known");
  ExpectBroken(Encoded(Leave{}), "the id of a node is never 0");
  ExpectBroken(Encoded(Refused{.reason = static_cast<Refusal>(11)}), "the reason of a refusal is");
  ExpectBroken(Encoded(Replicate{.record_term = {1}, .count = 3, .records = "ab"}),
               "the number of records");
  ExpectBroken(
      Encoded(Replicate{.previous = kPlace, .record_term = {2}, .count = 1, .records = "a"}),
      "older than what is before");
  ExpectBroken(Encoded(Replicate{.previous = {.revision = {~std::uint64_t{0}}},
                                 .record_term = {2},
                                 .count = 1,
                                 .records = "a"}),
               "no such revisions");
  ExpectBroken(Encoded(Ack{.conflict = true,
                           .terms = {{.term = {2}, .last = {9}}, {.term = {2}, .last = {10}}}}),
               "the terms of an Ack ascend");
}

TEST(Messages, HaveLengthsFromAHeaderToOneRecord) {
  std::string bytes(kFrameHeaderBytes, '\0');
  SetLength(bytes, kFrameHeaderBytes - 1);
  ExpectBroken(bytes, "a length of 15");
  SetLength(bytes, kPeerFrameBytesMax + 1);
  ExpectBroken(bytes, "a length of 16781313");
  bytes = Encoded(Victory{});
  SetLength(bytes, kPeerFrameBytesMax);
  EXPECT_FALSE(DecodeFrame(bytes)->has_value());
}

TEST(Messages, TheLargestRecordFitsAFrame) {
  EXPECT_LE(kRecordBytesMax + kReplicateHeadBytes, kPeerFrameBytesMax);
  EXPECT_EQ(Encoded(Replicate{}).size(), kReplicateHeadBytes);
}

TEST(Messages, AnAckNamesAsManyTermsAsAreTold) {
  Ack ack{.conflict = true};
  for (std::uint64_t i = 1; i <= kTermsToldMax; ++i) {
    ack.terms.push_back({.term = {i}, .last = {i}});
  }
  EXPECT_TRUE(DecodeFrame(Encoded(ack)).has_value());
  ack.terms.push_back({.term = {kTermsToldMax + 1}, .last = {kTermsToldMax + 1}});
  ExpectBroken(Encoded(ack), "at most kTermsToldMax terms");
}

TEST(Messages, AnAddressHasItsLimit) {
  const std::string address(kPeerAddressBytesMax + 1, 'a');
  EXPECT_TRUE(DecodeFrame(Encoded(Join{.name = kName, .address = address.substr(1)})).has_value());
  ExpectBroken(Encoded(Join{.name = kName, .address = address}), "at most kPeerAddressBytesMax");
}

TEST(Messages, AFloorComesWithAsManyMembersAsARecordHas) {
  const std::string members(kMembersBytesMax + 1, 'm');
  EXPECT_TRUE(DecodeFrame(Encoded(Floor{.members = members.substr(1)})).has_value());
  ExpectBroken(Encoded(Floor{.members = members}), "at most kMembersBytesMax");
}

TEST(Messages, AFullSyncHasPartsWithAndWithoutBytes) {
  const auto sync = [](unsigned part, std::uint64_t at, std::string_view bytes) {
    return Encoded(FullSync{.part = static_cast<FullSync::Part>(part), .at = at, .bytes = bytes});
  };
  ExpectBroken(sync(0, 0, ""), "the part of a FullSync is 1 to 3");
  ExpectBroken(sync(4, 0, ""), "the part of a FullSync is 1 to 3");
  ExpectBroken(sync(1, 0, "x"), "a FullSync has bytes in its part 2 alone");
  ExpectBroken(sync(2, 0, ""), "a FullSync has bytes in its part 2 alone");
  ExpectBroken(sync(3, 0, "x"), "a FullSync has bytes in its part 2 alone");
  const std::string piece(kFullSyncPieceBytesMax, 'p');
  EXPECT_TRUE(DecodeFrame(sync(2, UINT64_MAX - piece.size(), piece)).has_value());
  ExpectBroken(sync(2, UINT64_MAX - piece.size() + 1, piece), "at most kFullSyncPieceBytesMax");
  ExpectBroken(sync(2, 0, piece + "p"), "at most kFullSyncPieceBytesMax");
}

TEST(Messages, EveryRefusalHasItsText) {
  for (std::uint8_t reason = 1; reason <= 10; ++reason) {
    EXPECT_FALSE(TextOf(static_cast<Refusal>(reason)).empty());
  }
}

}  // namespace
}  // namespace nunc
