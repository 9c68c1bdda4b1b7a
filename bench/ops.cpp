// GET and SET from many connections: closed loop (as fast as answers come), or at a fixed rate with
// latency counted from the scheduled time of each batch.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <unistd.h>
#include <vector>

#include "clock.h"
#include "die.h"
#include "histogram.h"
#include "options.h"
#include "poller.h"
#include "report.h"
#include "requests.h"

namespace nunc::bench {

namespace {

class OpsLoad {
 public:
  explicit OpsLoad(const Options& options)
      : options_(options),
        requests_(options, options.operation, options.pipeline),
        poller_(options.spin),
        interval_ns_(options.rate == 0 ? 0 : kNsPerSecond * options.pipeline / options.rate) {
    for (std::uint32_t i = 0; i < options.connections; ++i) {
      clients_.push_back({.connection = Connection::Open(options.target),
                          .next_batch = requests_.Count() * i / options.connections});
      poller_.Watch(clients_.back().connection.Fd(), i);
      idle_.push_back(i);
    }
    if (options.until_eof) poller_.Watch(STDIN_FILENO, kEndOfInput);
  }

  std::string Run() {
    const std::int64_t start = NowNs();
    next_due_ = start;
    Drive(start, start + std::int64_t{options_.warmup_ms} * 1'000'000);
    latency_.Reset();
    batches_ = 0;
    const std::int64_t measured_from = NowNs();
    const std::int64_t server_cpu = ProcessCpuNs(options_.pid);
    const std::int64_t own_cpu = OwnCpuNs();
    Drive(measured_from, measured_from + std::int64_t{options_.duration_ms} * 1'000'000);
    const auto wall = static_cast<double>(NowNs() - measured_from);
    const auto server = static_cast<double>(ProcessCpuNs(options_.pid) - server_cpu);
    const auto own = static_cast<double>(OwnCpuNs() - own_cpu);
    const auto ops = static_cast<double>(batches_) * options_.pipeline;
    Report report;
    report.Add("ops_per_s", ops * 1e9 / wall);
    report.Add("ops_per_server_cpu_s", ops * 1e9 / server);
    report.Add("server_cpu_fraction", server / wall);
    report.Add("generator_cpu_fraction", own / wall);
    report.AddLatency(latency_);
    return report.Text();
  }

 private:
  static constexpr std::uint32_t kEndOfInput = UINT32_MAX;

  struct Client {
    Connection connection;
    std::size_t next_batch = 0;
    std::size_t received = 0;  // bytes of the present answer
    std::int64_t scheduled_ns = 0;
  };

  void Drive(std::int64_t now, std::int64_t until) {
    while (now < until && !ended_) {
      Start(now);
      const std::int64_t wake = interval_ns_ == 0 ? until : std::min(until, next_due_);
      for (const epoll_event& event : poller_.Wait(wake)) {
        if (event.data.u32 == kEndOfInput) {
          ended_ = true;
        } else {
          Read(event.data.u32);
        }
      }
      now = NowNs();
    }
  }

  void Start(std::int64_t now) {
    if (interval_ns_ == 0) {
      for (const std::uint32_t index : idle_)
        SendBatch(index, now);
      idle_.clear();
      return;
    }
    for (; next_due_ <= now; next_due_ += interval_ns_)
      due_.push_back(next_due_);
    while (!due_.empty() && !idle_.empty()) {
      SendBatch(idle_.back(), due_.front());
      idle_.pop_back();
      due_.pop_front();
    }
  }

  void SendBatch(std::uint32_t index, std::int64_t scheduled_ns) {
    Client& client = clients_[index];
    client.scheduled_ns = scheduled_ns;
    client.received = 0;
    client.connection.Send(requests_.Batch(client.next_batch));
    if (++client.next_batch == requests_.Count()) client.next_batch = 0;
  }

  void Read(std::uint32_t index) {
    Client& client = clients_[index];
    const std::string_view reply = requests_.Reply();
    const std::size_t size = client.connection.Receive(buffer_);
    if (size == 0) return;
    if (size > reply.size() - client.received ||
        std::memcmp(buffer_.data(), reply.data() + client.received, size) != 0) {
      Die("unexpected reply: " + std::string(buffer_.data(), std::min<std::size_t>(size, 200)));
    }
    client.received += size;
    if (client.received < reply.size()) return;
    const std::int64_t now = NowNs();
    latency_.Add(now - client.scheduled_ns);
    ++batches_;
    if (interval_ns_ == 0) {
      SendBatch(index, now);
    } else {
      idle_.push_back(index);
    }
  }

  const Options& options_;
  Requests requests_;
  Poller poller_;
  std::int64_t interval_ns_;
  std::vector<Client> clients_;
  std::vector<std::uint32_t> idle_;
  std::deque<std::int64_t> due_;  // scheduled, and no connection was free
  std::int64_t next_due_ = 0;
  Histogram latency_;
  std::uint64_t batches_ = 0;
  bool ended_ = false;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{256} << 10U);
};

}  // namespace

std::string RunOps(const Options& options) {
  return OpsLoad(options).Run();
}

std::string RunFill(const Options& options) {
  const std::int64_t start = NowNs();
  Fill(options);
  Report report;
  report.Add("seconds", static_cast<double>(NowNs() - start) / 1e9);
  return report.Text();
}

}  // namespace nunc::bench
