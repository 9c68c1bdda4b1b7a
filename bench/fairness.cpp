// While one change goes to thousands of watchers, another key changes for a single one: how long
// does that one wait? Counted from the sending of its change to its bytes being in its socket.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "audience.h"
#include "clock.h"
#include "die.h"
#include "histogram.h"
#include "options.h"
#include "report.h"

namespace nunc::bench {

namespace {

constexpr std::int64_t kPauseNs = 5'000'000;
constexpr std::int64_t kWaitNs = 10 * kNsPerSecond;
constexpr const char* kQuietKey = "quiet";

class SingleWatcher {
 public:
  explicit SingleWatcher(const Options& options)
      : dialect_(options.target.dialect),
        value_(options.value_bytes, '0'),
        watcher_(Connection::Open(options.target)),
        writer_(Connection::Open(options.target)) {
    watcher_.Ask(dialect_.Watch(kQuietKey), dialect_.WatchReply(kQuietKey));
  }

  [[nodiscard]] int Fd() const { return watcher_.Fd(); }
  [[nodiscard]] bool Waiting() const { return sent_ns_ != 0; }

  void Change() {
    sent_ns_ = NowNs();
    writer_.Send(dialect_.Change(kQuietKey, value_));
  }

  void Look(Histogram& latency) {
    if (!Waiting()) return;
    const std::size_t size = watcher_.Receive(buffer_.Space());
    if (size == 0 || reader_.Feed(dialect_, buffer_, size).changes == 0) return;
    latency.Add(NowNs() - sent_ns_);
    sent_ns_ = 0;
    std::array<char, 512> reply{};
    static_cast<void>(writer_.Receive(reply));
  }

 private:
  Dialect dialect_;
  std::string value_;
  Connection watcher_;
  Connection writer_;
  ChangeReader reader_;
  ReadBuffer buffer_;
  std::int64_t sent_ns_ = 0;  // 0: nothing is under way
};

}  // namespace

std::string RunFairness(const Options& options) {
  Audience crowd(options, "screen");
  crowd.Grow(options.watchers);
  SingleWatcher single(options);
  Histogram latency;
  Histogram crowd_latency;
  crowd.Prefer(single.Fd(), [&] { single.Look(latency); });
  for (std::uint32_t i = 0; i < options.repeats; ++i) {
    const std::int64_t start = NowNs();
    crowd.Publish(1);
    const std::int64_t gap_end = start + std::int64_t{options.gap_us} * kNsPerUs;
    while (NowNs() < gap_end)
      crowd.Turn(gap_end, nullptr);
    single.Change();
    while (single.Waiting()) {
      if (NowNs() > start + kWaitNs) Die("the single watcher got nothing within 10 seconds");
      crowd.Turn(start + kWaitNs, nullptr);
    }
    crowd.Finish(nullptr);
    crowd_latency.Add(NowNs() - start);
    const std::int64_t rest = NowNs() + kPauseNs;
    while (NowNs() < rest)
      crowd.Turn(rest, nullptr);
  }
  Report report;
  report.AddLatency(latency);
  report.Add("crowd_p50_us", crowd_latency.PercentileUs(0.50));
  return report.Text();
}

}  // namespace nunc::bench
