// What a hub is given.
//
// Shape:   values. What they refer to outlives the hub.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "env/random.h"
#include "net/loop.h"
#include "node/cluster_driver.h"
#include "node/node.h"
#include "node/persistence.h"
#include "transport/peer_links.h"

namespace nunc {

struct StaticPage {
  std::string_view content_type;
  std::string_view body;
  std::string_view security_policy;
};
using PageFinder = std::function<std::optional<StaticPage>(std::string_view path)>;

struct HubWorld {
  Loop& loop;
  Node& node;
  Persistence* persistence = nullptr;  // null where nothing is kept
  Random& random;
  // Null where it is a member of no cluster; else both.
  ClusterDriver* cluster = nullptr;
  PeerLinks* peers = nullptr;
};

enum class Door : std::uint8_t { kTcp, kWebSocket, kHttp };

}  // namespace nunc
