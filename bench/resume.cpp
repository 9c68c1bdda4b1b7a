// A watcher of everything comes back after an absence, or begins: what it is told, and what that
// costs.
#include <cstdint>
#include <string_view>

#include "change_reader.h"
#include "clock.h"
#include "die.h"
#include "options.h"
#include "report.h"
#include "told.h"

namespace nunc::bench {

std::string RunResume(const Options& options) {
  const Dialect& dialect = options.target.dialect;
  if (dialect.Kind() != Wire::kNqlTcp) Die("resume is measured over tcp");
  const Connection watcher = Connection::Open(options.target);
  const std::int64_t start = NowNs();
  const std::int64_t server = ProcessCpuNs(options.pid);
  watcher.Send(dialect.Command("watch * since " + options.since));
  std::uint64_t entries = 0;
  std::uint64_t server_keys = 0;  // kept by the server: told anew at every beginning
  const std::string_view begins = options.since == "0" ? "started * snapshot" : "started * delta";
  bool begun = false;
  bool ready = false;
  LineReader reader;
  ReadBuffer buffer;
  while (!ready) {
    const std::size_t size = watcher.Receive(buffer.Space());
    if (size == 0) watcher.WaitForMore();
    reader.Feed(std::string_view(buffer.Space().data(), size), [&](std::string_view line) {
      if (line.starts_with("error")) Die(line);
      begun = begun || line == begins;
      ready = ready || line.starts_with("ready * ");
      if (const auto change = ChangeOf(line))
        ++(change->key.starts_with('$') ? server_keys : entries);
    });
  }
  const std::int64_t end = NowNs();
  const std::int64_t server_end = ProcessCpuNs(options.pid);
  if (!begun) Die("the server did not begin with what was asked for");
  Report report;
  report.Add("entries", entries);
  report.Add("server_keys", server_keys);
  report.Add("wall_ms", static_cast<double>(end - start) / 1e6);
  report.Add("server_cpu_ms", static_cast<double>(server_end - server) / 1e6);
  return report.Text();
}

}  // namespace nunc::bench
