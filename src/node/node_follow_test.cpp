// A node that takes the records of another one, live.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "node/follow_fixture.h"

namespace nunc {
namespace {

const std::string kNotPrimary =
    "error " + std::to_string(static_cast<int>(ErrorCode::kNotPrimary)) + " p:1";

class NodeFollowTest : public FollowTest {
 protected:
  std::string Failure(std::string_view bytes) {
    Receive(bytes);
    return output_.failure ? output_.failure->detail : "";
  }
};

TEST_F(NodeFollowTest, RecordsAreKeptByteForByteAndChangeTheStore) {
  Set("k", "1");
  Set("k", "2");
  Write({.verb = Verb::kRemove, .key = "gone"});
  Ship();
  EXPECT_FALSE(output_.failure);
  EXPECT_EQ(kept_, log_);
  EXPECT_EQ(secondary_.end(), primary_.end());
  EXPECT_EQ(ValueOf("k"), "2");
  EXPECT_EQ(Run(kReader, {.verb = Verb::kGet, .key = "k"}), (Lines{"value 2", "ok"}));
}

TEST_F(NodeFollowTest, WatchersHearWhatTheyWouldWhereItIsWritten) {
  Watch("k");
  Watch("p*");
  Set("k", "1");
  Set("k", "2");
  Set("p1", "x");
  Write({.verb = Verb::kRemove, .key = "k"});
  Write({.verb = Verb::kRemove, .key = "p-never"});
  Write({.verb = Verb::kExpire, .key = "p1", .ttl_ms = 5});
  Ship();
  EXPECT_EQ(Take(),
            (Lines{"set k 1 v0", "set k 2 v1", "set p1 x v0", "removed k", "removed p-never"}));
}

TEST_F(NodeFollowTest, ATransactionIsOneUnit) {
  Watch("*", "0");
  Write({.verb = Verb::kMulti});
  Set("a", "1");
  Set("b", "2");
  Write({.verb = Verb::kExec});
  Ship();
  EndTurns();
  EXPECT_EQ(Take(), (Lines{"set a 1 v0 +", "set b 2 v0 +", "ready "}));
}

TEST_F(NodeFollowTest, WhatComesInPiecesOfWholeRecordsIsTheSame) {
  Set("k", "1");
  Set("k", "2");
  const std::string_view rest = std::string_view(log_).substr(shipped_);
  const std::size_t first = HeadOfRecord(rest).bytes;
  Receive(rest.substr(0, first));
  EXPECT_EQ(ValueOf("k"), "1");
  Receive(rest.substr(first));
  EXPECT_EQ(ValueOf("k"), "2");
  EXPECT_EQ(kept_, log_);
}

TEST_F(NodeFollowTest, AWrongRecordIsNamedAndNothingFromItOnIsTaken) {
  Set("k", "1");
  const std::size_t second = log_.size();
  Set("k", "2");
  Set("k", "3");
  std::string wrong = log_.substr(shipped_);
  wrong[second - shipped_ + 70] ^= 1;
  EXPECT_NE(Failure(wrong).find("behind revision"), std::string::npos);
  EXPECT_EQ(ValueOf("k"), "1");
  EXPECT_EQ(kept_, log_.substr(0, second));
  const std::string_view good = std::string_view(log_).substr(second);
  EXPECT_NE(Failure(good.substr(0, good.size() - 8)).find("cut short"), std::string::npos);
  EXPECT_EQ(ValueOf("k"), "2");
}

TEST_F(NodeFollowTest, ARecordThatDoesNotFollowIsRefused) {
  Set("k", "1");
  const ChainEnd end = secondary_.end();
  const auto record = [&](Term term, std::uint64_t revision, std::int64_t time_us) {
    std::string bytes;
    std::uint64_t chain = end.checksum;
    AppendRecord(bytes, {.revision = {revision}, .time_us = time_us}, term, chain);
    return bytes;
  };
  EXPECT_NE(Failure(record(end.term, end.revision.value + 2, end.time_us + 1)).find("revision"),
            std::string::npos);
  EXPECT_NE(Failure(record({0}, end.revision.value + 1, end.time_us + 1)).find("older"),
            std::string::npos);
  EXPECT_NE(Failure(record(end.term, end.revision.value + 1, end.time_us)).find("later"),
            std::string::npos);
  EXPECT_EQ(secondary_.end(), end);
  EXPECT_EQ(Failure(record(end.term, end.revision.value + 1, end.time_us + 1)), "");
}

TEST_F(NodeFollowTest, ARecordThatFitsNoStoreChangesNothing) {
  const auto refuses = [&](const Record& content) {
    Record record = content;
    record.revision = {secondary_.end().revision.value + 1};
    record.time_us = secondary_.end().time_us + 1;
    std::string bytes;
    std::uint64_t chain = secondary_.end().checksum;
    AppendRecord(bytes, record, secondary_.end().term, chain);
    const ChainEnd before = secondary_.end();
    return !Failure(bytes).empty() && secondary_.end() == before;
  };
  const DatabaseId id = secondary_.store().Find("db")->id();
  const RecordItem good{.key = "k", .value = "1"};
  const RecordItem live{.key = kConnectionsKey, .value = "1"};
  const std::vector<RecordItem> both = {good, live};
  EXPECT_TRUE(refuses({.type = RecordType::kSet, .database = {99}, .items = {&good, 1}}));
  EXPECT_TRUE(refuses({.type = RecordType::kBatch, .database = id, .items = both}));
  EXPECT_TRUE(refuses({.type = RecordType::kDropDatabase, .database = kAdminDatabaseId}));
  EXPECT_TRUE(refuses({.type = RecordType::kCreateDatabase,
                       .database = {id.value + 1},
                       .spec = {.name = "db", .token = "t"}}));
  EXPECT_TRUE(refuses({.type = RecordType::kCreateDatabase,
                       .database = {id.value + 1},
                       .spec = {.name = kTokenKey, .token = "t"}}));
  EXPECT_EQ(ValueOf("k"), "-");
}

TEST_F(NodeFollowTest, MoreAtOnceThanTheLimitIsRefusedAsAWhole) {
  EXPECT_NE(Failure(std::string(kReceivedBytesMax, 'x')).find("behind revision"),
            std::string::npos);
  EXPECT_NE(Failure(std::string(kReceivedBytesMax + 1, 'x')).find("at once"), std::string::npos);
  Set("k", "1");
  Step(TurnStarted{.now = now_, .log_room = log_.size() - shipped_ - 1});
  Receive(std::string_view(log_).substr(shipped_));
  ASSERT_TRUE(output_.failure);
  EXPECT_EQ(output_.failure->fault, Fault::kNoSpace);
  Step(TurnStarted{.now = now_, .log_room = log_.size() - shipped_});
  Ship();
  EXPECT_FALSE(output_.failure);
}

TEST_F(NodeFollowTest, APrimaryTakesNoRecords) {
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = {2}});
  EXPECT_EQ(secondary_.role(), NodeRole::kPrimary);
  EXPECT_NE(Failure(log_).find("this one makes them"), std::string::npos);
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = {2}});
  EXPECT_TRUE(output_.failure);  // that term has begun
}

// ---- rights, databases, conflicts

TEST_F(NodeFollowTest, AWithdrawnRightEndsWhatAPatternIsTold) {
  Write({.verb = Verb::kCreateUser, .name = "u", .secret = "s"});
  Write({.verb = Verb::kSetPermissions, .name = "u", .value = "r *"});
  Set("a", "1");
  Ship();
  Sync();
  Run(kReader, {.verb = Verb::kUseDb, .name = "db", .user = "u", .secret = "s"});
  Watch("*", "0");
  Write({.verb = Verb::kSetPermissions, .name = "u", .value = "r b*"});
  Ship();
  Sync();
  EndTurns();
  EXPECT_EQ(Take(), (Lines{"started * rights", "ready *"}));
  Set("a", "2");
  Set("b", "1");
  Ship();
  EXPECT_EQ(Take(), (Lines{"set b 1 v0"}));
  const std::string denied =
      "error " + std::to_string(static_cast<int>(ErrorCode::kPermissionDenied));
  EXPECT_EQ(Run(kReader, {.verb = Verb::kGet, .key = "a"}), (Lines{denied}));
}

TEST_F(NodeFollowTest, SecretsAndDatabasesWaitForThisNodesDisk) {
  Write({.verb = Verb::kCreateDb, .name = "two", .secret = "t"});
  Ship();
  EXPECT_TRUE(Run(kReader, {.verb = Verb::kUseDb, .name = "two", .secret = "t"}).empty());
  Sync();
  EXPECT_EQ(Take(), (Lines{"ok"}));
}

TEST_F(NodeFollowTest, ADroppedDatabaseIsGoneForWhoHadIt) {
  Watch("k");
  Set("k", "1");
  Write({.verb = Verb::kDropDb, .name = "db"});
  Ship();
  EXPECT_EQ(Take(), (Lines{"set k 1 v0"}));
  Sync();
  EXPECT_EQ(Take(), (Lines{"removed k"}));
  const Lines none = Run(kReader, {.verb = Verb::kGet, .key = "k"});
  EXPECT_EQ(none.front(),
            "error " + std::to_string(static_cast<int>(ErrorCode::kNoDatabaseSelected)));
  Write({.verb = Verb::kCreateDb, .name = "db", .secret = "token"});
  Ship();
  Sync();
  EXPECT_EQ(Run(kReader, {.verb = Verb::kUseDb, .name = "db", .secret = "token"}), (Lines{"ok"}));
  EXPECT_EQ(ValueOf("k"), "-");
}

TEST_F(NodeFollowTest, ArbitersHereHearConflictsOfThere) {
  Write({.verb = Verb::kArbiter});
  Ship();
  EXPECT_EQ(Run(kAdmin, {.verb = Verb::kArbiter}), (Lines{"ok"}));
  Set("k", "1");
  Set("k", "2");
  Write({.verb = Verb::kSetSafe, .key = "k", .value = "other", .version = 0});
  Ship();
  const Lines told = Take(kAdmin);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().substr(0, 17), "conflict resolve ");
  const Conflicts& conflicts = secondary_.store().Find("db")->conflicts();
  ASSERT_EQ(conflicts.OpenOf("k").size(), 1U);
  Decide("k", "both", 5);
  Ship();
  EXPECT_EQ(ValueOf("k"), "both");
  EXPECT_TRUE(conflicts.OpenOf("k").empty());
  EXPECT_EQ(conflicts.closed().size(), 1U);
}

TEST_F(NodeFollowTest, AnArbiterThatWouldBeTheFirstIsForThePrimary) {
  EXPECT_EQ(Run(kAdmin, {.verb = Verb::kArbiter}), (Lines{kNotPrimary}));
  EXPECT_EQ(Run(kAdmin, {.verb = Verb::kWatch, .key = kConflictsKey}), (Lines{kNotPrimary}));
}

TEST_F(NodeFollowTest, ExplainKnowsWhenButNotWho) {
  Set("k", "1");
  Ship();
  Run(kReader, {.verb = Verb::kExplain, .key = "k"});
  std::string writer;
  bool at = false;
  for (const Output::Row& row : output_.rows) {
    writer = row.name == "writer" ? row.detail : writer;
    at = at || row.name == "at";
  }
  EXPECT_EQ(writer, "unknown");
  EXPECT_TRUE(at);
}

// ---- writes, and what the node would do by itself

TEST_F(NodeFollowTest, WhatWouldMakeARecordIsForThePrimary) {
  for (const Command& command :
       {Command{.verb = Verb::kSet, .key = "k", .value = "1"},
        Command{.verb = Verb::kSetSafe, .key = "k", .value = "1", .version = 1},
        Command{.verb = Verb::kPut, .key = "k", .value = "1"},
        Command{.verb = Verb::kSetSession, .key = "k", .value = "1"},
        Command{.verb = Verb::kIncrement, .key = "k"}, Command{.verb = Verb::kRemove, .key = "k"},
        Command{.verb = Verb::kExpire, .key = "k", .ttl_ms = 1},
        Command{.verb = Verb::kPersist, .key = "k"},
        Command{.verb = Verb::kCreateDb, .name = "n", .secret = "t"},
        Command{.verb = Verb::kDropDb, .name = "db"},
        Command{.verb = Verb::kCreateUser, .name = "n", .secret = "t"},
        Command{.verb = Verb::kSetPermissions, .name = "n", .value = "r *"},
        Command{.verb = Verb::kResolve, .name = "db", .key = "k", .value = "v"}}) {
    EXPECT_EQ(Run(kAdmin, command), (Lines{kNotPrimary})) << static_cast<int>(command.verb);
  }
  Run(kAdmin, {.verb = Verb::kMulti});
  Run(kAdmin, {.verb = Verb::kSet, .key = "k", .value = "1"});
  EXPECT_EQ(Run(kAdmin, {.verb = Verb::kExec}), (Lines{kNotPrimary}));
  Step(BlockImported{.session = kAdmin, .database = "new", .id = {}, .block = {}});
  EXPECT_EQ(Take(kAdmin), (Lines{kNotPrimary}));
  Step(RoleChanged{.role = NodeRole::kSecondary});
  EXPECT_EQ(Run(kAdmin, {.verb = Verb::kRemove, .key = "k"}).front(),
            kNotPrimary.substr(0, kNotPrimary.rfind(' ')) + " -");
  secondary_.EnsureDatabase("demo", "t");
  Step(TurnStarted{.now = now_});
  EXPECT_EQ(kept_, log_);
}

TEST_F(NodeFollowTest, AKeyEndsWhenThePrimarySaysSo) {
  Write({.verb = Verb::kPut, .key = "k", .value = "1", .ttl_ms = 5});
  Ship();
  now_.mono_us += 10'000'000;
  now_.wall_us += 10'000'000;
  Step(TurnStarted{.now = now_});
  EXPECT_FALSE(secondary_.has_work());
  EXPECT_FALSE(secondary_.next_deadline_us());
  EXPECT_EQ(ValueOf("k"), "1");
  primary_.Step(TurnStarted{.now = now_}, output_);
  Ship();
  EXPECT_EQ(ValueOf("k"), "-");
}

TEST_F(NodeFollowTest, WhoNamesAFormerSessionWithKeysIsForThePrimary) {
  const SessionName name{.high = 1, .low = 2};
  const SessionId guest{.slot = 3, .generation = 1};
  primary_.Step(SessionOpened{.session = guest, .name = name}, output_);
  const Command use{.verb = Verb::kUseDb, .name = "db", .secret = "token"};
  primary_.Step(ClientCommand{.session = guest, .command = &use}, output_);
  const Command set{.verb = Verb::kSetSession, .key = "mine", .value = "1"};
  primary_.Step(ClientCommand{.session = guest, .command = &set}, output_);
  Ship();
  const std::string former = FormatSessionName(name);
  EXPECT_EQ(Run(kReader, {.verb = Verb::kHello, .secret = former}), (Lines{kNotPrimary}));
  EXPECT_EQ(Run(kReader, {.verb = Verb::kHello}).back(), "ok");
}

// ---- becoming the primary

TEST_F(NodeFollowTest, ANewPrimaryCountsDownWhatTheLogSays) {
  Write({.verb = Verb::kPut, .key = "k", .value = "1", .ttl_ms = 1'000});
  Ship();
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = {5}});
  EXPECT_EQ(secondary_.end().term, Term{5});
  const std::optional<std::int64_t> deadline_us = secondary_.next_deadline_us();
  ASSERT_TRUE(deadline_us);
  EXPECT_NEAR(static_cast<double>(*deadline_us - now_.mono_us), 1'000'000.0, 100.0);
  now_.mono_us += 1'001'000;
  now_.wall_us += 1'001'000;
  Step(TurnStarted{.now = now_});
  EXPECT_EQ(ValueOf("k"), "-");
}

TEST_F(NodeFollowTest, ANewPrimaryGivesKeysOfSessionsTheirGraceAnewButThoseThatAreHereNone) {
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = {2}});
  Run(kReader, {.verb = Verb::kSetSession, .key = "here", .value = "1", .grace_ms = 50});
  Run(kAdmin, {.verb = Verb::kSetSession, .key = "left", .value = "1", .grace_ms = 50});
  Step(RoleChanged{.role = NodeRole::kSecondary, .primary = "p:1"});
  Step(SessionClosed{kAdmin});
  now_.mono_us += 500'000;
  now_.wall_us += 500'000;
  Step(TurnStarted{.now = now_});
  EXPECT_EQ(ValueOf("left"), "1");
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = {3}});
  for (const int passed_us : {0, 60'000}) {
    EXPECT_EQ(ValueOf("left"), "1");
    now_.mono_us += passed_us;
    now_.wall_us += passed_us;
    Step(TurnStarted{.now = now_});
  }
  EXPECT_EQ(ValueOf("left"), "-");
  EXPECT_EQ(ValueOf("here"), "1");
}

TEST_F(NodeFollowTest, ATokenOfAnEarlierTermIsGoodOnASecondary) {
  Watch("*", "0");
  Set("k", "1");
  Ship();
  EndTurns();
  Take();
  const std::string token = token_;
  std::string bytes;
  std::uint64_t chain = secondary_.end().checksum;
  AppendRecord(
      bytes,
      {.revision = {secondary_.end().revision.value + 1}, .time_us = secondary_.end().time_us + 1},
      {4}, chain);
  Receive(bytes);
  EXPECT_EQ(secondary_.end().term, Term{4});
  EXPECT_EQ(Watch("*", token),
            (Lines{"started * delta", "set k 1 v0 +", "set $connections 2 v1 +", "ready *"}));
  EXPECT_TRUE(token_.starts_with("4."));
}

}  // namespace
}  // namespace nunc
