#include "node/full_sync_receiver.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "node/full_sync_file.h"
#include "sim/schedule.h"
#include "sim/sim_device.h"
#include "sim/sim_disk.h"
#include "sim/sim_worker.h"

namespace nunc {
namespace {

class FullSyncReceiverTest : public testing::Test {
 protected:
  static constexpr NodeId kPrimary{3};
  static constexpr Term kTerm{7};
  using Part = FullSync::Part;

  std::string_view Take(Part part, std::uint64_t at, std::string_view bytes = {}) {
    return receiver_.Take(kPrimary, kTerm, {.part = part, .at = at, .bytes = bytes}, 0);
  }
  void Work() {
    schedule_.RunUntil(schedule_.now_us() + 1'000);
    worker_.Collect(Wait::kNo);
  }

  SimSchedule schedule_;
  SimDevice device_;
  SimDisk disk_{device_, "data"};
  SimWorker worker_{schedule_, {}, 1};
  std::vector<std::uint64_t> answers_;
  FullSyncReceiver receiver_{
      {.data = disk_, .bulk = worker_, .send = [this](NodeId to, const FullSyncAck& ack) {
         EXPECT_EQ(to, kPrimary);
         answers_.push_back(ack.bytes);
       }}};
};

TEST_F(FullSyncReceiverTest, WhatComesIsAFileOnTheMedium) {
  EXPECT_EQ(Take(Part::kBegin, 1'000), "");
  EXPECT_EQ(Take(Part::kBytes, 0, "what "), "");
  EXPECT_TRUE(answers_.empty()) << "not before it is written";
  Work();
  EXPECT_EQ(answers_, (std::vector<std::uint64_t>{5}));
  EXPECT_EQ(Take(Part::kBytes, 5, "comes"), "");
  EXPECT_EQ(receiver_.progress()->bytes, 10U);
  EXPECT_EQ(receiver_.progress()->about, 1'000U);
  EXPECT_EQ(Take(Part::kEnd, 10), "");
  EXPECT_FALSE(receiver_.finished());
  Work();
  EXPECT_TRUE(receiver_.finished());
  EXPECT_EQ(answers_, (std::vector<std::uint64_t>{5, 10}));
  EXPECT_EQ(disk_.DurableContent(kFullSyncName), "what comes");
  EXPECT_FALSE(disk_.Has(kFullSyncPartName));
}

TEST_F(FullSyncReceiverTest, SoMuchMayWaitForItsPlace) {
  EXPECT_EQ(Take(Part::kBegin, 0), "");
  EXPECT_EQ(Take(Part::kBytes, 0, std::string(kFullSyncWindowBytes, 'x')), "");
  EXPECT_NE(Take(Part::kBytes, kFullSyncWindowBytes, "y"), "") << "not one byte more";
  Work();
  EXPECT_EQ(Take(Part::kBytes, kFullSyncWindowBytes, "y"), "");
}

TEST_F(FullSyncReceiverTest, PiecesThatDoNotFollowEndTheLink) {
  EXPECT_EQ(Take(Part::kBytes, 0, "of nothing"), "") << "of one that was given up here";
  EXPECT_EQ(Take(Part::kEnd, 0), "");
  EXPECT_EQ(Take(Part::kBegin, 0), "");
  EXPECT_NE(Take(Part::kBytes, 1, "x"), "");
  EXPECT_EQ(Take(Part::kBytes, 0, "x"), "");
  EXPECT_NE(Take(Part::kBytes, 0, "x"), "");
  EXPECT_NE(Take(Part::kEnd, 2), "");
}

TEST_F(FullSyncReceiverTest, OneThatBeginsAnewBeginsAtItsStart) {
  EXPECT_EQ(Take(Part::kBegin, 0), "");
  EXPECT_EQ(Take(Part::kBytes, 0, "the first one, longer"), "");
  EXPECT_EQ(Take(Part::kBegin, 0), "");
  EXPECT_EQ(Take(Part::kBytes, 0, "second"), "");
  EXPECT_EQ(Take(Part::kEnd, 6), "");
  Work();
  EXPECT_TRUE(receiver_.finished());
  EXPECT_EQ(disk_.DurableContent(kFullSyncName), "second");
}

// Also when all of it is there already, but for its name.
TEST_F(FullSyncReceiverTest, OfAnotherPrimaryOrTermNothingStays) {
  for (const bool whole : {false, true}) {
    for (const auto& [primary, term] : {std::pair<std::optional<NodeId>, Term>{kPrimary, Term{8}},
                                        {NodeId{2}, kTerm},
                                        {std::nullopt, kTerm}}) {
      EXPECT_EQ(Take(Part::kBegin, 0), "");
      EXPECT_EQ(Take(Part::kBytes, 0, "x"), "");
      if (whole) {
        EXPECT_EQ(Take(Part::kEnd, 1), "");
      }
      receiver_.Follow(kPrimary, kTerm);
      EXPECT_TRUE(receiver_.progress().has_value());
      receiver_.Follow(primary, term);
      EXPECT_FALSE(receiver_.progress().has_value());
      Work();
      EXPECT_FALSE(receiver_.finished());
      EXPECT_TRUE(disk_.Names().empty());
    }
  }
}

TEST_F(FullSyncReceiverTest, ALinkThatIsLostEndsItUntilAllOfItIsHere) {
  EXPECT_EQ(Take(Part::kBegin, 0), "");
  receiver_.Forget(NodeId{2});
  EXPECT_TRUE(receiver_.progress().has_value());
  receiver_.Forget(kPrimary);
  EXPECT_FALSE(receiver_.progress().has_value());
  Work();
  EXPECT_TRUE(disk_.Names().empty());
  EXPECT_EQ(Take(Part::kBegin, 0), "");
  EXPECT_EQ(Take(Part::kBytes, 0, "x"), "");
  EXPECT_EQ(Take(Part::kEnd, 1), "");
  receiver_.Forget(kPrimary);
  Work();
  EXPECT_TRUE(receiver_.finished());
}

// No answer comes any more, and the folder has no part of it.
TEST_F(FullSyncReceiverTest, ADiskThatFailsEndsItQuietly) {
  for (const Fault fault : {Fault::kNoSpace, Fault::kIo}) {
    for (std::uint64_t call = 1; call <= 5; ++call) {
      answers_.clear();
      EXPECT_EQ(Take(Part::kBegin, 0), "");
      EXPECT_EQ(Take(Part::kBytes, 0, "x"), "");
      EXPECT_EQ(Take(Part::kEnd, 1), "");
      device_.FailCall(call, fault);
      Work();
      Work();
      EXPECT_FALSE(receiver_.finished()) << call;
      EXPECT_FALSE(receiver_.progress().has_value()) << call;
      EXPECT_TRUE(disk_.Names().empty()) << call;
      EXPECT_EQ(answers_.size(), call > 2 ? 1U : 0U) << call;
      EXPECT_EQ(Take(Part::kBytes, 1, "y"), "") << "what was on its way";
    }
  }
}

}  // namespace
}  // namespace nunc
