// What nodes tell each other, as frames on one link for each pair of nodes.
//
// Shape:   EncodeFrame appends bytes; DecodeFrame takes the first frame of what has arrived. Each
//          frame has one encoding: what is decoded and encoded again is the same bytes.
// Units:   positions are revisions and terms; stamps are microseconds of the sender's own clock.
// Errors:  kDamaged, and what was wrong: the link is no longer usable. Nothing that arrives is
//          trusted: not a length, not a number.
// Owner:   `records` and `bytes` are views into the bytes that were given.
// Source:  docs/cluster-protocol.md; docs/cluster.md §5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/position.h"
#include "base/result.h"
#include "cluster/names.h"
#include "cluster/refusal.h"

namespace nunc {

inline constexpr std::size_t kFrameHeaderBytes = 16;
// What a Replicate takes besides its records.
inline constexpr std::size_t kReplicateHeadBytes = kFrameHeaderBytes + 56;

// The first frame on a link, in both directions.
struct Hello {
  ClusterId cluster{};  // all zero: has none yet, and will join
  NodeName name{};
  Position last{};
  Priority priority{};
  friend bool operator==(const Hello&, const Hello&) = default;
};

struct Refused {
  Refusal reason = Refusal::kOtherCluster;
  friend bool operator==(const Refused&, const Refused&) = default;
};

// A probe asks who would vote in the term after the frame's; nobody stores anything for it.
struct Election {
  Position last{};
  Priority priority{};
  bool probe = false;
  bool forced = false;  // the primary asked for it
  friend bool operator==(const Election&, const Election&) = default;
};

struct Alive {
  Term election{};  // the one that is answered
  bool grant = false;
  bool probe = false;
  friend bool operator==(const Alive&, const Alive&) = default;
};

struct Victory {
  Revision start{};  // of the first record of the term
  friend bool operator==(const Victory&, const Victory&) = default;
};

// Records of one term, behind `previous`. Without any it is a ping.
struct Replicate {
  Position previous{};
  Term record_term{};
  std::uint64_t count = 0;
  Revision commit{};
  Revision head{};  // the newest record of the primary
  std::int64_t stamp_us = 0;
  std::string_view records{};
  friend bool operator==(const Replicate&, const Replicate&) = default;
};

struct Ack {
  Revision received{};  // the log is the primary's up to here
  Revision durable{};
  Revision applied{};
  std::int64_t stamp_us = 0;     // of the frame that is answered
  bool conflict = false;         // its `previous` is not in the log
  std::vector<TermEnd> terms{};  // then: the log's newest terms up to that of `previous`
  friend bool operator==(const Ack&, const Ack&) = default;
};

// Hold an election at once; who has the log up to `last` will win it.
struct TakeOver {
  Position last{};
  friend bool operator==(const TakeOver&, const TakeOver&) = default;
};

struct Join {
  NodeName name{};
  Priority priority{};
  bool voter = false;         // wants to be one when it has caught up
  bool arbiter_node = false;  // holds no log
  std::string address{};
  friend bool operator==(const Join&, const Join&) = default;
};

struct Leave {
  NodeName name{};
  friend bool operator==(const Leave&, const Leave&) = default;
};

// A command of a client of the sender, for the primary; its bytes are core/forward.h's.
struct Forward {
  std::uint64_t id = 0;  // of the sender; they ascend
  std::string_view command{};
  friend bool operator==(const Forward&, const Forward&) = default;
};

// What the primary answered, in the order of the commands.
struct ForwardReply {
  std::uint64_t id = 0;
  bool taken = false;  // false: it has not been run, and will not be
  Position upto{};     // what it did is in the log up to here
  std::string_view replies{};
  friend bool operator==(const ForwardReply&, const ForwardReply&) = default;
};

// Sessions of the sender's clients that own keys, for the primary.
struct Owners {
  bool all = false;  // these are there and no others; else: these are gone
  std::vector<std::uint64_t> owners{};
  friend bool operator==(const Owners&, const Owners&) = default;
};

// The log cannot be taken back as far as the primary's asks for: a full sync, please.
struct RecoverRequest {
  Position last{};
  friend bool operator==(const RecoverRequest&, const RecoverRequest&) = default;
};

// A part of a whole state, as a file (docs/formats-snapshot.md).
struct FullSync {
  enum class Part : std::uint8_t {
    kBegin = 1,  // of about `at` bytes; what came before is of no use
    kBytes = 2,  // those from `at` on
    kEnd = 3,    // it was `at` bytes
  };
  Part part = Part::kBegin;
  std::uint64_t at = 0;
  std::string_view bytes{};  // of kBytes, and then 1 to kFullSyncPieceBytesMax
  friend bool operator==(const FullSync&, const FullSync&) = default;
};

// So many bytes of it have found their place.
struct FullSyncAck {
  std::uint64_t bytes = 0;
  friend bool operator==(const FullSyncAck&, const FullSyncAck&) = default;
};

// The ping of an arbiter node, which answers with an Ack when the floor is on its disk.
struct Floor {
  Position position{};  // no vote for a log that ends before it; 0: as it was
  std::int64_t stamp_us = 0;
  std::string members{};  // as in a CONFIG record: those that are final
  friend bool operator==(const Floor&, const Floor&) = default;
};

using Message =
    std::variant<Hello, Refused, Election, Alive, Victory, Replicate, Ack, TakeOver, Join, Leave,
                 Forward, ForwardReply, Owners, RecoverRequest, FullSync, FullSyncAck, Floor>;

struct Frame {
  Term term{};  // the sender's
  Message message{};
  friend bool operator==(const Frame&, const Frame&) = default;
};

struct DecodedFrame {
  Frame frame{};
  std::size_t bytes = 0;
};

void EncodeFrame(const Frame& frame, std::string& bytes);
// Empty: the frame has not arrived as a whole.
Result<std::optional<DecodedFrame>> DecodeFrame(std::string_view bytes);

}  // namespace nunc
