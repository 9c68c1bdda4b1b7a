#include "core/executor_fixture.h"

namespace nunc {
namespace {

constexpr std::uint64_t kLargestId = ~std::uint64_t{0};

class FakeCluster final : public ClusterAdmin {
 public:
  [[nodiscard]] ClusterShown Show() const override { return shown; }

  ClusterShown shown{
      .id = 1,
      .role = "primary",
      .term = 4,
      .primary = 1,
      .commit = {7},
      .head = {9},
      .members = {{.id = 1,
                   .priority = 10,
                   .standing = "voter",
                   .peer = "peer:1",
                   .client = "c:1",
                   .linked = true,
                   .progress = ClusterShown::Progress{.received = {9}, .durable = {8}}},
                  {.id = 2, .standing = "voter", .peer = "peer:2", .client = "b:2"},
                  {.id = kLargestId,
                   .standing = "joining",
                   .peer = "peer:3",
                   .client = "a:3",
                   .linked = true}}};
};

class ExecutorClusterTest : public ExecutorTest {
 protected:
  SessionId admin_ = ConnectAdmin();
  FakeCluster cluster_;
};

TEST_F(ExecutorClusterTest, ALoneNodeListsItselfAndHasNoMembersToTell) {
  EXPECT_EQ(Ask(admin_, ask::Plain(Verb::kClusterState)), "cluster here:3014 2 self");
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kClusterState, "json")), ErrorCode::kNoCluster);
}

TEST_F(ExecutorClusterTest, MembersAreListedByAddressWithLinkAndRole) {
  executor_.SetCluster(cluster_);
  const Command state = ask::Plain(Verb::kClusterState);
  EXPECT_EQ(Ask(admin_, state), "cluster a:3 0 Connected, b:2 1 Disconnected, c:1 2 self");
  cluster_.shown.primary = 2;
  EXPECT_EQ(Ask(admin_, state), "cluster a:3 0 Connected, b:2 2 Disconnected, c:1 1 self");
  cluster_.shown.primary = 0;
  EXPECT_EQ(Ask(admin_, state), "cluster a:3 0 Connected, b:2 0 Disconnected, c:1 0 self");
  cluster_.shown.members.clear();
  EXPECT_EQ(Ask(admin_, state), "cluster");
}

TEST_F(ExecutorClusterTest, TheFieldsOfAClusterAreRows) {
  executor_.SetCluster(cluster_);
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kClusterState, "json")),
            "cluster id 1 , role 0 primary, term 4 , primary 1 , commit 7 , head 9 , "
            "member 1 , priority 10 , standing 0 voter, peer 0 peer:1, client 0 c:1, "
            "linked 0 true, received 9 , durable 8 , lag 1 , "
            "member 2 , priority 0 , standing 0 voter, peer 0 peer:2, client 0 b:2, "
            "linked 0 false, "
            "member -1 , priority 0 , standing 0 joining, peer 0 peer:3, client 0 a:3, "
            "linked 0 true");
}

TEST_F(ExecutorClusterTest, OnlyAdminsAreToldAndOnlyInFormsThatThereAre) {
  executor_.SetCluster(cluster_);
  EXPECT_EQ(Run(Connect(), ask::Named(Verb::kClusterState, "json")), ErrorCode::kNotAuth);
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kClusterState, "xml")), ErrorCode::kUnknownForm);
  EXPECT_EQ(error_text_, "xml");
}

}  // namespace
}  // namespace nunc
