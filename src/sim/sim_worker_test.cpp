#include "sim/sim_worker.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

constexpr SimWorker::Delays kFixed{.before = {.first_us = 10, .last_us = 10},
                                   .duration = {.first_us = 100, .last_us = 100}};

constexpr SimWorker::Delays kWide{.before = {.first_us = 0, .last_us = 50},
                                  .duration = {.first_us = 100, .last_us = 200}};

class SimWorkerTest : public ::testing::Test {
 protected:
  // Notes the time of a job and of its `done`.
  void Submit(SimWorker& worker, const std::string& name) {
    worker.Submit([this, name] { Note(name); }, [this, name] { Note(name + "'"); });
  }
  void Note(const std::string& what) { log_ += what + std::to_string(schedule_.now_us()) + " "; }

  SimSchedule schedule_;
  std::string log_;
};

TEST_F(SimWorkerTest, JobsBeginAfterTheirDelayAndOneAfterAnother) {
  SimWorker worker(schedule_, kFixed, 1);
  Submit(worker, "a");
  Submit(worker, "b");
  EXPECT_EQ(worker.pending(), 2U);
  schedule_.RunUntil(109);
  EXPECT_EQ(worker.Collect(Wait::kNo), 0U);
  schedule_.RunUntil(110);
  EXPECT_EQ(worker.Collect(Wait::kNo), 1U);
  schedule_.RunUntil(500);
  EXPECT_EQ(worker.Collect(Wait::kNo), 1U);
  EXPECT_EQ(worker.Collect(Wait::kNo), 0U);
  EXPECT_EQ(log_, "a10 a'110 b120 b'500 ");
  EXPECT_EQ(worker.pending(), 0U);
}

TEST_F(SimWorkerTest, CollectForOneLetsTimePass) {
  SimWorker worker(schedule_, kFixed, 1);
  EXPECT_EQ(worker.Collect(Wait::kForOne), 0U);
  schedule_.At(50, [this] { Note("other"); });
  Submit(worker, "a");
  Submit(worker, "b");
  EXPECT_EQ(worker.Collect(Wait::kForOne), 1U);
  EXPECT_EQ(worker.Collect(Wait::kForOne), 1U);
  EXPECT_EQ(log_, "a10 other50 a'110 b120 b'220 ");
}

TEST_F(SimWorkerTest, ADoneMaySubmitAndCollect) {
  SimWorker worker(schedule_, kFixed, 1);
  worker.Submit([] {},
                [&] {
                  Submit(worker, "c");
                  EXPECT_EQ(worker.Collect(Wait::kForOne), 1U);
                });
  Submit(worker, "b");
  schedule_.RunUntil(1'000);
  EXPECT_EQ(worker.Collect(Wait::kNo), 1U);
  EXPECT_EQ(worker.Collect(Wait::kForOne), 1U);
  EXPECT_EQ(log_, "b120 b'1000 c1010 c'1110 ");
}

TEST_F(SimWorkerTest, TellsWhenThereIsSomethingToCollect) {
  SimWorker worker(schedule_, kFixed, 1);
  worker.OnFinished([&] {
    Note("ready");
    worker.Collect(Wait::kNo);
  });
  Submit(worker, "a");
  Submit(worker, "b");
  schedule_.RunUntil(1'000);
  EXPECT_EQ(log_, "a10 ready110 a'110 b120 ready220 b'220 ");
}

TEST_F(SimWorkerTest, AbandonDropsWhatHasNotBegunAndEveryDone) {
  SimWorker worker(schedule_, kFixed, 1);
  Submit(worker, "a");
  Submit(worker, "b");
  Submit(worker, "c");
  schedule_.RunUntil(150);
  worker.Abandon();
  EXPECT_EQ(worker.pending(), 0U);
  schedule_.RunUntil(1'000);
  EXPECT_EQ(worker.Collect(Wait::kForOne), 0U);
  EXPECT_EQ(log_, "a10 b120 ");
  Submit(worker, "d");
  EXPECT_EQ(worker.Collect(Wait::kForOne), 1U);
  EXPECT_EQ(log_, "a10 b120 d1010 d'1110 ");
}

TEST_F(SimWorkerTest, AJobMayAbandonItsWorker) {
  SimWorker worker(schedule_, kFixed, 1);
  worker.Submit([&] { worker.Abandon(); }, [this] { Note("done"); });
  Submit(worker, "b");
  schedule_.RunUntil(1'000);
  EXPECT_EQ(worker.Collect(Wait::kForOne), 0U);
  EXPECT_EQ(log_, "");
  EXPECT_EQ(schedule_.events(), 0U);
}

TEST_F(SimWorkerTest, AJobAndTheListenerMayDestroyTheWorker) {
  auto worker = std::make_unique<SimWorker>(schedule_, kFixed, 1);
  worker->Submit([&] { worker.reset(); }, [] {});
  schedule_.RunUntil(1'000);
  EXPECT_EQ(worker, nullptr);
  worker = std::make_unique<SimWorker>(schedule_, kFixed, 1);
  worker->OnFinished([&, owned = std::make_shared<int>(1)] {
    worker.reset();
    EXPECT_EQ(*owned, 1);
  });
  worker->Submit([] {}, [] {});
  schedule_.RunUntil(2'000);
  EXPECT_EQ(worker, nullptr);
}

TEST_F(SimWorkerTest, WhatAJobOwnsIsGoneBeforeItsDone) {
  SimWorker worker(schedule_, kFixed, 1);
  const auto owned = std::make_shared<int>(1);
  bool gone = false;
  worker.Submit([copy = owned] {}, [&] { gone = owned.use_count() == 1; });
  worker.Collect(Wait::kForOne);
  EXPECT_TRUE(gone);
}

TEST_F(SimWorkerTest, DelaysAreDrawnFromTheSeedWithinTheirBounds) {
  const auto times = [](std::uint64_t seed) {
    SimSchedule schedule;
    SimWorker worker(schedule, kWide, seed);
    std::vector<std::int64_t> all;
    for (int i = 0; i < 20; ++i) {
      const std::int64_t begin = schedule.now_us();
      worker.Submit([&] { all.push_back(schedule.now_us() - begin); }, [] {});
      worker.Collect(Wait::kForOne);
      all.push_back(schedule.now_us() - begin - all.back());
    }
    return all;
  };
  const std::vector<std::int64_t> first = times(1);
  EXPECT_EQ(first, times(1));
  EXPECT_NE(first, times(2));
  for (std::size_t i = 0; i < first.size(); i += 2) {
    EXPECT_TRUE(first[i] >= 0 && first[i] <= 50) << first[i];
    EXPECT_TRUE(first[i + 1] >= 100 && first[i + 1] <= 200) << first[i + 1];
  }
}

TEST_F(SimWorkerTest, ADiskMayBecomeSlow) {
  SimWorker worker(schedule_, kFixed, 1);
  worker.SetDelays(
      {.before = {.first_us = 0, .last_us = 0}, .duration = {.first_us = 9'000, .last_us = 9'000}});
  Submit(worker, "a");
  worker.Collect(Wait::kForOne);
  EXPECT_EQ(log_, "a0 a'9000 ");
}

}  // namespace
}  // namespace nunc
