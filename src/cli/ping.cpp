#include "cli/ping.h"

#include <chrono>
#include <string>

#include "cli/escape.h"
#include "cli/tcp_client.h"

namespace nunc {

namespace {

constexpr int kTimeoutMs = 5'000;
constexpr int kNoStop = -1;

Result<void> Expect(TcpClient& client, std::string_view wanted) {
  const Result<std::string> line = client.ReadLine(kTimeoutMs);
  if (!line) {
    return tl::unexpected(line.error());
  }
  if (*line != wanted) {
    return Fail(Fault::kUnavailable,
                "answered " + QuoteText(*line) + " where a Nunc server says " + QuoteText(wanted));
  }
  return {};
}

}  // namespace

Result<double> Ping(const HostPort& server) {
  Result<TcpClient> client = TcpClient::Connect(server, kTimeoutMs, kNoStop);
  if (!client) {
    return tl::unexpected(client.error());
  }
  const auto named = [&server](const Error& error) {
    return Fail(error.fault, ToText(server) + ": " + error.detail);
  };
  if (const Result<void> greeting = Expect(*client, "ok "); !greeting) {
    return named(greeting.error());
  }
  const auto begun = std::chrono::steady_clock::now();
  if (const Result<void> sent = client->Send("ping\n"); !sent) {
    return named(sent.error());
  }
  if (const Result<void> pong = Expect(*client, "pong"); !pong) {
    return named(pong.error());
  }
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
  return took.count();
}

}  // namespace nunc
