#include "core/watch_history.h"

#include <algorithm>
#include <iterator>

#include "core/database.h"

namespace nunc {

void WatchHistory::OnRecord(const Record& record) {
  if (record.type == RecordType::kCreateDatabase) {
    Note(kTokenKey, {.revision = record.revision, .value = std::string(record.spec.token)});
  }
  for (const RecordItem& item : record.items) {
    if (item.type == RecordType::kMark || item.type == RecordType::kExpire) {
      continue;
    }
    const bool removed = item.type == RecordType::kRemove;
    Note(item.key, {.revision = record.revision,
                    .value = removed ? std::nullopt : std::optional(std::string(item.value)),
                    .version = item.version});
  }
}

void WatchHistory::Note(std::string_view key, Past past) {
  std::vector<Past>& pasts = keys_[std::string(key)];
  // To remove what is not there is told, but nothing is left of it for who lags.
  if (past.value || (!pasts.empty() && pasts.back().value)) {
    changes_.emplace_back(past.revision, key);
  }
  NoteRights(key, past);
  pasts.push_back(std::move(past));
}

void WatchHistory::NoteRights(std::string_view key, const Past& past) {
  if (!key.starts_with(kPermissionKeyPrefix)) {
    return;
  }
  Rights rights{.from = past.revision};
  if (past.value) {
    rights.list = PermissionList::ParseLenient(*past.value);
  }
  rights_[std::string(key.substr(kPermissionKeyPrefix.size()))].push_back(std::move(rights));
}

void WatchHistory::Cut(Revision last) {
  std::erase_if(changes_, [last](const auto& change) { return change.first > last; });
  for (auto& [key, pasts] : keys_) {
    std::erase_if(pasts, [last](const Past& past) { return past.revision > last; });
  }
  for (auto& [user, lists] : rights_) {
    std::erase_if(lists, [last](const Rights& rights) { return rights.from > last; });
  }
}

bool WatchHistory::MayRead(const Reader& reader, std::string_view key) const {
  if (IsSecureKey(key)) {
    return reader.admin;
  }
  const PermissionList* list = nullptr;
  if (const auto found = rights_.find(reader.user.empty() ? "all" : reader.user);
      found != rights_.end()) {
    const auto after = std::ranges::upper_bound(found->second, as_of_, {}, &Rights::from);
    if (after != found->second.begin() && std::prev(after)->list) {
      list = &*std::prev(after)->list;
    }
  }
  return list == nullptr ? reader.user.empty() : list->Allows(Permission::kRead, key);
}

bool WatchHistory::InOrder(std::string_view key) const {
  return waits_ || !IsSecureKey(key);
}

const WatchHistory::Past* WatchHistory::At(std::string_view key, Revision revision) const {
  const std::vector<Past>* pasts = Of(key);
  if (pasts == nullptr) {
    return nullptr;
  }
  const auto past = std::ranges::lower_bound(*pasts, revision, {}, &Past::revision);
  return past == pasts->end() || past->revision != revision ? nullptr : &*past;
}

const std::vector<WatchHistory::Past>* WatchHistory::Of(std::string_view key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &found->second;
}

WatchHistory::State WatchHistory::StateAt(const Reader& reader, const WatchedKeys& keys,
                                          Revision revision) const {
  State state;
  for (auto key = keys_.lower_bound(keys.prefix);
       key != keys_.end() && key->first.starts_with(keys.prefix); ++key) {
    const auto after = std::ranges::upper_bound(key->second, revision, {}, &Past::revision);
    if (keys.Contain(key->first) && after != key->second.begin() && std::prev(after)->value &&
        MayRead(reader, key->first)) {
      state.emplace(key->first, *std::prev(after)->value);
    }
  }
  return state;
}

Revision WatchHistory::Before(const Reader& reader, const WatchedKeys& keys,
                              Revision revision) const {
  auto change =
      std::ranges::lower_bound(changes_, revision, {}, &decltype(changes_)::value_type::first);
  while (change != changes_.begin()) {
    --change;
    if (keys.Contain(change->second) && InOrder(change->second) &&
        MayRead(reader, change->second)) {
      return change->first;
    }
  }
  return {};
}

}  // namespace nunc
