// docs/formats.md against the code: the bytes of its example, and that they are read as it says.
#include <cctype>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "storage/record.h"
#include "storage/record_fixture.h"
#include "storage/segment.h"

namespace nunc {
namespace {

constexpr Term kTerm{1'700'000'000};
constexpr std::int64_t kTimeUs = 1'700'000'000'000'000;
const SegmentHeader kHeader{.cluster = {0x1111111111111111, 0x2222222222222222},
                            .first = {1},
                            .first_term = kTerm,
                            .first_time_us = kTimeUs,
                            .previous_checksum = 0};

OwnedRecord ExampleRecord() {
  return OwnedRecord(
      {.type = RecordType::kSet, .database = {3}, .revision = {1}, .time_us = kTimeUs},
      {{.type = RecordType::kSet, .key = "greeting", .value = "hello", .version = 1}});
}

// As a hex dump shows them: offset, 16 bytes, and what of them can be printed.
std::string HexOf(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    char number[32];
    std::snprintf(number, sizeof number, "%04zx ", at);
    text += number;
    const std::string_view line = bytes.substr(at, 16);
    std::string printed;
    for (std::size_t i = 0; i < 16; ++i) {
      if (i < line.size()) {
        const auto byte = static_cast<unsigned char>(line[i]);
        std::snprintf(number, sizeof number, " %02x", static_cast<unsigned>(byte));
        printed += std::isprint(byte) != 0 ? line[i] : '.';
      } else {
        std::snprintf(number, sizeof number, "   ");
      }
      text += number;
    }
    text += "  " + printed + "\n";
  }
  return text;
}

// The bytes of such a dump.
std::string BytesOf(const std::string& hex) {
  std::string bytes;
  std::istringstream lines(hex);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream numbers(line.substr(4, 49));
    for (std::string number; numbers >> number;) {
      bytes += static_cast<char>(std::stoi(number, nullptr, 16));
    }
  }
  return bytes;
}

std::string ShownInTheDocument() {
  const std::ifstream file(NUNC_SOURCE_DIR "/docs/formats.md", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const std::string opening = "<!-- example -->\n```\n";
  const std::size_t from = all.find(opening);
  const std::size_t to = all.find("```\n<!-- /example -->");
  if (from == std::string::npos || to == std::string::npos) {
    return {};
  }
  return all.substr(from + opening.size(), to - from - opening.size());
}

TEST(Formats, TheExampleOfTheDocumentIsWhatIsWritten) {
  const std::string bytes = EncodeSegmentHeader(kHeader) + Encode(ExampleRecord().get(), kTerm, 0);
  EXPECT_EQ(ShownInTheDocument(), HexOf(bytes)) << "docs/formats.md must have, between its marks:\n"
                                                << HexOf(bytes);
}

TEST(Formats, TheExampleOfTheDocumentIsReadAsItSays) {
  const std::string bytes = BytesOf(ShownInTheDocument());
  const auto header = DecodeSegmentHeader(bytes);
  ASSERT_TRUE(header.has_value()) << header.error().detail;
  EXPECT_EQ(*header, kHeader);
  RecordDecoder decoder;
  const auto record = decoder.Decode(std::string_view(bytes).substr(kSegmentHeaderBytes), 0);
  ASSERT_TRUE(record && record->has_value());
  EXPECT_EQ(Have(record).term, kTerm);
  EXPECT_EQ(Describe(Have(record).record), Describe(ExampleRecord().get()));
}

}  // namespace
}  // namespace nunc
