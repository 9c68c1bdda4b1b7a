#include "sim/watch_oracle.h"

#include <algorithm>

namespace nunc {
namespace {

std::string Broken(std::string_view name, const Change& change) {
  return std::string(name) + ": " + std::string(change.key) + " at " +
         std::to_string(change.revision.value);
}

}  // namespace

void WatchHistory::OnRecord(const Record& record) {
  for (const RecordItem& item : record.items) {
    if (item.type == RecordType::kMark) {
      continue;
    }
    const bool removed = item.type == RecordType::kRemove;
    keys_[std::string(item.key)].push_back(
        {.revision = record.revision,
         .value = removed ? std::nullopt : std::optional(std::string(item.value)),
         .version = item.version});
    changes_.emplace_back(record.revision, item.key);
  }
}

const WatchHistory::Past* WatchHistory::At(std::string_view key, Revision revision) const {
  const auto found = keys_.find(key);
  if (found == keys_.end()) {
    return nullptr;
  }
  const auto past = std::find_if(found->second.begin(), found->second.end(),
                                 [&](const Past& p) { return p.revision == revision; });
  return past == found->second.end() ? nullptr : &*past;
}

WatchHistory::State WatchHistory::StateAt(std::string_view prefix, Revision revision) const {
  State state;
  for (auto key = keys_.lower_bound(prefix); key != keys_.end() && key->first.starts_with(prefix);
       ++key) {
    const auto after = std::upper_bound(key->second.begin(), key->second.end(), revision,
                                        [](Revision r, const Past& p) { return r < p.revision; });
    if (after != key->second.begin() && std::prev(after)->value) {
      state.emplace(key->first, *std::prev(after)->value);
    }
  }
  return state;
}

Revision WatchHistory::Before(std::string_view prefix, Revision revision) const {
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    if (change->first < revision && change->second.starts_with(prefix)) {
      return change->first;
    }
  }
  return {};
}

std::string WatchView::OnEvent(const Change& change) {
  switch (change.kind) {
    case ChangeKind::kStarted:
      if (is_pattern_ && change.key.empty()) {
        return {};
      }
      ready_ = false;
      if (change.value != "delta" && change.value != "current") {
        state_.clear();
        told_.clear();
      }
      return {};
    case ChangeKind::kReady:
      return OnReady(change);
    case ChangeKind::kSet:
    case ChangeKind::kRemoved:
      return OnKey(change);
    case ChangeKind::kConflict:
      break;
  }
  return Broken("filter", change);
}

std::string WatchView::OnKey(const Change& change) {
  if (is_pattern_ ? !change.key.starts_with(prefix_) : change.key != prefix_) {
    return Broken("filter", change);
  }
  const bool removed = change.kind == ChangeKind::kRemoved;
  if (removed && change.revision == Revision{}) {
    // Nothing is left that tells when; that it is gone shows at the next `ready`.
    state_.erase(std::string(change.key));
    ready_ = ready_ && !change.more;
    return {};
  }
  const WatchHistory::Past* past = history_.At(change.key, change.revision);
  if (past == nullptr || past->value.has_value() == removed ||
      (!removed && (*past->value != change.value || past->version != change.version))) {
    return Broken("filter (never happened)", change);
  }
  if (change.revision > history_.durable()) {
    return Broken("shown before it is on disk", change);
  }
  Revision& told = told_[std::string(change.key)];
  if (change.revision <= told) {
    return Broken("unique", change);
  }
  told = change.revision;
  if (removed) {
    state_.erase(std::string(change.key));
  } else {
    state_.insert_or_assign(std::string(change.key), std::string(change.value));
  }
  if (change.more) {
    ready_ = false;
  } else if (ready_) {
    if (change.revision <= live_) {
      return Broken("ordered", change);
    }
    if (history_.Before(prefix_, change.revision) > live_) {
      return Broken("reliable (left out before)", change);
    }
  }
  live_ = std::max(live_, change.revision);
  return {};
}

std::string WatchView::OnReady(const Change& change) {
  if (change.revision < ready_at_) {
    return Broken("bookmarkable", change);
  }
  // One for all watches of the database comes while none of a pattern is being told.
  if (change.key.empty() && !ready_ && is_pattern_) {
    return Broken("bookmarkable (in the middle of a unit)", change);
  }
  ready_ = true;
  ready_at_ = change.revision;
  live_ = std::max(live_, change.revision);
  token_ = change.value;
  return Compare(change.revision);
}

std::string WatchView::Compare(Revision revision) const {
  const WatchHistory::State expected = history_.StateAt(prefix_, revision);
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
  ready_ = false;
  live_ = ready_at_;
  state_ = history_.StateAt(prefix_, ready_at_);
  for (auto& [key, told] : told_) {
    told = std::min(told, ready_at_);
  }
}

std::string WatchView::AtRest(Revision newest) const {
  return ready_ ? Compare(newest) : "reliable: never ready";
}

}  // namespace nunc
