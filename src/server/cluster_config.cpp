#include "server/cluster_config.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>

#include "base/limits.h"
#include "core/oplog_request.h"
#include "server/config.h"

namespace nunc {
namespace {

constexpr std::size_t kSecretBytesMin = 16;
constexpr std::string_view kWhitespace = " \t\r\n";
constexpr std::int64_t kTimeoutUsMin = 1'000;
// In place of addresses: `nunc cluster add` says where this node is.
constexpr std::string_view kJoinWaits = "wait";

Result<std::string> AddressOf(std::string_view text) {
  const Result<HostPort> address = ParseHostPort(text);
  if (!address) {
    return tl::unexpected(address.error());
  }
  return ToText(*address);
}

Result<std::vector<std::string>> AddressesOf(std::string_view text) {
  std::vector<std::string> addresses;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    Result<std::string> address = AddressOf(text.substr(0, comma));
    if (!address) {
      return tl::unexpected(address.error());
    }
    addresses.push_back(*std::move(address));
    more = comma != std::string_view::npos;
    text.remove_prefix(more ? comma + 1 : text.size());
  }
  if (addresses.size() > kMembersMax) {
    return Fail(Fault::kInvalid, "allowed are at most " + std::to_string(kMembersMax) +
                                     " addresses, HOST:PORT[,HOST:PORT]");
  }
  return addresses;
}

}  // namespace

Result<bool> ReadBool(std::string_view text) {
  const bool yes = text == "true" || text == "1";
  return yes || text == "false" || text == "0" ? Result<bool>(yes)
                                               : Fail(Fault::kInvalid, "allowed is true or false");
}

Result<bool> ReadSwitch(std::string_view text) {
  return text == "on" || text == "off" ? Result<bool>(text == "on")
                                       : Fail(Fault::kInvalid, "allowed is on or off");
}

Result<std::int64_t> ReadDuration(std::string_view text, std::int64_t min_us, std::int64_t max_us) {
  const Result<std::int64_t> duration = ParseAge(text);
  if (!duration || *duration < min_us || *duration > max_us) {
    return Fail(Fault::kInvalid, "allowed is a duration from " + std::to_string(min_us / 1000) +
                                     "ms to " + std::to_string(max_us / 1'000'000) +
                                     "s, for example 50ms, 90s, 15m, 2h");
  }
  return duration;
}

Result<void> SetId(std::string_view text, Config& config) {
  const Result<std::uint64_t> id = ParseNumber(text, 1, UINT64_MAX);
  if (!id) {
    return tl::unexpected(id.error());
  }
  config.cluster.id = {*id};
  return {};
}

Result<void> SetPriority(std::string_view text, Config& config) {
  const Result<std::uint64_t> priority = ParseNumber(text, 0, UINT32_MAX);
  if (!priority) {
    return tl::unexpected(priority.error());
  }
  config.cluster.priority = {static_cast<std::uint32_t>(*priority)};
  config.cluster.has_priority = true;
  return {};
}

Result<void> SetListen(std::string_view text, Config& config) {
  return Set(AddressOf(text), config.cluster.listen);
}

Result<void> SetAdvertise(std::string_view text, Config& config) {
  return Set(AddressOf(text), config.cluster.advertise);
}

Result<void> SetJoin(std::string_view text, Config& config) {
  config.cluster.joins = true;
  config.cluster.join.clear();
  return text == kJoinWaits ? Result<void>() : Set(AddressesOf(text), config.cluster.join);
}

Result<void> SetReplicate(std::string_view text, Config& config) {
  return Set(AddressesOf(text), config.cluster.replicate);
}

Result<void> SetSecret(std::string_view text, Config& config) {
  if (text.size() < kSecretBytesMin || text.size() > kSecretBytesMax) {
    return Fail(Fault::kInvalid, "allowed are " + std::to_string(kSecretBytesMin) + " to " +
                                     std::to_string(kSecretBytesMax) +
                                     " bytes, as random as `openssl rand -hex 32` makes them");
  }
  config.cluster.secret = text;
  return {};
}

Result<void> SetSecretFile(std::string_view text, Config& config) {
  std::ifstream file{std::string(text), std::ios::binary};
  std::string secret(std::istreambuf_iterator<char>(file), {});
  if (!file) {
    return Fail(Fault::kInvalid, "it cannot be read");
  }
  // An editor ends a file with a new line.
  secret.erase(secret.find_last_not_of(kWhitespace) + 1);
  return SetSecret(secret, config);
}

Result<void> SetTakeover(std::string_view text, Config& config) {
  return Set(ReadSwitch(text), config.cluster.timing.takeover);
}

Result<void> SetForward(std::string_view text, Config& config) {
  return Set(ReadSwitch(text), config.cluster.forward);
}

Result<void> SetQuorumTimeout(std::string_view text, Config& config) {
  return Set(ReadDuration(text, kTimeoutUsMin, kElectionTimingUsMax),
             config.cluster.quorum_timeout_us);
}

Result<void> SetForwardTimeout(std::string_view text, Config& config) {
  return Set(ReadDuration(text, kTimeoutUsMin, kElectionTimingUsMax),
             config.cluster.forward_timeout_us);
}

Result<void> SetTokenWait(std::string_view text, Config& config) {
  return Set(ReadDuration(text, kTimeoutUsMin, kElectionTimingUsMax), config.cluster.token_wait_us);
}

Result<void> SetBootstrap(std::string_view text, Config& config) {
  return Set(ReadBool(text), config.cluster.bootstrap);
}

Result<void> SetArbiterNode(std::string_view text, Config& config) {
  return Set(ReadBool(text), config.cluster.arbiter_node);
}

Result<void> CheckCluster(Config& config) {
  ClusterConfig& cluster = config.cluster;
  // Existing setups give all nodes the same list.
  const std::string own =
      config.external_address.empty() ? ToText(config.tcp) : config.external_address;
  std::erase(cluster.replicate, own);
  if (cluster.bootstrap) {
    cluster.replicate.clear();
  }
  if (!cluster.replicate.empty() && (!cluster.active() || cluster.secret.empty())) {
    return Fail(Fault::kInvalid,
                std::string("--replicate-address names the nodes of a cluster, and to enter it "
                            "this one needs ") +
                    (cluster.active() ? "" : "an address for the other nodes (--listen)") +
                    (cluster.active() || !cluster.secret.empty() ? "" : " and ") +
                    (cluster.secret.empty() ? "the secret of the cluster (--cluster-secret-file, "
                                              "or NUNC_CLUSTER_SECRET)"
                                            : ""));
  }
  cluster.joins = cluster.joins || !cluster.replicate.empty();
  const bool wants = cluster.bootstrap || cluster.joins || cluster.arbiter_node;
  if (!wants && !cluster.active()) {
    return {};
  }
  if (cluster.bootstrap && cluster.joins) {
    return Fail(Fault::kInvalid,
                "--bootstrap begins a cluster, --join enters one that is there: give one of them");
  }
  if (cluster.bootstrap && cluster.arbiter_node) {
    return Fail(Fault::kInvalid,
                "--arbiter joins two nodes with data and begins no cluster: give --join instead of "
                "--bootstrap");
  }
  if (!cluster.active()) {
    return Fail(Fault::kInvalid,
                "a member of a cluster needs an address for the other nodes: give --listen");
  }
  if (cluster.secret.empty()) {
    return Fail(Fault::kInvalid,
                "a member of a cluster needs the secret of the cluster: give "
                "--cluster-secret-file, or NUNC_CLUSTER_SECRET");
  }
  if (config.memory) {
    return Fail(Fault::kInvalid,
                "a member of a cluster keeps its votes and its log on disk: no --memory");
  }
  const auto is_any = [](const std::string& host) { return host == "0.0.0.0" || host == "::"; };
  if (cluster.advertise.empty() && is_any(ParseHostPort(cluster.listen)->host)) {
    return Fail(Fault::kInvalid, "nobody can dial " + cluster.listen +
                                     ": give the address of this machine to --listen, or to "
                                     "--advertise");
  }
  if (config.external_address.empty() && is_any(config.tcp.host)) {
    return Fail(Fault::kInvalid,
                "other nodes send clients to this one's TCP door, and nobody can "
                "dial " +
                    ToText(config.tcp) + ": give --external-address");
  }
  config.demo = false;  // a cluster has the databases that it is given
  if (!cluster.has_priority) {
    cluster.priority = {
        static_cast<std::uint32_t>(std::clamp<std::uint64_t>(cluster.id.value, 1, UINT32_MAX))};
  }
  return CheckTiming(cluster.timing);
}

}  // namespace nunc
