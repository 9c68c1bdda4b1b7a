// What happens to a member of a cluster, and what then must be done.
//
// Shape:   one input at a time; actions are carried out in their order, before the next input. The
//          bytes of records stay with the driver: here they are revisions and terms.
// Units:   microseconds of the node's monotonic clock.
// Source:  docs/election.md (the driver's duties); docs/cluster.md §1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/position.h"
#include "cluster/message.h"
#include "cluster/names.h"

namespace nunc {

// Inputs.

struct TimePassed {};
// A link is open and Member::Admit has let its Hello in; one that was there before is gone.
struct LinkUp {
  Hello hello{};
};
struct LinkDown {
  NodeId peer{};
};
// Nobody answered where the node was: its process is gone, not only a link.
struct LinkRefused {
  NodeId peer{};
};
// Any frame but Hello; a view, valid for the call.
struct FrameReceived {
  NodeId peer{};
  const Frame* frame = nullptr;
  Revision rewind_floor{};  // the log cannot be taken back behind there
};
struct MetaStored {
  std::uint64_t counter = 0;
};
// All of the log up to there is on the medium, as it stands now.
struct LogDurable {
  Position upto{};
};
struct RecordsApplied {
  Revision upto{};
};
// The driver has written so many records behind the newest one, in the member's term. Only while
// Member::accepting(), asked in the same turn.
struct RecordsProposed {
  std::uint64_t count = 0;
};
// One of the records that were just appended is a CONFIG record.
struct ConfigAppended {
  Revision revision{};
  std::string_view members{};
};
// The role goes to another, if there is one that can take it soon.
struct HandOverAsked {
  bool stops = false;  // the node will stop, and takes no role any more
  NodeId to{};         // 0: whoever can
};
struct JoinAsked {
  Priority priority{};
  bool voter = true;
  std::string address{};
};
// Of a primary any member may be asked to go, of others themselves alone.
struct LeaveAsked {
  NodeId node{};  // 0: this one
};
// Whether this node is still primary: the others are asked at once.
struct ConfirmAsked {};

using MemberInput =
    std::variant<TimePassed, LinkUp, LinkDown, LinkRefused, FrameReceived, MetaStored, LogDurable,
                 RecordsApplied, RecordsProposed, ConfigAppended, HandOverAsked, JoinAsked,
                 LeaveAsked, ConfirmAsked>;

// Actions.

struct SendFrame {
  NodeId peer{};
  Frame frame{};
};
// A Replicate of as many records behind `head.previous` as fit kReplicateBytesMax, at least one,
// none beyond `last`; then Member::Sent.
struct SendRecords {
  NodeId peer{};
  Term term{};
  Replicate head{};  // without count and records
  Revision last{};
};
// On the medium before MetaStored comes.
struct StoreMeta {
  std::uint64_t counter = 0;
  ClusterId cluster{};
  Term term{};
  NodeId voted_for{};  // 0: nobody
  Position floor{};    // of an arbiter node
};
// A record of our own, before anything else is written.
struct WriteRecord {
  Position at{};
  std::string members{};  // empty: a NOOP
};
// The log ends here from now on; what is cut is kept in a file.
struct RewindLog {
  Revision last{};
};
// The records of the frame that was received, from this revision on.
struct AppendRecords {
  Revision first{};
};
// This member lacks what the log can give it: a whole state must be sent to it. Again while one is.
struct SendState {
  NodeId peer{};
};
struct CloseLink {
  NodeId peer{};
  std::string why{};
};
// This node cannot go on: what it has acknowledged is contradicted.
struct StopNode {
  std::string why{};
};

using MemberAction = std::variant<SendFrame, SendRecords, StoreMeta, WriteRecord, RewindLog,
                                  AppendRecords, SendState, CloseLink, StopNode>;

}  // namespace nunc
