// The documents against the code: what they list is what there is.
//
// Shape:   the table of commands and the limits are compared with the constants of this build; a
//          mismatch prints what the document should say.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/command_table.h"
#include "language/nunc1_reply.h"

namespace nunc {
namespace {

namespace fs = std::filesystem;

const fs::path kRepository = NUNC_SOURCE_DIR;

std::string ReadText(const fs::path& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What stands between `<!-- name -->` and `<!-- /name -->`, without the line ends beside the marks.
std::string Block(const std::string& text, const std::string& name) {
  const std::string opening = "<!-- " + name + " -->\n";
  const std::size_t from = text.find(opening);
  const std::size_t to = text.find("\n<!-- /" + name + " -->");
  if (from == std::string::npos || to == std::string::npos || to < from + opening.size()) {
    return {};
  }
  return text.substr(from + opening.size(), to - from - opening.size());
}

// A bar ends a cell, also inside code.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    cell += c == '|' ? "\\|" : std::string(1, c);
  }
  return cell;
}

std::string RowText(const CommandRow& row) {
  std::string text = "| `" + std::string(row.name);
  for (const Argument& argument : row.argument_list()) {
    const bool optional = argument.presence == Presence::kOptional;
    const std::string name = Cell(argument.name);
    text += optional ? " [" + name + "]" : " " + name;
  }
  text += "`";
  if (!row.alias.empty()) {
    text += ", alias `" + std::string(row.alias) + "`";
  }
  text += " | " + std::string(LevelName(row)) + " | " + Cell(row.summary) + " |";
  return text;
}

TEST(Docs, TheTableOfCommandsIsTheOneOfThisBuild) {
  std::string expected = "| command | who | what it does |\n| --- | --- | --- |";
  for (const CommandRow& row : CommandTable()) {
    expected += "\n" + RowText(row);
  }
  const std::string shown = Block(ReadText(kRepository / "docs/language.md"), "commands");
  EXPECT_EQ(shown, expected) << "docs/language.md must have, between its marks:\n" << expected;
}

struct NamedLimit {
  std::string_view name;
  std::uint64_t value = 0;
};

const std::vector<NamedLimit> kLimits = {
    {"kKeyBytesMax", kKeyBytesMax},
    {"kValueBytesMaxDefault", kValueBytesMaxDefault},
    {"kValueBytesMaxCeiling", kValueBytesMaxCeiling},
    {"kNameBytesMax", kNameBytesMax},
    {"kSecretBytesMax", kSecretBytesMax},
    {"kDatabasesMax", kDatabasesMax},
    {"kDatabaseIdMax", kDatabaseIdMax},
    {"kSegmentBytesMin", kSegmentBytesMin},
    {"kSegmentBytesMax", kSegmentBytesMax},
    {"kMemoryBytesMaxMin", kMemoryBytesMaxMin},
    {"kConflictBytesMax", kConflictBytesMax},
    {"kTransactionWritesMax", kTransactionWritesMax},
    {"kTransactionBytesMax", kTransactionBytesMax},
    {"kTransactionsBytesMax", kTransactionsBytesMax},
    {"kGetManyKeysMax", kGetManyKeysMax},
    {"kReplyBytesMax", kReplyBytesMax},
    {"kScanRowsDefault", kScanRowsDefault},
    {"kScanRowsMax", kScanRowsMax},
    {"kScanBytesMax", kScanBytesMax},
    {"kScanVisitedMax", kScanVisitedMax},
    {"kHeldRepliesMax", kHeldRepliesMax},
    {"kHeldBytesMax", kHeldBytesMax},
    {"kCatchUpEntriesPerTurn", kCatchUpEntriesPerTurn},
    {"kCatchUpsAtOnce", kCatchUpsAtOnce},
    {"kWalkWatchesMax", kWalkWatchesMax},
    {"kProgressIntervalUs", kProgressIntervalUs},
    {"kAllBytesMax", kAllBytesMax},
    {"kEveryMsMax", static_cast<std::uint64_t>(kEveryMsMax)},
    {"kWakesPerTurn", kWakesPerTurn},
    {"kWatchesEndedPerTurn", kWatchesEndedPerTurn},
    {"kLeavingWatchesMax", kLeavingWatchesMax},
    {"kClosingKeysMax", kClosingKeysMax},
    {"kRecentWritesMax", kRecentWritesMax},
    {"kExplainWatchersMax", kExplainWatchersMax},
    {"kMeasuredDatabasesMax", kMeasuredDatabasesMax},
    {"kShownUsMax", static_cast<std::uint64_t>(kShownUsMax)},
    {"kLifetimeMsMax", static_cast<std::uint64_t>(kLifetimeMsMax)},
    {"kExpiriesPerTurn", kExpiriesPerTurn},
    {"kSessionKeysMax", kSessionKeysMax},
    {"kWatchesPerSessionMax", kWatchesPerSessionMax},
    {"kOpenConflictsPerDatabaseMax", kOpenConflictsPerDatabaseMax},
    {"kClosedConflictsPerDatabaseMax", kClosedConflictsPerDatabaseMax},
    {"kCommandOverheadBytesMax", kCommandOverheadBytesMax},
    {"kCommandsPerMessageMax", kCommandsPerMessageMax},
    {"kJsonDepthMax", kJsonDepthMax},
    {"kMessageDepthMax", kMessageDepthMax},
    {"kRequestFieldsMax", kRequestFieldsMax},
    {"kRequestIdBytesMax", kRequestIdBytesMax},
    {"kBatchRequestsMax", kBatchRequestsMax},
    {"kBatchAnswerBytesMax", kBatchAnswerBytesMax},
    {"kMergeBytesMax", kMergeBytesMax},
    {"kHttpHeadBytesMax", kHttpHeadBytesMax},
    {"kHttpHeadersMax", kHttpHeadersMax},
    {"kHttpAnswerBytesMax", kHttpAnswerBytesMax},
    {"kConnectionsMaxDefault", kConnectionsMaxDefault},
    {"kDescriptorsReserved", kDescriptorsReserved},
    {"kUnsentBytesMax", kUnsentBytesMax},
    {"kBufferedBytesMaxDefault", kBufferedBytesMaxDefault},
    {"kBufferedBytesAllowance", kBufferedBytesAllowance},
    {"kHandshakeTimeoutMsDefault", kHandshakeTimeoutMsDefault},
    {"kHttpIdleTimeoutMsDefault", kHttpIdleTimeoutMsDefault},
    {"kPingIntervalMsDefault", kPingIntervalMsDefault},
    {"kReadBytesPerTurn", kReadBytesPerTurn},
    {"kCommandsPerTurn", kCommandsPerTurn},
    {"kExpectedKeysMax", kExpectedKeysMax},
    {"kLookAheadBytesMax", kLookAheadBytesMax},
    {"kSendSliceUs", kSendSliceUs},
    {"kRunSliceUs", kRunSliceUs},
    {"kChunkLineBytesMax", kChunkLineBytesMax},
    {"kHttpRequestTimeoutMsDefault", kHttpRequestTimeoutMsDefault},
    {"kFanOutBytesMax", kFanOutBytesMax},
    {"kAcceptsPerTurn", kAcceptsPerTurn},
    {"kWsFragmentBytes", kWsFragmentBytes},
    {"kDeflateBytesMin", kDeflateBytesMin},
    {"kDeflateBytesMax", kDeflateBytesMax},
    {"kBackupUsMax", static_cast<std::uint64_t>(kBackupUsMax)},
    {"kImportEntriesMax", kImportEntriesMax},
    {"kRecordBytesMax", kRecordBytesMax},
    {"kPeerFrameBytesMax", kPeerFrameBytesMax},
    {"kRecentRecordsBytesMax", kRecentRecordsBytesMax},
    {"kCatchUpBytes", kCatchUpBytes},
    {"kMembersBytesMax", kMembersBytesMax},
    {"kReplicateBytesMax", kReplicateBytesMax},
    {"kMaxAgeMsMax", kMaxAgeMsMax},
    {"kForwardsSentMax", kForwardsSentMax},
    {"kForwardsSentBytesMax", kForwardsSentBytesMax},
    {"kForwardSendsMax", kForwardSendsMax},
    {"kForwardsBytesMax", kForwardsBytesMax},
    {"kForwardsPerTurn", kForwardsPerTurn},
    {"kStandInsMax", kStandInsMax},
    {"kOwnersPerNodeMax", kOwnersPerNodeMax},
    {"kOwnersAwaitUs", kOwnersAwaitUs},
    {"kReplicatesInFlightMax", kReplicatesInFlightMax},
    {"kTermsKnownMax", kTermsKnownMax},
    {"kTermsToldMax", kTermsToldMax},
    {"kMembersMax", kMembersMax},
    {"kMembersWithArbiterNode", kMembersWithArbiterNode},
    {"kPeerAddressBytesMax", kPeerAddressBytesMax},
    {"kFullSyncPieceBytesMax", kFullSyncPieceBytesMax},
    {"kFullSyncWindowBytes", kFullSyncWindowBytes},
    {"kFullSyncSilentUs", kFullSyncSilentUs},
    {"kMemberKeepUs", kMemberKeepUs},
    {"kPeerLinksMax", kPeerLinksMax},
    {"kPeerHandshakesMax", kPeerHandshakesMax},
    {"kPeerHandshakeTimeoutMs", kPeerHandshakeTimeoutMs},
    {"kPeerDialTimeoutMs", kPeerDialTimeoutMs},
    {"kPeerSilentMs", kPeerSilentMs},
    {"kPeerUnsentBytesMax", kPeerUnsentBytesMax},
    {"kHeldFramesMax", kHeldFramesMax},
    {"kElectionTimingUsMax", kElectionTimingUsMax},
    {"kReceivedBytesMax", kReceivedBytesMax},
    {"kRetriesPerSessionMax", kRetriesPerSessionMax},
    {"kRetriesMax", kRetriesMax},
    {"kRetryAgeUsMax", kRetryAgeUsMax},
    {"kRetrySessionsForgottenAtOnce", kRetrySessionsForgottenAtOnce},
    {"kUndoBytesMax", kUndoBytesMax},
    {"kTombstonesMin", kTombstonesMin},
    {"kTombstoneAgeUsMax", static_cast<std::uint64_t>(kTombstoneAgeUsMax)},
};

TEST(Docs, EveryLimitIsListedWithItsValue) {
  const std::string text = ReadText(kRepository / "docs/limits.md");
  for (const NamedLimit& limit : kLimits) {
    const std::string cells =
        "| `" + std::string(limit.name) + "` | " + std::to_string(limit.value) + " |";
    EXPECT_NE(text.find(cells), std::string::npos) << "docs/limits.md lacks: " << cells;
  }
}

TEST(Docs, EveryConstantOfTheLimitsIsCheckedHere) {
  std::set<std::string, std::less<>> checked;
  for (const NamedLimit& limit : kLimits) {
    checked.emplace(limit.name);
  }
  const std::string header = ReadText(kRepository / "src/base/limits.h") +
                             ReadText(kRepository / "src/base/peer_limits.h");
  const std::regex constant(R"(inline constexpr [\w:]+ (k\w+))");
  std::size_t seen = 0;
  for (std::sregex_iterator at(header.begin(), header.end(), constant), end; at != end; ++at) {
    ++seen;
    EXPECT_TRUE(checked.contains((*at)[1].str())) << (*at)[1];
  }
  EXPECT_EQ(seen, kLimits.size());
}

// As a code word, alone or among others of its cell.
bool Names(const std::string& text, std::string_view word) {
  return text.find("`" + std::string(word) + "`") != std::string::npos;
}

TEST(Docs, TheProtocolPageHasEveryOpAndEveryErrorCode) {
  const std::string text = ReadText(kRepository / "docs/protocol.md");
  for (const CommandRow& row : CommandTable()) {
    EXPECT_TRUE(Names(text, row.name)) << "docs/protocol.md lacks the op " << row.name;
  }
  for (int code = static_cast<int>(ErrorCode::kNotAuth);
       code <= static_cast<int>(ErrorCode::kBadSession); ++code) {
    const std::string_view word = Nunc1CodeOf(static_cast<ErrorCode>(code));
    EXPECT_TRUE(Names(text, word)) << "docs/protocol.md lacks the code " << word;
  }
}

std::vector<fs::path> Documents() {
  std::vector<fs::path> documents = {kRepository / "README.md", kRepository / "CHANGELOG.md"};
  for (const auto& entry : fs::directory_iterator(kRepository / "docs")) {
    if (entry.path().extension() == ".md") {
      documents.push_back(entry.path());
    }
  }
  return documents;
}

// [text](target), and `file.md` in code marks, which is how the documents name each other.
TEST(Docs, WhatTheyReferToIsThere) {
  const std::regex link(R"(\]\(([^)#\s]+)[^)]*\)|`([\w-]+\.(?:md|jsonl))`)");
  std::size_t seen = 0;
  for (const fs::path& document : Documents()) {
    const std::string text = ReadText(document);
    EXPECT_FALSE(text.empty()) << document;
    for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at) {
      const std::string target = (*at)[1].matched ? (*at)[1].str() : (*at)[2].str();
      if (target.find("://") != std::string::npos) {
        continue;
      }
      ++seen;
      EXPECT_TRUE(fs::exists(document.parent_path() / target) || fs::exists(kRepository / target))
          << document.filename() << " refers to " << target;
    }
  }
  EXPECT_GT(seen, 0U);
}

}  // namespace
}  // namespace nunc
