#include "cli/escape.h"

#include <gtest/gtest.h>

namespace nunc {
namespace {

TEST(QuoteText, LeavesPlainTextAsItIs) {
  EXPECT_EQ(QuoteText(""), R"("")");
  EXPECT_EQ(QuoteText("valid auth 'x' /;{}"), R"("valid auth 'x' /;{}")");
}

TEST(QuoteText, EscapesAsTheReferencePrintsIt) {
  EXPECT_EQ(QuoteText("valid auth\n;create-db success\n"), R"("valid auth\n;create-db success\n")");
  EXPECT_EQ(QuoteText(std::string_view("\"\\\t\r\0", 5)), R"("\"\\\t\r\0")");
  EXPECT_EQ(QuoteText("\x1b[0m\x7f"), R"("\u{1b}[0m\u{7f}")");
}

TEST(QuoteText, LeavesPrintableUnicodeAndEscapesWhatCannotBeSeen) {
  EXPECT_EQ(QuoteText("é – 数 😀"), "\"é – 数 😀\"");
  EXPECT_EQ(QuoteText("\u0085\u00ad\u200b\u202e\u2028\ufeff\U000E0001"),
            R"("\u{85}\u{ad}\u{200b}\u{202e}\u{2028}\u{feff}\u{e0001}")");
}

TEST(QuoteText, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(QuoteText("a\xFF z"), "\"a\uFFFD z\"");
  EXPECT_EQ(QuoteText("\xC3"), "\"\uFFFD\"");                      // cut
  EXPECT_EQ(QuoteText("\xC0\x80"), "\"\uFFFD\uFFFD\"");            // overlong
  EXPECT_EQ(QuoteText("\xE0\x80\x80"), "\"\uFFFD\uFFFD\uFFFD\"");  // overlong
  EXPECT_EQ(QuoteText("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");  // surrogate
  EXPECT_EQ(QuoteText("\xF4\x90\x80\x80"), "\"\uFFFD\uFFFD\uFFFD\uFFFD\"");
  EXPECT_EQ(QuoteText("\uFFFD"), "\"\uFFFD\"");
}

TEST(HideControls, ChangesOnlyWhatCannotBeSeen) {
  EXPECT_EQ(HideControls("3 {\"a\":\"\\n\"}\té"), "3 {\"a\":\"\\n\"}\té");
  EXPECT_EQ(HideControls("\x1b]0;x\x07\r"), R"(\u{1b}]0;x\u{7}\u{d})");
}

}  // namespace
}  // namespace nunc
