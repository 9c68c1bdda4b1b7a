#include "transport/frames.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

class FramesTest : public testing::Test {
 protected:
  Deflater deflater_;
  std::string scratch_;
  Nunc1Writer json_;
  std::string database_ = "d";
  Frames frames_{deflater_, scratch_, json_,
                 [this](DatabaseId) { return std::string_view(database_); }};
};

TEST_F(FramesTest, AChangeIsTwoLinesOnTcp) {
  const Change change{.key = "k", .value = "a b", .version = 3};
  frames_.Begin(change);
  EXPECT_EQ(frames_.Get(WireForm::kLines).bytes(), "changed k a b\nchanged-version k 3 a b\n");
}

TEST_F(FramesTest, AChangeIsTwoTextMessagesOnWebSocket) {
  const Change change{.key = "k", .value = "v", .version = kVersionInConflict};
  frames_.Begin(change);
  EXPECT_EQ(frames_.Get(WireForm::kWebSocket).bytes(),
            "\x81\x0c"
            "changed k v\n"
            "\x81\x17"
            "changed-version k -2 v\n");
}

TEST_F(FramesTest, ARemovalAndAConflictAreOneMessage) {
  const Change removed{.kind = ChangeKind::kRemoved, .key = "k"};
  frames_.Begin(removed);
  EXPECT_EQ(frames_.Get(WireForm::kLines).bytes(), "removed k\n");
  const Change conflict{.kind = ChangeKind::kConflict, .key = "x", .value = "resolve 1 d 0 k a b"};
  frames_.Begin(conflict);
  EXPECT_EQ(frames_.Get(WireForm::kLines).bytes(), "resolve 1 d 0 k a b\n");
}

TEST_F(FramesTest, EachFormIsEncodedOnce) {
  const Change change{.key = "k", .value = "v"};
  frames_.Begin(change);
  EXPECT_EQ(frames_.Get(WireForm::kLines).bytes().data(),
            frames_.Get(WireForm::kLines).bytes().data());
  EXPECT_EQ(frames_.Get(WireForm::kWebSocket).bytes().data(),
            frames_.Get(WireForm::kWebSocket).bytes().data());
}

TEST_F(FramesTest, AShortChangeIsOneFrameForCompressedAndPlainSessions) {
  const Change change{.key = "k", .value = "v"};
  frames_.Begin(change);
  EXPECT_EQ(frames_.Get(WireForm::kWebSocketDeflate).bytes().data(),
            frames_.Get(WireForm::kWebSocket).bytes().data());
}

TEST_F(FramesTest, TheNextChangeHasFramesOfItsOwn) {
  const Change first{.key = "k", .value = "1"};
  const Change second{.key = "k", .value = "2"};
  frames_.Begin(first);
  const SharedFrame kept = frames_.Get(WireForm::kLines);
  frames_.Begin(second);
  EXPECT_EQ(frames_.Get(WireForm::kLines).bytes(), "changed k 2\nchanged-version k 0 2\n");
  EXPECT_EQ(kept.bytes(), "changed k 1\nchanged-version k 0 1\n");
}

TEST_F(FramesTest, ShortFramesOfOneFormStandBehindEachOther) {
  const Change change{.key = "k", .value = "1"};
  frames_.Begin(change);
  const SharedFrame first = frames_.Get(WireForm::kLines);
  frames_.Get(WireForm::kJson);
  frames_.Begin(change);
  const SharedFrame second = frames_.Get(WireForm::kLines);
  EXPECT_EQ(first.bytes().end(), second.bytes().begin());
}

TEST_F(FramesTest, AChunkBeginsAnewWhenNobodyHoldsAFrameOfIt) {
  const Change change{.key = "k", .value = "1"};
  frames_.Begin(change);
  const char* const memory = frames_.Get(WireForm::kLines).bytes().data();
  const std::size_t alive = frames_.bytes_alive();
  for (std::size_t i = 0; i < kFrameChunkBytes; ++i) {
    frames_.Begin(change);
    EXPECT_EQ(frames_.Get(WireForm::kLines).bytes().data(), memory);
  }
  EXPECT_EQ(frames_.bytes_alive(), alive);
}

// At the limit and one byte above it.
TEST_F(FramesTest, AChunkIsFilledAndNotBeyond) {
  const std::size_t around = std::string_view("changed k \nchanged-version k 0 \n").size();
  const std::string value((kShortFrameBytesMax - around) / 2, 'v');
  const Change change{.key = "k", .value = value};
  std::vector<SharedFrame> held;
  do {
    frames_.Begin(change);
    held.push_back(frames_.Get(WireForm::kLines));
  } while (held.back().chunk == held.front().chunk);
  const std::size_t size = held.front().size;
  EXPECT_LE(size, kShortFrameBytesMax);
  EXPECT_EQ(held.size() - 1, kFrameChunkBytes / size);
  EXPECT_EQ(held.back().at, 0U);
  EXPECT_EQ(held.front().bytes().front(), 'c');
}

TEST_F(FramesTest, ALongFrameHasAChunkOfItsOwnAndIsCountedWhileItIsHeld) {
  const std::string value(kShortFrameBytesMax, 'v');
  const Change change{.key = "k", .value = value};
  frames_.Begin(change);
  {
    const SharedFrame held = frames_.Get(WireForm::kLines);
    EXPECT_FALSE(held.chunk->common());
    frames_.Begin(change);
    EXPECT_EQ(frames_.bytes_alive(), held.size);
  }
  EXPECT_EQ(frames_.bytes_alive(), 0U);
}

TEST_F(FramesTest, AChangeIsOneJsonMessageWhoeverGetsIt) {
  const Change change{.key = "k", .value = "{}", .version = 3};
  frames_.Begin(change);
  const std::string text = R"({"push":"set","db":"d","key":"k","value":{},"version":3})";
  const std::string frame = std::string("\x81") + static_cast<char>(text.size()) + text;
  EXPECT_EQ(frames_.Get(WireForm::kJson).bytes(), frame);
  EXPECT_EQ(frames_.Get(WireForm::kJsonDeflate).bytes().data(),
            frames_.Get(WireForm::kJson).bytes().data());
  const std::string large(kDeflateBytesMin, 'a');
  const Change compressed{.key = "k", .value = large};
  frames_.Begin(compressed);
  EXPECT_EQ(frames_.Get(WireForm::kJsonDeflate).bytes().front(), '\xC1');
  EXPECT_EQ(frames_.Get(WireForm::kJsonDeflate).bytes().data(),
            frames_.Get(WireForm::kJsonDeflate).bytes().data());
}

// First byte of a frame: FIN, RSV1 (compressed), opcode text.
constexpr char kCompressedText = '\xC1';
constexpr char kPlainText = '\x81';

char FirstByteOfText(std::size_t bytes) {
  Deflater deflater;
  std::string scratch;
  std::string out;
  AppendTextMessage(out, std::string(bytes, 'a'), WireForm::kWebSocketDeflate, deflater, scratch);
  return out.front();
}

TEST(AppendTextMessage, CompressesFromTheLeastSizeToTheGreatestAndNotBeyond) {
  EXPECT_EQ(FirstByteOfText(kDeflateBytesMin - 1), kPlainText);
  EXPECT_EQ(FirstByteOfText(kDeflateBytesMin), kCompressedText);
  EXPECT_EQ(FirstByteOfText(kDeflateBytesMax), kCompressedText);
  EXPECT_EQ(FirstByteOfText(kDeflateBytesMax + 1) & '\x40', 0);
}

TEST_F(FramesTest, AnEventIsOneChunkWhoseDataIsThePush) {
  const Change change{.key = "k", .value = "1", .version = 3};
  frames_.Begin(change);
  EXPECT_EQ(frames_.Get(WireForm::kSse).bytes(),
            "4a\r\n"
            "event: set\n"
            "data: {\"push\":\"set\",\"db\":\"d\",\"key\":\"k\",\"value\":1,\"version\":3}\n\n"
            "\r\n");
}

TEST_F(FramesTest, OnlyTheEventThatGivesATokenHasAnId) {
  const Change ready{.kind = ChangeKind::kReady, .key = "a/*", .value = "1.2.ab"};
  frames_.Begin(ready);
  EXPECT_NE(frames_.Get(WireForm::kSse).bytes().find("event: ready\nid: 1.2.ab\ndata: {"),
            std::string::npos);
  for (const ChangeKind kind : {ChangeKind::kSet, ChangeKind::kRemoved, ChangeKind::kStarted}) {
    const Change other{.kind = kind, .key = "k", .value = "rewind 1.2.ab"};
    frames_.Begin(other);
    EXPECT_EQ(frames_.Get(WireForm::kSse).bytes().find("\nid:"), std::string::npos);
  }
}

TEST_F(FramesTest, ALineEndInAValueEndsNoEvent) {
  const Change change{.key = "k", .value = "[1,\r\n\n2]"};
  frames_.Begin(change);
  const std::string event(frames_.Get(WireForm::kSse).bytes());
  EXPECT_NE(event.find("\"value\":[1,\ndata: \ndata: \ndata: 2]"), std::string::npos) << event;
  EXPECT_EQ(event.find("\n\n"), event.size() - 4) << event;
}

}  // namespace
}  // namespace nunc
