#include "core/leaving_watches.h"

#include <cstdint>
#include <utility>

#include "base/limits.h"
#include "core/delta_walk.h"

namespace nunc {

void LeavingWatches::Add(std::shared_ptr<WatchingSession> watching) {
  Watches& watches = watching->database().watches();
  left_ -= watches.RemoveSome(*watching, left_);
  if (waiting_ + watching->size() > kLeavingWatchesMax) {
    watches.RemoveAll(*watching);
  }
  if (watching->size() == 0) {
    return;
  }
  waiting_ += watching->size();
  watching->set_lagging(true);
  watching->set_allowance(nullptr);
  for (const auto& [prefix, watch] : watching->patterns()) {
    if (watch->catch_up != nullptr) {
      DeltaWalk::Leave(*watch->catch_up);
    }
  }
  leaving_.push_back(std::move(watching));
}

void LeavingWatches::EndSome() {
  left_ = per_turn_;
  while (left_ > 0 && !leaving_.empty()) {
    WatchingSession& watching = *leaving_.back();
    const std::size_t ended = watching.database().watches().RemoveSome(watching, left_);
    left_ -= ended;
    waiting_ -= ended;
    if (watching.size() > 0) {
      return;
    }
    leaving_.pop_back();
  }
}

void LeavingWatches::End(const Database& database) {
  std::erase_if(leaving_, [this, &database](const std::shared_ptr<WatchingSession>& watching) {
    if (&watching->database() != &database) {
      return false;
    }
    waiting_ -= watching->size();
    watching->database().watches().RemoveAll(*watching);
    return true;
  });
}

}  // namespace nunc
