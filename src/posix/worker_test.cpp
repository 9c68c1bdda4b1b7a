#include "posix/worker.h"

#include <algorithm>
#include <array>
#include <latch>
#include <memory>
#include <poll.h>
#include <pthread.h>
#include <semaphore>
#include <signal.h>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

using Priority = PosixWorker::Priority;

constexpr int kDeadlineMs = 10'000;

std::unique_ptr<PosixWorker> MustStart(Priority priority = Priority::kNormal) {
  Result<std::unique_ptr<PosixWorker>> worker = PosixWorker::Start("nunc-test", priority);
  EXPECT_TRUE(worker) << worker.error().detail;
  return worker ? std::move(*worker) : nullptr;
}

bool IsReadable(const PosixWorker& worker, int timeout_ms) {
  pollfd waiting{.fd = worker.fd(), .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, timeout_ms) == 1;
}

std::size_t CollectAll(PosixWorker& worker, std::size_t count) {
  std::size_t collected = 0;
  while (collected < count) {
    collected += worker.Collect(Wait::kForOne);
  }
  return collected;
}

TEST(PosixWorker, RunsJobsAndTheirDoneInOrder) {
  const auto worker = MustStart();
  constexpr int kJobs = 2'000;
  std::vector<int> jobs;
  std::vector<int> dones;
  std::vector<int> expected;
  for (int i = 0; i < kJobs; ++i) {
    expected.push_back(i);
    worker->Submit([&jobs, i] { jobs.push_back(i); }, [&dones, i] { dones.push_back(i); });
  }
  EXPECT_EQ(CollectAll(*worker, kJobs), std::size_t{kJobs});
  EXPECT_EQ(jobs, expected);
  EXPECT_EQ(dones, expected);
}

TEST(PosixWorker, RunsJobsElsewhereAndDonesHere) {
  const auto worker = MustStart();
  std::thread::id job;
  std::thread::id done;
  worker->Submit([&] { job = std::this_thread::get_id(); },
                 [&] { done = std::this_thread::get_id(); });
  ASSERT_EQ(worker->Collect(Wait::kForOne), 1U);
  EXPECT_NE(job, std::this_thread::get_id());
  EXPECT_EQ(done, std::this_thread::get_id());
}

TEST(PosixWorker, CollectWaitsForNothingWhenNothingWasSubmitted) {
  const auto worker = MustStart();
  EXPECT_EQ(worker->Collect(Wait::kForOne), 0U);
  worker->Submit([] {}, [] {});
  EXPECT_EQ(worker->Collect(Wait::kForOne), 1U);
  EXPECT_EQ(worker->Collect(Wait::kForOne), 0U);
}

TEST(PosixWorker, CollectForOneWaitsForTheJobUnderWay) {
  const auto worker = MustStart();
  std::binary_semaphore go(0);
  bool ran = false;
  bool done = false;
  worker->Submit(
      [&] {
        go.acquire();
        ran = true;
      },
      [&] { done = true; });
  EXPECT_EQ(worker->Collect(Wait::kNo), 0U);
  EXPECT_FALSE(done);
  go.release();
  EXPECT_EQ(worker->Collect(Wait::kForOne), 1U);
  EXPECT_TRUE(ran);
  EXPECT_TRUE(done);
}

TEST(PosixWorker, ItsDescriptorIsReadableFromAFinishedJobUntilCollect) {
  const auto worker = MustStart();
  EXPECT_FALSE(IsReadable(*worker, 0));
  for (int round = 0; round < 100; ++round) {
    worker->Submit([] {}, [] {});
    ASSERT_TRUE(IsReadable(*worker, kDeadlineMs)) << round;
    ASSERT_EQ(worker->Collect(Wait::kNo), 1U) << round;
    ASSERT_FALSE(IsReadable(*worker, 0)) << round;
  }
}

TEST(PosixWorker, ADoneMaySubmitAndCollect) {
  const auto worker = MustStart();
  std::string order;
  std::latch both(1);
  worker->Submit([] {},
                 [&] {
                   order += "a";
                   worker->Submit([] {}, [&] { order += "c"; });
                   // The done of the second job comes before the one just submitted.
                   EXPECT_GE(worker->Collect(Wait::kForOne), 1U);
                 });
  worker->Submit([&] { both.count_down(); }, [&] { order += "b"; });
  both.wait();
  while (order.size() < 3) {
    worker->Collect(Wait::kForOne);
  }
  EXPECT_EQ(order, "abc");
}

TEST(PosixWorker, WhatAJobOwnsIsGoneBeforeItCountsAsFinished) {
  const auto worker = MustStart();
  std::latch gone(1);
  bool finished_before = true;
  std::shared_ptr<void> owned(nullptr, [&](void*) {
    finished_before = IsReadable(*worker, 0);
    gone.count_down();
  });
  worker->Submit([kept = std::move(owned)] { static_cast<void>(kept); }, [] {});
  gone.wait();
  EXPECT_FALSE(finished_before);
  EXPECT_EQ(worker->Collect(Wait::kForOne), 1U);
}

TEST(PosixWorker, DestroyingItWaitsForTheRunningJobAndDropsTheRest) {
  auto worker = MustStart();
  std::latch begun(1);
  std::latch dropped(1);
  bool first = false;
  bool second = false;
  bool any_done = false;
  // Its deleter runs when the second job is dropped.
  std::shared_ptr<void> owned(nullptr, [&](void*) { dropped.count_down(); });
  worker->Submit(
      [&] {
        begun.count_down();
        dropped.wait();
        first = true;
      },
      [&] { any_done = true; });
  worker->Submit([&, kept = std::move(owned)] { second = kept.use_count() > 0; },
                 [&] { any_done = true; });
  begun.wait();
  worker.reset();
  EXPECT_TRUE(first);
  EXPECT_FALSE(second);
  EXPECT_FALSE(any_done);
}

TEST(PosixWorker, TakesNoSignals) {
  const auto worker = MustStart();
  sigset_t there;
  sigemptyset(&there);
  worker->Submit([&] { pthread_sigmask(SIG_BLOCK, nullptr, &there); }, [] {});
  worker->Collect(Wait::kForOne);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGALRM, SIGXFSZ}) {
    EXPECT_EQ(sigismember(&there, signal), 1) << signal;
  }
  sigset_t here;
  sigemptyset(&here);
  pthread_sigmask(SIG_BLOCK, nullptr, &here);
  EXPECT_EQ(sigismember(&here, SIGTERM), 0);
}

TEST(PosixWorker, LowPriorityIsForItsOwnThreadAlone) {
  const auto normal = MustStart();
  const auto low = MustStart(Priority::kLow);
  const int ours = getpriority(PRIO_PROCESS, 0);
  int of_normal = -100;
  int of_low = -100;
  normal->Submit([&] { of_normal = getpriority(PRIO_PROCESS, 0); }, [] {});
  low->Submit([&] { of_low = getpriority(PRIO_PROCESS, 0); }, [] {});
  normal->Collect(Wait::kForOne);
  low->Collect(Wait::kForOne);
  EXPECT_EQ(of_normal, ours);
  EXPECT_EQ(of_low, std::max(ours, 10));
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), ours);
}

TEST(PosixWorker, ItsThreadHasTheBeginningOfItsName) {
  const auto worker = PosixWorker::Start("a-name-longer-than-allowed", Priority::kNormal);
  ASSERT_TRUE(worker);
  std::array<char, 32> name{};
  (*worker)->Submit([&] { pthread_getname_np(pthread_self(), name.data(), name.size()); }, [] {});
  (*worker)->Collect(Wait::kForOne);
  EXPECT_STREQ(name.data(), "a-name-longer-t");
}

TEST(PosixWorker, WithoutDescriptorsItSaysSo) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto worker = PosixWorker::Start("x", Priority::kNormal);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().fault, Fault::kUnavailable);
  EXPECT_EQ(worker.error().detail, "cannot make the worker x: Too many open files");
}

}  // namespace
}  // namespace nunc
