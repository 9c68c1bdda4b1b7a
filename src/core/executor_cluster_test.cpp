#include <string>
#include <vector>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

constexpr std::uint64_t kLargestId = ~std::uint64_t{0};

class FakeCluster final : public ClusterAdmin {
 public:
  explicit FakeCluster(bool holds_data = true) : ClusterAdmin(holds_data) {}
  [[nodiscard]] ClusterShown Show() const override { return shown; }
  [[nodiscard]] std::optional<std::int64_t> age_us() const override { return age; }
  bool Confirmed(std::int64_t at_us) override { return confirmed_us >= at_us; }
  void HandOver(std::uint64_t to) override { handed_over.push_back(to); }
  void Leave(std::uint64_t node) override { left.push_back(node); }
  void AddNode(std::string_view address) override { added = address; }

  std::vector<std::uint64_t> handed_over;
  std::vector<std::uint64_t> left;
  std::string added;
  std::optional<std::int64_t> age;
  std::int64_t confirmed_us = 0;

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
                  {.id = 2, .priority = 1, .standing = "voter", .peer = "peer:2", .client = "b:2"},
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
            "member 2 , priority 1 , standing 0 voter, peer 0 peer:2, client 0 b:2, "
            "linked 0 false, "
            "member -1 , priority 0 , standing 0 joining, peer 0 peer:3, client 0 a:3, "
            "linked 0 true");
}

TEST_F(ExecutorClusterTest, AnArbiterNodeIsShownWithItsFloorAndIsNothingToReadFrom) {
  executor_.SetCluster(cluster_);
  cluster_.shown.refused = "why";
  cluster_.shown.members = {{.id = 2,
                             .standing = kArbiterNodeStanding,
                             .peer = "peer:2",
                             .client = "b:2",
                             .linked = true,
                             .progress = ClusterShown::Progress{.received = {6}, .durable = {6}}}};
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kClusterState, "json")),
            "cluster id 1 , role 0 primary, term 4 , primary 1 , commit 7 , head 9 , "
            "refused 0 why, member 2 , priority 0 , standing 0 arbiter-node, peer 0 peer:2, "
            "client 0 b:2, linked 0 true, floor 6 ");
  EXPECT_EQ(Ask(admin_, ask::Plain(Verb::kClusterState)), "cluster b:2 0 Connected");
}

TEST_F(ExecutorClusterTest, AnArbiterNodeSaysOfAllThatIsAboutDataWhereThePrimaryIs) {
  FakeCluster without_data(false);
  executor_.SetCluster(without_data);
  executor_.Follow("p:1");
  for (const CommandRow& row : CommandTable()) {
    const std::optional<ErrorCode> refusal = Run(admin_, ask::Named(row.verb, "1"));
    EXPECT_EQ(refusal == ErrorCode::kNotPrimary, !NeedsNoData(row.verb)) << row.name;
  }
}

TEST_F(ExecutorClusterTest, NobodyElseLeavesBeforeAnArbiterNode) {
  executor_.SetCluster(cluster_);
  cluster_.shown.members[1].linked = true;
  cluster_.shown.members[2].standing = "joining";
  cluster_.shown.members[2].arbiter_node = true;
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "1")), ErrorCode::kOperationFailed);
  EXPECT_TRUE(cluster_.left.empty());
  cluster_.shown.members.pop_back();
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "1")), std::nullopt);
  EXPECT_EQ(cluster_.left.size(), 1U);
}

TEST_F(ExecutorClusterTest, OnlyAdminsAreToldAndOnlyInFormsThatThereAre) {
  executor_.SetCluster(cluster_);
  EXPECT_EQ(Run(Connect(), ask::Named(Verb::kClusterState, "json")), ErrorCode::kNotAuth);
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kClusterState, "xml")), ErrorCode::kUnknownForm);
  EXPECT_EQ(error_text_, "xml");
}

TEST_F(ExecutorClusterTest, ALoneNodeHandsNothingOverAndLeavesNothing) {
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "1")), ErrorCode::kNoCluster);
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kDebug, "force-election")), ErrorCode::kNoCluster);
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kDebug, "pending-ops")), "pending ops");
}

TEST_F(ExecutorClusterTest, TheRoleIsHandedOverWhereSomebodyCanTakeIt) {
  executor_.SetCluster(cluster_);
  const Command force = ask::Named(Verb::kDebug, "force-election");
  ClusterShown::Member& other = cluster_.shown.members[1];
  EXPECT_EQ(Run(Connect(), force), ErrorCode::kNotAuth);
  EXPECT_EQ(Run(admin_, force), ErrorCode::kNoSuccessor);  // no link
  other.linked = true;
  other.priority = 0;
  EXPECT_EQ(Run(admin_, force), ErrorCode::kNoSuccessor);
  other.priority = 1;
  other.standing = "learner";
  EXPECT_EQ(Run(admin_, force), ErrorCode::kNoSuccessor);
  EXPECT_TRUE(cluster_.handed_over.empty());
  other.standing = "voter";
  EXPECT_EQ(Run(admin_, force), kFine);
  EXPECT_EQ(cluster_.handed_over, std::vector<std::uint64_t>{0});
  executor_.Follow("there:1");
  EXPECT_EQ(Run(admin_, force), ErrorCode::kNotPrimary);
  EXPECT_EQ(error_text_, "there:1");
  EXPECT_EQ(cluster_.handed_over.size(), 1U);
}

TEST_F(ExecutorClusterTest, TheRoleIsHandedToTheMemberThatIsNamed) {
  executor_.SetCluster(cluster_);
  EXPECT_EQ(Run(Connect(), ask::Named(Verb::kPromote, "2")), ErrorCode::kNotAuth);
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kPromote, "2")), ErrorCode::kCannotLead);  // no link
  EXPECT_EQ(error_text_, "2");
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kPromote, "18446744073709551615")),
            ErrorCode::kCannotLead);
  for (const char* nobody : {"3", "02", "a", "-1", "0"}) {
    EXPECT_EQ(Run(admin_, ask::Named(Verb::kPromote, nobody)), ErrorCode::kUnknownMember);
    EXPECT_EQ(error_text_, "1, 2, 18446744073709551615") << nobody;
  }
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kPromote, "1")), kFine);  // it is
  EXPECT_TRUE(cluster_.handed_over.empty());
  cluster_.shown.members[1].linked = true;
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kPromote, "2")), kFine);
  EXPECT_EQ(cluster_.handed_over, std::vector<std::uint64_t>{2});
}

TEST_F(ExecutorClusterTest, ANodeThatWaitsToJoinIsDialed) {
  executor_.SetCluster(cluster_);
  EXPECT_EQ(Run(Connect(), ask::Named(Verb::kAddNode, "new:3015")), ErrorCode::kNotAuth);
  const std::string longest = std::string(kPeerAddressBytesMax - 5, 'h') + ":3015";
  const std::string longer = "h" + longest;
  for (const std::string& bad :
       {std::string("new"), std::string(":1"), std::string("new:"), std::string("new:x"), longer}) {
    EXPECT_EQ(Run(admin_, ask::Named(Verb::kAddNode, bad)), ErrorCode::kBadAddress) << bad;
  }
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kAddNode, "peer:2")), ErrorCode::kMemberThere);
  EXPECT_EQ(cluster_.added, "");
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kAddNode, longest)), kFine);
  EXPECT_EQ(cluster_.added, longest);
}

TEST_F(ExecutorClusterTest, WhoWantsToJoinIsToldWhereANodeListens) {
  EXPECT_EQ(Run(Connect(), ask::Plain(Verb::kPeerAddress)), ErrorCode::kNoCluster);
  executor_.SetCluster(cluster_);
  EXPECT_EQ(Ask(Connect(), ask::Plain(Verb::kPeerAddress)), "lines peer-address peer:1");
  cluster_.shown.id = 9;  // it has yet to join
  EXPECT_EQ(Run(Connect(), ask::Plain(Verb::kPeerAddress)), ErrorCode::kNoCluster);
}

TEST_F(ExecutorClusterTest, TheNodeThatIsNamedLeaves) {
  executor_.SetCluster(cluster_);
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "1")), ErrorCode::kNoSuccessor);
  cluster_.shown.members[1].linked = true;
  for (const char* nobody : {"3", "01", "a", "-1"}) {
    EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, nobody)), ErrorCode::kUnknownMember) << nobody;
  }
  EXPECT_EQ(Run(Connect(), ask::Named(Verb::kLeave, "1")), ErrorCode::kNotAuth);
  EXPECT_TRUE(cluster_.left.empty());
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "1")), kFine);
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "2")), kFine);
  executor_.Follow("there:1");
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "1")), kFine);  // itself
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "2")), ErrorCode::kNotPrimary);
  EXPECT_EQ(cluster_.left, (std::vector<std::uint64_t>{1, 2, 1}));
}

TEST_F(ExecutorClusterTest, NobodyLeavesWhoIsNeededForAMajority) {
  executor_.SetCluster(cluster_);
  ClusterShown::Member& third = cluster_.shown.members[2];
  third.standing = "voter";
  third.priority = 1;
  const std::string third_id = std::to_string(third.id);
  for (const std::string& needed : {std::string("1"), third_id}) {
    EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, needed)), ErrorCode::kNoMajority);
    EXPECT_EQ(error_text_, needed);
  }
  EXPECT_TRUE(cluster_.left.empty());
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, "2")), kFine);  // which is away
  cluster_.shown.members[1].linked = true;
  EXPECT_EQ(Run(admin_, ask::Named(Verb::kLeave, third_id)), kFine);
}

TEST_F(ExecutorClusterTest, WhatIsNotFinalIsCounted) {
  executor_.SetCluster(cluster_);
  MakeDatabase("db");
  const Revision head = executor_.store().revision();
  cluster_.shown.commit = head;
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kDebug, "pending-ops")), "pending ops");
  cluster_.shown.commit = {head.value - 1};
  EXPECT_EQ(Ask(admin_, ask::Named(Verb::kDebug, "pending-ops")), "lines pending-ops not_final: 1");
}

Command Wait(std::string_view what) {
  return {.verb = Verb::kWait, .since = what};
}

TEST_F(ExecutorClusterTest, AlonePrimaryAndNewestAreWhatOneIs) {
  MakeDatabase("db");
  const SessionId client = Join();
  for (const char* what : {"linear", "max-age=0", "max-age=3600000"}) {
    EXPECT_EQ(executor_.PauseBefore(client, Wait(what), 0), Pause::kNone) << what;
    EXPECT_EQ(Run(client, Wait(what)), kFine) << what;
  }
  for (const char* what : {"linea", "max-age=", "max-age=-1", "max-age=1x", "max-age=3600001"}) {
    EXPECT_EQ(Run(client, Wait(what)), ErrorCode::kBadToken) << what;
  }
}

TEST_F(ExecutorClusterTest, ALinearWaitLastsUntilItIsKnownThatThisNodeIsPrimary) {
  executor_.SetCluster(cluster_);
  MakeDatabase("db");
  const SessionId client = Join();
  cluster_.confirmed_us = 9;
  EXPECT_EQ(executor_.PauseBefore(client, Wait("linear"), 10), Pause::kForCluster);
  cluster_.confirmed_us = 10;
  EXPECT_EQ(executor_.PauseBefore(client, Wait("linear"), 10), Pause::kNone);
  EXPECT_EQ(Run(client, Wait("linear")), kFine);
  executor_.Follow("there:1");  // the primary is asked instead
  cluster_.confirmed_us = 0;
  EXPECT_EQ(executor_.PauseBefore(client, Wait("linear"), 10), Pause::kNone);
  EXPECT_EQ(Run(client, Wait("linear")), ErrorCode::kNotPrimary);
}

TEST_F(ExecutorClusterTest, WhatIsTooOldIsWaitedForAndThenRefused) {
  executor_.SetCluster(cluster_);
  MakeDatabase("db");
  const SessionId client = Join();
  executor_.Follow("there:1");
  executor_.SetNow({.mono_us = 1'000'000, .wall_us = 1});
  const Command wait = Wait("max-age=5");
  EXPECT_EQ(executor_.PauseBefore(client, wait, 1'000'000), Pause::kForCluster);  // nobody has said
  cluster_.age = 5'001;
  EXPECT_EQ(executor_.PauseBefore(client, wait, 1'000'000), Pause::kForCluster);
  EXPECT_EQ(executor_.PauseBefore(client, wait, 500'000), Pause::kNone);
  EXPECT_EQ(Run(client, wait), ErrorCode::kBehind);
  EXPECT_EQ(error_text_, "there:1");
  cluster_.age = 5'000;
  EXPECT_EQ(executor_.PauseBefore(client, wait, 1'000'000), Pause::kNone);
  EXPECT_EQ(Run(client, wait), kFine);
}

TEST_F(ExecutorClusterTest, ATokenOfWhatHasNotComeIsWaitedForAndThenRefused) {
  executor_.SetCluster(cluster_);
  MakeDatabase("db");
  const SessionId client = Join();
  const DatabaseId id = executor_.store().Find("db")->id();
  executor_.delivery().history().Begin(5, {3}, {});
  Token token = executor_.delivery().history().At(executor_.store().revision(), id);
  const std::string here = FormatToken(token);
  token.revision.value += 1;
  const std::string later = FormatToken(token);
  executor_.SetNow({.mono_us = 1'000'000, .wall_us = 1});
  EndTurn();
  for (const Verb verb : {Verb::kWait, Verb::kWatch}) {
    const Command good{.verb = verb, .key = "*", .since = here};
    EXPECT_EQ(executor_.PauseBefore(client, good, 1'000'000), Pause::kNone);
    EXPECT_EQ(Run(client, good), kFine);
    const Command ahead{.verb = verb, .key = "*", .since = later};
    EXPECT_EQ(executor_.PauseBefore(client, ahead, 1'000'000), Pause::kForCluster);
    EXPECT_EQ(executor_.PauseBefore(client, ahead, 500'000), Pause::kNone);
    EXPECT_EQ(Run(client, ahead), ErrorCode::kBehind);
  }
  EXPECT_EQ(Run(client, ask::Set("k", "1")), kFine);
  EndTurn();
  EXPECT_EQ(executor_.PauseBefore(client, Wait(later), 1'000'000), Pause::kNone);
  EXPECT_EQ(Run(client, Wait(later)), kFine);
}

}  // namespace
}  // namespace nunc
