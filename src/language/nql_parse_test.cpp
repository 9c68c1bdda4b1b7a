#include "language/nql_parse.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "core/command_table.h"

namespace nunc {
namespace {

std::string RejectionOf(std::string_view text) {
  NqlParser parser;
  const Command command = parser.Parse(text);
  return command.verb == Verb::kRejected ? std::string(command.name) : "(accepted)";
}

TEST(NqlParse, ReadsAKeyAndAValueWithItsSpaces) {
  NqlParser parser;
  const Command command = parser.Parse("set k  two  words ");
  EXPECT_EQ(command.verb, Verb::kSet);
  EXPECT_EQ(command.key, "k");
  EXPECT_EQ(command.value, " two  words ");
  EXPECT_FALSE(command.version.has_value());
}

TEST(NqlParse, AMissingValueOfSetIsEmpty) {
  NqlParser parser;
  const Command command = parser.Parse("set k");
  EXPECT_EQ(command.verb, Verb::kSet);
  EXPECT_EQ(command.value, "");
}

TEST(NqlParse, LineFeedsAreDroppedFromValuesAndAtBothEnds) {
  NqlParser parser;
  EXPECT_EQ(parser.Parse("\nset k a\nset j b\n").value, "aset j b");
}

TEST(NqlParse, TheOptionsOfAWatchComeInAnyOrderAndEachOnce) {
  NqlParser parser;
  Command command = parser.Parse("watch k all since 1.2.3");
  EXPECT_EQ(command.policy, WatchPolicy::kAll);
  EXPECT_EQ(command.since, "1.2.3");
  command = parser.Parse("watch k since 0 every 100");
  EXPECT_EQ(command.policy, WatchPolicy::kEvery);
  EXPECT_EQ(command.every_ms, 100);
  EXPECT_EQ(command.since, "0");
  for (const char* ignored : {"watch k whatever all", "watch k latest", "watch k  all"}) {
    EXPECT_EQ(parser.Parse(ignored).verb, Verb::kWatch);
    EXPECT_EQ(parser.Parse(ignored).policy, WatchPolicy::kLatest) << ignored;
  }
  for (const char* refused : {"watch k all all", "watch k every 1 all", "watch k since 0 since 0",
                              "watch k every", "watch k every x", "watch k since"}) {
    EXPECT_EQ(parser.Parse(refused).verb, Verb::kRejected) << refused;
  }
}

TEST(NqlParse, AliasesAreTheSameCommand) {
  NqlParser parser;
  EXPECT_EQ(parser.Parse("use d t").verb, Verb::kUseDb);
  EXPECT_EQ(parser.Parse("ls").verb, Verb::kKeys);
}

TEST(NqlParse, UseDbWithTwoWordsBehindTheNameIsAUserAndATokenThatMayHoldSpaces) {
  NqlParser parser;
  Command command = parser.Parse("use-db d token");
  EXPECT_EQ(command.user, "");
  EXPECT_EQ(command.secret, "token");
  command = parser.Parse("use-db d ana pass word");
  EXPECT_EQ(command.user, "ana");
  EXPECT_EQ(command.secret, "pass word");
}

TEST(NqlParse, AVersionInRangeIsTakenAndOneOutOfRangeMeansUnconditional) {
  NqlParser parser;
  EXPECT_EQ(parser.Parse("set-safe k 5 v").version, 5);
  EXPECT_EQ(parser.Parse("set-safe k +5 v").version, 5);
  EXPECT_EQ(parser.Parse("set-safe k -2 v").version, -2);
  EXPECT_EQ(parser.Parse("set-safe k 2147483647 v").version, 2147483647);
  EXPECT_FALSE(parser.Parse("set-safe k -1 v").version.has_value());
  EXPECT_EQ(parser.Parse("set-safe k 2147483648 v").version, 2147483648);
  EXPECT_EQ(parser.Parse("set-safe k 4294967295 v").version, 4294967295);
  EXPECT_FALSE(parser.Parse("set-safe k 4294967296 v").version.has_value());
  EXPECT_FALSE(parser.Parse("set-safe k 1795393187860 v").version.has_value());
  EXPECT_FALSE(parser.Parse("set-safe k 99999999999999999999999 v").version.has_value());
  EXPECT_EQ(parser.Parse("set-safe k 99999999999999999999999 v").verb, Verb::kSetSafe);
}

TEST(NqlParse, AVersionThatIsNoNumberIsRefusedByName) {
  EXPECT_EQ(RejectionOf("set-safe my key -1 v"),
            "set-safe: VERSION must be a whole number of 64 bits, not 'key'");
  EXPECT_EQ(RejectionOf("set-safe k  v"),
            "set-safe: VERSION must be a whole number of 64 bits, not ''");
}

TEST(NqlParse, AnEmptyLastValueIsAValueAndAMissingOneIsNot) {
  NqlParser parser;
  EXPECT_EQ(parser.Parse("set-safe k 0 ").verb, Verb::kSetSafe);
  EXPECT_EQ(RejectionOf("set-safe k 0"), "set-safe must be followed by a key");
  EXPECT_EQ(RejectionOf("set-safe k"), "set-safe must be followed by a version and key");
  EXPECT_EQ(RejectionOf("set-safe"), "set-safe must be followed by a version and key");
}

TEST(NqlParse, AmountsAreSixtyFourBitAndEmptyMeansOne) {
  NqlParser parser;
  EXPECT_EQ(parser.Parse("increment n").amount, 1);
  EXPECT_EQ(parser.Parse("increment n ").amount, 1);
  EXPECT_EQ(parser.Parse("increment n -3").amount, -3);
  EXPECT_EQ(parser.Parse("increment n +3").amount, 3);
  EXPECT_EQ(parser.Parse("increment n 9223372036854775807").amount,
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(RejectionOf("increment n 9223372036854775808"),
            "increment: AMOUNT must be a whole number of 64 bits, not '9223372036854775808'");
  EXPECT_EQ(RejectionOf("increment n 1.5"),
            "increment: AMOUNT must be a whole number of 64 bits, not '1.5'");
}

TEST(NqlParse, StrategiesAreNamedAndOthersRefused) {
  NqlParser parser;
  EXPECT_EQ(parser.Parse("create-db d t").strategy, Strategy::kNone);
  EXPECT_EQ(parser.Parse("create-db d t none").strategy, Strategy::kNone);
  EXPECT_EQ(parser.Parse("create-db d t newer").strategy, Strategy::kNewer);
  EXPECT_EQ(parser.Parse("create-db d t arbiter").strategy, Strategy::kArbiter);
  EXPECT_EQ(RejectionOf("create-db d t bogus"),
            "unknown strategy 'bogus': allowed are none, newer, arbiter");
}

TEST(NqlParse, ResolveTakesFiveParts) {
  NqlParser parser;
  const Command command = parser.Parse("resolve 179 d k 4 a value");
  EXPECT_EQ(command.verb, Verb::kResolve);
  EXPECT_EQ(command.conflict.value, 179);
  EXPECT_EQ(command.name, "d");
  EXPECT_EQ(command.key, "k");
  EXPECT_EQ(command.version, 4);
  EXPECT_EQ(command.value, "a value");
  EXPECT_EQ(RejectionOf("resolve"), "opp id mandatory");
  EXPECT_EQ(RejectionOf("resolve x d k 1 v"),
            "resolve: ID must be a whole number of 64 bits, not 'x'");
}

TEST(NqlParse, GetManyTakesEachWordAsAKey) {
  NqlParser parser;
  const Command command = parser.Parse("get-many a  b");
  EXPECT_EQ(command.verb, Verb::kGetMany);
  const std::vector<std::string_view> keys = {"a", "", "b"};
  EXPECT_TRUE(std::ranges::equal(command.keys, keys));
  EXPECT_EQ(parser.Parse("get-many k").keys.size(), 1U);
  EXPECT_EQ(RejectionOf("get-many"), "get-many must contain a key");
  EXPECT_TRUE(parser.Parse("get k").keys.empty());
}

TEST(NqlParse, PutTakesAllBehindTheColonAsItsValue) {
  NqlParser parser;
  Command command = parser.Parse("put k : a : b ");
  EXPECT_EQ(command.verb, Verb::kPut);
  EXPECT_EQ(command.key, "k");
  EXPECT_EQ(command.value, "a : b ");
  EXPECT_EQ(command.if_version, std::nullopt);
  EXPECT_FALSE(command.if_absent);
  command = parser.Parse("put k if-version 4294967295 : if-absent\nx");
  EXPECT_EQ(command.if_version, 4294967295U);
  EXPECT_FALSE(command.if_absent);
  EXPECT_EQ(command.value, "if-absentx");
  command = parser.Parse("put : if-absent :");
  EXPECT_EQ(command.key, ":");
  EXPECT_TRUE(command.if_absent);
  EXPECT_EQ(command.value, "");
  EXPECT_EQ(parser.Parse("put k : ").value, "");
  EXPECT_EQ(parser.Parse("put k :  ").value, " ");
}

TEST(NqlParse, HowLongAKeyLives) {
  NqlParser parser;
  Command command = parser.Parse("put k if-absent ttl 1 : v");
  EXPECT_EQ(command.ttl_ms, 1);
  EXPECT_TRUE(command.if_absent);
  command = parser.Parse("put k ttl 315360000000 if-version 3 : ttl 2 : v");
  EXPECT_EQ(command.ttl_ms, 315'360'000'000);
  EXPECT_EQ(command.if_version, 3U);
  EXPECT_EQ(command.value, "ttl 2 : v");
  EXPECT_EQ(parser.Parse("put k : v").ttl_ms, std::nullopt);
  for (const char* bad : {"0", "315360000001", "x", ""}) {
    EXPECT_EQ(RejectionOf("put k ttl " + std::string(bad) + " : v"),
              "put: ttl must be followed by a whole number from 1 to 315360000000, not '" +
                  std::string(bad) + "'");
  }
  EXPECT_EQ(RejectionOf("put k ttl"),
            "put: ttl must be followed by a whole number from 1 to 315360000000, not ''");
  EXPECT_TRUE(RejectionOf("put k ttl 1 ttl 2 : v").starts_with("put takes `ttl MS`"));

  command = parser.Parse("expire k -5 ignored");
  EXPECT_EQ(command.verb, Verb::kExpire);
  EXPECT_EQ(command.key, "k");
  EXPECT_EQ(command.ttl_ms, -5);  // which the core refuses
  EXPECT_EQ(RejectionOf("expire k"), "expire must be followed by a key and milliseconds");
  EXPECT_EQ(RejectionOf("expire k 1s"), "expire: MS must be a whole number of 64 bits, not '1s'");
  EXPECT_EQ(parser.Parse("persist k").key, "k");
  EXPECT_EQ(parser.Parse("ttl k").verb, Verb::kTtl);
  EXPECT_EQ(parser.Parse("hello abc").secret, "abc");
  EXPECT_EQ(parser.Parse("hello").verb, Verb::kHello);
}

TEST(NqlParse, SetSessionTakesAGraceAndAValue) {
  NqlParser parser;
  Command command = parser.Parse("set-session k : v : w");
  EXPECT_EQ(command.verb, Verb::kSetSession);
  EXPECT_EQ(command.grace_ms, std::nullopt);
  EXPECT_EQ(command.value, "v : w");
  command = parser.Parse("set-session k grace 0 :");
  EXPECT_EQ(command.grace_ms, 0);
  EXPECT_EQ(command.value, "");
  EXPECT_EQ(RejectionOf("set-session k grace -1 : v"),
            "set-session: grace must be followed by a whole number from 0 to 315360000000, not "
            "'-1'");
  EXPECT_EQ(RejectionOf("set-session k ttl 3 : v"),
            "set-session takes `grace MS`, then ` : `, not 'ttl': set-session KEY [grace MS] : "
            "VALUE");
  EXPECT_EQ(RejectionOf("set-session k if-absent : v").substr(0, 24), "set-session takes `grace");
  EXPECT_TRUE(RejectionOf("set-session k").starts_with("set-session must have ` : `"));
}

TEST(NqlParse, WhatPutDoesNotTakeIsNamedAndItsFormShown) {
  constexpr std::string_view kForm = "put KEY [ttl MS] [if-version N|if-absent] : VALUE";
  const auto expect = [kForm](std::string_view text, std::string_view what) {
    EXPECT_EQ(RejectionOf(text), std::string(what).append(": ").append(kForm));
  };
  expect("put", "put must contain a key");
  expect("put k", "put must have ` : ` before the value");
  expect("put k if-absent", "put must have ` : ` before the value");
  expect("put k if-version 1", "put must have ` : ` before the value");
  constexpr std::string_view kOne =
      "put takes `ttl MS`, one of `if-version N` and `if-absent`, then ` : `, not ";
  for (const char* word : {"v", ":v", "", "if-version"}) {
    const bool second = std::string_view(word) == "if-version";
    expect("put k " + std::string(second ? "if-absent " : "") + word + " 1 : v",
           std::string(kOne) + "'" + word + "'");
  }
  for (const char* bad : {"-1", "4294967296", "x", ""}) {
    EXPECT_EQ(RejectionOf("put k if-version " + std::string(bad)),
              "put: if-version must be followed by a whole number from 0 to 4294967295, not '" +
                  std::string(bad) + "'");
  }
}

TEST(NqlParse, ScanTakesItsOptionsInAnyOrder) {
  NqlParser parser;
  Command command = parser.Parse("scan p*");
  EXPECT_EQ(command.verb, Verb::kScan);
  EXPECT_EQ(command.key, "p*");
  EXPECT_EQ(command.after, "");
  EXPECT_EQ(command.limit, std::nullopt);
  command = parser.Parse("scan p after limit limit 7");
  EXPECT_EQ(command.after, "limit");
  EXPECT_EQ(command.limit, 7);
  command = parser.Parse("scan  limit +5 after k");  // of the empty prefix
  EXPECT_EQ(command.key, "");
  EXPECT_EQ(command.after, "k");
  EXPECT_EQ(command.limit, 5);
  EXPECT_EQ(parser.Parse("scan p limit 0").limit, 0);  // the core says what is allowed
}

TEST(NqlParse, WhatScanDoesNotTakeIsNamed) {
  constexpr std::string_view kOptions = "scan takes `after KEY` and `limit N`, each once, not ";
  EXPECT_EQ(RejectionOf("scan"), "scan must contain a prefix, or *");
  EXPECT_EQ(RejectionOf("scan p from k"), std::string(kOptions) + "'from'");
  EXPECT_EQ(RejectionOf("scan p "), std::string(kOptions) + "''");
  EXPECT_EQ(RejectionOf("scan p after k after k"), std::string(kOptions) + "'after'");
  EXPECT_EQ(RejectionOf("scan p limit 1 limit 1"), std::string(kOptions) + "'limit'");
  EXPECT_EQ(RejectionOf("scan p after"), "scan: after must be followed by a key");
  EXPECT_EQ(RejectionOf("scan p limit"),
            "scan: the limit must be a whole number from 1 to 10000, not ''");
  EXPECT_EQ(RejectionOf("scan p limit ten"),
            "scan: the limit must be a whole number from 1 to 10000, not 'ten'");
}

TEST(NqlParse, OfTooManyKeysOneMoreThanAllowedIsKept) {
  NqlParser parser;
  std::string text = "get-many";
  for (std::size_t i = 0; i < kGetManyKeysMax; ++i) {
    text += " k";
  }
  EXPECT_EQ(parser.Parse(text).keys.size(), kGetManyKeysMax);
  EXPECT_EQ(parser.Parse(text + " k").keys.size(), kGetManyKeysMax + 1);
  EXPECT_EQ(parser.Parse(text + " k k k").keys.size(), kGetManyKeysMax + 1);
}

TEST(NqlParse, UnknownAndEmptyCommandsAreNamed) {
  EXPECT_EQ(RejectionOf("nonsense a b"), "unknown command: nonsense");
  EXPECT_EQ(RejectionOf("GET k"), "unknown command: GET");
  EXPECT_EQ(RejectionOf(""), "empty command");
  EXPECT_EQ(RejectionOf(" get k"), "empty command");
}

TEST(NqlParse, AnUnknownCommandIsNotRepeatedWhole) {
  EXPECT_LT(RejectionOf(std::string(1 << 20, 'x')).size(), 200U);
}

TEST(NqlParse, EveryCommandWithoutItsRequiredArgumentsIsRejectedWithATextOfItsOwn) {
  for (const CommandRow& row : CommandTable()) {
    const bool needs_some =
        !row.argument_list().empty() && row.argument_list().front().presence == Presence::kRequired;
    const std::string text = RejectionOf(row.name);
    EXPECT_EQ(text != "(accepted)", needs_some) << row.name;
    EXPECT_FALSE(text.empty()) << row.name;
  }
}

TEST(NqlParse, SurplusWordsAreIgnored) {
  NqlParser parser;
  EXPECT_EQ(parser.Parse("get k whatever else").key, "k");
  EXPECT_EQ(parser.Parse("remove k v").verb, Verb::kRemove);
}

TEST(NqlParse, WordsOfNodesAreRefusedWithTheReason) {
  for (const std::string word : {"election", "join", "set-primary", "set-secoundary"}) {
    EXPECT_EQ(RejectionOf(word + " a:1"),
              word +
                  " is for nodes, which prove the secret of the cluster to each other: start "
                  "one with --join");
  }
  EXPECT_EQ(RejectionOf("joining"), "unknown command: joining");
}

TEST(NqlParse, CreateDbTakesAnAckLevelBehindTheStrategyOrAlone) {
  NqlParser parser;
  EXPECT_EQ(parser.Parse("create-db d t newer").level, std::nullopt);
  EXPECT_EQ(parser.Parse("create-db d t ack disk").level, AckLevel::kDisk);
  EXPECT_EQ(parser.Parse("create-db d t ack written").level, AckLevel::kWritten);
  EXPECT_EQ(parser.Parse("create-db d t ack quorum").level, AckLevel::kQuorum);
  const Command both = parser.Parse("create-db d t arbiter ack disk");
  EXPECT_EQ(both.strategy, Strategy::kArbiter);
  EXPECT_EQ(both.level, AckLevel::kDisk);
  // Existing scripts may have anything behind the strategy.
  EXPECT_EQ(parser.Parse("create-db d t none disk").level, std::nullopt);
  EXPECT_EQ(RejectionOf("create-db d t ack"),
            "unknown ack level '': allowed are written, disk, quorum");
  EXPECT_EQ(RejectionOf("create-db d t none ack quick"),
            "unknown ack level 'quick': allowed are written, disk, quorum");
}

}  // namespace
}  // namespace nunc
