// Every named limit of the server, with the policy at the limit.
//
// Units:   bytes, counts, microseconds or milliseconds as the name ends.
// Source:  docs/limits.md lists the same numbers for users, what happens at each, and its test.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nunc {

// Names and values. At the limit: the command is refused with an error that names the limit.
inline constexpr std::size_t kKeyBytesMax = 4096;
inline constexpr std::size_t kValueBytesMaxDefault = std::size_t{8} << 20;
inline constexpr std::size_t kValueBytesMaxCeiling = std::size_t{15} << 20;
inline constexpr std::size_t kNameBytesMax = 128;     // database and user names
inline constexpr std::size_t kSecretBytesMax = 1024;  // tokens and passwords
inline constexpr std::size_t kDatabasesMax = 10'000;
// Ids of databases are never used again; then no more can be made.
inline constexpr std::uint32_t kDatabaseIdMax = 10'000'000;
inline constexpr std::size_t kWatchesPerSessionMax = 100'000;
inline constexpr std::size_t kGetManyKeysMax = 1'000;
// Keys and values of one reply about keys that were named. Beyond it the command is refused.
inline constexpr std::size_t kReplyBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kOpenConflictsPerDatabaseMax = 10'000;
// Of the text that an arbiter gets: both values and the key. Beyond it the write is refused.
inline constexpr std::size_t kTransactionWritesMax = 1'000;
inline constexpr std::size_t kTransactionBytesMax = std::size_t{15} << 20;    // one record takes it
inline constexpr std::size_t kTransactionsBytesMax = std::size_t{256} << 20;  // of all sessions
inline constexpr std::size_t kConflictBytesMax = std::size_t{15} << 20;
// Closed conflicts kept for arbiters that follow a chain; at the limit the oldest is removed.
inline constexpr std::size_t kClosedConflictsPerDatabaseMax = 1'000;

// Watches that begin, resume or lagged. Entries looked at per turn for all of them together; the
// rest is for the next turn.
inline constexpr std::size_t kCatchUpEntriesPerTurn = 1'000;
// So many of them are worked on at a time; the others wait for their turn.
inline constexpr std::size_t kCatchUpsAtOnce = 64;
// So many go through the changes together, those that have left included; others begin anew.
inline constexpr std::size_t kWalkWatchesMax = 100'000;
// Of the changes that watches of the policy `all` are given while their session lags: keys, values
// and something for each change. At the limit: cut, with a gap, and newest values later.
inline constexpr std::size_t kAllBytesMax = std::size_t{1} << 20;
// The interval of a watch of the policy `every`. Beyond it: the watch is refused.
inline constexpr std::int64_t kEveryMsMax = 3'600'000;
// So many of them are woken per turn; the others in the next.
inline constexpr std::size_t kWakesPerTurn = 1'000;
// Of connections that have ended: gone per turn; left for later, beyond it all are gone at once.
inline constexpr std::size_t kWatchesEndedPerTurn = 1'000;
inline constexpr std::size_t kLeavingWatchesMax = 200'000;
// Keys that one of them is told of while it waits for the disk; more are told an interval later.
inline constexpr std::size_t kClosingKeysMax = 1'024;
// How often an idle watch that keeps tokens is given a newer one.
inline constexpr std::int64_t kProgressIntervalUs = 10'000'000;

// Databases whose deliveries are measured each by itself; others count for the server alone.
inline constexpr std::size_t kMeasuredDatabasesMax = 1'000;
// What a client reports to have shown later than this, or before it happened, is passed over.
inline constexpr std::int64_t kShownUsMax = std::int64_t{3600} * 1'000'000;
// Writes with a sequence, of which it is known what came of them. Of one session; then the lowest
// sequence is forgotten, and it and those below are refused.
inline constexpr std::size_t kRetriesPerSessionMax = 64;
// Of all sessions of all databases, each write of a transaction counted; then the session goes
// whose newest one is the oldest.
inline constexpr std::size_t kRetriesMax = 1'000'000;
// A session without a newer one for so long goes, so many of them with each record of another one.
inline constexpr std::int64_t kRetryAgeUsMax = std::int64_t{24} * 3600 * 1'000'000;
inline constexpr std::size_t kRetrySessionsForgottenAtOnce = 16;
// Records of which it is known who made them; then the oldest is forgotten.
inline constexpr std::size_t kRecentWritesMax = 1'024;
// Watchers that one `explain` names; more are only counted.
inline constexpr std::size_t kExplainWatchersMax = 100;

// Keys that do not live for ever. How long a time to live or a grace may be (ten years); beyond it
// the command is refused.
inline constexpr std::int64_t kLifetimeMsMax = std::int64_t{3'650} * 24 * 3600 * 1000;
// Keys removed, or given their time, in one turn; the rest is for the next turn.
inline constexpr std::size_t kExpiriesPerTurn = 256;
// Keys that live with one session. At the limit: the command is refused.
inline constexpr std::size_t kSessionKeysMax = 1'000;

// The op log and memory, as they may be configured. A segment holds the largest record twice.
inline constexpr std::uint64_t kSegmentBytesMin = std::uint64_t{32} << 20;
inline constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMemoryBytesMaxMin = std::uint64_t{1} << 20;

// Requests. A command is its value plus room for verb, key and version.
inline constexpr std::size_t kCommandOverheadBytesMax = kKeyBytesMax + 4096;
inline constexpr std::size_t kCommandsPerMessageMax = 10'000;  // then the whole message is refused
inline constexpr std::size_t kJsonDepthMax = 512;  // deeper brackets do not protect a `;`
// Of a nunc.1 message, and of a stored value that leaves as JSON and not as text.
inline constexpr std::size_t kMessageDepthMax = 512;
inline constexpr std::size_t kRequestFieldsMax = 16;     // then the request is refused
inline constexpr std::size_t kRequestIdBytesMax = 64;    // then the request is refused
inline constexpr std::size_t kBatchRequestsMax = 1'000;  // then the whole batch is refused
// An answer to a batch at this size runs no further request of it; each says so.
inline constexpr std::size_t kBatchAnswerBytesMax = std::size_t{16} << 20;
// Of a merge patch, and of the value it changes. Beyond it the request is refused.
inline constexpr std::size_t kMergeBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kHttpHeadBytesMax = std::size_t{16} << 10;  // then 431
inline constexpr std::size_t kHttpHeadersMax = 100;                      // then 431
inline constexpr std::size_t kChunkLineBytesMax = 1024;  // chunk size and extensions: then 400
// An HTTP answer at this size runs no further command of its request; each says so.
inline constexpr std::size_t kHttpAnswerBytesMax = std::size_t{64} << 20;

// One part of a scan. At a limit the part ends, and says where to go on.
inline constexpr std::int64_t kScanRowsDefault = 1'000;
inline constexpr std::int64_t kScanRowsMax = 10'000;  // that may be asked for; beyond it: an error
inline constexpr std::size_t kScanBytesMax = std::size_t{1} << 20;  // keys and values; but one row
inline constexpr std::size_t kScanVisitedMax = 20'000;              // keys looked at, shown or not

// Connections. At the limit: accepted and closed at once, with a reason where the protocol has one.
inline constexpr std::size_t kConnectionsMaxDefault = 100'000;
// Of the file descriptors the system allows: for the log, snapshots and backups, and for links with
// other nodes. A client who would need one of them is refused.
inline constexpr int kDescriptorsReserved = 96;
// With this much unsent a connection is not read, and its watches lag (newest values later).
inline constexpr std::size_t kUnsentBytesMax = std::size_t{1} << 20;
// All partial requests and unsent bytes of all connections together. At the limit: the connection
// that asks for more than its allowance is closed; the allowances are bounded by the connections.
inline constexpr std::size_t kBufferedBytesMaxDefault = std::size_t{1} << 30;
inline constexpr std::size_t kBufferedBytesAllowance = std::size_t{64} << 10;
inline constexpr std::uint32_t kHandshakeTimeoutMsDefault = 10'000;     // then closed
inline constexpr std::uint32_t kHttpRequestTimeoutMsDefault = 300'000;  // one whole request
inline constexpr std::uint32_t kHttpIdleTimeoutMsDefault = 75'000;  // keep-alive without request
inline constexpr std::uint32_t kPingIntervalMsDefault =
    30'000;  // quiet peer: ping; 2 unanswered: closed

// One turn of the loop. At the limit: the rest waits for the next turn, behind the others.
inline constexpr std::size_t kReadBytesPerTurn = std::size_t{256} << 10;  // per connection
inline constexpr std::size_t kCommandsPerTurn = 512;                      // per connection
// Keys of commands that were read together and are fetched ahead; the others are not.
inline constexpr std::size_t kExpectedKeysMax = 32;
inline constexpr std::size_t kLookAheadBytesMax = std::size_t{16} << 10;
inline constexpr std::int64_t kSendSliceUs = 2'000;
inline constexpr std::int64_t kRunSliceUs = 2'000;  // commands of all connections
// On the way to watchers of widely watched keys; then who changes such keys waits until it is sent.
inline constexpr std::size_t kFanOutBytesMax = std::size_t{128} << 20;
inline constexpr std::size_t kAcceptsPerTurn = 64;
// Replies and changes that wait for the disk. At the limit: of one connection no more commands are
// run; of all together, of none.
inline constexpr std::size_t kHeldRepliesMax = 4'096;
inline constexpr std::size_t kHeldBytesMax = std::size_t{64} << 20;

// Wire.
inline constexpr std::size_t kWsFragmentBytes =
    65'535;  // outgoing messages above leave in fragments
// Shorter messages are sent as they are, and longer ones would hold up the loop for over 1 ms.
inline constexpr std::size_t kDeflateBytesMin = 512;
inline constexpr std::size_t kDeflateBytesMax = std::size_t{64} << 10;

// One backup, from its first byte to its last; the log is kept for it meanwhile. At the limit: it
// is given up.
inline constexpr std::int64_t kBackupUsMax = std::int64_t{6} * 3600 * 1'000'000;
// Of one part of a database that is restored into a running server, which is one change. Beyond it
// the part is refused.
inline constexpr std::size_t kImportEntriesMax = 1'000;

// What is kept of a node's newest records so that they can be taken back. Beyond it the oldest
// goes, and who must go further back needs all anew.
inline constexpr std::size_t kUndoBytesMax = std::size_t{64} << 20;
// Records of another node that are taken at once; a single one always fits. Beyond it none of them
// is taken.
inline constexpr std::size_t kReceivedBytesMax = std::size_t{32} << 20;

// One record of the op log. At the limit: the change is refused with an error that names the limit.
inline constexpr std::size_t kRecordBytesMax = std::size_t{16} << 20;

// Tombstones of one database: dropped, oldest first, above max(this, a quarter of the live keys).
inline constexpr std::size_t kTombstonesMin = 100'000;
inline constexpr std::int64_t kTombstoneAgeUsMax = std::int64_t{24} * 3600 * 1'000'000;

}  // namespace nunc

#include "base/peer_limits.h"  // those between nodes
