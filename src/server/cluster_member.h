// A server's part in a cluster: the links with the other nodes, and who decides what to do.
//
// Shape:   made when the data folder is loaded and before any door opens.
// Owner:   Server, destroyed before the hub's node and the data folder.
// Source:  docs/cluster.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "node/cluster_driver.h"
#include "server/cluster_config.h"
#include "transport/peer_links.h"

namespace nunc {

// `PEER CLIENT` of this node, as the list of members has it.
std::string OwnMemberAddress(const ClusterConfig& config, std::string_view listens,
                             std::string_view client);

class ClusterMember final : public PeerEvents {
 public:
  struct World {
    Loop& loop;
    Random& random;
    Node& node;
    Persistence& persistence;
    std::function<void(const Output&)> heard;
  };
  static Result<std::unique_ptr<ClusterMember>> Open(World world, const ClusterConfig& config,
                                                     Listener listener, std::string address);

  [[nodiscard]] ClusterDriver& driver() { return *driver_; }
  [[nodiscard]] PeerLinks& links() { return *links_; }

  void OnLinkOpen(LinkId link, LinkOrigin origin, std::string_view address) override {
    driver_->OnLinkOpen(link, origin, address);
  }
  std::size_t OnLinkBytes(LinkId link, std::string_view bytes) override {
    return driver_->OnLinkBytes(link, bytes);
  }
  void OnLinkClosed(LinkId link, std::string_view why) override {
    driver_->OnLinkClosed(link, why);
  }
  void OnDialFailed(std::string_view address, DialFailure failure, std::string_view why) override {
    driver_->OnDialFailed(address, failure, why);
  }

 private:
  ClusterMember() = default;

  // Events come from the links once they have started, and by then the driver is there.
  std::unique_ptr<PeerLinks> links_;
  std::unique_ptr<ClusterDriver> driver_;
};

}  // namespace nunc
