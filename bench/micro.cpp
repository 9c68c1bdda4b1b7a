// What one command costs without sockets: parse, Step, encode the reply. And what one change costs
// in the core for each of its watchers.
#include <algorithm>
#include <chrono>
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

  void Close(std::uint32_t slot) {
    node_.Step(SessionClosed{.session = {.slot = slot, .generation = 1}}, output_);
  }
  void EndTurn() { node_.Step(TurnEnded{}, output_); }
  [[nodiscard]] bool has_work() const { return node_.has_work(); }

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

// A change among so many patterns, of which one begins it, or none.
void MeasureSetBesidePatterns(benchmark::State& state) {
  Desk desk;
  const auto patterns = static_cast<std::uint32_t>(state.range(0));
  const std::uint32_t shared = state.range(1) == 0 ? patterns : 0;
  desk.Open(1);
  for (std::uint32_t i = 0; i < patterns; ++i) {
    desk.Run("watch room/" + std::to_string(i) + "/*", {.slot = 1, .generation = 1});
  }
  const std::string room = "set room/" + std::to_string(shared) + "/k ";
  RunLines(state, desk, {room + std::string(100, 'x')});
}
BENCHMARK(MeasureSetBesidePatterns)
    ->ArgNames({"patterns", "match"})
    ->ArgsProduct({{0, 1'000, 10'000, 100'000}, {0, 1}});

// What concerns many watches at once, and the longest of its turns on average.
void MeasureTurns(benchmark::State& state, Desk& desk, void (*act)(Desk& desk)) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  act(desk);
  double longest = 0;
  auto turn = began;
  do {
    desk.EndTurn();
    const auto ended = Clock::now();
    longest = std::max(longest, std::chrono::duration<double>(ended - turn).count());
    turn = ended;
  } while (desk.has_work());
  state.SetIterationTime(std::chrono::duration<double>(Clock::now() - began).count());
  benchmark::Counter& counter = state.counters["longest_turn_us"];
  counter.flags = benchmark::Counter::kAvgIterations;
  counter.value += longest * 1e6;
}

void WatchMany(benchmark::State& state, Desk& desk, std::string_view behind) {
  desk.Open(1);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    desk.Run("watch key/" + std::to_string(i).append(behind), {.slot = 1, .generation = 1});
  }
}

void MeasureClose(benchmark::State& state) {
  while (state.KeepRunning()) {
    Desk desk;
    WatchMany(state, desk, "");
    MeasureTurns(state, desk, [](Desk& closing) { closing.Close(1); });
  }
}
BENCHMARK(MeasureClose)->Arg(100)->Arg(10'000)->Arg(100'000)->UseManualTime();

void MeasureRights(benchmark::State& state) {
  while (state.KeepRunning()) {
    Desk desk;
    desk.Run("auth admin admin-pwd");
    WatchMany(state, desk, "/*");
    MeasureTurns(state, desk, [](Desk& changing) { changing.Run("set-permissions all r *"); });
  }
}
BENCHMARK(MeasureRights)->Arg(100)->Arg(10'000)->Arg(100'000)->UseManualTime();

}  // namespace

}  // namespace nunc::bench

BENCHMARK_MAIN();
