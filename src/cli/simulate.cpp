#include "cli/simulate.h"

#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <string>

#include "sim/cluster_world.h"
#include "sim/world.h"

namespace nunc {
namespace {

std::string Hex(std::uint64_t number) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return {digits.data(), end.ptr};
}

std::string Summary(const ClusterReport& report) {
  std::string line = "elections won " + std::to_string(report.elections) + ", records " +
                     std::to_string(report.records) + ", acknowledged " +
                     std::to_string(report.acknowledged) + ", events " +
                     std::to_string(report.events) + ", simulated ms " +
                     std::to_string(report.simulated_us / 1'000);
  for (const auto& [kind, count] : report.faults) {
    line += ", " + kind + " " + std::to_string(count);
  }
  return line;
}

std::string Summary(const WorldReport& report) {
  std::string line =
      "lives " + std::to_string(report.lives) + ", records " + std::to_string(report.records) +
      ", acknowledged " + std::to_string(report.acknowledged) + ", refused by a full disk " +
      std::to_string(report.refused_full) + ", events " + std::to_string(report.events) +
      ", simulated ms " + std::to_string(report.simulated_us / 1'000);
  for (const auto& [kind, count] : report.faults) {
    line += ", " + kind + " " + std::to_string(count);
  }
  return line;
}

// What all kinds of worlds report alike.
struct SeedReport {
  std::string summary;
  std::int64_t simulated_us = 0;
  std::uint64_t trace_hash = 0;
  std::optional<std::string> violation;
};

template <class Report>
SeedReport Common(const Report& report) {
  return {.summary = Summary(report),
          .simulated_us = report.simulated_us,
          .trace_hash = report.trace_hash,
          .violation = report.violation};
}

SeedReport RunSeed(const SimulateArguments& arguments, std::uint64_t seed,
                   const std::function<void(std::string_view line)>& print) {
  const std::function<void(std::string_view)> tell = arguments.verbose ? print : nullptr;
  const std::int64_t duration_us = arguments.duration_ms * 1'000;
  if (arguments.nodes > 1) {
    return Common(SimulateCluster({.seed = seed,
                                   .nodes = arguments.nodes,
                                   .duration_us = duration_us,
                                   .arbiter_node = arguments.arbiter_node,
                                   .tell = tell}));
  }
  return Common(Simulate({.seed = seed, .duration_us = duration_us, .tell = tell}));
}

}  // namespace

ExitCode RunSimulation(const SimulateArguments& arguments,
                       const std::function<void(std::string_view line)>& print) {
  std::uint64_t failed = 0;
  std::int64_t simulated_us = 0;
  for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
    const std::uint64_t seed = arguments.seed + i;
    print("seed " + std::to_string(seed));
    const SeedReport report = RunSeed(arguments, seed, print);
    simulated_us += report.simulated_us;
    print(report.summary);
    print("trace hash " + Hex(report.trace_hash));
    if (report.violation) {
      ++failed;
      print("violated: seed " + std::to_string(seed) + ", " + *report.violation);
    }
  }
  if (arguments.seeds > 1) {
    print("seeds " + std::to_string(arguments.seeds) + ", failed " + std::to_string(failed) +
          ", simulated s " + std::to_string(simulated_us / 1'000'000));
  }
  return failed == 0 ? ExitCode::kOk : ExitCode::kFault;
}

}  // namespace nunc
