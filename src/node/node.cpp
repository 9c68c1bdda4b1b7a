#include "node/node.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "storage/snapshot_items.h"

namespace nunc {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

// Tombstones are left out: nobody has seen what they took away from this history.
class ImportVisitor final : public SnapshotVisitor {
 public:
  explicit ImportVisitor(Imported& imported) : imported_(imported) {}

  Result<void> OnDatabase(const DatabaseState& database) override {
    imported_.begins = true;
    return OnContinued(database);
  }
  Result<void> OnContinued(const DatabaseState& database) override {
    imported_.state = database;
    return ++databases_ == 1 ? Result<void>() : Fail(Fault::kInvalid, "more than one database");
  }
  Result<void> OnEntry(const EntryState& entry) override {
    if (!entry.removed) {
      imported_.entries.push_back(entry);
    }
    return {};
  }

 private:
  Imported& imported_;
  int databases_ = 0;
};

Imported Unpack(const BlockImported& in) {
  Imported imported{.name = in.database, .id = in.id, .gives_up = in.block.empty()};
  ImportVisitor visitor(imported);
  imported.unreadable = !imported.gives_up && !ForEachItem(in.block, visitor).has_value();
  return imported;
}

void Note(const Result<void>& result, Output& output) {
  if (!result) {
    output.failure = result.error();
  }
}

}  // namespace

void Node::Step(const Input& input, Output& output) {
  output.Clear();
  std::visit(
      Overloaded{
          [&](const ClientCommand& in) { executor_.Execute(in.session, *in.command, output); },
          [&](const TurnStarted& in) {
            log_room_ = in.log_room;
            executor_.SetLogRoom(log_room_);
            executor_.SetNow(in.now);
            gate_.SetNow(in.now.mono_us);
            executor_.NoteTurn(in.last_turn, in.counters);
            if (role_ == NodeRole::kSecondary && !Planted(Bug::kWatchFollowExpires)) {
              return;  // the primary ends keys
            }
            if (!begun_ || !in.accepting || gate_.bytes() >= kHeldBytesMax) {
              executor_.store().lifetimes().PutOff();
            } else {
              executor_.EndKeys(output);
            }
          },
          [&](const TurnEnded&) { executor_.EndTurn(output); },
          [&](const Tick&) { executor_.Tick(output); },
          [&](const SessionOpened& in) {
            executor_.Open(in.session, in.kind, in.name, in.knows_ready);
          },
          [&](const SessionClosed& in) {
            executor_.Close(in.session);
            gate_.Forget(in.session);
          },
          [&](const SessionLagging& in) { executor_.MarkLagging(in.session); },
          [&](const SessionDrained& in) { executor_.Drain(in.session, output); },
          [&](const LogSynced& in) {
            executor_.delivery().SetDurable(in.durable);
            gate_.Open(in.durable, output, [this, &output](const Change& change) {
              executor_.AnnounceNow(change, output);
            });
          },
          [&](const OperationEnded& in) { gate_.Finish(*in.result, output); },
          [&](const ForwardReceived& in) {
            executor_.ExecuteFor(in.session, *in.forwarded, output);
          },
          [&](const ForwardAnswered& in) {
            executor_.NoteAnswered(in.session);
            gate_.Answer(in.operation, *in.answer, output);
          },
          [&](const OwnerEnded& in) { executor_.store().lifetimes().EndOwner(in.owner); },
          [&](const OwnersElsewhere& in) { executor_.KeepOwners(*in.owners); },
          [&](const BlockImported& in) { executor_.Import(in.session, Unpack(in), output); },
          [&](const RoleChanged& in) { Note(ChangeRole(in, output), output); },
          [&](const MembersChanged& in) { executor_.ChangeMembers(in.members, output); },
          [&](const RecordsReceived& in) { Note(Receive(in.bytes, output), output); },
          [&](const LogCommitted& in) { executor_.store().SetFinal(in.committed); },
          [&](const HeldTooLong& in) { gate_.GiveUp(in.before_us, output); },
          [&](const LogRewound& in) { Note(Rewind(in.end, output), output); },
      },
      input);
  Settle(output);
  // What the gate has just let go would be taken for newer than what still waits behind it.
  const bool released =
      std::holds_alternative<LogSynced>(input) || std::holds_alternative<OperationEnded>(input) ||
      std::holds_alternative<ForwardAnswered>(input) ||
      std::holds_alternative<HeldTooLong>(input) || std::holds_alternative<LogRewound>(input);
  if (has_log_ && (!released || Planted(Bug::kHeldAgain))) {
    gate_.Filter(output);
  }
}

void Node::Settle(Output& output) {
  if (!has_log_) {
    return;
  }
  for (const Output::Logged& logged : output.records) {
    const std::size_t before = records_.size();
    AppendRecord(records_, logged.record, end_.term, end_.checksum);
    end_.revision = logged.record.revision;
    end_.time_us = logged.record.time_us;
    const std::size_t bytes = records_.size() - before;
    log_room_ -= bytes < log_room_ ? bytes : log_room_;
    executor_.SetLogRoom(log_room_);
  }
  std::move(output.operations.begin(), output.operations.end(), std::back_inserter(operations_));
  std::move(output.forwards.begin(), output.forwards.end(), std::back_inserter(forwards_));
}

void Node::BeginTerm(Term term, const ChainEnd& end, std::uint64_t cluster,
                     std::vector<TermEnd> before) {
  end_ = end;
  end_.term = term;
  executor_.delivery().history().Begin(cluster, term, std::move(before));
  Output output;
  executor_.delivery().SetDurable(end.revision);
  gate_.Open(end.revision, output, [](const Change&) {});
  executor_.BeginTerm(output);
  Settle(output);
  begun_ = true;
}

void Node::EnsureDatabase(std::string_view name, std::string_view token) {
  // A secondary gets it with the log.
  if (role_ == NodeRole::kPrimary && executor_.store().Find(name) == nullptr) {
    Output output;
    executor_.CreateDatabase({.name = name, .token = token}, output);
    Settle(output);
    gate_.Filter(output);
  }
}

}  // namespace nunc
