#include "cli/simulate.h"

#include <array>
#include <charconv>
#include <string>

#include "sim/world.h"

namespace nunc {
namespace {

std::string Hex(std::uint64_t number) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return {digits.data(), end.ptr};
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

}  // namespace

ExitCode RunSimulation(const SimulateArguments& arguments,
                       const std::function<void(std::string_view line)>& print) {
  std::uint64_t failed = 0;
  std::int64_t simulated_us = 0;
  for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
    const std::uint64_t seed = arguments.seed + i;
    print("seed " + std::to_string(seed));
    WorldOptions options{.seed = seed, .duration_us = arguments.duration_ms * 1'000, .tell = {}};
    if (arguments.verbose) {
      options.tell = print;
    }
    const WorldReport report = Simulate(options);
    simulated_us += report.simulated_us;
    print(Summary(report));
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
