#include <algorithm>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "cluster/member.h"
#include "cluster/member_fixture.h"

namespace nunc {
namespace {

Join JoinOf(std::uint64_t id) {
  return {.name = NameOf(id),
          .priority = {static_cast<std::uint32_t>(id)},
          .voter = true,
          .address = "a"};
}

TEST(Membership, WhoJoinsLearnsAndVotesWhenItHasCaughtUp) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Link(4);
  hand.Hear(4, 0, JoinOf(4));
  EXPECT_EQ(hand.member().members().Find(NodeId{4})->standing, Standing::kJoining);
  hand.Disk();
  hand.Answer(2);
  hand.Answer(4);
  hand.Pass(500'000);
  hand.Answer(2);
  hand.Answer(4);
  hand.Pass(499'000);
  EXPECT_EQ(hand.member().members().Majority(), 2U);
  hand.Pass(1'000);
  EXPECT_EQ(hand.member().members().Find(NodeId{4})->standing, Standing::kVoter);
  EXPECT_EQ(hand.member().members().Majority(), 3U);
}

TEST(Membership, OneChangeWaitsForTheOneBefore) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Link(4);
  hand.Link(5);
  hand.Hear(4, 0, JoinOf(4));
  hand.Hear(5, 0, JoinOf(5));
  EXPECT_EQ(hand.member().members().list.size(), 4U);
  hand.Disk();
  hand.Answer(2);
  hand.Hear(5, 0, JoinOf(5));
  EXPECT_EQ(hand.member().members().list.size(), 5U);
}

TEST(Membership, NothingChangesBeforeARecordOfTheOwnTermIsFinal) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.Link(4);
  hand.Pass(1'100'000);
  hand.Hear(2, 1, Alive{.election = {2}, .grant = true, .probe = true});
  hand.Disk();
  hand.Hear(2, 2, Alive{.election = {2}, .grant = true});
  ASSERT_EQ(hand.member().role(), RoleName::kPrimary);
  hand.Hear(4, 0, JoinOf(4));
  EXPECT_EQ(hand.member().members().list.size(), 3U);
}

TEST(Membership, AChangeThatLeavesNobodyToLeadIsRefused) {
  Members members = VotersUpTo(2);
  members.list[1].priority = {0};
  MemberHand hand(1, members);
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Forget();
  for (std::uint64_t id = 3; id <= kMembersMax + 1; ++id) {
    hand.Link(id);
    hand.Hear(id, 0, JoinOf(id));
    hand.Disk();
    hand.Answer(2);
  }
  EXPECT_EQ(hand.member().members().list.size(), kMembersMax);
  const auto refused = hand.Sent<Refused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].first, kMembersMax + 1);
  EXPECT_EQ(refused[0].second.reason, Refusal::kNoSuchChange);
}

TEST(Membership, WhoHasLeftIsToldSo) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(1);
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Hear(1, 2, Leave{.name = NameOf(1)});
  EXPECT_EQ(hand.member().members().list.size(), 2U);
  hand.Disk();
  hand.Answer(2);
  hand.Forget();
  hand.Hear(1, 2, Leave{.name = NameOf(1)});
  const auto refused = hand.Sent<Refused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].second.reason, Refusal::kNotAMember);
  MemberHand leaver(1, VotersUpTo(3));
  leaver.Link(3);
  leaver.Step(LeaveAsked{});
  EXPECT_EQ(leaver.Sent<Leave>().size(), 1U);
  EXPECT_FALSE(leaver.member().left());
  leaver.Hear(3, 2, Refused{.reason = Refusal::kNotAMember});
  EXPECT_TRUE(leaver.member().left());
}

TEST(Membership, APrimaryTakesOutAMemberThatIsAway) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Step(LeaveAsked{.node = {7}});  // nobody
  EXPECT_EQ(hand.member().members().list.size(), 3U);
  hand.Step(LeaveAsked{.node = {1}});
  EXPECT_EQ(hand.member().members().Find(NodeId{1}), nullptr);
  EXPECT_EQ(hand.member().members().list.size(), 2U);
  EXPECT_FALSE(hand.member().left());
  MemberHand other(1, VotersUpTo(3));
  other.Step(LeaveAsked{.node = {2}});  // it is no primary
  EXPECT_EQ(other.member().members().list.size(), 3U);
}

TEST(Membership, TwoAreTakenOutOneAfterTheOther) {
  Members members = VotersUpTo(5);
  members.list[3].standing = Standing::kLearner;
  members.list[4].standing = Standing::kLearner;
  MemberHand hand(3, members);
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Step(LeaveAsked{.node = {4}});
  hand.Step(LeaveAsked{.node = {5}});
  EXPECT_EQ(hand.member().members().list.size(), 4U);
  hand.Disk();
  hand.Answer(2);
  EXPECT_EQ(hand.member().members().list.size(), 3U);
}

TEST(Membership, WhoWasAwayWhenItWasTakenOutIsToldWhenItAsksForVotes) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Step(LeaveAsked{.node = {1}});
  hand.Link(1);
  hand.Forget();
  const Election probe{.last = {}, .priority = {1}, .probe = true};
  hand.Hear(1, 1, probe);
  EXPECT_TRUE(hand.Sent<Refused>().empty());  // it is not final
  hand.Disk();
  hand.Answer(2);
  hand.Hear(1, 1, probe);
  const auto refused = hand.Sent<Refused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].first, 1U);
  EXPECT_EQ(refused[0].second.reason, Refusal::kNotAMember);
  hand.Hear(2, 1, probe);
  EXPECT_TRUE(hand.Sent<Refused>().empty());
}

TEST(Membership, WhoIsToldThatItIsOutAsksForNoVotesAnyMore) {
  MemberHand hand(4, VotersUpTo(4));
  hand.Link(3);
  hand.Hear(3, 2, Victory{.start = {1}});
  hand.Hear(3, 1, Refused{.reason = Refusal::kNotAMember});  // of a term that is over
  EXPECT_FALSE(hand.member().left());
  hand.Hear(3, 2, Refused{.reason = Refusal::kNotAMember});
  EXPECT_TRUE(hand.member().left());
  hand.Forget();
  hand.Pass(5'000'000);
  EXPECT_TRUE(hand.Sent<Election>().empty());
  hand.Step(JoinAsked{.priority = {4}, .address = "a"});
  EXPECT_FALSE(hand.member().left());
}

TEST(Membership, ASecondaryPassesAWishOnToThePrimary) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(3);
  hand.Link(4);
  hand.Hear(3, 1, Victory{.start = {1}});
  hand.Hear(4, 0, JoinOf(4));
  const auto sent = hand.Sent<Join>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].first, 3U);
  // One that was passed on already stays.
  hand.Hear(3, 1, JoinOf(4));
  EXPECT_TRUE(hand.Sent<Join>().empty());
}

TEST(Membership, AMemberThatHasMovedKeepsItsStanding) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(1);
  hand.Link(2);
  hand.BecomePrimary(2);
  const std::size_t majority = hand.member().members().Majority();
  Join moved = JoinOf(1);
  moved.priority = {77};
  moved.address = "there";
  hand.Hear(1, 1, moved);
  const MemberInfo* member = hand.member().members().Find(NodeId{1});
  EXPECT_EQ(member->address, "there");
  EXPECT_EQ(member->standing, Standing::kVoter);
  EXPECT_EQ(member->priority.value, 1U);
  EXPECT_EQ(hand.member().members().Majority(), majority);
  const Position last = hand.member().last();
  hand.Disk();
  hand.Answer(2);
  hand.Hear(1, 1, moved);  // it has not heard yet
  EXPECT_EQ(hand.member().last(), last);
}

TEST(Membership, AMemberSaysThatItHasMovedUntilThatIsFinal) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(3);
  hand.Step(JoinAsked{.priority = {1}, .address = "there"});
  EXPECT_EQ(hand.Sent<Join>().size(), 1U);
  hand.Pass(1'000'000);
  const auto again = hand.Sent<Join>();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].second.address, "there");
  // Of a primary nobody else need be asked.
  MemberHand primary(3, VotersUpTo(3));
  primary.Link(2);
  primary.BecomePrimary(2);
  primary.Step(JoinAsked{.priority = {3}, .address = "there"});
  const auto pass = [&primary](int pings) {
    for (int i = 0; i < pings; ++i) {
      primary.Pass(100'000);
      primary.Disk();
      primary.Answer(2);
    }
  };
  EXPECT_EQ(primary.member().members().Find(NodeId{3})->address, "there");
  primary.Forget();
  pass(30);
  EXPECT_TRUE(primary.Sent<Join>().empty());
}

TEST(Membership, AReplacedDiskJoinsInPlaceOfTheOldOne) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  Join join = JoinOf(1);
  join.name.incarnation = {77};
  hand.Step(LinkUp{.hello = {.cluster = {}, .name = join.name}});
  hand.Hear(1, 0, join);
  EXPECT_EQ(hand.member().members().Find(NodeId{1})->name, join.name);
  EXPECT_EQ(hand.member().members().Majority(), 2U);
}

TEST(TakeOver, TheHigherPriorityIsHandedTheRoleWhenItHasAll) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Link(3);
  hand.BecomePrimary(2);
  for (int i = 0; i < 31; ++i) {
    hand.Pass(100'000);
    hand.Answer(2);
    hand.Answer(3);
  }
  const auto sent = hand.Sent<TakeOver>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].first, 3U);
  EXPECT_FALSE(hand.member().accepting());
  hand.Pass(200'000);
  hand.Answer(2);
  EXPECT_TRUE(hand.member().accepting());
}

TEST(TakeOver, ItWaitsForTheLastRecord) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Link(3);
  hand.BecomePrimary(2);
  hand.Answer(3);
  hand.Step(RecordsProposed{.count = 1});
  hand.Step(HandOverAsked{});
  EXPECT_FALSE(hand.member().accepting());
  EXPECT_TRUE(hand.Sent<TakeOver>().empty());
  hand.Answer(3);
  EXPECT_EQ(hand.Sent<TakeOver>().size(), 1U);
}

TEST(TakeOver, TheRoleGoesToTheOneThatIsNamed) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(1);
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Answer(1);
  hand.Step(HandOverAsked{.to = {1}});
  const auto sent = hand.Sent<TakeOver>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].first, 1U);
}

TEST(TakeOver, WhoCannotTakeItIsWaitedForOnlySoLong) {
  for (const std::int64_t waited_us : {kPromoteUs - 1, kPromoteUs}) {
    MemberHand hand(3, VotersUpTo(3));
    hand.Link(2);
    hand.BecomePrimary(2);
    hand.Step(HandOverAsked{.to = {1}});
    const std::int64_t begun_us = hand.now_us();
    while (hand.now_us() < begun_us + waited_us) {
      hand.Pass(std::min<std::int64_t>(100'000, begun_us + waited_us - hand.now_us()));
      hand.Answer(2);
    }
    hand.Link(1);
    hand.Answer(1);
    EXPECT_EQ(hand.Sent<TakeOver>().size(), waited_us < kPromoteUs ? 1U : 0U);
  }
}

TEST(TakeOver, WhoIsAskedHoldsAForcedElection) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(1);
  hand.Link(2);
  hand.Hear(1, 1, Victory{.start = {1}});
  hand.Hear(1, 1, TakeOver{.last = {.term = {1}, .revision = {2}}});
  hand.Disk();
  EXPECT_TRUE(hand.Sent<Election>().empty());
  hand.Hear(1, 1, TakeOver{.last = {.term = {1}, .revision = {1}}});
  hand.Disk();
  const auto sent = hand.Sent<Election>();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_TRUE(sent[0].second.forced);
  EXPECT_FALSE(sent[0].second.probe);
}

}  // namespace
}  // namespace nunc
