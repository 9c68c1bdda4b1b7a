// What one change costs for 1, 10, ... watchers: server CPU and the time until the last has it.
// With --conns above the watchers the rest of the connections is open and idle, so that a cost that
// follows connections would show.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "audience.h"
#include "clock.h"
#include "histogram.h"
#include "options.h"
#include "report.h"

namespace nunc::bench {

namespace {

constexpr std::uint64_t kChangesMin = 10;

std::string MeasureStep(const Options& options, Audience& audience) {
  for (int i = 0; i < 3; ++i) {
    audience.Publish(1);
    audience.Finish(nullptr);
  }
  Histogram wall;
  const std::int64_t start = NowNs();
  const std::int64_t until = start + std::int64_t{options.duration_ms} * 1'000'000;
  const std::int64_t server = ProcessCpuNs(options.pid);
  while (NowNs() < until || wall.Count() < kChangesMin) {
    const std::int64_t sent = NowNs();
    audience.Publish(1);
    audience.Finish(nullptr);
    wall.Add(NowNs() - sent);
  }
  const auto cpu = static_cast<double>(ProcessCpuNs(options.pid) - server);
  Report report;
  report.Add("watchers", std::uint64_t{audience.Watchers()});
  report.Add("cpu_us_per_change", cpu / 1000.0 / static_cast<double>(wall.Count()));
  report.AddLatency(wall);
  return report.Text();
}

}  // namespace

std::string RunCurve(const Options& options) {
  std::vector<Connection> idle;
  while (idle.size() < options.connections)
    idle.push_back(Connection::Open(options.target));
  Audience audience(options, "screen");
  std::string rows;
  for (std::uint32_t watchers = 1; watchers <= options.watchers; watchers *= 10) {
    const std::size_t keep = options.connections - std::min(options.connections, watchers);
    while (idle.size() > keep)
      idle.pop_back();
    audience.Grow(watchers);
    if (!rows.empty()) rows += ", ";
    rows += MeasureStep(options, audience);
  }
  Report report;
  report.AddJson("steps", "[" + rows + "]");
  return report.Text();
}

}  // namespace nunc::bench
