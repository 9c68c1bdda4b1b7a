#include "sim/cluster_oracle.h"

#include <algorithm>
#include <functional>
#include <set>

namespace nunc {

namespace {

std::string Text(const Position& position) {
  return std::to_string(position.term.value) + "." + std::to_string(position.revision.value);
}

// How far what it has on the medium goes for the primary of that term.
Revision StoredAt(const ClusterNode& node, Term term) {
  if (!node.is_arbiter_node()) {
    return node.log().durable();
  }
  return node.floor().term == term ? node.floor().revision : Revision{};
}

// What it has vouched for before that term.
Position VouchedBefore(const ClusterNode& node, Term term) {
  if (!node.is_arbiter_node()) {
    return node.log().At(node.log().durable());
  }
  return node.floor().term < term ? node.floor() : Position{};
}

}  // namespace

void ClusterOracle::Break(const ClusterNode& node, const std::string& what) {
  if (!broken_) {
    broken_ = "node " + std::to_string(node.name().id.value) + ": " + what;
  }
}

void ClusterOracle::Vote(const ClusterNode& node, Term term, NodeId candidate) {
  const auto [vote, is_first] = votes_.try_emplace({node.name(), term}, candidate);
  if (!is_first && vote->second != candidate) {
    Break(node, "a second vote in term " + std::to_string(term.value));
  }
  if (node.meta().term != term || node.meta().voted_for != candidate) {
    Break(node, "a vote leaves before it is stored");
  }
}

void ClusterOracle::HearFrame(const ClusterNode& node, const SendFrame& send) {
  const Frame& frame = send.frame;
  if (frame.term > node.meta().term) {
    Break(node, "term " + std::to_string(frame.term.value) + " leaves before it is stored");
  }
  if (const auto* alive = std::get_if<Alive>(&frame.message);
      alive != nullptr && alive->grant && !alive->probe) {
    Vote(node, alive->election, send.peer);
  } else if (const auto* election = std::get_if<Election>(&frame.message);
             election != nullptr && !election->probe) {
    Vote(node, frame.term, node.name().id);
    candidates_[{node.name().id, frame.term}] = election->last;
  } else if (const auto* ack = std::get_if<Ack>(&frame.message);
             ack != nullptr && ack->durable > StoredAt(node, frame.term)) {
    Break(node, "it acknowledges what is not on the disk");
  } else if (const auto* floor = std::get_if<Floor>(&frame.message);
             floor != nullptr && floor->position.revision > node.log().durable()) {
    Break(node, "it tells a floor that it has not reached itself");
  } else if (std::holds_alternative<TakeOver>(frame.message)) {
    const ClusterNode& target = nodes_[send.peer.value - 1];
    if (target.log().durable().value < node.log().records().size()) {
      Break(node, "the role is handed to a node that lacks records");
    }
  }
}

void ClusterOracle::Hear(const ClusterNode& node, std::int64_t now_us, const MemberAction& action) {
  if (const auto* send = std::get_if<SendFrame>(&action)) {
    HearFrame(node, *send);
  } else if (const auto* store = std::get_if<StoreMeta>(&action)) {
    // From here on it acknowledges nothing more of an older term.
    const Position own = VouchedBefore(node, store->term);
    const auto candidate = candidates_.find({store->voted_for, store->term});
    if (candidate != candidates_.end() && candidate->second < own) {
      Break(node,
            "a vote for a log that ends at " + Text(candidate->second) + ", before " + Text(own));
    }
  } else if (const auto* rewind = std::get_if<RewindLog>(&action)) {
    const auto& records = node.log().records();
    for (std::size_t i = rewind->last.value; i < records.size() && i < committed_.size(); ++i) {
      if (records[i] == committed_[i]) {
        Break(node, "revision " + std::to_string(i + 1) + " is cut, and it is final");
      }
    }
  } else if (const auto* write = std::get_if<WriteRecord>(&action);
             write != nullptr && !write->members.empty()) {
    won_us_[write->at.term] = now_us;
    if (node.log().config() > std::max(node.member().commit(), node.member().guarded())) {
      Break(node, "members change while another change is not final");
    }
  } else if (const auto* stop = std::get_if<StopNode>(&action)) {
    Break(node, "it stops: " + stop->why);
  }
}

void ClusterOracle::Arrived(const ClusterNode& node, NodeId /*from*/, const Frame& frame) {
  const auto* replicate = std::get_if<Replicate>(&frame.message);
  const auto* floor = std::get_if<Floor>(&frame.message);
  if (replicate != nullptr || floor != nullptr) {
    std::int64_t& stamp = stamps_[{frame.term, node.name()}];
    stamp = std::max(stamp, replicate != nullptr ? replicate->stamp_us : floor->stamp_us);
  }
}

void ClusterOracle::Restarted(const ClusterNode& node) {
  seen_.erase(node.name());
}

void ClusterOracle::Look(const ClusterNode& node, std::int64_t now_us) {
  const Member& member = node.member();
  const ClusterLog& log = node.log();
  if (member.last() != log.At({log.records().size()})) {
    Break(node, "it takes its log to end elsewhere");
  }
  if (member.durable() > log.durable()) {
    Break(node, "it takes for durable what is not");
  }
  if (member.commit().value > log.records().size()) {
    Break(node, "what is final is not in its log");
    return;
  }
  if (!node.config().empty() && EncodeMembers(member.members()) != node.config()) {
    Break(node, "its members are not those of its log");
  }
  if (member.role() == RoleName::kPrimary) {
    const auto [primary, is_new] = primaries_.try_emplace(member.term(), node.name());
    if (is_new) {
      won_us_[member.term()] = now_us;
    } else if (primary->second != node.name()) {
      Break(node, "a second primary in term " + std::to_string(member.term().value));
    }
    CheckLease(node, now_us);
    CheckGuarded(node);
  }
  CheckCommit(node);
}

void ClusterOracle::CheckCommit(const ClusterNode& node) {
  Seen& seen = seen_[node.name()];
  const Revision commit = node.member().commit();
  if (commit < seen.commit || node.member().term() < seen.term) {
    Break(node, "its commit or its term falls");
  }
  const auto& records = node.log().records();
  for (std::size_t i = seen.commit.value; i < commit.value && i < committed_.size(); ++i) {
    if (!(records[i] == committed_[i])) {
      Break(node, "revision " + std::to_string(i + 1) + " is final with two contents");
    }
  }
  if (commit.value > committed_.size()) {
    if (node.member().role() == RoleName::kPrimary) {
      CheckCounted(node, seen.members, commit);
    } else if (!committed_.empty()) {
      Break(node, "final before the primary has counted it");
    }
    committed_.insert(committed_.end(),
                      records.begin() + static_cast<std::ptrdiff_t>(committed_.size()),
                      records.begin() + static_cast<std::ptrdiff_t>(commit.value));
  }
  seen.commit = commit;
  seen.term = node.member().term();
  if (!(seen.members == node.member().members())) {
    seen.members = node.member().members();
  }
}

// On the disks of a majority, and of the term that counts it.
void ClusterOracle::CheckCounted(const ClusterNode& node, const Members& members, Revision commit) {
  const auto& records = node.log().records();
  if (records[commit.value - 1].term != node.member().term()) {
    Break(node, "a record of an older term is counted");
  }
  std::size_t holders = 0;
  // Alone beside an arbiter node, its floor stands for the second disk.
  const MemberInfo* arbiter = members.ArbiterNode();
  if (arbiter != nullptr && members.VotersWithLog() == 1 &&
      nodes_[arbiter->name.id.value - 1].floor() >= node.log().At(commit)) {
    ++holders;
  }
  for (const ClusterNode& other : nodes_) {
    if (members.IsVoter(other.name()) && other.log().durable() >= commit &&
        other.log().At(commit) == node.log().At(commit)) {
      ++holders;
    }
  }
  if (holders < members.Majority()) {
    Break(node, "revision " + std::to_string(commit.value) + " is final on " +
                    std::to_string(holders) + " disks");
  }
}

// On the disk, and kept there by the floor of an arbiter node.
void ClusterOracle::CheckGuarded(const ClusterNode& node) {
  const Revision guarded = node.member().guarded();
  const MemberInfo* arbiter = node.member().members().ArbiterNode();
  if (guarded.value == 0) {
    return;
  }
  const ClusterNode& other = nodes_[arbiter->name.id.value - 1];
  // One whose disk was replaced since votes no more.
  const bool stored = other.name() != arbiter->name ||
                      other.floor() >= Position{.term = node.member().term(), .revision = guarded};
  if (guarded > node.log().durable() || !stored) {
    Break(node, "it counts on a floor that is not stored");
  }
}

void ClusterOracle::CheckLease(const ClusterNode& node, std::int64_t now_us) {
  const Member& member = node.member();
  const std::int64_t won = won_us_[member.term()];
  std::vector<std::int64_t> heard;
  for (const MemberInfo& voter : member.members().list) {
    if (voter.standing != Standing::kVoter) {
      continue;
    }
    const auto stamp = stamps_.find({member.term(), voter.name});
    heard.push_back(voter.name == node.name() ? now_us
                    : stamp == stamps_.end()  ? won
                                              : std::max(won, stamp->second));
  }
  std::ranges::sort(heard, std::greater<>());
  if (heard.size() < member.members().Majority() ||
      now_us - heard[member.members().Majority() - 1] > member.members().timing.lease_us) {
    Break(node, "primary beyond its lease");
  }
}

Revision ClusterOracle::promised() const {
  const Revision final_one{committed_.size()};
  return acknowledged_.empty() ? final_one : std::max(final_one, acknowledged_.rbegin()->first);
}

void ClusterOracle::Acknowledge(Revision revision, std::uint64_t id) {
  acknowledged_[revision] = id;
}

void ClusterOracle::CheckAcknowledged() {
  std::set<std::uint64_t> there;
  for (const ClusterRecord& record : committed_) {
    if (record.id != 0 && !there.insert(record.id).second && !broken_) {
      broken_ = "write " + std::to_string(record.id) + " is there twice";
    }
  }
  for (const auto& [revision, id] : acknowledged_) {
    if ((revision.value > committed_.size() || committed_[revision.value - 1].id != id) &&
        !broken_) {
      broken_ = "write " + std::to_string(id) + " was acknowledged and is lost";
    }
  }
}

}  // namespace nunc
