// What the server is told at start: flag > environment > TOML file (--config) > default.
//
// Shape:   one table of settings feeds flags, environment names, file keys, checks and --help.
// Units:   bytes, counts and milliseconds as the field's name ends.
// Errors:  kInvalid names the source (flag, variable, file), the value and what is allowed.
// Secrets: the value of `password` never appears in an error, a warning or a help text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "core/record.h"
#include "node/persistence.h"
#include "server/cluster_config.h"

namespace nunc {

inline constexpr std::string_view kUserDefault = "admin";
inline constexpr std::string_view kPasswordDefault = "admin-pwd";

// `host` is an IPv4 or IPv6 address (without brackets) or a name; port 0 lets the system choose.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "127.0.0.1:3012", "localhost:0", "[::1]:3012".
Result<HostPort> ParseHostPort(std::string_view text);
std::string ToText(const HostPort& address);
// kInvalid says what is allowed.
Result<std::uint64_t> ParseNumber(std::string_view text, std::uint64_t min, std::uint64_t max);
// 127.0.0.0/8, ::1 and "localhost"; any other name counts as reachable from outside.
bool IsLoopback(const HostPort& address);

struct Config {
  std::string user{kUserDefault};
  std::string password{kPasswordDefault};
  HostPort tcp{.host = "127.0.0.1", .port = 3014};
  HostPort ws{.host = "127.0.0.1", .port = 3012};
  HostPort http{.host = "127.0.0.1", .port = 3013};
  std::string external_address;  // empty: the TCP address as bound
  std::string data_dir = "./data";
  bool memory = false;  // true: `data_dir` is empty and nothing is ever written
  bool demo = true;     // create database `demo` at start; loaded as false off loopback
  bool allow_default_credentials = false;
  LogLevel log_level = LogLevel::kInfo;
  std::size_t value_bytes_max = kValueBytesMaxDefault;
  std::size_t connections_max = kConnectionsMaxDefault;
  std::size_t buffered_bytes_max = kBufferedBytesMaxDefault;
  std::uint32_t handshake_timeout_ms = kHandshakeTimeoutMsDefault;
  std::uint32_t http_request_timeout_ms = kHttpRequestTimeoutMsDefault;
  std::uint32_t http_idle_timeout_ms = kHttpIdleTimeoutMsDefault;
  std::uint32_t ping_interval_ms = kPingIntervalMsDefault;
  // One sentence each, for the log at start: what was given but has no effect yet.
  std::vector<std::string> warnings;
  std::string oplog_dir;  // empty: in data_dir
  AckLevel ack = AckLevel::kWritten;
  std::size_t memory_bytes_max = SIZE_MAX;
  PersistenceOptions persistence;
  ClusterConfig cluster;
};

// One setting under all its names. An empty name: not to be had in that way.
struct Setting {
  std::string_view key;         // in the TOML file, and in GivenFlags
  std::string_view flag;        // "-t,--tcp-address"; a "!" before a name: that name says false
  std::string_view env;         // preferred, NUNC_*
  std::string_view env_legacy;  // the reference server's, NUN_*
  std::string_view value_name;  // for --help; empty: a switch, a flag without a value
  std::string_view help;
  // The error says only what is allowed. None: accepted from existing setups, with a warning.
  Result<void> (*apply)(std::string_view text, Config& config) = nullptr;
};

std::span<const Setting> Settings();

// Raw texts by Setting::key, plus "config" for the path of the TOML file. A switch is "true" or
// "false".
using GivenFlags = std::map<std::string, std::string, std::less<>>;
using Environment = std::function<std::optional<std::string>(const char* name)>;

// The process's own environment.
std::optional<std::string> ProcessEnvironment(const char* name);

Result<Config> LoadConfig(const GivenFlags& flags, const Environment& environment);

}  // namespace nunc
