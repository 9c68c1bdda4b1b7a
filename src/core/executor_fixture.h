// Drives an Executor as the loop does: one command at a time, and everything it says written down.
//
// Shape:   Run gives the status of a command; what each session was told since stands, in order, as
//          short lines that Take hands out.
// Owner:   the tests of the executor.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "core/command_fixture.h"
#include "core/executor.h"

namespace nunc {

class ExecutorTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;
  using Status = std::optional<ErrorCode>;
  static constexpr Status kFine = std::nullopt;
  static constexpr std::size_t kValueBytesMax = std::size_t{1} << 20;

  ExecutorTest() { SetTime(1'000); }

  void SetTime(std::int64_t us) { executor_.SetNow({.mono_us = us, .wall_us = us}); }

  SessionId Connect(SessionKind kind = SessionKind::kConnection, const SessionName& name = {},
                    bool knows_ready = false) {
    const SessionId id{.slot = next_slot_++, .generation = 1};
    executor_.Open(id, kind, name, knows_ready);
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
  SessionId Join(std::string_view database = "db", const SessionName& name = {}) {
    return Selected(Connect(SessionKind::kConnection, name), database);
  }
  SessionId JoinAdmin(std::string_view database = "db") {
    return Selected(ConnectAdmin(), database);
  }
  // One whose client reads what a watch is told of itself.
  SessionId JoinKnowing(std::string_view database = "db") {
    return Selected(Connect(SessionKind::kConnection, {}, /*knows_ready=*/true), database);
  }
  void Disconnect(SessionId id) { executor_.Close(id); }

  virtual Status Run(SessionId id, const Command& command);
  // Something was said.
  virtual void OnOutput() {}
  // A turn begins.
  void EndKeys() {
    output_.Clear();
    executor_.EndKeys(output_);
    Write();
  }
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
