#include <algorithm>

#include <gtest/gtest.h>

#include "cluster/member.h"
#include "cluster/member_fixture.h"

namespace nunc {
namespace {

class SyncTest : public testing::Test {
 protected:
  SyncTest() {
    primary_.Link(2);
    primary_.BecomePrimary(2);
    primary_.Link(1);
    primary_.Forget();
  }
  [[nodiscard]] const PeerProgress& Progress(std::uint64_t peer) const {
    return primary_.member().progress()->at(NameOf(peer));
  }

  MemberHand primary_{3, VotersUpTo(3)};
};

TEST_F(SyncTest, WhoAsksForAStateIsSentOne) {
  primary_.Hear(1, 2, RecoverRequest{.last = {.term = {1}, .revision = {9}}});
  const auto sends = primary_.Take<SendState>();
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_EQ(sends[0].peer, NodeId{1});
  EXPECT_TRUE(Progress(1).syncing);
  EXPECT_FALSE(Progress(2).syncing);
}

TEST_F(SyncTest, OnlyAPrimarySendsOneAndOnlyToAMember) {
  MemberHand secondary(1, VotersUpTo(3));
  secondary.Link(2);
  secondary.Hear(2, 1, RecoverRequest{});
  EXPECT_TRUE(secondary.Take<SendState>().empty());
  primary_.Step(LinkUp{.hello = {.cluster = MemberHand::kCluster, .name = NameOf(9), .last = {}}});
  primary_.Hear(9, 2, RecoverRequest{});
  EXPECT_TRUE(primary_.Take<SendState>().empty());
  primary_.Hear(1, 1, RecoverRequest{});
  EXPECT_TRUE(primary_.Take<SendState>().empty()) << "of a term that is over";
}

TEST_F(SyncTest, MeanwhileItGetsPingsAloneAndItsConflictsChangeNothing) {
  primary_.Hear(1, 2, Ack{.stamp_us = primary_.now_us(), .conflict = true});
  ASSERT_EQ(primary_.Take<SendRecords>().size(), 1U);
  primary_.mutable_member().SetSyncing({1}, true);
  const Revision next = Progress(1).next;
  for (int i = 0; i < 20; ++i) {
    primary_.Forget();
    primary_.Step(RecordsProposed{.count = 1});
    for (const SendRecords& send : primary_.Take<SendRecords>()) {
      EXPECT_EQ(send.peer, NodeId{2});
      primary_.mutable_member().Sent({2}, send.last);
    }
    primary_.Pass(100'000);
    const auto pings = primary_.Sent<Replicate>();
    EXPECT_TRUE(std::ranges::any_of(pings, [](const auto& ping) { return ping.first == 1; }));
    // It alone answers: that is a majority, and the primary stays one.
    primary_.Hear(1, 2, Ack{.stamp_us = primary_.now_us(), .conflict = true});
    EXPECT_EQ(Progress(1).next, next);
  }
  EXPECT_EQ(primary_.member().role(), RoleName::kPrimary);
  EXPECT_LT(primary_.member().commit(), primary_.member().last().revision);
}

TEST_F(SyncTest, AfterwardsItGetsRecordsAgain) {
  primary_.mutable_member().SetSyncing({1}, true);
  primary_.Hear(1, 2, Ack{.stamp_us = primary_.now_us(), .conflict = true});
  primary_.Step(TimePassed{});
  EXPECT_TRUE(primary_.Take<SendRecords>().empty());
  primary_.mutable_member().SetSyncing({1}, false);
  primary_.Pass(1'000);
  primary_.Hear(1, 2, Ack{.stamp_us = primary_.now_us(), .conflict = true});
  const auto sends = primary_.Take<SendRecords>();
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_EQ(sends[0].peer, NodeId{1});
}

TEST_F(SyncTest, ANewLinkEndsIt) {
  primary_.mutable_member().SetSyncing({1}, true);
  primary_.Step(LinkDown{.peer = {1}});
  primary_.Link(1);
  EXPECT_FALSE(Progress(1).syncing);
}

TEST(Sync, WhoCannotTakeItsRecordsBackAsksForAState) {
  for (const std::uint64_t floor : {5U, 6U}) {
    MemberHand hand(1, VotersUpTo(3), 4);
    hand.Link(2);
    hand.Link(3);
    hand.Hear(2, 2, Records({.term = {1}, .revision = {4}}, 2, "abc"));
    hand.Disk();
    hand.Forget();
    hand.Hear(3, 3, Records({.term = {2}, .revision = {5}}, 3, "d"), {floor});
    hand.Disk();
    const bool asks = floor == 6;
    EXPECT_EQ(hand.Take<RewindLog>().size(), asks ? 0U : 1U);
    EXPECT_EQ(hand.Take<AppendRecords>().size(), asks ? 0U : 1U);
    const auto recovers = hand.Sent<RecoverRequest>();
    ASSERT_EQ(recovers.size(), asks ? 1U : 0U);
    if (asks) {
      EXPECT_EQ(recovers[0].first, 3U);
      EXPECT_EQ(recovers[0].second.last, (Position{.term = {2}, .revision = {7}}));
      EXPECT_EQ(hand.member().last(), (Position{.term = {2}, .revision = {7}})) << "it stays";
      EXPECT_EQ(hand.member().durable(), Revision{7});
    }
  }
}

}  // namespace
}  // namespace nunc
