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
  struct Loaded {
    Database* database = nullptr;
    Change change{};
    Revision revision{};
  };
  std::vector<Loaded> loaded;
  for (const auto& [name, database] : store_.databases()) {
    const Entry* entry = database->revision_order().newest();
    for (; entry != nullptr && entry->revision() > committed;
         entry = RevisionOrder::Before(entry)) {
      const Change change = entry->is_tombstone()
                                ? Change{.kind = ChangeKind::kRemoved, .key = entry->key()}
                                : Delivery::ChangeOf(*entry);
      loaded.push_back({database.get(), change, entry->revision()});
    }
  }
  // What a key was in between becomes the newest again when only what came later is taken back.
  for (const Undo::Record& record : store_.undo().records()) {
    for (const Undo::Was& was : record.keys) {
      const bool is_entry = was.kind == Undo::Was::Kind::kEntry;
      if (was.revision <= committed || (!is_entry && was.kind != Undo::Was::Kind::kTombstone)) {
        continue;
      }
      Change change{.kind = ChangeKind::kRemoved, .key = was.key};
      if (is_entry) {
        change = {.kind = ChangeKind::kSet,
                  .key = was.key,
                  .value = was.value,
                  .version = was.in_conflict ? kVersionInConflict : std::int64_t{was.version}};
      }
      loaded.push_back({was.database, change, was.revision});
    }
  }
  std::ranges::stable_sort(loaded, {}, &Loaded::revision);
  for (const Loaded& one : loaded) {
    Announce(*one.database, one.database->Hash(one.change.key), one.change, one.revision, output);
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
