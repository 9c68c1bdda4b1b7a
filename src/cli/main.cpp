// The one binary: every sub-command begins here.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <variant>

#include "cli/arguments.h"
#include "cli/backup.h"
#include "cli/cluster.h"
#include "cli/data_tools.h"
#include "cli/escape.h"
#include "cli/exit_code.h"
#include "cli/http_client.h"
#include "cli/ping.h"
#include "cli/recover.h"
#include "cli/simulate.h"
#include "cli/start.h"
#include "cli/stop_signals.h"
#include "cli/watch.h"

namespace nunc {
namespace {

void Say(std::string_view text) {
  std::cerr << "nunc: " << text << std::endl;
}

ExitCode Run(const ShowText& show) {
  std::cout << show.text << std::flush;
  return ExitCode::kOk;
}

ExitCode Run(const StartArguments& arguments) {
  return Start(arguments);
}

// The answer's last part is `TITLE`, a line feed and the lines; or it is an error.
ExitCode PrintLines(std::string_view answer, std::string_view title) {
  const std::size_t at = answer.find(title);
  if (at == std::string_view::npos) {
    Say(answer.substr(answer.find(';') + 1));
    return ExitCode::kUnreachable;
  }
  std::cout << answer.substr(std::min(answer.size(), at + title.size() + 1)) << std::flush;
  return ExitCode::kOk;
}

Result<std::string> PostAsAdmin(const ExecArguments& arguments) {
  return Post(arguments.host,
              "auth " + arguments.user + " " + arguments.password + "; " + arguments.commands);
}

ExitCode SayWhyNot(const Error& error) {
  Say(error.detail);
  return error.fault == Fault::kInvalid ? ExitCode::kUsage : ExitCode::kUnreachable;
}

ExitCode Run(const ExecArguments& arguments) {
  const Result<std::string> answer = PostAsAdmin(arguments);
  if (!answer) {
    return SayWhyNot(answer.error());
  }
  if (!arguments.title.empty()) {
    return PrintLines(*answer, arguments.title);
  }
  std::cout << "Response " << QuoteText(*answer) << std::endl;
  return ExitCode::kOk;
}

Printer StandardPrinter() {
  return {.print = [](std::string_view line) { std::cout << line << '\n'; }, .say = Say};
}

ExitCode Run(const ClusterArguments& arguments) {
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kAgain{100};
  const Clock::time_point until = Clock::now() + std::chrono::milliseconds(kClusterPatienceMs);
  const auto ask = [&arguments](std::string_view command) {
    ExecArguments asked = arguments.server;
    asked.commands = command;
    return PostAsAdmin(asked);
  };
  const auto wait = [until] {
    std::this_thread::sleep_for(kAgain);
    return Clock::now() < until;
  };
  return RunCluster(arguments, {.ask = ask, .wait = wait}, StandardPrinter());
}

ExitCode Run(const RecoverArguments& arguments) {
  return RecoverCluster(arguments, StandardPrinter());
}

ExitCode Run(const DumpArguments& arguments) {
  return DumpOplog(arguments.path, StandardPrinter());
}

ExitCode Run(const CheckArguments& arguments) {
  return CheckFolder(arguments.folder, StandardPrinter());
}

ExitCode Run(const RepairArguments& arguments) {
  return RepairFolder(arguments.folder,
                      arguments.keep_prefix ? RepairMode::kKeep : RepairMode::kReport,
                      StandardPrinter());
}

ExitCode Run(const BackupArguments& arguments) {
  return MakeBackup(arguments, StandardPrinter());
}

ExitCode Run(const RestoreFolderArguments& arguments) {
  return RestoreFolder(arguments, StandardPrinter());
}

ExitCode Run(const RestoreDatabaseArguments& arguments) {
  return RestoreDatabase(arguments, StandardPrinter());
}

ExitCode Run(const WatchArguments& arguments) {
  const Result<Descriptor> stop = StopSignals();
  if (!stop) {
    Say(stop.error().detail);
    return ExitCode::kFault;
  }
  return Watch(
      arguments, stop->fd(),
      {.print = [](std::string_view line) { std::cout << line << std::endl; }, .say = Say});
}

ExitCode Run(const PingArguments& arguments) {
  const Result<double> took_ms = Ping(arguments.server);
  if (!took_ms) {
    Say(took_ms.error().detail);
    return ExitCode::kUnreachable;
  }
  std::cout << "pong from " << ToText(arguments.server) << " in " << *took_ms << " ms" << std::endl;
  return ExitCode::kOk;
}

ExitCode Run(const SimulateArguments& arguments) {
  return RunSimulation(arguments, [](std::string_view line) { std::cout << line << std::endl; });
}

// The sub-command that was given; std::visit would bring an exception that cannot happen.
template <class... T>
ExitCode RunGiven(const std::variant<T...>& arguments) {
  ExitCode code = ExitCode::kUsage;
  const auto run_if = [&code](const auto* given) {
    if (given != nullptr) {
      code = Run(*given);
    }
  };
  (run_if(std::get_if<T>(&arguments)), ...);
  return code;
}

}  // namespace
}  // namespace nunc

int main(int argc, char** argv) {
  const nunc::Result<nunc::Arguments> arguments =
      nunc::ParseArguments(argc, argv, nunc::ProcessEnvironment);
  if (!arguments) {
    nunc::Say(arguments.error().detail);
    return static_cast<int>(nunc::ExitCode::kUsage);
  }
  return static_cast<int>(nunc::RunGiven(*arguments));
}
