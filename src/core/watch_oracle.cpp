#include "core/watch_oracle.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "core/database.h"

namespace nunc {
namespace {

std::string Broken(std::string_view name, const Change& change) {
  return std::string(name) + ": " + std::string(change.key) + " at " +
         std::to_string(change.revision.value);
}

}  // namespace

bool WatchView::Wants(const Change& change) const {
  if (!watching_) {
    return false;
  }
  switch (change.kind) {
    case ChangeKind::kStarted:
    case ChangeKind::kReady:
      return change.key == pattern_ || (begun_ && change.key.empty());
    case ChangeKind::kGap:
      return change.key == pattern_;
    case ChangeKind::kSet:
    case ChangeKind::kRemoved:
      break;
    case ChangeKind::kConflict:
      return false;
  }
  return begun_ && keys_.Contain(change.key);
}

std::string WatchView::OnEvent(const Change& change) {
  switch (change.kind) {
    case ChangeKind::kStarted:
      return OnStarted(change);
    case ChangeKind::kReady:
      return OnReady(change);
    case ChangeKind::kGap:
      gap_ = true;
      ready_ = false;
      return policy_ == WatchPolicy::kAll ? std::string() : Broken("filter (a gap)", change);
    default:
      return OnKey(change);
  }
}

std::string WatchView::OnStarted(const Change& change) {
  // What is told of keys of the session is not about a pattern, and about a key only when it comes.
  const bool rewound = change.value.starts_with("rewound");
  if (change.key.empty() && (keys_.is_pattern || (policy_ == WatchPolicy::kAll && !rewound))) {
    return {};
  }
  rewound_ = rewound || rewound_;
  const bool resumes = change.value == "delta" || change.value == "snapshot";
  if (resumes && CutUntold()) {
    return Broken("reliable (cut without a gap)", change);
  }
  begun_ = true;
  ready_ = false;
  if (rewound) {
    // Of what it has been told that is no more, the values of before follow.
    begins_ = true;
    ready_at_ = {};
  } else if (change.value != "delta" && change.value != "current") {
    begins_ = true;
    state_.clear();
    told_.clear();
    known_ = {};
  }
  if (change.value.starts_with("rewind")) {
    ready_at_ = {};
    live_ = {};
  }
  return {};
}

std::string WatchView::OnKey(const Change& change) {
  const bool removed = change.kind == ChangeKind::kRemoved;
  if (std::string broken = CheckRate(change); !broken.empty()) {
    return broken;
  }
  // What is told again has no time any more, so this is of a transaction that is told live.
  const bool in_unit = change.more && change.time_us != 0;
  if (change.more && !in_unit && CutUntold()) {
    return Broken("reliable (left out without a gap)", change);
  }
  if (removed && change.revision == Revision{}) {
    // Nothing is left that tells when; that it is gone shows at the next `ready`.
    state_.erase(std::string(change.key));
    ready_ = ready_ && !change.more;
    return {};
  }
  if (std::string broken = CheckFilter(change); !broken.empty()) {
    return broken;
  }
  Revision& told = told_[std::string(change.key)];
  const Revision reached = ready_ ? std::max(live_, told) : known_;
  if (overlaps_ && change.more && change.revision <= reached) {
    return {};  // told to another watch, which has yet to get there
  }
  if (change.revision <= told && !MayComeAgain(change, told)) {
    return Broken("unique", change);
  }
  told = std::max(told, change.revision);
  if (removed) {
    state_.erase(std::string(change.key));
  } else {
    state_.insert_or_assign(std::string(change.key), std::string(change.value));
  }
  unit_open_ = in_unit;
  if (change.more && !in_unit) {
    ready_ = false;
  } else if (std::string broken = CheckLive(change); !broken.empty()) {
    return broken;
  }
  if (!loose()) {
    live_ = std::max(live_, change.revision);
  }
  return {};
}

std::string WatchView::CheckRate(const Change& change) {
  if (policy_ != WatchPolicy::kEvery) {
    return {};
  }
  const auto [told, first] = told_at_.try_emplace(std::string(change.key), history_.now_us());
  const std::int64_t before_us = std::exchange(told->second, history_.now_us());
  return !first && !begins_ && history_.now_us() < before_us + interval_us_ ? Broken("rate", change)
                                                                            : std::string();
}

bool WatchView::MayComeAgain(const Change& change, Revision told) const {
  // An admin who lagged goes on from before the `$$` keys that waited for the disk meanwhile.
  const bool admin_lagged = change.more && reader_.admin && !history_.waits();
  // To remove what is not there is told with a revision of its own, and is in no delta.
  const bool gone = change.kind == ChangeKind::kRemoved && !state_.contains(change.key);
  // A gap may fall within a transaction, and then tells all of it.
  // What is put back may be older than a token, and what it holds.
  const bool put_back = rewound_ && change.more;
  return put_back || ((loose() || admin_lagged || gap_) && (change.revision == told || gone));
}

std::string WatchView::CheckFilter(const Change& change) const {
  const WatchHistory::Past* past = history_.At(change.key, change.revision);
  const bool removed = change.kind == ChangeKind::kRemoved;
  if (past == nullptr || past->value.has_value() == removed ||
      (!removed && (*past->value != change.value || past->version != change.version))) {
    return Broken("filter (never happened)", change);
  }
  if (!history_.MayRead(reader_, change.key)) {
    return Broken("filter (may not be read)", change);
  }
  const bool waits = history_.waits() || IsSecureKey(change.key);
  return waits && change.revision > history_.durable()
             ? Broken("shown before it is on disk", change)
             : std::string();
}

std::string WatchView::CheckLive(const Change& change) const {
  if (!ready_ || loose() || !history_.InOrder(change.key)) {
    return {};
  }
  const bool same_unit = unit_open_ && change.revision == live_;
  if (change.revision <= live_ && !same_unit) {
    return Broken("ordered", change);
  }
  return history_.Before(reader_, keys_, change.revision) > live_
             ? Broken("reliable (left out before)", change)
             : std::string();
}

std::string WatchView::OnReady(const Change& change) {
  if (change.revision < ready_at_) {
    return Broken("bookmarkable (goes back)", change);
  }
  if (history_.waits() && change.revision > history_.durable()) {
    return Broken("bookmarkable (beyond the disk)", change);
  }
  // One for all watches of the database comes while none of a pattern is being told.
  if (change.key.empty() && !ready_ && keys_.is_pattern) {
    return Broken("bookmarkable (in the middle of a unit)", change);
  }
  ready_ = true;
  begins_ = false;
  unit_open_ = false;
  gap_ = false;
  rewound_ = false;
  behind_ = false;
  live_ = std::max(live_, change.revision);
  if (std::string broken = Compare(change.revision); !broken.empty()) {
    return broken;
  }
  ready_at_ = change.revision;
  known_ = change.revision;
  ready_state_ = state_;
  token_ = change.value;
  return {};
}

std::string WatchView::Compare(Revision revision) const {
  if (overlaps_) {
    return {};  // what the others were told cannot be told apart
  }
  const WatchHistory::State expected = history_.StateAt(reader_, keys_, revision);
  if (state_ == expected) {
    return {};
  }
  std::string broken = "atomic: at " + std::to_string(revision.value) + " there were";
  for (const auto& [key, value] : expected) {
    broken.append(" ").append(key).append("=").append(value);
  }
  broken += ", but the client holds";
  for (const auto& [key, value] : state_) {
    broken.append(" ").append(key).append("=").append(value);
  }
  return broken;
}

void WatchView::Resume() {
  watching_ = true;
  begun_ = false;
  ready_ = false;
  begins_ = true;
  told_at_.clear();
  unit_open_ = false;
  gap_ = false;
  rewound_ = false;
  behind_ = false;
  live_ = ready_at_;
  known_ = ready_at_;
  state_ = ready_state_;
  for (auto& [key, told] : told_) {
    told = std::min(told, ready_at_);
  }
}

void WatchView::ResumeFrom(std::string_view token, Revision revision) {
  token_ = token;
  ready_at_ = revision;
  ready_state_ = history_.StateAt(reader_, keys_, revision);
  told_.clear();
  for (const auto& [key, value] : ready_state_) {
    const std::vector<WatchHistory::Past>& pasts = *history_.Of(key);
    told_[key] =
        std::prev(std::ranges::upper_bound(pasts, revision, {}, &WatchHistory::Past::revision))
            ->revision;
  }
  Resume();
}

void WatchView::BeginBehind(Revision revision) {
  ResumeFrom("0", revision);
  begun_ = true;
  ready_ = true;
}

void WatchView::OnRewind(Revision shared) {
  behind_ = true;
  live_ = std::min(live_, shared);
  known_ = std::min(known_, shared);
  for (auto& [key, told] : told_) {
    // A removal that was told late has no revision.
    told = told > shared || !state_.contains(key) ? Revision{} : told;
  }
}

std::string WatchView::AtRest(Revision newest) const {
  if (unit_open_) {
    return "atomic: a transaction is left open";
  }
  return ready_ ? Compare(newest) : "reliable: never ready";
}

}  // namespace nunc
