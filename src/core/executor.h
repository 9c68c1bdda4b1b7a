// Runs commands against the store: checks rights, changes entries, says who must hear.
//
// Shape:   Execute appends to an Output: data, changes, one status per command, and the records of
//          what it changed. Time and ids come from the caller. What a reply or change rests on
//          stands in its `after`; the gate (node/gate.h) waits.
// Errors:  as kError replies with a code; the session and the data stay as they were.
// Limits:  names, values, databases, watches, conflicts: base/limits.h.
// Owner:   Node; loop thread only.
// Source:  docs/language.md; docs/architecture.md §3-4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/command.h"
#include "core/command_table.h"
#include "core/database.h"
#include "core/delivery.h"
#include "core/delivery_times.h"
#include "core/executor_options.h"
#include "core/forward.h"
#include "core/ids.h"
#include "core/imported.h"
#include "core/leaving_watches.h"
#include "core/output.h"
#include "core/place.h"
#include "core/recorder.h"
#include "core/session.h"
#include "core/store.h"

namespace nunc {

class Executor {
 public:
  explicit Executor(ExecutorOptions options);

  void SetNow(Now now);
  void SetDefaultAddress(std::string_view address);
  void SetCluster(ClusterAdmin& cluster) { options_.cluster = &cluster; }
  void NoteTurn(const TurnTime& turn, const Counters& measured = {});
  void Open(SessionId id, SessionKind kind, const SessionName& name = {}, bool knows_ready = false);
  void Close(SessionId id);
  void Execute(SessionId id, const Command& command, Output& output);
  void Expect(SessionId id, std::span<const std::string_view> keys);
  void MarkLagging(SessionId id);
  void Drain(SessionId id, Output& output);

  void SetLogRoom(std::size_t bytes) { recorder_.SetRoom(bytes); }
  // A change whose `after` has been reached: who must hear of it, as of now.
  void AnnounceNow(const Change& change, Output& output);
  // Some of the keys whose time or session has ended; what finds no room in the log waits.
  void EndKeys(Output& output);
  // Tells watchers of `$connections` the newest count, and those that are behind some of the rest.
  void EndTurn(Output& output);
  // Drops tombstones that have come of age, gives newer tokens: about once a second.
  void Tick(Output& output);
  [[nodiscard]] std::optional<std::int64_t> next_deadline_us() const;

  [[nodiscard]] bool IsAdmin(std::string_view user, std::string_view password) const;
  // All of it as one, for an admin. Ok's number is the id of the database.
  void Import(SessionId id, const Imported& imported, Output& output);
  void CreateDatabase(const DatabaseSpec& spec, Output& output);
  // The record that begins a term. Of sessions those are there that are here.
  void BeginTerm(Output& output);
  void ChangeMembers(std::string_view members, Output& output);

  // Records are another node's now (executor_follow.cpp), which is at `primary`; empty: not known.
  void Follow(std::string_view primary);
  // One of them, as Store::Apply; back to one of them, as Store::MayRewind allows.
  Result<void> Apply(const Record& record, bool quiet, Output& output);
  // Of what was loaded: who watches hears of what may not be seen yet when it may.
  void AnnounceLoaded(Revision committed, Output& output);
  void Rewind(const Store::Stamp& to, Output& output);

  // A command of another node's session (executor_forward.cpp), for which `id` stands in; and one
  // that went to another node has been answered.
  void ExecuteFor(SessionId id, const Forwarded& forwarded, Output& output);
  void NoteAnswered(SessionId id);
  // Whether it must wait, since it came at `asked_us`.
  [[nodiscard]] Pause PauseBefore(SessionId, const Command&, std::int64_t asked_us) const;
  [[nodiscard]] bool IsOpen(SessionId id) const { return SessionOf(id) != nullptr; }
  // Owners of keys, or who may be: those here, and who has left since this was asked last.
  [[nodiscard]] std::vector<std::uint64_t> OwnersHere() const;
  std::vector<std::uint64_t> TakeEndedOwners() { return std::exchange(ended_owners_, {}); }
  void KeepOwners(std::set<std::uint64_t> elsewhere);  // the keys of all others end

  [[nodiscard]] Store& store() { return store_; }
  [[nodiscard]] const Store& store() const { return store_; }
  Delivery& delivery() { return delivery_; }
  [[nodiscard]] const Delivery& delivery() const { return delivery_; }
  [[nodiscard]] const LeavingWatches& leaving() const { return leaving_; }
  DeliveryTimes& delivery_times() { return delivery_times_; }

 private:
  // Rights and form (executor.cpp).
  using Refusal = std::optional<ErrorCode>;
  [[nodiscard]] Refusal CheckForm(const Command& command, const CommandRow& row) const;
  [[nodiscard]] Refusal CheckSpace(const Session& session, const Command& command, Effect) const;
  Refusal CheckRights(Session& session, const Command& command, const CommandRow& row);
  [[nodiscard]] std::int64_t LimitOf(ErrorCode code) const;
  bool Permits(Session& session, Permission permission, std::string_view key);
  bool MayRead(Session& session, std::string_view key);

  // Data (executor.cpp; the rest: executor_read.cpp, executor_watch.cpp, executor_conditions.cpp).
  using Handler = void(Session& session, const Command& command, Output& output);
  Handler Get, SetKey, EditKey, Increment, RemoveKey, GetMany, Keys, Scan, Wait, Explain, Watch,
      Unwatch, Delivered, Expire, Hello, Hold, Resolve, Auth, UseDb, CreateDb, CreateUser,
      SetPermissions, DropDb, Oplog, Snapshot, Debug, ClusterState, AskCluster, TellPeerAddress,
      PendingOps, BeginOrDiscard, Exec, Arbiter, TellState, Dispatch, DispatchOther;
  bool RefuseIf(const Session& session, const Command& command, const Entry* existing, Output& out);
  void WatchPattern(const Session&, WatchingSession&, const Command&, Delivery::Begin, Output&);
  void ExplainWatchers(const Session&, const Database&, const Place& place, Output& output);
  bool RefuseServerKey(const Session& session, std::string_view key, Output& output);

  // Keys that do not live for ever (executor_lifetime.cpp).
  bool RefuseLifetime(const Session&, const Command& command, const Entry* existing, Output& out);
  Lifetime LifetimeAfter(Session& session, const Command& command, const Entry* existing) const;
  void ChangeLifetime(const Place& place, const Lifetime& lifetime, Output& output);

  // Transactions (executor_transaction.cpp).
  bool Plan(Session& session, const Command& command, std::vector<PlannedWrite>& plan, Output& out);
  void EndTransaction(Session& session);

  // What another node runs for this one (executor_forward.cpp).
  void Forward(Session&, const Command&, Output& output, const Transaction* transaction = nullptr);
  [[nodiscard]] bool LacksYet(const Session&, const Command&, std::int64_t asked_us) const;
  void RefuseToken(const Session&, const Command&, const Delivery::Begin&, Output&) const;

  // Sessions and administration (executor_admin.cpp; executor_cluster.cpp).
  void Drop(Database& database, Output& output);
  [[nodiscard]] Refusal CheckNewDatabase(std::string_view name) const;
  // Writes the `$$` key PREFIX + NAME, whatever was there.
  void StoreSecureKey(Session&, std::string_view prefix, const Command&, std::string_view, Output&);
  void Select(Session& session, Database* database);
  void Deselect(Session& session);
  void UpdateConnections(Database& database);
  Database* FindNamed(std::string_view name);
  void ForgetDatabase(Database& database, Revision revision, Output& output);
  void StartOperation(const Session& session, Operation operation, Output& output);

  // Restoring (executor_import.cpp).
  [[nodiscard]] Refusal CheckImport(const Database*, std::span<const EntryState> entries) const;
  Refusal BeginImport(const Imported& imported, Output& output);
  Refusal ContinueImport(const Imported& imported, Output& output);
  void ImportConflict(Database& database, const EntryState& entry, Output& output);

  // Conflicts (executor_conflicts.cpp).
  void HandleConflict(Session& session, const Command& command, Entry* existing, Output& output);
  void QueueConflict(Session& session, const Command& command, Entry* existing, Output& output);
  Refusal NoteArbiter(Database& database, Output& output);
  // False: the log has no room.
  [[nodiscard]] bool ForgetConflicts(Database& database, std::string_view key, Output& output);
  void Decide(Database& database, const Command& command, Output& output);
  void RemoveConflictKeys(Database& database, const std::vector<std::string>& keys, Output& output);

  // Changes and who hears of them (executor.cpp, executor_follow.cpp).
  void TellRecord(const Record&, std::string_view listed, bool quiet, Output& output);
  // The reply that is being made rests on the key.
  Place Locate(Database& database, std::string_view key);
  void NoteRights(const Place& place);
  Entry* WriteKey(const Place& place, const NewValue& fresh, Output& output);
  void WriteAndAnnounce(const Place& place, const NewValue& fresh, Output& output);
  void RemoveAndAnnounce(const Place& place, Output& output);
  void Announce(Database&, std::uint64_t hash, Change change, Revision revision, Output& output);
  void Ok(const Session& session, Output& output, std::int64_t version = 0) const;
  static void Data(const Session& session, Reply reply, Output& output);
  static void Error(const Session&, ErrorCode, Output&, std::string_view = {}, std::int64_t = 0);
  Session* SessionOf(SessionId id);
  [[nodiscard]] const Session* SessionOf(SessionId id) const;

  ExecutorOptions options_;
  Store store_;
  Now now_;
  Counters counters_;
  TurnTime longest_turn_;  // each part by itself, since `debug loop` was asked last
  ConflictId last_conflict_;
  Delivery delivery_;
  DeliveryTimes delivery_times_;
  Recorder recorder_{store_, now_};
  std::uint64_t operations_ = 0;
  std::size_t forwards_open_ = 0;  // of all sessions
  std::vector<std::uint64_t> ended_owners_;
  Transactions transactions_;
  std::vector<std::unique_ptr<Session>> sessions_;  // by slot
  LeavingWatches leaving_{options_.watches_ended_per_turn};
  std::vector<Database*> connections_changed_;
  std::int64_t next_progress_us_ = 0;
  bool follows_ = false;
  std::string primary_;  // of follows_
};

}  // namespace nunc
