// Holds what nobody may see yet: replies and changes that rest on what is not on disk, and replies
// that wait for work on the disk.
//
// Shape:   Filter takes out of an Output what must wait, with copies of its texts; Open and Finish
//          put back what may go. Replies of one session stay in their order: behind one that waits
//          all later ones wait. Changes wait in the order of their revisions, and leave before the
//          replies that rest on the same one, so that a writer's own change precedes its status.
// Units:   microseconds of the monotonic clock.
// Limits:  none of its own: the driver runs no more commands of a connection with kHeldRepliesMax
//          of its replies waiting, and none at all while kHeldBytesMax are held.
// Owner:   Node; loop thread only.
// Source:  docs/architecture.md §4; docs/cluster.md §7.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "core/ids.h"
#include "core/operation.h"
#include "core/output.h"

namespace nunc {

class Gate {
 public:
  // Gets a change that has no targets of its own; appends it for whoever watches now.
  using Tell = std::function<void(const Change&)>;

  // The usual case, nothing held and nothing to hold, costs one look at each item.
  void Filter(Output& output);
  // Everything up to `durable` may be seen.
  void Open(Revision durable, Output& output, const Tell& tell);
  // The operation that a reply waits for has ended.
  void Finish(const OperationResult& result, Output& output);
  // A command that another node has run: its replies take the place of the one that waits.
  void Answer(OperationId operation, const Output& answer, Output& output);
  // What came behind `shared` has been taken back. Changes that rest on it are dropped; replies
  // become errors that say so. Filter with SetDurable before, so that what has come of it waits.
  void Rewind(Revision shared, Output& output);
  // What has been held since before that time, and still waits for the log, is given up: replies
  // become errors that say so. Whether it becomes final nobody knows yet.
  void GiveUp(std::int64_t held_before_us, Output& output);
  void SetDurable(Revision durable) { durable_ = durable; }
  void SetNow(std::int64_t now_us) { now_us_ = now_us; }
  // The session is gone, and what it waited for with it.
  void Forget(SessionId session);

  [[nodiscard]] Revision durable() const { return durable_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Without changes: what commands have made here.
  [[nodiscard]] std::size_t reply_bytes() const { return bytes_ - change_bytes_; }
  [[nodiscard]] bool empty() const { return changes_.empty() && waiting_sessions_ == 0; }
  // The greatest revision that anything held waits for.
  [[nodiscard]] Revision awaited() const { return awaited_; }

 private:
  struct HeldChange {
    Change change;  // its views are empty
    std::string key;
    std::string value;
    std::vector<SessionId> targets;
    [[nodiscard]] std::size_t bytes() const;
  };
  struct HeldRow {
    std::string name;
    std::string detail;
    std::int64_t version = 0;
  };
  struct HeldReply {
    Reply reply;  // its views are empty
    std::string text;
    std::vector<HeldRow> rows;
    std::int64_t since_us = 0;
    [[nodiscard]] std::size_t bytes() const;
  };
  struct Waiting {
    SessionId session;
    std::vector<HeldReply> replies;  // those before `first` have left
    std::size_t first = 0;
    [[nodiscard]] bool empty() const { return first == replies.size(); }
    [[nodiscard]] HeldReply& front() { return replies[first]; }
    // The reply that waits for it.
    [[nodiscard]] std::vector<HeldReply>::iterator Find(OperationId operation) {
      return std::find_if(replies.begin() + static_cast<std::ptrdiff_t>(first), replies.end(),
                          [&](const HeldReply& held) { return held.reply.operation == operation; });
    }
  };
  // A session whose first reply waits for a revision.
  struct Head {
    Revision after;
    SessionId session;
    bool operator<(const Head& other) const { return other.after < after; }
  };
  struct Running {
    OperationId operation;
    SessionId session;
  };

  [[nodiscard]] bool MustWait(const Reply& reply) const;
  [[nodiscard]] bool IsReady(const Reply& reply) const;
  [[nodiscard]] bool HoldsFor(SessionId session) const;
  [[nodiscard]] HeldReply Keep(const Reply& reply, const Output& output) const;
  // Whose reply waits for it, from now on no more; null: who asked has left.
  Waiting* TakeRunning(OperationId operation);
  void GoOn(Waiting& waiting, bool was_first, Output& output);
  void Hold(const Reply& reply, const Output& output);
  void Hold(const Change& change, const Output& output);
  void ReleaseReady(Waiting& waiting, Output& output);
  template <class Fails>
  void FailReplies(Waiting& waiting, const Fails& fails);
  static void Release(HeldReply held, Output& output);

  // Where nothing is ever synced, nothing waits.
  Revision durable_{UINT64_MAX};
  Revision awaited_;
  std::int64_t now_us_ = 0;
  std::size_t bytes_ = 0;
  std::size_t change_bytes_ = 0;  // of them
  std::deque<HeldChange> changes_;
  std::vector<Waiting> by_slot_;
  std::size_t waiting_sessions_ = 0;
  std::priority_queue<Head> heads_;
  std::deque<Running> running_;  // they mostly end in the order in which they began
};

}  // namespace nunc
