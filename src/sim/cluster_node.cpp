#include "sim/cluster_node.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/little_endian.h"

namespace nunc {

namespace {

// A record on the wire: its number, and the length of its list of members.
constexpr std::size_t kRecordHeadBytes = 12;

std::size_t BytesOf(const ClusterRecord& record) {
  return kRecordHeadBytes + (record.members == nullptr ? 0 : record.members->size());
}

void AppendTo(std::string& bytes, const ClusterRecord& record) {
  const std::size_t at = bytes.size();
  bytes.resize(at + kRecordHeadBytes);
  const std::size_t length = record.members == nullptr ? 0 : record.members->size();
  PutLittle(bytes.data() + at, record.id);
  PutLittle(bytes.data() + at + 8, static_cast<std::uint32_t>(length));
  if (record.members != nullptr) {
    bytes += *record.members;
  }
}

ClusterRecord TakeFrom(std::string_view& bytes, Term term) {
  ClusterRecord record{.term = term, .id = GetLittle<std::uint64_t>(bytes, 0), .members = {}};
  const std::size_t length = GetLittle<std::uint32_t>(bytes, 8);
  if (length > 0) {
    record.members = std::make_shared<const std::string>(bytes.substr(kRecordHeadBytes, length));
  }
  bytes.remove_prefix(kRecordHeadBytes + length);
  return record;
}

}  // namespace

Position ClusterLog::At(Revision revision) const {
  return revision.value == 0
             ? Position{}
             : Position{.term = records_[revision.value - 1].term, .revision = revision};
}

void ClusterLog::Append(ClusterRecord record) {
  records_.push_back(std::move(record));
  if (records_.back().members != nullptr) {
    configs_.push_back(records_.size());
  }
}

void ClusterLog::CutRecords(std::size_t size) {
  records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(size), records_.end());
  std::erase_if(configs_, [&](std::size_t revision) { return revision > size; });
}

void ClusterLog::CutTo(Revision last) {
  const auto keep = static_cast<std::ptrdiff_t>(last.value);
  if (last.value < durable_) {
    cut_.assign(records_.begin() + keep, records_.begin() + static_cast<std::ptrdiff_t>(durable_));
    durable_ = last.value;
  }
  if (sync_to_) {
    sync_to_ = std::min<std::size_t>(*sync_to_, last.value);
  }
  CutRecords(last.value);
}

void ClusterLog::BeginSync() {
  sync_to_ = records_.size();
}

Revision ClusterLog::EndSync() {
  durable_ = std::max(durable_, sync_to_.value_or(0));
  sync_to_.reset();
  cut_.clear();
  return {durable_};
}

void ClusterLog::Crash(std::size_t kept, bool old_tail) {
  const bool returns = old_tail && !cut_.empty();
  CutRecords(returns ? durable_ : std::min(records_.size(), durable_ + kept));
  if (returns) {
    std::ranges::for_each(std::exchange(cut_, {}), [this](auto& record) { Append(record); });
  }
  durable_ = records_.size();
  sync_to_.reset();
  cut_.clear();
}

ClusterNode::ClusterNode(NodeName name, ClusterId cluster, const Members* founders)
    : name_(name), cluster_(cluster) {
  meta_.cluster = cluster;
  const MemberInfo* self = founders == nullptr ? nullptr : founders->Find(name);
  arbiter_node_ = self != nullptr && self->arbiter_node;
  if (founders != nullptr) {
    meta_.term = {1};
  }
  if (founders != nullptr && !arbiter_node_) {
    log_.Append({.term = {1},
                 .id = 0,
                 .members = std::make_shared<const std::string>(EncodeMembers(*founders))});
    log_.BeginSync();
    log_.EndSync();
    commit_mark_ = {1};
  }
}

void ClusterNode::Replace(Incarnation incarnation) {
  name_.incarnation = incarnation;
  log_.Clear();
  meta_ = {};
  commit_mark_ = {};
}

const std::string& ClusterNode::config() const {
  static const std::string none;
  const Revision revision = log_.config();
  return revision.value == 0 ? none : *log_.records()[revision.value - 1].members;
}

void ClusterNode::Start(std::int64_t now_us, std::uint64_t seed) {
  MemberStart start{.name = name_,
                    .cluster = meta_.cluster,
                    .term = meta_.term,
                    .voted_for = meta_.voted_for,
                    .commit = commit_mark_,
                    .arbiter_node = arbiter_node_,
                    .floor = meta_.floor,
                    .seed = seed};
  std::uint64_t revision = 0;
  for (const ClusterRecord& record : log_.records()) {
    ++revision;
    start.terms.Append({.term = record.term, .revision = {revision}});
    if (record.members != nullptr) {
      auto members = DecodeMembers(*record.members);
      CHECK(members.has_value());
      start.configs.push_back({.revision = {revision}, .members = std::move(*members)});
      if (start.configs.size() > 2) {
        start.configs.erase(start.configs.begin());
      }
    }
  }
  member_.emplace(std::move(start), now_us);
}

void ClusterNode::Crash(std::size_t records_kept, bool old_tail, std::size_t metas_kept) {
  commit_mark_ = std::max(commit_mark_, std::min(member_->commit(), log_.durable()));
  member_.reset();
  stopped_.reset();
  log_.Crash(records_kept, old_tail);
  if (metas_kept > 0 && !metas_.empty()) {
    meta_ = metas_[std::min(metas_kept, metas_.size()) - 1];
  }
  metas_.clear();
}

void ClusterNode::Step(std::int64_t now_us, const MemberInput& input) {
  std::vector<MemberAction> actions;
  const auto* received = std::get_if<FrameReceived>(&input);
  member_->Step(now_us, input, actions);
  for (const MemberAction& action : actions) {
    if (!stopped_) {
      hooks_.action(action);
      CarryOut(now_us, action, received == nullptr ? nullptr : received->frame);
    }
  }
}

bool ClusterNode::Receive(std::int64_t now_us, NodeId peer, std::string_view bytes) {
  const auto decoded = DecodeFrame(bytes);
  if (!decoded || !decoded->has_value()) {
    return false;
  }
  const Frame& frame = (*decoded)->frame;
  if (const auto* hello = std::get_if<Hello>(&frame.message)) {
    if (const std::optional<Refusal> refusal = member_->Admit(*hello)) {
      std::string answer;
      const Frame refused{.term = member_->term(), .message = Refused{.reason = *refusal}};
      EncodeFrame(refused, answer);
      hooks_.send(peer, refused, std::move(answer));
      return false;
    }
    Step(now_us, LinkUp{.hello = *hello});
  } else {
    Step(now_us, FrameReceived{.peer = peer, .frame = &frame});
  }
  return true;
}

void ClusterNode::SayHello(NodeId peer) {
  const Frame frame{.term = meta_.term, .message = member_->Greeting()};
  std::string bytes;
  EncodeFrame(frame, bytes);
  hooks_.send(peer, frame, std::move(bytes));
}

void ClusterNode::Propose(std::int64_t now_us, std::uint64_t id) {
  log_.Append({.term = member_->term(), .id = id, .members = {}});
  Step(now_us, RecordsProposed{.count = 1});
}

void ClusterNode::EndSync(std::int64_t now_us) {
  const Revision durable = log_.EndSync();
  commit_mark_ = std::max(commit_mark_, std::min(member_->commit(), durable));
  Step(now_us, LogDurable{.upto = log_.At(durable)});
}

void ClusterNode::EndStore(std::int64_t now_us) {
  meta_ = metas_.front();
  metas_.erase(metas_.begin());
  Step(now_us, MetaStored{.counter = meta_.counter});
}

void ClusterNode::CarryOut(std::int64_t now_us, const MemberAction& action, const Frame* received) {
  if (const auto* send = std::get_if<SendFrame>(&action)) {
    std::string bytes;
    EncodeFrame(send->frame, bytes);
    hooks_.send(send->peer, send->frame, std::move(bytes));
  } else if (const auto* records = std::get_if<SendRecords>(&action)) {
    SendRecordsOf(*records);
  } else if (const auto* store = std::get_if<StoreMeta>(&action)) {
    metas_.push_back(*store);
  } else if (const auto* write = std::get_if<WriteRecord>(&action)) {
    CHECK(write->at.revision.value == log_.records().size() + 1);
    ClusterRecord record{.term = write->at.term, .id = 0, .members = {}};
    if (!write->members.empty()) {
      record.members = std::make_shared<const std::string>(write->members);
    }
    log_.Append(std::move(record));
  } else if (const auto* rewind = std::get_if<RewindLog>(&action)) {
    log_.CutTo(rewind->last);
  } else if (const auto* append = std::get_if<AppendRecords>(&action)) {
    AppendOf(now_us, append->first, std::get<Replicate>(received->message));
  } else if (const auto* close = std::get_if<CloseLink>(&action)) {
    hooks_.close(close->peer, close->why);
  } else if (const auto* stop = std::get_if<StopNode>(&action)) {
    stopped_ = stop->why;
  }
}

void ClusterNode::SendRecordsOf(const SendRecords& send) {
  const std::size_t bytes_max = std::min(frame_bytes_, kReplicateBytesMax);
  Replicate replicate = send.head;
  std::string records;
  std::uint64_t revision = replicate.previous.revision.value;
  while (revision < send.last.value) {
    const ClusterRecord& record = log_.records()[revision];
    if (!records.empty() && records.size() + BytesOf(record) > bytes_max) {
      break;
    }
    AppendTo(records, record);
    ++revision;
  }
  replicate.count = revision - replicate.previous.revision.value;
  replicate.records = records;
  const Frame frame{.term = send.term, .message = replicate};
  std::string bytes;
  EncodeFrame(frame, bytes);
  hooks_.send(send.peer, frame, std::move(bytes));
  member_->Sent(send.peer, {revision});
}

void ClusterNode::AppendOf(std::int64_t now_us, Revision first, const Replicate& replicate) {
  std::string_view records = replicate.records;
  std::vector<Revision> configs;
  for (std::uint64_t i = 1; i <= replicate.count; ++i) {
    ClusterRecord record = TakeFrom(records, replicate.record_term);
    const Revision revision{replicate.previous.revision.value + i};
    if (revision >= first) {
      CHECK(revision.value == log_.records().size() + 1);
      if (record.members != nullptr) {
        configs.push_back(revision);
      }
      log_.Append(std::move(record));
    }
  }
  for (const Revision revision : configs) {
    Step(now_us, ConfigAppended{.revision = revision,
                                .members = *log_.records()[revision.value - 1].members});
  }
}

}  // namespace nunc
