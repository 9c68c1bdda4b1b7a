#include "cluster/members.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/little_endian.h"

namespace nunc {

namespace {

constexpr std::uint8_t kMembersVersion = 1;
constexpr std::size_t kMembersHeadBytes = 44;
constexpr std::size_t kMemberHeadBytes = 22;

template <class T>
void AppendNumber(std::string& bytes, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof(T));
  PutLittle(bytes.data() + at, value);
}

tl::unexpected<Error> NotMembers(std::string detail) {
  return Fail(Fault::kDamaged, "a list of members: " + std::move(detail));
}

// How a member stands there: 0 to 2 as its Standing, 3 and 4 an arbiter node that joins or votes.
constexpr unsigned kArbiterNodeStands = 2;
constexpr unsigned kStandsMax = 4;

std::uint8_t StandOf(const MemberInfo& member) {
  const unsigned standing = std::to_underlying(member.standing);
  return static_cast<std::uint8_t>(standing + (member.arbiter_node ? kArbiterNodeStands : 0));
}

// Two nodes with a log and one without; of the three one may be on its way to a vote.
Result<void> CheckArbiterNode(const Members& members) {
  const MemberInfo* arbiter = members.ArbiterNode();
  if (arbiter == nullptr) {
    return {};
  }
  if (arbiter->priority.value > 0) {
    return Fail(Fault::kInvalid, "an arbiter node is never primary: its priority is 0");
  }
  const auto arbiters = std::ranges::count(members.list, true, &MemberInfo::arbiter_node);
  const auto voters = std::ranges::count(members.list, Standing::kVoter, &MemberInfo::standing);
  const auto joining = std::ranges::count(members.list, Standing::kJoining, &MemberInfo::standing);
  if (arbiters != 1 || members.list.size() != kMembersWithArbiterNode || voters < 2 ||
      voters + joining != static_cast<std::ptrdiff_t>(kMembersWithArbiterNode)) {
    return Fail(Fault::kInvalid,
                "an arbiter node is one of three members that vote: the two others "
                "hold the log");
  }
  return {};
}

}  // namespace

Result<void> CheckTiming(const Timing& timing) {
  for (const std::int64_t time : {timing.ping_us, timing.lease_us, timing.election_timeout_us,
                                  timing.rank_delay_us, timing.takeover_after_us}) {
    if (time < 1 || time > kElectionTimingUsMax) {
      return Fail(Fault::kInvalid, "the times of an election are 1 to " +
                                       std::to_string(kElectionTimingUsMax) +
                                       " microseconds, not " + std::to_string(time));
    }
  }
  if (timing.ping_us * 3 >= timing.lease_us) {
    return Fail(Fault::kInvalid, "three times --ping must be shorter than --lease");
  }
  if (timing.lease_us >= timing.election_timeout_us) {
    return Fail(Fault::kInvalid, "--lease must be shorter than --election-timeout");
  }
  return {};
}

bool Precedes(const MemberInfo& first, const MemberInfo& second) {
  return std::pair(first.priority, first.name.id) > std::pair(second.priority, second.name.id);
}

const MemberInfo* Members::Find(NodeId id) const {
  const auto found =
      std::ranges::find(list, id, [](const MemberInfo& member) { return member.name.id; });
  return found == list.end() ? nullptr : &*found;
}

const MemberInfo* Members::Find(const NodeName& name) const {
  const MemberInfo* member = Find(name.id);
  return member != nullptr && member->name == name ? member : nullptr;
}

bool Members::IsVoter(const NodeName& name) const {
  const MemberInfo* member = Find(name);
  return member != nullptr && member->standing == Standing::kVoter;
}

std::size_t Members::Majority() const {
  const auto voters = std::ranges::count(list, Standing::kVoter, &MemberInfo::standing);
  return static_cast<std::size_t>(voters) / 2 + 1;
}

const MemberInfo* Members::ArbiterNode() const {
  const auto found = std::ranges::find(list, true, &MemberInfo::arbiter_node);
  return found == list.end() ? nullptr : &*found;
}

std::size_t Members::VotersWithLog() const {
  return static_cast<std::size_t>(std::ranges::count_if(list, [](const MemberInfo& member) {
    return member.standing == Standing::kVoter && !member.arbiter_node;
  }));
}

std::int64_t Members::Rank(const MemberInfo& member, NodeId without) const {
  return std::ranges::count_if(list, [&](const MemberInfo& other) {
    return other.standing == Standing::kVoter && other.name.id != without &&
           Precedes(other, member);
  });
}

Result<void> CheckMembers(const Members& members) {
  if (const auto checked = CheckTiming(members.timing); !checked) {
    return checked;
  }
  if (members.list.size() > kMembersMax) {
    return Fail(Fault::kInvalid,
                "a cluster has at most " + std::to_string(kMembersMax) + " members");
  }
  NodeId before{};
  bool electable = false;
  for (const MemberInfo& member : members.list) {
    if (member.name.id <= before) {
      return Fail(Fault::kInvalid, "the ids of members are not 0, and ascend");
    }
    if (member.address.size() > kPeerAddressBytesMax) {
      return Fail(Fault::kInvalid, "the address of a member has at most " +
                                       std::to_string(kPeerAddressBytesMax) + " bytes");
    }
    before = member.name.id;
    electable = electable || (member.standing == Standing::kVoter && member.priority.value > 0);
  }
  if (!electable) {
    return Fail(Fault::kInvalid, "one voter at least needs a priority above 0");
  }
  return CheckArbiterNode(members);
}

std::optional<Refusal> WhyNotWithArbiterNode(const Members& before, const Members& wanted) {
  if (CheckArbiterNode(wanted)) {
    return std::nullopt;
  }
  if (before.ArbiterNode() == nullptr) {
    return Refusal::kArbiterNeedsTwo;
  }
  return std::ranges::count(wanted.list, true, &MemberInfo::arbiter_node) > 1
             ? Refusal::kSecondArbiter
             : Refusal::kArbiterIsThere;
}

std::string EncodeMembers(const Members& members) {
  std::string bytes;
  AppendNumber(bytes, kMembersVersion);
  AppendNumber(bytes, static_cast<std::uint8_t>(members.timing.takeover ? 1 : 0));
  AppendNumber(bytes, static_cast<std::uint16_t>(members.list.size()));
  AppendNumber(bytes, members.timing.ping_us);
  AppendNumber(bytes, members.timing.lease_us);
  AppendNumber(bytes, members.timing.election_timeout_us);
  AppendNumber(bytes, members.timing.rank_delay_us);
  AppendNumber(bytes, members.timing.takeover_after_us);
  for (const MemberInfo& member : members.list) {
    AppendNumber(bytes, member.name.id.value);
    AppendNumber(bytes, member.name.incarnation.value);
    AppendNumber(bytes, member.priority.value);
    AppendNumber(bytes, StandOf(member));
    AppendNumber(bytes, static_cast<std::uint8_t>(member.address.size()));
    bytes += member.address;
  }
  return bytes;
}

Result<Members> DecodeMembers(std::string_view bytes) {
  if (bytes.size() < kMembersHeadBytes) {
    return NotMembers("it is cut short");
  }
  const unsigned version = GetLittle<std::uint8_t>(bytes, 0);
  const unsigned takeover = GetLittle<std::uint8_t>(bytes, 1);
  if (version != kMembersVersion || takeover > 1) {
    return NotMembers("version " + std::to_string(version) + " is not known");
  }
  Members members{.timing = {.ping_us = GetLittle<std::int64_t>(bytes, 4),
                             .lease_us = GetLittle<std::int64_t>(bytes, 12),
                             .election_timeout_us = GetLittle<std::int64_t>(bytes, 20),
                             .rank_delay_us = GetLittle<std::int64_t>(bytes, 28),
                             .takeover_after_us = GetLittle<std::int64_t>(bytes, 36),
                             .takeover = takeover == 1},
                  .list = {}};
  const std::size_t count = GetLittle<std::uint16_t>(bytes, 2);
  bytes.remove_prefix(kMembersHeadBytes);
  for (std::size_t i = 0; i < count && bytes.size() >= kMemberHeadBytes; ++i) {
    const unsigned stand = GetLittle<std::uint8_t>(bytes, 20);
    const std::size_t address = GetLittle<std::uint8_t>(bytes, 21);
    if (stand > kStandsMax) {
      return NotMembers("a standing of " + std::to_string(stand) + " is not one of 0 to 4");
    }
    const bool arbiter = stand > std::to_underlying(Standing::kVoter);
    const unsigned standing = stand - (arbiter ? kArbiterNodeStands : 0);
    members.list.push_back({.name = {.id = {GetLittle<std::uint64_t>(bytes, 0)},
                                     .incarnation = {GetLittle<std::uint64_t>(bytes, 8)}},
                            .priority = {GetLittle<std::uint32_t>(bytes, 16)},
                            .standing = static_cast<Standing>(standing),
                            .arbiter_node = arbiter,
                            .address = std::string(bytes.substr(kMemberHeadBytes, address))});
    bytes.remove_prefix(std::min(bytes.size(), kMemberHeadBytes + address));
    if (members.list.back().address.size() != address) {
      return NotMembers("it is cut short");
    }
  }
  if (members.list.size() != count || !bytes.empty()) {
    return NotMembers("its length does not fit the number of members");
  }
  if (const auto checked = CheckMembers(members); !checked) {
    return NotMembers(checked.error().detail);
  }
  return members;
}

Members WithMember(const Members& members, MemberInfo member) {
  Members changed = members;
  const auto at = std::ranges::lower_bound(changed.list, member.name.id, {},
                                           [](const MemberInfo& other) { return other.name.id; });
  if (at != changed.list.end() && at->name.id == member.name.id) {
    *at = std::move(member);
  } else {
    changed.list.insert(at, std::move(member));
  }
  return changed;
}

Members WithoutMember(const Members& members, const NodeName& name) {
  Members changed = members;
  std::erase_if(changed.list, [&](const MemberInfo& member) { return member.name == name; });
  return changed;
}

}  // namespace nunc
