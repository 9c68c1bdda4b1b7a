// Writes at a node that makes no records: they go to the one that does, which runs them for the
// session that asked, and the answer comes back.
#include <memory>
#include <utility>

#include "core/executor.h"

namespace nunc {

// ---- where the client is

void Executor::Forward(Session& session, const Command& command, Output& output,
                       const Transaction* transaction) {
  if (!options_.forwards) {
    return Error(session, ErrorCode::kNotPrimary, output, primary_);
  }
  session.may_own =
      session.may_own || command.verb == Verb::kSetSession || command.verb == Verb::kHello;
  ++session.forwards;
  ++forwards_open_;
  const OperationId operation{.value = ++operations_};
  Asker asker{.user = session.user,
              .name = session.name,
              .admin = session.admin,
              .arbiter = session.is_arbiter()};
  if (session.database != nullptr) {
    asker.database = session.database->name();
    asker.database_id = session.database->id();
  }
  output.forwards.push_back({.operation = operation,
                             .session = session.id,
                             .may_come_again = command.retry.sequence != 0,
                             .bytes = EncodeForwarded(asker, command, transaction)});
  output.items.emplace_back(
      Reply{.session = session.id, .kind = ReplyKind::kOk, .operation = operation});
}

void Executor::NoteAnswered(SessionId id) {
  if (Session* session = SessionOf(id); session != nullptr && session->forwards > 0) {
    --session->forwards;
    --forwards_open_;
  }
}

Pause Executor::PauseBefore(SessionId id, const Command& command, std::int64_t asked_us) const {
  const bool waits = options_.cluster != nullptr && !command.since.empty();
  if (forwards_open_ == 0 && !waits) {
    return Pause::kNone;
  }
  const Session* session = SessionOf(id);
  if (session == nullptr) {
    return Pause::kNone;
  }
  const bool writes =
      command.verb != Verb::kRejected && RowOf(command.verb).effect != Effect::kReads;
  // Where they would be run here, writes come behind those that are under way too.
  if (session->forwards > 0 && (!writes || !follows_)) {
    return Pause::kForAnswers;
  }
  return waits && LacksYet(*session, command, asked_us) ? Pause::kForCluster : Pause::kNone;
}

std::vector<std::uint64_t> Executor::OwnersHere() const {
  std::vector<std::uint64_t> owners;
  for (const std::unique_ptr<Session>& session : sessions_) {
    if (session != nullptr && !session->stands_in && session->may_own) {
      owners.push_back(session->owner);
    }
  }
  return owners;
}

// ---- where records are made

void Executor::ExecuteFor(SessionId id, const Forwarded& forwarded, Output& output) {
  Session* session = SessionOf(id);
  if (session == nullptr) {
    return;
  }
  const Asker& asker = forwarded.asker;
  session->stands_in = true;
  session->name = asker.name;
  session->owner = asker.name.owner();
  session->admin = asker.admin;
  session->arbiter_elsewhere = asker.arbiter;
  // An id may come again when the database that had it is taken back.
  Database* database = store_.Find(asker.database_id);
  session->database =
      database != nullptr && database->name() == asker.database ? database : nullptr;
  session->user = asker.user;
  session->permissions_epoch = 0;
  session->permissions = nullptr;
  EndTransaction(*session);
  if (forwarded.command.verb == Verb::kExec) {
    session->transaction = std::make_unique<Transaction>();
    for (const Command& write : forwarded.writes) {
      const bool good = MayBeHeld(write) && !CheckForm(write, RowOf(write.verb)) &&
                        session->transaction->Add(write) == Transaction::Added::kYes;
      if (!good) {
        session->transaction->Spoil();
      }
    }
    transactions_.open_bytes += session->transaction->bytes();
  }
  Command command = forwarded.command;
  std::unique_ptr<ValueEdit> edit;
  if (forwarded.edit) {
    edit = options_.make_edit == nullptr ? nullptr : options_.make_edit(*forwarded.edit);
    command.edit = edit.get();
  }
  if (forwarded.edit && edit == nullptr) {
    command = {.name = "an edit that this node does not know"};
  }
  Execute(id, command, output);
  // A session without a name lasts as long as its request.
  if (asker.name.owner() == 0 && session->owner != 0) {
    store_.lifetimes().EndOwner(session->owner);
  }
}

void Executor::KeepOwners(std::set<std::uint64_t> elsewhere) {
  for (const std::unique_ptr<Session>& session : sessions_) {
    if (session != nullptr && !session->stands_in) {
      elsewhere.insert(session->owner);
    }
  }
  store_.lifetimes().EndOwners(elsewhere);
}

}  // namespace nunc
