// What a member of a cluster does with its folder: its vote, and a log that may be taken back.
#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "node/persistence.h"

namespace nunc {
namespace {

Result<void> TakeId(const Membership& membership, bool is_member, Meta& meta) {
  if (membership.id == NodeId{} || membership.id.value == meta.node) {
    return {};
  }
  if (is_member) {
    return Fail(Fault::kInvalid, "this folder is that of node " + std::to_string(meta.node) +
                                     ", not of node " + std::to_string(membership.id.value) +
                                     ": leave the id out, or give another folder");
  }
  meta.node = membership.id.value;
  return {};
}

}  // namespace

std::string FirstMembers(const Meta& meta, NodeId id, Priority priority, std::string_view address,
                         const Timing& timing) {
  const NodeName name{.id = id == NodeId{} ? NodeId{meta.node} : id,
                      .incarnation = {meta.incarnation}};
  return EncodeMembers({.timing = timing,
                        .list = {{.name = name,
                                  .priority = priority,
                                  .standing = Standing::kVoter,
                                  .address = std::string(address)}}});
}

Result<std::unique_ptr<Persistence>> Persistence::StartMember(const PersistenceWorld& world,
                                                              Node& node,
                                                              const PersistenceOptions& options,
                                                              Recovered recovered,
                                                              const Membership& membership) {
  Meta meta = recovered.meta->value();
  const bool is_member = !node.store().members().empty();
  if (Result<void> taken = TakeId(membership, is_member, meta); !taken) {
    return tl::unexpected(taken.error());
  }
  if (meta.joins && !is_member && !membership.members.empty()) {
    return nunc::Fail(
        Fault::kInvalid,
        "this folder is on its way into a cluster, and cannot begin one: give --join, or "
        "another folder");
  }
  if (membership.arbiter_node && !meta.arbiter_node) {
    if (!meta.joins || is_member || recovered.log.end.revision.value > 0) {
      return nunc::Fail(Fault::kInvalid,
                        "this folder is that of a node with data, and an arbiter node holds none: "
                        "give --arbiter an empty folder");
    }
    meta.arbiter_node = true;
  }
  meta.joins = meta.joins && !is_member;
  const bool begins = !is_member && !membership.members.empty();
  const ChainEnd end = recovered.log.end;
  meta.term = std::max(meta.term, end.term);
  if (begins) {
    // A new history: no token of a former life fits.
    const auto seconds = static_cast<std::uint64_t>(world.clock.WallUs() / 1'000'000);
    meta.term = {std::max(seconds, meta.term.value + 1)};
    meta.voted_for = 0;
  }
  auto opened = Open(world, node, options, std::move(recovered), meta);
  if (!opened) {
    return opened;
  }
  Persistence& persistence = **opened;
  persistence.is_member_ = true;
  persistence.holds_log_ = !meta.arbiter_node;
  persistence.committed_ = meta.commit;
  persistence.vote_ = {.counter = 0,
                       .cluster = meta.cluster,
                       .term = meta.term,
                       .voted_for = {meta.voted_for},
                       .floor = meta.floor};
  if (!begins) {
    const std::uint64_t mark = meta.cluster[0] ^ meta.cluster[1];
    node.BeginFollowing(end, mark, persistence.terms_, meta.commit);
    return opened;
  }
  persistence.BeginTerm(meta.term, end);
  Output unheard;
  node.Step(MembersChanged{membership.members}, unheard);
  if (Result<void> written = persistence.WriteThrough(); !written) {
    return tl::unexpected(written.error());
  }
  persistence.committed_ = node.end().revision;  // one voter, and it has it on its disk
  node.Step(RoleChanged{.role = NodeRole::kSecondary}, unheard);
  return opened;
}

Result<MemberStart> Persistence::member_start(std::uint64_t seed) const {
  MemberStart start{.name = {.id = {meta().node}, .incarnation = {meta().incarnation}},
                    .cluster = vote_.cluster,
                    .term = vote_.term,
                    .voted_for = vote_.voted_for,
                    .terms = TermTable(terms_),
                    .commit = std::min(committed_, log_->durable()),
                    .arbiter_node = meta().arbiter_node,
                    .floor = vote_.floor,
                    .seed = seed};
  const std::vector<Store::MembersRecord>& records = node_.store().members();
  for (std::size_t i = records.size() - std::min<std::size_t>(records.size(), 2);
       i < records.size(); ++i) {
    Result<Members> members = DecodeMembers(records[i].members);
    if (!members) {
      return tl::unexpected(members.error());
    }
    start.configs.push_back({.revision = records[i].revision, .members = std::move(*members)});
  }
  return start;
}

Position Persistence::durable_position() const {
  const Revision durable = log_->durable();
  const auto term =
      std::ranges::find_if(terms_, [durable](const TermEnd& end) { return end.last >= durable; });
  return term == terms_.end() ? Position{} : Position{.term = term->term, .revision = durable};
}

void Persistence::StoreVote(const StoreMeta& vote) {
  if (vote.cluster != vote_.cluster) {
    // It has just found its cluster, and has no record yet.
    cluster_ = vote.cluster;
    log_->SetCluster(vote.cluster);
    node_.BeginFollowing(node_.end(), vote.cluster[0] ^ vote.cluster[1], {}, {});
  }
  vote_ = vote;
  if (!marking_) {
    StartMark();
  }
}

void Persistence::NoteTerms(std::string_view records) {
  while (!records.empty()) {
    const RecordHead head = HeadOfRecord(records);
    NoteTerm(terms_, head.end.term, head.end.revision);
    records.remove_prefix(head.bytes);
  }
}

Result<void> Persistence::WaitForWorkers() {
  while (!news_.failure && (is_syncing() || marking_)) {
    Worker& worker = syncing_[1] ? *world_.sync_beside : world_.sync;
    worker.Collect(Wait::kForOne);
  }
  if (news_.failure) {
    return tl::unexpected(*news_.failure);
  }
  return {};
}

Result<ChainEnd> Persistence::Rewind(Revision to, Term by) {
  Result<void> done = WriteRecords();
  if (done) {
    done = WaitForWorkers();
  }
  if (!done) {
    return tl::unexpected(done.error());
  }
  snapshotter_.GiveUp("records that it has were taken back");
  for (const std::shared_ptr<BackupHold>& hold : Holds()) {
    hold->until_us = 0;
  }
  Result<ChainEnd> end = log_->SaveTail(to, by);
  if (!end) {
    return end;
  }
  // Before the log ends there: a mark above its end is damage.
  Meta meta = meta_->value();
  if (!Planted(Bug::kFleetRewindMarkKept)) {
    meta.durable = std::min(meta.durable, to);
  }
  done = meta_->Store(meta);
  if (done) {
    done = log_->Cut(*end);
  }
  if (!done) {
    return tl::unexpected(done.error());
  }
  marked_ = std::min(marked_, to);
  last_snapshot_ = std::min(last_snapshot_, to);
  while (!terms_.empty() && terms_.back().last > to) {
    const Revision before = terms_.size() > 1 ? terms_[terms_.size() - 2].last : Revision{};
    if (before < to) {
      terms_.back().last = to;
    } else {
      terms_.pop_back();
    }
  }
  return end;
}

}  // namespace nunc
