// Time and what the kernel says about the measured process.
//
// Units:   nanoseconds; bytes.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace nunc::bench {

inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::int64_t kNsPerMs = 1'000'000;
inline constexpr std::int64_t kNsPerUs = 1'000;

std::int64_t NowNs();

// CPU time of all threads of a process so far: exact, where /proc/PID/stat counts 10 ms ticks.
std::int64_t ProcessCpuNs(pid_t pid);
std::int64_t OwnCpuNs();

// Resident memory from /proc/PID/smaps_rollup, which is exact; VmRSS may lag by some pages.
std::int64_t ResidentBytes(pid_t pid);

// Waits until the resident memory of `pid` has stood still for half a second, 20 seconds at most
// (a table that is resized step by step holds two copies meanwhile).
std::int64_t SettledResidentBytes(pid_t pid);

}  // namespace nunc::bench
