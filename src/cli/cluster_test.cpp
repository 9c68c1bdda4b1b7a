#include "cli/cluster.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

std::string Member(int id, const std::string& rest) {
  return R"({"id":)" + std::to_string(id) + "," + rest + "}";
}

// Of nodes 1 and 2 and `more`.
std::string State(const std::string& primary, const std::string& more = "") {
  return R"(valid auth
;cluster-state {"id":1,"role":"secondary","term":3,"primary":)" +
         primary + R"(,"members":[)" + Member(1, R"("priority":1,"standing":"voter")") + "," +
         Member(2, R"("priority":2,"standing":"voter")") + more + "]}\n";
}

constexpr const char* kDone = "valid auth\n;empty";

class Cluster : public testing::Test {
 protected:
  // Each question gets the next of `answers`, the last one again and again.
  ExitCode Run(ClusterWhat what, const std::string& which, std::vector<std::string> answers,
               bool json = false) {
    printed_.clear();
    asked_.clear();
    said_.clear();
    std::size_t next = 0;
    int patience = 3;
    return RunCluster({.what = what, .which = which, .json = json, .server = {}},
                      {.ask = [&](std::string_view command) -> Result<std::string> {
                         asked_.emplace_back(command);
                         const std::string answer = answers[std::min(next++, answers.size() - 1)];
                         return answer.empty()
                                    ? Result<std::string>(Fail(Fault::kUnavailable, "nobody there"))
                                    : answer;
                       },
                       .wait = [&patience] { return --patience > 0; }},
                      {.print = [this](std::string_view line) { printed_.emplace_back(line); },
                       .say = [this](std::string_view why) { said_ = why; }});
  }
  ExitCode Status(const std::string& answer, bool json = false) {
    return Run(ClusterWhat::kStatus, "", {answer}, json);
  }

  std::vector<std::string> printed_;
  std::vector<std::string> asked_;
  std::string said_;
};

TEST_F(Cluster, StatusIsATableOfTheMembers) {
  const std::string json =
      R"({"id":1,"role":"primary","term":3,"primary":1,"age":0,"commit":7,"head":9,"members":[)"
      R"({"id":1,"priority":1,"standing":"voter","peer":"a:5","client":"a:4",)"
      R"("linked":true,"received":9,"durable":9,"lag":0},)"
      R"({"id":3,"priority":3,"standing":"voter","peer":"c:5","client":"c:4","linked":true},)"
      R"({"id":22,"priority":2,"standing":"joining","peer":"b:5","client":"",)"
      R"("linked":false}]})";
  EXPECT_EQ(Status("valid auth\n;cluster-state " + json + "\n"), ExitCode::kOk);
  EXPECT_EQ(asked_, std::vector<std::string>{"cluster-state json"});
  EXPECT_EQ(printed_, (std::vector<std::string>{
                          "node 1 is primary, term 3, primary 1, final up to 7 of 9, 0 ms old",
                          "ID  ROLE       PRIORITY  LINKED  LAST  LAG  CLIENTS  NODES",
                          "1   primary    1         yes     9     0    a:4      a:5",
                          "3   secondary  3         yes     -     -    c:4      c:5",
                          "22  joining    2         no      -     -    -        b:5",
                          "missing, as node 1 sees it: 22"}));
  EXPECT_EQ(Status("valid auth\n;cluster-state " + json + "\n", true), ExitCode::kOk);
  EXPECT_EQ(printed_, std::vector<std::string>{json});
}

TEST_F(Cluster, WithoutAPrimaryTheCodeOfStatusSaysSo) {
  const std::string answer =
      R"(cluster-state {"id":1,"role":"candidate","primary":null,"members":[]})";
  EXPECT_EQ(Status(answer), ExitCode::kUsage);
  EXPECT_EQ(printed_.size(), 2U);
  EXPECT_EQ(Status(answer, true), ExitCode::kUsage);
}

TEST_F(Cluster, WhatIsNoAnswerIsTold) {
  EXPECT_EQ(Status("valid auth\n;this server is a member of no cluster\n"), ExitCode::kUnreachable);
  EXPECT_EQ(said_, "this server is a member of no cluster");
  for (const char* answer : {"cluster-state {", "cluster-state {\"members\":1}",
                             "cluster-state {\"members\":[1]}", "cluster-state {}", "", "x"}) {
    for (const bool json : {false, true}) {
      EXPECT_EQ(Status(answer, json), ExitCode::kUnreachable) << answer;
      EXPECT_TRUE(printed_.empty());
      EXPECT_FALSE(said_.empty());
    }
  }
}

TEST_F(Cluster, AnAddressSteersNoTerminal) {
  EXPECT_EQ(Status("cluster-state {\"primary\":1,\"members\":[{\"client\":\"a\\u001b[2J\"}]}"),
            ExitCode::kOk);
  EXPECT_EQ(printed_.back().find('\x1b'), std::string::npos);
}

TEST_F(Cluster, PromoteIsDoneWhenTheNodeIsPrimary) {
  // A node may be silent while roles change.
  EXPECT_EQ(Run(ClusterWhat::kPromote, "1", {kDone, State("2"), "", State("1")}), ExitCode::kOk);
  EXPECT_EQ(asked_.front(), "promote 1");
  ASSERT_EQ(printed_.size(), 2U);
  EXPECT_EQ(printed_[0], "node 1 is primary, term 3");
  EXPECT_TRUE(printed_[1].starts_with("node 2 has a higher priority")) << printed_[1];
  EXPECT_EQ(Run(ClusterWhat::kPromote, "2", {kDone, State("2")}), ExitCode::kOk);
  EXPECT_EQ(printed_, std::vector<std::string>{"node 2 is primary, term 3"});
}

TEST_F(Cluster, WhatIsRefusedOrNotDoneInTimeIsTold) {
  EXPECT_EQ(Run(ClusterWhat::kPromote, "1", {"valid auth\n;node 1 cannot\n"}),
            ExitCode::kUnreachable);
  EXPECT_EQ(said_, "node 1 cannot");
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_EQ(Run(ClusterWhat::kPromote, "1", {"valid auth\n;not-primary - \n"}),
            ExitCode::kUnreachable);
  EXPECT_TRUE(said_.starts_with("there is no primary now")) << said_;
  EXPECT_EQ(Run(ClusterWhat::kPromote, "1", {"valid auth\n;not-primary b:4\n"}),
            ExitCode::kUnreachable);
  EXPECT_TRUE(said_.ends_with("whose TCP door is b:4")) << said_;
  EXPECT_EQ(Run(ClusterWhat::kPromote, "1", {""}), ExitCode::kUnreachable);
  EXPECT_EQ(said_, "nobody there");
  EXPECT_EQ(Run(ClusterWhat::kPromote, "1", {kDone, State("2")}), ExitCode::kUnreachable);
  EXPECT_TRUE(said_.starts_with("node 1 is not primary yet")) << said_;
  EXPECT_EQ(Run(ClusterWhat::kRemove, "2", {kDone, State("1")}), ExitCode::kUnreachable);
  EXPECT_EQ(Run(ClusterWhat::kAdd, "c:5", {State("1"), kDone, State("1")}), ExitCode::kUnreachable);
  EXPECT_EQ(Run(ClusterWhat::kAdd, "c:5", {""}), ExitCode::kUnreachable);
  EXPECT_TRUE(printed_.empty());
}

TEST_F(Cluster, RemoveIsDoneWhenTheNodeIsNoMember) {
  const std::string third = "," + Member(3, R"("standing":"voter")");
  EXPECT_EQ(Run(ClusterWhat::kRemove, "3", {kDone, State("2", third), State("2")}), ExitCode::kOk);
  EXPECT_EQ(asked_.front(), "leave 3");
  EXPECT_TRUE(printed_.front().starts_with("node 3 is no member any more"));
  // The one that is asked does not hear that it is out.
  EXPECT_EQ(Run(ClusterWhat::kRemove, "1", {kDone, State("2")}), ExitCode::kOk);
  EXPECT_TRUE(printed_.front().starts_with("node 1 leaves"));
}

TEST_F(Cluster, AddIsDoneWhenSomebodyNewIsAMember) {
  const std::string joining = "," + Member(3, R"("standing":"joining")");
  const std::string voter = "," + Member(3, R"("standing":"voter")");
  EXPECT_EQ(Run(ClusterWhat::kAdd, "c:5",
                {State("1"), kDone, State("1"), State("1", joining), State("1", voter)}),
            ExitCode::kOk);
  EXPECT_EQ(asked_[1], "add-node c:5");
  EXPECT_EQ(printed_, std::vector<std::string>{"node 3 is a member"});
  EXPECT_EQ(Run(ClusterWhat::kAdd, "c:5", {State("1"), kDone, State("1", joining)}), ExitCode::kOk);
  EXPECT_EQ(printed_, std::vector<std::string>{"node 3 has joined, and is catching up"});
}

}  // namespace
}  // namespace nunc
