#include "cluster/message.h"

#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/limits.h"
#include "base/little_endian.h"

namespace nunc {

namespace {

constexpr std::uint8_t kFrameVersion = 1;

enum class Kind : std::uint8_t {
  kHello = 1,
  kRefused = 2,
  kElection = 3,
  kAlive = 4,
  kVictory = 5,
  kReplicate = 6,
  kAck = 7,
  kTakeOver = 8,
  kJoin = 9,
  kLeave = 10,
  kForward = 11,
  kForwardReply = 12,
  kOwners = 13,
  kRecover = 14,
  kFullSync = 15,
  kFullSyncAck = 16,
  kFloor = 17,
};

constexpr std::uint8_t kFlagProbe = 1;
constexpr std::uint8_t kFlagForced = 2;
constexpr std::uint8_t kFlagGrant = 2;
constexpr std::uint8_t kFlagConflict = 1;
constexpr std::uint8_t kFlagVoter = 1;
constexpr std::uint8_t kFlagArbiterNode = 2;
constexpr std::uint8_t kFlagTaken = 1;
constexpr std::uint8_t kFlagAll = 1;
constexpr std::size_t kTermEndBytes = 16;

template <std::integral T>
void Put(std::string& bytes, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof(T));
  PutLittle(bytes.data() + at, value);
}
void Put(std::string& bytes, Term term) {
  Put(bytes, term.value);
}
void Put(std::string& bytes, Revision revision) {
  Put(bytes, revision.value);
}
void Put(std::string& bytes, const Position& position) {
  Put(bytes, position.term);
  Put(bytes, position.revision);
}
void Put(std::string& bytes, const NodeName& name) {
  Put(bytes, name.id.value);
  Put(bytes, name.incarnation.value);
}
std::uint8_t Flag(bool set, std::uint8_t flag) {
  return set ? flag : std::uint8_t{0};
}

Kind PutBody(std::string& bytes, const Hello& hello) {
  Put(bytes, hello.cluster[0]);
  Put(bytes, hello.cluster[1]);
  Put(bytes, hello.name);
  Put(bytes, hello.last);
  Put(bytes, hello.priority.value);
  return Kind::kHello;
}
Kind PutBody(std::string& bytes, const Refused& refused) {
  Put(bytes, std::to_underlying(refused.reason));
  return Kind::kRefused;
}
Kind PutBody(std::string& bytes, const Election& election) {
  Put(bytes, election.last);
  Put(bytes, election.priority.value);
  const unsigned flags = Flag(election.probe, kFlagProbe) | Flag(election.forced, kFlagForced);
  Put(bytes, static_cast<std::uint8_t>(flags));
  return Kind::kElection;
}
Kind PutBody(std::string& bytes, const Alive& alive) {
  Put(bytes, alive.election);
  const unsigned flags = Flag(alive.probe, kFlagProbe) | Flag(alive.grant, kFlagGrant);
  Put(bytes, static_cast<std::uint8_t>(flags));
  return Kind::kAlive;
}
Kind PutBody(std::string& bytes, const Victory& victory) {
  Put(bytes, victory.start);
  return Kind::kVictory;
}
Kind PutBody(std::string& bytes, const Replicate& replicate) {
  Put(bytes, replicate.previous);
  Put(bytes, replicate.record_term);
  Put(bytes, replicate.count);
  Put(bytes, replicate.commit);
  Put(bytes, replicate.head);
  Put(bytes, replicate.stamp_us);
  bytes += replicate.records;
  return Kind::kReplicate;
}
Kind PutBody(std::string& bytes, const Ack& ack) {
  Put(bytes, ack.received);
  Put(bytes, ack.durable);
  Put(bytes, ack.applied);
  Put(bytes, ack.stamp_us);
  Put(bytes, Flag(ack.conflict, kFlagConflict));
  for (const TermEnd& end : ack.terms) {
    Put(bytes, end.term);
    Put(bytes, end.last);
  }
  return Kind::kAck;
}
Kind PutBody(std::string& bytes, const TakeOver& take_over) {
  Put(bytes, take_over.last);
  return Kind::kTakeOver;
}
Kind PutBody(std::string& bytes, const Join& join) {
  Put(bytes, join.name);
  Put(bytes, join.priority.value);
  const unsigned flags = Flag(join.voter, kFlagVoter) | Flag(join.arbiter_node, kFlagArbiterNode);
  Put(bytes, static_cast<std::uint8_t>(flags));
  bytes += join.address;
  return Kind::kJoin;
}
Kind PutBody(std::string& bytes, const Leave& leave) {
  Put(bytes, leave.name);
  return Kind::kLeave;
}
Kind PutBody(std::string& bytes, const RecoverRequest& recover) {
  Put(bytes, recover.last);
  return Kind::kRecover;
}
Kind PutBody(std::string& bytes, const FullSync& sync) {
  Put(bytes, std::to_underlying(sync.part));
  Put(bytes, sync.at);
  bytes += sync.bytes;
  return Kind::kFullSync;
}
Kind PutBody(std::string& bytes, const FullSyncAck& ack) {
  Put(bytes, ack.bytes);
  return Kind::kFullSyncAck;
}
Kind PutBody(std::string& bytes, const Floor& floor) {
  Put(bytes, floor.position);
  Put(bytes, floor.stamp_us);
  bytes += floor.members;
  return Kind::kFloor;
}

Kind PutBody(std::string& bytes, const Forward& forward) {
  Put(bytes, forward.id);
  bytes += forward.command;
  return Kind::kForward;
}
Kind PutBody(std::string& bytes, const ForwardReply& reply) {
  Put(bytes, reply.id);
  Put(bytes, reply.upto);
  Put(bytes, Flag(reply.taken, kFlagTaken));
  bytes += reply.replies;
  return Kind::kForwardReply;
}
Kind PutBody(std::string& bytes, const Owners& owners) {
  Put(bytes, Flag(owners.all, kFlagAll));
  for (const std::uint64_t owner : owners.owners) {
    Put(bytes, owner);
  }
  return Kind::kOwners;
}

tl::unexpected<Error> Broken(std::string detail) {
  return Fail(Fault::kDamaged, "a frame of another node: " + std::move(detail));
}

// The body of a frame, from front to back. What is read beyond the end is zero, and is noted: the
// one place that looks is Decode.
class Body {
 public:
  explicit Body(std::string_view bytes) : bytes_(bytes) {}

  template <std::integral T>
  T Number() {
    if (bytes_.size() < sizeof(T)) {
      short_ = true;
      return 0;
    }
    const T value = GetLittle<T>(bytes_, 0);
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  Term TakeTerm() { return {Number<std::uint64_t>()}; }
  Revision TakeRevision() { return {Number<std::uint64_t>()}; }
  Position TakePosition() {
    const Term term = TakeTerm();
    return {.term = term, .revision = TakeRevision()};
  }
  NodeName TakeName() {
    const NodeId id{Number<std::uint64_t>()};
    return {.id = id, .incarnation = {Number<std::uint64_t>()}};
  }
  Priority TakePriority() { return {Number<std::uint32_t>()}; }
  std::string_view TakeRest() { return std::exchange(bytes_, {}); }

  [[nodiscard]] bool is_short() const { return short_; }
  [[nodiscard]] std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
  bool short_ = false;
};

const char* CheckName(const NodeName& name) {
  return name.id.value == 0 ? "the id of a node is never 0" : nullptr;
}

// Each returns what is wrong with the fields, or null.
const char* Take(Body& body, Hello& hello) {
  hello.cluster[0] = body.Number<std::uint64_t>();
  hello.cluster[1] = body.Number<std::uint64_t>();
  hello.name = body.TakeName();
  hello.last = body.TakePosition();
  hello.priority = body.TakePriority();
  return CheckName(hello.name);
}
const char* Take(Body& body, Refused& refused) {
  refused.reason = static_cast<Refusal>(body.Number<std::uint8_t>());
  return TextOf(refused.reason).empty() ? "the reason of a refusal is 1 to 10" : nullptr;
}
const char* Take(Body& body, Election& election) {
  election.last = body.TakePosition();
  election.priority = body.TakePriority();
  const unsigned flags = body.Number<std::uint8_t>();
  election.probe = (flags & kFlagProbe) != 0;
  election.forced = (flags & kFlagForced) != 0;
  return flags > (kFlagProbe | kFlagForced) ? "the flags of an Election are 0 to 3" : nullptr;
}
const char* Take(Body& body, Alive& alive) {
  alive.election = body.TakeTerm();
  const unsigned flags = body.Number<std::uint8_t>();
  alive.probe = (flags & kFlagProbe) != 0;
  alive.grant = (flags & kFlagGrant) != 0;
  return flags > (kFlagProbe | kFlagGrant) ? "the flags of an Alive are 0 to 3" : nullptr;
}
const char* Take(Body& body, Victory& victory) {
  victory.start = body.TakeRevision();
  return nullptr;
}
const char* Take(Body& body, Replicate& replicate) {
  replicate.previous = body.TakePosition();
  replicate.record_term = body.TakeTerm();
  replicate.count = body.Number<std::uint64_t>();
  replicate.commit = body.TakeRevision();
  replicate.head = body.TakeRevision();
  replicate.stamp_us = body.Number<std::int64_t>();
  replicate.records = body.TakeRest();
  if (replicate.count > replicate.records.size() ||
      (replicate.count == 0) != replicate.records.empty()) {
    return "the number of records does not fit their bytes";
  }
  if ((replicate.count == 0) != (replicate.record_term.value == 0) ||
      (replicate.count > 0 && replicate.record_term < replicate.previous.term)) {
    return "the term of the records is older than what is before them";
  }
  if (replicate.previous.revision.value >
      std::numeric_limits<std::uint64_t>::max() - replicate.count) {
    return "there are no such revisions";
  }
  return nullptr;
}
const char* Take(Body& body, Ack& ack) {
  ack.received = body.TakeRevision();
  ack.durable = body.TakeRevision();
  ack.applied = body.TakeRevision();
  ack.stamp_us = body.Number<std::int64_t>();
  const unsigned flags = body.Number<std::uint8_t>();
  ack.conflict = (flags & kFlagConflict) != 0;
  if (flags > kFlagConflict || (!ack.conflict && !body.rest().empty())) {
    return "the flags of an Ack are 0, or 1 with terms";
  }
  if (body.rest().size() > kTermsToldMax * kTermEndBytes) {
    return "an Ack names at most kTermsToldMax terms";
  }
  ack.terms.reserve(body.rest().size() / kTermEndBytes);
  while (body.rest().size() >= kTermEndBytes) {
    const Term term = body.TakeTerm();
    const TermEnd end{.term = term, .last = body.TakeRevision()};
    if (!ack.terms.empty() &&
        (end.term <= ack.terms.back().term || end.last <= ack.terms.back().last)) {
      return "the terms of an Ack ascend";
    }
    ack.terms.push_back(end);
  }
  return nullptr;
}
const char* Take(Body& body, TakeOver& take_over) {
  take_over.last = body.TakePosition();
  return nullptr;
}
const char* Take(Body& body, Join& join) {
  join.name = body.TakeName();
  join.priority = body.TakePriority();
  const unsigned flags = body.Number<std::uint8_t>();
  join.voter = (flags & kFlagVoter) != 0;
  join.arbiter_node = (flags & kFlagArbiterNode) != 0;
  if (flags > (kFlagVoter | kFlagArbiterNode)) {
    return "the flags of a Join are 0 to 3";
  }
  if (body.rest().size() > kPeerAddressBytesMax) {
    return "an address has at most kPeerAddressBytesMax bytes";
  }
  join.address = body.TakeRest();
  return CheckName(join.name);
}
const char* Take(Body& body, Leave& leave) {
  leave.name = body.TakeName();
  return CheckName(leave.name);
}
const char* Take(Body& body, RecoverRequest& recover) {
  recover.last = body.TakePosition();
  return nullptr;
}
const char* Take(Body& body, FullSync& sync) {
  sync.part = static_cast<FullSync::Part>(body.Number<std::uint8_t>());
  sync.at = body.Number<std::uint64_t>();
  sync.bytes = body.TakeRest();
  if (sync.part < FullSync::Part::kBegin || sync.part > FullSync::Part::kEnd) {
    return "the part of a FullSync is 1 to 3";
  }
  if ((sync.part == FullSync::Part::kBytes) == sync.bytes.empty()) {
    return "a FullSync has bytes in its part 2 alone";
  }
  if (sync.bytes.size() > kFullSyncPieceBytesMax ||
      sync.at > std::numeric_limits<std::uint64_t>::max() - sync.bytes.size()) {
    return "a FullSync has at most kFullSyncPieceBytesMax bytes";
  }
  return nullptr;
}
const char* Take(Body& body, FullSyncAck& ack) {
  ack.bytes = body.Number<std::uint64_t>();
  return nullptr;
}
const char* Take(Body& body, Floor& floor) {
  floor.position = body.TakePosition();
  floor.stamp_us = body.Number<std::int64_t>();
  if (body.rest().size() > kMembersBytesMax) {
    return "a list of members has at most kMembersBytesMax bytes";
  }
  floor.members = body.TakeRest();
  return nullptr;
}

const char* Take(Body& body, Forward& forward) {
  forward.id = body.Number<std::uint64_t>();
  forward.command = body.TakeRest();
  return nullptr;
}
const char* Take(Body& body, ForwardReply& reply) {
  reply.id = body.Number<std::uint64_t>();
  reply.upto = body.TakePosition();
  const unsigned flags = body.Number<std::uint8_t>();
  reply.taken = (flags & kFlagTaken) != 0;
  reply.replies = body.TakeRest();
  return flags > kFlagTaken || reply.taken == reply.replies.empty()
             ? "the flags of a ForwardReply are 0, or 1 with replies"
             : nullptr;
}
const char* Take(Body& body, Owners& owners) {
  const unsigned flags = body.Number<std::uint8_t>();
  owners.all = (flags & kFlagAll) != 0;
  if (flags > kFlagAll) {
    return "the flags of an Owners are 0 or 1";
  }
  owners.owners.reserve(body.rest().size() / sizeof(std::uint64_t));
  while (body.rest().size() >= sizeof(std::uint64_t)) {
    owners.owners.push_back(body.Number<std::uint64_t>());
  }
  return nullptr;
}

template <class T>
Result<Message> Decode(std::string_view bytes) {
  T message;
  Body body(bytes);
  const char* wrong = Take(body, message);
  if (wrong != nullptr && !body.is_short()) {
    return Broken(wrong);
  }
  if (body.is_short() || !body.rest().empty()) {
    return Broken("its length does not fit its kind");
  }
  return Message(std::move(message));
}

Result<Message> DecodeBody(std::uint8_t kind, std::string_view bytes) {
  switch (static_cast<Kind>(kind)) {
    case Kind::kHello:
      return Decode<Hello>(bytes);
    case Kind::kRefused:
      return Decode<Refused>(bytes);
    case Kind::kElection:
      return Decode<Election>(bytes);
    case Kind::kAlive:
      return Decode<Alive>(bytes);
    case Kind::kVictory:
      return Decode<Victory>(bytes);
    case Kind::kReplicate:
      return Decode<Replicate>(bytes);
    case Kind::kAck:
      return Decode<Ack>(bytes);
    case Kind::kTakeOver:
      return Decode<TakeOver>(bytes);
    case Kind::kJoin:
      return Decode<Join>(bytes);
    case Kind::kLeave:
      return Decode<Leave>(bytes);
    case Kind::kForward:
      return Decode<Forward>(bytes);
    case Kind::kForwardReply:
      return Decode<ForwardReply>(bytes);
    case Kind::kOwners:
      return Decode<Owners>(bytes);
    case Kind::kRecover:
      return Decode<RecoverRequest>(bytes);
    case Kind::kFullSync:
      return Decode<FullSync>(bytes);
    case Kind::kFullSyncAck:
      return Decode<FullSyncAck>(bytes);
    case Kind::kFloor:
      return Decode<Floor>(bytes);
  }
  return Broken("kind " + std::to_string(kind) + " is not one of 1 to 17");
}

}  // namespace

void EncodeFrame(const Frame& frame, std::string& bytes) {
  const std::size_t begin = bytes.size();
  bytes.resize(begin + kFrameHeaderBytes);
  const Kind kind =
      std::visit([&](const auto& message) { return PutBody(bytes, message); }, frame.message);
  char* header = bytes.data() + begin;
  PutLittle(header, static_cast<std::uint32_t>(bytes.size() - begin));
  PutLittle(header + 4, std::to_underlying(kind));
  PutLittle(header + 5, kFrameVersion);
  PutLittle(header + 6, std::uint16_t{0});
  PutLittle(header + 8, frame.term.value);
}

Result<std::optional<DecodedFrame>> DecodeFrame(std::string_view bytes) {
  if (bytes.size() < sizeof(std::uint32_t)) {
    return std::nullopt;
  }
  const std::size_t length = GetLittle<std::uint32_t>(bytes, 0);
  if (length < kFrameHeaderBytes || length > kPeerFrameBytesMax) {
    return Broken("a length of " + std::to_string(length) + " is not one of " +
                  std::to_string(kFrameHeaderBytes) + " to " + std::to_string(kPeerFrameBytesMax));
  }
  if (bytes.size() >= kFrameHeaderBytes) {
    const unsigned version = GetLittle<std::uint8_t>(bytes, 5);
    if (version != kFrameVersion || GetLittle<std::uint16_t>(bytes, 6) != 0) {
      return Broken("version " + std::to_string(version) + " is not known; this program speaks " +
                    std::to_string(kFrameVersion));
    }
  }
  if (bytes.size() < length) {
    return std::nullopt;
  }
  auto message = DecodeBody(GetLittle<std::uint8_t>(bytes, 4),
                            bytes.substr(kFrameHeaderBytes, length - kFrameHeaderBytes));
  if (!message) {
    return tl::unexpected<Error>(std::move(message.error()));
  }
  return DecodedFrame{
      .frame = {.term = {GetLittle<std::uint64_t>(bytes, 8)}, .message = std::move(*message)},
      .bytes = length};
}

}  // namespace nunc
