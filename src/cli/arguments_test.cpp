#include "cli/arguments.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

Result<Arguments> Parse(std::vector<const char*> words, const Variables& variables = {}) {
  words.insert(words.begin(), "nunc");
  return ParseArguments(
      static_cast<int>(words.size()), words.data(),
      [&variables](const char* name) -> std::optional<std::string> {
        const auto found = variables.find(std::string_view(name));
        return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
      });
}

template <class T>
T ParseAs(std::vector<const char*> words, const Variables& variables = {}) {
  const Result<Arguments> arguments = Parse(std::move(words), variables);
  if (!arguments || !std::holds_alternative<T>(*arguments)) {
    ADD_FAILURE() << (arguments ? "another sub-command" : arguments.error().detail);
    return T{};
  }
  return std::get<T>(*arguments);
}

TEST(Arguments, NoSubCommandAndHelpShowTheUsage) {
  EXPECT_NE(ParseAs<ShowText>({}).text.find("create-db"), std::string::npos);
  EXPECT_NE(ParseAs<ShowText>({"--help"}).text.find("create-db"), std::string::npos);
  EXPECT_NE(ParseAs<ShowText>({"start", "--help"}).text.find("--ws-address"), std::string::npos);
}

TEST(Arguments, VersionNamesTheProgram) {
  EXPECT_TRUE(ParseAs<ShowText>({"-V"}).text.starts_with("nunc "));
  EXPECT_EQ(ParseAs<ShowText>({"-V"}).text, ParseAs<ShowText>({"--version"}).text);
}

TEST(Arguments, HelpShowsNoCredentials) {
  for (const auto& words :
       std::vector<std::vector<const char*>>{{"--help"}, {"start", "--help"}, {"exec", "--help"}}) {
    EXPECT_EQ(ParseAs<ShowText>(words, {{"NUNC_PWD", "hush"}}).text.find("admin-pwd"),
              std::string::npos);
    EXPECT_EQ(ParseAs<ShowText>(words, {{"NUNC_PWD", "hush"}}).text.find("hush"),
              std::string::npos);
  }
}

TEST(Arguments, StartTakesTheFlagsOfTheReference) {
  const GivenFlags flags =
      ParseAs<StartArguments>({"-u", "me", "-p", "own", "start", "-t", "127.0.0.1:1", "-w",
                               "127.0.0.1:2", "-h", "127.0.0.1:3", "-r", "a:1,b:2", "-e", "c:4"})
          .flags;
  EXPECT_EQ(flags, (GivenFlags{{"user", "me"},
                               {"password", "own"},
                               {"tcp_address", "127.0.0.1:1"},
                               {"ws_address", "127.0.0.1:2"},
                               {"http_address", "127.0.0.1:3"},
                               {"replicate_address", "a:1,b:2"},
                               {"external_address", "c:4"}}));
}

TEST(Arguments, StartTakesEverySettingByItsLongFlag) {
  for (const Setting& setting : Settings()) {
    const std::size_t at = setting.flag.find("--");
    if (at == std::string_view::npos) {
      continue;
    }
    const std::string flag(setting.flag.substr(at, setting.flag.find(',', at) - at));
    std::vector<const char*> words{"start", flag.c_str()};
    if (!setting.value_name.empty()) {
      words.push_back("x");
    }
    EXPECT_EQ(ParseAs<StartArguments>(words).flags,
              (GivenFlags{{std::string(setting.key), setting.value_name.empty() ? "true" : "x"}}))
        << flag;
  }
}

TEST(Arguments, NoDemoIsTheDemoSwitchSaidFalse) {
  EXPECT_EQ(ParseAs<StartArguments>({"start", "--no-demo"}).flags, (GivenFlags{{"demo", "false"}}));
}

TEST(Arguments, EmptyValuesReachTheChecks) {
  EXPECT_EQ(ParseAs<StartArguments>({"-u", "", "-p", "", "start"}).flags,
            (GivenFlags{{"user", ""}, {"password", ""}}));
}

TEST(Arguments, HostBeforeStartIsRefusedBecauseItWouldDoNothing) {
  EXPECT_FALSE(Parse({"-h", "127.0.0.1:1", "start"}));
}

TEST(Arguments, CredentialsMayFollowTheSubCommand) {
  EXPECT_EQ(ParseAs<StartArguments>({"start", "-p", "own"}).flags,
            (GivenFlags{{"password", "own"}}));
  EXPECT_EQ(ParseAs<ExecArguments>({"exec", "get k", "-u", "me"}).user, "me");
}

TEST(Arguments, ExecTakesCredentialsFromFlagsThenEnvironmentThenDefaults) {
  const Variables both{{"NUNC_USER", "a"}, {"NUN_USER", "b"}, {"NUN_PWD", "c"}};
  const auto flags = ParseAs<ExecArguments>({"-u", "me", "-p", "own", "exec", "get k"}, both);
  EXPECT_EQ(flags.user, "me");
  EXPECT_EQ(flags.password, "own");
  const auto environment = ParseAs<ExecArguments>({"exec", "get k"}, both);
  EXPECT_EQ(environment.user, "a");
  EXPECT_EQ(environment.password, "c");
  const auto defaults = ParseAs<ExecArguments>({"exec", "get k"});
  EXPECT_EQ(defaults.user, kUserDefault);
  EXPECT_EQ(defaults.password, kPasswordDefault);
}

TEST(Arguments, ExecPassesItsCommandsUntouched) {
  const auto exec =
      ParseAs<ExecArguments>({"-h", "http://h:1", "exec", "use-db d t; set k {\"a\": [1]}"});
  EXPECT_EQ(exec.commands, "use-db d t; set k {\"a\": [1]}");
  EXPECT_EQ(exec.host, "http://h:1");
  EXPECT_EQ(ParseAs<ExecArguments>({"exec", "x"}).host, "http://127.0.0.1:3013");
  EXPECT_EQ(ParseAs<ExecArguments>({"exec", "[1,2]"}).commands, "[1,2]");
}

TEST(Arguments, ExecRefusesEmptyAndUnsendableCredentials) {
  EXPECT_FALSE(Parse({"-u", "", "exec", "x"}));
  EXPECT_FALSE(Parse({"-p", "", "exec", "x"}));
  EXPECT_FALSE(Parse({"-p", "a;b", "exec", "x"}));
  EXPECT_FALSE(Parse({"exec", "x"}, {{"NUNC_PWD", ""}}));
  EXPECT_FALSE(Parse({"exec"}));
}

TEST(Arguments, CreateDbIsOneCommand) {
  EXPECT_EQ(ParseAs<ExecArguments>({"create-db", "-d", "n", "-t", "t"}).commands, "create-db n t;");
  EXPECT_EQ(
      ParseAs<ExecArguments>({"create-db", "-d", "n", "--db-token", "t", "--strategy", "arbiter"})
          .commands,
      "create-db n t arbiter;");
}

TEST(Arguments, CreateDbRefusesWhatOneCommandCannotCarry) {
  EXPECT_FALSE(Parse({"create-db", "-d", "n"}));
  EXPECT_FALSE(Parse({"create-db", "-t", "t"}));
  EXPECT_FALSE(Parse({"create-db", "-d", "n", "-t", "a;b"}));
  EXPECT_FALSE(Parse({"create-db", "-d", "n m", "-t", "t"}));
  EXPECT_FALSE(Parse({"create-db", "-d", "", "-t", "t"}));
  EXPECT_FALSE(Parse({"create-db", "-d", "n", "-t", "t", "--strategy", "best"}));
}

TEST(Arguments, WatchNeedsKeyDatabaseAndToken) {
  const auto watch =
      ParseAs<WatchArguments>({"watch", "k", "-d", "n", "-t", "t", "--db-user", "u"});
  EXPECT_EQ(watch.key, "k");
  EXPECT_EQ(watch.database, "n");
  EXPECT_EQ(watch.token, "t");
  EXPECT_EQ(watch.user, "u");
  EXPECT_EQ(ToText(watch.server), "127.0.0.1:3014");
  EXPECT_FALSE(Parse({"watch", "k", "-d", "n"}));
  EXPECT_FALSE(Parse({"watch", "-d", "n", "-t", "t"}));
  EXPECT_FALSE(Parse({"watch", "two words", "-d", "n", "-t", "t"}));
  EXPECT_FALSE(Parse({"watch", "k", "-d", "n", "-t", "line\nfeed"}));
  EXPECT_FALSE(Parse({"watch", "k", "-d", "n", "-t", "t", "--tcp-address", "here"}));
}

TEST(Arguments, PingTakesAnAddress) {
  EXPECT_EQ(ToText(ParseAs<PingArguments>({"ping", "--tcp-address", "[::1]:7"}).server), "[::1]:7");
  EXPECT_FALSE(Parse({"ping", "--tcp-address", "7"}));
}

TEST(Arguments, WhatIsNotKnownIsRefused) {
  EXPECT_FALSE(Parse({"stat"}));
  EXPECT_FALSE(Parse({"start", "--no-such-flag"}));
  EXPECT_FALSE(Parse({"start", "surplus"}));
  EXPECT_FALSE(Parse({"start", "--data"}));
}

TEST(Arguments, ABackupIsOfEverythingOrOfOneDatabase) {
  const auto all = ParseAs<BackupArguments>({"backup", "f", "-h", "http://a:1"},
                                            {{"NUNC_USER", "me"}, {"NUN_PWD", "own"}});
  EXPECT_EQ(all.file, "f");
  EXPECT_EQ(all.database, "");
  EXPECT_FALSE(all.replace);
  EXPECT_EQ(all.server.host, "http://a:1");
  EXPECT_EQ(all.server.user, "me");
  EXPECT_EQ(all.server.password, "own");
  const auto one = ParseAs<BackupArguments>({"backup", "f", "--db", "shop", "--force"});
  EXPECT_EQ(one.database, "shop");
  EXPECT_TRUE(one.replace);
  EXPECT_FALSE(Parse({"backup"}));
  EXPECT_FALSE(Parse({"backup", "f", "-u", "a b"}));
}

TEST(Arguments, ARestoreGoesWhereAStartLooks) {
  const auto folder = [](std::vector<const char*> words, const Variables& variables) {
    words.insert(words.begin(), {"restore", "f"});
    const auto arguments = ParseAs<RestoreFolderArguments>(std::move(words), variables);
    EXPECT_EQ(arguments.file, "f");
    return arguments.folder + " " + arguments.oplog_folder;
  };
  EXPECT_EQ(folder({}, {}), "./data ");
  EXPECT_EQ(folder({}, {{"NUN_DBS_DIR", "old"}}), "old ");
  EXPECT_EQ(folder({}, {{"NUN_DBS_DIR", "old"}, {"NUNC_DATA", "d"}, {"NUNC_OPLOG_DIR", "o"}}),
            "d o");
  EXPECT_EQ(folder({"--data", "x", "--oplog-dir", "y"}, {{"NUNC_DATA", "d"}}), "x y");
}

TEST(Arguments, ARestoreOfOneDatabaseGoesToAServer) {
  const auto same = ParseAs<RestoreDatabaseArguments>({"restore", "f", "--db", "shop"});
  EXPECT_EQ(same.database, "shop");
  EXPECT_EQ(same.as, "shop");
  const auto other =
      ParseAs<RestoreDatabaseArguments>({"restore", "f", "--db", "shop", "--as", "copy"});
  EXPECT_EQ(other.as, "copy");
  EXPECT_FALSE(Parse({"restore", "f", "--as", "copy"}));
  EXPECT_FALSE(Parse({"restore", "f", "--db", "shop", "--as", "a b"}));
  EXPECT_FALSE(Parse({"restore", "f", "--db", "shop", "--data", "d"}));
  EXPECT_FALSE(Parse({"restore"}));
}

TEST(Arguments, AClusterIsLookedAtAndChanged) {
  const auto status = ParseAs<ClusterArguments>({"-h", "http://h:1", "cluster", "status"});
  EXPECT_EQ(status.what, ClusterWhat::kStatus);
  EXPECT_FALSE(status.json);
  EXPECT_EQ(status.server.host, "http://h:1");
  // The server may be named behind the words too.
  EXPECT_EQ(
      ParseAs<ClusterArguments>({"cluster", "status", "--json", "-h", "http://h:2"}).server.host,
      "http://h:2");
  EXPECT_TRUE(ParseAs<ClusterArguments>({"cluster", "status", "--json"}).json);
  const auto add = ParseAs<ClusterArguments>({"cluster", "add", "n:3015"});
  EXPECT_EQ(add.what, ClusterWhat::kAdd);
  EXPECT_EQ(add.which, "n:3015");
  const auto remove = ParseAs<ClusterArguments>({"cluster", "remove", "18446744073709551615"});
  EXPECT_EQ(remove.what, ClusterWhat::kRemove);
  EXPECT_EQ(remove.which, "18446744073709551615");
  EXPECT_EQ(ParseAs<ClusterArguments>({"cluster", "promote", "1"}).what, ClusterWhat::kPromote);
  EXPECT_NE(ParseAs<ShowText>({"cluster", "--help"}).text.find("promote"), std::string::npos);
}

TEST(Arguments, WhatIsNoChangeOfAClusterIsRefused) {
  for (const std::vector<const char*>& words :
       std::vector<std::vector<const char*>>{{"cluster"},
                                             {"cluster", "join"},
                                             {"cluster", "status", "1"},
                                             {"cluster", "add"},
                                             {"cluster", "add", "n"},
                                             {"cluster", "remove"},
                                             {"cluster", "remove", "0"},
                                             {"cluster", "remove", "n:3015"},
                                             {"cluster", "remove", "18446744073709551616"},
                                             {"cluster", "promote", "1; drop-db shop"},
                                             {"cluster", "recover"}}) {
    EXPECT_FALSE(Parse(words)) << words.back();
  }
}

TEST(Arguments, ARecoveryNamesItsFoldersAndAcceptsTheLoss) {
  const auto looks = ParseAs<RecoverArguments>({"cluster", "recover", "old"});
  EXPECT_EQ(looks.folder, "old");
  EXPECT_EQ(looks.into, "");
  EXPECT_FALSE(looks.accepts_loss);
  const auto recovers = ParseAs<RecoverArguments>(
      {"cluster", "recover", "old", "--oplog-dir", "log", "--into", "new", "--i-accept-loss"});
  EXPECT_EQ(recovers.oplog_folder, "log");
  EXPECT_EQ(recovers.into, "new");
  EXPECT_TRUE(recovers.accepts_loss);
}

}  // namespace
}  // namespace nunc
