#include "node/cluster_driver.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/planted.h"
#include "storage/oplog_reader.h"

namespace nunc {
namespace {

constexpr std::int64_t kGiveUpUs = 100'000;  // how often it is looked what is held too long

}  // namespace

MemberAddress ParseMemberAddress(std::string_view address) {
  const std::size_t space = address.find(' ');
  if (space == std::string_view::npos) {
    return {.peer = address};
  }
  return {.peer = address.substr(0, space), .client = address.substr(space + 1)};
}

ClusterDriver::ClusterDriver(World world, MemberOptions options, MemberStart start, Now now)
    : ClusterAdmin(!start.arbiter_node),
      world_(std::move(world)),
      options_(std::move(options)),
      now_(now),
      sender_({.node = world_.node,
               .persistence = world_.persistence,
               .send =
                   [this](NodeId peer, const FullSync& sync) {
                     SendBytes(peer, {.term = member_->term(), .message = sync});
                   },
               .ended = [this](NodeId peer) { member_->SetSyncing(peer, false); }}),
      receiver_({.data = world_.persistence.data_disk(),
                 .bulk = world_.persistence.bulk_worker(),
                 .send = [this](NodeId peer, const FullSyncAck& ack) {
                   SendBytes(peer, {.term = member_->term(), .message = ack});
                 }}) {
  const MemberInfo* self =
      start.configs.empty() ? nullptr : start.configs.back().members.Find(start.name);
  const bool is_known = self != nullptr && self->address == options_.address;
  told_durable_ = start.terms.last().revision;
  forwarding_.emplace(
      Forwarding::World{.node = world_.node,
                        .send =
                            [this](NodeId peer, const Message& message) {
                              SendBytes(peer, {.term = member_->term(), .message = message});
                            },
                        .tell = [this](const Input& input) { Tell(input); },
                        .may_run = [this] { return !busy(); },
                        .term_at = [this](Revision at) { return member_->TermAt(at); }},
      start.name.id, options_.forward_timeout_us);
  member_.emplace(std::move(start), now.mono_us);
  world_.node.SetCluster(*this);
  // A member that has moved says so in the same way.
  if (!is_known) {
    Step(JoinAsked{.priority = options_.priority, .voter = true, .address = options_.address});
  }
}

void ClusterDriver::Stop() {
  stops_ = true;
  hands_over_ = NodeId{};
}

void ClusterDriver::StartTurn(Now now) {
  now_ = {.mono_us = std::max(now.mono_us, now_.mono_us), .wall_us = now.wall_us};
  if (wants_reload()) {
    return;
  }
  recent_.Trim();
  sender_.Turn(now_.mono_us);
  NoteNeeded();
  if (now_.mono_us >= member_->deadline_us()) {
    Step(TimePassed{});
  }
  if (!world_.node.gate().empty() && now_.mono_us >= next_give_up_us_) {
    next_give_up_us_ = now_.mono_us + kGiveUpUs;
    Tell(HeldTooLong{.before_us = now_.mono_us - options_.quorum_timeout_us});
  }
  DialWhoIsMissing();
}

void ClusterDriver::TakeNews() {
  if (wants_reload()) {
    // Nothing comes any more: what clients wait for is unknown, or has not been sent.
    if (const std::optional<NodeId> primary = member_->primary()) {
      forwarding_->OnLinkDown(*primary);
    }
    return forwarding_->StartTurn(now_.mono_us);
  }
  if (const std::uint64_t stored = world_.persistence.votes_stored(); stored > told_votes_) {
    told_votes_ = stored;
    Step(MetaStored{.counter = stored});
  }
  if (const Position durable = world_.persistence.durable_position();
      durable.revision > told_durable_) {
    told_durable_ = durable.revision;
    Step(LogDurable{.upto = durable});
  }
  forwarding_->StartTurn(now_.mono_us);
}

Result<void> ClusterDriver::EndTurn() {
  if (wants_reload()) {
    forwarding_->Work();
    return {};
  }
  if (const std::optional<NodeId> to = std::exchange(hands_over_, std::nullopt)) {
    Step(HandOverAsked{.stops = stops_, .to = *to});
  }
  for (const NodeId node : std::exchange(leaving_, {})) {
    Step(LeaveAsked{.node = node});
  }
  forwarding_->Work();
  AskWhetherPrimary();
  // What is left to send to who lags goes out one frame at a time.
  if (now_.mono_us >= member_->deadline_us()) {
    Step(TimePassed{});
  }
  ProposeWritten();
  Settle();
  absorbed_ = 0;
  if (failure_) {
    return tl::unexpected(*failure_);
  }
  return {};
}

std::int64_t ClusterDriver::next_us() const {
  if (wants_reload()) {
    return forwarding_->next_us();
  }
  return hands_over_ || !leaving_.empty() ? now_.mono_us
                                          : std::min({member_->deadline_us(), next_dial_us_,
                                                      forwarding_->next_us(), sender_.next_us()});
}

bool ClusterDriver::accepting() const {
  return member_->role() != RoleName::kPrimary || member_->accepting();
}

bool ClusterDriver::busy() const {
  const bool leads = world_.node.role() == NodeRole::kPrimary;
  const Gate& gate = world_.node.gate();
  // What waits at a secondary was made by another node.
  return (leads ? gate.bytes() : gate.reply_bytes()) >= kHeldBytesMax || !accepting() ||
         (leads && world_.node.store().undo().bytes() >= kUndoBytesMax / 2);
}

void ClusterDriver::Fail(std::string_view why) {
  if (!failure_) {
    failure_ = Error{.fault = Fault::kIo, .detail = std::string(why)};
  }
}

// ---- steps

// Records that were made before belong to what the member was then.
void ClusterDriver::Step(const MemberInput& input) {
  ProposeWritten();
  if (!failure_) {
    StepMember(input);
    Settle();
  }
}

void ClusterDriver::ProposeWritten() {
  const std::uint64_t made = world_.node.end().revision.value - member_->last().revision.value;
  if (made > 0 && !failure_) {
    CHECK(world_.node.role() == NodeRole::kPrimary);
    Absorb();
    StepMember(RecordsProposed{.count = made});
  }
}

void ClusterDriver::StepMember(const MemberInput& input) {
  std::vector<MemberAction> actions;
  const auto* received = std::get_if<FrameReceived>(&input);
  member_->Step(now_.mono_us, input, actions);
  for (const MemberAction& action : actions) {
    if (!failure_) {
      Carry(action, received == nullptr ? nullptr : received->frame);
    }
  }
  for (auto& [peer, why] : std::exchange(closing_, {})) {
    if (const auto link = by_peer_.find(peer); link != by_peer_.end()) {
      LogWarn("cluster: link closed node=" + std::to_string(peer.value) + ": " + why);
      const LinkId id = link->second;
      Forget(id);
      world_.net.Close(id);
      StepMember(LinkDown{.peer = peer});
    }
  }
}

// What the steps have changed for the node and its folder.
void ClusterDriver::Settle() {
  const Revision commit = member_->commit();
  world_.persistence.SetCommitted(commit);
  const bool leads = member_->role() == RoleName::kPrimary;
  if (member_->left() && !std::exchange(told_left_, true)) {
    LogWarn("cluster: this node is no member any more: stop it, and do not start its folder again");
  }
  SettleSync(leads);
  std::string_view primary;
  if (const auto id = member_->primary(); id && !leads) {
    const MemberInfo* info = member_->members().Find(*id);
    primary = info == nullptr ? std::string_view() : ParseMemberAddress(info->address).client;
  }
  if (const auto refused = member_->refused();
      refused != std::exchange(told_refused_, refused) && refused) {
    LogWarn("cluster: " + std::string(TextOf(*refused)));
  }
  const std::optional<NodeId> known = member_->primary();
  const bool reached = leads ? world_.node.role() == NodeRole::kPrimary
                             : known.has_value() && by_peer_.contains(*known);
  forwarding_->SetPrimary(!reached ? std::nullopt
                          : leads  ? member_->name().id
                                   : known,
                          member_->term());
  const bool steps_down = world_.node.role() == NodeRole::kPrimary;
  if (!leads && !failure_ && (steps_down || primary != told_primary_)) {
    told_primary_ = primary;
    LogInfo("cluster: secondary term=" + std::to_string(member_->term().value) +
            " primary=" + (primary.empty() ? "unknown" : told_primary_));
    Tell(RoleChanged{.role = NodeRole::kSecondary, .primary = told_primary_});
  }
  // It cannot be taken back any more, so no undo is kept for it; it is not shown for that.
  if (const Revision guarded = member_->guarded();
      guarded > std::max(commit, std::exchange(told_guarded_, guarded)) && !failure_) {
    Tell(LogCommitted{.committed = guarded});
  }
  const Revision shown =
      Planted(Bug::kFleetShownEarly) ? world_.persistence.log().durable() : commit;
  if (shown > world_.node.gate().durable() && !failure_) {
    Tell(LogCommitted{.committed = commit});
    Tell(LogSynced{.durable = shown});
  }
}

void ClusterDriver::Tell(const Input& input) {
  world_.node.Step(input, output_);
  if (output_.failure) {
    Fail(output_.failure->detail);
  }
  world_.heard(output_);
}

void ClusterDriver::Absorb() {
  const std::string_view records = world_.node.records();
  recent_.Append(records.substr(absorbed_));
  absorbed_ = records.size();
}

// ---- actions

void ClusterDriver::Carry(const MemberAction& action, const Frame* received) {
  if (const auto* send = std::get_if<SendFrame>(&action)) {
    SendBytes(send->peer, send->frame);
  } else if (const auto* records = std::get_if<SendRecords>(&action)) {
    SendRecordsOf(*records);
  } else if (const auto* store = std::get_if<StoreMeta>(&action)) {
    world_.persistence.StoreVote(*store);
  } else if (const auto* write = std::get_if<WriteRecord>(&action)) {
    WriteOwn(*write);
  } else if (const auto* rewind = std::get_if<RewindLog>(&action)) {
    RewindTo(rewind->last);
  } else if (const auto* append = std::get_if<AppendRecords>(&action)) {
    AppendOf(append->first, std::get<Replicate>(received->message));
  } else if (const auto* state = std::get_if<SendState>(&action)) {
    LogInfo("cluster: cannot take its records back node=" + std::to_string(state->peer.value));
    sender_.Ask(state->peer);
  } else if (const auto* close = std::get_if<CloseLink>(&action)) {
    closing_.emplace_back(close->peer, close->why);
  } else if (const auto* stop = std::get_if<StopNode>(&action)) {
    Fail(stop->why);
  }
}

void ClusterDriver::SendBytes(NodeId peer, const Frame& frame) {
  const auto link = by_peer_.find(peer);
  if (link != by_peer_.end()) {
    scratch_.clear();
    EncodeFrame(frame, scratch_);
    world_.net.Send(link->second, scratch_);
  }
}

void ClusterDriver::SendRecordsOf(const SendRecords& send) {
  const Revision first{send.head.previous.revision.value + 1};
  std::optional<RecordBytes> run = recent_.From(first, send.last, kReplicateBytesMax);
  std::string read;
  if (!run) {
    const OpLog& log = world_.persistence.log();
    if (first < log.first()) {
      return SendStateTo(send.peer);
    }
    LogReader reader(world_.persistence.log_disk(), log.View());
    Result<void> found = reader.SeekRevision(first);
    while (found && read.size() < kCatchUpBytes) {
      const Result<std::optional<DecodedRecord>> next = reader.Next();
      if (!next || !*next) {
        found = next ? Result<void>() : tl::unexpected(next.error());
        break;
      }
      read.append(reader.bytes());
    }
    if (!found || read.empty()) {
      // The disk is failing, which is no reason to stop for all others.
      closing_.emplace_back(send.peer, "the records that it lacks cannot be read, from revision " +
                                           std::to_string(first.value) + " on");
      return;
    }
    run = TakeRun(read, first, send.last, kReplicateBytesMax);
  }
  Replicate replicate = send.head;
  replicate.count = run->count;
  replicate.records = run->bytes;
  SendBytes(send.peer, {.term = send.term, .message = replicate});
  member_->Sent(send.peer, run->last);
}

void ClusterDriver::WriteOwn(const WriteRecord& write) {
  if (write.members.empty()) {
    LogInfo("cluster: primary term=" + std::to_string(write.at.term.value));
    told_primary_.clear();
    Tell(RoleChanged{.role = NodeRole::kPrimary, .term = write.at.term});
  } else {
    Tell(MembersChanged{.members = write.members});
  }
  Absorb();
  if (!failure_ && world_.node.end().revision != write.at.revision) {
    Fail("the log ends at revision " + std::to_string(world_.node.end().revision.value) +
         " where it should at " + std::to_string(write.at.revision.value));
  }
}

void ClusterDriver::RewindTo(Revision last) {
  if (const Result<void> allowed = world_.node.MayRewind(last); !allowed) {
    return Fail(allowed.error().detail);
  }
  LogWarn("cluster: records behind revision " + std::to_string(last.value) +
          " are taken back; they are kept in " + RewoundName(member_->term(), {last.value + 1}));
  const Result<ChainEnd> end = world_.persistence.Rewind(last, member_->term());
  if (!end) {
    return Fail(end.error().detail);
  }
  absorbed_ = 0;
  recent_.CutTo(last);
  told_durable_ = std::min(told_durable_, last);
  Tell(LogRewound{.end = *end});
}

void ClusterDriver::AppendOf(Revision first, const Replicate& replicate) {
  std::string_view records = replicate.records;
  while (HeadOfRecord(records).end.revision < first) {
    records.remove_prefix(HeadOfRecord(records).bytes);
  }
  Tell(RecordsReceived{.bytes = records});
  Absorb();
  forwarding_->OnApplied();
  for (std::size_t i = 0; i < world_.node.store().members().size() && !failure_; ++i) {
    const Store::MembersRecord& config = world_.node.store().members()[i];
    if (config.revision >= first) {
      StepMember(ConfigAppended{.revision = config.revision, .members = config.members});
    }
  }
}

}  // namespace nunc
