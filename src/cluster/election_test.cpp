// Sentences of docs/election.md, each with a member stepped by hand.
#include <gtest/gtest.h>

#include "cluster/member.h"
#include "cluster/member_fixture.h"

namespace nunc {
namespace {

constexpr Position kAtOne{.term = {1}, .revision = {1}};

TEST(Elections, TheOneThatIsAloneIsPrimaryAtOnce) {
  MemberHand hand(1, VotersUpTo(1));
  hand.Pass(0);
  EXPECT_EQ(hand.member().role(), RoleName::kCandidate);
  hand.Disk();
  EXPECT_EQ(hand.member().role(), RoleName::kPrimary);
  EXPECT_EQ(hand.member().term(), Term{2});
  EXPECT_EQ(hand.member().last(), (Position{.term = {2}, .revision = {2}}));
}

TEST(Elections, TheHigherThePriorityTheEarlierItAsks) {
  const MemberHand low(1, VotersUpTo(3));
  const MemberHand high(3, VotersUpTo(3));
  EXPECT_GE(high.member().deadline_us(), 1'000'000);
  EXPECT_LE(high.member().deadline_us(), 1'100'000);
  EXPECT_GE(low.member().deadline_us(), 1'240'000);
  EXPECT_LE(low.member().deadline_us(), 1'340'000);
}

TEST(Elections, OneWithoutPriorityNeverAsks) {
  Members members = VotersUpTo(3);
  members.list[0].priority = {0};
  MemberHand hand(1, members);
  hand.Link(2);
  hand.Pass(5'000'000);
  EXPECT_TRUE(hand.Sent<Election>().empty());
}

TEST(Elections, OneAmongNTakesFiveFramesForEachOther) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(1);
  hand.Link(2);
  hand.Pass(1'100'000);
  std::size_t frames = hand.Sent<Election>().size();
  hand.Hear(1, 1, Alive{.election = {2}, .grant = true, .probe = true});
  hand.Disk();
  frames += hand.Sent<Election>().size();
  hand.Hear(1, 2, Alive{.election = {2}, .grant = true});
  frames += hand.Sent<Victory>().size();
  // Each of the two probes and votes is answered.
  EXPECT_EQ(frames + 4, 5U * 2);
  EXPECT_EQ(hand.member().role(), RoleName::kPrimary);
}

TEST(Elections, AProbeChangesNothingAndARealOneIsStoredBeforeTheAnswer) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Hear(2, 1, Election{.last = kAtOne, .priority = {2}, .probe = true});
  auto answers = hand.Sent<Alive>();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].second, (Alive{.election = {2}, .grant = true, .probe = true}));
  EXPECT_TRUE(hand.Take<StoreMeta>().empty());
  hand.Hear(2, 2, Election{.last = kAtOne, .priority = {2}});
  EXPECT_TRUE(hand.Sent<Alive>().empty());
  const auto stores = hand.Take<StoreMeta>();
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_EQ(stores[0].term, Term{2});
  EXPECT_EQ(stores[0].voted_for, NodeId{2});
  hand.Step(MetaStored{.counter = stores[0].counter});
  answers = hand.Sent<Alive>();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].second.grant);
}

TEST(Elections, ATermHasOneVote) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Link(3);
  hand.Hear(2, 2, Election{.last = kAtOne, .priority = {2}});
  hand.Hear(3, 2, Election{.last = kAtOne, .priority = {3}});
  hand.Hear(2, 2, Election{.last = kAtOne, .priority = {2}});
  hand.Disk();
  const auto answers = hand.Sent<Alive>();
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_TRUE(answers[0].second.grant);
  EXPECT_FALSE(answers[1].second.grant);
  EXPECT_TRUE(answers[2].second.grant);
}

TEST(Elections, AVoteGoesToNoLogOlderThanWhatIsOnTheDisk) {
  MemberHand hand(1, VotersUpTo(3), 5);
  hand.Link(2);
  hand.Link(3);
  // Two records that are not on the disk yet do not count.
  hand.Hear(3, 2,
            Replicate{.previous = {.term = {1}, .revision = {5}},
                      .record_term = {2},
                      .count = 2,
                      .records = "ab"});
  hand.Disk();
  hand.Hear(3, 2,
            Replicate{.previous = {.term = {2}, .revision = {7}},
                      .record_term = {2},
                      .count = 1,
                      .records = "c"});
  hand.Pass(1'000'000);
  hand.Forget();
  hand.Hear(2, 2, Election{.last = {.term = {1}, .revision = {9}}, .probe = true});
  hand.Hear(2, 2, Election{.last = {.term = {2}, .revision = {6}}, .probe = true});
  hand.Hear(2, 2, Election{.last = {.term = {2}, .revision = {7}}, .probe = true});
  const auto answers = hand.Sent<Alive>();
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_FALSE(answers[0].second.grant);
  EXPECT_FALSE(answers[1].second.grant);
  EXPECT_TRUE(answers[2].second.grant);
}

TEST(Elections, WhoHearsAPrimaryGrantsNothingUnlessItIsForced) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Link(3);
  hand.Hear(3, 1, Victory{.start = {1}});
  hand.Pass(999'000);
  hand.Hear(2, 1, Election{.last = kAtOne, .probe = true});
  hand.Hear(2, 2, Election{.last = kAtOne});
  auto answers = hand.Sent<Alive>();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_FALSE(answers[0].second.grant);
  EXPECT_FALSE(answers[1].second.grant);
  EXPECT_EQ(hand.member().term(), Term{1});
  hand.Hear(2, 2, Election{.last = kAtOne, .forced = true});
  hand.Disk();
  answers = hand.Sent<Alive>();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].second.grant);
}

TEST(Elections, APrimaryWhoseLinkIsRefusedIsGone) {
  MemberHand hand(2, VotersUpTo(3));
  hand.Link(1);
  hand.Link(3);
  hand.Hear(3, 1, Victory{.start = {1}});
  hand.Step(LinkDown{.peer = {3}});
  EXPECT_GT(hand.member().deadline_us(), 1'000'000);
  hand.Step(LinkRefused{.peer = {3}});
  // Nobody precedes it but the one that is gone.
  EXPECT_GE(hand.member().deadline_us(), 50'000);
  EXPECT_LE(hand.member().deadline_us(), 60'000);
  hand.Hear(1, 1, Election{.last = kAtOne, .probe = true});
  EXPECT_TRUE(hand.Sent<Alive>().at(0).second.grant);
}

TEST(Elections, APrimaryStepsDownWhenItsLeaseIsOver) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  ASSERT_EQ(hand.member().role(), RoleName::kPrimary);
  hand.Pass(800'000);
  EXPECT_EQ(hand.member().role(), RoleName::kPrimary);
  hand.Pass(1);
  EXPECT_EQ(hand.member().role(), RoleName::kSecondary);
  EXPECT_FALSE(hand.member().accepting());
}

TEST(Elections, ALeaseBeginsWhenThePingWasSent) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  const std::int64_t sent_us = hand.now_us();
  hand.Pass(700'000);
  const Revision last = hand.member().last().revision;
  hand.Hear(2, 2, Ack{.received = last, .durable = last, .stamp_us = sent_us});
  hand.Pass(101'000);
  EXPECT_EQ(hand.member().role(), RoleName::kSecondary);
}

}  // namespace
}  // namespace nunc
