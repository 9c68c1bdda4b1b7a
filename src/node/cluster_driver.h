// Makes a node a member of a cluster: what `Member` decides is carried out here, on the node, its
// folder and its links.
//
// Shape:   in each turn, in this order: StartTurn, before the node's own; TakeNews, behind
//          Persistence::Collect; events of links and commands as they come; EndTurn, before
//          Persistence::EndTurn. `heard` gets what the node's sessions must be told.
// Errors:  EndTurn: the node cannot go on, and must stop with that reason. A frame that makes no
//          sense ends its link.
// Units:   microseconds of the monotonic clock.
// Owner:   Server; loop thread only. Outlived by node, persistence and net.
// Source:  docs/election.md (the driver's duties); docs/cluster.md §6-8.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "cluster/member.h"
#include "core/cluster_admin.h"
#include "env/peer_net.h"
#include "node/forwarding.h"
#include "node/full_sync_receiver.h"
#include "node/full_sync_sender.h"
#include "node/node.h"
#include "node/persistence.h"
#include "node/recent_records.h"

namespace nunc {

// What a member's address in the list of members says: `PEER CLIENT`, each `host:port`.
struct MemberAddress {
  std::string_view peer{};    // for other nodes
  std::string_view client{};  // its TCP door
};
MemberAddress ParseMemberAddress(std::string_view address);

struct MemberOptions {
  std::string address;            // of this node, as MemberAddress
  Priority priority{};            // when it joins
  std::vector<std::string> join;  // peer addresses of a cluster that is there; empty: none
  std::int64_t quorum_timeout_us = 2'000'000;
  // How long a command waits for a primary that it can be sent to.
  std::int64_t forward_timeout_us = 2'000'000;
  std::int64_t keep_log_us = kMemberKeepUs;  // for members that are away
};

class ClusterDriver final : public PeerEvents, public ClusterAdmin {
 public:
  struct World {
    Node& node;
    Persistence& persistence;
    PeerNet& net;
    std::function<void(const Output&)> heard;
  };

  ClusterDriver(World world, MemberOptions options, MemberStart start, Now now);

  void StartTurn(Now now);
  void TakeNews();
  Result<void> EndTurn();
  // When StartTurn should be called although nothing happens.
  [[nodiscard]] std::int64_t next_us() const;

  // Commands may be run: a primary that hands over runs none for a moment.
  [[nodiscard]] bool accepting() const;
  // No command is run: too much waits here or could not be taken back, or the role goes to another.
  [[nodiscard]] bool halted() const { return busy() || forwarding_->full(); }
  // Of a session that stands in for another node's: its slot is below kStandInsMax.
  void OnReply(const Reply& reply, const Output& output) { forwarding_->OnReply(reply, output); }
  void HandOver(std::uint64_t to) override { hands_over_ = NodeId{to}; }
  // The process will end: it hands its role over, and takes none any more.
  void Stop();
  void Leave(std::uint64_t node) override { leaving_.emplace_back(node); }
  void AddNode(std::string_view address) override;
  [[nodiscard]] const Member& member() const { return *member_; }
  [[nodiscard]] bool IsLinked(NodeId peer) const { return by_peer_.contains(peer); }
  // The folder holds a whole state, which a start makes it: the node must stop as it does else, and
  // start anew. Until then it takes part in nothing.
  [[nodiscard]] bool wants_reload() const { return receiver_.finished(); }
  // One that is on its way here.
  [[nodiscard]] std::optional<FullSyncProgress> receives() const { return receiver_.progress(); }

  // cluster_show.cpp, cluster_age.cpp
  [[nodiscard]] ClusterShown Show() const override;
  [[nodiscard]] std::optional<std::int64_t> age_us() const override;
  bool Confirmed(std::int64_t at_us) override;

  void OnLinkOpen(LinkId link, LinkOrigin origin, std::string_view address) override;
  std::size_t OnLinkBytes(LinkId link, std::string_view bytes) override;
  void OnLinkClosed(LinkId link, std::string_view why) override;
  void OnDialFailed(std::string_view address, DialFailure failure, std::string_view why) override;

 private:
  struct Link {
    LinkOrigin origin = LinkOrigin::kAccepted;
    std::string dialed;          // empty: it was accepted
    std::optional<NodeId> peer;  // since its Hello
    std::int64_t opened_us = 0;
  };
  // Of one address that should have a link.
  struct Dialing {
    bool under_way = false;
    std::int64_t next_us = 0;
    std::int64_t since_us = 0;  // there is none
    bool told = false;          // that it fails
  };

  // cluster_driver.cpp
  [[nodiscard]] bool busy() const;
  void Step(const MemberInput& input);
  void StepMember(const MemberInput& input);
  void ProposeWritten();
  void Absorb();
  void Settle();
  void Tell(const Input& input);
  void Fail(std::string_view why);
  void Carry(const MemberAction& action, const Frame* received);
  void SendBytes(NodeId peer, const Frame& frame);
  void SendRecordsOf(const SendRecords& send);
  void WriteOwn(const WriteRecord& write);
  void RewindTo(Revision last);
  void AppendOf(Revision first, const Replicate& replicate);

  // cluster_age.cpp
  void NoteNews(Term term, Revision head);
  void AskWhetherPrimary();

  // cluster_sync.cpp
  void SendStateTo(NodeId peer);
  void SettleSync(bool leads);
  void NoteNeeded();
  bool TakeSync(LinkId id, NodeId peer, const Frame& frame);
  [[nodiscard]] Revision RewindFloor() const;

  // cluster_links.cpp
  bool Receive(LinkId id, const Frame& frame);
  bool IsForwarding(LinkId id, NodeId peer, const Frame& frame);
  bool Greet(LinkId id, const Frame& frame, const Hello& hello);
  [[nodiscard]] bool IsFromLower(const Link& link, NodeId peer) const;
  [[nodiscard]] std::string_view WhyNot(const Replicate& replicate);
  void Refuse(LinkId id, std::string_view why);
  void Forget(LinkId id);
  void DialWhoIsMissing();
  void DialAt(std::string_view address, bool only_asks);

  World world_;
  MemberOptions options_;
  Now now_;
  std::optional<Member> member_;
  std::optional<Error> failure_;
  bool stops_ = false;
  // At the end of the turn: to that one, or to whoever can; those go.
  std::optional<NodeId> hands_over_;
  std::vector<NodeId> leaving_;
  bool told_left_ = false;
  std::string adding_;  // is dialed until then; empty: nobody
  std::int64_t add_until_us_ = 0;
  std::optional<Forwarding> forwarding_;
  FullSyncSender sender_;
  FullSyncReceiver receiver_;
  std::map<NodeId, std::int64_t> linked_us_;  // when each member was linked last
  std::int64_t next_needed_us_ = 0;
  RecentRecords recent_;
  std::size_t absorbed_ = 0;  // of the node's records of this turn
  Revision told_durable_;
  std::uint64_t told_votes_ = 0;
  std::string told_primary_;
  std::optional<Refusal> told_refused_;
  Revision told_guarded_;
  std::vector<std::pair<NodeId, std::string>> closing_;  // by the step that runs
  // What the primary had when it said so, until that is here; and when the newest was said of which
  // all is here.
  struct News {
    Revision head{};
    std::int64_t at_us = 0;
  };
  Term news_term_;
  std::optional<News> news_;
  std::optional<std::int64_t> fresh_us_;
  bool confirm_asked_ = false;
  std::int64_t confirm_sent_us_ = 0;
  std::map<LinkId, Link> links_;
  std::map<NodeId, LinkId> by_peer_;
  std::map<std::string, Dialing, std::less<>> dialing_;
  std::int64_t next_dial_us_ = 0;
  std::int64_t next_give_up_us_ = 0;
  RecordDecoder decoder_;
  std::string scratch_;
  Output output_;
};

}  // namespace nunc
