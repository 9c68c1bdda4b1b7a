// One key, many watchers: deliveries per second with a number of changes in flight, or the latency
// of each delivery at a fixed rate, counted from the scheduled time of its change.
#include <algorithm>
#include <cstdint>

#include "audience.h"
#include "clock.h"
#include "histogram.h"
#include "options.h"
#include "report.h"

namespace nunc::bench {

namespace {

// A young connection acknowledges each of its first 16 segments at once, which makes a delivery
// twice as dear on any server; what is measured is the connection that has been there for a while.
constexpr int kSettlingChanges = 32;

void KeepInFlight(Audience& audience, std::uint32_t in_flight, std::int64_t until) {
  while (NowNs() < until) {
    const auto open = static_cast<std::uint32_t>(audience.Published() - audience.Completed());
    if (open < in_flight) audience.Publish(in_flight - open);
    audience.Turn(until, nullptr);
  }
}

struct Meter {
  const Options& options;
  const Audience& audience;
  std::int64_t start = NowNs();
  std::int64_t server = ProcessCpuNs(options.pid);
  std::int64_t own = OwnCpuNs();
  std::uint64_t deliveries = audience.Deliveries();
  std::uint64_t skipped = audience.Skipped();

  void AddTo(Report& report) const {
    const auto wall = static_cast<double>(NowNs() - start);
    const auto server_cpu = static_cast<double>(ProcessCpuNs(options.pid) - server);
    const auto own_cpu = static_cast<double>(OwnCpuNs() - own);
    const auto delivered = static_cast<double>(audience.Deliveries() - deliveries);
    report.Add("deliveries_per_s", delivered * 1e9 / wall);
    report.Add("deliveries_per_server_cpu_s", delivered * 1e9 / server_cpu);
    report.Add("skipped", audience.Skipped() - skipped);
    report.Add("server_cpu_fraction", server_cpu / wall);
    report.Add("generator_cpu_fraction", own_cpu / wall);
  }
};

std::string RunWindow(const Options& options, Audience& audience) {
  KeepInFlight(audience, options.in_flight, NowNs() + std::int64_t{options.warmup_ms} * kNsPerMs);
  audience.ToTheLast().Reset();
  const Meter meter{.options = options, .audience = audience};
  KeepInFlight(audience, options.in_flight,
               meter.start + std::int64_t{options.duration_ms} * kNsPerMs);
  Report report;
  meter.AddTo(report);
  report.AddLatency(audience.ToTheLast());
  return report.Text();
}

std::string RunRate(const Options& options, Audience& audience) {
  for (int i = 0; i < kSettlingChanges; ++i) {
    audience.Publish(1);
    audience.Finish(nullptr);
  }
  const std::int64_t interval = kNsPerSecond / options.rate;
  const Meter meter{.options = options, .audience = audience};
  const std::uint64_t base = audience.Published();
  const std::int64_t first_due = meter.start + interval;
  Histogram latency;
  const Audience::OnChange record = [&](std::uint64_t first, std::uint64_t last, std::int64_t now) {
    for (std::uint64_t change = first; change <= last; ++change) {
      latency.Add(now - first_due - static_cast<std::int64_t>(change - base - 1) * interval);
    }
  };
  const std::int64_t until = meter.start + std::int64_t{options.duration_ms} * kNsPerMs;
  for (std::int64_t due = first_due; due < until; due += interval) {
    while (NowNs() < due)
      audience.Turn(due, record);
    audience.Publish(1);
  }
  audience.Finish(record);
  Report report;
  meter.AddTo(report);
  report.AddLatency(latency);
  return report.Text();
}

}  // namespace

std::string RunFanout(const Options& options) {
  Audience audience(options, "screen");
  audience.Grow(options.watchers);
  return options.rate == 0 ? RunWindow(options, audience) : RunRate(options, audience);
}

}  // namespace nunc::bench
