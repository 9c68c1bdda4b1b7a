// The links of a member: who is at the other end, and who is to be dialed.
#include <algorithm>
#include <set>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "node/cluster_driver.h"

namespace nunc {
namespace {

constexpr std::int64_t kRedialUs = 100'000;
// Who has been away for so long is asked for less often.
constexpr std::int64_t kAwayUs = 2'000'000;
constexpr std::int64_t kRedialAwayUs = 1'000'000;
// Who is to be added is dialed for so long.
constexpr std::int64_t kAddUs = 10'000'000;

}  // namespace

// ---- what comes

void ClusterDriver::OnLinkOpen(LinkId link, LinkOrigin origin, std::string_view address) {
  if (const auto dialing = dialing_.find(address); dialing != dialing_.end()) {
    dialing->second.under_way = false;
  }
  links_[link] = {
      .origin = origin, .dialed = std::string(address), .peer = {}, .opened_us = now_.mono_us};
  scratch_.clear();
  EncodeFrame({.term = member_->term(), .message = member_->Greeting()}, scratch_);
  world_.net.Send(link, scratch_);
}

std::size_t ClusterDriver::OnLinkBytes(LinkId link, std::string_view bytes) {
  std::size_t used = 0;
  while (links_.contains(link) && !wants_reload()) {
    const Result<std::optional<DecodedFrame>> decoded = DecodeFrame(bytes.substr(used));
    if (!decoded) {
      Refuse(link, decoded.error().detail);
      break;
    }
    if (!*decoded) {
      return used;
    }
    used += (*decoded)->bytes;
    if (!Receive(link, (*decoded)->frame)) {
      break;
    }
  }
  return bytes.size();
}

// False: the link is closed.
bool ClusterDriver::Receive(LinkId id, const Frame& frame) {
  const std::optional<NodeId> peer = links_.at(id).peer;
  if (const auto* hello = std::get_if<Hello>(&frame.message)) {
    return Greet(id, frame, *hello);
  }
  if (const auto* refused = std::get_if<Refused>(&frame.message); refused != nullptr && !peer) {
    Refuse(id, TextOf(refused->reason));
    return false;
  }
  if (!peer) {
    Refuse(id, "its first frame is no Hello");
    return false;
  }
  if (const auto* replicate = std::get_if<Replicate>(&frame.message);
      replicate != nullptr && replicate->count > 0) {
    if (const std::string_view why = WhyNot(*replicate); !why.empty()) {
      Refuse(id, why);
      return false;
    }
  }
  if (IsForwarding(id, *peer, frame)) {
    return links_.contains(id);
  }
  Step(FrameReceived{.peer = *peer, .frame = &frame, .rewind_floor = RewindFloor()});
  if (const auto* replicate = std::get_if<Replicate>(&frame.message);
      replicate != nullptr && member_->primary() == *peer) {
    NoteNews(frame.term, replicate->head);
  }
  return links_.contains(id) && TakeSync(id, *peer, frame);
}

bool ClusterDriver::IsForwarding(LinkId id, NodeId peer, const Frame& frame) {
  Result<void> taken;
  if (const auto* forward = std::get_if<Forward>(&frame.message)) {
    taken = forwarding_->Receive(peer, *forward);
  } else if (const auto* reply = std::get_if<ForwardReply>(&frame.message)) {
    taken = forwarding_->Receive(peer, *reply);
  } else if (const auto* owners = std::get_if<Owners>(&frame.message)) {
    taken = forwarding_->Receive(peer, *owners);
  } else {
    return false;
  }
  if (!taken) {
    Refuse(id, taken.error().detail);
  }
  return true;
}

bool ClusterDriver::Greet(LinkId id, const Frame& frame, const Hello& hello) {
  if (links_.at(id).peer) {
    Refuse(id, "a second Hello");
    return false;
  }
  if (const std::optional<Refusal> refusal = member_->Admit(hello)) {
    scratch_.clear();
    EncodeFrame({.term = frame.term, .message = Refused{.reason = *refusal}}, scratch_);
    world_.net.Send(id, scratch_);
    Refuse(id, TextOf(*refusal));
    return false;
  }
  const NodeId peer = hello.name.id;
  if (const auto before = by_peer_.find(peer); before != by_peer_.end()) {
    const LinkId old = before->second;
    // When both have dialed at once, both keep the same one. Else a node dials when it has none, so
    // that the one that is here is dead.
    if (IsFromLower(links_.at(old), peer) && !IsFromLower(links_.at(id), peer)) {
      Forget(id);
      world_.net.Close(id);
      return false;
    }
    Forget(old);
    world_.net.Close(old);
  }
  links_.at(id).peer = peer;
  by_peer_[peer] = id;
  Step(LinkUp{.hello = hello});
  return links_.contains(id);
}

bool ClusterDriver::IsFromLower(const Link& link, NodeId peer) const {
  return (link.origin == LinkOrigin::kDialed) == (member_->name().id < peer);
}

// Empty: they are whole records that follow each other, and there is a place for them.
std::string_view ClusterDriver::WhyNot(const Replicate& replicate) {
  std::string_view rest = replicate.records;
  std::uint64_t revision = replicate.previous.revision.value;
  std::optional<std::uint64_t> chain;
  if (replicate.previous.revision == world_.node.end().revision &&
      replicate.previous.term == world_.node.end().term) {
    chain = world_.node.end().checksum;
  }
  for (std::uint64_t i = 0; i < replicate.count; ++i) {
    if (rest.size() < kRecordHeaderBytes || RecordLength(rest) < kRecordHeaderBytes ||
        RecordLength(rest) > rest.size()) {
      return "its records are cut short";
    }
    const RecordHead head = HeadOfRecord(rest);
    if (head.end.revision.value != ++revision || head.end.term != replicate.record_term) {
      return "its records are not those that it names";
    }
    if (chain && !decoder_.Decode(rest, *chain)) {
      return "a record of it is damaged";
    }
    chain = head.end.checksum;
    rest.remove_prefix(head.bytes);
  }
  if (!rest.empty()) {
    return "there is more in it than the records that it names";
  }
  // What waits until it is final is no reason: only with more of the log it will be. The primary
  // makes no more of it than fits its own gate.
  return replicate.records.size() > world_.node.log_room() ? "the disk is full" : "";
}

void ClusterDriver::OnLinkClosed(LinkId link, std::string_view why) {
  const auto found = links_.find(link);
  if (found == links_.end() || wants_reload()) {
    return;
  }
  const std::optional<NodeId> peer = found->second.peer;
  const bool lasted = now_.mono_us - found->second.opened_us >= kAwayUs;
  Forget(link);
  if (peer) {
    LogInfo("cluster: link lost node=" + std::to_string(peer->value) + ": " + std::string(why));
    Step(LinkDown{.peer = *peer});
    // At once: whether its process is gone decides how soon there is an election. But one that is
    // closed as soon as it is there would be dialed for ever.
    const MemberInfo* info = member_->members().Find(*peer);
    if (lasted && info != nullptr) {
      dialing_.erase(std::string(ParseMemberAddress(info->address).peer));
      next_dial_us_ = 0;
    }
  }
}

void ClusterDriver::OnDialFailed(std::string_view address, DialFailure failure,
                                 std::string_view why) {
  const auto dialing = dialing_.find(address);
  if (dialing != dialing_.end()) {
    dialing->second.under_way = false;
    if (!std::exchange(dialing->second.told, true)) {
      LogWarn("cluster: no link to " + std::string(address) + ": " + std::string(why));
    }
  }
  if (failure != DialFailure::kRefused) {
    return;
  }
  for (const MemberInfo& info : member_->members().list) {
    if (ParseMemberAddress(info.address).peer == address && !by_peer_.contains(info.name.id)) {
      Step(LinkRefused{.peer = info.name.id});
      return;
    }
  }
}

void ClusterDriver::Refuse(LinkId id, std::string_view why) {
  const std::optional<NodeId> peer = links_.at(id).peer;
  LogWarn("cluster: link closed" + (peer ? " node=" + std::to_string(peer->value) : "") + ": " +
          std::string(why));
  Forget(id);
  world_.net.Close(id);
  if (peer) {
    Step(LinkDown{.peer = *peer});
  }
}

void ClusterDriver::Forget(LinkId id) {
  const auto link = links_.find(id);
  if (link->second.peer) {
    const auto of_peer = by_peer_.find(*link->second.peer);
    if (of_peer != by_peer_.end() && of_peer->second == id) {
      const NodeId peer = of_peer->first;
      by_peer_.erase(of_peer);
      forwarding_->OnLinkDown(peer);
      sender_.Forget(peer);
      receiver_.Forget(peer);
    }
  }
  links_.erase(link);
}

// ---- who is dialed

// Of two members the one with the lower id dials, so that there are not two links; the other only
// asks whether the first is still there. Who is no member yet dials whomever it was told of, and a
// learner does not know who is primary before that one has dialed it. One that has moved, or was
// taken out while it was away is dialed by nobody: who has no link for long dials all. An arbiter
// node that has been started knows nobody.
void ClusterDriver::DialWhoIsMissing() {
  if (now_.mono_us < next_dial_us_) {
    return;
  }
  next_dial_us_ = now_.mono_us + kRedialUs;
  const NodeName& name = member_->name();
  const MemberInfo* self = member_->members().Find(name);
  const bool is_member = self != nullptr;
  const bool is_known = is_member && self->address == options_.address;
  const bool leads = member_->role() == RoleName::kPrimary;
  // Another one may have taken the place of a member that is gone: to dial it would end its link.
  std::set<std::string_view> taken;
  for (const MemberInfo& info : member_->members().list) {
    if (by_peer_.contains(info.name.id)) {
      taken.insert(ParseMemberAddress(info.address).peer);
    }
  }
  for (const MemberInfo& info : member_->members().list) {
    if (info.name.id != name.id && !by_peer_.contains(info.name.id) &&
        !taken.contains(ParseMemberAddress(info.address).peer)) {
      const bool learns = leads && info.standing != Standing::kVoter;
      const bool is_dialed = is_known && info.name.id < name.id && !learns && !info.arbiter_node;
      DialAt(ParseMemberAddress(info.address).peer, is_dialed);
    }
  }
  const auto dial_once = [this](const std::string& address) {
    const bool linked = std::ranges::any_of(
        links_, [&](const auto& link) { return link.second.dialed == address; });
    if (!linked) {
      DialAt(address, false);
    }
    return linked;
  };
  if (!adding_.empty() && (now_.mono_us >= add_until_us_ || dial_once(adding_))) {
    dialing_.erase(adding_);
    adding_.clear();
  }
  for (std::size_t i = 0; i < options_.join.size() && !is_member; ++i) {
    dial_once(options_.join[i]);
  }
}

// One at a time: the next one takes its place.
void ClusterDriver::AddNode(std::string_view address) {
  dialing_.erase(adding_);
  adding_ = address;
  add_until_us_ = now_.mono_us + kAddUs;
}

void ClusterDriver::DialAt(std::string_view address, bool only_asks) {
  Dialing& dialing = dialing_.try_emplace(std::string(address)).first->second;
  if (dialing.since_us == 0) {
    dialing.since_us = now_.mono_us;
  }
  if (dialing.under_way || now_.mono_us < dialing.next_us) {
    return;
  }
  const bool away = now_.mono_us - dialing.since_us > kAwayUs;
  dialing.next_us = now_.mono_us + (away ? kRedialAwayUs : kRedialUs);
  if (only_asks && !away) {
    world_.net.Probe(address);
  } else {
    dialing.under_way = true;
    world_.net.Dial(address);
  }
}

}  // namespace nunc
