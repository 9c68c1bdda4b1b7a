// How old what a node has may be, and whether a primary still is one: what reads may ask for.
#include <utility>

#include "node/cluster_driver.h"

namespace nunc {

void ClusterDriver::NoteNews(Term term, Revision head) {
  // What a primary before had more is no measure for this one's log.
  if (term != std::exchange(news_term_, term)) {
    news_.reset();
  }
  if (!news_) {
    news_ = {.head = head, .at_us = now_.mono_us};
  }
  // Until the log ends in the primary's term it may end in records that will be taken back.
  const ChainEnd& end = world_.node.end();
  if (end.term == term && news_->head <= end.revision) {
    fresh_us_ = news_->at_us;
    news_.reset();
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
