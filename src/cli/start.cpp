#include "cli/start.h"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <iostream>
#include <memory>
#include <string>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cli/find_cluster.h"
#include "cli/stop_signals.h"
#include "server/config.h"
#include "server/server.h"

namespace nunc {

namespace {

// Scripts and tests read these lines; docs/operations.md promises their form.
void Announce(const Config& config, const Addresses& addresses) {
  std::cout << "nunc ws " << addresses.ws << "\nnunc http " << addresses.http << "\nnunc tcp "
            << addresses.tcp << '\n';
  if (!addresses.peers.empty()) {
    std::cout << "nunc peers " << addresses.peers << '\n';
  }
  if (config.demo) {
    std::cout << "nunc demo http://" << addresses.http << "/demo\n";
  }
  if (config.memory) {
    std::cout << "nunc data in memory (a restart forgets)\n";
  } else {
    std::cout << "nunc data " << config.data_dir << '\n';
  }
  std::cout << "nunc ready, stop with Ctrl-C" << std::endl;
}

// Shells hand out 1024 descriptors, for programs that still use select(); this one does not.
void RaiseFileLimit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
      LogWarn("the limit of open files stays as it was");
    }
  }
}

// The system doubles the table of descriptors when it is full, and a process of several threads
// waits 10 ms and more for that: the loop would, in the middle of accepting connections.
void MakeRoomForDescriptors(std::size_t connections) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < 1) {
    return;
  }
  const auto last = static_cast<int>(std::min<rlim_t>(files.rlim_cur - 1, connections));
  const int any = eventfd(0, EFD_CLOEXEC);
  const int at_end = fcntl(any, F_DUPFD_CLOEXEC, last);
  if (at_end < 0) {
    LogWarn("the table of open files grows as connections come");
  }
  close(at_end);
  close(any);
}

// On a terminal, where somebody waits.
void ShowLoading(const RecoveryProgress& progress) {
  if (isatty(STDERR_FILENO) == 1 && progress.all_bytes > 0) {
    std::cerr << "loading " << progress.what << ": "
              << 100 * progress.done_bytes / progress.all_bytes << " %\n";
  }
}

ExitCode CodeOf(Fault fault) {
  switch (fault) {
    case Fault::kUnavailable:
      return ExitCode::kCannotBind;
    case Fault::kDamaged:
    case Fault::kInvalid:
      return ExitCode::kDamaged;
    default:
      return ExitCode::kFault;
  }
}

ExitCode Complain(ExitCode code, const Error& error) {
  std::cerr << "nunc: " << error.detail << '\n';
  return code;
}

// Where it was before, also where the system had chosen.
Config AtSameAddresses(Config config, const Addresses& addresses) {
  config.ws = *ParseHostPort(addresses.ws);
  config.http = *ParseHostPort(addresses.http);
  config.tcp = *ParseHostPort(addresses.tcp);
  config.cluster.listen = addresses.peers;
  return config;
}

// Where the nodes are that it is to join; false: it was told to stop first.
Result<bool> LookForCluster(Config& config) {
  const Result<Descriptor> stop = StopSignals();
  if (!stop) {
    return tl::unexpected(stop.error());
  }
  Result<std::vector<std::string>> found =
      FindCluster(config.cluster.replicate, stop->fd(), [](std::string_view why) { LogWarn(why); });
  if (!found) {
    return false;
  }
  config.cluster.join = *std::move(found);
  return true;
}

}  // namespace

ExitCode Start(const StartArguments& arguments) {
  Result<Config> config = LoadConfig(arguments.flags, ProcessEnvironment);
  if (!config) {
    return Complain(ExitCode::kUsage, config.error());
  }
  SetLogLevel(config->log_level);
  for (const std::string& warning : config->warnings) {
    LogWarn(warning);
  }
  RaiseFileLimit();
  MakeRoomForDescriptors(config->connections_max);
  if (MustFindCluster(*config)) {
    const Result<bool> found = LookForCluster(*config);
    if (!found || !*found) {
      return found ? ExitCode::kOk : Complain(ExitCode::kFault, found.error());
    }
  }
  // The log's reader may leave; that must not end the server.
  std::signal(SIGPIPE, SIG_IGN);
  for (bool announced = false;; announced = true) {
    const Result<std::unique_ptr<Server>> server = Server::Open(*config, ShowLoading);
    if (!server) {
      return Complain(CodeOf(server.error().fault), server.error());
    }
    const Addresses addresses = (*server)->addresses();
    if (!announced) {
      Announce(*config, addresses);
    }
    if (const Result<void> ran = (*server)->Run(); !ran) {
      return Complain(ExitCode::kFault, ran.error());
    }
    if (!(*server)->starts_anew()) {
      return ExitCode::kOk;
    }
    *config = AtSameAddresses(std::move(*config), addresses);
  }
}

}  // namespace nunc
