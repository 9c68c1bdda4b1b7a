// Resident memory of the server per idle watcher, per idle watch of one session and per key.
#include <cstdint>
#include <poll.h>
#include <string>
#include <vector>

#include "audience.h"
#include "clock.h"
#include "options.h"
#include "report.h"
#include "requests.h"

namespace nunc::bench {

namespace {

// What a server needs once, whatever the number of clients, must not count as theirs.
constexpr std::uint32_t kFirstWatchers = 10;

double PerItem(std::int64_t bytes, std::uint32_t items) {
  return static_cast<double>(bytes) / static_cast<double>(items);
}

std::string WatchersOfOneKey(const Options& options) {
  Audience audience(options, "screen");
  audience.Grow(kFirstWatchers);
  audience.Publish(1);
  audience.Finish(nullptr);
  const std::int64_t before = SettledResidentBytes(options.pid);
  audience.Grow(kFirstWatchers + options.watchers);
  const std::int64_t fresh = SettledResidentBytes(options.pid);
  audience.Publish(1);
  audience.Finish(nullptr);
  // Servers give some buffers back only to clients that have been quiet for a while.
  ::poll(nullptr, 0, static_cast<int>(options.idle_ms));
  const std::int64_t used = SettledResidentBytes(options.pid);
  Report report;
  report.Add("bytes_per_watcher_fresh", PerItem(fresh - before, options.watchers));
  report.Add("bytes_per_watcher", PerItem(used - before, options.watchers));
  return report.Text();
}

std::string WatchersOfOwnKeys(const Options& options) {
  const Dialect& dialect = options.target.dialect;
  std::vector<Connection> watchers;
  std::int64_t before = 0;
  for (std::uint32_t i = 0; i < kFirstWatchers + options.watchers; ++i) {
    if (i == kFirstWatchers) before = SettledResidentBytes(options.pid);
    const std::string key = KeyName(i);
    watchers.push_back(Connection::Open(options.target));
    watchers.back().Ask(dialect.Watch(key), dialect.WatchReply(key));
  }
  ::poll(nullptr, 0, static_cast<int>(options.idle_ms));
  Report report;
  report.Add("bytes_per_watcher",
             PerItem(SettledResidentBytes(options.pid) - before, options.watchers));
  return report.Text();
}

}  // namespace

std::string RunIdleMemory(const Options& options) {
  return options.own_keys ? WatchersOfOwnKeys(options) : WatchersOfOneKey(options);
}

std::string RunWatchMemory(const Options& options) {
  const Dialect& dialect = options.target.dialect;
  const std::uint32_t each = options.watchers / options.connections;
  std::vector<Connection> sessions;
  while (sessions.size() < options.connections)
    sessions.push_back(Connection::Open(options.target));
  const std::int64_t before = SettledResidentBytes(options.pid);
  std::uint32_t number = 0;
  for (const Connection& session : sessions) {
    std::string request;
    std::string reply;
    for (std::uint32_t nth = 1; nth <= each; ++nth) {
      // Of the nth watch of every session, or of its own.
      const std::string key = KeyName(options.own_keys ? number : nth);
      ++number;
      request += dialect.Watch(key);
      reply += dialect.WatchReply(key, nth);
    }
    session.Ask(request, reply);
  }
  ::poll(nullptr, 0, static_cast<int>(options.idle_ms));
  const std::int64_t growth = SettledResidentBytes(options.pid) - before;
  Report report;
  report.Add("bytes", static_cast<double>(growth));
  report.Add("bytes_per_watch", PerItem(growth, number));
  return report.Text();
}

std::string RunKeyMemory(const Options& options) {
  const std::int64_t before = SettledResidentBytes(options.pid);
  Fill(options);
  const std::int64_t after = SettledResidentBytes(options.pid);
  Report report;
  report.Add("bytes_per_key", PerItem(after - before, options.keys));
  return report.Text();
}

}  // namespace nunc::bench
