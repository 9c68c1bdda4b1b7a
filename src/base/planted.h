// Bugs that the tests plant to see whether they are found: one line each, where a hand could slip.
//
// Shape:   Planted(bug) is asked where the bug would be. Only a build with NUNC_PLANTED_BUGS has
//          them, and there one is chosen at run time; in every other build the answer is a constant
//          and nothing of this is left in the program.
// Source:  docs/cluster.md §17.2, §17.6; tests/sim/planted.txt says who finds which.
#pragma once

#include <cstdint>

namespace nunc {

enum class Bug : std::uint8_t {
  kNone,
  kSkipLogSync,            // the log's files are not synced
  kSkipFolderSync,         // nor is the folder, after a new segment
  kBadChecksum,            // a record with a wrong checksum is taken
  kNoChain,                // the checksum does not depend on the record before
  kAckBeforeWrite,         // a turn's records are written a turn later
  kGateAtWritten,          // what is written counts as synced
  kSnapshotBeforeDurable,  // a snapshot gets its name before the log has passed its end
  kSnapshotCutShort,       // one that is cut short is taken for whole
  kSnapshotNotSynced,      // it gets its name before it is on the medium
  kCleanTooMuch,           // segments go that a kept snapshot needs
  kReplayLate,             // the first record behind the snapshot is not replayed
  kMarkAhead,              // the durable mark is stored ahead of the sync
  kTornBelowMark,          // what is missing below the mark counts as a torn tail
  kNoCopyAtStart,          // the newest segment is not copied at a start
  kMarkNotLogged,          // a key that waits for an arbiter is not in the log
  kTombstoneNotReplayed,   // a removal is not replayed
  kTermNotRaised,          // a start goes on in the old term
  kHeldAgain,              // replies that were let go wait again, behind later ones
  kDeferredSync,           // each write defers the sync of those before it
  kAdminArbiterRefused,    // an arbiter of the admin database is a record that no start takes
};

#ifdef NUNC_PLANTED_BUGS

inline Bug& ChosenBug() {
  static Bug chosen = Bug::kNone;
  return chosen;
}
inline bool Planted(Bug bug) {
  return ChosenBug() == bug;
}

#else

consteval bool Planted(Bug /*bug*/) {
  return false;
}

#endif

}  // namespace nunc
