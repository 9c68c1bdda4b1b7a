// The node as a state machine: what may happen to it goes in, what must be done about it comes out.
//
// Shape:   Step(input, output), deterministic: same inputs, same outputs. Nothing is done here; the
//          driver (the server's loop, the simulator) carries the output out. In each turn, in this
//          order: TakeRecords goes to the op log, the operations are begun, then what the outputs
//          of the turn said may leave.
// Units:   microseconds in Now.
// Owner:   the server; loop thread only. Inputs are views, valid during the call.
// Source:  docs/architecture.md §1, §4.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/executor.h"
#include "core/output.h"
#include "node/gate.h"
#include "node/input.h"
#include "node/role.h"
#include "storage/record.h"

namespace nunc {

class Node {
 public:
  explicit Node(ExecutorOptions options)
      : has_log_(options.has_log), begun_(!options.has_log), executor_(std::move(options)) {}

  // Replaces the content of `output`.
  void Step(const Input& input, Output& output);

  // ClientCommands about these keys will follow. Changes nothing but how soon they are done.
  void Expect(SessionId session, std::span<const std::string_view> keys) {
    executor_.Expect(session, keys);
  }
  [[nodiscard]] bool IsAdmin(std::string_view user, std::string_view password) const {
    return executor_.IsAdmin(user, password);
  }

  // At start: a database with that token, unless there is one of that name.
  void EnsureDatabase(std::string_view name, std::string_view token);

  // The log begins: what is loaded is as of `end`, all of it on disk, and records from now on are
  // of `term`, the first one saying so. The cluster and the terms before are what tokens of clients
  // are held against.
  void BeginTerm(Term term, const ChainEnd& end, std::uint64_t cluster = 0,
                 std::vector<TermEnd> before = {});
  // The same for a node that begins as a secondary. `terms` ends with that of the newest record;
  // what is behind `committed` may be taken back.
  void BeginFollowing(const ChainEnd& end, std::uint64_t cluster, std::vector<TermEnd> terms,
                      Revision committed);
  [[nodiscard]] NodeRole role() const { return role_; }
  // As Store::MayRewind. kInvalid: nothing that may happen asks for it, and the node must stop;
  // kNotFound: it needs a full sync.
  [[nodiscard]] Result<void> MayRewind(Revision to) const;
  // Nothing before it is kNotFound.
  [[nodiscard]] Revision rewind_floor() const { return executor_.store().rewind_floor(); }
  // Another turn would tell more to who is behind, or end more keys or watches, without anything
  // else happening.
  [[nodiscard]] bool has_work() const {
    return executor_.delivery().has_work() || executor_.leaving().has_work() ||
           executor_.store().lifetimes().has_work();
  }
  // When a turn must begin though nothing else happens, on the monotonic clock; none: when the
  // driver likes. The driver asks after each turn and waits no longer.
  [[nodiscard]] std::optional<std::int64_t> next_deadline_us() const {
    return executor_.next_deadline_us();
  }
  // Encoded records that have come up since ClearRecords.
  [[nodiscard]] std::string_view records() const { return records_; }
  void ClearRecords() { records_.clear(); }
  // What is left of TurnStarted::log_room.
  [[nodiscard]] std::size_t log_room() const { return log_room_; }
  [[nodiscard]] std::vector<Operation>& operations() { return operations_; }
  // Commands for the node that makes the records; the driver takes them.
  [[nodiscard]] std::vector<Output::Forward>& forwards() { return forwards_; }
  // As in Executor: whether the command, which came at `asked_us`, must wait.
  [[nodiscard]] Pause PauseBefore(SessionId session, const Command& command,
                                  std::int64_t asked_us) const {
    return executor_.PauseBefore(session, command, asked_us);
  }
  [[nodiscard]] bool IsOpen(SessionId session) const { return executor_.IsOpen(session); }
  // As in Executor.
  [[nodiscard]] std::vector<std::uint64_t> OwnersHere() const { return executor_.OwnersHere(); }
  std::vector<std::uint64_t> TakeEndedOwners() { return executor_.TakeEndedOwners(); }

  // As `cluster-state` names this node, unless a name was given.
  void SetDefaultAddress(std::string_view address) { executor_.SetDefaultAddress(address); }
  // For what an admin asks of the cluster; it must outlive the commands.
  void SetCluster(ClusterAdmin& cluster) { executor_.SetCluster(cluster); }
  [[nodiscard]] Store& store() { return executor_.store(); }
  // For the driver, which knows when what it was given has left.
  [[nodiscard]] DeliveryTimes& delivery_times() { return executor_.delivery_times(); }
  [[nodiscard]] const Gate& gate() const { return gate_; }
  // Of the newest record.
  [[nodiscard]] const ChainEnd& end() const { return end_; }
  // What a session that begins now will do comes behind it, whatever is taken back: the lower half
  // of its name (core/ids.h).
  [[nodiscard]] Revision session_start() const {
    return std::min(gate_.durable(), executor_.store().revision());
  }

 private:
  void Settle(Output& output);
  // Another node's records (node_follow.cpp).
  Result<void> ChangeRole(const RoleChanged& in, Output& output);
  Result<void> Receive(std::string_view bytes, Output& output);
  Result<void> ReceiveOne(const DecodedRecord& decoded, Output& output);
  Result<void> Rewind(const ChainEnd& end, Output& output);

  bool has_log_ = false;
  bool begun_ = false;  // it may make records
  NodeRole role_ = NodeRole::kPrimary;
  RecordDecoder decoder_;
  Executor executor_;
  Gate gate_;
  std::size_t log_room_ = SIZE_MAX;
  ChainEnd end_;
  std::string records_;
  std::vector<Operation> operations_;
  std::vector<Output::Forward> forwards_;
};

}  // namespace nunc
