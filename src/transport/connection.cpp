#include "transport/connection.h"

#include <sys/epoll.h>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "transport/hub.h"

namespace nunc {
namespace {

// How long the peer's last bytes are waited for after our side is shut.
constexpr std::int64_t kLingerUs = 1'000'000;
// How long a peer that does not read may keep a closing connection.
constexpr std::int64_t kCloseSendUs = 30'000'000;

}  // namespace

Connection::Connection(Hub& hub, Socket socket, std::uint32_t slot)
    : hub_(hub), socket_(std::move(socket)), out_(hub.buffers()), slot_(slot) {
  opened_us_ = hub.now_us();
  last_heard_us_ = opened_us_;
}

Connection::~Connection() {
  if (registration_.fd >= 0) {
    hub_.loop().Remove(registration_);
  }
  hub_.ForgetBuffered(accounted_bytes_);
}

bool Connection::Start(std::unique_ptr<Protocol> protocol) {
  events_ = EPOLLIN;
  const Result<Loop::Registration> added = hub_.loop().Add(socket_.fd(), events_, *this);
  if (!added) {
    return false;
  }
  registration_ = *added;
  TuneConnection(socket_, hub_.limits().ping_interval_ms);
  protocol_ = std::move(protocol);
  form_ = protocol_->form();
  protocol_->OnOpen();
  return true;
}

// ---- input

void Connection::OnReady(std::uint32_t events) {
  if (state_ == State::kDead) {
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    blocked_ = false;
    Sending();
  }
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) {
    ReadSome();
  } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    Die();
  }
}

void Connection::ReadSome() {
  if (state_ != State::kOpen) {
    return DiscardInput();
  }
  // What came before must run first; the socket keeps the rest meanwhile.
  if (HasUnrun() || peer_ended_ || stopping_) {
    return UpdateEvents();  // the gate may have become full since
  }
  const std::span<char> buffer = hub_.read_buffer();
  const Transfer received = ReceiveBytes(socket_, buffer);
  if (received.would_block) {
    return;
  }
  if (received.ended) {
    peer_ended_ = true;
    return AfterProcessing();
  }
  last_heard_us_ = hub_.now_us();
  Process(buffer.first(received.bytes));
}

void Connection::DiscardInput() {
  const Transfer received = ReceiveBytes(socket_, hub_.read_buffer());
  if (received.ended) {
    Die();
  }
}

bool Connection::MayRun() const {
  return state_ == State::kOpen && out_.size() < kUnsentBytesMax && !hub_.turn_used_up() &&
         deferred_ == nullptr && awaited_ < kHeldRepliesMax && !hub_.halted() &&
         !(throttled_ && hub_.fan_out_full()) &&
         (commands_left_ > 0 || commands_turn_ != hub_.turn());
}

void Connection::Expect(std::span<const std::string_view> keys) {
  hub_.Expect(session_, keys);
}

void Connection::Execute(const Command& command) {
  if (!Defers(command)) {
    Run(command);
  }
}

void Connection::Run(const Command& command) {
  if (commands_turn_ != hub_.turn()) {
    commands_turn_ = hub_.turn();
    commands_left_ = kCommandsPerTurn;
  }
  if (commands_left_ > 0) {
    --commands_left_;
  }
  ++awaited_;
  executing_ = true;
  throttled_ = hub_.Execute(session_, command) || (throttled_ && hub_.fan_out_full());
  executing_ = false;
}

bool Connection::Defers(const Command& command) {
  const Pause pause = hub_.PauseBefore(session_, command, hub_.now_us());
  if (pause == Pause::kNone) {
    return false;
  }
  deferred_ = std::make_unique<OwnedCommand>(command);
  deferred_us_ = hub_.now_us();
  LookAgain(pause);
  return true;
}

// An answer resumes who awaits one; of the cluster nobody is told.
void Connection::LookAgain(Pause pause) {
  if (pause == Pause::kForCluster || !AwaitsReplies()) {
    hub_.LookAgainAt(*this);
  }
}

void Connection::Import(BlockImported block) {
  ++awaited_;
  executing_ = true;
  block.session = session_;
  hub_.Import(block);
  executing_ = false;
}

void Connection::OnStatus() {
  awaited_ -= awaited_ > 0 ? 1 : 0;  // the session may have ended in the middle of its replies
  if (!executing_ && (HasUnrun() || peer_ended_)) {
    hub_.ResumeNextTurn(*this);
  }
}

void Connection::Process(std::span<char> fresh) {
  if (input_.empty()) {
    const std::size_t taken = Feed(fresh);
    input_.assign(fresh.data() + taken, fresh.size() - taken);
  } else {
    input_.append(fresh.data(), fresh.size());
    input_.erase(0, Feed(input_));
  }
  if (input_.empty()) {
    input_.shrink_to_fit();
  }
  AfterProcessing();
}

void Connection::RunDeferred() {
  if (deferred_ == nullptr) {
    return;
  }
  const Pause pause = hub_.halted() ? Pause::kForCluster
                                    : hub_.PauseBefore(session_, deferred_->get(), deferred_us_);
  if (pause != Pause::kNone) {
    return LookAgain(pause);
  }
  const std::unique_ptr<OwnedCommand> deferred = std::move(deferred_);
  Run(deferred->get());
}

std::size_t Connection::Feed(std::span<char> input) {
  std::size_t taken = 0;
  RunDeferred();
  if (deferred_ != nullptr) {
    return taken;
  }
  while (state_ == State::kOpen) {
    commands_pending_ = !protocol_->RunPending();
    if (commands_pending_ || taken == input.size()) {
      break;
    }
    const std::size_t step = protocol_->OnBytes(input.subspan(taken));
    taken += step;
    if (next_protocol_ != nullptr) {
      protocol_ = std::exchange(next_protocol_, nullptr);
      form_ = protocol_->form();
      protocol_->OnOpen();
    } else if (step == 0 || !MayRun()) {
      commands_pending_ = !protocol_->RunPending();
      break;
    }
  }
  return state_ == State::kOpen ? taken : input.size();
}

void Connection::Resume() {
  if (HasUnrun()) {
    Process({});
  } else {
    AfterProcessing();
  }
}

void Connection::AfterProcessing() {
  if (state_ != State::kOpen) {
    return;
  }
  if (HasUnrun()) {
    // Not when replies wait to be read, or for the disk, or a body for its source: Flush, OnStatus
    // or the source resumes it then.
    if (out_.size() < kUnsentBytesMax && !Waits()) {
      hub_.ResumeNextTurn(*this);
    }
  } else if (peer_ended_ && !AwaitsReplies()) {
    CloseAfterSending();
  }
  Account();
  UpdateEvents();
}

// ---- output

void Connection::Sending() {
  hub_.FlushLater(*this);
}

void Connection::Deliver(Frames& frames, DatabaseId database, std::int64_t commit_us) {
  if (form_ == WireForm::kNone || state_ != State::kOpen) {
    return;
  }
  out_.Share(frames.Get(form_));
  if (oldest_commit_us_ == 0) {
    oldest_commit_us_ = commit_us;
    oldest_database_ = database;
  }
  if (out_.size() >= kUnsentBytesMax) {
    Lag();
  }
}

void Connection::Lag() {
  if (!lagging_ && session_open_) {
    lagging_ = true;
    hub_.Step(SessionLagging{session_});
  }
}

void Connection::Flush() {
  if (state_ == State::kDead || state_ == State::kLingering) {
    return;
  }
  if (blocked_) {
    return Account();  // a watch that wants all changes is given some meanwhile
  }
  const std::size_t unsent = out_.size();
  const Transfer transfer = out_.Flush(socket_);
  if (out_.size() < unsent) {
    last_sent_us_ = hub_.now_us();
    peer_owes_ = true;
    if (state_ == State::kClosing) {
      end_by_us_ = last_sent_us_ + kCloseSendUs;
    }
  }
  if (transfer.ended) {
    return Die();
  }
  if (oldest_commit_us_ != 0 && out_.empty()) {
    hub_.NoteSent(oldest_database_, std::exchange(oldest_commit_us_, 0));
  }
  if (transfer.would_block) {
    blocked_ = true;
    Lag();
  } else {
    Drained();
  }
  if (out_.size() < kUnsentBytesMax && HasUnrun() && !Waits()) {
    hub_.ResumeNextTurn(*this);
  }
  Account();
  UpdateEvents();
}

// Everything has been sent.
void Connection::Drained() {
  if (state_ == State::kClosing) {
    ShutdownSending(socket_);
    state_ = State::kLingering;
    end_by_us_ = hub_.now_us() + kLingerUs;
    if (peer_ended_) {
      Die();
    }
  } else if (lagging_) {
    hub_.Drain(session_);
    lagging_ = !out_.empty();
  }
}

// ---- sessions and the end

void Connection::OpenSession(SessionKind kind, bool knows_ready) {
  session_ = hub_.NextSession(slot_);
  session_open_ = true;
  lagging_ = false;
  awaited_ = 0;
  // A request has no client who could come back.
  session_name_ = {};
  if (kind == SessionKind::kConnection) {
    session_name_ = {.high = hub_.random().Next(), .low = hub_.session_start().value};
  }
  hub_.Step(SessionOpened{
      .session = session_, .kind = kind, .name = session_name_, .knows_ready = knows_ready});
}

void Connection::CloseSession() {
  if (session_open_) {
    session_open_ = false;
    awaited_ = 0;
    hub_.Step(SessionClosed{session_});
  }
}

void Connection::CloseAfterSending() {
  if (state_ == State::kOpen) {
    state_ = State::kClosing;
    end_by_us_ = hub_.now_us() + kCloseSendUs;
    CloseSession();
    std::string().swap(input_);  // assigning an empty one would keep the memory
    Sending();
  }
}

void Connection::Die() {
  if (state_ != State::kDead) {
    state_ = State::kDead;
    CloseSession();
    hub_.Bury(*this);
  }
}

void Connection::StopReading() {
  stopping_ = true;
  UpdateEvents();
}

void Connection::SayGoodbye() {
  if (state_ == State::kOpen) {
    protocol_->OnStop();
    CloseAfterSending();
  }
}

void Connection::OnTick(std::int64_t now_us) {
  if (state_ != State::kOpen && now_us >= end_by_us_) {
    return Die();
  }
  if (!PeerAcknowledges(now_us)) {
    LogInfo("connection lost: the peer no longer acknowledges");
    return Die();
  }
  if (state_ == State::kOpen) {
    protocol_->OnTick(now_us);
  }
}

// Keepalive says nothing while something is unacknowledged, be it here or in the system's buffer.
bool Connection::PeerAcknowledges(std::int64_t now_us) {
  if ((out_.empty() && !peer_owes_) || now_us < next_look_us_) {
    return true;
  }
  const std::uint32_t interval_ms = hub_.limits().ping_interval_ms;
  next_look_us_ = now_us + std::int64_t{interval_ms} * 1000;
  const PeerState state = LookAtPeer(socket_, 4 * interval_ms);
  peer_owes_ = state == PeerState::kOwes;
  return state != PeerState::kGone;
}

void Connection::Account() {
  const std::size_t deferred = deferred_ == nullptr ? 0 : deferred_->bytes();
  const std::size_t bytes =
      out_.own_size() + input_.capacity() + protocol_->BufferedBytes() + deferred;
  const bool within = hub_.AccountBuffered(accounted_bytes_, bytes);
  // One that holds little is not what the memory went to, and must not pay for it.
  if (!within && bytes + out_.size() > kBufferedBytesAllowance) {
    LogWarn("connection closed: the memory for unsent and unread data is used up");
    out_.Clear();
    Die();
  }
  accounted_bytes_ = bytes;
}

void Connection::UpdateEvents() {
  if (state_ == State::kDead) {
    return;
  }
  const bool reads =
      state_ == State::kLingering ||
      (state_ == State::kOpen && !peer_ended_ && !stopping_ && out_.size() < kUnsentBytesMax &&
       !(HasUnrun() && (AwaitsReplies() || deferred_ != nullptr || hub_.halted())));
  const std::uint32_t wanted = (reads ? EPOLLIN : 0U) | (blocked_ ? EPOLLOUT : 0U);
  if (wanted != events_) {
    events_ = wanted;
    hub_.loop().Change(registration_, wanted);
  }
}

}  // namespace nunc
