// One member of a cluster: its role, its term, its vote, and how far the others have its log.
//
// Shape:   Step(now, input) appends what must now be done, and does none of it. No log, no disk, no
//          clock: a table of terms stands for the log, numbers come from a seed.
// Units:   microseconds of one monotonic clock that never runs backwards.
// Errors:  what a peer sends is judged, never trusted: a link that makes no sense is closed.
// Owner:   the node's driver, loop thread only. Nothing of an input is kept after Step.
// Source:  docs/election.md; docs/cluster.md §3, §6, §8, §11; Ongaro, "Consensus: Bridging Theory
//          and Practice" (2014), for the rules: 3.4 terms, 3.6 votes, 4 members, 9.6 probes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/position.h"
#include "base/prng.h"
#include "cluster/member_start.h"
#include "cluster/members.h"
#include "cluster/message.h"
#include "cluster/roles.h"
#include "cluster/step.h"
#include "cluster/term_table.h"

namespace nunc {

class Member {
 public:
  Member(MemberStart start, std::int64_t now_us);

  // For a new link: what to say first, and whether what the other side says lets it in.
  [[nodiscard]] Hello Greeting() const;
  [[nodiscard]] std::optional<Refusal> Admit(const Hello& hello) const;

  void Step(std::int64_t now_us, const MemberInput& input, std::vector<MemberAction>& actions);
  // What a SendRecords has sent: up to here.
  void Sent(NodeId peer, Revision last);
  // Of a primary: it is sent a whole state, and pings but no records, until the next link with it.
  void SetSyncing(NodeId peer, bool syncing);

  // When it wants a TimePassed, if nothing happens before.
  [[nodiscard]] std::int64_t deadline_us() const { return deadline_us_; }
  [[nodiscard]] RoleName role() const;
  [[nodiscard]] std::optional<NodeId> primary() const;
  // Whether records may be proposed.
  [[nodiscard]] bool accepting() const;
  [[nodiscard]] Term term() const { return term_; }
  [[nodiscard]] Position last() const { return terms_.last(); }
  // Of that record; empty: it is not there, or so old that its term is forgotten.
  [[nodiscard]] std::optional<Term> TermAt(Revision at) const { return terms_.TermAt(at); }
  [[nodiscard]] Revision durable() const { return durable_; }
  [[nodiscard]] Revision commit() const { return commit_; }
  [[nodiscard]] const Members& members() const;
  // Of a primary beside an arbiter node: what no election can lose, for it is on the disk here and
  // the floor there is no lower. Of another member: 0.
  [[nodiscard]] Revision guarded() const;
  // When a majority, as it has said since, took this node for primary, and all before its term is
  // known to be final; empty: it is none, or not yet.
  [[nodiscard]] std::optional<std::int64_t> confirmed_us() const;
  // How far each other member is; null: it is not primary.
  [[nodiscard]] const std::map<NodeName, PeerProgress>* progress() const;
  [[nodiscard]] const NodeName& name() const { return name_; }
  [[nodiscard]] ClusterId cluster() const { return cluster_; }
  // A node that asked to leave is out.
  [[nodiscard]] bool left() const { return left_; }
  // Why it was not let in, last time it asked.
  [[nodiscard]] std::optional<Refusal> refused() const { return refused_; }

 private:
  struct Link {
    Hello hello{};
    std::int64_t since_us = 0;
  };
  using Actions = std::vector<MemberAction>;

  // member.cpp
  static void Take(const TimePassed& /*input*/) {}
  void Take(const LinkUp& input);
  void Take(const LinkDown& input);
  void Take(const LinkRefused& input);
  void Take(const FrameReceived& input);
  void Take(const MetaStored& input);
  void Take(const LogDurable& input);
  void Take(const RecordsApplied& input);
  void Take(const RecordsProposed& input);
  void Take(const ConfigAppended& input);
  void Take(const HandOverAsked& input);
  void Take(const JoinAsked& input);
  void Take(const LeaveAsked& input);
  void Take(const ConfirmAsked& input);
  void Store();
  void Send(NodeId peer, Message message);
  void SendToMembers(const Message& message);
  void Close(NodeId peer, std::string_view why);
  [[nodiscard]] bool IsLinked(const NodeName& name) const;
  [[nodiscard]] std::int64_t NextDeadline() const;

  // election.cpp
  void Receive(NodeId peer, Term term, const Election& election);
  void Receive(NodeId peer, Term term, const Alive& alive);
  void Receive(NodeId peer, Term term, const Victory& victory);
  void Receive(NodeId peer, Term term, const TakeOver& take_over);
  void BeginTerm(Term term, NodeId vote);
  void StepDown();
  void Follow(NodeId primary);
  void SetElectionTimer();
  void HastenElection(NodeId gone);
  void CheckElection();
  void Probe();
  void Campaign(bool forced);
  void CountGrants();
  void Win();
  [[nodiscard]] bool MayCampaign() const;
  [[nodiscard]] bool HearsPrimary() const;
  [[nodiscard]] bool IsAsNew(const Position& last) const;

  // replication.cpp
  void Receive(NodeId peer, Term term, const Replicate& replicate);
  void Receive(NodeId peer, Term term, const Ack& ack);
  // Up to where the log is the primary's then; empty: this node must stop, or needs a full sync.
  std::optional<Revision> TakeRecords(NodeId peer, const Replicate& replicate);
  void CutTo(Revision last);
  void Acknowledge(NodeId peer, const Replicate* conflict);
  void Write(std::string members);
  void Replicated();
  void SendWhatIsDue(const NodeName& name, PeerProgress& progress);
  void SyncProgress();
  void CountCommit();
  void CheckLease();
  [[nodiscard]] std::int64_t MajoritySince(const Primary&, std::int64_t PeerProgress::*at) const;

  // arbiter_node.cpp
  void Receive(NodeId peer, Term term, const Floor& floor);
  void SendFloor(const NodeName& name, PeerProgress& progress);
  void RaiseFloor(Primary& primary);
  [[nodiscard]] bool OthersKeepUp(const Primary& primary) const;
  void AcknowledgeFloor(NodeId peer);

  // sync.cpp
  void Receive(NodeId peer, Term term, const RecoverRequest& recover);
  [[nodiscard]] PeerProgress* ProgressOf(NodeId peer);

  // membership.cpp
  void Receive(NodeId peer, Term term, const Join& join);
  void Receive(NodeId peer, Term term, const Leave& leave);
  void Receive(NodeId peer, Term term, const Refused& refused);
  // What is the driver's alone.
  template <class Other>
  static void Receive(NodeId /*peer*/, Term /*term*/, const Other& /*other*/) {}
  void CheckWishes();
  void RemoveLeaving();
  void CheckLearners();
  void CheckTakeOver();
  [[nodiscard]] std::optional<NodeId> TakeOverTarget() const;
  [[nodiscard]] bool MayChangeMembers() const;
  [[nodiscard]] bool KeepsMajority(const Members& members) const;
  void ChangeMembers(const Members& members, NodeId asked_by);
  void UseConfig(ConfigAt config);
  [[nodiscard]] std::uint64_t BehindBy(const PeerProgress& progress) const;

  NodeName name_;
  ClusterId cluster_;
  Prng prng_;
  std::int64_t now_us_ = 0;
  std::int64_t deadline_us_ = 0;
  Actions* actions_ = nullptr;  // of the Step that runs

  Term term_;
  NodeId voted_for_;
  bool arbiter_node_ = false;
  Position floor_;  // of an arbiter node
  std::uint64_t metas_asked_ = 0;
  std::uint64_t metas_stored_ = 0;
  std::vector<SendFrame> held_;  // until the newest meta is stored; at most kHeldFramesMax

  TermTable terms_;
  Revision durable_;
  Revision applied_;
  Revision commit_;
  Revision rewind_floor_;  // as of the newest frame
  std::vector<ConfigAt> configs_;

  Role role_;
  std::int64_t election_us_ = 0;  // when it asks for votes
  std::map<NodeId, Link> links_;

  std::optional<JoinAsked> join_;
  bool leave_ = false;
  bool left_ = false;
  bool stops_ = false;
  std::optional<Refusal> refused_;
  std::int64_t asked_us_ = 0;  // when it asked last to join or leave
};

}  // namespace nunc
