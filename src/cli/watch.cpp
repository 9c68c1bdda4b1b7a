#include "cli/watch.h"

#include <algorithm>
#include <optional>
#include <poll.h>
#include <string>
#include <utility>

#include "cli/escape.h"
#include "cli/tcp_client.h"

namespace nunc {

namespace {

constexpr int kAnswerTimeoutMs = 10'000;
constexpr int kBackoffMsMin = 50;
constexpr int kBackoffMsMax = 1'000;

enum class End : unsigned char { kLost, kRefused };

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

// One run of `nunc watch`, over as many connections as it takes.
class Watcher {
 public:
  Watcher(const WatchArguments& arguments, int stop_fd, const WatchOutput& output)
      : arguments_(arguments),
        is_pattern_(arguments.key.ends_with('*')),
        stop_fd_(stop_fd),
        output_(output) {}

  ExitCode Run() {
    while (true) {
      const End end = FollowOnce();
      if (Stopped(0)) {
        return ExitCode::kOk;
      }
      if (!ever_live_ || end == End::kRefused) {
        output_.say(reason_);
        return ExitCode::kUnreachable;
      }
      // Said once per outage, not once per attempt.
      if (reason_ != said_) {
        said_ = reason_;
        output_.say(reason_ + "; trying again");
      }
      if (Stopped(backoff_ms_)) {
        return ExitCode::kOk;
      }
      backoff_ms_ = std::min(backoff_ms_ * 2, kBackoffMsMax);
    }
  }

 private:
  // Connects, and returns when that connection is over.
  End FollowOnce() {
    Result<TcpClient> client = TcpClient::Connect(arguments_.server, kAnswerTimeoutMs, stop_fd_);
    if (!client) {
      return Lost(client.error().detail);
    }
    const std::string user = arguments_.user.empty() ? "" : arguments_.user + " ";
    const std::string watch = "watch " + arguments_.key;
    const Result<void> sent = client->Send(
        "use-db " + arguments_.database + " " + user + arguments_.token + "\n" +
        (is_pattern_ ? watch + " since " + token_ : watch + "\nget-safe " + arguments_.key) + "\n");
    if (!sent) {
      return Lost(sent.error().detail);
    }
    return Follow(*client);
  }

  End Follow(TcpClient& client) {
    live_ = false;
    while (true) {
      const Result<std::string> line = client.ReadLine(live_ ? -1 : kAnswerTimeoutMs);
      if (!line) {
        return Lost(ToText(arguments_.server) + ": " + line.error().detail);
      }
      if (const std::optional<End> end = Take(*line)) {
        return *end;
      }
    }
  }

  std::optional<End> Take(std::string_view line) {
    if (TakePrefix(line, "error ")) {
      while (line.ends_with(' ')) {
        line.remove_suffix(1);
      }
      reason_ = ToText(arguments_.server) + " refused: " + HideControls(line);
      // A server that keeps nothing forgets its databases; somebody may create it again.
      return line == "Not a valid database name" ? End::kLost : End::kRefused;
    }
    if (is_pattern_) {
      TakeOfPattern(line);
    } else if (!live_) {
      // A change that arrives before the present value is part of it.
      if (TakePrefix(line, "value-version ")) {
        BecomeLive();
        const bool missing = line.substr(line.find(' ') + 1) == "<Empty>";
        Show(missing ? "removed" : HideControls(line), !ever_live_);
        ever_live_ = true;
      }
    } else if (TakePrefix(line, "changed-version ") && TakePrefix(line, arguments_.key + " ")) {
      Show(HideControls(line), true);
    } else if (line == "removed " + arguments_.key) {
      Show("removed", true);
    }
    return std::nullopt;
  }

  // All keys with a prefix: what is there, or has changed since the token, and then what changes.
  void TakeOfPattern(std::string_view line) {
    if (TakePrefix(line, "changed-version ")) {
      output_.print(HideControls(line));
    } else if (TakePrefix(line, "removed ")) {
      output_.print(HideControls(line) + " removed");
    } else if (TakePrefix(line, "ready ")) {
      token_ = line.substr(line.rfind(' ') + 1);
      BecomeLive();
      ever_live_ = true;
    }
  }

  void BecomeLive() {
    live_ = true;
    if (!said_.empty()) {
      output_.say("connected again");
      said_.clear();
    }
    backoff_ms_ = kBackoffMsMin;
  }

  void Show(std::string state, bool always) {
    if (always || state != shown_) {
      output_.print(arguments_.key + " " + state);
    }
    shown_ = std::move(state);
  }

  End Lost(std::string reason) {
    reason_ = std::move(reason);
    return End::kLost;
  }

  // Waits so long for the word to stop.
  bool Stopped(int wait_ms) const {
    pollfd stop{stop_fd_, POLLIN, 0};
    return poll(&stop, 1, wait_ms) > 0;
  }

  const WatchArguments& arguments_;
  const bool is_pattern_;
  std::string token_ = "0";  // of the newest `ready`
  const int stop_fd_;
  const WatchOutput& output_;
  bool live_ = false;       // this connection has given the present value
  bool ever_live_ = false;  // some connection has
  std::string shown_;
  std::string reason_;
  std::string said_;
  int backoff_ms_ = kBackoffMsMin;
};

}  // namespace

ExitCode Watch(const WatchArguments& arguments, int stop_fd, const WatchOutput& output) {
  return Watcher(arguments, stop_fd, output).Run();
}

}  // namespace nunc
