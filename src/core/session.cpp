#include "core/session.h"

namespace nunc {

Writer Session::writer() const {
  if (!user.empty()) {
    return Writer::kUser;
  }
  return admin ? Writer::kAdmin : Writer::kToken;
}

std::shared_ptr<WatchingSession> Session::FindWatching(const Database& in) const {
  for (const DatabaseWatches& watching : watches) {
    if (watching.database == &in) {
      return watching.watches;
    }
  }
  return nullptr;
}

std::shared_ptr<WatchingSession> Session::WatchingIn(Database& in) {
  if (std::shared_ptr<WatchingSession> found = FindWatching(in); found != nullptr) {
    return found;
  }
  watches.push_back({.database = &in, .watches = std::make_shared<WatchingSession>(id, in)});
  watches.back().watches->set_lagging(lagging);
  watches.back().watches->set_allowance(&allowance);
  return watches.back().watches;
}

}  // namespace nunc
