// Every named limit of what nodes of a cluster say to each other, with the policy at the limit.
//
// Units:   bytes, counts, microseconds or milliseconds as the name ends.
// Source:  docs/limits.md lists the same numbers for users, what happens at each, and its test.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/limits.h"  // which ends with this

namespace nunc {

// Between nodes. A longer frame ends the link; one record of any size fits.
inline constexpr std::size_t kPeerFrameBytesMax = kRecordBytesMax + 4096;
// Records of one Replicate; then there is one record in it, however long.
inline constexpr std::size_t kReplicateBytesMax = std::size_t{1} << 20;
// Newest records that are kept in memory for others. Beyond it the oldest are read from the log.
inline constexpr std::size_t kRecentRecordsBytesMax = std::size_t{16} << 20;
// What is read of the log at once for a node that is far behind.
inline constexpr std::size_t kCatchUpBytes = std::size_t{256} << 10;
// Replicates to one node that are not answered. At the limit: no more until one is.
inline constexpr std::size_t kReplicatesInFlightMax = 16;
// A full sync. A longer piece ends the link; with so much unanswered no more is sent, and who gets
// more ends the link.
inline constexpr std::size_t kFullSyncPieceBytesMax = std::size_t{256} << 10;
inline constexpr std::size_t kFullSyncWindowBytes = std::size_t{1} << 20;
// Who answers nothing for so long, or has all and does not start anew: another try, from the start.
inline constexpr std::int64_t kFullSyncSilentUs = 10'000'000;
// The log is kept for members that are linked or were so lately, as long as it is no longer than it
// may be. Then it is cleaned, and they get a full sync.
inline constexpr std::int64_t kMemberKeepUs = std::int64_t{300} * 1'000'000;
// Terms of a log that are known one by one; then the oldest is forgotten.
inline constexpr std::size_t kTermsKnownMax = 4'096;
// Terms that an answer names; a difference further back is found in several.
inline constexpr std::size_t kTermsToldMax = 256;
// Voters and learners. At the limit: nobody can join.
inline constexpr std::size_t kMembersMax = 16;
inline constexpr std::size_t kPeerAddressBytesMax = 255;   // beyond it: refused
inline constexpr std::size_t kMembersWithArbiterNode = 3;  // that many, no more and no fewer
// What the list of them takes in a record, a snapshot or a backup; kMembersMax of them always fit.
inline constexpr std::size_t kMembersBytesMax = 8'192;
// How old data may be that a client is content with. Beyond it: refused.
inline constexpr std::int64_t kMaxAgeMsMax = 3'600'000;
// Commands for the primary. Sent and not answered: more wait at their node. A single one always
// goes.
inline constexpr std::size_t kForwardsSentMax = 1'024;
inline constexpr std::size_t kForwardsSentBytesMax = std::size_t{4} << 20;
// One with a sequence is sent so often, as primaries are lost; then its outcome is unknown.
inline constexpr unsigned kForwardSendsMax = 4;
// At this many bytes, sent or not, the node runs no command of its clients.
inline constexpr std::size_t kForwardsBytesMax = std::size_t{64} << 20;
// Of other nodes, run in one turn; the rest is for the next turn.
inline constexpr std::size_t kForwardsPerTurn = 512;
// Sessions that stand in for those of other nodes; the slots below belong to nobody else.
inline constexpr std::uint32_t kStandInsMax = kMembersMax;
// Sessions with keys of one other node that are kept in mind. More are taken for gone.
inline constexpr std::size_t kOwnersPerNodeMax = 1'000'000;
// How long keys of sessions wait for the node that had the session, or has it now, to say so.
inline constexpr std::int64_t kOwnersAwaitUs = 10'000'000;
// Links of a node, strangers that want to join included. At the limit: refused.
inline constexpr std::size_t kPeerLinksMax = 32;
// Connections at the port for nodes that have not proven the secret. At the limit: the next one is
// closed at once.
inline constexpr std::size_t kPeerHandshakesMax = 32;
inline constexpr std::uint32_t kPeerHandshakeTimeoutMs = 2'000;  // to prove it; then closed
inline constexpr std::uint32_t kPeerDialTimeoutMs = 2'000;       // for one try, proof included
inline constexpr std::uint32_t kPeerSilentMs = 3'000;  // that owes an acknowledgement: then closed
// Of one link: all that replication lets be under way, were each record the largest, and as much
// again as one of them for the rest. Beyond it: closed.
inline constexpr std::size_t kPeerUnsentBytesMax =
    (kReplicatesInFlightMax + 1) * kPeerFrameBytesMax;
// Frames that wait until a vote or a term is stored. At the limit: lost, as on a bad link.
inline constexpr std::size_t kHeldFramesMax = 64;
// The times of an election. Beyond it: refused at start.
inline constexpr std::int64_t kElectionTimingUsMax = std::int64_t{3600} * 1'000'000;

}  // namespace nunc
