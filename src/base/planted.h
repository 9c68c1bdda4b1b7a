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
  kSyncsShareFile,         // two syncs at once use one open file, and one hears of the other's loss
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

  kLifetimeNotReplayed,    // a record about how long a key lives is not replayed
  kLifetimeKeptBySet,      // a plain write leaves the key its end
  kLifetimeNotInSnapshot,  // a snapshot forgets it
  kLifetimeOfOldSession,   // a key outlives its session when the server starts anew

  // Of the delivery of changes to watchers; src/sim/watch_world.h finds them.
  kWatchDeltaLate,        // what was changed first since the token is skipped
  kWatchTombstoneUntold,  // no removal is told on resume
  kWatchListedTwice,      // a change is told live where the listing has yet to come
  kWatchListedLost,       // nor where it has just been
  kWatchTokenAhead,       // a token is ahead of what is on disk
  kWatchReadyEarly,       // a `ready` comes before what waits for the disk
  kWatchReadyForAll,      // a token for all while a pattern is behind
  kWatchProgressBehind,   // so with those that come now and then
  kWatchHorizonIgnored,   // a delta begins though tombstones are gone
  kWatchHorizonOnce,      // it goes on though they go meanwhile
  kWatchMissedForgotten,  // what a listing missed while its session lagged
  kWatchMissedTwice,      // or that is told twice
  kWatchLagUnnoted,       // a live pattern misses what changes while it lags
  kWatchLagTold,          // it is told in spite of it
  kWatchMarkLost,         // a dirty key that changes again is not dirty
  kWatchUnsyncedListed,   // a listing shows what is not on disk
  kWatchUnsyncedWalked,   // so does a delta
  kWatchUnsyncedTold,     // so do live changes
  kWatchLongestAlone,     // a key finds only the longest of its patterns
  kWatchEachTold,         // several watches of a session are each told
  kWatchNotEnded,         // an unwatched pattern goes on
  kWatchRightsIgnored,    // a pattern shows what may not be read
  kWatchSecureShown,      // and `$$` keys to everybody
  kWatchRightsKept,       // it does not begin again when they change
  kWatchRightsAway,       // nor when they changed while it was away
  kWatchRewoundGood,      // a token of a lost tail is good
  kWatchKeyHorizon,       // a resumed key whose tombstone is gone
  kWatchUnitSplit,        // of a transaction only the first key is told on resume
  kWatchUnitOpen,         // no `ready` closes a transaction
  kWatchConnectionsLost,  // `$connections` is not told again
  kWatchTrailingLost,     // a watch with an interval is not told what came in it
  kWatchRateExceeded,     // it is told more often
  kWatchKeyRightsKept,    // a watch of a key outlives the right to read it
  kWatchOldUser,          // a session that is another user now is told nothing of that
  kWatchGapUntold,        // a watch of all changes is cut and not told so
  kWatchAllReordered,     // what comes behind the cut is told before what was cut
  kWatchLifetimeShort,    // a key ends before its time
  kWatchLifetimeLong,     // or behind it
  kWatchLifetimeUnwoken,  // nobody wakes the loop for it
  kWatchLifetimeUnowned,  // who comes back does not get the keys that wait for it

  // Of elections, replication and membership; src/sim/cluster_world.h finds them.
  kClusterVoteUnchecked,      // a vote for a candidate whose log is older
  kClusterVoteOnWritten,      // a vote is refused for records that are not on the disk
  kClusterVoteNotStored,      // a vote leaves before it is stored
  kClusterVoteForgotten,      // it is forgotten at a restart
  kClusterVoteTwice,          // a second one in the same term
  kClusterTermNotStored,      // a term that was heard of is not stored
  kClusterProbeDisturbs,      // a probe is granted although there is a primary
  kClusterMinorityWins,       // half of the voters are enough
  kClusterNoNoop,             // a term begins without a record of its own
  kClusterOldTermCounted,     // records of older terms are committed by counting
  kClusterPreviousUnchecked,  // records are taken wherever they fit
  kClusterTailKept,           // what contradicts them is not cut
  kClusterDurableKept,        // what was cut still counts as on the disk
  kClusterConfigKept,         // members whose record was cut
  kClusterAckWholeLog,        // what nobody has compared is acknowledged
  kClusterAckEarly,           // and what is not on the disk
  kClusterCommitAhead,        // a commit beyond the log
  kClusterLeaseFromArrival,   // a lease begins when the answer comes
  kClusterLearnerCounts,      // a learner counts as a voter
  kClusterTwoChanges,         // members change before the last change is committed
  kClusterTakeOverEarly,      // the role is handed to a node that lacks records
  kClusterFloorIgnored,       // an arbiter node votes for a log that ends before its floor
  kClusterFloorNotStored,     // it says that it has a floor that is not on its disk
  kClusterFloorAhead,         // a floor is told of records that are not on the primary's disk
  kClusterFloorOfNobody,      // a primary counts on a floor that was told, and not answered
  kClusterArbiterCounts,      // an arbiter node counts as if it held the log

  // Of a whole node in a cluster.
  kFleetShownEarly,      // what one disk has is shown, though it is not final
  kFleetLoadedUntold,    // nobody hears of what was loaded and has become final since
  kFleetRewindMarkKept,  // the durable mark stays above the end of the log
  kFleetAnsweredEarly,   // a forwarded write is answered before the node has it itself
  kFleetLostIsRefused,   // one whose answer was lost is said not to have been done

  // Of a full sync.
  kFleetSyncWithoutChain,  // the new log does not go on behind the last record of the state
  kFleetSyncRecordsLost,   // what changed while the store was walked is not in it
  kFleetRetriesLost,       // the results of writes that may come again are in no snapshot
  kFleetSyncFileFirst,     // its file goes before the folder is what it says

  // Of a node that takes records of another one, and takes some of them back.
  kWatchFollowRights,    // a change of rights that comes so is not noted
  kWatchFollowExpires,   // it ends keys by itself
  kWatchFollowTerm,      // it does not note that a term has begun
  kRewindLifetime,       // a key that was put back lives for ever
  kRewindTombstone,      // a removal that was there before is forgotten
  kRewindOrder,          // keys that were put back are the newest
  kRewindUntold,         // who watches keys hears nothing of a rewind
  kRewindPatternUntold,  // nor who watches patterns
  kRewindToken,          // a token of what was cut is good
  kRewindRetry,          // a write that was taken back counts as done when it comes again
  kRewindHeld,           // a change that waited for the disk is told though it was cut
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
