// What a member is just now, with what it knows only as that.
//
// Shape:   one of three; a learner is a secondary that the list of members does not call a voter.
// Source:  docs/election.md; docs/cluster.md §3.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/position.h"
#include "cluster/members.h"
#include "cluster/names.h"

namespace nunc {

struct ConfigAt {
  Revision revision{};
  Members members{};
};

struct Secondary {
  std::optional<NodeId> primary{};
  std::int64_t heard_us = 0;  // from `primary`
  bool gone = false;          // its link was lost, and a new one refused
  Revision matched{};         // the log is the primary's up to here
  std::int64_t stamp_us = 0;  // of its newest frame
};

struct Candidate {
  bool probe = true;
  std::set<NodeId> grants{};
};

// How far one node has the primary's log.
struct PeerProgress {
  Revision next{};  // what it is sent next
  Revision received{};
  Revision durable{};
  Revision commit{};          // what it was told last
  bool syncing = false;       // it is sent a whole state, and no records
  bool arbiter_node = false;  // it is sent floors, and no records; `durable` is what it has stored
  bool keeps_up = false;      // it has had nearly all since its link is there
  bool probing = true;        // it is not known where its log is the same: one frame at a time
  std::vector<Revision> in_flight{};  // the newest record of each frame that is not answered
  std::int64_t sent_us = 0;           // when it was sent anything
  std::int64_t reset_us = 0;          // older answers say nothing new about where to begin
  std::int64_t answered_us = 0;       // when the newest frame was sent that it has answered
  std::int64_t confirmed_us = 0;      // the same; its vote is no answer
  std::optional<std::int64_t> caught_up_us{};  // since when a learner is close behind
};

struct TakeOverTry {
  NodeId target{};
  std::int64_t until_us = 0;
  bool sent = false;
};

struct Primary {
  Revision start{};  // of the term's first record
  std::int64_t since_us = 0;
  std::map<NodeName, PeerProgress> progress{};  // of every other member
  bool hand_over = false;
  NodeId hand_over_to{};                // 0: to the best that there is
  std::int64_t hand_over_until_us = 0;  // then it stays
  std::set<NodeId> leaving{};           // members that are to go
  std::optional<TakeOverTry> takeover{};
  std::int64_t takeover_us = 0;       // not before
  std::int64_t takeover_wait_us = 0;  // and after a failure so much later
  Revision floor{};                   // what the arbiter node is told; 0: nothing of this term yet
  std::int64_t floor_us = 0;          // since when
};

// Whether it may be sent one more frame with records.
inline bool HasRoom(const PeerProgress& progress) {
  return !progress.syncing && !progress.arbiter_node &&
         progress.in_flight.size() < (progress.probing ? 1 : kReplicatesInFlightMax);
}

using Role = std::variant<Secondary, Candidate, Primary>;

// Times and distances that are not configured.
inline constexpr std::int64_t kElectionSpreadUs = 100'000;  // two do not ask at once
inline constexpr std::int64_t kFastElectionUs = 50'000;     // when the primary is known to be gone
inline constexpr std::int64_t kFastSpreadUs = 10'000;
inline constexpr std::int64_t kTicksPerPing = 4;      // how often a primary looks at its leases
inline constexpr std::int64_t kTakeOverUs = 200'000;  // a primary accepts nothing for so long
inline constexpr std::int64_t kTakeOverWaitUsMax = 60'000'000;
inline constexpr std::int64_t kPromoteUs = 10'000'000;  // so long it is tried, when asked for
inline constexpr std::int64_t kAskAgainUs = 1'000'000;  // to join or to leave
inline constexpr std::uint64_t kCaughtUpRecords = 1'000;
inline constexpr std::int64_t kCaughtUpUs = 1'000'000;
inline constexpr std::int64_t kFloorUs =
    1'000'000;  // how often a floor rises that nobody waits for

}  // namespace nunc
