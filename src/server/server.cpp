#include "server/server.h"

#include <atomic>
#include <csignal>
#include <optional>
#include <random>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "admin/pages.h"
#include "base/log.h"
#include "language/merge_edit.h"
#include "net/loop.h"
#include "node/node.h"
#include "posix/heap.h"
#include "posix/random.h"
#include "server/cluster_member.h"
#include "server/data_folder.h"
#include "server/door.h"
#include "transport/hub.h"

namespace nunc {
namespace {

// How long a stop waits for readers: once until all that was read has run, once more until all
// answers are taken.
constexpr std::int64_t kStopUs = 5'000'000;
// And for another node to become primary in its place.
constexpr std::int64_t kHandOverUs = 1'000'000;

constexpr std::string_view kDemoDatabase = "demo";

std::optional<StaticPage> FindStaticPage(std::string_view path) {
  const std::optional<Page> page = FindPage(path);
  if (!page) {
    return std::nullopt;
  }
  return StaticPage{.content_type = page->content_type,
                    .body = page->body,
                    .security_policy = kPageSecurityPolicy};
}

std::uint64_t RandomSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

HubLimits LimitsOf(const Config& config) {
  return {.value_bytes_max = config.value_bytes_max,
          .connections_max = config.connections_max,
          .buffered_bytes_max = config.buffered_bytes_max,
          .handshake_timeout_ms = config.handshake_timeout_ms,
          .http_request_timeout_ms = config.http_request_timeout_ms,
          .http_idle_timeout_ms = config.http_idle_timeout_ms,
          .ping_interval_ms = config.ping_interval_ms};
}

ExecutorOptions ExecutorOptionsOf(const Config& config) {
  return {.user = config.user,
          .password = config.password,
          .address = config.external_address,
          .start_time_ms = WallUs() / 1000,
          .hash_seed = RandomSeed(),
          .value_bytes_max = config.value_bytes_max,
          .ack_default = config.ack,
          .memory_bytes_max = config.memory_bytes_max,
          .token_wait_us = config.cluster.token_wait_us,
          .forwards = config.cluster.active() && config.cluster.forward,
          .make_edit = MergeEdit::Make,
          .has_log = !config.memory};
}

// All addresses, taken but not served yet.
struct Doors {
  Listener tcp{};
  Listener ws{};
  Listener http{};
  Listener peers{};  // of a member of a cluster

  Result<void> Open(const Config& config) {
    const auto listen = [](const HostPort& address, Listener& into) -> Result<void> {
      Result<Listener> listener = ListenTcp(address.host, address.port);
      if (!listener) {
        return tl::unexpected<Error>(listener.error());
      }
      into = std::move(*listener);
      return {};
    };
    Result<void> opened = listen(config.tcp, tcp);
    opened = opened ? listen(config.ws, ws) : opened;
    opened = opened ? listen(config.http, http) : opened;
    if (opened && config.cluster.active()) {
      opened = listen(*ParseHostPort(config.cluster.listen), peers);
    }
    return opened;
  }
};

// SIGINT and SIGTERM as something to read, so that a stop happens between turns.
class StopSignals final : public Loop::Handler {
 public:
  explicit StopSignals(std::atomic<bool>& stop) : stop_(stop) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    socket_ = Socket(signalfd(-1, &signals_, SFD_NONBLOCK | SFD_CLOEXEC));
  }
  ~StopSignals() override { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] int fd() const { return socket_.fd(); }

  void OnReady(std::uint32_t) override {
    signalfd_siginfo info{};
    while (read(socket_.fd(), &info, sizeof(info)) == sizeof(info)) {
      stop_ = true;
    }
  }

 private:
  std::atomic<bool>& stop_;
  sigset_t signals_{};
  sigset_t before_{};
  Socket socket_;
};

}  // namespace

class Server::Parts {
 public:
  Parts(const Config& config, Loop loop)
      : loop_(std::move(loop)), node_(ExecutorOptionsOf(config)) {}

  // Everything that the data folder holds, before anybody can ask for it. `client` is where this
  // node's clients reach it, of a member of a cluster.
  Result<void> Load(const Config& config, const ShowProgress& show, Listener peers,
                    std::string_view client) {
    const std::string address = OwnMemberAddress(config.cluster, peers.address, client);
    if (!config.memory) {
      Result<std::unique_ptr<DataFolder>> folder =
          DataFolder::Open(config, node_, heap_, show, address);
      if (!folder) {
        return tl::unexpected(folder.error());
      }
      folder_ = std::move(*folder);
      if (Result<void> watched = folder_->Watch(loop_); !watched) {
        return watched;
      }
    }
    if (config.cluster.active()) {
      Result<std::unique_ptr<ClusterMember>> member =
          ClusterMember::Open({.loop = loop_,
                               .random = random_,
                               .node = node_,
                               .persistence = folder_->persistence(),
                               .heard = [this](const Output& output) { Hear(output); }},
                              config.cluster, std::move(peers), address);
      if (!member) {
        return tl::unexpected(member.error());
      }
      cluster_ = std::move(*member);
    }
    signals_.emplace(stop_);
    hub_.emplace(HubWorld{.loop = loop_,
                          .node = node_,
                          .persistence = folder_ == nullptr ? nullptr : &folder_->persistence(),
                          .random = random_,
                          .cluster = cluster_ == nullptr ? nullptr : &cluster_->driver(),
                          .peers = cluster_ == nullptr ? nullptr : &cluster_->links()},
                 LimitsOf(config), FindStaticPage);
    if (config.demo) {
      node_.EnsureDatabase(kDemoDatabase, kDemoDatabase);
    }
    return {};
  }

  Result<void> OpenDoors(Listener tcp, Listener ws, Listener http) {
    addresses_ = {.ws = ws.address, .http = http.address, .tcp = tcp.address};
    if (cluster_ != nullptr) {
      addresses_.peers = cluster_->links().address();
    }
    node_.SetDefaultAddress(tcp.address);
    doors_.push_back(std::make_unique<ListeningDoor>(*hub_, std::move(tcp), Door::kTcp));
    doors_.push_back(std::make_unique<ListeningDoor>(*hub_, std::move(ws), Door::kWebSocket));
    doors_.push_back(std::make_unique<ListeningDoor>(*hub_, std::move(http), Door::kHttp));
    for (const auto& door : doors_) {
      if (Result<void> started = door->Start(); !started) {
        return started;
      }
    }
    const Result<Loop::Registration> added = loop_.Add(signals_->fd(), EPOLLIN, *signals_);
    if (!added) {
      return tl::unexpected<Error>(added.error());
    }
    return {};
  }

  Result<void> Run() {
    while (!stop_ && !wants_reload()) {
      if (Result<void> turned = hub_->Turn(); !turned) {
        return turned;
      }
    }
    LogInfo("stopping connections=" + std::to_string(hub_->connections()) +
            (wants_reload() ? " to start anew with the state that has come" : ""));
    if (Result<void> handed = HandOver(); !handed) {
      return handed;
    }
    for (const auto& door : doors_) {
      door->Stop();
    }
    if (Result<void> stopped = hub_->StopReading(); !stopped) {
      return stopped;
    }
    if (Result<void> ran = TurnWhile([this] { return hub_->HasUnrun(); }); !ran) {
      return ran;
    }
    hub_->SayGoodbye();
    Result<void> ended = TurnWhile([this] { return !hub_->idle(); });
    LogInfo("stopped connections_cut=" + std::to_string(hub_->connections()));
    if (ended && folder_ != nullptr) {
      return folder_->persistence().Finish();
    }
    return ended;
  }

  void Stop() {
    stop_ = true;
    loop_.Wake();
  }

  [[nodiscard]] const Addresses& addresses() const { return addresses_; }
  [[nodiscard]] bool starts_anew() const { return wants_reload() && !stop_; }

 private:
  [[nodiscard]] bool wants_reload() const {
    return cluster_ != nullptr && cluster_->driver().wants_reload();
  }

  // Before the hub is there, nobody is there to hear.
  void Hear(const Output& output) {
    if (hub_) {
      hub_->Hear(output);
    }
  }

  // A primary whose process just ended would be missed for longer.
  Result<void> HandOver() {
    if (cluster_ == nullptr || wants_reload()) {
      return {};
    }
    cluster_->driver().Stop();
    return TurnWhile([this] { return node_.role() == NodeRole::kPrimary; }, kHandOverUs);
  }

  template <class Condition>
  Result<void> TurnWhile(Condition condition, std::int64_t longest_us = kStopUs) {
    const std::int64_t until_us = MonotonicUs() + longest_us;
    while (condition() && MonotonicUs() < until_us) {
      if (Result<void> turned = hub_->Turn(); !turned) {
        return turned;
      }
    }
    return {};
  }

  Heap heap_;
  PosixRandom random_;
  std::atomic<bool> stop_ = false;
  Loop loop_;
  std::optional<StopSignals> signals_;
  Node node_;
  std::unique_ptr<DataFolder> folder_;      // null: in memory only
  std::unique_ptr<ClusterMember> cluster_;  // null: in none
  std::optional<Hub> hub_;
  std::vector<std::unique_ptr<ListeningDoor>> doors_;
  Addresses addresses_;
};

Result<std::unique_ptr<Server>> Server::Open(const Config& config, const ShowProgress& show) {
  Result<Loop> loop = Loop::Create();
  if (!loop) {
    return tl::unexpected<Error>(loop.error());
  }
  auto parts = std::make_unique<Parts>(config, std::move(*loop));
  Doors doors;
  // Where others reach it is part of what a member begins or joins a cluster with.
  if (config.cluster.active()) {
    if (Result<void> opened = doors.Open(config); !opened) {
      return tl::unexpected<Error>(opened.error());
    }
  }
  const std::string client =
      config.external_address.empty() ? doors.tcp.address : config.external_address;
  if (const Result<void> loaded = parts->Load(config, show, std::move(doors.peers), client);
      !loaded) {
    return tl::unexpected<Error>(loaded.error());
  }
  if (!config.cluster.active()) {
    if (Result<void> opened = doors.Open(config); !opened) {
      return tl::unexpected<Error>(opened.error());
    }
  }
  if (const Result<void> opened =
          parts->OpenDoors(std::move(doors.tcp), std::move(doors.ws), std::move(doors.http));
      !opened) {
    return tl::unexpected<Error>(opened.error());
  }
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

const Addresses& Server::addresses() const {
  return parts_->addresses();
}

Result<void> Server::Run() {
  return parts_->Run();
}

bool Server::starts_anew() const {
  return parts_->starts_anew();
}

void Server::Stop() {
  parts_->Stop();
}

}  // namespace nunc
