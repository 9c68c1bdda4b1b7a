// The node as a state machine: what may happen to it goes in, what must be done about it comes out.
//
// Shape:   Step(input, output), deterministic: same inputs, same outputs. Nothing is done here; the
//          driver (the server's loop, later the simulator) carries the output out. Today a node is
//          its executor; the op log, the gate and the cluster join it behind this same Step.
// Units:   microseconds in Now.
// Owner:   the server; loop thread only. Inputs are views, valid during the call.
// Source:  docs/architecture.md §1, §4.
#pragma once

#include <variant>

#include "core/executor.h"
#include "core/output.h"

namespace nunc {

// Before the first input of a turn: what time it is.
struct TurnStarted {
  Now now;
  double query_time_ms_average = 0;
};
// After the last one: what is told once per turn.
struct TurnEnded {};
// About once a second.
struct Tick {};
struct SessionOpened {
  SessionId session;
  SessionKind kind = SessionKind::kConnection;
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

using Input = std::variant<ClientCommand, TurnStarted, TurnEnded, Tick, SessionOpened,
                           SessionClosed, SessionLagging, SessionDrained>;

class Node {
 public:
  explicit Node(ExecutorOptions options) : executor_(std::move(options)) {}

  // Replaces the content of `output`.
  void Step(const Input& input, Output& output);

  // At start: a database with that token, unless there is one of that name.
  void EnsureDatabase(std::string_view name, std::string_view token);

 private:
  Executor executor_;
};

}  // namespace nunc
