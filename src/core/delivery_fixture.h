// A writer and a watcher of one database, and what the watcher is told of it. Whatever a test looks
// at, the watch contract must hold in it.
//
// Owner:   the tests of the delivery.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "core/executor_fixture.h"
#include "core/watch_witness_fixture.h"

namespace nunc {

class DeliveryTest : public ExecutorTest {
 protected:
  void OnOutput() override { witness_.OnOutput(output_); }
  DeliveryTest() {
    MakeDatabase("db");
    writer_ = Join();
    watcher_ = Join();
    EndTurn();
  }
  void TearDown() override { EXPECT_EQ(witness_.broken(), Lines{}); }

  void SetTime(std::int64_t us) {
    ExecutorTest::SetTime(us);
    witness_.SetNow(us);
  }
  Status Run(SessionId id, const Command& command) override {
    witness_.BeforeRun(id, command);
    const Status status = ExecutorTest::Run(id, command);
    witness_.AfterRun(id, command, status == kFine);
    return status;
  }
  Status Watch(std::string_view pattern, std::string_view since = {}) {
    Command command = ask::Watch(pattern);
    command.since = since;
    const Status status = Run(watcher_, command);
    Take(watcher_);
    return status;
  }
  void Write(std::string_view key, std::string_view value) {
    EXPECT_EQ(Run(writer_, ask::Set(key, value)), kFine);
  }
  // What comes until nothing is left to be told; the tokens are cut off.
  Lines TakeAll() {
    do {
      EndTurn();
    } while (executor_.delivery().has_work());
    Lines lines = Take(watcher_);
    for (std::string& line : lines) {
      if (line.starts_with("ready ")) {
        token_ = line.substr(line.rfind(' ') + 1);
        line.resize(line.rfind(' '));
      }
    }
    return lines;
  }

  WatchWitness witness_{"db"};
  SessionId writer_;
  SessionId watcher_;
  std::string token_;  // of the last `ready`
};

}  // namespace nunc
