// As many keys as clients, each client watches one of them. --slow more of them watch all and,
// once warm, stop reading: what that costs the server and the others, and what they are told when
// they read again.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "change_reader.h"
#include "clock.h"
#include "connection.h"
#include "die.h"
#include "histogram.h"
#include "options.h"
#include "poller.h"
#include "report.h"
#include "requests.h"
#include "told.h"

namespace nunc::bench {

namespace {

constexpr std::uint32_t kWriterTag = 0xFFFFFFFF;
constexpr std::int64_t kBatchNs = 100'000;
constexpr std::int64_t kMemoryLookNs = 500 * kNsPerMs;
constexpr std::int64_t kFinishNs = 20 * kNsPerSecond;
constexpr std::uint64_t kBatchMax = 1'000;

// One that watches every key.
class Slow {
 public:
  explicit Slow(const Options& options)
      : dialect_(options.target.dialect), connection_(Connection::Open(options.target)) {
    for (std::uint32_t key = 0; key < options.watchers; ++key) {
      const std::string name = KeyName(key);
      connection_.Ask(dialect_.Watch(name), dialect_.WatchReply(name, key + 1));
    }
  }

  [[nodiscard]] int Fd() const { return connection_.Fd(); }
  void WaitForMore() const { connection_.WaitForMore(); }
  [[nodiscard]] const std::vector<std::uint64_t>& Told() const { return told_; }

  // False: the server has closed the connection.
  bool Read() {
    for (;;) {
      const std::span<char> space = buffer_.Space();
      const ssize_t size = ::recv(connection_.Fd(), space.data(), space.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EAGAIN) return true;
      if (size <= 0) return false;
      if (dialect_.Kind() != Wire::kNqlTcp) continue;
      const std::string_view text(space.data(), static_cast<std::size_t>(size));
      reader_.Feed(text, [this](std::string_view line) {
        if (const auto change = ChangeOf(line)) {
          told_.push_back(std::stoull(
              std::string(change->value.substr(change->value.size() - kSequenceDigits))));
        }
      });
    }
  }

 private:
  Dialect dialect_;
  Connection connection_;
  LineReader reader_;
  ReadBuffer buffer_;
  std::vector<std::uint64_t> told_;  // numbers of changes
};

class Crowd {
 public:
  explicit Crowd(const Options& options)
      : options_(options),
        padding_(options.value_bytes - kSequenceDigits, 'x'),
        writer_(Connection::Open(options.target)),
        poller_(options.spin) {
    poller_.Watch(writer_.Fd(), kWriterTag);
    const Dialect& dialect = options.target.dialect;
    for (std::uint32_t key = 0; key < options.watchers; ++key) {
      names_.push_back(KeyName(key));
      watchers_.push_back(
          {.connection = Connection::Open(options.target), .reader = ChangeReader(), .last = 0});
      watchers_.back().connection.Ask(dialect.Watch(names_[key]), dialect.WatchReply(names_[key]));
      poller_.Watch(watchers_.back().connection.Fd(), key);
    }
    slow_.reserve(options.slow);
    while (slow_.size() < options.slow) {
      slow_.emplace_back(options);
      poller_.Watch(slow_.back().Fd(),
                    static_cast<std::uint32_t>(names_.size() + slow_.size() - 1));
    }
  }

  [[nodiscard]] std::vector<Slow>& TheSlow() { return slow_; }
  [[nodiscard]] std::uint64_t Published() const { return published_; }
  [[nodiscard]] const Histogram& Latency() const { return latency_; }
  [[nodiscard]] std::uint64_t Skipped() const { return skipped_; }

  void StopTheSlow() {
    slow_reads_ = false;
    latency_.Reset();
  }

  // Makes changes at the rate for so long; calls `look` now and then.
  template <typename Look>
  void Run(std::int64_t duration_ns, const Look& look) {
    start_ns_ = NowNs();
    base_ = published_;
    const std::int64_t until = start_ns_ + duration_ns;
    std::int64_t next_look = start_ns_ + kMemoryLookNs;
    for (std::int64_t now = start_ns_; now < until; now = NowNs()) {
      PublishUntil(now);
      Turn(now + kBatchNs);
      if (now < next_look) continue;
      next_look += kMemoryLookNs;
      look();
    }
    Finish();
  }

 private:
  struct Watcher {
    Connection connection;
    ChangeReader reader;
    std::uint64_t last = 0;
  };

  [[nodiscard]] std::int64_t DueNs(std::uint64_t change) const {
    return start_ns_ + static_cast<std::int64_t>(change - base_) * (kNsPerSecond / options_.rate);
  }

  // Change N is of key (N - 1) % keys.
  void PublishUntil(std::int64_t now) {
    std::string bytes;
    for (std::uint64_t i = 0; i < kBatchMax && DueNs(published_ + 1) <= now; ++i) {
      const std::string& name = names_[published_ % names_.size()];
      ++published_;
      bytes += options_.target.dialect.Change(name, padding_ + SequenceDigits(published_));
    }
    if (!bytes.empty()) writer_.Send(bytes);
  }

  void Turn(std::int64_t deadline_ns) {
    for (const epoll_event& event : poller_.Wait(deadline_ns)) {
      if (event.data.u32 == kWriterTag) {
        while (writer_.Receive(buffer_.Space()) > 0) {
        }
      } else if (event.data.u32 < watchers_.size()) {
        Read(watchers_[event.data.u32]);
      } else if (slow_reads_ && !slow_[event.data.u32 - watchers_.size()].Read()) {
        Die("the server closed the connection of one that reads");
      }
    }
  }

  void Read(Watcher& watcher) {
    while (const std::size_t size = watcher.connection.Receive(buffer_.Space())) {
      const ChangeReader::Counted counted =
          watcher.reader.Feed(options_.target.dialect, buffer_, size);
      if (counted.changes == 0) continue;
      const std::uint64_t round = names_.size();
      const std::uint64_t first = counted.last - (counted.changes - 1) * round;
      if (counted.last > published_ || first <= watcher.last) {
        Die("a watcher got a change twice, out of order, or one never made");
      }
      if (watcher.last != 0) skipped_ += (first - watcher.last) / round - 1;
      watcher.last = counted.last;
      const std::int64_t now = NowNs();
      for (std::uint64_t change = first; change <= counted.last; change += round)
        latency_.Add(now - DueNs(change));
    }
  }

  // Until every watcher has the newest of its key.
  void Finish() {
    const std::int64_t deadline = NowNs() + kFinishNs;
    const auto has_newest = [this](const Watcher& watcher) {
      return watcher.last + names_.size() > published_;
    };
    while (!std::ranges::all_of(watchers_, has_newest)) {
      if (NowNs() > deadline) Die("a change did not reach its watcher within 20 seconds");
      Turn(deadline);
    }
  }

  const Options& options_;
  std::string padding_;
  std::vector<std::string> names_;
  Connection writer_;
  Poller poller_;
  std::vector<Watcher> watchers_;
  std::vector<Slow> slow_;
  bool slow_reads_ = true;
  std::int64_t start_ns_ = 0;
  std::uint64_t base_ = 0;
  std::uint64_t published_ = 0;
  std::uint64_t skipped_ = 0;
  Histogram latency_;
  ReadBuffer buffer_;
};

// Reads again after the stall; false: the server has closed it. Redis has nothing for it then but
// what was on its way.
bool ReadAgain(const Options& options, const Crowd& crowd, Slow& slow) {
  bool open = slow.Read();
  if (options.target.dialect.Kind() != Wire::kNqlTcp) return open;
  while (open && slow.Told().back() < crowd.Published()) {
    slow.WaitForMore();
    open = slow.Read();
  }
  if (!open) Die("the server closed the connection of a slow reader");
  if (!EndsWithNewestOfEachKey(slow.Told(), crowd.Published(), options.watchers)) {
    Die("who read slowly was not told the newest value of each key once");
  }
  return true;
}

void AllReadAgain(const Options& options, Crowd& crowd, Report& report) {
  const std::int64_t start = NowNs();
  std::uint64_t dropped = 0;
  std::uint64_t skipped = crowd.Published();
  for (Slow& slow : crowd.TheSlow()) {
    dropped += ReadAgain(options, crowd, slow) ? 0U : 1U;
    skipped = std::min(skipped, crowd.Published() - slow.Told().size());
  }
  report.Add("read_again_ms", static_cast<double>(NowNs() - start) / 1e6);
  report.Add("dropped", dropped);
  if (options.target.dialect.Kind() == Wire::kNqlTcp) {
    if (skipped == 0) Die("a slow reader was not slow enough: let it last longer");
    report.Add("slow_skipped", skipped);  // of the one that skipped fewest
    report.Add("told_newest", std::uint64_t{options.watchers});
  }
}

}  // namespace

std::string RunSlowReader(const Options& options) {
  const Wire wire = options.target.dialect.Kind();
  if (wire == Wire::kNqlWs) Die("slow-reader is measured over tcp and resp");
  if (options.rate == 0) Die("slow-reader needs --rate");
  Crowd crowd(options);
  crowd.Run(std::int64_t{options.warmup_ms} * kNsPerMs, [] {});
  crowd.StopTheSlow();
  const std::int64_t before = SettledResidentBytes(options.pid);
  std::int64_t most = before;
  const std::int64_t server = ProcessCpuNs(options.pid);
  const std::int64_t start = NowNs();
  crowd.Run(std::int64_t{options.duration_ms} * kNsPerMs,
            [&] { most = std::max(most, ResidentBytes(options.pid)); });
  const auto wall = static_cast<double>(NowNs() - start);
  Report report;
  report.AddLatency(crowd.Latency());
  report.Add("skipped", crowd.Skipped());
  report.Add("server_cpu_fraction", static_cast<double>(ProcessCpuNs(options.pid) - server) / wall);
  report.Add("memory_growth_max_bytes", static_cast<double>(most - before));
  report.Add("memory_growth_bytes", static_cast<double>(ResidentBytes(options.pid) - before));
  if (options.slow > 0) {
    report.Add("bytes_per_slow", static_cast<double>(most - before) / options.slow);
    AllReadAgain(options, crowd, report);
  }
  return report.Text();
}

}  // namespace nunc::bench
