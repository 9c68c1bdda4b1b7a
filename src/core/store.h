// All databases, and the one order of their changes.
//
// Shape:   the executor changes entries through it and says so in records; recovery gives it the
//          same: StartLoading, then databases each with its entries, then the records behind them,
//          then FinishLoading.
// Errors:  kDamaged: what is loaded does not fit what came before.
// Units:   times in microseconds since 1970.
// Limits:  a dropped database is freed in pieces: kFreedPerTurn entries at a time.
// Owner:   Executor; loop thread only.
// Source:  docs/architecture.md §3, docs/cluster.md §4, §11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/database.h"
#include "core/ids.h"
#include "core/lifetimes.h"
#include "core/record.h"
#include "core/retries.h"
#include "core/undo.h"

namespace nunc {

class Store {
 public:
  // `$admin` is there from the start, on every node alike; its token is not kept on disk.
  Store(std::uint64_t hash_seed, std::string_view admin_token);

  [[nodiscard]] Database* Find(std::string_view name) const;
  [[nodiscard]] Database* Find(DatabaseId id) const;
  [[nodiscard]] Database& admin() const { return *admin_; }
  // A key of `$admin` that is there from the start and outside the revision order: it can be
  // neither written nor loaded.
  [[nodiscard]] bool IsKept(const Database& database, std::string_view key) const;
  // By name, in order: listings come out the same everywhere.
  using Databases = std::map<std::string, std::unique_ptr<Database>, std::less<>>;
  [[nodiscard]] const Databases& databases() const { return databases_; }
  // In the order of their ids.
  [[nodiscard]] std::vector<DatabaseState> States() const;

  // One record's place in the order of all.
  struct Stamp {
    Revision revision{};
    std::int64_t time_us = 0;
  };
  Stamp NextStamp(std::int64_t wall_us);
  [[nodiscard]] Revision revision() const { return last_.revision; }
  // Of the newest record, or now if that is later.
  [[nodiscard]] std::int64_t LogTimeUs(std::int64_t wall_us) const;

  // Who belongs to the cluster, in the bytes of its record: the newest one last. Before it those
  // that may be the newest again when records are taken back.
  struct MembersRecord {
    Revision revision{};
    std::string members{};
    friend bool operator==(const MembersRecord&, const MembersRecord&) = default;
  };
  [[nodiscard]] const std::vector<MembersRecord>& members() const { return members_; }
  void NoteMembers(MembersRecord record);

  // Also sets its `$$token`, and the key of its name in `$admin`.
  Database& Add(DatabaseId id, const DatabaseSpec& spec, const Stamp& stamp);
  [[nodiscard]] DatabaseId NextDatabaseId() const {
    return {.value = static_cast<std::uint32_t>(by_id_.size())};
  }
  // An arbiter of it has registered.
  void NoteArbiter(Database& database);
  // What changes from now on can be taken back, as far as it fits.
  void KeepUndo(std::size_t bytes_max) { undo_.Keep(last_.revision, bytes_max); }
  [[nodiscard]] const Undo& undo() const { return undo_; }
  void SetFinal(Revision revision);
  // kInvalid: it is final, or there is nothing to be taken back. kNotFound: what was before is not
  // known any more.
  [[nodiscard]] Result<void> MayRewind(Revision to) const;
  [[nodiscard]] Revision rewind_floor() const {
    return undo_.keeps() ? undo_.floor() : last_.revision;
  }
  // Takes back what came behind `to`, which MayRewind has allowed.
  std::vector<Undo::Cut> Rewind(const Stamp& to);
  // Of a dropped database: the time of the key has come.
  void ForgetLifetime(Database& database, Entry& entry);

  // `database` is no longer found, and is freed later.
  void Drop(Database& database, const Stamp& stamp);
  void FreeDropped();
  [[nodiscard]] bool has_dropped() const { return !dropped_.empty(); }

  // Of the keys of all databases; those of a database that was dropped go with it.
  Lifetimes& lifetimes() { return lifetimes_; }
  [[nodiscard]] const Lifetimes& lifetimes() const { return lifetimes_; }

  // Of writes that may come again; those of a database that was dropped go as they grow old.
  [[nodiscard]] const Retries& retries() const { return retries_; }
  // The record, which bears a sequence, is the newest one and has been done.
  void NoteRetry(const Record& record);

  // Memory of all entries, their places in the orders included; and that of the retry table, which
  // has limits of its own.
  [[nodiscard]] std::size_t entry_bytes() const { return bytes_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_ + retries_.bytes(); }

  // Forgets everything that is there.
  void StartLoading();
  Result<void> LoadDatabase(const DatabaseState& state);
  Result<void> LoadEntry(const EntryState& state);  // of the last LoadDatabase
  // An entry or a record of that key comes soon.
  void ExpectEntry(std::string_view key) const;  // of the last LoadDatabase
  void ExpectRecord(DatabaseId id, std::string_view key) const;
  Result<void> LoadRetries(const RetryState& state);  // of the last LoadDatabase
  // Of the id 0: up to where the sessions have come that the retry table knows no more.
  void LoadHorizon(DatabaseId id, Revision horizon);
  void LoadMembers(MembersRecord record);
  // What has been loaded is as of `stamp`; ids up to `newest_database` have been used.
  void SetLoaded(const Stamp& stamp, DatabaseId newest_database);
  void FinishLoading();

  // What the record says, while loading and for one of another node alike. kDamaged: it does not
  // fit what is here, and nothing was changed.
  Result<void> Apply(const Record& record);
  [[nodiscard]] Result<void> Check(const Record& record) const;

 private:
  static constexpr std::size_t kFreedPerTurn = 2'000;

  Database& Register(DatabaseOptions options);
  void AddAdmin(std::string_view token);
  [[nodiscard]] bool IsLive(const Database& database, std::string_view key) const;
  void ApplyItem(Database& database, const RecordItem& item, const Stamp& stamp);
  void ChangeItem(Database& database, const RecordItem& item, const Stamp& stamp);
  static void FollowConflicts(Database& database, const RecordItem& item);
  using Cuts = std::map<Database*, std::map<std::string, Revision>>;
  void TakeBack(Undo::Record& record, Cuts& cuts);
  // Unless there is one.
  static void LoadTombstone(Database& database, std::string_view key, const Stamp& stamp);

  std::uint64_t hash_seed_;
  Stamp last_;
  std::size_t bytes_ = 0;
  Lifetimes lifetimes_;  // outlives the entries
  Retries retries_;
  Databases databases_;
  std::vector<Database*> by_id_;  // null: dropped, or not one of ours
  std::vector<std::unique_ptr<Database>> dropped_;
  Undo undo_{dropped_};
  Database* admin_ = nullptr;
  Database* loading_ = nullptr;
  bool in_loading_ = false;
  std::vector<MembersRecord> members_;
};

}  // namespace nunc
