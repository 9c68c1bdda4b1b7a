#include "core/delivery.h"

#include "base/check.h"

namespace nunc {
namespace {

// How much a drained session is given at once, so that it cannot fill its socket's queue again.
constexpr std::size_t kDrainBytes = std::size_t{256} << 10;

}  // namespace

// Secrets and rights are always synced: no one may act on a right that a power cut takes back.
Revision Delivery::NeededFor(const Database& database, std::string_view key, Revision revision) {
  return database.level() == AckLevel::kDisk || IsSecureKey(key) ? revision : Revision{};
}

Change Delivery::ChangeOf(const Entry& entry) {
  return {.kind = ChangeKind::kSet,
          .key = entry.key(),
          .value = entry.value(),
          .version = entry.in_conflict() ? kVersionInConflict : std::int64_t{entry.version()},
          .revision = entry.revision()};
}

void Delivery::Announce(Database& database, std::uint64_t hash, Change change,
                        Output& output) const {
  change.database = database.id();
  change.after = NeededFor(database, change.key, change.revision);
  if (change.after > durable_) {
    // Also while nobody watches: who begins to before it may be seen must hear of it then.
    output.items.emplace_back(change);
    return;
  }
  Tell(database, hash, change, output);
}

void Delivery::Tell(Database& database, std::uint64_t hash, Change change, Output& output) {
  if (database.watches().size() == 0) {
    return;
  }
  const WatchedKey* watched = database.watches().Find(
      change.kind == ChangeKind::kConflict ? kConflictsKey : change.key, hash);
  if (watched == nullptr) {
    return;
  }
  change.first = output.targets.size();
  for (const WatchedKey::Watcher& watcher : watched->watchers()) {
    if (watcher.session->lagging()) {
      watcher.session->MarkDirty(watcher.interest);
    } else {
      output.targets.push_back(watcher.session->id());
    }
  }
  change.count = output.targets.size() - change.first;
  if (change.count > 0) {
    output.items.emplace_back(change);
  }
}

std::size_t Delivery::ReplayConflicts(Database& database, const WatchingSession& to,
                                      Output& output) const {
  std::size_t bytes = 0;
  for (const std::string& key : database.conflicts().OpenConflictKeys()) {
    const Entry* entry = database.Find(key);
    CHECK(entry != nullptr);
    if (NeededFor(database, entry->key(), entry->revision()) > durable_) {
      continue;  // arbiters, this one too, are told when the gate opens for it
    }
    output.items.emplace_back(Change{.kind = ChangeKind::kConflict,
                                     .key = entry->key(),
                                     .value = entry->value(),
                                     .first = output.targets.size(),
                                     .count = 1});
    output.targets.push_back(to.id());
    bytes += entry->key().size() + entry->value().size();
  }
  return bytes;
}

void Delivery::MarkLagging(Session& session) {
  session.lagging = true;
  for (const Session::DatabaseWatches& watching : session.watches) {
    watching.watches->set_lagging(true);
  }
}

std::size_t Delivery::TellDirty(const WatchedKey& watched, Database& database, SessionId to,
                                Output& output) const {
  const Entry* entry = database.FindAny(watched.key(), database.Hash(watched.key()));
  if (entry != nullptr && NeededFor(database, watched.key(), entry->revision()) > durable_) {
    return 0;  // it is told when the gate opens for it
  }
  Change change = entry != nullptr && !entry->is_tombstone()
                      ? ChangeOf(*entry)
                      : Change{.kind = ChangeKind::kRemoved, .key = watched.key()};
  change.first = output.targets.size();
  change.count = 1;
  // That it has come to wait for an arbiter is announced to nobody, so it is held here; one that
  // is not even a tombstone is removed by whatever was dropped last.
  const Revision shown = NeededFor(
      database, change.key, entry == nullptr ? database.horizon() : database.ShownRevision(*entry));
  change.after = shown > durable_ ? shown : Revision{};
  output.targets.push_back(to);
  output.items.emplace_back(change);
  return change.after == Revision{} ? change.key.size() + change.value.size() : 0;
}

void Delivery::Drain(Session& session, Output& output) const {
  std::size_t bytes = 0;
  for (const Session::DatabaseWatches& watching : session.watches) {
    Database& database = *watching.database;
    while (bytes < kDrainBytes) {
      const WatchedKey* watched = watching.watches->TakeDirty();
      if (watched == nullptr) {
        break;
      }
      bytes += watched->key() == kConflictsKey
                   ? ReplayConflicts(database, *watching.watches, output)
                   : TellDirty(*watched, database, session.id, output);
    }
  }
  // What is held now comes by itself later.
  if (bytes == 0) {
    session.lagging = false;
    for (const Session::DatabaseWatches& watching : session.watches) {
      watching.watches->set_lagging(false);
    }
  }
}

}  // namespace nunc
