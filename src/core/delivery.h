// Who hears of a change now, and what sessions that lag have yet to hear.
//
// Shape:   Announce and Tell append a change with its targets to an Output. One that must not be
//          seen yet goes without targets: the gate (node/gate.h) holds it and has it told when its
//          revision is on disk, to whoever watches then. A lagging session costs marks, no values.
// Owner:   Executor; sessions, databases and their watches belong to others.
// Source:  docs/architecture.md §3-4.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/database.h"
#include "core/ids.h"
#include "core/output.h"
#include "core/session.h"

namespace nunc {

class Delivery {
 public:
  // Everything up to there is on disk.
  void SetDurable(Revision durable) { durable_ = durable; }

  // What must be on disk before anyone may see what `revision` made of the key; zero: nothing.
  [[nodiscard]] static Revision NeededFor(const Database& database, std::string_view key,
                                          Revision revision);
  static Change ChangeOf(const Entry& entry);

  // A change of the record at change.revision; `hash` is the key's in `database`.
  void Announce(Database& database, std::uint64_t hash, Change change, Output& output) const;
  // One that may be seen, to who watches now.
  static void Tell(Database& database, std::uint64_t hash, Change change, Output& output);
  // All open conflicts of the database, to this one session. Gives the bytes it appended.
  std::size_t ReplayConflicts(Database& database, const WatchingSession& to, Output& output) const;

  // The session's socket takes no more: from now on its watched keys are only marked.
  static void MarkLagging(Session& session);
  // The socket has drained: some newest values of what was marked. When nothing was marked any
  // more, no item is appended and the session is live again.
  void Drain(Session& session, Output& output) const;

 private:
  // Gives the bytes that may be sent now; zero: it is told, or comes by itself later.
  std::size_t TellDirty(const WatchedKey& watched, Database& database, SessionId to,
                        Output& output) const;

  Revision durable_{UINT64_MAX};
};

}  // namespace nunc
