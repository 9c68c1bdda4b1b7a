// A node whose records another one makes: it checks them against the end of its own log, does what
// they say and keeps their bytes as they are.
#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "node/node.h"

namespace nunc {
namespace {

std::string Number(std::uint64_t number) {
  return std::to_string(number);
}

tl::unexpected<Error> Misfit(const ChainEnd& end, const std::string& what) {
  return Fail(Fault::kDamaged,
              "the record behind revision " + Number(end.revision.value) + ": " + what);
}

}  // namespace

void Node::BeginFollowing(const ChainEnd& end, std::uint64_t cluster, std::vector<TermEnd> terms,
                          Revision committed) {
  end_ = end;
  if (!terms.empty()) {
    terms.pop_back();
  }
  executor_.delivery().history().Begin(cluster, end.term, std::move(terms));
  Output unheard;
  executor_.delivery().SetDurable(committed);
  gate_.Open(committed, unheard, [](const Change&) {});
  if (!Planted(Bug::kFleetLoadedUntold)) {
    executor_.AnnounceLoaded(committed, unheard);
  }
  gate_.Filter(unheard);
  executor_.Follow({});
  role_ = NodeRole::kSecondary;
  begun_ = true;
}

Result<void> Node::ChangeRole(const RoleChanged& in, Output& output) {
  if (!has_log_ || !begun_) {
    return Fail(Fault::kInvalid, "a node without a log has no role in a cluster");
  }
  if (in.role == NodeRole::kSecondary) {
    role_ = in.role;
    executor_.Follow(in.primary);
    return {};
  }
  if (in.term <= end_.term) {
    return Fail(Fault::kInvalid, "the term " + Number(in.term.value) +
                                     " is over: the log has records of term " +
                                     Number(end_.term.value));
  }
  role_ = in.role;
  executor_.delivery().history().Advance(in.term, end_.revision);
  end_.term = in.term;
  executor_.BeginTerm(output);
  return {};
}

Result<void> Node::Receive(std::string_view bytes, Output& output) {
  if (role_ != NodeRole::kSecondary) {
    return Fail(Fault::kInvalid, "records of another node, where this one makes them");
  }
  if (bytes.size() > kReceivedBytesMax) {
    return Fail(Fault::kInvalid, Number(bytes.size()) + " bytes of records at once; at most " +
                                     Number(kReceivedBytesMax) + " are taken");
  }
  if (bytes.size() > log_room_) {
    return Fail(Fault::kNoSpace, Number(bytes.size()) +
                                     " bytes of records; the log has a place "
                                     "for " +
                                     Number(log_room_));
  }
  while (!bytes.empty()) {
    const Result<std::optional<DecodedRecord>> decoded = decoder_.Decode(bytes, end_.checksum);
    if (!decoded) {
      return Misfit(end_, decoded.error().detail);
    }
    if (!*decoded) {
      return Misfit(end_, "it is cut short: " + Number(bytes.size()) + " of " +
                              Number(decoder_.bytes_needed()) + " bytes are there");
    }
    if (const Result<void> taken = ReceiveOne(**decoded, output); !taken) {
      return Misfit(end_, taken.error().detail);
    }
    const std::size_t size = (*decoded)->bytes;
    records_.append(bytes.substr(0, size));
    log_room_ -= size;
    bytes.remove_prefix(size);
  }
  executor_.SetLogRoom(log_room_);
  return {};
}

Result<void> Node::ReceiveOne(const DecodedRecord& decoded, Output& output) {
  const Record& record = decoded.record;
  if (record.revision.value != end_.revision.value + 1) {
    return Fail(Fault::kDamaged, "it has the revision " + Number(record.revision.value));
  }
  if (decoded.term < end_.term) {
    return Fail(Fault::kDamaged, "its term " + Number(decoded.term.value) +
                                     " is older than that of the one before, " +
                                     Number(end_.term.value));
  }
  if (record.time_us <= end_.time_us) {
    return Fail(Fault::kDamaged, "it is not later than the one before");
  }
  if (Result<void> applied = executor_.Apply(record, decoded.quiet, output); !applied) {
    return applied;
  }
  if (decoded.term > end_.term && !Planted(Bug::kWatchFollowTerm)) {
    executor_.delivery().history().Advance(decoded.term, end_.revision);
  }
  end_ = {.term = decoded.term,
          .revision = record.revision,
          .time_us = record.time_us,
          .checksum = decoded.checksum};
  return {};
}

Result<void> Node::MayRewind(Revision to) const {
  return role_ == NodeRole::kSecondary
             ? executor_.store().MayRewind(to)
             : Fail(Fault::kInvalid, "a rewind of the node that makes the records");
}

Result<void> Node::Rewind(const ChainEnd& end, Output& output) {
  if (Result<void> allowed = MayRewind(end.revision); !allowed) {
    return allowed;
  }
  end_ = end;
  executor_.Rewind({.revision = end.revision, .time_us = end.time_us}, output);
  gate_.SetDurable(std::min(gate_.durable(), end.revision));
  gate_.Filter(output);
  gate_.Rewind(end.revision, output);
  return {};
}

}  // namespace nunc
