#include "clock.h"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <poll.h>
#include <string>

#include "die.h"

namespace nunc::bench {

namespace {

std::int64_t ReadClock(clockid_t id) {
  timespec now{};
  if (::clock_gettime(id, &now) != 0) DieErrno("clock_gettime");
  return std::int64_t{now.tv_sec} * kNsPerSecond + std::int64_t{now.tv_nsec};
}

}  // namespace

std::int64_t NowNs() {
  return ReadClock(CLOCK_MONOTONIC);
}

std::int64_t OwnCpuNs() {
  return ReadClock(CLOCK_PROCESS_CPUTIME_ID);
}

std::int64_t ProcessCpuNs(pid_t pid) {
  clockid_t id{};
  if (::clock_getcpuclockid(pid, &id) != 0) Die("the measured process is gone");
  return ReadClock(id);
}

std::int64_t ResidentBytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  std::string word;
  while (file >> word) {
    if (word != "Rss:") continue;
    std::int64_t kib = 0;
    file >> kib;
    return kib * 1024;
  }
  Die("no resident memory in smaps_rollup of the measured process");
}

std::int64_t SettledResidentBytes(pid_t pid) {
  constexpr int kStepMs = 100;
  constexpr int kStepsMax = 200;
  constexpr int kQuietSteps = 5;
  std::int64_t last = ResidentBytes(pid);
  int quiet = 0;
  for (int step = 0; step < kStepsMax && quiet < kQuietSteps; ++step) {
    ::poll(nullptr, 0, kStepMs);
    const std::int64_t now = ResidentBytes(pid);
    quiet = now == last ? quiet + 1 : 0;
    last = now;
  }
  return last;
}

}  // namespace nunc::bench
