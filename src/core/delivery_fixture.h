// A writer and a watcher of one database, and what the watcher is told of it.
//
// Owner:   the tests of the delivery.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "core/executor_fixture.h"

namespace nunc {

class DeliveryTest : public ExecutorTest {
 protected:
  DeliveryTest() {
    MakeDatabase("db");
    writer_ = Join();
    watcher_ = Join();
    EndTurn();
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

  SessionId writer_;
  SessionId watcher_;
  std::string token_;  // of the last `ready`
};

}  // namespace nunc
