#include "server/config.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

#include "server/config_file.h"

namespace nunc {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

Environment From(const Variables& variables) {
  return [variables](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(std::string_view(name));
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

Result<Config> Load(const GivenFlags& flags, const Variables& variables = {}) {
  return LoadConfig(flags, From(variables));
}

std::string Refusal(const GivenFlags& flags, const Variables& variables = {}) {
  const Result<Config> config = Load(flags, variables);
  return config ? "accepted" : config.error().detail;
}

// A file that lives as long as the test.
class ConfigFile {
 public:
  explicit ConfigFile(std::string_view text) {
    std::string name = (std::filesystem::temp_directory_path() / "nunc-config-XXXXXX").string();
    const int fd = mkstemp(name.data());
    EXPECT_GE(fd, 0);
    close(fd);
    path_ = name;
    std::ofstream(path_) << text;
  }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  ~ConfigFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Config, NothingGivenListensOnLoopbackWithTheDefaultAccount) {
  const Result<Config> config = Load({});
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->user, "admin");
  EXPECT_EQ(config->password, "admin-pwd");
  EXPECT_EQ(ToText(config->tcp), "127.0.0.1:3014");
  EXPECT_EQ(ToText(config->ws), "127.0.0.1:3012");
  EXPECT_EQ(ToText(config->http), "127.0.0.1:3013");
  EXPECT_EQ(config->data_dir, "./data");
  EXPECT_FALSE(config->memory);
  EXPECT_TRUE(config->demo);
  EXPECT_TRUE(config->external_address.empty());
  EXPECT_EQ(config->log_level, LogLevel::kInfo);
  EXPECT_TRUE(config->warnings.empty());
}

TEST(Config, FlagWinsOverEnvironmentOverFileOverDefault) {
  const ConfigFile file(
      "ws_address = '127.0.0.1:1'\nhttp_address = '127.0.0.1:2'\n"
      "tcp_address = '127.0.0.1:3'\n");
  const Result<Config> config =
      Load({{"config", file.path()}, {"ws_address", "127.0.0.1:7"}},
           {{"NUNC_WS_ADDR", "127.0.0.1:8"}, {"NUNC_HTTP_ADDR", "127.0.0.1:9"}});
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->ws.port, 7);
  EXPECT_EQ(config->http.port, 9);
  EXPECT_EQ(config->tcp.port, 3);
}

TEST(Config, ReferenceNamesAreTakenAndOurOwnAreStronger) {
  const Result<Config> config = Load({}, {{"NUN_USER", "u"},
                                          {"NUN_PWD", "p"},
                                          {"NUN_DBS_DIR", "/tmp/dbs"},
                                          {"NUN_WS_ADDR", "127.0.0.1:1"},
                                          {"NUN_HTTP_ADDR", "127.0.0.1:2"},
                                          {"NUN_TCP_ADDR", "127.0.0.1:3"},
                                          {"NUNC_TCP_ADDR", "127.0.0.1:4"},
                                          {"NUN_LOG_LEVEL", "Debug"}});
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->user, "u");
  EXPECT_EQ(config->password, "p");
  EXPECT_EQ(config->data_dir, "/tmp/dbs");
  EXPECT_EQ(config->ws.port, 1);
  EXPECT_EQ(config->http.port, 2);
  EXPECT_EQ(config->tcp.port, 4);
  EXPECT_EQ(config->log_level, LogLevel::kDebug);
}

TEST(Config, ReferenceNamesWithoutEffectSaySo) {
  const Result<Config> config = Load(
      {}, {{"NUN_ELECTION_TIMEOUT", "500"}, {"NUN_S3_SECRET_KEY", "hush"}, {"NUN_S3_RETRY", ""}});
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->warnings, (std::vector<std::string>{
                                  "NUN_ELECTION_TIMEOUT has no effect yet",
                                  "NUN_S3_SECRET_KEY has no effect yet",
                              }));
}

TEST(Config, RefusalNamesSourceValueAndWhatIsAllowed) {
  const ConfigFile file("log_level = 'loud'\n");
  EXPECT_EQ(Refusal({{"connections_max", "many"}}),
            "--connections-max \"many\": allowed is a whole number from 1 to 1000000");
  EXPECT_EQ(Refusal({}, {{"NUNC_PING_INTERVAL_MS", "0"}}),
            "NUNC_PING_INTERVAL_MS \"0\": allowed is a whole number from 1 to 3600000");
  EXPECT_EQ(
      Refusal({{"config", file.path()}}),
      file.path() + ": log_level \"loud\": allowed is off, error, warn, info, debug or trace");
  EXPECT_EQ(Refusal({}, {{"NUN_TCP_ADDR", "3014"}}),
            "NUN_TCP_ADDR \"3014\": allowed is HOST:PORT, for example 127.0.0.1:3014, [::1]:3014, "
            "or port 0 for any free one");
  EXPECT_EQ(Refusal({{"demo", "perhaps"}}), "--demo \"perhaps\": allowed is true or false");
}

TEST(Config, NumbersStopAtTheirLimits) {
  EXPECT_EQ(Load({{"value_bytes_max", "15728640"}})->value_bytes_max, kValueBytesMaxCeiling);
  EXPECT_FALSE(Load({{"value_bytes_max", "15728641"}}));
  EXPECT_FALSE(Load({{"value_bytes_max", "0"}}));
  EXPECT_FALSE(Load({{"value_bytes_max", "-1"}}));
  EXPECT_FALSE(Load({{"value_bytes_max", "1k"}}));
  EXPECT_FALSE(Load({{"value_bytes_max", ""}}));
  EXPECT_FALSE(Load({{"handshake_timeout_ms", "99999999999999999999"}}));
  EXPECT_EQ(Load({{"handshake_timeout_ms", "3600000"}})->handshake_timeout_ms, 3'600'000U);
  EXPECT_EQ(Load({{"http_request_timeout_ms", "5"}})->http_request_timeout_ms, 5U);
  EXPECT_FALSE(Load({{"http_request_timeout_ms", "0"}}));
  EXPECT_EQ(Load({{"http_idle_timeout_ms", "5"}})->http_idle_timeout_ms, 5U);
  EXPECT_EQ(Load({{"connections_max", "5"}})->connections_max, 5U);
}

TEST(Config, HowMuchOpLogStaysMayBeASizeAnAgeOrBoth) {
  const LogKeep by_default = Load({})->persistence.keep;
  const LogKeep size = Load({{"oplog_keep", "64MiB"}})->persistence.keep;
  EXPECT_EQ(size.bytes, std::uint64_t{64} << 20);
  EXPECT_EQ(size.age_us, by_default.age_us);
  const LogKeep age = Load({{"oplog_keep", "2h"}})->persistence.keep;
  EXPECT_EQ(age.bytes, by_default.bytes);
  EXPECT_EQ(age.age_us, 7'200'000'000);
  const LogKeep both = Load({{"oplog_keep", "64MiB,2h"}})->persistence.keep;
  EXPECT_EQ(both.bytes, size.bytes);
  EXPECT_EQ(both.age_us, age.age_us);
  EXPECT_FALSE(Load({{"oplog_keep", ""}}));
  EXPECT_FALSE(Load({{"oplog_keep", ","}}));
  EXPECT_FALSE(Load({{"oplog_keep", "much"}}));
  EXPECT_FALSE(Load({{"oplog_keep", "1GiB,much"}}));
}

TEST(Config, BufferMustHoldOneLargestCommand) {
  const std::string just = std::to_string(2'000'000 + kCommandOverheadBytesMax);
  const std::string below = std::to_string(2'000'000 + kCommandOverheadBytesMax - 1);
  EXPECT_TRUE(Load({{"value_bytes_max", "2000000"}, {"buffered_bytes_max", just}}));
  EXPECT_FALSE(Load({{"value_bytes_max", "2000000"}, {"buffered_bytes_max", below}}));
}

TEST(Config, EmptyCredentialsAreRefusedFromEverySource) {
  const ConfigFile file("password = ''\n");
  EXPECT_TRUE(Refusal({{"user", ""}}).starts_with("--user \"\": allowed are 1 to"));
  EXPECT_TRUE(Refusal({{"password", ""}}).starts_with("--password (empty): allowed are 1 to"));
  EXPECT_TRUE(Refusal({}, {{"NUN_USER", ""}}).starts_with("NUN_USER \"\": "));
  EXPECT_TRUE(Refusal({}, {{"NUNC_PWD", ""}}).starts_with("NUNC_PWD (empty): "));
  EXPECT_NE(Refusal({{"config", file.path()}}), "accepted");
}

TEST(Config, OtherEmptyVariablesCountAsNotSet) {
  const Result<Config> config = Load({}, {{"NUNC_WS_ADDR", ""}, {"NUN_DBS_DIR", ""}});
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->ws.port, 3012);
  EXPECT_EQ(config->data_dir, "./data");
}

TEST(Config, CredentialsThatAuthCannotCarryAreRefused) {
  EXPECT_FALSE(Load({{"user", "two words"}}));
  EXPECT_FALSE(Load({{"user", "a;b"}}));
  EXPECT_FALSE(Load({{"password", "line\nfeed"}}));
  EXPECT_FALSE(Load({{"password", "semi;colon"}}));
  EXPECT_FALSE(Load({{"password", "space "}}));
  EXPECT_TRUE(Load({{"password", "two words"}}));
  EXPECT_TRUE(Load({{"password", std::string(kSecretBytesMax, 'x')}}));
  EXPECT_FALSE(Load({{"password", std::string(kSecretBytesMax + 1, 'x')}}));
}

TEST(Config, RefusalNeverShowsThePassword) {
  EXPECT_EQ(Refusal({{"password", "hush;hush"}}).find("hush"), std::string::npos);
  const ConfigFile file("password = hush\n");
  EXPECT_EQ(Refusal({{"config", file.path()}}).find("hush"), std::string::npos);
}

TEST(Config, DefaultPasswordIsRefusedWhereOthersCanReachIt) {
  for (const char* door : {"tcp_address", "ws_address", "http_address"}) {
    for (const char* open : {"0.0.0.0:1", "[::]:1", "192.168.1.2:1", "example.org:1"}) {
      EXPECT_NE(Refusal({{door, open}}).find("default password"), std::string::npos)
          << door << open;
      EXPECT_TRUE(Load({{door, open}, {"password", "own"}})) << door << open;
      EXPECT_TRUE(Load({{door, open}, {"insecure_default_credentials", "true"}})) << door << open;
    }
    for (const char* local : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"}) {
      EXPECT_TRUE(Load({{door, local}})) << door << local;
    }
  }
}

TEST(Config, AnotherUserNameDoesNotExcuseTheDefaultPassword) {
  EXPECT_FALSE(Load({{"user", "me"}, {"ws_address", "0.0.0.0:1"}}));
}

TEST(Config, DemoIsOffByItselfWhereOthersCanReachIt) {
  const GivenFlags open{{"ws_address", "0.0.0.0:1"}, {"password", "own"}};
  EXPECT_FALSE(Load(open)->demo);
  GivenFlags asked = open;
  asked["demo"] = "true";
  EXPECT_TRUE(Load(asked)->demo);
  EXPECT_FALSE(Load({{"demo", "false"}})->demo);
  EXPECT_FALSE(Load({}, {{"NUNC_DEMO", "0"}})->demo);
}

TEST(Config, MemoryAndDataExcludeEachOtherUnlessOneSourceIsStronger) {
  EXPECT_TRUE(Load({{"memory", "true"}})->memory);
  EXPECT_EQ(Load({{"memory", "true"}})->data_dir, "");
  EXPECT_EQ(Refusal({{"memory", "true"}, {"data_dir", "d"}}),
            "--memory and --data exclude each other: with a data folder or without one");
  const Result<Config> data = Load({{"data_dir", "d"}}, {{"NUNC_MEMORY", "true"}});
  EXPECT_FALSE(data->memory);
  EXPECT_EQ(data->data_dir, "d");
  const Result<Config> memory = Load({{"memory", "true"}}, {{"NUNC_DATA", "d"}});
  EXPECT_TRUE(memory->memory);
  EXPECT_EQ(memory->data_dir, "");
  EXPECT_EQ(Load({{"memory", "false"}, {"data_dir", "d"}})->data_dir, "d");
}

TEST(Config, UnknownKeyOfTheFileIsRefusedAndTheKnownOnesNamed) {
  const ConfigFile file("ws_adress = '127.0.0.1:1'\n");
  const std::string refusal = Refusal({{"config", file.path()}});
  EXPECT_TRUE(refusal.starts_with(file.path() + ": unknown setting ws_adress; allowed are user, "))
      << refusal;
}

TEST(Config, FileMayComeFromTheEnvironment) {
  const ConfigFile file("tcp_address = '127.0.0.1:5'\nmemory = true\nvalue_bytes_max = 1000\n");
  const Result<Config> config = Load({}, {{"NUNC_CONFIG", file.path()}});
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->tcp.port, 5);
  EXPECT_TRUE(config->memory);
  EXPECT_EQ(config->value_bytes_max, 1000U);
}

TEST(ConfigFile, MissingFileFolderAndBrokenTextAreErrorsWithTheirPlace) {
  EXPECT_EQ(ReadConfigFile("/nowhere/nunc.toml").error().detail,
            "/nowhere/nunc.toml: cannot be read");
  EXPECT_EQ(ReadConfigFile("/").error().detail, "/: cannot be read");
  EXPECT_TRUE(ParseConfigText("a = 1\nb = \n", "f").error().detail.starts_with("f:2: not valid"));
  EXPECT_EQ(ParseConfigText("a = 1\n[doors]\nb = 2\n", "f").error().detail,
            "f:2: doors: allowed is a string, a whole number, true or false");
  EXPECT_FALSE(ParseConfigText("a = 1.5", "f"));
  EXPECT_FALSE(ParseConfigText("a = [1]", "f"));
}

TEST(ConfigFile, EmptyTextIsNoSettings) {
  const auto values = ParseConfigText("# nothing\n", "f");
  ASSERT_TRUE(values);
  EXPECT_TRUE(values->empty());
}

TEST(HostPort, TakesAddressesNamesAndBracketedIpv6) {
  for (const char* text : {"127.0.0.1:0", "0.0.0.0:65535", "[::1]:3012", "[::]:1", "localhost:1",
                           "node-1.example.org:3014", "my_node:1"}) {
    const Result<HostPort> address = ParseHostPort(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(ToText(*address), text);
  }
  EXPECT_EQ(ParseHostPort("[::1]:3012")->host, "::1");
}

TEST(HostPort, RefusesWhatIsNotAnAddress) {
  for (const char* text : {"",
                           ":",
                           ":1",
                           "3012",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:+1",
                           "127.0.0.1: 1",
                           "::1:3012",
                           "[::1]",
                           "[::1:1",
                           "::1]:1",
                           "[127.0.0.1]:1",
                           "256.0.0.1:1",
                           "1.2.3:1",
                           "ws://127.0.0.1:1",
                           "a b:1",
                           "[]:1"}) {
    EXPECT_FALSE(ParseHostPort(text)) << text;
  }
  EXPECT_FALSE(ParseHostPort(std::string(254, 'a') + ":1"));
  EXPECT_TRUE(ParseHostPort(std::string(253, 'a') + ":1"));
}

TEST(Settings, EveryKeyFlagAndVariableIsUniqueAndExplained) {
  std::map<std::string_view, int> names;
  for (const Setting& setting : Settings()) {
    ++names[setting.key];
    for (const std::string_view name : {setting.flag, setting.env, setting.env_legacy}) {
      if (!name.empty()) {
        ++names[name];
      }
    }
    EXPECT_EQ(setting.help.empty(), setting.flag.empty()) << setting.key;
  }
  for (const auto& [name, count] : names) {
    EXPECT_EQ(count, 1) << name;
  }
}

TEST(LoadConfig, DurabilitySettingsTakeSizesAndTimes) {
  const Result<Config> config = Load({{"ack", "disk"},
                                      {"sync_interval", "20ms"},
                                      {"sync_poll", "off"},
                                      {"segment", "128MiB"},
                                      {"snapshot_every", "2GiB"},
                                      {"snapshot_interval", "15m"},
                                      {"oplog_max", "8GiB"},
                                      {"oplog_dir", "/logs"},
                                      {"max_memory", "1GiB"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->ack, AckLevel::kDisk);
  EXPECT_EQ(config->persistence.sync_interval_us, 20'000);
  EXPECT_FALSE(config->persistence.polls_for_sync);
  EXPECT_EQ(config->persistence.segment_bytes, std::uint64_t{128} << 20);
  EXPECT_EQ(config->persistence.snapshot_every_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(config->persistence.snapshot_every_us, 900'000'000);
  EXPECT_EQ(config->persistence.log_bytes_max, std::uint64_t{8} << 30);
  EXPECT_EQ(config->oplog_dir, "/logs");
  EXPECT_EQ(config->memory_bytes_max, std::size_t{1} << 30);
}

GivenFlags Member(const GivenFlags& more) {
  GivenFlags flags{{"listen", "127.0.0.1:0"}};
  flags.insert(more.begin(), more.end());
  return flags;
}

const Variables kWithSecret{{"NUNC_CLUSTER_SECRET", std::string(16, 's')}};

Result<Config> LoadMember(const GivenFlags& more) {
  return Load(Member(more), kWithSecret);
}

TEST(LoadConfig, ChangesCountAtAMajorityByDefaultInACluster) {
  EXPECT_EQ(Load({})->ack, AckLevel::kWritten);
  EXPECT_EQ(Load({{"ack", "quorum"}})->ack, AckLevel::kQuorum);
  EXPECT_EQ(LoadMember({})->ack, AckLevel::kQuorum);
  EXPECT_EQ(LoadMember({{"ack", "written"}})->ack, AckLevel::kWritten);
  EXPECT_EQ(LoadMember({{"ack", "disk"}})->ack, AckLevel::kDisk);
  EXPECT_EQ(Refusal({{"ack", "all"}}), "--ack \"all\": allowed are written, disk, quorum");
}

TEST(LoadConfig, DurabilitySettingsStopAtTheirLimits) {
  const auto bytes = [](std::uint64_t number) { return std::to_string(number); };
  EXPECT_TRUE(Load({{"segment", bytes(kSegmentBytesMin)}}));
  EXPECT_FALSE(Load({{"segment", bytes(kSegmentBytesMin - 1)}}));
  EXPECT_TRUE(Load({{"segment", bytes(kSegmentBytesMax)}}));
  EXPECT_FALSE(Load({{"segment", bytes(kSegmentBytesMax + 1)}}));
  EXPECT_TRUE(Load({{"max_memory", bytes(kMemoryBytesMaxMin)}}));
  EXPECT_FALSE(Load({{"max_memory", bytes(kMemoryBytesMaxMin - 1)}}));
  EXPECT_TRUE(Load({{"sync_interval", "1ms"}}));
  EXPECT_FALSE(Load({{"sync_interval", "0ms"}}));
  EXPECT_TRUE(Load({{"sync_interval", "60s"}}));
  EXPECT_FALSE(Load({{"sync_interval", "61s"}}));
  EXPECT_FALSE(Load({{"sync_interval", "50"}}));
  EXPECT_TRUE(Load({{"sync_poll", "on"}})->persistence.polls_for_sync);
  EXPECT_FALSE(Load({{"sync_poll", "true"}}));
  EXPECT_FALSE(Load({{"oplog_dir", ""}}));
}

TEST(LoadConfig, WhatStaysOfTheLogIsASizeAnAgeOrBoth) {
  const Config both = *Load({{"oplog_keep", "2GiB,3d"}});
  EXPECT_EQ(both.persistence.keep.bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(both.persistence.keep.age_us, std::int64_t{3} * 86'400'000'000);
  EXPECT_EQ(Load({{"oplog_keep", "3h"}})->persistence.keep.age_us, 10'800'000'000);
  EXPECT_EQ(Load({{"oplog_keep", "3h"}})->persistence.keep.bytes, std::uint64_t{1} << 30);
  EXPECT_FALSE(Load({{"oplog_keep", "much"}}));
  EXPECT_FALSE(Load({{"oplog_keep", "1GiB,"}}));
}

TEST(LoadCluster, FlagsSayWhatTheyAllow) {
  const auto refuses = [](const char* key, const std::string& text, std::string_view allowed) {
    const std::string refusal = Refusal(Member({{key, text}}), kWithSecret);
    EXPECT_NE(refusal.find(allowed), std::string::npos) << key << ": " << refusal;
  };
  refuses("id", "0", "a whole number from 1 to 18446744073709551615");
  refuses("id", "18446744073709551616", "a whole number from 1");
  refuses("id", "1x", "a whole number from 1");
  refuses("priority", "-1", "a whole number from 0 to 4294967295");
  refuses("priority", "4294967296", "a whole number from 0");
  refuses("advertise", "here", "HOST:PORT");
  refuses("join", "", "HOST:PORT");
  refuses("join", "127.0.0.1:1,", "HOST:PORT");
  refuses("bootstrap", "yes", "true or false");
  refuses("arbiter", "yes", "true or false");
  refuses("takeover", "true", "on or off");
  refuses("ping", "0ms", "a duration");
  refuses("cluster_secret_file", "/nowhere/secret", "it cannot be read");
  EXPECT_NE(Refusal({{"listen", "3015"}}, kWithSecret).find("HOST:PORT"), std::string::npos);
}

TEST(LoadCluster, FlagsStopAtTheirLimits) {
  EXPECT_EQ(LoadMember({{"id", "18446744073709551615"}})->cluster.id.value, UINT64_MAX);
  EXPECT_EQ(LoadMember({{"id", "18446744073709551615"}})->cluster.priority.value, UINT32_MAX);
  EXPECT_EQ(LoadMember({{"id", "7"}})->cluster.priority.value, 7U);
  EXPECT_EQ(LoadMember({{"id", "7"}, {"priority", "0"}})->cluster.priority.value, 0U);
  std::string list = "127.0.0.1:1";
  for (std::size_t i = 1; i < kMembersMax; ++i) {
    list += ",127.0.0.1:1";
  }
  EXPECT_EQ(LoadMember({{"join", list}})->cluster.join.size(), kMembersMax);
  EXPECT_NE(Refusal(Member({{"join", list + ",127.0.0.1:1"}}), kWithSecret).find("at most"),
            std::string::npos);
}

TEST(LoadCluster, ASecretHasItsLengthsAndIsNeverShown) {
  const auto refusal = [](const std::string& secret) {
    return Refusal(Member({}), {{"NUNC_CLUSTER_SECRET", secret}});
  };
  EXPECT_EQ(refusal(std::string(16, 's')), "accepted");
  EXPECT_EQ(refusal(std::string(kSecretBytesMax, 's')), "accepted");
  EXPECT_NE(refusal(std::string(kSecretBytesMax + 1, 's')).find("16 to"), std::string::npos);
  EXPECT_EQ(refusal("hidden-short").find("hidden"), std::string::npos);
  EXPECT_NE(refusal("hidden-short").find("16 to"), std::string::npos);
  const ConfigFile file("a-secret-of-the-cluster\r\n\n");
  EXPECT_EQ(Load({{"listen", "127.0.0.1:0"}, {"cluster_secret_file", file.path()}})->cluster.secret,
            "a-secret-of-the-cluster");
}

TEST(LoadCluster, CombinationsThatMakeNoMemberAreRefused) {
  const auto names = [](const GivenFlags& flags, std::string_view what) {
    const std::string refusal = Refusal(flags, kWithSecret);
    EXPECT_NE(refusal.find(what), std::string::npos) << refusal;
  };
  names(Member({{"bootstrap", "true"}, {"join", "127.0.0.1:1"}}), "give one of them");
  names({{"bootstrap", "true"}}, "give --listen");
  names({{"arbiter", "true"}}, "give --listen");
  names(Member({{"bootstrap", "true"}, {"arbiter", "true"}}), "begins no cluster: give --join");
  names({{"join", "127.0.0.1:1"}}, "give --listen");
  names(Member({{"memory", "true"}}), "no --memory");
  EXPECT_NE(Refusal(Member({})).find("needs the secret"), std::string::npos);
  // Three pings in a lease, a lease in an election timeout.
  EXPECT_TRUE(LoadMember({{"ping", "100ms"}, {"lease", "800ms"}}));
  names(Member({{"lease", "300ms"}}), "three times --ping must be shorter");
  names(Member({{"lease", "1s"}}), "--lease must be shorter");
}

TEST(LoadCluster, ANodeMayWaitUntilItIsAdded) {
  const Result<Config> waits = LoadMember({{"join", "wait"}});
  ASSERT_TRUE(waits) << waits.error().detail;
  EXPECT_TRUE(waits->cluster.joins);
  EXPECT_TRUE(waits->cluster.join.empty());
  EXPECT_TRUE(LoadMember({{"join", "127.0.0.1:1"}})->cluster.joins);
  EXPECT_FALSE(LoadMember({})->cluster.joins);
  EXPECT_NE(Refusal(Member({{"join", "wait"}, {"bootstrap", "true"}}), kWithSecret)
                .find("give one of them"),
            std::string::npos);
}

TEST(LoadCluster, TcpDoorsOfNodesAreWhereToAsk) {
  const GivenFlags doors = {{"replicate_address", "127.0.0.1:3014,a:1,[::1]:2"},
                            {"tcp_address", "127.0.0.1:3014"}};
  const auto with = [&doors](GivenFlags more) {
    more.insert(doors.begin(), doors.end());
    return more;
  };
  // Existing setups name all nodes to each of them.
  const Result<Config> asks = LoadMember(doors);
  ASSERT_TRUE(asks) << asks.error().detail;
  EXPECT_EQ(asks->cluster.replicate, (std::vector<std::string>{"a:1", "[::1]:2"}));
  EXPECT_TRUE(asks->cluster.joins);
  EXPECT_EQ(LoadMember(with({{"external_address", "a:1"}}))->cluster.replicate,
            (std::vector<std::string>{"127.0.0.1:3014", "[::1]:2"}));
  const Result<Config> begins = LoadMember(with({{"bootstrap", "true"}}));
  ASSERT_TRUE(begins) << begins.error().detail;
  EXPECT_TRUE(begins->cluster.replicate.empty());
  // Who names only itself is alone.
  EXPECT_EQ(Refusal({{"replicate_address", "127.0.0.1:3014"}}), "accepted");
}

TEST(LoadCluster, WhoIsToEnterAClusterIsToldWhatItLacks) {
  const GivenFlags doors = {{"replicate_address", "a:1"}};
  const std::string both = Refusal(doors);
  EXPECT_NE(both.find("(--listen) and the secret"), std::string::npos) << both;
  const std::string address = Refusal(doors, kWithSecret);
  EXPECT_NE(address.find("(--listen)"), std::string::npos) << address;
  EXPECT_EQ(address.find("secret"), std::string::npos) << address;
  const std::string secret = Refusal(Member(doors));
  EXPECT_NE(secret.find("needs the secret"), std::string::npos) << secret;
  EXPECT_NE(Refusal({}, {{"NUN_REPLICATE_ADDR", "a:1"}}).find("--listen"), std::string::npos);
  std::string list = "a:1";
  for (std::size_t i = 1; i < kMembersMax; ++i) {
    list += ",a:1";
  }
  EXPECT_EQ(LoadMember({{"replicate_address", list}})->cluster.replicate.size(), kMembersMax);
  EXPECT_NE(Refusal(Member({{"replicate_address", list + ",a:1"}}), kWithSecret).find("at most"),
            std::string::npos);
}

}  // namespace
}  // namespace nunc
