#include "server/config.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "core/oplog_request.h"
#include "language/words.h"
#include "server/config_file.h"

namespace nunc {

namespace {

constexpr std::uint32_t kMillisecondsMax = 3'600'000;
constexpr std::size_t kConnectionsMaxCeiling = 1'000'000;
constexpr std::size_t kBufferedBytesMaxCeiling = std::size_t{1} << 40;
constexpr std::size_t kHostBytesMax = 253;  // RFC 1035 §2.3.4, less the length bytes
constexpr std::string_view kAddressAllowed =
    "allowed is HOST:PORT, for example 127.0.0.1:3014, [::1]:3014, or port 0 for any free one";

template <auto Field, std::uint64_t Min, std::uint64_t Max>
Result<void> SetNumber(std::string_view text, Config& config) {
  const Result<std::uint64_t> number = ParseNumber(text, Min, Max);
  if (!number) {
    return tl::unexpected(number.error());
  }
  using Number = std::remove_reference_t<decltype(config.*Field)>;
  config.*Field = static_cast<Number>(*number);
  return {};
}

template <auto Field>
Result<void> SetAddress(std::string_view text, Config& config) {
  return Set(ParseHostPort(text), config.*Field);
}

template <auto Field>
Result<void> SetSwitch(std::string_view text, Config& config) {
  return Set(ReadBool(text), config.*Field);
}

Result<void> SetExternalAddress(std::string_view text, Config& config) {
  const Result<HostPort> address = ParseHostPort(text);
  if (!address) {
    return tl::unexpected(address.error());
  }
  config.external_address = ToText(*address);
  return {};
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

// `auth USER PASSWORD` must be able to carry it: one word, and nothing that ends a command.
Result<void> SetUser(std::string_view text, Config& config) {
  if (text.empty() || text.size() > kNameBytesMax || HasControl(text) ||
      text.find_first_of(" ;") != std::string_view::npos) {
    return Fail(Fault::kInvalid, "allowed are 1 to " + std::to_string(kNameBytesMax) +
                                     " bytes without spaces, semicolons and control characters");
  }
  config.user = text;
  return {};
}

Result<void> SetPassword(std::string_view text, Config& config) {
  if (text.empty() || text.size() > kSecretBytesMax || HasControl(text) || text.front() == ' ' ||
      text.back() == ' ' || text.contains(';')) {
    return Fail(Fault::kInvalid, "allowed are 1 to " + std::to_string(kSecretBytesMax) +
                                     " bytes without semicolons and control characters, and no "
                                     "space at either end");
  }
  config.password = text;
  return {};
}

Result<void> SetDataDir(std::string_view text, Config& config) {
  if (text.empty() || text.contains('\0')) {
    return Fail(Fault::kInvalid, "allowed is the path of a folder");
  }
  config.data_dir = text;
  return {};
}

Result<void> SetLogLevel(std::string_view text, Config& config) {
  static constexpr std::array<std::pair<std::string_view, LogLevel>, 6> kLevels{{
      {"trace", LogLevel::kTrace},
      {"debug", LogLevel::kDebug},
      {"info", LogLevel::kInfo},
      {"warn", LogLevel::kWarn},
      {"error", LogLevel::kError},
      {"off", LogLevel::kOff},
  }};
  const auto same = [text](std::string_view name) {
    return std::ranges::equal(text, name, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
  };
  for (const auto& [name, level] : kLevels) {
    if (same(name)) {
      config.log_level = level;
      return {};
    }
  }
  return Fail(Fault::kInvalid, "allowed is off, error, warn, info, debug or trace");
}

Result<void> SetOplogDir(std::string_view text, Config& config) {
  if (text.empty() || text.contains('\0')) {
    return Fail(Fault::kInvalid, "allowed is the path of a folder");
  }
  config.oplog_dir = text;
  return {};
}

Result<void> SetAck(std::string_view text, Config& config) {
  const std::optional<AckLevel> level = AckLevelOf(text);
  if (!level) {
    return Fail(Fault::kInvalid, std::string("allowed are ").append(kAckLevelWords));
  }
  config.ack = *level;
  return {};
}

// `64MiB`, or a plain number of bytes.
Result<std::uint64_t> ReadBytes(std::string_view text, std::uint64_t min, std::uint64_t max) {
  const Result<std::uint64_t> bytes = ParseBytes(text);
  if (!bytes || *bytes < min || *bytes > max) {
    return Fail(Fault::kInvalid, "allowed is a size from " + std::to_string(min) + " to " +
                                     std::to_string(max) + " bytes, for example 64MiB");
  }
  return bytes;
}

template <auto Field, std::uint64_t Min, std::uint64_t Max>
Result<void> SetPersistenceBytes(std::string_view text, Config& config) {
  return Set(ReadBytes(text, Min, Max), config.persistence.*Field);
}

Result<void> SetMemoryMax(std::string_view text, Config& config) {
  return Set(ReadBytes(text, kMemoryBytesMaxMin, SIZE_MAX), config.memory_bytes_max);
}

template <auto Field>
Result<void> SetTiming(std::string_view text, Config& config) {
  return Set(ReadDuration(text, 1'000, kElectionTimingUsMax), config.cluster.timing.*Field);
}

template <auto Field, std::int64_t Min, std::int64_t Max>
Result<void> SetPersistenceDuration(std::string_view text, Config& config) {
  return Set(ReadDuration(text, Min, Max), config.persistence.*Field);
}

Result<void> SetSyncPoll(std::string_view text, Config& config) {
  return Set(ReadSwitch(text), config.persistence.polls_for_sync);
}

// `1GiB`, `24h`, or both with a comma.
Result<void> SetOplogKeep(std::string_view text, Config& config) {
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    if (const Result<std::uint64_t> bytes = ParseBytes(part)) {
      config.persistence.keep.bytes = *bytes;
    } else if (const Result<std::int64_t> age = ParseAge(part)) {
      config.persistence.keep.age_us = *age;
    } else {
      return Fail(Fault::kInvalid, "allowed is a size, an age, or both: 1GiB,24h");
    }
    more = comma != std::string_view::npos;
    text.remove_prefix(more ? comma + 1 : text.size());
  }
  return {};
}

constexpr std::array kSettings = std::to_array<Setting>({
    {"user", "-u,--user", "NUNC_USER", "NUN_USER", "NAME", "admin account (admin)", SetUser},
    {"password", "-p,--password", "NUNC_PWD", "NUN_PWD", "PASSWORD", "its password", SetPassword},
    {"tcp_address", "-t,--tcp-address", "NUNC_TCP_ADDR", "NUN_TCP_ADDR", "HOST:PORT",
     "TCP door (127.0.0.1:3014)", SetAddress<&Config::tcp>},
    {"ws_address", "-w,--ws-address", "NUNC_WS_ADDR", "NUN_WS_ADDR", "HOST:PORT",
     "WebSocket door (127.0.0.1:3012)", SetAddress<&Config::ws>},
    {"http_address", "-h,--http-address", "NUNC_HTTP_ADDR", "NUN_HTTP_ADDR", "HOST:PORT",
     "HTTP door (127.0.0.1:3013)", SetAddress<&Config::http>},
    {"external_address", "-e,--external-address", "NUNC_EXTERNAL_ADDR", "", "HOST:PORT",
     "address of the TCP door as others must dial it (as bound)", SetExternalAddress},
    {"data_dir", "--data", "NUNC_DATA", "NUN_DBS_DIR", "FOLDER", "data folder (./data)",
     SetDataDir},
    {"oplog_dir", "--oplog-dir", "NUNC_OPLOG_DIR", "", "FOLDER",
     "folder of the op log (the data folder)", SetOplogDir},
    {"ack", "--ack", "NUNC_ACK", "", "LEVEL",
     "when a change counts, for databases made without a level: written, disk or quorum (written; "
     "of a member of a cluster quorum)",
     SetAck},
    {"sync_interval", "--sync-interval", "NUNC_SYNC_INTERVAL", "", "TIME",
     "written changes are on disk at most this much later (50ms)",
     SetPersistenceDuration<&PersistenceOptions::sync_interval_us, 1'000, 60'000'000>},
    {"sync_poll", "--sync-poll", "NUNC_SYNC_POLL", "", "on|off",
     "a short sync that clients wait for is waited for without sleep (on)", SetSyncPoll},
    {"segment", "--segment", "NUNC_SEGMENT", "", "SIZE", "size of an op log file (64MiB)",
     SetPersistenceBytes<&PersistenceOptions::segment_bytes, kSegmentBytesMin, kSegmentBytesMax>},
    {"oplog_keep", "--oplog-keep", "NUNC_OPLOG_KEEP", "", "SIZE,AGE",
     "how much op log stays, as far as snapshots allow (1GiB,24h)", SetOplogKeep},
    {"oplog_max", "--oplog-max", "NUNC_OPLOG_MAX", "NUN_MAX_OP_LOG_SIZE", "SIZE",
     "an op log larger than this makes a snapshot at once (4GiB)",
     SetPersistenceBytes<&PersistenceOptions::log_bytes_max, kSegmentBytesMin, UINT64_MAX>},
    {"snapshot_every", "--snapshot-every", "NUNC_SNAPSHOT_EVERY", "", "SIZE",
     "a snapshot after so much op log (1GiB)",
     SetPersistenceBytes<&PersistenceOptions::snapshot_every_bytes, 1'048'576, UINT64_MAX>},
    {"snapshot_interval", "--snapshot-interval", "NUNC_SNAPSHOT_INTERVAL", "", "TIME",
     "a snapshot after so long, if anything has changed (1h)",
     SetPersistenceDuration<&PersistenceOptions::snapshot_every_us, 1'000'000,
                            std::int64_t{30} * 86'400'000'000>},
    {"max_memory", "--max-memory", "NUNC_MAX_MEMORY", "", "SIZE",
     "memory of keys and values; beyond it writes are refused (no limit)", SetMemoryMax},
    {"memory", "--memory", "NUNC_MEMORY", "", "", "no data folder, never write anything",
     SetSwitch<&Config::memory>},
    {"demo", "--demo,!--no-demo", "NUNC_DEMO", "", "",
     "create database `demo`, token `demo`, for the page /demo (only when all doors are loopback)",
     SetSwitch<&Config::demo>},
    {"insecure_default_credentials", "--insecure-default-credentials",
     "NUNC_INSECURE_DEFAULT_CREDENTIALS", "", "",
     "allow the default password on doors that others can reach",
     SetSwitch<&Config::allow_default_credentials>},
    {"log_level", "--log-level", "NUNC_LOG_LEVEL", "NUN_LOG_LEVEL", "LEVEL",
     "off, error, warn, info, debug or trace (info)", SetLogLevel},
    {"value_bytes_max", "--value-bytes-max", "NUNC_VALUE_BYTES_MAX", "", "BYTES",
     "largest value (8388608)", SetNumber<&Config::value_bytes_max, 1, kValueBytesMaxCeiling>},
    {"connections_max", "--connections-max", "NUNC_CONNECTIONS_MAX", "", "COUNT",
     "connections of all doors together (100000)",
     SetNumber<&Config::connections_max, 1, kConnectionsMaxCeiling>},
    {"buffered_bytes_max", "--buffered-bytes-max", "NUNC_BUFFERED_BYTES_MAX", "", "BYTES",
     "partial requests and unsent bytes of all connections together (1073741824)",
     SetNumber<&Config::buffered_bytes_max, kUnsentBytesMax, kBufferedBytesMaxCeiling>},
    {"handshake_timeout_ms", "--handshake-timeout-ms", "NUNC_HANDSHAKE_TIMEOUT_MS", "", "MS",
     "time for a first request (10000)",
     SetNumber<&Config::handshake_timeout_ms, 1, kMillisecondsMax>},
    {"http_request_timeout_ms", "--http-request-timeout-ms", "NUNC_HTTP_REQUEST_TIMEOUT_MS", "",
     "MS", "a whole HTTP request, however steadily it drips (300000)",
     SetNumber<&Config::http_request_timeout_ms, 1, kMillisecondsMax>},
    {"http_idle_timeout_ms", "--http-idle-timeout-ms", "NUNC_HTTP_IDLE_TIMEOUT_MS", "", "MS",
     "a kept HTTP connection without a request (75000)",
     SetNumber<&Config::http_idle_timeout_ms, 1, kMillisecondsMax>},
    {"ping_interval_ms", "--ping-interval-ms", "NUNC_PING_INTERVAL_MS", "", "MS",
     "a quiet peer is pinged after this time (30000)",
     SetNumber<&Config::ping_interval_ms, 1, kMillisecondsMax>},
    {"id", "--id", "NUNC_ID", "", "NUMBER",
     "of this node, unique in its cluster (made at its first start)", SetId},
    {"priority", "--priority", "NUNC_PRIORITY", "", "NUMBER",
     "the highest one is primary when it has all of the log; 0: never (the id)", SetPriority},
    {"listen", "--listen", "NUNC_LISTEN", "", "HOST:PORT",
     "where the other nodes of the cluster reach this one (none)", SetListen},
    {"advertise", "--advertise", "NUNC_ADVERTISE", "", "HOST:PORT",
     "that address as others must dial it (as bound)", SetAdvertise},
    {"join", "--join", "NUNC_JOIN", "", "LIST",
     "enter the cluster that nodes at these addresses are members of; wait: until `nunc cluster "
     "add` names this node there",
     SetJoin},
    {"bootstrap", "--bootstrap", "NUNC_BOOTSTRAP", "", "",
     "begin a cluster with this node, and with what its folder holds", SetBootstrap},
    {"arbiter", "--arbiter", "NUNC_ARBITER", "", "",
     "be the third node of a cluster, beside two with data: it votes and holds none",
     SetArbiterNode},
    {"cluster_secret_file", "--cluster-secret-file", "NUNC_CLUSTER_SECRET_FILE", "", "FILE",
     "holds the secret that all nodes of the cluster share", SetSecretFile},
    {"cluster_secret", "", "NUNC_CLUSTER_SECRET", "", "SECRET", "", SetSecret},
    {"ping", "--ping", "NUNC_PING", "", "TIME", "a primary says so often that it is there (100ms)",
     SetTiming<&Timing::ping_us>},
    {"lease", "--lease", "NUNC_LEASE", "", "TIME",
     "a primary that a majority has not answered for so long steps down (800ms)",
     SetTiming<&Timing::lease_us>},
    {"election_timeout", "--election-timeout", "NUNC_ELECTION_TIMEOUT", "", "TIME",
     "an election begins when no primary was heard for so long (1s)",
     SetTiming<&Timing::election_timeout_us>},
    {"rank_delay", "--rank-delay", "NUNC_RANK_DELAY", "", "TIME",
     "later by so much for each node of a higher priority (120ms)",
     SetTiming<&Timing::rank_delay_us>},
    {"takeover", "--takeover", "NUNC_TAKEOVER", "", "on|off",
     "the highest priority becomes primary (on)", SetTakeover},
    {"takeover_after", "--takeover-after", "NUNC_TAKEOVER_AFTER", "", "TIME",
     "when it has been connected for so long (3s)", SetTiming<&Timing::takeover_after_us>},
    {"quorum_timeout", "--quorum-timeout", "NUNC_QUORUM_TIMEOUT", "", "TIME",
     "what a majority has not confirmed for so long is answered as unknown (2s)", SetQuorumTimeout},
    {"forward", "--forward", "NUNC_FORWARD", "", "on|off",
     "writes at another node go to the primary; off: they are answered with its address (on)",
     SetForward},
    {"forward_timeout", "--forward-timeout", "NUNC_FORWARD_TIMEOUT", "", "TIME",
     "how long such a write waits for a primary (2s)", SetForwardTimeout},
    {"token_wait", "--token-wait", "NUNC_TOKEN_WAIT", "", "TIME",
     "how long a read waits for what it names and this node does not have yet (500ms)",
     SetTokenWait},
    {"replicate_address", "-r,--replicate-address", "NUNC_REPLICATE_ADDR", "NUN_REPLICATE_ADDR",
     "LIST", "TCP doors of nodes of a cluster, which are asked where to join it", SetReplicate},
    {"election_timeout_ms", "", "", "NUN_ELECTION_TIMEOUT", "MS", ""},
    {"declutter_interval_s", "", "", "NUN_DECLUTTER_INTERVAL", "SECONDS", ""},
    {"storage_strategy", "", "", "NUN_STORAGE_STRATEGY", "NAME", ""},
    {"storage_read_strategy", "", "", "NUN_STORAGE_READ_STRATEGY", "NAME", ""},
    {"storage_write_strategy", "", "", "NUN_STORAGE_WRITE_STRATEGY", "NAME", ""},
    {"s3_key_id", "", "", "NUN_S3_KEY_ID", "ID", ""},
    {"s3_secret_key", "", "", "NUN_S3_SECRET_KEY", "SECRET", ""},
    {"s3_bucket", "", "", "NUN_S3_BUCKET", "NAME", ""},
    {"s3_prefix", "", "", "NUN_S3_PREFIX", "NAME", ""},
    {"s3_read_prefix", "", "", "NUN_S3_READ_PREFIX", "NAME", ""},
    {"s3_api_url", "", "", "NUN_S3_API_URL", "URL", ""},
    {"s3_max_inflight_requests", "", "", "NUN_S3_MAX_INFLIGHT_REQUESTS", "COUNT", ""},
    {"s3_number_of_partitions", "", "", "NUN_S3_NUMBER_OF_PARTITIONS", "COUNT", ""},
    {"s3_retry", "", "", "NUN_S3_RETRY", "COUNT", ""},
});

enum class Rank : unsigned char { kDefault, kFile, kEnvironment, kFlag };

struct Given {
  Rank rank = Rank::kDefault;
  std::string source;  // for people: a flag, a variable, or a file and its key
  std::string text;
};

// "-t,--tcp-address" -> "--tcp-address"; of a switch's two names the one that says `text`.
std::string FlagName(const Setting& setting, std::string_view text) {
  std::string_view name = setting.flag;
  if (const std::size_t no = name.find(",!"); no != std::string_view::npos) {
    return std::string(text == "false" ? name.substr(no + 2) : name.substr(0, no));
  }
  if (const std::size_t comma = name.find(','); comma != std::string_view::npos) {
    name = name.substr(comma + 1);
  }
  return std::string(name);
}

// An empty variable is as good as none (compose files set many so), but not for the credentials: a
// secret that failed to arrive must not become the default one.
bool EmptyCounts(const Setting& setting) {
  return setting.key == "user" || setting.key == "password";
}

struct Sources {
  const GivenFlags& flags;
  const Environment& environment;
  const GivenFlags& file;
  const std::string& file_path;
};

Given Find(const Setting& setting, const Sources& sources) {
  if (const auto flag = sources.flags.find(setting.key); flag != sources.flags.end()) {
    return {Rank::kFlag, FlagName(setting, flag->second), flag->second};
  }
  for (const std::string_view name : {setting.env, setting.env_legacy}) {
    if (name.empty()) {
      continue;
    }
    std::optional<std::string> text = sources.environment(std::string(name).c_str());
    if (text && (!text->empty() || EmptyCounts(setting))) {
      return {Rank::kEnvironment, std::string(name), *std::move(text)};
    }
  }
  if (const auto line = sources.file.find(setting.key); line != sources.file.end()) {
    return {Rank::kFile, sources.file_path + ": " + std::string(setting.key), line->second};
  }
  return {};
}

std::string Shown(const Setting& setting, std::string_view text) {
  if (setting.key == "password" || setting.key == "cluster_secret") {
    return text.empty() ? "(empty)" : "(not shown)";
  }
  return "\"" + std::string(text) + "\"";
}

Result<void> CheckFileKeys(const GivenFlags& file, const std::string& path) {
  for (const auto& [key, text] : file) {
    const auto known =
        std::ranges::find_if(kSettings, [&key](const Setting& s) { return s.key == key; });
    if (known != kSettings.end() && known->apply != nullptr) {
      continue;
    }
    std::string allowed;
    for (const Setting& setting : kSettings) {
      if (setting.apply != nullptr) {
        allowed += allowed.empty() ? "" : ", ";
        allowed += setting.key;
      }
    }
    std::string detail = path;
    detail.append(": unknown setting ").append(key).append("; allowed are ").append(allowed);
    return Fail(Fault::kInvalid, std::move(detail));
  }
  return {};
}

bool AllLoopback(const Config& config) {
  return IsLoopback(config.tcp) && IsLoopback(config.ws) && IsLoopback(config.http);
}

// What no single setting can say alone.
Result<void> CheckTogether(Config& config, const std::map<std::string_view, Given>& given) {
  const Given& memory = given.at("memory");
  const Given& data = given.at("data_dir");
  if (config.memory && data.rank == memory.rank) {
    return Fail(Fault::kInvalid, memory.source + " and " + data.source +
                                     " exclude each other: with a data folder or without one");
  }
  config.memory = config.memory && memory.rank > data.rank;
  if (config.memory) {
    config.data_dir.clear();
  }
  if (config.buffered_bytes_max < config.value_bytes_max + kCommandOverheadBytesMax) {
    return Fail(Fault::kInvalid,
                "buffered_bytes_max " + std::to_string(config.buffered_bytes_max) +
                    " does not hold one command of value_bytes_max " +
                    std::to_string(config.value_bytes_max) + "; allowed is at least " +
                    std::to_string(config.value_bytes_max + kCommandOverheadBytesMax));
  }
  if (config.cluster.active() && given.at("ack").rank == Rank::kDefault) {
    config.ack = AckLevel::kQuorum;
  }
  if (!AllLoopback(config)) {
    if (given.at("demo").rank == Rank::kDefault) {
      config.demo = false;
    }
    if (config.password == kPasswordDefault && !config.allow_default_credentials) {
      return Fail(Fault::kInvalid,
                  "the default password on an address that others can reach (tcp " +
                      ToText(config.tcp) + ", ws " + ToText(config.ws) + ", http " +
                      ToText(config.http) +
                      "): give one with -p or NUNC_PWD, or say --insecure-default-credentials");
    }
  }
  return {};
}

bool IsHostName(std::string_view host) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  // Digits and points alone are a mistyped address, never a name worth asking a name server for.
  return !host.empty() && host.size() <= kHostBytesMax && std::ranges::all_of(host, allowed) &&
         host.find_first_not_of("0123456789.") != std::string_view::npos;
}

bool IsAddress(int family, const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(family, host.c_str(), bytes.data()) == 1;
}

}  // namespace

Result<std::uint64_t> ParseNumber(std::string_view text, std::uint64_t min, std::uint64_t max) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stopped != end || number < min || number > max) {
    return Fail(Fault::kInvalid, "allowed is a whole number from " + std::to_string(min) + " to " +
                                     std::to_string(max));
  }
  return number;
}

Result<HostPort> ParseHostPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.contains('\0')) {
    return Fail(Fault::kInvalid, std::string(kAddressAllowed));
  }
  std::string host(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!IsAddress(AF_INET6, host)) {
      return Fail(Fault::kInvalid, std::string(kAddressAllowed));
    }
  } else if (!IsAddress(AF_INET, host) && !IsHostName(host)) {
    return Fail(Fault::kInvalid, std::string(kAddressAllowed));
  }
  const Result<std::uint64_t> port = ParseNumber(text.substr(colon + 1), 0, 65'535);
  if (!port) {
    return Fail(Fault::kInvalid, std::string(kAddressAllowed));
  }
  return HostPort{.host = std::move(host), .port = static_cast<std::uint16_t>(*port)};
}

std::string ToText(const HostPort& address) {
  const bool v6 = address.host.contains(':');
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool IsLoopback(const HostPort& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.host.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6);
  }
  return address.host == "localhost";
}

std::span<const Setting> Settings() {
  return kSettings;
}

std::optional<std::string> ProcessEnvironment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

Result<Config> LoadConfig(const GivenFlags& flags, const Environment& environment) {
  std::string path;
  if (const auto flag = flags.find("config"); flag != flags.end()) {
    path = flag->second;
  } else {
    path = environment("NUNC_CONFIG").value_or("");
  }
  GivenFlags file;
  if (!path.empty()) {
    auto read = ReadConfigFile(path);
    if (!read) {
      return tl::unexpected(read.error());
    }
    file = *std::move(read);
    if (const Result<void> known = CheckFileKeys(file, path); !known) {
      return tl::unexpected(known.error());
    }
  }
  const Sources sources{flags, environment, file, path};
  Config config;
  std::map<std::string_view, Given> all;
  for (const Setting& setting : kSettings) {
    const Given& given = all[setting.key] = Find(setting, sources);
    if (given.rank == Rank::kDefault) {
      continue;
    }
    if (setting.apply == nullptr) {
      config.warnings.push_back(given.source + " has no effect yet");
      continue;
    }
    if (const Result<void> applied = setting.apply(given.text, config); !applied) {
      return Fail(Fault::kInvalid,
                  given.source + " " + Shown(setting, given.text) + ": " + applied.error().detail);
    }
  }
  if (const Result<void> checked = CheckTogether(config, all); !checked) {
    return tl::unexpected(checked.error());
  }
  if (const Result<void> checked = CheckCluster(config); !checked) {
    return tl::unexpected(checked.error());
  }
  return config;
}

}  // namespace nunc
