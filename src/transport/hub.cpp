#include "transport/hub.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "transport/http_door.h"
#include "transport/tcp_door.h"

namespace nunc {
namespace {

constexpr std::int64_t kTickUsMax = 1'000'000;
constexpr std::int64_t kTickUsMin = 10'000;
constexpr std::int64_t kNodeTickUs = 1'000'000;
// How often it is looked whether a command must still wait for the cluster, if nothing happens.
constexpr std::int64_t kPauseLookUs = 10'000;
// A change with more watchers than this (about 0.3 ms of sending) is sent from the backlog.
constexpr std::size_t kFewWatchersMax = 64;
// A command that looks at no more entries than this is a small one.
constexpr std::size_t kFewVisitedMax = 64;
constexpr std::uint64_t kCommandsPerLook = 32;
constexpr std::int64_t kCpuLookUs = 1'000;
// The backlog's part of a slice that newer output cannot take.
constexpr std::int64_t kBacklogSliceUs = kSendSliceUs / 2;

// Timeouts are kept to a quarter of the shortest one.
std::int64_t TickInterval(const HubLimits& limits) {
  const std::int64_t shortest_ms =
      std::min({limits.handshake_timeout_ms, limits.http_request_timeout_ms,
                limits.http_idle_timeout_ms, limits.ping_interval_ms});
  return std::clamp(shortest_ms * 1000 / 4, kTickUsMin, kTickUsMax);
}

std::unique_ptr<Protocol> MakeProtocol(Connection& connection, Door door) {
  switch (door) {
    case Door::kTcp:
      return std::make_unique<TcpDoor>(connection);
    case Door::kWebSocket:
      return std::make_unique<HttpDoor>(connection, HttpDoor::Serves::kUpgradesOnly);
    case Door::kHttp:
      break;
  }
  return std::make_unique<HttpDoor>(connection, HttpDoor::Serves::kEverything);
}

}  // namespace

std::size_t HubLimits::command_bytes_max() const {
  return value_bytes_max + kCommandOverheadBytesMax;
}

std::size_t HubLimits::json_bytes_max() const {
  const std::size_t value_bytes = (value_bytes_max + 2) / 3 * 4;
  // A key may double when it is quoted.
  return std::min(value_bytes + 2 * kCommandOverheadBytesMax, buffered_bytes_max);
}

Hub::Hub(HubWorld world, HubLimits limits, PageFinder pages)
    : loop_(world.loop),
      node_(world.node),
      persistence_(world.persistence),
      cluster_(world.cluster),
      peers_(world.peers),
      random_(world.random),
      limits_(limits),
      pages_(std::move(pages)),
      tick_interval_us_(TickInterval(limits)),
      read_buffer_(kReadBytesPerTurn),
      frames_(deflater_, scratch_, json_writer_, [this](DatabaseId id) -> std::string_view {
        const Database* database = node_.store().Find(id);
        return database == nullptr ? std::string_view{} : database->name();
      }) {
  if (cluster_ != nullptr) {
    slots_.resize(kStandInsMax);  // those are never a connection's
  }
  StartTurn();
}

// Connections give their memory back to the pool and the accounts, which must still be there.
Hub::~Hub() {
  slots_.clear();
}

// ---- the turn

void Hub::StartTurn() {
  now_ = {.mono_us = MonotonicUs(), .wall_us = WallUs()};
  ++turn_;
  turn_ended_ = false;
  told_too_late_ = false;
  turn_used_up_ = false;
  commands_ = 0;
  turn_log_room_ = persistence_ == nullptr ? SIZE_MAX : persistence_->log_room();
  // A primary whose lease is over does nothing more as one.
  if (cluster_ != nullptr) {
    peers_->Turn(now_.mono_us);
    cluster_->StartTurn(now_);
  }
  node_.Step(TurnStarted{.now = now_,
                         .counters = counters_,
                         .last_turn = std::exchange(last_turn_, {}),
                         .log_room = turn_log_room_,
                         .accepting = cluster_ == nullptr || cluster_->accepting()},
             output_);
  Route(output_);
}

std::int64_t Hub::WaitUs() const {
  const bool resumes = !resume_.empty() && !halted();
  if (told_too_late_ || resumes || !fresh_.empty() || !backlog_.empty() ||
      node_.store().has_dropped() || node_.has_work()) {
    return 0;
  }
  std::int64_t next_us = next_tick_us_;
  if (persistence_ != nullptr) {
    next_us = std::min(next_us, persistence_->next_us());
  }
  if (cluster_ != nullptr) {
    next_us = std::min({next_us, cluster_->next_us(), peers_->next_us()});
  }
  next_us = std::min(next_us, node_.next_deadline_us().value_or(next_us));
  if (!pausing_.empty()) {
    next_us = std::min(next_us, now_.mono_us + kPauseLookUs);
  }
  return std::max<std::int64_t>(0, next_us - MonotonicUs());
}

// A core that sleeps while a short sync runs hears of its end late.
bool Hub::PollForSync() {
  const std::int64_t poll_until_us =
      persistence_ == nullptr ? INT64_MIN : persistence_->poll_until_us();
  if (poll_until_us <= now_.mono_us) {
    return false;
  }
  const std::int64_t wait_us = WaitUs();
  const std::int64_t until_us = std::min(poll_until_us, MonotonicUs() + wait_us);
  return wait_us > 0 && loop_.Poll(until_us) > 0;
}

// What has reached the disk meanwhile, and who waited for that.
Result<void> Hub::TakeNews() {
  if (persistence_ == nullptr) {
    return {};
  }
  const Persistence::News& news = persistence_->Collect();
  if (news.failure) {
    return tl::unexpected(*news.failure);
  }
  if (news.durable > node_.gate().durable()) {
    node_.Step(LogSynced{news.durable}, output_);
    Route(output_);
  }
  if (cluster_ != nullptr) {
    cluster_->TakeNews();
  }
  for (const OperationResult& result : news.results) {
    node_.Step(OperationEnded{&result}, output_);
    Route(output_);
  }
  return {};
}

// The CPU clock is a system call, so it is read once in kCpuLookUs, and behind a turn that took
// longer: what the loop used since the look before the turn is more than the turn's own by less
// than kCpuLookUs.
void Hub::MeasureTurn() {
  const std::int64_t now_us = MonotonicUs();
  last_turn_.wall_us = now_us - now_.mono_us;
  if (now_us - cpu_look_us_ < kCpuLookUs) {
    return;
  }
  const std::int64_t before_us = std::exchange(cpu_us_, ThreadCpuUs());
  cpu_look_us_ = now_us;
  if (last_turn_.wall_us > kCpuLookUs) {
    last_turn_.cpu_us = std::min(last_turn_.wall_us, cpu_us_ - before_us);
  }
}

Result<void> Hub::Turn() {
  if (!PollForSync()) {
    loop_.Wait(WaitUs());
  }
  StartTurn();
  Result<void> ran = RunTurn();
  MeasureTurn();
  return ran;
}

Result<void> Hub::RunTurn() {
  if (Result<void> taken = TakeNews(); !taken) {
    return taken;
  }
  ResumePausing();
  // First who waits from the turn before: the time for commands may not reach for all.
  ResumeAll();
  loop_.Dispatch();
  ResumePausing();  // other nodes may just have said what was waited for
  node_.Step(TurnEnded{}, output_);
  Route(output_);
  turn_ended_ = true;
  // The records are on their way to the others before they are on the disk.
  if (cluster_ != nullptr) {
    if (Result<void> ended = cluster_->EndTurn(); !ended) {
      return ended;
    }
    peers_->Flush();
  }
  // Nobody hears of a change that is not with the operating system at least.
  if (persistence_ != nullptr) {
    if (Result<void> ended = persistence_->EndTurn(now_); !ended) {
      return ended;
    }
  }
  if (commands_ > 0) {
    constexpr double kWeight = 0.01;  // the reference's average spans 100 samples
    const auto spent_us = static_cast<double>(MonotonicUs() - now_.mono_us);
    double& average = counters_.query_time_ms_average;
    average += kWeight * (spent_us / 1000.0 / static_cast<double>(commands_) - average);
  }
  FlushAll();
  if (now_.mono_us >= next_tick_us_) {
    next_tick_us_ = now_.mono_us + tick_interval_us_;
    TickAll();
  }
  CollectDead();
  return {};
}

void Hub::ResumeAll() {
  // Who does not get a turn stays in front of those who had one.
  for (std::size_t left = resume_.size(); left > 0 && !turn_used_up_ && !halted(); --left) {
    const std::uint32_t slot = resume_.front();
    resume_.pop_front();
    if (Connection* connection = Find(slot); connection != nullptr) {
      connection->in_resume_list = false;
      connection->Resume();
    }
  }
}

void Hub::ResumePausing() {
  for (const std::uint32_t slot : std::exchange(pausing_, {})) {
    if (Connection* connection = Find(slot); connection != nullptr) {
      connection->Resume();
    }
  }
}

void Hub::FlushFrom(std::deque<std::uint32_t>& list, bool Connection::*listed,
                    std::int64_t until_us) {
  while (!list.empty() && MonotonicUs() < until_us) {
    Connection* connection = Find(list.front());
    list.pop_front();
    if (connection != nullptr) {
      connection->*listed = false;
      connection->Flush();
    }
  }
}

void Hub::FlushAll() {
  const std::int64_t until_us = MonotonicUs() + kSendSliceUs;
  FlushFrom(fresh_, &Connection::in_fresh,
            backlog_.empty() ? until_us : until_us - kBacklogSliceUs);
  FlushFrom(backlog_, &Connection::in_backlog, until_us);
  if (backlog_.empty()) {
    fan_out_bytes_ = 0;
  }
}

void Hub::TickAll() {
  for (const Slot& slot : slots_) {
    if (slot.connection != nullptr && !slot.connection->dead()) {
      slot.connection->OnTick(now_.mono_us);
    }
  }
  if (now_.mono_us >= next_node_tick_us_) {
    next_node_tick_us_ = now_.mono_us + kNodeTickUs;
    if (persistence_ != nullptr) {
      const OpLogInfo log = persistence_->log().Info();
      counters_.log_bytes = log.bytes;
      counters_.log_records = log.first == Revision{} ? 0 : log.last.value - log.first.value + 1;
    }
    node_.Step(Tick{}, output_);
    Route(output_);
  }
}

void Hub::CollectDead() {
  for (const std::uint32_t slot : dead_) {
    slots_[slot].connection.reset();
    free_slots_.push_back(slot);
    --open_;
  }
  dead_.clear();
}

Result<void> Hub::StopReading() {
  stopping_ = true;
  told_too_late_ = true;                    // no waiting
  if (Result<void> took = Turn(); !took) {  // what has arrived
    return took;
  }
  for (const Slot& slot : slots_) {
    if (slot.connection != nullptr && !slot.connection->dead()) {
      slot.connection->StopReading();
    }
  }
  return {};
}

bool Hub::HasUnrun() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.connection != nullptr &&
           (slot.connection->HasUnrun() || slot.connection->AwaitsReplies());
  });
}

void Hub::SayGoodbye() {
  for (const Slot& slot : slots_) {
    if (slot.connection != nullptr) {
      slot.connection->SayGoodbye();
    }
  }
}

// ---- connections

Connection* Hub::Find(std::uint32_t slot) {
  Connection* connection = slot < slots_.size() ? slots_[slot].connection.get() : nullptr;
  return connection == nullptr || connection->dead() ? nullptr : connection;
}

void Hub::Admit(Socket socket, Door door) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  auto connection = std::make_unique<Connection>(*this, std::move(socket), slot);
  Connection& admitted = *connection;
  free_slots_.pop_back();
  slots_[slot].connection = std::move(connection);
  ++open_;
  if (!admitted.Start(MakeProtocol(admitted, door))) {
    LogWarn("connection refused: the system has no room to watch it");
    admitted.Die();
  }
}

SessionId Hub::NextSession(std::uint32_t slot) {
  return {.slot = slot, .generation = ++slots_[slot].generation};
}

void Hub::FlushLater(Connection& connection) {
  if (!connection.in_fresh) {
    connection.in_fresh = true;
    fresh_.push_back(connection.slot());
  }
}

void Hub::FlushInBacklog(Connection& connection) {
  if (!connection.in_backlog) {
    connection.in_backlog = true;
    backlog_.push_back(connection.slot());
  }
}

void Hub::ResumeNextTurn(Connection& connection) {
  if (!connection.in_resume_list) {
    connection.in_resume_list = true;
    resume_.push_back(connection.slot());
  }
}

bool Hub::AccountBuffered(std::size_t accounted, std::size_t bytes) {
  buffered_bytes_ = buffered_bytes_ - accounted + bytes;
  return bytes <= accounted ||
         buffered_bytes_ + frames_.bytes_alive() <= limits_.buffered_bytes_max;
}

// ---- the node

bool Hub::halted() const {
  return cluster_ != nullptr ? cluster_->halted() : node_.gate().bytes() >= kHeldBytesMax;
}

bool Hub::Execute(SessionId session, const Command& command) {
  ++commands_;
  node_.Step(ClientCommand{.session = session, .command = &command}, output_);
  const std::uint64_t wide_before = wide_changes_;
  Route(output_);
  // Looking at the clock costs as much as a small command, so not after each.
  const bool large = !output_.rows.empty() || output_.entries_visited > kFewVisitedMax ||
                     output_.targets.size() > kFewWatchersMax;
  if (large || commands_ % kCommandsPerLook == 0) {
    turn_used_up_ = MonotonicUs() - now_.mono_us > kRunSliceUs;
  }
  // The log has place for one turn; half of it is kept, so that the last command finds some too.
  if (node_.log_room() < turn_log_room_ / 2) {
    turn_used_up_ = true;
  }
  return wide_changes_ != wide_before;
}

void Hub::Import(const BlockImported& block) {
  ++commands_;
  node_.Step(block, output_);
  Route(output_);
  turn_used_up_ = MonotonicUs() - now_.mono_us > kRunSliceUs;
}

Result<std::unique_ptr<BodySource>> Hub::BeginBackup(std::string_view database) {
  if (persistence_ == nullptr) {
    return Fail(Fault::kInvalid,
                "this server keeps nothing on disk (--memory), so there is no op log and no "
                "backup");
  }
  if (cluster_ != nullptr && !cluster_->holds_data()) {
    return Fail(Fault::kInvalid,
                "this is an arbiter node, which holds no data: back up one of the two others");
  }
  DatabaseId only;
  if (!database.empty()) {
    const Database* found = node_.store().Find(database);
    if (found == nullptr) {
      return Fail(Fault::kNotFound, "there is no database of that name");
    }
    if (found == &node_.store().admin()) {
      return Fail(Fault::kInvalid, "the database $admin is in a backup of everything alone");
    }
    only = found->id();
  }
  std::unique_ptr<BodySource> backup = persistence_->BeginBackup(only);
  if (backup == nullptr) {
    return Fail(Fault::kUnavailable, "another backup is being sent: try again when it has ended");
  }
  return backup;
}

void Hub::Step(const Input& input) {
  node_.Step(input, unheard_);
  told_too_late_ = told_too_late_ || turn_ended_;
}

void Hub::Drain(SessionId session) {
  node_.Step(SessionDrained{session}, output_);
  Route(output_);
}

void Hub::NoteSent(DatabaseId database, std::int64_t commit_us) {
  node_.delivery_times().Sent(database, MonotonicUs() - commit_us);
}

// A record of this turn was made when the turn began; one that has waited for the disk says by the
// wall clock how long ago.
std::int64_t Hub::CommitOf(const Change& change) const {
  return change.time_us == 0
             ? 0
             : now_.mono_us - std::max<std::int64_t>(0, now_.wall_us - change.time_us);
}

void Hub::Route(const Output& output) {
  for (const auto& item : output.items) {
    if (const auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
      Connection* connection = Find(reply->session.slot);
      if (connection == nullptr && cluster_ != nullptr && reply->session.slot < kStandInsMax) {
        cluster_->OnReply(*reply, output);
      } else if (connection != nullptr && connection->session() == reply->session) {
        connection->protocol().OnReply(*reply, output);
        connection->Sending();
        if (reply->is_status()) {
          connection->OnStatus();
        }
      }
      continue;
    }
    const Change& change = std::get<Change>(item);
    frames_.Begin(change);
    const std::int64_t commit_us = CommitOf(change);
    if (change.count > kFewWatchersMax) {
      ++wide_changes_;
      fan_out_bytes_ += change.count * (change.key.size() + change.value.size());
    }
    for (std::size_t i = change.first; i < change.first + change.count; ++i) {
      const SessionId target = output.targets[i];
      Connection* connection = Find(target.slot);
      if (connection != nullptr && connection->session() == target) {
        connection->Deliver(frames_, change.database, commit_us);
        if (change.kind == ChangeKind::kStarted && change.value == kDropped) {
          connection->protocol().OnDropped();
        }
        if (change.count > kFewWatchersMax) {
          FlushInBacklog(*connection);
        } else {
          FlushLater(*connection);
        }
      }
    }
  }
}

// ---- what protocols share

std::optional<StaticPage> Hub::FindPage(std::string_view path) const {
  return pages_(path);
}

std::string_view Hub::HttpDate() {
  const std::int64_t second = now_.wall_us / 1'000'000;
  if (second != http_date_s_) {
    http_date_s_ = second;
    const auto time = static_cast<std::time_t>(second);
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[64];
    const std::size_t length =
        std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    http_date_.assign(text, length);
  }
  return http_date_;
}

}  // namespace nunc
