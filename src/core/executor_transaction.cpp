#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "core/executor.h"
#include "core/retry_answer.h"

namespace nunc {
void Executor::BeginOrDiscard(Session& session, const Command& command, Output& output) {
  if (command.verb == Verb::kMulti) {
    session.transaction = std::make_unique<Transaction>();
  } else if (session.transaction == nullptr) {
    return Error(session, ErrorCode::kNoTransaction, output);
  } else {
    EndTransaction(session);
  }
  Ok(session, output);
}

void Executor::EndTransaction(Session& session) {
  if (session.transaction != nullptr) {
    transactions_.open_bytes -= session.transaction->bytes();
    session.transaction.reset();
  }
}

void Executor::Hold(Session& session, const Command& command, Output& output) {
  const CommandRow& row = RowOf(command.verb);
  Transaction& transaction = *session.transaction;
  std::optional<ErrorCode> refusal;
  if (!MayBeHeld(command)) {
    refusal = ErrorCode::kInTransaction;
  } else if (command.retry.sequence != 0) {
    refusal = ErrorCode::kBadSequence;
  } else if (refusal = CheckForm(command, row); !refusal) {
    refusal = CheckRights(session, command, row);
  }
  if (!refusal) {
    const std::size_t before = transaction.bytes();
    const std::size_t more = command.key.size() + command.value.size();
    const Transaction::Added added = transactions_.open_bytes + more > kTransactionsBytesMax
                                         ? Transaction::Added::kLimit
                                         : transaction.Add(command);
    transactions_.open_bytes += transaction.bytes() - before;
    if (added != Transaction::Added::kYes) {
      refusal = added == Transaction::Added::kTwice ? ErrorCode::kKeyTwice
                                                    : ErrorCode::kTransactionTooLarge;
    }
  }
  if (refusal) {
    transaction.Spoil();
    const std::string_view about = *refusal == ErrorCode::kInTransaction ? row.name : command.key;
    return Error(session, *refusal, output, output.Keep(std::string(about)), LimitOf(*refusal));
  }
  Data(session, {.kind = ReplyKind::kQueued}, output);
  Ok(session, output);
}

// First it is found out what each write would do; only when all may, it is done.
void Executor::Exec(Session& session, const Command& command, Output& output) {
  if (session.transaction == nullptr) {
    return Error(session, ErrorCode::kNoTransaction, output);
  }
  transactions_.open_bytes -= session.transaction->bytes();
  transactions_.executed.push_back(std::move(session.transaction));
  const Transaction* transaction = transactions_.executed.back().get();
  if (transaction->spoiled()) {
    return Error(session, ErrorCode::kTransactionSpoiled, output);
  }
  if (follows_) {
    return Forward(session, command, output, transaction);
  }
  if (command.retry.sequence != 0 && AnswerRetry({session, command, store_.revision(), transaction},
                                                 store_.retries(), recorder_, output)) {
    return;
  }
  const std::size_t room =
      transaction->bytes() + (transaction->writes().size() + 1) * kRecordBytesAround;
  if (!recorder_.HasRoom(room)) {
    return Error(session, ErrorCode::kDiskFull, output);
  }
  if (store_.entry_bytes() + room > options_.memory_bytes_max) {
    return Error(session, ErrorCode::kMemoryFull, output, {}, LimitOf(ErrorCode::kMemoryFull));
  }
  std::vector<PlannedWrite> plan;
  for (const Transaction::Write& write : transaction->writes()) {
    if (!Plan(session, write.command, plan, output)) {
      output.rows.clear();
      auto& refused = std::get<Reply>(output.items.back());
      refused.row_count = 0;
      refused.position = static_cast<std::uint32_t>(plan.size() + 1);
      return;
    }
    const PlannedWrite& last = plan.back();
    output.rows.push_back(
        {.name = last.place.key, .version = last.removes ? -1 : std::int64_t{last.fresh.version}});
  }
  transactions_.announces_more = plan.size() > 1;
  for (const PlannedWrite& write : plan) {
    if (write.removes) {
      RemoveAndAnnounce(write.place, output);
    } else {
      WriteAndAnnounce(write.place, write.fresh, output);
    }
  }
  transactions_.announces_more = false;
  Data(session, {.kind = ReplyKind::kExecuted, .revision = recorder_.open()}, output);
  Ok(session, output);
}

// The command runs as ever, but for what it would change: that goes to the plan. False: it is
// refused, and its error is the newest item of the output.
bool Executor::Plan(Session& session, const Command& command, std::vector<PlannedWrite>& plan,
                    Output& output) {
  const std::size_t items = output.items.size();
  const Entry* existing = session.database->Find(command.key);
  if (const std::optional<ErrorCode> refusal = CheckRights(session, command, RowOf(command.verb));
      refusal) {
    Error(session, *refusal, output);
  } else if (existing != nullptr && existing->in_conflict()) {
    Error(session, ErrorCode::kConflictUnresolved, output,
          output.Keep(session.database->conflicts().NewestKeyOf(command.key)));
  } else {
    transactions_.plan = &plan;
    Dispatch(session, command, output);
    transactions_.plan = nullptr;
  }
  const auto status = std::get<Reply>(output.items.back());
  output.items.resize(items);
  if (status.kind == ReplyKind::kError) {
    output.items.emplace_back(status);
    return false;
  }
  return true;
}

}  // namespace nunc
