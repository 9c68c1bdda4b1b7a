// One simulated node of a cluster: a Member, and the log and the meta file it decides about.
//
// Shape:   the driver's duties (docs/election.md) at their shortest. Records are numbers. What is
//          written and what is on the medium are told apart; a crash keeps of the difference what
//          the caller says.
// Owner:   ClusterWorld, or a script.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/member.h"

namespace nunc {

struct ClusterRecord {
  Term term{};
  std::uint64_t id = 0;  // of the client's write; 0: a NOOP or a CONFIG record
  std::shared_ptr<const std::string> members{};  // of a CONFIG record
  friend bool operator==(const ClusterRecord& a, const ClusterRecord& b) {
    return a.term == b.term && a.id == b.id && (a.members == nullptr) == (b.members == nullptr) &&
           (a.members == nullptr || *a.members == *b.members);
  }
};

// Revision r is at r - 1.
class ClusterLog {
 public:
  [[nodiscard]] const std::vector<ClusterRecord>& records() const { return records_; }
  [[nodiscard]] Revision durable() const { return {durable_}; }
  [[nodiscard]] Position At(Revision revision) const;
  [[nodiscard]] bool dirty() const { return durable_ < records_.size(); }
  [[nodiscard]] bool syncs() const { return sync_to_.has_value(); }

  // The revision of the newest CONFIG record; 0: there is none.
  [[nodiscard]] Revision config() const { return {configs_.empty() ? 0 : configs_.back()}; }

  void Append(ClusterRecord record);
  void CutTo(Revision last);
  void BeginSync();
  Revision EndSync();
  // A crash: of what was not synced so many records are left; `old_tail`: those that were cut are
  // there again, if nothing was synced since.
  void Crash(std::size_t kept, bool old_tail);
  void Clear() { *this = {}; }

 private:
  void CutRecords(std::size_t size);

  std::vector<ClusterRecord> records_;
  std::vector<std::size_t> configs_;  // where CONFIG records are
  std::size_t durable_ = 0;
  std::optional<std::size_t> sync_to_;
  std::vector<ClusterRecord> cut_;  // was on the medium behind durable_, and may still be
};

class ClusterNode {
 public:
  // What the world hears of it. `action` comes before the node has carried it out.
  struct Hooks {
    std::function<void(NodeId to, const Frame& frame, std::string bytes)> send;
    std::function<void(NodeId peer, const std::string& why)> close;
    std::function<void(const MemberAction& action)> action;
  };

  // An arbiter node: as the members say, if it is one of them.
  ClusterNode(NodeName name, ClusterId cluster, const Members* founders);

  void SetHooks(Hooks hooks) { hooks_ = std::move(hooks); }
  // The disk is replaced by an empty one.
  void Replace(Incarnation incarnation);
  void Start(std::int64_t now_us, std::uint64_t seed);
  // `meta_kept`: so many of the metas that are being stored are there.
  void Crash(std::size_t records_kept, bool old_tail, std::size_t metas_kept);

  void Step(std::int64_t now_us, const MemberInput& input);
  // Bytes of a link. False: they were no frame, or a Hello that is refused.
  bool Receive(std::int64_t now_us, NodeId peer, std::string_view bytes);
  void SayHello(NodeId peer);
  void Propose(std::int64_t now_us, std::uint64_t id);

  void BeginSync() { log_.BeginSync(); }
  void EndSync(std::int64_t now_us);
  // The oldest one that is not on the medium.
  void EndStore(std::int64_t now_us);
  [[nodiscard]] std::size_t stores() const { return metas_.size(); }

  [[nodiscard]] bool is_arbiter_node() const { return arbiter_node_; }
  // As it has it on the medium; of an arbiter node.
  [[nodiscard]] const Position& floor() const { return meta_.floor; }

  [[nodiscard]] bool runs() const { return member_.has_value(); }
  [[nodiscard]] const Member& member() const { return *member_; }
  [[nodiscard]] const ClusterLog& log() const { return log_; }
  [[nodiscard]] const StoreMeta& meta() const { return meta_; }
  [[nodiscard]] const NodeName& name() const { return name_; }
  // Of the newest CONFIG record in the log; empty: there is none.
  [[nodiscard]] const std::string& config() const;
  [[nodiscard]] const std::optional<std::string>& stopped() const { return stopped_; }

  // Of one SendRecords at most; the default is far more than a test needs.
  void SetFrameBytes(std::size_t bytes) { frame_bytes_ = bytes; }

 private:
  void CarryOut(std::int64_t now_us, const MemberAction& action, const Frame* received);
  void SendRecordsOf(const SendRecords& send);
  void AppendOf(std::int64_t now_us, Revision first, const Replicate& replicate);

  NodeName name_;
  ClusterId cluster_;
  bool arbiter_node_ = false;
  Hooks hooks_;
  ClusterLog log_;
  StoreMeta meta_;                // on the medium
  std::vector<StoreMeta> metas_;  // being stored, oldest first
  Revision commit_mark_;          // on the medium: a lower bound
  std::optional<Member> member_;
  std::optional<std::string> stopped_;
  std::size_t frame_bytes_ = 4'096;
};

}  // namespace nunc
