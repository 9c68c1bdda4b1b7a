#include "core/retry_answer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/conflicts.h"
#include "core/delivery.h"

namespace nunc {
namespace {

// The writes that a command asks for.
template <class Visit>
void ForEachWrite(const AskedWrite& asked, const Visit& visit) {
  if (asked.transaction == nullptr) {
    return visit(asked.command);
  }
  for (const Transaction::Write& write : asked.transaction->writes()) {
    visit(write.command);
  }
}

bool IsOfRequest(const RetryResult& result, const AskedWrite& asked) {
  std::uint32_t mark = 0;
  std::size_t count = 0;
  ForEachWrite(asked, [&](const Command& write) {
    mark = NextRequestMark(mark, write.key, write.verb == Verb::kRemove);
    ++count;
  });
  return mark == result.request && count == result.versions.size();
}

void Refuse(const Session& session, ErrorCode code, std::uint64_t number, Output& output) {
  output.items.emplace_back(Reply{.session = session.id,
                                  .kind = ReplyKind::kError,
                                  .error = code,
                                  .number = static_cast<std::int64_t>(number)});
}

void AnswerTransaction(Reply reply, const RetryResult& result, const Transaction& transaction,
                       Output& output) {
  for (std::size_t i = 0; i < result.versions.size(); ++i) {
    output.rows.push_back(
        {.name = transaction.writes()[i].command.key, .version = result.versions[i]});
  }
  reply.kind = ReplyKind::kExecuted;
  reply.row_count = output.rows.size();
  output.items.emplace_back(reply);
}

void AnswerWrite(Reply status, const RetryResult& result, const Command& command, Output& output) {
  if (result.in_conflict) {
    status.kind = ReplyKind::kError;
    status.error = ErrorCode::kConflictUnresolved;
    status.revision = {};
    status.text = output.Keep(ConflictKey(command.key, {.value = result.number}));
    output.items.emplace_back(status);
    return;
  }
  const bool removes = command.verb == Verb::kRemove;
  status.number = removes ? 0 : result.versions.front();
  if (command.verb == Verb::kPut) {
    Reply put = status;
    put.kind = ReplyKind::kPut;
    output.items.emplace_back(put);
  } else if (command.verb == Verb::kIncrement) {
    status.text = output.Keep(std::to_string(result.number));
  }
  output.items.emplace_back(status);
}

}  // namespace

bool AnswerRetry(const AskedWrite& asked, const Retries& retries, Recorder& recorder,
                 Output& output) {
  const Session& session = asked.session;
  RetryName name = asked.command.retry;
  if (name.session == SessionName{}) {
    name.session = session.name;
  }
  if (name.session.owner() == 0) {
    Refuse(session, ErrorCode::kBadSequence, name.sequence, output);
    return true;
  }
  const Database& database = *session.database;
  const Retries::Found found = retries.Find(database.id(), name, asked.newest);
  if (found.known == Retries::Known::kNew) {
    recorder.SetRetry({.session = name.session.owner(),
                       .sequence = name.sequence,
                       .begins = found.session == nullptr});
    return false;
  }
  // What is told rests on the records of the session, and on those of its keys.
  const Revision newest = found.session == nullptr ? retries.forgotten() : found.session->newest;
  const Revision rests_on = found.result == nullptr ? newest : found.result->revision;
  ForEachWrite(asked, [&](const Command& write) {
    recorder.Need(Delivery::NeededFor(database, write.key, rests_on));
  });
  if (found.result == nullptr) {
    const bool whole = found.session == nullptr;
    Refuse(session, whole ? ErrorCode::kSessionForgotten : ErrorCode::kSequenceForgotten,
           whole ? 0 : found.session->floor, output);
  } else if (!IsOfRequest(*found.result, asked)) {
    Refuse(session, ErrorCode::kSequenceReused, name.sequence, output);
  } else {
    const Reply status{.session = session.id, .kind = ReplyKind::kOk, .revision = rests_on};
    if (asked.transaction != nullptr) {
      AnswerTransaction(status, *found.result, *asked.transaction, output);
      output.items.emplace_back(status);
    } else {
      AnswerWrite(status, *found.result, asked.command, output);
    }
  }
  return true;
}

}  // namespace nunc
