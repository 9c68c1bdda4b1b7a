#include "node/remote_owners.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace nunc {

void RemoteOwners::Begin(std::int64_t now_us) {
  begun_us_ = now_us + kOwnersAwaitUs;
}

void RemoteOwners::End() {
  known_.clear();
  begun_us_.reset();
}

void RemoteOwners::Name(NodeId node, const Owners& owners) {
  Known& known = known_[node];
  if (!owners.all) {
    for (const std::uint64_t owner : owners.owners) {
      if (known.owners.erase(owner) > 0) {
        tell_(OwnerEnded{owner});
      }
    }
    return;
  }
  known.gone_us.reset();
  const std::size_t count = std::min(owners.owners.size(), kOwnersPerNodeMax);
  std::set<std::uint64_t> named(owners.owners.begin(),
                                owners.owners.begin() + static_cast<std::ptrdiff_t>(count));
  for (const std::uint64_t owner : std::exchange(known.owners, std::move(named))) {
    if (!known.owners.contains(owner)) {
      tell_(OwnerEnded{owner});
    }
  }
}

void RemoteOwners::Note(NodeId node, std::uint64_t owner) {
  if (Known& known = known_[node]; known.owners.size() < kOwnersPerNodeMax) {
    known.owners.insert(owner);
  }
}

void RemoteOwners::OnLinkDown(NodeId node, std::int64_t now_us) {
  if (const auto known = known_.find(node); known != known_.end()) {
    known->second.gone_us = now_us + kOwnersAwaitUs;
  }
}

std::int64_t RemoteOwners::next_us() const {
  std::int64_t next_us = begun_us_.value_or(INT64_MAX);
  for (const auto& [node, known] : known_) {
    next_us = std::min(next_us, known.gone_us.value_or(INT64_MAX));
  }
  return next_us;
}

void RemoteOwners::Work(std::int64_t now_us) {
  for (auto next = known_.begin(); next != known_.end();) {
    const auto known = next++;
    if (known->second.gone_us && now_us >= *known->second.gone_us) {
      const std::set<std::uint64_t> gone = std::move(known->second.owners);
      known_.erase(known);
      for (const std::uint64_t owner : gone) {
        tell_(OwnerEnded{owner});
      }
    }
  }
  if (begun_us_ && now_us >= *begun_us_) {
    begun_us_.reset();
    std::set<std::uint64_t> here;
    for (const auto& [node, known] : known_) {
      here.insert(known.owners.begin(), known.owners.end());
    }
    tell_(OwnersElsewhere{&here});
  }
}

}  // namespace nunc
