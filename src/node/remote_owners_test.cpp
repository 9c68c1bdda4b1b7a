#include "node/remote_owners.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace nunc {
namespace {

constexpr NodeId kOther{2};

class RemoteOwnersTest : public testing::Test {
 protected:
  std::vector<std::uint64_t> ended_;
  std::optional<std::set<std::uint64_t>> kept_;
  RemoteOwners owners_{[this](const Input& input) {
    if (const auto* ended = std::get_if<OwnerEnded>(&input)) {
      ended_.push_back(ended->owner);
    } else {
      kept_ = *std::get<OwnersElsewhere>(input).owners;
    }
  }};
};

TEST_F(RemoteOwnersTest, WhoIsNotNamedAnyMoreIsGone) {
  owners_.Name(kOther, {.all = true, .owners = {1, 2, 3}});
  owners_.Note(kOther, 4);
  owners_.Name(kOther, {.owners = {2, 9}});
  EXPECT_EQ(ended_, (std::vector<std::uint64_t>{2}));  // 9 was never one of its own
  owners_.Name(kOther, {.all = true, .owners = {3}});
  EXPECT_EQ(ended_, (std::vector<std::uint64_t>{2, 1, 4}));
}

TEST_F(RemoteOwnersTest, ANewPrimaryKeepsWhatHasBeenNamedInTime) {
  owners_.Begin(100);
  owners_.Name(kOther, {.all = true, .owners = {1}});
  owners_.Work(100 + kOwnersAwaitUs - 1);
  EXPECT_FALSE(kept_);
  EXPECT_EQ(owners_.next_us(), 100 + kOwnersAwaitUs);
  owners_.Work(100 + kOwnersAwaitUs);
  EXPECT_EQ(kept_, (std::set<std::uint64_t>{1}));
}

TEST_F(RemoteOwnersTest, EachNodeHasATimeOfItsOwnToComeBack) {
  owners_.Name(kOther, {.all = true, .owners = {1}});
  owners_.Name(NodeId{3}, {.all = true, .owners = {2}});
  owners_.OnLinkDown(kOther, 0);
  owners_.OnLinkDown(NodeId{3}, 50);
  owners_.OnLinkDown(NodeId{7}, 50);
  owners_.Name(NodeId{3}, {.all = true, .owners = {2}});
  owners_.Work(kOwnersAwaitUs);
  EXPECT_EQ(ended_, (std::vector<std::uint64_t>{1}));
  owners_.Work(10 * kOwnersAwaitUs);
  EXPECT_EQ(ended_.size(), 1U);
}

TEST_F(RemoteOwnersTest, SoManyAreKnownOfANode) {
  for (std::uint64_t owner = 1; owner <= kOwnersPerNodeMax + 1; ++owner) {
    owners_.Note(kOther, owner);
  }
  owners_.Name(kOther, {.all = true});
  EXPECT_EQ(ended_.size(), kOwnersPerNodeMax);
}

}  // namespace
}  // namespace nunc
