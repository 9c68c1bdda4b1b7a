#include "sim/watch_world.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/limits.h"

namespace nunc {
namespace {

constexpr std::uint32_t kFirstGuest = 20;  // slot
constexpr std::int64_t kEveryMs = 20;

// Without writers' letters: what a user may not write is another matter.
constexpr std::string_view kKeys[] = {"a", "a/b", "a/bc", "a/c", "ab", "b", "b/1", "c"};
constexpr std::string_view kRights[] = {"r *", "r a*", "r b*,c|r a/b*", "r $*"};

}  // namespace

WatchWorld::WatchWorld(std::uint64_t seed)
    : prng_(seed),
      seed_(seed),
      history_(/*waits_for_disk=*/seed % 2 == 0),
      has_other_(seed % 4 >= 2) {
  Start({1}, {}, {});
  Run(kWriter, {.verb = Verb::kCreateDb,
                .name = kDatabase,
                .secret = kToken,
                .level = history_.waits() ? AckLevel::kDisk : AckLevel::kWritten});
  Sync(node_->end().revision);
  Run(kWriter, {.verb = Verb::kUseDb, .name = kDatabase, .secret = kToken});
  for (const std::string_view user : {"changing", "fixed"}) {
    Run(kWriter, {.verb = Verb::kCreateUser, .name = user, .secret = kToken});
    Run(kWriter, {.verb = Verb::kSetPermissions, .name = user, .value = "r *"});
  }
  Sync(node_->end().revision);
  committed_ = node_->end().revision;
  Step(LogCommitted{committed_});
  AddClient("all", {"*"}, {});
  // Who may not read a key is refused its watch.
  AddClient("keys too", {"a/b*", "b*", "c", "ab"}, {.user = "fixed"});
  AddClient("overlapping", {"a*", "a/b*", "*"}, {});
  AddClient("key", {"c"}, {.user = "fixed"});
  AddClient("changing", {"*"}, {.user = "changing"});
  AddClient("changing two", {"a*", "b*"}, {.user = "changing"});
  AddClient("changing keys", {"b/1", "c"}, {.user = "changing"});
  AddClient("every change of a key", {"ab"}, {.user = "changing"}, WatchPolicy::kAll);
  AddClient("admin", {"*"}, {.admin = true});
  AddClient("every change", {"*"}, {}, WatchPolicy::kAll);
  AddClient("every change of some", {"a/b*", "b*", "c", "ab"}, {.user = "fixed"},
            WatchPolicy::kAll);
  AddClient("now and then", {"*"}, {}, WatchPolicy::kEvery);
  AddClient("some now and then", {"a/b*", "b*", "c", "ab"}, {.user = "fixed"}, WatchPolicy::kEvery);
  AddClient("admin now and then", {"*"}, {.admin = true}, WatchPolicy::kEvery);
  AddClient("changing now and then", {"a*", "c"}, {.user = "changing"}, WatchPolicy::kEvery);
}

// What is loaded is in `log_`, up to `end`.
void WatchWorld::Start(Term term, const ChainEnd& end, std::vector<TermEnd> before) {
  node_ = std::make_unique<Node>(ExecutorOptions{.user = "a",
                                                 .password = "b",
                                                 .address = "x:1",
                                                 .start_time_ms = 1'000,
                                                 .hash_seed = seed_,
                                                 .value_bytes_max = 1'000,
                                                 .catch_up_entries_per_turn = 1 + prng_.Below(6),
                                                 .watches_ended_per_turn = 1 + seed_ % 3,
                                                 .all_bytes_max = prng_.Below(600),
                                                 .has_log = true});
  model_ = {};
  if (has_other_) {
    node_->store().KeepUndo(prng_.Below(4) == 0 ? 2'000 : kUndoBytesMax);
  }
  if (!log_.empty()) {
    Store& store = node_->store();
    store.StartLoading();
    store.SetFinal(committed_);
    RecordDecoder decoder;
    for (std::string_view rest = log_; !rest.empty();) {
      const Result<DecodedRecord> record = decoder.DecodeChecked(rest);
      CHECK(record.has_value() && store.Apply(record->record).has_value() &&
            model_.Apply(record->record).has_value());
      rest.remove_prefix(record->bytes);
    }
    store.FinishLoading();
    if (const std::optional<std::string> difference = model_.Difference(store); difference) {
      broken_ = "loaded: " + *difference;
    }
  }
  node_->Step(TurnStarted{.now = now_}, output_);
  if (follows()) {
    node_->BeginFollowing(end, kCluster, std::move(before), end.revision);
  } else {
    lifetimes_.Begin(model_, now_.mono_us, node_->store().LogTimeUs(now_.wall_us));
    node_->BeginTerm(term, end, kCluster, std::move(before));
  }
  Sync(end.revision);
  StartTurn(0);
  Step(SessionOpened{kWriter});
  Run(kWriter, {.verb = Verb::kAuth, .name = "a", .secret = "b"});
}

void WatchWorld::AddClient(std::string_view name, const std::vector<std::string_view>& patterns,
                           const Reader& reader, WatchPolicy policy) {
  auto client = std::make_unique<Client>(
      Client{.name = std::string(name), .reader = reader, .policy = policy});
  client->session.slot = static_cast<std::uint32_t>(clients_.size() + 1);
  const bool overlaps = std::ranges::find(patterns, "*") != patterns.end() && patterns.size() > 1;
  for (const std::string_view pattern : patterns) {
    client->views.emplace_back(history_, pattern, reader, overlaps, policy, kEveryMs * 1000);
  }
  clients_.push_back(std::move(client));
  Connect(*clients_.back());
}

std::string WatchWorld::Happen() {
  // As the loop: a turn takes a while, and none begins later than something is due.
  GoTo(now_.mono_us + 1 + static_cast<std::int64_t>(prng_.Below(5'000)));
  if (has_other_ && prng_.Below(3) == 0) {
    HappenBetweenNodes();
  }
  switch (prng_.Below(27)) {
    case 0:
    case 1:
    case 2:
    case 3:
      SyncSome();
      break;
    case 4:
    case 5:
    case 6:
      Lag();
      break;
    case 7:
    case 8:
    case 9:
      DrainAll(/*all=*/false);
      break;
    case 10:
      Reconnect();
      break;
    case 11:
    case 12:
      PassTime();
      break;
    case 13:
      WatchOrUnwatch();
      break;
    case 14:
      ChangeRights();
      break;
    case 15:
      if (prng_.Below(6) == 0) {
        Restart();
      }
      break;
    case 16:
      if (prng_.Below(3) == 0) {
        BecomeAnother();
      }
      break;
    case 17:
      ComeOrGo();
      break;
    case 18:
    case 19:
      ChangeLifetime();
      break;
    default:
      Write();
  }
  if (turn_ends_ || prng_.Below(3) > 0) {
    turn_ends_ = false;
    Step(TurnEnded{});
  }
  return std::exchange(broken_, {});
}

std::string WatchWorld::Rest() {
  StartTurn(0);
  ReceiveAll();
  Sync(node_->end().revision);
  DrainAll(/*all=*/true);
  do {
    Step(TurnEnded{});
    if (const std::optional<std::int64_t> deadline_us = node_->next_deadline_us();
        deadline_us && !node_->has_work()) {
      GoTo(*deadline_us);
      Sync(node_->end().revision);  // keys may have come to their end
    }
  } while (node_->has_work() || node_->next_deadline_us());
  CompareWithLog();
  for (const auto& client : clients_) {
    if (broken_.empty()) {
      broken_ = CheckRest(*client);
    }
  }
  return std::exchange(broken_, {});
}

std::string WatchWorld::CheckRest(const Client& client) const {
  const Entry* connections = node_->store().Find(kDatabase)->Find(kConnectionsKey);
  for (const WatchView& view : client.views) {
    std::string broken = view.watching() ? view.AtRest(node_->end().revision) : std::string();
    if (broken.empty() && view.watching() && view.pattern() == "*" &&
        history_.MayRead(client.reader, kConnectionsKey) &&
        client.connections != connections->value()) {
      broken = "reliable: $connections is not " + client.connections;
    }
    if (!broken.empty()) {
      return client.name + ", " + view.pattern() + ": " + broken;
    }
  }
  return {};
}

// ---- what may happen

void WatchWorld::Write() {
  const std::size_t first = prng_.Below(std::size(kKeys));
  if (prng_.Below(5) > 0) {
    return WriteKey(kKeys[first]);
  }
  Run(kWriter, {.verb = Verb::kMulti});
  const std::size_t keys = 1 + prng_.Below(3);
  for (std::size_t i = first; i < first + keys; ++i) {
    WriteKey(kKeys[i % std::size(kKeys)]);
  }
  Run(kWriter, {.verb = Verb::kExec});
}

void WatchWorld::WriteKey(std::string_view key) {
  if (prng_.Below(3) == 0) {
    return Run(kWriter, {.verb = Verb::kRemove, .key = key});
  }
  if (prng_.Below(6) == 0) {
    return Run(kWriter, {.verb = Verb::kIncrement, .key = key});
  }
  const std::string value = std::to_string(prng_.Below(1'000));
  Run(kWriter, {.verb = Verb::kSet, .key = key, .value = value});
}

void WatchWorld::ChangeLifetime() {
  const std::string_view key = kKeys[prng_.Below(std::size(kKeys))];
  const auto ttl_ms = static_cast<std::int64_t>(1 + prng_.Below(prng_.Below(2) == 0 ? 50 : 20'000));
  const Guest& guest = guests_[prng_.Below(guests_.size())];
  if (follows() && !guest.here) {
    return;
  }
  switch (prng_.Below(4)) {
    case 0:
      return Run(kWriter, {.verb = Verb::kPut, .key = key, .value = "7", .ttl_ms = ttl_ms});
    case 1:
      return Run(kWriter, {.verb = Verb::kExpire, .key = key, .ttl_ms = ttl_ms});
    case 2:
      return Run(kWriter, {.verb = Verb::kPersist, .key = key});
    default:
      break;
  }
  if (guest.here) {
    Run(guest.session, {.verb = Verb::kSetSession,
                        .key = key,
                        .value = "8",
                        .grace_ms = prng_.Below(2) == 0 ? 0 : ttl_ms});
  }
}

// Who comes again may name what it was before.
void WatchWorld::ComeOrGo() {
  if (follows()) {
    return;  // their keys would be the other node's to give
  }
  const std::size_t which = prng_.Below(guests_.size());
  Guest& guest = guests_[which];
  if (std::exchange(guest.here, !guest.here)) {
    Step(SessionClosed{guest.session});
    lifetimes_.OnSessionEnded(guest.name.owner());
    return;
  }
  const std::string former = FormatSessionName(guest.name);
  guest.session = {.slot = kFirstGuest + static_cast<std::uint32_t>(which),
                   .generation = guest.session.generation + 1};
  guest.name = {.high = prng_.Next(), .low = which + 1};
  Step(SessionOpened{.session = guest.session, .name = guest.name});
  Run(guest.session, {.verb = Verb::kUseDb, .name = kDatabase, .secret = kToken});
  if (former.size() > 1 && prng_.Below(3) > 0) {
    Run(guest.session, {.verb = Verb::kHello, .secret = former});
    if (node_->store().lifetimes().CountOf(ParseSessionName(former)->owner()) > 0) {
      broken_ = "what is left of " + former + " was not given back";
    }
  }
}

void WatchWorld::ChangeRights() {
  // Up to there a watch is told by the new rights and has not begun again.
  turn_ends_ = true;
  for (const auto& client : clients_) {
    for (WatchView& view : client->views) {
      view.OnBehind();
    }
  }
  const bool all = prng_.Below(3) == 0;
  const std::string_view user = all ? "all" : "changing";
  if (prng_.Below(4) == 0) {
    const std::string key = std::string(kPermissionKeyPrefix).append(user);
    return Run(kWriter, {.verb = Verb::kRemove, .key = key});
  }
  // The writer is one of `all`.
  const std::string list =
      (all ? "wx *|" : "") + std::string(kRights[prng_.Below(std::size(kRights))]);
  Run(kWriter, {.verb = Verb::kSetPermissions, .name = user, .value = list});
}

void WatchWorld::SyncSome() {
  Sync({durable_.value + prng_.Below(node_->end().revision.value - durable_.value + 1)});
}

void WatchWorld::Lag() {
  Client& client = *clients_[prng_.Below(clients_.size())];
  client.lagging = true;
  for (WatchView& view : client.views) {
    view.OnBehind();
  }
  Step(SessionLagging{client.session});
}

// As the hub: drained again and again until nothing comes.
void WatchWorld::DrainAll(bool all) {
  for (const auto& client : clients_) {
    while (client->lagging && (all || prng_.Below(2) == 0)) {
      told_ = 0;
      client->draining = true;
      Step(SessionDrained{client->session});
      client->draining = false;
      client->lagging = told_ > 0;
    }
  }
}

void WatchWorld::PassTime() {
  switch (prng_.Below(20)) {
    case 0:
      StartTurn(kTombstoneAgeUsMax + 1);
      break;
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      return StartTurn(static_cast<std::int64_t>(prng_.Below(60'000)));
    case 7:
    case 8:
    case 9:
      // As long as the driver waits.
      return StartTurn(
          std::max<std::int64_t>(0, node_->next_deadline_us().value_or(0) - now_.mono_us));
    default:
      StartTurn(kProgressIntervalUs + 1);
  }
  Step(Tick{});
}

void WatchWorld::StartTurn(std::int64_t passed_us) {
  GoTo(now_.mono_us + passed_us);
}

void WatchWorld::GoTo(std::int64_t mono_us) {
  now_.wall_us += mono_us - now_.mono_us;
  now_.mono_us = mono_us;
  history_.SetNow(mono_us);
  Step(TurnStarted{.now = now_});
  if (follows()) {
    other_->Step(TurnStarted{.now = now_}, other_output_);
    other_log_ += other_->records();
    other_->ClearRecords();
    return;
  }
  std::string broken = lifetimes_.OnTurn(now_.mono_us);
  const std::optional<std::int64_t> deadline_us = node_->next_deadline_us();
  if (const auto next_us = lifetimes_.next_us();
      broken.empty() && next_us && (!deadline_us || *deadline_us > *next_us + 5'000)) {
    broken = "late: nobody wakes the loop when a key ends";
  }
  if (broken_.empty()) {
    broken_ = broken;
  }
}

void WatchWorld::WatchOrUnwatch() {
  Client& client = *clients_[prng_.Below(clients_.size())];
  WatchView& view = client.views[prng_.Below(client.views.size())];
  if (!view.watching()) {
    return Watch(client, view);
  }
  if (view.overlaps()) {
    return;  // what it has told a part of would be left to no one
  }
  Run(client.session, {.verb = Verb::kUnwatch, .key = view.pattern()});
  view.Unwatch();
}

void WatchWorld::Reconnect() {
  Client& client = *clients_[prng_.Below(clients_.size())];
  Step(SessionClosed{client.session});
  Connect(client);
}

// One of the users logs in as the other, over its connection.
void WatchWorld::BecomeAnother() {
  turn_ends_ = true;  // as with ChangeRights
  const std::string_view name = prng_.Below(2) == 0 ? "changing two" : "changing keys";
  const auto found =
      std::ranges::find_if(clients_, [name](const auto& client) { return client->name == name; });
  Client& client = **found;
  client.reader.user = client.reader.user == "fixed" ? "changing" : "fixed";
  for (WatchView& view : client.views) {
    view.SetReader(client.reader);
    view.OnBehind();
  }
  Run(client.session,
      {.verb = Verb::kUseDb, .name = kDatabase, .user = client.reader.user, .secret = kToken});
}

// Of what is not on disk nothing, a part or all is lost.
void WatchWorld::Restart() {
  const Revision before = node_->end().revision;
  const Revision kept = std::max(durable_, committed_);
  const std::uint64_t lost = before.value - kept.value;
  const Revision last{kept.value + (prng_.Below(2) == 0 ? lost : prng_.Below(lost + 1))};
  const Term term{node_->end().term.value + 1};
  const Prefix prefix = PrefixOf(log_, last);
  log_.resize(prefix.bytes);
  history_.Cut(last);
  Start(term, prefix.end, prefix.terms);
  // What the clients have seen, and what has become of it, is here again before they are.
  while (follows() && (node_->end().revision < before || node_->end().term < other_->end().term)) {
    ReceiveSome();
  }
  Run(kWriter, {.verb = Verb::kUseDb, .name = kDatabase, .secret = kToken});
  for (const auto& client : clients_) {
    Connect(*client);
  }
  for (Guest& guest : guests_) {
    guest.here = false;
  }
}

// ---- the node

void WatchWorld::Connect(Client& client) {
  ++client.session.generation;
  client.lagging = false;
  client.connections.clear();
  std::ranges::for_each(client.views, &WatchView::Unwatch);
  Step(SessionOpened{client.session});
  if (client.reader.admin) {
    Run(client.session, {.verb = Verb::kAuth, .name = "a", .secret = "b"});
  }
  Run(client.session,
      {.verb = Verb::kUseDb, .name = kDatabase, .user = client.reader.user, .secret = kToken});
  for (WatchView& view : client.views) {
    Watch(client, view);
  }
}

void WatchWorld::Watch(const Client& client, WatchView& view) {
  view.Resume();
  if (!view.pattern().ends_with('*') && !history_.MayRead(client.reader, view.pattern())) {
    view.Unwatch();  // it is refused
  }
  const std::string since = view.token();
  Run(client.session, {.verb = Verb::kWatch,
                       .key = view.pattern(),
                       .since = since,
                       .policy = client.policy,
                       .every_ms = kEveryMs});
}

void WatchWorld::Sync(Revision durable) {
  durable_ = durable;
  history_.SetDurable(durable);
  Step(LogSynced{durable});
}

void WatchWorld::Run(SessionId session, const Command& command) {
  if (follows() && session == kWriter) {
    return RunOther(command);
  }
  Step(ClientCommand{.session = session, .command = &command});
}

void WatchWorld::Step(const Input& input) {
  node_->Step(input, output_);
  log_ += node_->records();
  node_->ClearRecords();
  const bool by_node = std::holds_alternative<TurnStarted>(input);
  if (follows() && !output_.records.empty()) {
    broken_ = "a secondary makes a record";
  }
  if (output_.failure) {
    broken_ = "failed: " + output_.failure->detail;
  }
  for (const Output::Logged& logged : output_.records) {
    history_.OnRecord(logged.record);
    CHECK(model_.Apply(logged.record).has_value());
    const std::string broken =
        lifetimes_.OnRecord(logged.record, now_.mono_us,
                            by_node ? LifetimeOracle::By::kNode : LifetimeOracle::By::kClient);
    if (broken_.empty()) {
      broken_ = broken;
    }
  }
  for (const auto& item : output_.items) {
    const auto* change = std::get_if<Change>(&item);
    for (std::size_t i = 0; change != nullptr && i < change->count; ++i) {
      Hear(*clients_.at(output_.targets[change->first + i].slot - 1), *change);
    }
  }
}

void WatchWorld::Hear(Client& client, const Change& change) {
  ++told_;
  if (!broken_.empty()) {
    return;
  }
  if (change.key == kConnectionsKey) {
    client.connections = change.value;
    return;
  }
  const bool about_key = change.kind == ChangeKind::kSet || change.kind == ChangeKind::kRemoved;
  if (about_key && !change.more && client.lagging && !client.draining &&
      client.policy != WatchPolicy::kAll) {
    return Break(client, "told while it lags: " + std::string(change.key));
  }
  bool wanted = false;
  for (WatchView& view : client.views) {
    if (view.Wants(change)) {
      wanted = true;
      if (const std::string broken = view.OnEvent(change); !broken.empty()) {
        return Break(client, view.pattern() + ": " + broken);
      }
    }
  }
  // What the gate held for one watch leaves also when that has ended.
  const bool held = change.kind == ChangeKind::kRemoved && change.revision == Revision{};
  if (!wanted && !held) {
    Break(client, "filter: nobody watches " + std::string(change.key));
  }
}

void WatchWorld::Break(const Client& client, std::string_view what) {
  broken_ = client.name + ", " + std::string(what);
}

}  // namespace nunc
