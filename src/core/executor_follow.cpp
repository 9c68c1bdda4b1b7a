// What another node has decided: its records come here one by one, and whoever is here sees of them
// what it would see where they were made.
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/planted.h"
#include "core/executor.h"

namespace nunc {
namespace {

// Somebody is told of it.
bool IsTold(const RecordItem& item) {
  return item.type == RecordType::kSet || item.type == RecordType::kRemove;
}

Change ChangeOf(const RecordItem& item) {
  if (item.type == RecordType::kRemove) {
    return {.kind = ChangeKind::kRemoved, .key = item.key};
  }
  return {.kind = ChangeKind::kSet,
          .key = item.key,
          .value = item.value,
          .version = item.in_conflict ? kVersionInConflict : std::int64_t{item.version}};
}

}  // namespace

void Executor::Follow(std::string_view primary) {
  follows_ = true;
  primary_ = primary.empty() ? "-" : primary;
  store_.lifetimes().Stop();
}

Result<void> Executor::Apply(const Record& record, bool quiet, Output& output) {
  if (Result<void> fits = store_.Check(record); !fits) {
    return fits;
  }
  std::string_view listed = record.spec.name;
  if (record.type == RecordType::kDropDatabase) {
    Database& database = *store_.Find(record.database);
    listed = output.Keep(database.name());
    ForgetDatabase(database, record.revision, output);
  }
  if (Result<void> applied = store_.Apply(record); !applied) {
    return applied;
  }
  recorder_.NoteForeign({.revision = record.revision, .time_us = record.time_us});
  TellRecord(record, listed, quiet, output);
  return {};
}

// `listed` is the key in `$admin` of a database that has come or gone.
void Executor::TellRecord(const Record& record, std::string_view listed, bool quiet,
                          Output& output) {
  Database& admin = store_.admin();
  if (record.type == RecordType::kCreateDatabase && !quiet) {
    Announce(admin, admin.Hash(listed), Delivery::ChangeOf(*admin.Find(listed)), record.revision,
             output);
  } else if (record.type == RecordType::kDropDatabase && !quiet) {
    Announce(admin, admin.Hash(listed), {.kind = ChangeKind::kRemoved, .key = listed},
             record.revision, output);
  }
  Database* database = store_.Find(record.database);
  if (database == nullptr) {
    return;
  }
  transactions_.announces_more = std::ranges::count_if(record.items, IsTold) > 1;
  for (const RecordItem& item : record.items) {
    if (!IsTold(item) || store_.IsKept(*database, item.key)) {
      continue;
    }
    const Place place{.database = *database, .key = item.key, .hash = database->Hash(item.key)};
    if (!Planted(Bug::kWatchFollowRights)) {
      NoteRights(place);
    }
    if (quiet) {
      continue;
    }
    // Arbiters first, as where the conflict arose.
    if (const Entry* question = database->OpenQuestion(item.key); question != nullptr) {
      Announce(*database, database->Hash(kConflictsKey),
               Delivery::ConflictChangeOf(*database, *question), record.revision, output);
    }
    Announce(*database, place.hash, ChangeOf(item), record.revision, output);
  }
  transactions_.announces_more = false;
}

void Executor::AnnounceLoaded(Revision committed, Output& output) {
  std::vector<std::pair<Database*, const Entry*>> loaded;
  for (const auto& [name, database] : store_.databases()) {
    const Entry* entry = database->revision_order().newest();
    for (; entry != nullptr && entry->revision() > committed;
         entry = RevisionOrder::Before(entry)) {
      loaded.emplace_back(database.get(), entry);
    }
  }
  std::ranges::sort(loaded, {}, [](const auto& one) { return one.second->revision(); });
  for (const auto& [database, entry] : loaded) {
    const Change change = entry->is_tombstone()
                              ? Change{.kind = ChangeKind::kRemoved, .key = entry->key()}
                              : Delivery::ChangeOf(*entry);
    Announce(*database, database->Hash(entry->key()), change, entry->revision(), output);
  }
}

void Executor::Rewind(const Store::Stamp& to, Output& output) {
  recorder_.Begin();
  delivery_.SetNewest(store_.revision());
  const auto each = [this](const auto& visit) {
    for (const std::unique_ptr<Session>& session : sessions_) {
      if (session != nullptr) {
        visit(*session);
      }
    }
  };
  each([&](Session& session) { delivery_.BeginRewind(session, to.revision); });
  for (const Undo::Record& record : store_.undo().records()) {
    if (record.revision > to.revision && record.created != nullptr &&
        store_.Find(record.created->id()) == record.created) {
      ForgetDatabase(*record.created, {}, output);
      delivery_times_.Forget(record.created->id());
    }
  }
  std::vector<Undo::Cut> cuts = store_.Rewind(to);
  delivery_.Rewind(to.revision, cuts);
  each([&](Session& session) {
    session.dropped = std::min(session.dropped, to.revision);
    if (!session.name.owner() && session.owner > to.revision.value) {
      session.owner = 0;  // the number of a record that is gone
    }
    delivery_.TellRewind(session, cuts, output);
  });
}

}  // namespace nunc
