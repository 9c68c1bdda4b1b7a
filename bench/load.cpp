// The load generator of the benchmarks: one thread, one epoll loop, the same code path for Redis
// (RESP), Nunc (NQL over TCP and WebSocket) and NATS. bench/run starts the servers and calls it.
#include <iostream>
#include <string>

#include "connection.h"
#include "die.h"
#include "options.h"

namespace nunc::bench {

namespace {

std::string RunCommand(const Options& options) {
  if (options.target.dialect.Kind() == Wire::kNats && options.command != "fanout") {
    Die("NATS is measured with fanout alone");
  }
  if (options.command == "ops") return RunOps(options);
  if (options.command == "fill") return RunFill(options);
  if (options.command == "fanout") return RunFanout(options);
  if (options.command == "fairness") return RunFairness(options);
  if (options.command == "curve") return RunCurve(options);
  if (options.command == "idle-memory") return RunIdleMemory(options);
  if (options.command == "key-memory") return RunKeyMemory(options);
  if (options.command == "watch-memory") return RunWatchMemory(options);
  if (options.command == "slow-reader") return RunSlowReader(options);
  if (options.command == "resume") return RunResume(options);
  Die("commands: ops fill fanout fairness curve idle-memory key-memory watch-memory slow-reader "
      "resume");
}

}  // namespace

}  // namespace nunc::bench

int main(int argc, char** argv) {
  const nunc::bench::Options options = nunc::bench::ParseOptions(argc, argv);
  nunc::bench::RaiseFileLimit();
  nunc::bench::EnsureDatabase(options.target);
  std::cout << nunc::bench::RunCommand(options) << '\n';
  return 0;
}
