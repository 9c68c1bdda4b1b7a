#include "server/cluster_member.h"

#include <utility>

namespace nunc {

std::string OwnMemberAddress(const ClusterConfig& config, std::string_view listens,
                             std::string_view client) {
  std::string address = config.advertise.empty() ? std::string(listens) : config.advertise;
  return address.append(" ").append(client);
}

Result<std::unique_ptr<ClusterMember>> ClusterMember::Open(World world, const ClusterConfig& config,
                                                           Listener listener, std::string address) {
  Result<MemberStart> start = world.persistence.member_start(world.random.Next());
  if (!start) {
    return tl::unexpected(start.error());
  }
  std::unique_ptr<ClusterMember> member(new ClusterMember);
  member->links_ = std::make_unique<PeerLinks>(
      PeerWorld{.loop = world.loop, .random = world.random, .events = *member}, std::move(listener),
      PeerOptions{.secret = config.secret});
  member->driver_ = std::make_unique<ClusterDriver>(
      ClusterDriver::World{.node = world.node,
                           .persistence = world.persistence,
                           .net = *member->links_,
                           .heard = std::move(world.heard)},
      MemberOptions{.address = std::move(address),
                    .priority = config.priority,
                    .join = config.join,
                    .quorum_timeout_us = config.quorum_timeout_us,
                    .forward_timeout_us = config.forward_timeout_us},
      std::move(*start), Now{.mono_us = MonotonicUs(), .wall_us = WallUs()});
  if (Result<void> started = member->links_->Start(); !started) {
    return tl::unexpected(started.error());
  }
  return member;
}

}  // namespace nunc
