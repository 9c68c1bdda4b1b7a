#include "node/gate.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/planted.h"

namespace nunc {
namespace {

bool IsOfWrite(const Reply& reply) {
  return reply.kind == ReplyKind::kOk || reply.kind == ReplyKind::kPut ||
         reply.kind == ReplyKind::kExecuted;
}

}  // namespace

std::size_t Gate::HeldChange::bytes() const {
  return sizeof(*this) + key.size() + value.size() + targets.size() * sizeof(SessionId);
}

std::size_t Gate::HeldReply::bytes() const {
  std::size_t sum = sizeof(*this) + text.size();
  for (const HeldRow& row : rows) {
    sum += sizeof(row) + row.name.size() + row.detail.size();
  }
  return sum;
}

bool Gate::HoldsFor(SessionId session) const {
  return session.slot < by_slot_.size() && by_slot_[session.slot].session == session &&
         !by_slot_[session.slot].empty();
}

bool Gate::IsReady(const Reply& reply) const {
  return reply.after <= durable_ && reply.operation == OperationId{};
}

bool Gate::MustWait(const Reply& reply) const {
  return !IsReady(reply) || (waiting_sessions_ > 0 && HoldsFor(reply.session));
}

void Gate::Filter(Output& output) {
  const auto must_wait = [this](const std::variant<Reply, Change>& item) {
    const auto* reply = std::get_if<Reply>(&item);
    return reply != nullptr ? MustWait(*reply) : std::get_if<Change>(&item)->after > durable_;
  };
  auto kept = std::find_if(output.items.begin(), output.items.end(), must_wait);
  for (auto item = kept; item != output.items.end(); ++item) {
    if (!must_wait(*item)) {
      *kept++ = *item;
    } else if (const auto* reply = std::get_if<Reply>(&*item); reply != nullptr) {
      Hold(*reply, output);
    } else {
      Hold(*std::get_if<Change>(&*item), output);
    }
  }
  output.items.erase(kept, output.items.end());
}

Gate::HeldReply Gate::Keep(const Reply& reply, const Output& output) const {
  HeldReply held{.reply = reply, .text = std::string(reply.text), .rows = {}, .since_us = now_us_};
  held.reply.text = {};
  for (std::size_t i = 0; i < reply.row_count; ++i) {
    const Output::Row& row = output.rows[reply.first_row + i];
    held.rows.push_back(
        {.name = std::string(row.name), .detail = std::string(row.detail), .version = row.version});
  }
  return held;
}

void Gate::Hold(const Reply& reply, const Output& output) {
  HeldReply held = Keep(reply, output);
  if (by_slot_.size() <= reply.session.slot) {
    by_slot_.resize(std::size_t{reply.session.slot} + 1);
  }
  Waiting& waiting = by_slot_[reply.session.slot];
  if (waiting.empty()) {
    waiting.session = reply.session;
    ++waiting_sessions_;
    if (reply.operation == OperationId{}) {
      heads_.push({.after = reply.after, .session = reply.session});
    }
  }
  if (!(reply.operation == OperationId{})) {
    running_.push_back({.operation = reply.operation, .session = reply.session});
  }
  awaited_ = std::max(awaited_, reply.after);
  bytes_ += held.bytes();
  // One that always waits for something would else keep all that ever left.
  if (waiting.first > waiting.replies.size() / 2) {
    waiting.replies.erase(waiting.replies.begin(),
                          waiting.replies.begin() + static_cast<std::ptrdiff_t>(waiting.first));
    waiting.first = 0;
  }
  waiting.replies.push_back(std::move(held));
}

void Gate::Hold(const Change& change, const Output& output) {
  HeldChange held{.change = change,
                  .key = std::string(change.key),
                  .value = std::string(change.value),
                  .targets = {}};
  const auto first = output.targets.begin() + static_cast<std::ptrdiff_t>(change.first);
  held.targets.assign(first, first + static_cast<std::ptrdiff_t>(change.count));
  held.change.key = {};
  held.change.value = {};
  awaited_ = std::max(awaited_, change.after);
  bytes_ += held.bytes();
  change_bytes_ += held.bytes();
  changes_.push_back(std::move(held));
}

void Gate::Open(Revision durable, Output& output, const Tell& tell) {
  durable_ = durable;
  while (!changes_.empty() && changes_.front().change.after <= durable) {
    HeldChange held = std::move(changes_.front());
    changes_.pop_front();
    change_bytes_ -= held.bytes();
    bytes_ -= held.bytes();
    Change change = held.change;
    change.key = output.Keep(std::move(held.key));
    change.value = output.Keep(std::move(held.value));
    if (held.targets.empty()) {
      tell(change);
    } else {
      change.first = output.targets.size();
      output.targets.insert(output.targets.end(), held.targets.begin(), held.targets.end());
      output.items.emplace_back(change);
    }
  }
  while (!heads_.empty() && heads_.top().after <= durable) {
    const Head head = heads_.top();
    heads_.pop();
    if (HoldsFor(head.session)) {
      ReleaseReady(by_slot_[head.session.slot], output);
    }
  }
}

// What tells of the end of a database leaves all the same: who watched it does so no more.
void Gate::Rewind(Revision shared, Output& output) {
  durable_ = std::min(durable_, shared);
  awaited_ = std::min(awaited_, shared);
  std::deque<HeldChange> kept;
  for (HeldChange& held : changes_) {
    const Change& change = held.change;
    if (change.after <= shared || Planted(Bug::kRewindHeld)) {
      kept.push_back(std::move(held));
      continue;
    }
    change_bytes_ -= held.bytes();
    bytes_ -= held.bytes();
    const bool ends = change.kind == ChangeKind::kStarted || change.database == DatabaseId{};
    if (!held.targets.empty() && ends) {
      Change told = change;
      told.key = output.Keep(std::move(held.key));
      told.value = output.Keep(std::move(held.value));
      told.first = output.targets.size();
      output.targets.insert(output.targets.end(), held.targets.begin(), held.targets.end());
      output.items.emplace_back(told);
    }
  }
  changes_ = std::move(kept);
  heads_ = {};
  for (Waiting& waiting : by_slot_) {
    if (waiting.empty()) {
      continue;
    }
    FailReplies(waiting, [shared](const HeldReply& held) {
      // A write that did not wait for the log itself, but behind one that does, is gone as well.
      return held.reply.after > shared || (IsOfWrite(held.reply) && held.reply.revision > shared);
    });
    const SessionId session = waiting.session;
    ReleaseReady(waiting, output);
    if (HoldsFor(session) && waiting.front().reply.operation == OperationId{}) {
      heads_.push({.after = waiting.front().reply.after, .session = session});
    }
  }
}

void Gate::GiveUp(std::int64_t held_before_us, Output& output) {
  for (Waiting& waiting : by_slot_) {
    if (waiting.empty() || waiting.front().since_us >= held_before_us) {
      continue;
    }
    FailReplies(waiting, [&](const HeldReply& held) {
      return held.since_us < held_before_us && held.reply.after > durable_;
    });
    if (!waiting.empty()) {
      ReleaseReady(waiting, output);
    }
  }
}

// The data of such a command go, and its status becomes an error.
template <class Fails>
void Gate::FailReplies(Waiting& waiting, const Fails& fails) {
  const auto first = waiting.replies.begin() + static_cast<std::ptrdiff_t>(waiting.first);
  std::erase_if(running_, [&](const Running& running) {
    return running.session == waiting.session &&
           std::any_of(first, waiting.replies.end(), [&](const HeldReply& held) {
             return fails(held) && held.reply.operation == running.operation;
           });
  });
  for (auto held = first; held != waiting.replies.end(); ++held) {
    if (!fails(*held)) {
      continue;
    }
    bytes_ -= held->bytes();
    if (held->reply.is_status()) {
      *held = {.reply = {.session = waiting.session,
                         .kind = ReplyKind::kError,
                         .error = ErrorCode::kUnknownOutcome},
               .text = {},
               .rows = {}};
      bytes_ += held->bytes();
    }
  }
  waiting.replies.erase(std::remove_if(first, waiting.replies.end(), fails), waiting.replies.end());
}

void Gate::ReleaseReady(Waiting& waiting, Output& output) {
  if (!IsReady(waiting.front().reply)) {
    return;
  }
  while (!waiting.empty() && IsReady(waiting.front().reply)) {
    HeldReply held = std::move(waiting.front());
    ++waiting.first;
    bytes_ -= held.bytes();
    Release(std::move(held), output);
  }
  if (waiting.empty()) {
    waiting = {};  // an emptied one would keep its memory
    --waiting_sessions_;
  } else if (const Reply& next = waiting.front().reply; next.operation == OperationId{}) {
    heads_.push({.after = next.after, .session = waiting.session});
  }
}

void Gate::Release(HeldReply held, Output& output) {
  Reply reply = held.reply;
  reply.text = output.Keep(std::move(held.text));
  reply.first_row = output.rows.size();
  for (HeldRow& row : held.rows) {
    output.rows.push_back({.name = output.Keep(std::move(row.name)),
                           .detail = output.Keep(std::move(row.detail)),
                           .version = row.version});
  }
  output.items.emplace_back(reply);
}

Gate::Waiting* Gate::TakeRunning(OperationId operation) {
  const auto running = std::ranges::find(running_, operation, &Running::operation);
  if (running == running_.end()) {
    return nullptr;
  }
  Waiting& waiting = by_slot_[running->session.slot];
  running_.erase(running);
  return &waiting;
}

// What waited for an operation waits at most for the log now.
void Gate::GoOn(Waiting& waiting, bool was_first, Output& output) {
  if (was_first && IsReady(waiting.front().reply)) {
    ReleaseReady(waiting, output);
  } else if (was_first) {
    heads_.push({.after = waiting.front().reply.after, .session = waiting.session});
  }
}

void Gate::Finish(const OperationResult& result, Output& output) {
  Waiting* waiting = TakeRunning(result.id);
  if (waiting == nullptr) {
    return;
  }
  const auto status = waiting->Find(result.id);
  bytes_ -= status->bytes();
  status->reply.operation = {};
  if (!result.failure.empty()) {
    status->reply.kind = ReplyKind::kError;
    status->reply.error = ErrorCode::kOperationFailed;
    status->text = result.failure;
  }
  bytes_ += status->bytes();
  const bool first = &*status == &waiting->front();
  if (!result.title.empty()) {
    HeldReply data{.reply = status->reply, .text = result.title, .rows = {}};
    data.reply.kind = ReplyKind::kLines;
    data.reply.row_count = result.lines.size();
    for (const std::string& line : result.lines) {
      data.rows.push_back({.name = line, .detail = {}});
    }
    bytes_ += data.bytes();
    waiting->replies.insert(status, std::move(data));
  }
  GoOn(*waiting, first, output);
}

void Gate::Answer(OperationId operation, const Output& answer, Output& output) {
  Waiting* waiting = TakeRunning(operation);
  if (waiting == nullptr) {
    return;
  }
  auto held = waiting->Find(operation);
  const bool first = &*held == &waiting->front();
  bytes_ -= held->bytes();
  for (std::size_t i = 0; i < answer.items.size(); ++i) {
    HeldReply fresh = Keep(std::get<Reply>(answer.items[i]), answer);
    fresh.reply.session = waiting->session;
    awaited_ = std::max(awaited_, fresh.reply.after);
    bytes_ += fresh.bytes();
    if (i + 1 < answer.items.size()) {
      held = waiting->replies.insert(held, std::move(fresh)) + 1;
    } else {
      *held = std::move(fresh);  // the status, where it was awaited
    }
  }
  GoOn(*waiting, first, output);
}

void Gate::Forget(SessionId session) {
  if (!HoldsFor(session)) {
    return;
  }
  Waiting& waiting = by_slot_[session.slot];
  for (; !waiting.empty(); ++waiting.first) {
    bytes_ -= waiting.front().bytes();
  }
  waiting = {};
  --waiting_sessions_;
  std::erase_if(running_, [session](const Running& r) { return r.session == session; });
}

}  // namespace nunc
