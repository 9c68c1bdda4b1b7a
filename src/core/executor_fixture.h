// Drives an Executor as the loop does: one command at a time, and everything it says written down.
//
// Shape:   Run gives the status of a command; what each session was told since stands, in order, as
//          short lines that Take hands out.
// Owner:   the tests of the executor.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "core/executor.h"

namespace nunc {

// Commands as a parser makes them. The texts must outlive the call.
namespace ask {

inline Command Plain(Verb verb, std::string_view key = {}, std::string_view value = {}) {
  Command command;
  command.verb = verb;
  command.key = key;
  command.value = value;
  return command;
}
inline Command Named(Verb verb, std::string_view name, std::string_view secret = {}) {
  Command command;
  command.verb = verb;
  command.name = name;
  command.secret = secret;
  return command;
}
inline Command Get(std::string_view key) {
  return Plain(Verb::kGet, key);
}
inline Command GetSafe(std::string_view key) {
  return Plain(Verb::kGetSafe, key);
}
inline Command GetMany(std::span<const std::string_view> keys) {
  Command command = Plain(Verb::kGetMany);
  command.keys = keys;
  return command;
}
inline Command Set(std::string_view key, std::string_view value) {
  return Plain(Verb::kSet, key, value);
}
inline Command SetSafe(std::string_view key, std::optional<std::int64_t> version,
                       std::string_view value) {
  Command command = Plain(Verb::kSetSafe, key, value);
  command.version = version;
  return command;
}
inline Command Increment(std::string_view key, std::int64_t amount = 1) {
  Command command = Plain(Verb::kIncrement, key);
  command.amount = amount;
  return command;
}
inline Command Remove(std::string_view key) {
  return Plain(Verb::kRemove, key);
}
inline Command Keys(std::string_view pattern) {
  return Plain(Verb::kKeys, pattern);
}
inline Command Scan(std::string_view prefix, std::string_view after = {},
                    std::optional<std::int64_t> limit = std::nullopt) {
  Command command = Plain(Verb::kScan, prefix);
  command.after = after;
  command.limit = limit;
  return command;
}
inline Command Watch(std::string_view key) {
  return Plain(Verb::kWatch, key);
}
inline Command Unwatch(std::string_view key) {
  return Plain(Verb::kUnwatch, key);
}
inline Command UseDb(std::string_view name, std::string_view token, std::string_view user = {}) {
  Command command = Named(Verb::kUseDb, name, token);
  command.user = user;
  return command;
}
inline Command CreateDb(std::string_view name, std::string_view token,
                        Strategy strategy = Strategy::kNone) {
  Command command = Named(Verb::kCreateDb, name, token);
  command.strategy = strategy;
  return command;
}
inline Command SetPermissions(std::string_view user, std::string_view list) {
  Command command = Named(Verb::kSetPermissions, user);
  command.value = list;
  return command;
}
inline Command Resolve(std::int64_t id, std::string_view key, std::optional<std::int64_t> version,
                       std::string_view value, std::string_view database = "db") {
  Command command = Plain(Verb::kResolve, key, value);
  command.name = database;
  command.version = version;
  command.conflict = {.value = id};
  return command;
}

}  // namespace ask

class ExecutorTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;
  using Status = std::optional<ErrorCode>;
  static constexpr Status kFine = std::nullopt;
  static constexpr std::size_t kValueBytesMax = std::size_t{1} << 20;

  ExecutorTest() { SetTime(1'000); }

  void SetTime(std::int64_t us) { executor_.SetNow({.mono_us = us, .wall_us = us}); }

  SessionId Connect(SessionKind kind = SessionKind::kConnection) {
    const SessionId id{.slot = next_slot_++, .generation = 1};
    executor_.Open(id, kind);
    return id;
  }
  SessionId ConnectAdmin() {
    const SessionId id = Connect();
    EXPECT_EQ(Run(id, ask::Named(Verb::kAuth, "admin", "pwd")), kFine);
    Take(id);
    return id;
  }
  void MakeDatabase(std::string_view name, Strategy strategy = Strategy::kNone) {
    output_.Clear();
    executor_.CreateDatabase({.name = name, .token = "token", .strategy = strategy}, output_);
    Write();
  }
  // A connection, or an admin's, that has selected a database.
  SessionId Join(std::string_view database = "db") { return Selected(Connect(), database); }
  SessionId JoinAdmin(std::string_view database = "db") {
    return Selected(ConnectAdmin(), database);
  }
  void Disconnect(SessionId id) { executor_.Close(id); }

  Status Run(SessionId id, const Command& command);
  void EndTurn() {
    output_.Clear();
    executor_.EndTurn(output_);
    Write();
  }
  void Tick() {
    output_.Clear();
    executor_.Tick(output_);
    Write();
  }
  // False when nothing was left, so that the session is live again.
  bool Drain(SessionId id) {
    output_.Clear();
    executor_.Drain(id, output_);
    Write();
    return !output_.items.empty();
  }
  // What the session was told since the last Take.
  Lines Take(SessionId id) { return std::exchange(told_[id.slot], {}); }
  // The one line before the status of a command that must succeed.
  std::string Ask(SessionId id, const Command& command) {
    Take(id);
    EXPECT_EQ(Run(id, command), kFine);
    const Lines lines = Take(id);
    EXPECT_EQ(lines.size(), 2U);
    return lines.front();
  }

  Executor executor_{{.user = "admin",
                      .password = "pwd",
                      .address = "here:3014",
                      .start_time_ms = 77,
                      .hash_seed = 5,
                      .value_bytes_max = kValueBytesMax}};
  Output output_;
  std::string error_text_;  // of the last refused command
  std::int64_t error_number_ = 0;

 private:
  SessionId Selected(SessionId id, std::string_view database) {
    EXPECT_EQ(Run(id, ask::UseDb(database, "token")), kFine);
    Take(id);
    return id;
  }
  void Write();
  [[nodiscard]] std::string LineOf(const Reply& reply) const;
  static std::string LineOf(const Change& change);

  std::uint32_t next_slot_ = 0;
  std::map<std::uint32_t, Lines> told_;
};

}  // namespace nunc
