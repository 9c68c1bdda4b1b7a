// Why a command was refused.
//
// Shape:   a code; what of the request it is about stands in the Reply's text, number and rows.
// Source:  docs/language.md (errors). The texts are the language's business
// (language/nql_reply.cpp).
#pragma once

#include <cstdint>

namespace nunc {

enum class ErrorCode : std::uint8_t {
  kRejected,  // the request could not be read; Reply::text says why
  kNotAuth,
  kSecureKey,
  kNoDatabaseSelected,
  kPermissionDenied,
  kEmptyKey,
  kKeyTooLong,
  kKeyCharacter,
  kBadName,  // text: the name
  kBadSecret,
  kValueTooLong,  // number: the limit
  kUnknownDatabase,
  kInvalidToken,
  kBadToken,  // text: what was given as a place to go on from
  kDatabaseExists,
  kTooManyDatabases,
  kTooManyKeys,
  kReplyTooLong,
  kScanLimit,   // text: the number
  kEveryRange,  // number: the interval
  kTooManyWatches,
  kBadPermissionList,  // text: what is wrong
  kServerKey,          // text: the key
  kTokenRemoval,
  kNegativeVersion,
  kVersionLimit,
  kInvalidVersion,
  kVersionDiffers,  // number: the present one; text: the one that was named
  kKeyAbsent,       // number: the version that was named
  kKeyExists,       // number: its version
  kNoArbiter,
  kConflictUnresolved,  // text: the conflict's key
  kTooManyConflicts,
  kConflictTooLong,
  kNotArbiter,
  kConflictNotOpen,   // text: the conflict's key
  kConflictNotFirst,  // text: the key of the one that comes first
  kNotNumeric,
  kNumberOverflow,
  kSnapshotWithoutDatabase,
  kSnapshotFlag,              // text: the word
  kSnapshotUnknownDatabases,  // rows: the names
  kReplicateSnapshotUnknown,  // text: the name
  kUnknownDebugCommand,       // text: the word
  kDiskFull,
  kMemoryFull,       // number: the limit
  kNoLog,            // the server keeps nothing on disk
  kBadOplogCommand,  // text: what is wrong
  kOperationFailed,  // text: why
  kUnfinished,       // text: the database, whose restore has not ended
  kBadImport,        // no part of a backup, or not one for what the database has already
  kAdminDrop,        // the admin database cannot be dropped
  kNotEditable,      // the value is none that the edit can work on
  kBadTtl,           // number: what was given
  kBadGrace,         // number: what was given
  kSecureLifetime,   // text: the key, which must live for ever
  kTooManySessionKeys,
  kBadSession,  // no name of a session
  kNoTransaction,
  kInTransaction,  // text: the command, which is not taken there
  kKeyTwice,       // in one transaction; text: the key
  kTransactionTooLarge,
  kTransactionSpoiled,  // something in it was refused
  kBadSequence,         // it stands where it means nothing, or has no session
  kSequenceForgotten,   // number: the newest one that is
  kSessionForgotten,    // all of its sequences are, or it is older than that is known
  kSequenceReused,      // number: the sequence, which another write has had
  kUnknownOutcome,      // not confirmed in time, or taken back before
  kNoCluster,           // the server is a member of none
  kUnknownForm,         // of cluster-state, metrics-state; text: the word
  kUnknownMember,       // text: the ids of those that there are
  kNoSuccessor,         // nobody could be primary in this node's place
  kCannotLead,          // text: the id of that member
  kNoMajority,          // of those that would be left; text: the id of who would go
  kBadAddress,          // text: of a node
  kMemberThere,         // text: the address, where a member is
  kNotPrimary,          // text: the primary's address; -: none is known
  kBehind,              // this node has not come so far; text: as in kNotPrimary
};

}  // namespace nunc
