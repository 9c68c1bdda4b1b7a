// What one command costs without sockets: parse, Step, encode the reply. And what one change costs
// in the core for each of its watchers.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/limits.h"
#include "core/command.h"
#include "language/nql_parse.h"
#include "language/nql_reply.h"
#include "node/node.h"
#include "requests.h"

namespace nunc::bench {

namespace {

constexpr std::uint32_t kKeys = 100'000;

// A node with one database and one session that has selected it.
class Desk {
 public:
  Desk()
      : node_(ExecutorOptions{.user = "admin",
                              .password = "admin-pwd",
                              .address = "127.0.0.1:0",
                              .hash_seed = 1,
                              .value_bytes_max = kValueBytesMaxDefault}) {
    node_.Step(TurnStarted{.now = {.mono_us = 1, .wall_us = 1}}, output_);
    node_.EnsureDatabase("bench", "token");
    Open(0);
  }

  void Open(std::uint32_t slot) {
    const SessionId session{.slot = slot, .generation = 1};
    node_.Step(SessionOpened{.session = session}, output_);
    Run("use-db bench token", session);
  }

  const std::string& Run(std::string_view line, SessionId session = {.slot = 0, .generation = 1}) {
    const Command command = parser_.Parse(line);
    node_.Step(ClientCommand{.session = session, .command = &command}, output_);
    reply_.clear();
    for (const auto& item : output_.items) {
      if (const auto* reply = std::get_if<Reply>(&item)) {
        reply->is_status() ? AppendStatus(reply_, *reply, output_)
                           : AppendData(reply_, *reply, output_);
      } else if (const auto& change = std::get<Change>(item); change.kind == ChangeKind::kSet) {
        AppendChanged(reply_, change);
        AppendChangedVersion(reply_, change);
      }
    }
    return reply_;
  }

 private:
  Node node_;
  NqlParser parser_;
  Output output_;
  std::string reply_;
};

std::vector<std::string> Lines(std::string_view verb, std::string_view rest) {
  std::vector<std::string> lines;
  for (const std::uint32_t number : ShuffledNumbers(kKeys)) {
    lines.push_back(std::string(verb) + " " + KeyName(number) + std::string(rest));
  }
  return lines;
}

void RunLines(benchmark::State& state, Desk& desk, const std::vector<std::string>& lines) {
  std::size_t next = 0;
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(desk.Run(lines[next]).data());
    if (++next == lines.size()) next = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

void FillKeys(Desk& desk, const std::string& value) {
  for (const std::string& line : Lines("set", value))
    desk.Run(line);
}

void MeasureGet(benchmark::State& state) {
  Desk desk;
  FillKeys(desk, " " + std::string(100, 'x'));
  RunLines(state, desk, Lines("get", ""));
}
BENCHMARK(MeasureGet);

void MeasureGetMissing(benchmark::State& state) {
  Desk desk;
  RunLines(state, desk, Lines("get", ""));
}
BENCHMARK(MeasureGetMissing);

void MeasureSet(benchmark::State& state) {
  Desk desk;
  const std::string value = " " + std::string(static_cast<std::size_t>(state.range(0)), 'x');
  FillKeys(desk, value);
  RunLines(state, desk, Lines("set", value));
}
BENCHMARK(MeasureSet)->Arg(100)->Arg(1000);

void MeasureParse(benchmark::State& state) {
  NqlParser parser;
  const std::vector<std::string> lines = Lines("set", " " + std::string(100, 'x'));
  std::size_t next = 0;
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(parser.Parse(lines[next]));
    if (++next == lines.size()) next = 0;
  }
}
BENCHMARK(MeasureParse);

// The core names who must hear; sending is not in it.
void MeasureSetWatched(benchmark::State& state) {
  Desk desk;
  const auto watchers = static_cast<std::uint32_t>(state.range(0));
  for (std::uint32_t slot = 1; slot <= watchers; ++slot) {
    desk.Open(slot);
    desk.Run("watch screen", {.slot = slot, .generation = 1});
  }
  RunLines(state, desk, {"set screen " + std::string(100, 'x')});
}
BENCHMARK(MeasureSetWatched)->RangeMultiplier(10)->Range(1, 10'000);

}  // namespace

}  // namespace nunc::bench

BENCHMARK_MAIN();
