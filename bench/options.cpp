#include "options.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "die.h"

namespace nunc::bench {

namespace {

std::uint32_t ParseNumber(std::string_view name, std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    Die(std::string(name) + " needs a number");
  }
  return value;
}

Wire ParseWire(std::string_view text) {
  if (text == "resp") return Wire::kResp;
  if (text == "tcp") return Wire::kNqlTcp;
  if (text == "ws") return Wire::kNqlWs;
  if (text == "nunc1") return Wire::kNunc1;
  if (text == "nats") return Wire::kNats;
  Die("--wire is resp, tcp, ws, nunc1 or nats");
}

bool SetNumber(Options& options, std::string_view name, std::string_view value) {
  const std::array<std::pair<std::string_view, std::uint32_t*>, 13> numbers = {{
      {"--conns", &options.connections},
      {"--pipeline", &options.pipeline},
      {"--keys", &options.keys},
      {"--value-bytes", &options.value_bytes},
      {"--watchers", &options.watchers},
      {"--in-flight", &options.in_flight},
      {"--rate", &options.rate},
      {"--repeats", &options.repeats},
      {"--slow", &options.slow},
      {"--gap-us", &options.gap_us},
      {"--duration-ms", &options.duration_ms},
      {"--warmup-ms", &options.warmup_ms},
      {"--idle-ms", &options.idle_ms},
  }};
  for (const auto& [known, target] : numbers) {
    if (known != name) continue;
    *target = ParseNumber(name, value);
    return true;
  }
  return false;
}

void SetOption(Options& options, std::string_view name, std::string_view value) {
  if (SetNumber(options, name, value)) return;
  if (name == "--port") {
    options.target.port = static_cast<std::uint16_t>(ParseNumber(name, value));
  } else if (name == "--pid") {
    options.pid = static_cast<pid_t>(ParseNumber(name, value));
  } else if (name == "--wire") {
    options.target.dialect = Dialect(ParseWire(value));
  } else if (name == "--since") {
    options.since = value;
  } else if (name == "--op") {
    options.operation = value == "set" ? Operation::kSet : Operation::kGet;
  } else {
    Die("unknown option " + std::string(name));
  }
}

}  // namespace

Options ParseOptions(int argc, char** argv) {
  Options options;
  if (argc < 2) Die("usage: nunc-load COMMAND --wire resp|tcp|ws|nunc1|nats --port N --pid N ...");
  options.command = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--spin") {
      options.spin = true;
    } else if (name == "--until-eof") {
      options.until_eof = true;
    } else if (name == "--noise") {
      options.noise = true;
    } else if (name == "--own-keys") {
      options.own_keys = true;
    } else if (name == "--offer-deflate") {
      options.target.offer_deflate = true;
    } else if (i + 1 < argc) {
      SetOption(options, name, argv[++i]);
    } else {
      Die(std::string(name) + " needs a value");
    }
  }
  if (options.target.port == 0 || options.pid == 0) Die("--port and --pid are required");
  if (options.value_bytes < kSequenceDigits || options.value_bytes > 8192) {
    Die("--value-bytes is 8 to 8192");
  }
  if (options.pipeline == 0 || options.connections == 0 || options.in_flight == 0 ||
      options.in_flight > 1024 || options.keys < options.pipeline) {
    Die("--pipeline, --conns and --in-flight are at least 1, --in-flight at most 1024");
  }
  return options;
}

}  // namespace nunc::bench
