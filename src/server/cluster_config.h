// What a server is told of the cluster that it is a member of.
//
// Shape:   a part of Config, filled from the same table of settings (config.cpp).
// Units:   microseconds.
// Errors:  kInvalid says what is allowed.
// Secrets: `secret` never appears in an error, a warning or a help text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cluster/members.h"

namespace nunc {

struct Config;

// `50ms`, `1h`.
Result<std::int64_t> ReadDuration(std::string_view text, std::int64_t min_us, std::int64_t max_us);
// `on`, `off`.
Result<bool> ReadSwitch(std::string_view text);
// `true`, `false`, `1`, `0`.
Result<bool> ReadBool(std::string_view text);

// What was read, into its place; or why it could not be.
template <class T, class Place>
Result<void> Set(Result<T> value, Place& into) {
  if (!value) {
    return tl::unexpected(value.error());
  }
  into = *std::move(value);
  return {};
}

struct ClusterConfig {
  NodeId id{};                // 0: the folder's
  bool has_priority = false;  // false: as the id
  Priority priority{};
  std::string listen;             // `host:port` for other nodes; empty: none
  std::string advertise;          // as others are told; empty: as bound
  std::vector<std::string> join;  // of nodes that are there
  bool joins = false;             // into a cluster that is there, also if `join` is empty
  // TCP doors of nodes that can be asked for what belongs into `join`.
  std::vector<std::string> replicate;
  bool bootstrap = false;
  bool arbiter_node = false;  // false: as the folder says
  std::string secret;
  Timing timing{};
  std::int64_t quorum_timeout_us = 2'000'000;
  bool forward = true;
  std::int64_t forward_timeout_us = 2'000'000;
  std::int64_t token_wait_us = 500'000;

  // A member, or one that will be.
  [[nodiscard]] bool active() const { return !listen.empty(); }
};

Result<void> SetId(std::string_view text, Config& config);
Result<void> SetPriority(std::string_view text, Config& config);
Result<void> SetListen(std::string_view text, Config& config);
Result<void> SetAdvertise(std::string_view text, Config& config);
Result<void> SetJoin(std::string_view text, Config& config);
Result<void> SetReplicate(std::string_view text, Config& config);
Result<void> SetSecretFile(std::string_view text, Config& config);
Result<void> SetSecret(std::string_view text, Config& config);
Result<void> SetQuorumTimeout(std::string_view text, Config& config);
Result<void> SetForward(std::string_view text, Config& config);
Result<void> SetForwardTimeout(std::string_view text, Config& config);
Result<void> SetTokenWait(std::string_view text, Config& config);
Result<void> SetBootstrap(std::string_view text, Config& config);
Result<void> SetArbiterNode(std::string_view text, Config& config);
Result<void> SetTakeover(std::string_view text, Config& config);

// What no single setting can say alone.
Result<void> CheckCluster(Config& config);

}  // namespace nunc
