#include "cli/find_cluster.h"

#include <memory>
#include <poll.h>
#include <utility>

#include "cli/escape.h"
#include "cli/tcp_client.h"
#include "posix/disk.h"
#include "storage/meta.h"

namespace nunc {
namespace {

constexpr int kDoorTimeoutMs = 2'000;
constexpr int kAgainMs = 500;
constexpr std::string_view kError = "error ";

Result<std::string> AskDoor(const HostPort& door, int stop_fd) {
  Result<TcpClient> client = TcpClient::Connect(door, kDoorTimeoutMs, stop_fd);
  if (!client) {
    return tl::unexpected(client.error());
  }
  Result<std::string> line =
      client->Send("peer-address\n") ? client->ReadLine(kDoorTimeoutMs) : Result<std::string>("");
  if (line && line->starts_with("ok")) {
    line = client->ReadLine(kDoorTimeoutMs);  // behind the greeting
  }
  if (line && *line == "peer-address") {
    line = client->ReadLine(kDoorTimeoutMs);
    if (line && ParseHostPort(*line)) {
      return line;
    }
  }
  if (!line) {
    return Fail(Fault::kUnavailable, ToText(door) + ": " + line.error().detail);
  }
  const bool refused = line->starts_with(kError);
  return Fail(
      Fault::kUnavailable,
      ToText(door) +
          (refused ? " answers: " + HideControls(line->substr(kError.size()))
                   : " does not answer as the TCP door of a node does: is it another port?"));
}

bool IsReadable(int fd, int timeout_ms) {
  pollfd waited{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&waited, 1, timeout_ms) > 0;
}

}  // namespace

bool MustFindCluster(const Config& config) {
  if (config.cluster.replicate.empty()) {
    return false;
  }
  const Result<std::unique_ptr<PosixDisk>> disk =
      PosixDisk::Open(config.data_dir, FolderAccess::kReadOnly);
  const Result<Meta> meta = disk ? MetaFile::Read(**disk) : tl::unexpected(disk.error());
  // What else is wrong with it the start will say.
  return meta ? meta->joins : meta.error().fault == Fault::kNotFound;
}

Result<std::vector<std::string>> FindCluster(std::span<const std::string> doors, int stop_fd,
                                             const std::function<void(std::string_view)>& say) {
  std::vector<std::string> found;
  for (std::string said; found.empty();) {
    std::string why;
    for (const std::string& door : doors) {
      const Result<HostPort> address = ParseHostPort(door);
      Result<std::string> peer =
          address ? AskDoor(*address, stop_fd) : tl::unexpected(address.error());
      if (peer) {
        found.push_back(*std::move(peer));
      } else {
        why.append(why.empty() ? "" : "; ").append(peer.error().detail);
      }
    }
    if (found.empty() && why != said) {
      said = why;
      say("no node of --replicate-address is member of a cluster yet, so this one waits (one node "
          "begins it with --bootstrap): " +
          why);
    }
    if (IsReadable(stop_fd, found.empty() ? kAgainMs : 0)) {
      return Fail(Fault::kUnavailable, "told to stop");
    }
  }
  return found;
}

}  // namespace nunc
