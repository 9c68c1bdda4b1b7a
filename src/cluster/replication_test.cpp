#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "cluster/member.h"
#include "cluster/member_fixture.h"

namespace nunc {
namespace {

TEST(Replication, SoManyFramesWaitForTheirAnswer) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Forget();
  std::size_t frames = 0;
  for (std::size_t i = 0; i < kReplicatesInFlightMax + 1; ++i) {
    hand.Step(RecordsProposed{.count = 1});
    for (const SendRecords& send : hand.Take<SendRecords>()) {
      ++frames;
      hand.mutable_member().Sent({2}, send.last);
    }
  }
  EXPECT_EQ(frames, kReplicatesInFlightMax);
  hand.Hear(2, 2, Ack{.received = {3}, .durable = {3}, .stamp_us = hand.now_us()});
  EXPECT_EQ(hand.Take<SendRecords>().size(), 1U);
}

TEST(Replication, OnlyRecordsOfTheOwnTermAreCounted) {
  MemberHand hand(3, VotersUpTo(3), 4);
  hand.Link(2);
  hand.Hear(2, 2, Records({.term = {1}, .revision = {4}}, 2, "ab"));
  hand.Disk();
  hand.Pass(2'000'000);
  hand.Hear(2, 2, Alive{.election = {3}, .grant = true, .probe = true});
  hand.Disk();
  hand.Hear(2, 3, Alive{.election = {3}, .grant = true});
  hand.Disk();
  ASSERT_EQ(hand.member().role(), RoleName::kPrimary);
  hand.Hear(2, 3, Ack{.received = {6}, .durable = {6}, .stamp_us = hand.now_us()});
  EXPECT_EQ(hand.member().commit(), Revision{4});
  hand.Hear(2, 3, Ack{.received = {7}, .durable = {7}, .stamp_us = hand.now_us()});
  EXPECT_EQ(hand.member().commit(), Revision{7});
}

TEST(Replication, WhatDoesNotFollowIsAnsweredWithTheTermsOfTheLog) {
  MemberHand hand(1, VotersUpTo(3), 4);
  hand.Link(2);
  hand.Hear(2, 3, Records({.term = {2}, .revision = {6}}, 3, "a"));
  hand.Disk();
  const auto acks = hand.Sent<Ack>();
  ASSERT_FALSE(acks.empty());
  EXPECT_TRUE(acks[0].second.conflict);
  EXPECT_EQ(acks[0].second.terms, (std::vector<TermEnd>{{.term = {1}, .last = {4}}}));
  EXPECT_EQ(hand.member().last(), (Position{.term = {1}, .revision = {4}}));
}

TEST(Replication, WhatContradictsThePrimaryIsCut) {
  MemberHand hand(1, VotersUpTo(3), 4);
  hand.Link(2);
  hand.Link(3);
  hand.Hear(2, 2, Records({.term = {1}, .revision = {4}}, 2, "abc"));
  hand.Disk();
  hand.Hear(3, 3, Records({.term = {2}, .revision = {5}}, 3, "d"));
  const auto rewinds = hand.Take<RewindLog>();
  ASSERT_EQ(rewinds.size(), 1U);
  EXPECT_EQ(rewinds[0].last, Revision{5});
  EXPECT_EQ(hand.Take<AppendRecords>().back().first, Revision{6});
  EXPECT_EQ(hand.member().durable(), Revision{5});
  EXPECT_EQ(hand.member().last(), (Position{.term = {3}, .revision = {6}}));
}

TEST(Replication, AnOldFrameCutsNothing) {
  MemberHand hand(1, VotersUpTo(3), 4);
  hand.Link(2);
  hand.Hear(2, 2, Records({.term = {1}, .revision = {4}}, 2, "abc"));
  hand.Forget();
  hand.Hear(2, 2, Records({.term = {1}, .revision = {4}}, 2, "a"));
  EXPECT_TRUE(hand.Take<RewindLog>().empty());
  EXPECT_TRUE(hand.Take<AppendRecords>().empty());
  EXPECT_EQ(hand.member().last().revision, Revision{7});
}

TEST(Replication, ANodeWhoseFinalRecordsAreContradictedStops) {
  MemberHand hand(1, VotersUpTo(3), 4);
  hand.Link(2);
  hand.Hear(2, 3, Records({.term = {1}, .revision = {2}}, 3, "x"));
  EXPECT_EQ(hand.Take<StopNode>().size(), 1U);
  EXPECT_EQ(hand.member().last(), (Position{.term = {1}, .revision = {4}}));
}

TEST(Replication, CommitGoesNoFurtherThanWhatWasCompared) {
  MemberHand hand(1, VotersUpTo(3), 4);
  hand.Link(2);
  hand.Link(3);
  hand.Hear(2, 2, Records({.term = {1}, .revision = {4}}, 2, "abc"));
  Replicate ping{.previous = {.term = {1}, .revision = {4}}, .commit = {7}};
  hand.Hear(3, 3, ping);
  EXPECT_EQ(hand.member().commit(), Revision{4});
}

TEST(Replication, AnAckOfWhatWasNeverSentEndsTheLink) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.BecomePrimary(2);
  hand.Hear(2, 2, Ack{.received = {99}, .durable = {1}});
  EXPECT_EQ(hand.Take<CloseLink>().size(), 1U);
  hand.Hear(2, 2, Ack{.received = {1}, .durable = {2}});
  EXPECT_EQ(hand.Take<CloseLink>().size(), 1U);
  hand.Hear(2, 2, Ack{.received = {1}, .durable = {1}, .stamp_us = hand.now_us() + 1});
  EXPECT_EQ(hand.Take<CloseLink>().size(), 1U);
  EXPECT_EQ(hand.member().role(), RoleName::kPrimary);
}

TEST(Replication, RecordsOfATermThatHasNotBegunEndTheLink) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Hear(2, 3, Records({.term = {1}, .revision = {1}}, 4, "x"));
  EXPECT_EQ(hand.Take<CloseLink>().size(), 1U);
  EXPECT_EQ(hand.member().last().revision, Revision{1});
}

TEST(Replication, ThatANodeIsPrimaryIsConfirmedByAnswersToWhatItSentSince) {
  MemberHand hand(3, VotersUpTo(3));
  EXPECT_FALSE(hand.member().confirmed_us());
  hand.Link(2);
  hand.BecomePrimary(2);
  const std::int64_t won_us = hand.now_us();
  EXPECT_EQ(hand.member().confirmed_us(), won_us);  // it has answered the records of the term
  hand.Pass(10);
  hand.Forget();
  hand.Step(ConfirmAsked{});
  const auto pings = hand.Sent<Replicate>();
  ASSERT_EQ(pings.size(), 1U);
  EXPECT_EQ(pings.front().second.stamp_us, won_us + 10);
  hand.Pass(5);
  EXPECT_EQ(hand.member().confirmed_us(), won_us);
  hand.Hear(2, 2, Ack{.received = {2}, .durable = {2}, .stamp_us = won_us + 10});
  EXPECT_EQ(hand.member().confirmed_us(), won_us + 10);
}

TEST(Replication, AVoteConfirmsNothing) {
  MemberHand hand(3, VotersUpTo(3));
  hand.Link(2);
  hand.Link(1);
  hand.BecomePrimary(2);
  hand.Hear(2, 3, Victory{});
  EXPECT_FALSE(hand.member().confirmed_us());
}

}  // namespace
}  // namespace nunc
