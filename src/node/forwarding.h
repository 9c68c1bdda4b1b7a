// Commands that one node takes from its clients and another must run: those of this node on their
// way to the primary and back, and those of other nodes that run here.
//
// Shape:   the clients' side: Work takes Node::forwards, sends them in order, and hands each answer
//          to the node once its own log has what it rests on. The primary's side: one session of
//          this node stands in for each other node; it is told for whom each command is. A node
//          begins with the owners of keys that are connected to it (Owners), and commands before
//          that, or to a node that is not primary, come back not taken, all of them up to the next
//          Owners: so they keep their order.
// Errors:  what was sent and whose answer was lost is answered as unknown, unless it may come
// again:
//          then it goes to the next primary. Who is primary no more may still answer. What found no
//          primary in time was not done, and says so.
// Limits:  kForwardSendsMax times for one; kForwardsSentMax and kForwardsSentBytesMax to one
// primary; more wait here. full() at
//          kForwardsBytesMax: no client of this node is read. kForwardsPerTurn run per turn.
// Units:   microseconds of the monotonic clock.
// Owner:   ClusterDriver; loop thread only.
// Source:  docs/cluster.md §7; docs/cluster-protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "cluster/message.h"
#include "core/forward.h"
#include "node/node.h"
#include "node/remote_owners.h"

namespace nunc {

class Forwarding {
 public:
  struct World {
    Node& node;
    std::function<void(NodeId, const Message&)> send;
    // A step of the node, and what its sessions hear of it.
    std::function<void(const Input&)> tell;
    std::function<bool()> may_run;  // commands, of a primary
    // Of a record of the log; empty: it is not there, or its term is forgotten.
    std::function<std::optional<Term>(Revision)> term_at;
  };
  Forwarding(World world, NodeId self, std::int64_t timeout_us)
      : world_(std::move(world)), self_(self), timeout_us_(timeout_us), owners_(world_.tell) {}

  // Behind TurnStarted; and again before what the turn has to send leaves.
  void StartTurn(std::int64_t now_us);
  void Work();
  [[nodiscard]] std::int64_t next_us() const;
  [[nodiscard]] bool full() const { return pending_bytes_ >= kForwardsBytesMax; }

  // Who makes the records and can be reached; empty: nobody.
  void SetPrimary(std::optional<NodeId> primary, Term term);
  void OnLinkDown(NodeId peer);
  // Errors: the link is no longer usable.
  Result<void> Receive(NodeId peer, const Forward& forward);
  Result<void> Receive(NodeId peer, const ForwardReply& reply);
  Result<void> Receive(NodeId peer, const Owners& owners);
  // The node's log has more.
  void OnApplied();
  // Of a session with a slot below kStandInsMax.
  void OnReply(const Reply& reply, const Output& output);

 private:
  // Of a client of this node.
  struct Pending {
    Output::Forward forward;
    std::int64_t since_us = 0;  // it waits, or that who has it is primary no more
    std::optional<NodeId> sent_to{};
    unsigned losses = 0;     // of an answer, and with it of whether it has been done
    bool under_way = false;  // sent, and not answered
    bool elsewhere = false;  // so, and it was before the primary or its term changed
    Position upto{};         // what its answer rests on
    std::string replies{};
  };
  using PendingById = std::map<std::uint64_t, Pending>;  // in the order in which they came
  // Of another node, or of this one while it is primary itself.
  struct Received {
    [[nodiscard]] std::size_t bytes() const;

    std::uint64_t id = 0;
    std::string command{};
    std::int64_t since_us = 0;
    std::optional<Owners> owners{};  // in place of a command, behind those that made them
  };
  struct Running {
    std::uint64_t id = 0;
    Position upto{};  // zero: it has not returned yet
  };
  struct Origin {
    SessionId session{};
    bool opened = false;
    std::deque<Received> inbox{};
    std::deque<Received> waits{};    // out of it: until this node knows that it is still primary
    std::size_t received_bytes = 0;  // of both
    std::size_t commands = 0;        // in both
    std::deque<Running> running{};
    std::string replies{};  // of the first of them
  };

  // Of this node to itself.
  struct OwnReply {
    ForwardReply reply{};
    std::string replies{};  // what the reply's view shows when it is taken
  };

  [[nodiscard]] bool leads() const { return primary_ == self_; }
  void Send(NodeId peer, const Message& message);
  void TakeNew();
  void SendWaiting();
  void TellOwners();
  void TimeOut();
  void Send(Pending& pending);
  void ComeBack(Pending& pending);
  Output::Forward Take(PendingById::iterator pending);
  void Answer(const Output::Forward& forward, std::string_view replies);
  void Fail(const Output::Forward& forward, ErrorCode error);
  void Lose(PendingById::iterator pending);
  void LoseSentTo(NodeId peer);

  void Open(NodeId peer);
  void Refuse(NodeId peer, std::uint64_t id);
  void RefuseAll(NodeId peer, Origin& origin);
  void RunInboxes();
  void RunWaits();
  void RunOne(NodeId peer, Origin& origin, Received received);
  [[nodiscard]] Position EndOfLog() const;

  World world_;
  NodeId self_;
  std::int64_t timeout_us_;
  std::int64_t now_us_ = 0;
  std::optional<NodeId> primary_;
  Term term_;

  PendingById pending_;
  std::size_t pending_bytes_ = 0;
  std::uint64_t next_ = 0;  // of pending_: all before it have been sent
  std::size_t sent_ = 0;    // and not answered
  std::size_t sent_bytes_ = 0;
  std::deque<std::uint64_t> answered_;  // of pending_; in the order in which they were answered
  std::int64_t next_look_us_ = 0;       // for those that have waited too long
  // Sessions with some of them elsewhere, and how many; what comes behind those waits.
  std::map<std::uint64_t, std::size_t> elsewhere_;
  bool opened_ = false;  // the primary knows the owners here
  std::int64_t retry_us_ = 0;

  std::map<NodeId, Origin> origins_;
  std::uint32_t stand_ins_ = 0;  // ever
  std::size_t run_ = 0;          // this turn
  std::size_t room_ = 0;         // of the log, when the turn began
  RemoteOwners owners_;
  std::deque<OwnReply> own_replies_;
};

}  // namespace nunc
