// The world with another node beside the one whose watchers are looked at: it makes the records
// while that one is a secondary. The two are never the primary at once.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "sim/watch_world.h"

namespace nunc {

WatchWorld::Prefix WatchWorld::PrefixOf(std::string_view log, Revision last) {
  Prefix prefix;
  while (prefix.bytes < log.size()) {
    const RecordHead head = HeadOfRecord(log.substr(prefix.bytes));
    if (head.end.revision > last) {
      break;
    }
    prefix.bytes += head.bytes;
    prefix.end = head.end;
    if (prefix.terms.empty() || prefix.terms.back().term != head.end.term) {
      prefix.terms.push_back({.term = head.end.term, .last = {}});
    }
    prefix.terms.back().last = head.end.revision;
  }
  return prefix;
}

void WatchWorld::HappenBetweenNodes() {
  if (!follows()) {
    if (prng_.Below(20) == 0) {
      BecomeSecondary();
    } else {
      CommitSome();
    }
    return;
  }
  switch (prng_.Below(30)) {
    case 0:
      return BecomePrimary();
    case 1:
    case 2:
      return OtherPrimary();
    case 3:
    case 4:
    case 5:
    case 6:
      return CommitSome();
    default:
      ReceiveSome();
  }
}

// Seldom all, so that there is mostly something to be taken back.
void WatchWorld::CommitSome() {
  const std::uint64_t open = node_->end().revision.value - committed_.value;
  if (!follows() && node_->end().revision > durable_) {
    return;  // its own records are final here when they are on disk
  }
  committed_.value += prng_.Below(prng_.Below(3) == 0 ? open + 1 : open / 4 + 1);
  Step(LogCommitted{committed_});
}

// ---- records of the other node

void WatchWorld::RunOther(const Command& command) {
  other_->Step(ClientCommand{.session = kWriter, .command = &command}, other_output_);
  other_log_ += other_->records();
  other_->ClearRecords();
}

void WatchWorld::ReceiveAll() {
  while (broken_.empty() && follows() && log_.size() < other_log_.size()) {
    ReceiveSome();
    Step(TurnEnded{});
  }
}

// A change of rights comes alone: up to the end of the turn a watch is told by the new ones.
void WatchWorld::ReceiveSome() {
  if (!broken_.empty()) {
    return;  // the log may not be that of the other one any more
  }
  const std::size_t most = 1 + prng_.Below(6);
  std::size_t bytes = 0;
  const std::string_view rest = std::string_view(other_log_).substr(log_.size());
  RecordDecoder decoder;
  for (std::size_t records = 0; records < most && bytes < rest.size(); ++records) {
    const Result<DecodedRecord> decoded = decoder.DecodeChecked(rest.substr(bytes));
    CHECK(decoded.has_value());
    const bool rights = std::ranges::any_of(decoded->record.items, [](const RecordItem& item) {
      return item.key.starts_with(kPermissionKeyPrefix);
    });
    if (rights && records > 0) {
      break;
    }
    bytes += decoded->bytes;
    if (rights) {
      turn_ends_ = true;
      for (const auto& client : clients_) {
        std::ranges::for_each(client->views, &WatchView::OnBehind);
      }
      break;
    }
  }
  ReceivePiece(bytes);
  if (turn_ends_) {
    turn_ends_ = false;
    Step(TurnEnded{});
  }
}

void WatchWorld::ReceivePiece(std::size_t bytes) {
  const std::string piece = other_log_.substr(log_.size(), bytes);
  OnReceived(piece);
  Step(RecordsReceived{piece});
  if (other_log_.compare(0, log_.size(), log_) != 0) {
    broken_ = "what is kept is not what came";
  }
}

void WatchWorld::OnReceived(std::string_view bytes) {
  RecordDecoder decoder;
  while (!bytes.empty()) {
    const Result<DecodedRecord> decoded = decoder.DecodeChecked(bytes);
    CHECK(decoded.has_value() && model_.Apply(decoded->record).has_value());
    history_.OnRecord(decoded->record);
    bytes.remove_prefix(decoded->bytes);
  }
}

// ---- roles

void WatchWorld::StartOther(Term term, const Prefix& prefix) {
  other_ = std::make_unique<Node>(ExecutorOptions{.user = "a",
                                                  .password = "b",
                                                  .address = "y:1",
                                                  .start_time_ms = 1'000,
                                                  .hash_seed = seed_ + 1,
                                                  .value_bytes_max = 1'000,
                                                  .has_log = true});
  other_log_ = log_.substr(0, prefix.bytes);
  Store& store = other_->store();
  store.StartLoading();
  RecordDecoder decoder;
  for (std::string_view rest = other_log_; !rest.empty();) {
    const Result<DecodedRecord> record = decoder.DecodeChecked(rest);
    CHECK(record.has_value() && store.Apply(record->record).has_value());
    rest.remove_prefix(record->bytes);
  }
  store.FinishLoading();
  other_->Step(TurnStarted{.now = now_}, other_output_);
  other_->BeginTerm(term, prefix.end, kCluster, prefix.terms);
  other_->Step(SessionOpened{kWriter}, other_output_);
  RunOther({.verb = Verb::kAuth, .name = "a", .secret = "b"});
  RunOther({.verb = Verb::kUseDb, .name = kDatabase, .secret = kToken});
}

// Another primary, which may lack some of what is here and is not final.
void WatchWorld::OtherPrimary() {
  const std::uint64_t open = node_->end().revision.value - committed_.value;
  const Prefix shared =
      PrefixOf(log_, {committed_.value + (prng_.Below(4) == 0 ? open : prng_.Below(open + 1))});
  const Term term{std::max(node_->end().term.value, follows() ? other_->end().term.value : 0) + 1};
  const Result<void> allowed = node_->MayRewind(shared.end.revision);
  if (!allowed && allowed.error().fault != Fault::kNotFound) {
    broken_ = "no rewind: " + allowed.error().detail;
  }
  if (!allowed) {
    // Too much would have to be known: that primary has all that is here.
    return StartOther(term, PrefixOf(log_, node_->end().revision));
  }
  StartOther(term, shared);
  if (shared.end.revision < node_->end().revision) {
    RewindTo(shared.end);
  }
}

void WatchWorld::RewindTo(const ChainEnd& end) {
  log_.resize(PrefixOf(log_, end.revision).bytes);
  history_.Cut(end.revision);
  for (const auto& client : clients_) {
    for (WatchView& view : client->views) {
      view.OnRewind(end.revision);
    }
  }
  durable_ = std::min(durable_, end.revision);
  history_.SetDurable(durable_);
  Step(LogRewound{end});
  model_ = {};
  RecordDecoder decoder;
  for (std::string_view rest = log_; !rest.empty();) {
    const Result<DecodedRecord> record = decoder.DecodeChecked(rest);
    CHECK(record.has_value() && model_.Apply(record->record).has_value());
    rest.remove_prefix(record->bytes);
  }
  CompareWithLog();
  turn_ends_ = true;
}

// The store is what one that has replayed the log would be.
void WatchWorld::CompareWithLog() {
  const std::optional<std::string> difference = model_.Difference(node_->store());
  if (difference && broken_.empty()) {
    broken_ = "the store is not that of the log: " + *difference;
  }
}

void WatchWorld::BecomeSecondary() {
  for (Guest& guest : guests_) {
    if (std::exchange(guest.here, false)) {
      Step(SessionClosed{guest.session});
    }
  }
  Step(RoleChanged{.role = NodeRole::kSecondary, .primary = "y:1"});
  OtherPrimary();
}

void WatchWorld::BecomePrimary() {
  const Term term{other_->end().term.value + 1};
  other_.reset();
  other_log_.clear();
  lifetimes_.Begin(model_, now_.mono_us, node_->store().LogTimeUs(now_.wall_us));
  Step(RoleChanged{.role = NodeRole::kPrimary, .term = term});
  Run(kWriter, {.verb = Verb::kAuth, .name = "a", .secret = "b"});
  Run(kWriter, {.verb = Verb::kUseDb, .name = kDatabase, .secret = kToken});
}

}  // namespace nunc
