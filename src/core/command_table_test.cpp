#include "core/command_table.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

TEST(CommandTable, EveryVerbHasItsRow) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Verb::kRejected); ++i) {
    const auto verb = static_cast<Verb>(i);
    EXPECT_EQ(RowOf(verb).verb, verb);
  }
  EXPECT_EQ(CommandTable().size(), static_cast<std::size_t>(Verb::kRejected));
}

TEST(CommandTable, EveryNameAndAliasLeadsToItsRow) {
  for (const CommandRow& row : CommandTable()) {
    EXPECT_EQ(FindCommand(row.name), &row) << row.name;
    if (!row.alias.empty()) {
      EXPECT_EQ(FindCommand(row.alias), &row) << row.alias;
    }
  }
}

TEST(CommandTable, NoWordStandsForTwoCommands) {
  std::set<std::string_view> words;
  for (const CommandRow& row : CommandTable()) {
    EXPECT_TRUE(words.insert(row.name).second) << row.name;
    if (!row.alias.empty()) {
      EXPECT_TRUE(words.insert(row.alias).second) << row.alias;
    }
  }
}

TEST(CommandTable, WhatIsNoCommandHasNoRow) {
  for (const char* word : {"", "GET", "get ", "ge", "gets", "election", "rp", "join"}) {
    EXPECT_EQ(FindCommand(word), nullptr) << "'" << word << "'";
  }
}

TEST(CommandTable, KnowsEveryWordThatExistingClientsSend) {
  for (const char* word : {"auth",
                           "create-db",
                           "use",
                           "use-db",
                           "get",
                           "get-safe",
                           "set",
                           "set-safe",
                           "increment",
                           "remove",
                           "keys",
                           "ls",
                           "watch",
                           "unwatch",
                           "unwatch-all",
                           "create-user",
                           "set-permissions",
                           "arbiter",
                           "resolve",
                           "snapshot",
                           "debug",
                           "replicate-snapshot",
                           "list-commands",
                           "metrics-state",
                           "cluster-state",
                           "ping"}) {
    EXPECT_NE(FindCommand(word), nullptr) << word;
  }
}

TEST(CommandTable, ArgumentsEndAtTheFirstWithoutAName) {
  EXPECT_EQ(RowOf(Verb::kPing).argument_list().size(), 0U);
  EXPECT_EQ(RowOf(Verb::kGet).argument_list().size(), 1U);
  EXPECT_EQ(RowOf(Verb::kSetSafe).argument_list().size(), 3U);
  EXPECT_EQ(RowOf(Verb::kResolve).argument_list().size(), 5U);  // the whole array
}

TEST(CommandTable, RequiredArgumentsSayWhatIsMissingAndComeFirst) {
  for (const CommandRow& row : CommandTable()) {
    bool optional_before = false;
    for (const Argument& argument : row.argument_list()) {
      const bool required = argument.presence == Presence::kRequired;
      EXPECT_EQ(required, !argument.missing.empty()) << row.name << ' ' << argument.name;
      // `replicate-snapshot` and all others: what may be left out is at the end.
      EXPECT_FALSE(required && optional_before) << row.name << ' ' << argument.name;
      optional_before = optional_before || !required;
    }
  }
}

TEST(CommandTable, OnlyTheLastArgumentTakesTheRest) {
  for (const CommandRow& row : CommandTable()) {
    const auto arguments = row.argument_list();
    for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
      EXPECT_NE(arguments[i].kind, ArgumentKind::kRest) << row.name;
      EXPECT_NE(arguments[i].kind, ArgumentKind::kLogin) << row.name;
      EXPECT_NE(arguments[i].kind, ArgumentKind::kKeys) << row.name;
    }
  }
}

TEST(CommandTable, WordsGoToAFieldAndTypedArgumentsHaveTheirOwn) {
  for (const CommandRow& row : CommandTable()) {
    for (const Argument& argument : row.argument_list()) {
      const bool text =
          argument.kind == ArgumentKind::kWord || argument.kind == ArgumentKind::kRest;
      EXPECT_EQ(text, argument.field != Field::kNowhere) << row.name << ' ' << argument.name;
    }
  }
}

TEST(CommandTable, TheLevelNameShowsThePermission) {
  EXPECT_EQ(LevelName(RowOf(Verb::kPing)), "open");
  EXPECT_EQ(LevelName(RowOf(Verb::kCreateDb)), "admin");
  EXPECT_EQ(LevelName(RowOf(Verb::kKeys)), "database");
  EXPECT_EQ(LevelName(RowOf(Verb::kCreateUser)), "admin, database");
  EXPECT_EQ(LevelName(RowOf(Verb::kGet)), "key (r)");
  EXPECT_EQ(LevelName(RowOf(Verb::kSet)), "key (w)");
  EXPECT_EQ(LevelName(RowOf(Verb::kIncrement)), "key (i)");
  EXPECT_EQ(LevelName(RowOf(Verb::kRemove)), "key (x)");
}

}  // namespace
}  // namespace nunc
