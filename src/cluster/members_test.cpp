#include "cluster/members.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

MemberInfo Voter(std::uint64_t id, std::uint32_t priority) {
  return {.name = {.id = {id}, .incarnation = {id * 10}},
          .priority = {priority},
          .standing = Standing::kVoter,
          .address = "host:" + std::to_string(id)};
}

const Members kThree{.timing = {}, .list = {Voter(1, 1), Voter(2, 2), Voter(3, 2)}};

TEST(Members, AreDecodedAsTheyWereEncoded) {
  Members members = kThree;
  members.timing.takeover = false;
  members.list[0].standing = Standing::kJoining;
  members.list[1].address.clear();
  const auto decoded = DecodeMembers(EncodeMembers(members));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().detail;
  EXPECT_EQ(*decoded, members);
}

TEST(Members, WithAnyByteChangedAreRefusedOrOthersOfTheSameBytes) {
  const std::string whole = EncodeMembers(kThree);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(value);
      const auto decoded = DecodeMembers(bytes);
      if (decoded) {
        EXPECT_EQ(EncodeMembers(*decoded), bytes);
      } else {
        EXPECT_EQ(decoded.error().fault, Fault::kDamaged);
      }
    }
  }
}

TEST(Members, CutShortAnywhereAreRefused) {
  const std::string whole = EncodeMembers(kThree);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(DecodeMembers(std::string_view(whole).substr(0, length)).has_value());
  }
  EXPECT_FALSE(DecodeMembers(whole + "x").has_value());
}

TEST(Members, AreRankedByPriorityThenId) {
  EXPECT_EQ(kThree.Rank(kThree.list[2], {}), 0);
  EXPECT_EQ(kThree.Rank(kThree.list[1], {}), 1);
  EXPECT_EQ(kThree.Rank(kThree.list[0], {}), 2);
  EXPECT_EQ(kThree.Rank(kThree.list[0], {3}), 1);
}

TEST(Members, MoreThanHalfOfTheVotersDecide) {
  EXPECT_EQ(kThree.Majority(), 2U);
  Members four = WithMember(kThree, Voter(4, 1));
  EXPECT_EQ(four.Majority(), 3U);
  four.list[3].standing = Standing::kLearner;
  EXPECT_EQ(four.Majority(), 2U);
}

TEST(Members, OneOfTheSameIdReplacesTheOther) {
  MemberInfo other = Voter(2, 2);
  other.name.incarnation = {77};
  const Members changed = WithMember(kThree, other);
  ASSERT_EQ(changed.list.size(), 3U);
  EXPECT_EQ(changed.Find(NodeId{2})->name, other.name);
  EXPECT_EQ(changed.Find(kThree.list[1].name), nullptr);
  EXPECT_EQ(WithoutMember(changed, kThree.list[1].name), changed);
  EXPECT_EQ(WithoutMember(changed, other.name).list.size(), 2U);
}

TEST(Members, AreAtMostSoMany) {
  Members members;
  for (std::uint64_t id = 1; id <= kMembersMax; ++id) {
    members = WithMember(members, Voter(id, 1));
  }
  EXPECT_TRUE(CheckMembers(members).has_value());
  members = WithMember(members, Voter(kMembersMax + 1, 1));
  const auto refused = CheckMembers(members);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().detail, "a cluster has at most 16 members");
}

TEST(Members, OneOfThemCanBePrimary) {
  EXPECT_FALSE(CheckMembers({}).has_value());
  EXPECT_FALSE(CheckMembers({.timing = {}, .list = {Voter(1, 0)}}).has_value());
  Members learner{.timing = {}, .list = {Voter(1, 1)}};
  learner.list[0].standing = Standing::kJoining;
  EXPECT_FALSE(CheckMembers(learner).has_value());
}

TEST(Members, HaveIdsThatAscendAndShortAddresses) {
  EXPECT_FALSE(CheckMembers({.timing = {}, .list = {Voter(0, 1)}}).has_value());
  EXPECT_FALSE(CheckMembers({.timing = {}, .list = {Voter(2, 1), Voter(2, 1)}}).has_value());
  Members members = kThree;
  members.list[0].address.assign(kPeerAddressBytesMax, 'a');
  EXPECT_TRUE(CheckMembers(members).has_value());
  members.list[0].address += 'a';
  EXPECT_FALSE(CheckMembers(members).has_value());
}

Members WithArbiterNode() {
  Members members = kThree;
  members.list[0].arbiter_node = true;
  members.list[0].priority = {};
  return members;
}

TEST(Members, WithAnArbiterNodeAreDecodedAsTheyWereEncoded) {
  for (const Standing standing : {Standing::kJoining, Standing::kVoter}) {
    Members members = WithArbiterNode();
    members.list[0].standing = standing;
    const auto decoded = DecodeMembers(EncodeMembers(members));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().detail;
    EXPECT_EQ(*decoded, members);
  }
}

TEST(Members, AnArbiterNodeIsOneOfThreeThatVote) {
  EXPECT_TRUE(CheckMembers(WithArbiterNode()).has_value());
  EXPECT_EQ(WithArbiterNode().Majority(), 2U);
  EXPECT_EQ(WithArbiterNode().VotersWithLog(), 2U);
  EXPECT_EQ(WithArbiterNode().ArbiterNode()->name.id, NodeId{1});
  EXPECT_EQ(kThree.ArbiterNode(), nullptr);
  const Members four = WithMember(WithArbiterNode(), Voter(4, 1));
  EXPECT_FALSE(DecodeMembers(EncodeMembers(four)).has_value());
  const auto refused = [](auto change) {
    Members members = WithArbiterNode();
    change(members);
    return !CheckMembers(members).has_value();
  };
  EXPECT_TRUE(refused([](Members& all) { all = WithMember(all, Voter(4, 1)); }));
  EXPECT_TRUE(refused([](Members& all) { all.list.pop_back(); }));
  EXPECT_TRUE(refused([](Members& all) { all.list[0].priority = {1}; }));
  EXPECT_TRUE(refused([](Members& all) { all.list[0].standing = Standing::kLearner; }));
  EXPECT_TRUE(refused([](Members& all) { all.list[1].standing = Standing::kLearner; }));
  EXPECT_TRUE(refused([](Members& all) {
    all.list[1].arbiter_node = true;
    all.list[1].priority = {};
  }));
  EXPECT_FALSE(refused([](Members& all) { all.list[1].standing = Standing::kJoining; }));
  EXPECT_TRUE(refused([](Members& all) {
    all.list[0].standing = Standing::kJoining;
    all.list[1].standing = Standing::kJoining;
  }));
}

TEST(Timing, ThreePingsFitALeaseThatEndsBeforeAnElection) {
  EXPECT_TRUE(CheckTiming({}).has_value());
  EXPECT_FALSE(CheckTiming({.ping_us = 300'000, .lease_us = 900'000}).has_value());
  EXPECT_TRUE(CheckTiming({.ping_us = 299'999, .lease_us = 900'000}).has_value());
  EXPECT_FALSE(CheckTiming({.lease_us = 1'000'000}).has_value());
  EXPECT_TRUE(CheckTiming({.lease_us = 999'999}).has_value());
  EXPECT_FALSE(CheckTiming({.rank_delay_us = 0}).has_value());
  EXPECT_TRUE(CheckTiming({.takeover_after_us = kElectionTimingUsMax}).has_value());
  EXPECT_FALSE(CheckTiming({.takeover_after_us = kElectionTimingUsMax + 1}).has_value());
}

}  // namespace
}  // namespace nunc
