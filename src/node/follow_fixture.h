// Two nodes: one makes records, the other takes them, and what its clients are told stands as
// lines.
//
// Owner:   tests of the node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "node/node.h"

namespace nunc {

class FollowTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;
  // An admin, on the primary.
  static constexpr SessionId kWriter{.slot = kStandInsMax, .generation = 1};
  // On the secondary; the other one is an admin.
  static constexpr SessionId kReader{.slot = kStandInsMax, .generation = 1};
  static constexpr SessionId kAdmin{.slot = kStandInsMax + 1, .generation = 1};
  static constexpr std::uint64_t kCluster = 7;

  explicit FollowTest(bool forwards = false);

  static ExecutorOptions Options(std::uint64_t hash_seed);
  // On the primary. Gives its records to `log_`.
  void Write(const Command& command);
  void Set(std::string_view key, std::string_view value) {
    Write({.verb = Verb::kSet, .key = key, .value = value});
  }
  // Of the key's first open conflict.
  void Decide(std::string_view key, std::string_view value, std::int64_t version);
  // All that the primary has made and the secondary has not.
  void Ship();
  void Receive(std::string_view bytes);
  void Sync();
  // On the secondary; the lines that the session got.
  Lines Run(SessionId session, const Command& command);
  Lines Watch(std::string_view key, std::string_view since = {});
  void Step(const Input& input);
  void EndTurns();
  // What the reader was told since the last time; tokens are cut off.
  Lines Take(SessionId session = kReader);
  std::string ValueOf(std::string_view key);

  Now now_{.mono_us = 1'000, .wall_us = 1'000'000};
  Node primary_;
  Node secondary_;
  Output output_;
  std::string log_;                      // of the primary
  std::size_t shipped_ = 0;              // bytes of it
  std::string kept_;                     // what the secondary has put into its log
  std::string token_;                    // of the last `ready`
  std::map<std::uint32_t, Lines> told_;  // by slot
};

}  // namespace nunc
