#include <algorithm>
#include <map>
#include <memory>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "base/planted.h"
#include "core/store.h"

namespace nunc {

Result<void> Store::MayRewind(Revision to) const {
  const auto number = [](Revision revision) { return std::to_string(revision.value); };
  if (to > last_.revision) {
    return Fail(Fault::kInvalid, "a rewind to revision " + number(to) + ", but the newest one is " +
                                     number(last_.revision));
  }
  if (to < undo_.final_revision()) {
    return Fail(Fault::kInvalid, "a rewind to revision " + number(to) + ", but all up to " +
                                     number(undo_.final_revision()) + " is final");
  }
  if (!undo_.keeps() || to < rewind_floor()) {
    return Fail(Fault::kNotFound, "a rewind to revision " + number(to) + ", but what was before " +
                                      number(rewind_floor()) +
                                      " is not known any more: the node needs a full sync");
  }
  return {};
}

void Store::SetFinal(Revision revision) {
  undo_.SetFinal(revision);
  const auto newest = std::ranges::find_if(members_, [&](const MembersRecord& record) {
    return record.revision > undo_.final_revision();
  });
  // The one before it counts again when it is taken back.
  if (newest - members_.begin() > 1) {
    members_.erase(members_.begin(), newest - 1);
  }
}

void Store::NoteMembers(MembersRecord record) {
  members_.push_back(std::move(record));
}

std::vector<Undo::Cut> Store::Rewind(const Stamp& to) {
  // What was is named by views, so the records live on.
  std::vector<Undo::Record> taken;
  Cuts by_database;
  while (!undo_.records().empty() && undo_.records().back().revision > to.revision) {
    taken.push_back(undo_.TakeNewest());
    TakeBack(taken.back(), by_database);
  }
  last_ = to;
  retries_.EndTakingBack(to.revision);
  std::erase_if(members_,
                [&](const MembersRecord& record) { return record.revision > to.revision; });
  std::vector<Undo::Cut> cuts;
  for (const auto& [name, database] : databases_) {
    const auto found = by_database.find(database.get());
    if (found == by_database.end()) {
      continue;
    }
    std::vector<std::string_view> keys;
    for (const auto& [key, first] : found->second) {
      keys.push_back(key);
      cuts.push_back({.database = database.get(), .key = key, .first = first});
    }
    database->Merge(keys, to.revision);
  }
  return cuts;
}

void Store::TakeBack(Undo::Record& record, Cuts& cuts) {
  for (const Undo::Was& was : std::views::reverse(record.keys)) {
    was.database->Restore(was);
    auto& keys = cuts[was.database];
    if (was.kind != Undo::Was::Kind::kMarks) {  // nobody was told of those
      keys[was.key] = record.revision;
    }
  }
  if (record.retry != nullptr && !Planted(Bug::kRewindRetry)) {
    retries_.TakeBack(*record.retry);
  }
  if (record.dropped != nullptr) {
    Database& returned = *record.dropped;
    by_id_[returned.id().value] = &returned;
    for (const auto& [entry, lifetime] : record.ended) {
      returned.SetLifetime(*entry, lifetime);
    }
    // Who had it selected has nothing selected any more.
    returned.connections() = {};
    if (returned.Find(kConnectionsKey) != nullptr) {
      returned.SetLive(kConnectionsKey, "0");
    }
    std::string name = returned.name();
    databases_.emplace(std::move(name), std::move(record.dropped));
  }
  if (record.created != nullptr) {
    const auto found = databases_.find(record.created->name());
    by_id_.resize(found->second->id().value);
    cuts.erase(found->second.get());
    dropped_.push_back(std::move(found->second));
    databases_.erase(found);
  }
  if (record.first_arbiter != nullptr) {
    record.first_arbiter->conflicts().set_arbiter_seen(false);
  }
}

void Store::ForgetLifetime(Database& database, Entry& entry) {
  undo_.NoteEnded(database, entry, database.LifetimeOf(entry));
  database.SetLifetime(entry, {});
}

}  // namespace nunc
