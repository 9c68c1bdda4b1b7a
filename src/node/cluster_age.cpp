// How old what a node has may be, and whether a primary still is one: what reads may ask for.
#include <algorithm>

#include "base/limits.h"
#include "node/cluster_driver.h"

namespace nunc {

void ClusterDriver::NoteNews(Revision head) {
  // Where so much is on the way, later news say nothing before all that has come.
  if (news_.size() < kNewsMax) {
    news_.push_back({.head = head, .at_us = now_.mono_us});
  }
  while (!news_.empty() && news_.front().head <= world_.node.end().revision) {
    fresh_us_ = news_.front().at_us;
    news_.pop_front();
  }
}

std::optional<std::int64_t> ClusterDriver::age_us() const {
  if (world_.node.role() == NodeRole::kPrimary) {
    return 0;
  }
  return fresh_us_ ? std::optional(now_.mono_us - *fresh_us_) : std::nullopt;
}

bool ClusterDriver::Confirmed(std::int64_t at_us) {
  const std::optional<std::int64_t> known_us = member_->confirmed_us();
  if (known_us && *known_us >= at_us) {
    return true;
  }
  // One answer serves all who asked before it was asked for.
  confirm_asked_ = confirm_asked_ || confirm_sent_us_ < at_us;
  return false;
}

void ClusterDriver::AskWhetherPrimary() {
  if (std::exchange(confirm_asked_, false)) {
    confirm_sent_us_ = now_.mono_us;
    Step(ConfirmAsked{});
  }
}

}  // namespace nunc
