#include "cluster/member.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "cluster/member_fixture.h"

namespace nunc {
namespace {

Hello HelloOf(std::uint64_t id) {
  return {.cluster = MemberHand::kCluster, .name = NameOf(id), .last = {}};
}

TEST(Member, NodesOfAnotherClusterAreRefused) {
  const MemberHand hand(1, VotersUpTo(3));
  Hello hello = HelloOf(2);
  EXPECT_EQ(hand.member().Admit(hello), std::nullopt);
  hello.cluster = {7, 8};
  EXPECT_EQ(hand.member().Admit(hello), Refusal::kOtherCluster);
  hello.cluster = {};
  EXPECT_EQ(hand.member().Admit(hello), std::nullopt);
}

TEST(Member, ItsOwnIdIsRefused) {
  const MemberHand hand(1, VotersUpTo(3));
  EXPECT_EQ(hand.member().Admit(HelloOf(1)), Refusal::kOwnId);
}

TEST(Member, ASecondNodeOfAConnectedIdIsRefused) {
  MemberHand hand(1, VotersUpTo(3));
  Hello other = HelloOf(2);
  other.name.incarnation = {77};
  EXPECT_EQ(hand.member().Admit(other), std::nullopt);
  hand.Link(2);
  EXPECT_EQ(hand.member().Admit(other), Refusal::kTwoOfOneId);
  EXPECT_EQ(hand.member().Admit(HelloOf(2)), std::nullopt);
  hand.Step(LinkDown{.peer = {2}});
  EXPECT_EQ(hand.member().Admit(other), std::nullopt);
}

TEST(Member, SoManyLinksAreAdmitted) {
  MemberHand hand(1, VotersUpTo(3));
  for (std::uint64_t i = 0; i < kPeerLinksMax; ++i) {
    ASSERT_EQ(hand.member().Admit(HelloOf(100 + i)), std::nullopt);
    hand.Link(100 + i);
  }
  EXPECT_EQ(hand.member().Admit(HelloOf(2)), Refusal::kTooManyLinks);
  EXPECT_EQ(hand.member().Admit(HelloOf(100)), std::nullopt);
}

TEST(Member, TheVoteOfANodeWhoseDiskWasReplacedDoesNotCount) {
  MemberHand hand(1, VotersUpTo(3));
  Hello other = HelloOf(3);
  other.name.incarnation = {77};
  hand.Step(LinkUp{.hello = other});
  hand.Pass(2'000'000);
  ASSERT_EQ(hand.member().role(), RoleName::kCandidate);
  const Alive grant{.election = {2}, .grant = true, .probe = true};
  hand.Hear(3, 1, grant);
  EXPECT_TRUE(hand.Take<StoreMeta>().empty());
  hand.Link(2);
  hand.Hear(2, 1, grant);
  EXPECT_EQ(hand.Take<StoreMeta>().size(), 1U);
}

TEST(Member, APrimaryWhoseDiskWasReplacedBeforeItJoinedIsFollowed) {
  // The record that let it in is what it is about to send.
  MemberHand hand(1, VotersUpTo(3));
  Hello other = HelloOf(3);
  other.name.incarnation = {77};
  hand.Step(LinkUp{.hello = other});
  hand.Hear(3, 5, Victory{.start = {3}});
  EXPECT_EQ(hand.member().primary(), NodeId{3});
}

TEST(Member, SoManyFramesWaitForTheMeta) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Hear(2, 5, Victory{.start = {2}});
  for (std::size_t i = 0; i < kHeldFramesMax + 1; ++i) {
    hand.Hear(2, 5, Replicate{.previous = {.term = {1}, .revision = {1}}});
  }
  EXPECT_TRUE(hand.Sent<Ack>().empty());
  hand.Disk();
  EXPECT_EQ(hand.Sent<Ack>().size(), kHeldFramesMax);
  hand.Hear(2, 5, Replicate{.previous = {.term = {1}, .revision = {1}}});
  EXPECT_EQ(hand.Sent<Ack>().size(), 1U);
}

TEST(Member, AFrameOfAnOlderTermIsAnsweredWithTheNewer) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Hear(2, 5, Victory{.start = {2}});
  hand.Disk();
  hand.Hear(2, 4, Replicate{.previous = {.term = {1}, .revision = {1}}});
  const auto sent = hand.Take<SendFrame>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].frame.term, Term{5});
  EXPECT_TRUE(std::holds_alternative<Ack>(sent[0].frame.message));
}

TEST(Member, ASyncOfRecordsThatWereCutSaysNothing) {
  MemberHand hand(1, VotersUpTo(3));
  hand.Link(2);
  hand.Hear(2, 2,
            Replicate{.previous = {.term = {1}, .revision = {1}},
                      .record_term = {2},
                      .count = 2,
                      .records = "ab"});
  hand.Step(LogDurable{.upto = {.term = {1}, .revision = {3}}});
  EXPECT_EQ(hand.member().durable(), Revision{1});
  hand.Step(LogDurable{.upto = {.term = {2}, .revision = {3}}});
  EXPECT_EQ(hand.member().durable(), Revision{3});
}

}  // namespace
}  // namespace nunc
