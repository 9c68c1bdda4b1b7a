// What may happen to a node.
//
// Units:   microseconds in Now.
// Owner:   views belong to the driver, valid during the Step.
// Source:  docs/architecture.md §1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <variant>

#include "core/command.h"
#include "core/forward.h"
#include "core/ids.h"
#include "core/operation.h"
#include "core/output.h"
#include "core/session.h"
#include "node/role.h"
#include "storage/record.h"

namespace nunc {

// Before the first input of a turn: what time it is. Keys whose time has come are gone behind it.
struct TurnStarted {
  Now now;
  Counters counters{};   // as far as the driver knows them
  TurnTime last_turn{};  // how long the one before took
  // Bytes of records that are sure to find a place in the log.
  std::size_t log_room = SIZE_MAX;
  // A primary that hands its role over makes no records meanwhile, and gets no commands.
  bool accepting = true;
};
// After the last one: what is told once per turn.
struct TurnEnded {};
// About once a second.
struct Tick {};
struct SessionOpened {
  SessionId session;
  SessionKind kind = SessionKind::kConnection;
  SessionName name{};        // that its client may come back to
  bool knows_ready = false;  // as in WatchingSession
};
struct SessionClosed {
  SessionId session;
};
struct ClientCommand {
  SessionId session;
  const Command* command = nullptr;
};
// The session's socket takes no more for now / has taken all that was given.
struct SessionLagging {
  SessionId session;
};
struct SessionDrained {
  SessionId session;
};
// The log is on disk up to there.
struct LogSynced {
  Revision durable;
};
// A block of entries of a backup: a part of the database that is restored under that name; an empty
// one gives the restore up. Who gives it has checked that an admin asks.
struct BlockImported {
  SessionId session;
  std::string_view database{};
  DatabaseId id{};  // as the first part was answered
  std::string_view block{};
};
struct OperationEnded {
  const OperationResult* result = nullptr;
};
// A command of another node's client, for which a session of this node stands in.
struct ForwardReceived {
  SessionId session;
  const Forwarded* forwarded = nullptr;
};
// One of Node::forwards has been answered: replies, the last one a status.
struct ForwardAnswered {
  OperationId operation{};
  SessionId session{};
  const Output* answer = nullptr;
};
// A session of another node that had keys is gone.
struct OwnerEnded {
  std::uint64_t owner = 0;
};
// Those of other nodes that are there: keys of all others end.
struct OwnersElsewhere {
  const std::set<std::uint64_t>* owners = nullptr;
};
// From now on the node makes records of that term, or takes those of another node.
struct RoleChanged {
  NodeRole role = NodeRole::kPrimary;
  Term term{};                 // of kPrimary
  std::string_view primary{};  // of kSecondary: where it is; empty: not known
};
// Who belongs to the cluster from now on, of a primary. It makes a record of it.
struct MembersChanged {
  std::string_view members;
};
// Whole records as another node wrote them, of a secondary: the next ones of its log. They hold
// until the next Step. One that does not fit is Output::failure; those before it are taken.
struct RecordsReceived {
  std::string_view bytes;
};

// All up to there is final: it is never taken back.
struct LogCommitted {
  Revision committed;
};
// What is held since before that time and is still not final is answered as unknown.
struct HeldTooLong {
  std::int64_t before_us = 0;
};
// The log ends there again, of a secondary: MayRewind has been asked before it was cut.
struct LogRewound {
  ChainEnd end;
};

using Input =
    std::variant<ClientCommand, TurnStarted, TurnEnded, Tick, SessionOpened, SessionClosed,
                 SessionLagging, SessionDrained, LogSynced, OperationEnded, BlockImported,
                 ForwardReceived, ForwardAnswered, OwnerEnded, OwnersElsewhere, RoleChanged,
                 MembersChanged, RecordsReceived, LogCommitted, HeldTooLong, LogRewound>;

}  // namespace nunc
