#include "cli/cluster.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

class ClusterStatus : public testing::Test {
 protected:
  ExitCode Show(std::string_view answer) {
    return ShowClusterStatus(
        answer, {.print = [this](std::string_view line) { printed_.emplace_back(line); },
                 .say = [this](std::string_view why) { said_ = why; }});
  }

  std::vector<std::string> printed_;
  std::string said_;
};

TEST_F(ClusterStatus, IsATableOfTheMembers) {
  EXPECT_EQ(Show(R"(valid auth
;cluster-state {"id":1,"role":"primary","term":3,"primary":1,"commit":7,"head":9,"members":[)"
                 R"({"id":1,"priority":1,"standing":"voter","peer":"a:5","client":"a:4",)"
                 R"("linked":true,"received":9,"durable":9,"lag":0},)"
                 R"({"id":22,"priority":2,"standing":"joining","peer":"b:5","client":"",)"
                 R"("linked":false}]}
)"),
            ExitCode::kOk);
  EXPECT_EQ(printed_,
            (std::vector<std::string>{"node 1 is primary, term 3, primary 1, final up to 7 of 9",
                                      "ID  PRIORITY  STANDING  LINKED  LAG  CLIENTS  NODES",
                                      "1   1         voter     yes     0    a:4      a:5",
                                      "22  2         joining   no      -    -        b:5"}));
}

TEST_F(ClusterStatus, WithoutAPrimaryTheCodeSaysSo) {
  EXPECT_EQ(Show(R"(cluster-state {"id":1,"role":"candidate","primary":null,"members":[]})"),
            ExitCode::kUsage);
  EXPECT_EQ(printed_.size(), 2U);
}

TEST_F(ClusterStatus, WhatIsNoAnswerIsTold) {
  EXPECT_EQ(Show("valid auth\n;this server is a member of no cluster"), ExitCode::kUnreachable);
  EXPECT_EQ(said_, "this server is a member of no cluster");
  for (const char* answer : {"cluster-state {", "cluster-state {\"members\":1}",
                             "cluster-state {\"members\":[1]}", "cluster-state {}", ""}) {
    EXPECT_EQ(Show(answer), ExitCode::kUnreachable) << answer;
  }
  EXPECT_TRUE(printed_.empty());
}

TEST_F(ClusterStatus, AnAddressSteersNoTerminal) {
  EXPECT_EQ(Show("cluster-state {\"primary\":1,\"members\":[{\"client\":\"a\\u001b[2J\"}]}"),
            ExitCode::kOk);
  EXPECT_EQ(printed_.back().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace nunc
