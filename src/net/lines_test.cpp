#include "net/lines.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

using LineKind = LineEvent::Kind;

constexpr std::size_t kLineBytesMax = 64;

// Every line's text; a line that is too long shows as "<too long>".
std::vector<std::string> ReadAll(LineReader& reader, std::string_view input) {
  std::vector<std::string> lines;
  for (LineEvent event = reader.Next(input); event.kind != LineKind::kNeedMore;
       event = reader.Next(input)) {
    lines.emplace_back(event.kind == LineKind::kLine ? event.text : "<too long>");
  }
  EXPECT_TRUE(input.empty());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineReader, GivesEachLineOfAnInput) {
  LineReader reader(kLineBytesMax);
  EXPECT_EQ(ReadAll(reader, "get a\nset b c\n\nkeys\n"), (Lines{"get a", "set b c", "", "keys"}));
  EXPECT_EQ(reader.BufferedBytes(), 0U);
}

TEST(LineReader, JoinsALineThatComesInPieces) {
  LineReader reader(kLineBytesMax);
  EXPECT_EQ(ReadAll(reader, "set a "), Lines{});
  EXPECT_EQ(ReadAll(reader, "one"), Lines{});
  EXPECT_EQ(ReadAll(reader, "\nget a\nge"), (Lines{"set a one", "get a"}));
  EXPECT_EQ(ReadAll(reader, "t b\n"), Lines{"get b"});
}

TEST(LineReader, WhatFollowsTheLastLineFeedIsNoLine) {
  LineReader reader(kLineBytesMax);
  EXPECT_EQ(ReadAll(reader, "a\nb"), Lines{"a"});
}

TEST(LineReader, DropsOneCarriageReturnAndThenEverySemicolon) {
  LineReader reader(kLineBytesMax);
  EXPECT_EQ(ReadAll(reader, "a\r\n"), Lines{"a"});
  EXPECT_EQ(ReadAll(reader, "a\r\r\n"), Lines{"a\r"});
  EXPECT_EQ(ReadAll(reader, "a;;;\n"), Lines{"a"});
  EXPECT_EQ(ReadAll(reader, "a;b;;\r\n"), Lines{"a;b"});
  EXPECT_EQ(ReadAll(reader, "a;\r;\n"), Lines{"a;\r"});
  EXPECT_EQ(ReadAll(reader, ";\r\n"), Lines{""});
}

TEST(LineReader, DropsThemAlsoWhenTheyComeApart) {
  LineReader reader(kLineBytesMax);
  EXPECT_EQ(ReadAll(reader, "a;"), Lines{});
  EXPECT_EQ(ReadAll(reader, "\r"), Lines{});
  EXPECT_EQ(ReadAll(reader, "\n"), Lines{"a"});
}

TEST(LineReader, TakesALineOfTheLimitAndNoByteMore) {
  const std::string most(kLineBytesMax, 'x');
  LineReader reader(kLineBytesMax);
  EXPECT_EQ(ReadAll(reader, most + "\n"), Lines{most});
  EXPECT_EQ(ReadAll(reader, most + "x\n"), Lines{"<too long>"});
  // What is dropped from a line counts too.
  EXPECT_EQ(ReadAll(reader, most + "\r\n"), Lines{"<too long>"});
}

TEST(LineReader, CountsTheLimitOverThePieces) {
  const std::string most(kLineBytesMax, 'x');
  LineReader reader(kLineBytesMax);
  EXPECT_EQ(ReadAll(reader, most), Lines{});
  EXPECT_EQ(ReadAll(reader, "\n"), Lines{most});
  EXPECT_EQ(ReadAll(reader, most), Lines{});
  EXPECT_EQ(ReadAll(reader, "x\nget a\n"), (Lines{"<too long>", "get a"}));
  EXPECT_EQ(ReadAll(reader, most), Lines{});
  EXPECT_EQ(ReadAll(reader, "x"), Lines{});
  EXPECT_EQ(ReadAll(reader, "y\n"), Lines{"<too long>"});
}

TEST(LineReader, AnEndlessLineHoldsNoMemoryAndIsToldOnce) {
  LineReader reader(kLineBytesMax);
  const std::string piece(kLineBytesMax, 'x');
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(ReadAll(reader, piece), Lines{});
    EXPECT_LE(reader.BufferedBytes(), 2 * kLineBytesMax);
  }
  EXPECT_EQ(reader.BufferedBytes(), 0U);
  EXPECT_EQ(ReadAll(reader, "\nget a\n"), (Lines{"<too long>", "get a"}));
}

TEST(LineReader, ADeliveredLineCanBeDroppedAtOnce) {
  LineReader reader(kLineBytesMax);
  std::string_view input = "a line that is longer than a string holds";
  EXPECT_EQ(reader.Next(input).kind, LineKind::kNeedMore);
  input = " in place\n";
  EXPECT_EQ(reader.Next(input).text, "a line that is longer than a string holds in place");
  EXPECT_GT(reader.BufferedBytes(), 0U);
  reader.DropDelivered();
  EXPECT_EQ(reader.BufferedBytes(), 0U);
}

TEST(LineReader, DroppingKeepsALineThatIsStillComing) {
  LineReader reader(kLineBytesMax);
  EXPECT_EQ(ReadAll(reader, "get "), Lines{});
  reader.DropDelivered();
  EXPECT_EQ(ReadAll(reader, "a\n"), Lines{"get a"});
}

}  // namespace
}  // namespace nunc
