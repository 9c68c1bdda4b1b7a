#include <gtest/gtest.h>

#include "base/limits.h"
#include "cluster/member.h"
#include "cluster/member_fixture.h"

namespace nunc {
namespace {

// 1 and 2 hold the log, 3 does not.
Members TwoAndAnArbiterNode() {
  Members members = VotersUpTo(3);
  members.list[2].arbiter_node = true;
  members.list[2].priority = {};
  return members;
}

Join JoinOf(std::uint64_t id, bool arbiter_node) {
  return {.name = NameOf(id),
          .priority = {static_cast<std::uint32_t>(id)},
          .voter = true,
          .arbiter_node = arbiter_node,
          .address = "a"};
}

Floor FloorAt(Position position, std::int64_t stamp_us = 5) {
  return {
      .position = position, .stamp_us = stamp_us, .members = EncodeMembers(TwoAndAnArbiterNode())};
}

// The one without a log: what it has stored is `floor`, in its term.
MemberHand ArbiterNode(Position floor) {
  return MemberHand(MemberStart{.name = NameOf(3),
                                .cluster = MemberHand::kCluster,
                                .term = floor.term,
                                .arbiter_node = true,
                                .floor = floor});
}

// What it has on its disk, as it says.
void Answer(MemberHand& hand, Revision floor) {
  hand.Hear(3, hand.member().term().value,
            Ack{.received = floor, .durable = floor, .stamp_us = hand.now_us()});
}

// 2 leads, elected by the arbiter node while 1 is away.
MemberHand Alone() {
  MemberHand hand(2, TwoAndAnArbiterNode(), 5);
  hand.Link(3);
  hand.Pass(hand.member().deadline_us());
  hand.Hear(3, 1, Alive{.election = {2}, .grant = true, .probe = true});
  hand.Disk();
  hand.Hear(3, 2, Alive{.election = {2}, .grant = true});
  return hand;
}

// The newest position that the arbiter node was told.
Position Told(MemberHand& hand) {
  Position told;
  for (const auto& [to, floor] : hand.Sent<Floor>()) {
    EXPECT_EQ(to, 3U);
    told = floor.position;
  }
  return told;
}

// ---- the one without a log

TEST(ArbiterNode, NeverAsksForVotes) {
  MemberHand hand = ArbiterNode({.term = {2}, .revision = {5}});
  hand.Link(1);
  hand.Hear(1, 2, FloorAt({.term = {2}, .revision = {5}}));
  hand.Pass(10'000'000);
  hand.Pass(10'000'000);
  EXPECT_TRUE(hand.Sent<Election>().empty());
  EXPECT_EQ(hand.member().role(), RoleName::kArbiterNode);
}

TEST(ArbiterNode, VotesForNoLogThatEndsBeforeItsFloor) {
  for (const Position last :
       {Position{.term = {2}, .revision = {4}}, Position{.term = {1}, .revision = {99}},
        Position{.term = {2}, .revision = {5}}, Position{.term = {3}, .revision = {1}}}) {
    MemberHand hand = ArbiterNode({.term = {2}, .revision = {5}});
    hand.Link(1);
    const bool good = last >= Position{.term = {2}, .revision = {5}};
    for (const bool probe : {true, false}) {
      hand.Hear(1, probe ? 3 : 4, Election{.last = last, .priority = {1}, .probe = probe});
      hand.Disk();
      const auto sent = hand.Sent<Alive>();
      ASSERT_EQ(sent.size(), 1U);
      EXPECT_EQ(sent[0].second.grant, good) << last.term.value << "." << last.revision.value;
    }
  }
}

TEST(ArbiterNode, HasAFloorWhenItIsOnTheDisk) {
  MemberHand hand = ArbiterNode({.term = {2}, .revision = {5}});
  hand.Link(1);
  hand.Hear(1, 2, FloorAt({.term = {2}, .revision = {7}}));
  EXPECT_TRUE(hand.Sent<Ack>().empty());
  const auto stores = hand.Take<StoreMeta>();
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_EQ(stores[0].floor, (Position{.term = {2}, .revision = {7}}));
  hand.Step(MetaStored{.counter = stores[0].counter});
  const auto sent = hand.Sent<Ack>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].second, (Ack{.received = {7}, .durable = {7}, .stamp_us = 5}));
}

TEST(ArbiterNode, StoresAVoteWithItsFloor) {
  MemberHand hand = ArbiterNode({.term = {2}, .revision = {5}});
  hand.Link(1);
  hand.Hear(1, 3, Election{.last = {.term = {2}, .revision = {5}}, .priority = {1}});
  const auto stores = hand.Take<StoreMeta>();
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_EQ(stores[0].voted_for, NodeId{1});
  EXPECT_EQ(stores[0].floor, (Position{.term = {2}, .revision = {5}}));
}

TEST(ArbiterNode, AFloorNeverFallsAndOneOfAnOlderTermIsWorthNothing) {
  MemberHand hand = ArbiterNode({.term = {2}, .revision = {5}});
  hand.Link(1);
  hand.Hear(1, 2, FloorAt({.term = {2}, .revision = {4}}));
  EXPECT_TRUE(hand.Take<StoreMeta>().empty());
  auto sent = hand.Sent<Ack>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].second.durable, Revision{5});
  hand.Hear(1, 3, FloorAt({}));
  hand.Disk();
  sent = hand.Sent<Ack>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].second.durable, Revision{0});
}

TEST(ArbiterNode, DisturbsNoPrimaryThatItHears) {
  MemberHand hand = ArbiterNode({.term = {2}, .revision = {5}});
  hand.Link(1);
  hand.Link(2);
  hand.Hear(1, 2, FloorAt({}));
  const Election election{.last = {.term = {2}, .revision = {9}}, .priority = {2}, .probe = true};
  hand.Hear(2, 2, election);
  hand.Pass(1'000'000);
  hand.Hear(2, 2, election);
  const auto sent = hand.Sent<Alive>();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_FALSE(sent[0].second.grant);
  EXPECT_TRUE(sent[1].second.grant);
}

TEST(ArbiterNode, ClosesALinkThatMakesNoSense) {
  const auto closed = [](MemberHand hand, const Message& message) {
    hand.Link(1);
    hand.Hear(1, 2, message);
    const auto closes = hand.Take<CloseLink>();
    return closes.empty() ? std::string() : closes[0].why;
  };
  const MemberHand arbiter = ArbiterNode({.term = {2}, .revision = {5}});
  EXPECT_NE(closed(arbiter, FloorAt({.term = {3}, .revision = {1}})).find("has not begun"),
            std::string::npos);
  EXPECT_NE(closed(arbiter, Floor{.members = "x"}).find("a list of members"), std::string::npos);
  EXPECT_NE(closed(arbiter, Replicate{}).find("which holds none"), std::string::npos);
  EXPECT_EQ(closed(arbiter, FloorAt({.term = {2}, .revision = {1}})), "");
  EXPECT_NE(closed(MemberHand(2, TwoAndAnArbiterNode()), FloorAt({})).find("which it is not"),
            std::string::npos);
}

TEST(ArbiterNode, KnowsTheMembersFromThePrimary) {
  MemberHand hand = ArbiterNode({});
  hand.Step(LinkUp{.hello = {.cluster = MemberHand::kCluster, .name = NameOf(1)}});
  hand.Step(JoinAsked{.priority = {3}, .address = TwoAndAnArbiterNode().list[2].address});
  const auto joins = hand.Sent<Join>();
  ASSERT_EQ(joins.size(), 1U);
  EXPECT_TRUE(joins[0].second.arbiter_node);
  hand.Hear(1, 2, FloorAt({}));
  EXPECT_EQ(hand.member().members(), TwoAndAnArbiterNode());
  hand.Disk();
  hand.Pass(5'000'000);
  EXPECT_TRUE(hand.Sent<Join>().empty());
}

// ---- a primary beside it

TEST(ArbiterNode, WhatItSaysMakesNothingFinal) {
  MemberHand hand = Alone();
  hand.Disk();
  Answer(hand, {6});
  EXPECT_EQ(hand.member().commit(), Revision{5});
  hand.Link(1);
  hand.Answer(1);
  EXPECT_EQ(hand.member().commit(), Revision{6});
}

TEST(ArbiterNode, AFloorIsOfThePrimarysTermAndDisk) {
  MemberHand hand = Alone();
  EXPECT_EQ(Told(hand), Position{});
  hand.Pass(100'000);
  EXPECT_EQ(Told(hand), Position{});
  hand.Disk();
  EXPECT_EQ(Told(hand), (Position{.term = {2}, .revision = {6}}));
}

TEST(ArbiterNode, WhatIsAboveNoFloorIsNotGuarded) {
  MemberHand hand = Alone();
  hand.Disk();
  EXPECT_EQ(hand.member().guarded(), Revision{0});
  Answer(hand, {6});
  EXPECT_EQ(hand.member().guarded(), Revision{6});
  hand.Step(RecordsProposed{.count = 2});
  EXPECT_EQ(hand.member().guarded(), Revision{6});
  hand.Disk();
  EXPECT_EQ(hand.member().guarded(), Revision{6});
  EXPECT_EQ(Told(hand), (Position{.term = {2}, .revision = {8}}));
  Answer(hand, {8});
  EXPECT_EQ(hand.member().guarded(), Revision{8});
  // Its link may be made anew: what it has stored it still has.
  hand.Step(LinkDown{.peer = {3}});
  hand.Link(3);
  EXPECT_EQ(hand.member().guarded(), Revision{8});
}

TEST(ArbiterNode, OneFloorAtATimeIsOnItsWay) {
  MemberHand hand = Alone();
  hand.Disk();
  Told(hand);
  for (int i = 0; i < 3; ++i) {
    hand.Step(RecordsProposed{.count = 1});
    hand.Disk();
  }
  EXPECT_TRUE(hand.Sent<Floor>().empty());
  Answer(hand, {6});
  EXPECT_EQ(Told(hand), (Position{.term = {2}, .revision = {9}}));
}

TEST(ArbiterNode, TheFloorIsWhatIsFinalWhileTheOtherOneKeepsUp) {
  MemberHand hand(2, TwoAndAnArbiterNode(), 5);
  hand.Link(1);
  hand.Link(3);
  hand.Pass(2'000'000);
  hand.Hear(1, 1, Alive{.election = {2}, .grant = true, .probe = true});
  hand.Disk();
  hand.Hear(1, 2, Alive{.election = {2}, .grant = true});
  hand.Disk();
  EXPECT_EQ(Told(hand), Position{});
  hand.Answer(1);
  EXPECT_EQ(Told(hand), (Position{.term = {2}, .revision = {6}}));
  Answer(hand, {6});
  hand.Step(RecordsProposed{.count = 1});
  hand.Disk();
  hand.Answer(1);
  EXPECT_EQ(hand.member().commit(), Revision{7});
  EXPECT_TRUE(hand.Sent<Floor>().empty());
  // Nobody waits for it: once a second.
  hand.Pass(kFloorUs / 2);
  hand.Answer(1);
  Answer(hand, {6});
  EXPECT_EQ(Told(hand), (Position{.term = {2}, .revision = {6}}));
  hand.Pass(kFloorUs / 2);
  EXPECT_EQ(Told(hand), (Position{.term = {2}, .revision = {7}}));
  Answer(hand, {7});
  // It is gone: from now on this node is alone with what it has.
  hand.Step(RecordsProposed{.count = 1});
  hand.Disk();
  EXPECT_TRUE(hand.Sent<Floor>().empty());
  hand.Step(LinkDown{.peer = {1}});
  EXPECT_EQ(Told(hand), (Position{.term = {2}, .revision = {8}}));
}

TEST(ArbiterNode, WhoIsFarBehindDoesNotKeepUp) {
  for (const std::uint64_t behind : {kCaughtUpRecords, kCaughtUpRecords + 1}) {
    MemberHand hand = Alone();
    hand.Step(RecordsProposed{.count = 2'000});
    hand.Disk();
    Answer(hand, {2'006});
    hand.Link(1);
    const Revision has{2'006 - behind};
    hand.Hear(1, 2, Ack{.received = has, .durable = has, .stamp_us = hand.now_us()});
    Told(hand);
    hand.Step(RecordsProposed{.count = 1});
    hand.Disk();
    EXPECT_EQ(Told(hand).revision, Revision{behind > kCaughtUpRecords ? 2'007U : 0U});
  }
}

TEST(ArbiterNode, APrimaryStaysOneWithItAndStepsDownWithoutIt) {
  MemberHand hand = Alone();
  hand.Disk();
  for (int i = 0; i < 20; ++i) {
    hand.Pass(100'000);
    Answer(hand, {6});
  }
  EXPECT_EQ(hand.member().role(), RoleName::kPrimary);
  hand.Pass(800'001);
  EXPECT_NE(hand.member().role(), RoleName::kPrimary);
  EXPECT_EQ(hand.member().guarded(), Revision{0});
}

TEST(ArbiterNode, IsHandedNoRole) {
  MemberHand hand = Alone();
  hand.Disk();
  Answer(hand, {6});
  hand.Step(HandOverAsked{.stops = true});
  hand.Pass(100'000);
  EXPECT_TRUE(hand.Sent<TakeOver>().empty());
}

// ---- the members

TEST(ArbiterNode, JoinsTwoAndVotesASecondLater) {
  MemberHand hand(2, VotersUpTo(2));
  hand.Link(1);
  hand.BecomePrimary(1);
  hand.Link(3);
  hand.Hear(3, 0, JoinOf(3, true));
  const MemberInfo* joined = hand.member().members().Find(NodeId{3});
  ASSERT_NE(joined, nullptr);
  EXPECT_TRUE(joined->arbiter_node);
  EXPECT_EQ(joined->priority, Priority{0});
  EXPECT_EQ(joined->standing, Standing::kJoining);
  hand.Disk();
  hand.Answer(1);
  for (int i = 0; i < 10; ++i) {
    Answer(hand, {});
    hand.Answer(1);
    EXPECT_EQ(hand.member().members().Find(NodeId{3})->standing, Standing::kJoining);
    EXPECT_EQ(hand.member().guarded(), Revision{0});
    hand.Pass(100'000);
  }
  EXPECT_EQ(hand.member().members().Find(NodeId{3})->standing, Standing::kVoter);
}

// The answer to a node that wants to be let in by 2, or empty: it is let in.
std::optional<Refusal> Asked(const Members& members, const Join& join) {
  MemberHand hand(2, members);
  hand.Link(1);
  hand.BecomePrimary(1);
  hand.Link(join.name.id.value);
  hand.Step(LinkUp{.hello = {.cluster = {}, .name = join.name}});
  hand.Hear(join.name.id.value, 0, join);
  const auto refused = hand.Sent<Refused>();
  EXPECT_EQ(hand.member().members() == members, !refused.empty());
  return refused.empty() ? std::nullopt : std::optional(refused[0].second.reason);
}

TEST(ArbiterNode, IsForTwoNodesWithDataAndNoOthers) {
  EXPECT_EQ(Asked(VotersUpTo(2), JoinOf(3, true)), std::nullopt);
  EXPECT_EQ(Asked(VotersUpTo(3), JoinOf(4, true)), Refusal::kArbiterNeedsTwo);
  Members learns = VotersUpTo(3);
  learns.list[2].standing = Standing::kLearner;
  EXPECT_EQ(Asked(learns, JoinOf(4, true)), Refusal::kArbiterNeedsTwo);
  Join no_vote = JoinOf(3, true);
  no_vote.voter = false;
  EXPECT_EQ(Asked(VotersUpTo(2), no_vote), Refusal::kArbiterNeedsTwo);
  EXPECT_EQ(Asked(TwoAndAnArbiterNode(), JoinOf(4, true)), Refusal::kSecondArbiter);
  EXPECT_EQ(Asked(TwoAndAnArbiterNode(), JoinOf(4, false)), Refusal::kArbiterIsThere);
  Join learner = JoinOf(4, false);
  learner.voter = false;
  EXPECT_EQ(Asked(TwoAndAnArbiterNode(), learner), Refusal::kArbiterIsThere);
  // Nor does it take the place of one that holds the log, or the other way.
  Join of_other_kind = JoinOf(3, true);
  of_other_kind.name.incarnation = {77};
  EXPECT_EQ(Asked(VotersUpTo(3), of_other_kind), Refusal::kOtherKind);
  of_other_kind.arbiter_node = false;
  EXPECT_EQ(Asked(TwoAndAnArbiterNode(), of_other_kind), Refusal::kOtherKind);
}

TEST(ArbiterNode, NoneOfTheTwoLeavesWhileItIsThere) {
  MemberHand hand(2, TwoAndAnArbiterNode());
  hand.Link(1);
  hand.Link(3);
  hand.BecomePrimary(1);
  hand.Hear(1, 2, Leave{.name = NameOf(1)});
  auto refused = hand.Sent<Refused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].second.reason, Refusal::kArbiterIsThere);
  // The primary does not begin to hand its role over for it.
  hand.Step(LeaveAsked{});
  EXPECT_EQ(hand.member().refused(), Refusal::kArbiterIsThere);
  EXPECT_TRUE(hand.member().accepting());
  // It may itself, and then they may.
  hand.Hear(3, 2, Leave{.name = NameOf(3)});
  EXPECT_EQ(hand.member().members(), VotersUpTo(2));
  hand.Disk();
  hand.Answer(1);
  hand.Hear(1, 2, Leave{.name = NameOf(1)});
  EXPECT_EQ(hand.member().members().list.size(), 1U);
}

TEST(ArbiterNode, AReplacedDiskIsLetInByTheOtherOneAndItsFloor) {
  MemberHand hand(2, TwoAndAnArbiterNode());
  hand.Link(1);
  hand.Link(3);
  hand.BecomePrimary(1);
  hand.Step(LinkDown{.peer = {1}});
  Join join = JoinOf(1, false);
  join.name.incarnation = {77};
  hand.Step(LinkUp{.hello = {.cluster = {}, .name = join.name}});
  hand.Hear(1, 0, join);
  EXPECT_EQ(hand.member().members().VotersWithLog(), 1U);
  hand.Disk();
  EXPECT_EQ(hand.member().commit(), Revision{2});
  Answer(hand, {3});
  EXPECT_EQ(hand.member().commit(), Revision{3});
}

}  // namespace
}  // namespace nunc
