#include "node/forwarding.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"

namespace nunc {
namespace {

// A node that is primary no more, or not yet, is asked again after so long.
constexpr std::int64_t kRetryUs = 20'000;

std::uint64_t KeyOf(SessionId session) {
  return std::uint64_t{session.slot} << 32U | session.generation;
}

}  // namespace

void Forwarding::StartTurn(std::int64_t now_us) {
  now_us_ = now_us;
  run_ = 0;
  room_ = world_.node.log_room();
  Work();
}

void Forwarding::Work() {
  TakeNew();
  SendWaiting();
  RunWaits();
  RunInboxes();
  while (!own_replies_.empty()) {
    OwnReply own = std::move(own_replies_.front());
    own_replies_.pop_front();
    own.reply.replies = own.replies;
    (void)Receive(self_, own.reply);  // of what was encoded here
  }
  OnApplied();
  TimeOut();
  owners_.Work(now_us_);
}

std::int64_t Forwarding::next_us() const {
  std::int64_t next_us = owners_.next_us();
  if (!pending_.empty()) {
    next_us = std::min(next_us, next_look_us_);
  }
  const bool runs = std::ranges::any_of(
      origins_, [](const auto& origin) { return !origin.second.inbox.empty(); });
  return runs && world_.may_run() ? now_us_ : next_us;
}

void Forwarding::SetPrimary(std::optional<NodeId> primary, Term term) {
  if (primary == primary_ && (term == term_ || !primary)) {
    return;
  }
  if (leads()) {
    owners_.End();
    for (auto& [peer, origin] : origins_) {
      RefuseAll(peer, origin);
    }
  }
  primary_ = primary;
  term_ = term;
  opened_ = false;
  retry_us_ = now_us_;
  elsewhere_.clear();
  for (auto& [id, pending] : pending_) {
    pending.since_us = pending.sent_to ? now_us_ : pending.since_us;
    pending.elsewhere = pending.under_way;
    if (pending.under_way) {
      ++elsewhere_[KeyOf(pending.forward.session)];
    }
  }
  if (leads()) {
    owners_.Begin(now_us_);
  }
}

void Forwarding::OnLinkDown(NodeId peer) {
  if (const auto origin = origins_.find(peer); origin != origins_.end()) {
    const SessionId session = origin->second.session;
    origins_.erase(origin);
    world_.tell(SessionClosed{session});
  }
  owners_.OnLinkDown(peer, now_us_);
  if (peer == primary_) {
    SetPrimary(std::nullopt, term_);
  }
  LoseSentTo(peer);
}

void Forwarding::Send(NodeId peer, const Message& message) {
  if (peer != self_) {
    return world_.send(peer, message);
  }
  if (const auto* forward = std::get_if<Forward>(&message)) {
    (void)Receive(self_, *forward);  // within the limits that it keeps itself
  } else if (const auto* reply = std::get_if<ForwardReply>(&message)) {
    own_replies_.push_back({*reply, std::string(reply->replies)});
  } else {
    (void)Receive(self_, std::get<Owners>(message));
  }
}

// ---- the clients' side

void Forwarding::TakeNew() {
  if (!opened_) {
    (void)world_.node.TakeEndedOwners();  // who is there will be told, and nobody else
  }
  for (Output::Forward& forward : std::exchange(world_.node.forwards(), {})) {
    pending_bytes_ += forward.bytes.size();
    const std::uint64_t id = forward.operation.value;
    pending_.emplace(id, Pending{.forward = std::move(forward), .since_us = now_us_});
  }
}

void Forwarding::TellOwners() {
  std::vector<std::uint64_t> ended = world_.node.TakeEndedOwners();
  if (!std::exchange(opened_, true)) {
    return Send(*primary_, Owners{.all = true, .owners = world_.node.OwnersHere()});
  }
  if (!ended.empty()) {
    Send(*primary_, Owners{.owners = std::move(ended)});
  }
}

void Forwarding::Send(Pending& pending) {
  ++sent_;
  sent_bytes_ += pending.forward.bytes.size();
  pending.sent_to = primary_;
  pending.under_way = true;
  pending.elsewhere = false;
  Send(*primary_, Forward{.id = pending.forward.operation.value, .command = pending.forward.bytes});
}

void Forwarding::ComeBack(Pending& pending) {
  if (!std::exchange(pending.under_way, false)) {
    return;
  }
  --sent_;
  sent_bytes_ -= pending.forward.bytes.size();
  if (std::exchange(pending.elsewhere, false)) {
    const auto behind = elsewhere_.find(KeyOf(pending.forward.session));
    if (--behind->second == 0) {
      elsewhere_.erase(behind);
    }
  }
}

Output::Forward Forwarding::Take(PendingById::iterator pending) {
  ComeBack(pending->second);
  Output::Forward forward = std::move(pending->second.forward);
  pending_bytes_ -= forward.bytes.size();
  pending_.erase(pending);
  return forward;
}

void Forwarding::SendWaiting() {
  if (!primary_ || now_us_ < retry_us_) {
    return;
  }
  if (!opened_) {
    TellOwners();
  }
  bool all = true;  // up to here
  for (auto next = pending_.lower_bound(next_); next != pending_.end();) {
    const auto found = next++;
    Pending& pending = found->second;
    const bool waits = !pending.sent_to;
    const std::size_t size = pending.forward.bytes.size();
    if (waits && elsewhere_.contains(KeyOf(pending.forward.session))) {
      all = false;
      continue;
    }
    if (waits &&
        (sent_ >= kForwardsSentMax || (sent_ > 0 && sent_bytes_ + size > kForwardsSentBytesMax))) {
      break;
    }
    next_ = all ? found->first + 1 : next_;
    if (waits && world_.node.IsOpen(pending.forward.session)) {
      Send(pending);
    } else if (waits) {
      Take(found);  // its client has left before it was sent
    }
  }
  TellOwners();
}

Result<void> Forwarding::Receive(NodeId peer, const ForwardReply& reply) {
  const auto found = pending_.find(reply.id);
  // It may have been given up meanwhile.
  if (found == pending_.end() || found->second.sent_to != peer || !found->second.under_way) {
    return {};
  }
  Pending& pending = found->second;
  if (!reply.taken) {
    ComeBack(pending);
    pending.sent_to.reset();
    next_ = std::min(next_, reply.id);
    if (peer == primary_) {
      opened_ = false;
      retry_us_ = now_us_ + kRetryUs;
    }
    return {};
  }
  Output answer;
  if (Result<void> decoded = DecodeReplies(reply.replies, pending.forward.session, answer);
      !decoded) {
    return decoded;
  }
  ComeBack(pending);
  pending.upto = reply.upto;
  pending.replies = reply.replies;
  answered_.push_back(reply.id);
  OnApplied();
  return {};
}

void Forwarding::OnApplied() {
  const Revision end = world_.node.end().revision;
  std::deque<std::uint64_t> left;
  for (const std::uint64_t id : std::exchange(answered_, {})) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) {
      continue;
    }
    const Position upto = found->second.upto;
    if (upto.revision > end && !Planted(Bug::kFleetAnsweredEarly)) {
      left.push_back(id);
      continue;
    }
    const std::string replies = std::move(found->second.replies);
    const Output::Forward forward = Take(found);
    // Another primary's record may stand there meanwhile.
    if (world_.term_at(upto.revision).value_or(upto.term) == upto.term) {
      Answer(forward, replies);
    } else {
      Fail(forward, ErrorCode::kUnknownOutcome);
    }
  }
  answered_ = std::move(left);
}

void Forwarding::Answer(const Output::Forward& forward, std::string_view replies) {
  Output answer;
  if (DecodeReplies(replies, forward.session, answer)) {
    world_.tell(ForwardAnswered{
        .operation = forward.operation, .session = forward.session, .answer = &answer});
  }
}

void Forwarding::Fail(const Output::Forward& forward, ErrorCode error) {
  Output answer;
  answer.items.emplace_back(Reply{.kind = ReplyKind::kError,
                                  .error = error,
                                  .text = error == ErrorCode::kNotPrimary ? "-" : ""});
  world_.tell(ForwardAnswered{
      .operation = forward.operation, .session = forward.session, .answer = &answer});
}

// What has become of it nobody here will know; who makes the records does, where it may come again.
// Behind one that was answered others of its session may have gone there already, so that one stays
// as it is.
void Forwarding::Lose(PendingById::iterator found) {
  Pending& pending = found->second;
  const bool again = pending.forward.may_come_again && pending.under_way;
  if (!again || ++pending.losses >= kForwardSendsMax) {
    return Fail(Take(found), Planted(Bug::kFleetLostIsRefused) ? ErrorCode::kNotPrimary
                                                               : ErrorCode::kUnknownOutcome);
  }
  ComeBack(pending);
  pending.sent_to.reset();
  pending.since_us = now_us_;
  next_ = std::min(next_, found->first);
}

void Forwarding::LoseSentTo(NodeId peer) {
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto found = next++;
    if (found->second.sent_to == peer) {
      Lose(found);
    }
  }
}

void Forwarding::TimeOut() {
  if (pending_.empty() || now_us_ < next_look_us_) {
    return;
  }
  next_look_us_ = now_us_ + kRetryUs;
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto found = next++;
    const Pending& pending = found->second;
    const bool late = now_us_ - pending.since_us >= timeout_us_;
    if (late && !pending.sent_to && !(primary_ && opened_)) {
      const bool lost = pending.losses > 0;
      Fail(Take(found), lost ? ErrorCode::kUnknownOutcome : ErrorCode::kNotPrimary);
    } else if (late && pending.sent_to && pending.sent_to != primary_) {
      Lose(found);
    }
  }
}

// ---- the primary's side

std::size_t Forwarding::Received::bytes() const {
  return command.size() + (owners ? owners->owners.size() * sizeof(std::uint64_t) : 0);
}

void Forwarding::Open(NodeId peer) {
  const auto [found, fresh] = origins_.try_emplace(peer);
  Origin& origin = found->second;
  origin.opened = true;
  if (fresh) {
    std::uint32_t slot = 0;
    while (std::ranges::any_of(origins_, [&](const auto& other) {
      return other.first != peer && other.second.session.slot == slot;
    })) {
      ++slot;
    }
    origin.session = {.slot = slot, .generation = ++stand_ins_};
    world_.tell(SessionOpened{.session = origin.session, .kind = SessionKind::kRequest});
  }
}

void Forwarding::Refuse(NodeId peer, std::uint64_t id) {
  if (const auto origin = origins_.find(peer); origin != origins_.end()) {
    origin->second.opened = false;
  }
  Send(peer, ForwardReply{.id = id});
}

void Forwarding::RefuseAll(NodeId peer, Origin& origin) {
  for (std::deque<Received>* list : {&origin.waits, &origin.inbox}) {
    for (const Received& received : std::exchange(*list, {})) {
      if (!received.owners) {
        Refuse(peer, received.id);
      }
    }
  }
  origin.received_bytes = 0;
  origin.commands = 0;
  origin.opened = false;
}

Result<void> Forwarding::Receive(NodeId peer, const Forward& forward) {
  const auto found = origins_.find(peer);
  if (!leads() || found == origins_.end() || !found->second.opened) {
    Refuse(peer, forward.id);
    return {};
  }
  Origin& origin = found->second;
  if (origin.commands >= kForwardsSentMax ||
      (origin.commands > 0 &&
       origin.received_bytes + forward.command.size() > kForwardsSentBytesMax)) {
    return nunc::Fail(Fault::kInvalid, "more commands than may be under way");
  }
  ++origin.commands;
  origin.received_bytes += forward.command.size();
  origin.inbox.push_back(
      {.id = forward.id, .command = std::string(forward.command), .since_us = now_us_});
  RunInboxes();
  return {};
}

Result<void> Forwarding::Receive(NodeId peer, const Owners& owners) {
  if (!leads()) {
    return {};
  }
  if (!origins_.contains(peer) && origins_.size() >= kStandInsMax) {
    return nunc::Fail(Fault::kInvalid, "more nodes than there can be members send commands");
  }
  if (owners.all) {
    Open(peer);
  }
  const auto found = origins_.find(peer);
  if (found == origins_.end() || peer == self_) {
    return {};  // who is here the node knows itself
  }
  // What they made may still wait here.
  Received received{.owners = owners};
  Origin& origin = found->second;
  if (origin.received_bytes + received.bytes() > kForwardsSentBytesMax + kPeerFrameBytesMax) {
    return nunc::Fail(Fault::kInvalid, "more owners than may be under way");
  }
  origin.received_bytes += received.bytes();
  origin.inbox.push_back(std::move(received));
  RunInboxes();
  return {};
}

// One of each in turn.
void Forwarding::RunInboxes() {
  for (bool more = true; more;) {
    more = false;
    for (auto& [peer, origin] : origins_) {
      const bool runs = leads() && run_ < kForwardsPerTurn && !origin.inbox.empty() &&
                        world_.node.log_room() >= room_ / 2 && world_.may_run();
      if (runs) {
        Received received = std::move(origin.inbox.front());
        origin.inbox.pop_front();
        RunOne(peer, origin, std::move(received));
      }
      more = more || runs;
    }
  }
}

void Forwarding::RunWaits() {
  for (auto& [peer, origin] : origins_) {
    for (Received& received : std::exchange(origin.waits, {})) {
      RunOne(peer, origin, std::move(received));
    }
  }
}

void Forwarding::RunOne(NodeId peer, Origin& origin, Received received) {
  ++run_;
  const std::size_t bytes = received.bytes();
  if (received.owners) {
    origin.received_bytes -= bytes;
    return owners_.Name(peer, *received.owners);
  }
  Forwarded forwarded;
  if (!DecodeForwarded(received.command, forwarded)) {
    forwarded = {};
    forwarded.command.name = "the node that sent it is of another version";
  }
  if (world_.node.PauseBefore(origin.session, forwarded.command, received.since_us) ==
      Pause::kForCluster) {
    origin.waits.push_back(std::move(received));
    return;
  }
  --origin.commands;
  origin.received_bytes -= bytes;
  const Verb verb = forwarded.command.verb;
  if (peer != self_ && (verb == Verb::kSetSession || verb == Verb::kHello)) {
    owners_.Note(peer, forwarded.asker.name.owner());
  }
  origin.running.push_back({.id = received.id});
  const std::size_t running = origin.running.size();
  world_.tell(ForwardReceived{.session = origin.session, .forwarded = &forwarded});
  if (origin.running.size() == running) {
    origin.running.back().upto = EndOfLog();
  }
}

Position Forwarding::EndOfLog() const {
  const ChainEnd& end = world_.node.end();
  return {.term = end.term, .revision = end.revision};
}

void Forwarding::OnReply(const Reply& reply, const Output& output) {
  const auto found = std::ranges::find_if(origins_, [&](const auto& origin) {
    return origin.second.session == reply.session && !origin.second.running.empty();
  });
  if (found == origins_.end()) {
    return;
  }
  Origin& origin = found->second;
  EncodeReply(reply, output, origin.replies);
  if (!reply.is_status()) {
    return;
  }
  const Running running = origin.running.front();
  origin.running.pop_front();
  const bool returned = running.upto.revision != Revision{};
  Send(found->first, ForwardReply{.id = running.id,
                                  .taken = true,
                                  .upto = returned ? running.upto : EndOfLog(),
                                  .replies = origin.replies});
  origin.replies.clear();
}

}  // namespace nunc
