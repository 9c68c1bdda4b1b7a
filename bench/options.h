// What the command line of the generator says.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

#include "connection.h"

namespace nunc::bench {

enum class Operation : unsigned char { kGet, kSet };

struct Options {
  std::string command;
  Target target{.dialect = Dialect(Wire::kResp)};
  pid_t pid = 0;  // the server, for its CPU time and memory
  Operation operation = Operation::kGet;
  std::uint32_t connections = 50;
  std::uint32_t pipeline = 16;
  std::uint32_t keys = 100'000;
  std::uint32_t value_bytes = 100;
  std::uint32_t watchers = 1'000;
  std::uint32_t in_flight = 1;
  std::uint32_t rate = 0;  // per second; 0 is as fast as the window allows
  std::uint32_t repeats = 50;
  std::uint32_t slow = 0;  // clients that stop reading
  std::uint32_t gap_us = 0;
  std::uint32_t duration_ms = 2'000;
  std::uint32_t warmup_ms = 500;
  std::uint32_t idle_ms = 5'000;  // how long watchers are quiet before memory is read
  std::string since;              // the token that a watch goes on with
  bool spin = false;              // never sleep while waiting for the server
  bool until_eof = false;         // the measuring ends when standard input does
  bool noise = false;             // values that do not compress
  bool own_keys = false;          // each idle watch is of a key of its own
};

Options ParseOptions(int argc, char** argv);

// The sub-commands; each returns its result as one line of JSON.
std::string RunOps(const Options& options);
std::string RunFill(const Options& options);
std::string RunFanout(const Options& options);
std::string RunFairness(const Options& options);
std::string RunCurve(const Options& options);
std::string RunIdleMemory(const Options& options);
std::string RunKeyMemory(const Options& options);
std::string RunWatchMemory(const Options& options);
std::string RunSlowReader(const Options& options);
std::string RunResume(const Options& options);

}  // namespace nunc::bench
