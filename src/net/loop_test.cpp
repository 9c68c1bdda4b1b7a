#include "net/loop.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// From here on the kernel answers this thread as one that is older than the call.
bool ForgetEpollPwait2() {
  constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr);
  std::array<sock_filter, 4> rules{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{.len = rules.size(), .filter = rules.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void ExpectToWaitAndToWake() {
  Result<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop);
  const std::int64_t start_us = MonotonicUs();
  EXPECT_EQ(loop->Wait(1'500), 0U);
  EXPECT_GE(MonotonicUs() - start_us, 1'500);
  EXPECT_EQ(loop->Wait(0), 0U);
  loop->Wake();
  EXPECT_EQ(loop->Wait(60'000'000), 1U);
  loop->Dispatch();
  EXPECT_EQ(loop->Wait(0), 0U);
}

TEST(Loop, WaitsNoShorterThanToldAndCanBeWoken) {
  ExpectToWaitAndToWake();
}

TEST(Loop, PollsUntilTheTimeOrUntilSomethingIsReady) {
  Result<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop);
  const std::int64_t until_us = MonotonicUs() + 1'500;
  EXPECT_EQ(loop->Poll(until_us), 0U);
  EXPECT_GE(MonotonicUs(), until_us);
  loop->Wake();
  EXPECT_EQ(loop->Poll(0), 1U);  // looks once, however late it is
  loop->Dispatch();
  std::thread waker([&] { loop->Wake(); });
  EXPECT_EQ(loop->Poll(MonotonicUs() + 60'000'000), 1U);
  waker.join();
}

TEST(Loop, DoesTheSameOnAKernelWithoutEpollPwait2) {
  bool forgot = false;
  std::thread old_kernel([&] {
    forgot = ForgetEpollPwait2();
    epoll_event event{};
    EXPECT_EQ(epoll_pwait2(-1, &event, 1, nullptr, nullptr), -1);
    EXPECT_EQ(errno, ENOSYS);
    ExpectToWaitAndToWake();
  });
  old_kernel.join();
  EXPECT_TRUE(forgot);
}

}  // namespace
}  // namespace nunc
