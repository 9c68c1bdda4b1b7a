#include "node/snapshot_parts.h"

#include <utility>
#include <variant>

namespace nunc {

SnapshotHead MakeSnapshotHead(SnapshotKind kind, const Store& store, const ChainEnd& start,
                              const ClusterId& cluster, std::vector<TermEnd> terms) {
  SnapshotHead head{.kind = kind,
                    .cluster = cluster,
                    .start = {.term = start.term,
                              .revision = start.revision,
                              .time_us = start.time_us,
                              .chain = start.checksum},
                    .highest_database = {.value = store.NextDatabaseId().value - 1},
                    .terms = std::move(terms)};
  // A backup is to begin a history of its own.
  if (kind != SnapshotKind::kBackup && !store.members().empty()) {
    head.members_at = store.members().back().revision;
    head.members = store.members().back().members;
  }
  return head;
}

bool AddItem(BlockBuilder& builder, const StoreWalk::Item& item) {
  if (const auto* entry = std::get_if<EntryState>(&item); entry != nullptr) {
    builder.Add(*entry);
    return true;
  }
  if (const auto* retries = std::get_if<RetryState>(&item); retries != nullptr) {
    if (!retries->empty()) {
      builder.Add(*retries);
    }
    return true;
  }
  if (const auto* database = std::get_if<DatabaseState>(&item); database != nullptr) {
    builder.Begin(*database);
    return true;
  }
  return false;
}

SnapshotEnd MakeSnapshotEnd(const Store& store, const ChainEnd& end, const BlockBuilder& builder,
                            DatabaseId only) {
  SnapshotEnd made{.term = end.term,
                   .revision = end.revision,
                   .time_us = end.time_us,
                   .entries = builder.entries(),
                   .databases = builder.databases()};
  for (const DatabaseState& state : store.States()) {
    if (only == DatabaseId{} || state.id == only) {
      made.horizons.push_back({.database = state.id, .horizon = state.horizon});
    }
  }
  // Of no database: what is forgotten of the retry table.
  if (store.retries().forgotten() != Revision{}) {
    made.horizons.push_back({.database = {}, .horizon = store.retries().forgotten()});
  }
  return made;
}

}  // namespace nunc
