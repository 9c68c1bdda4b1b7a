// One client socket: what came, what is to be sent, and how it ends.
//
// Shape:   open -> closing (what is queued is still sent) -> lingering (our side is shut, the
//          peer's last bytes are dropped, so that no reset destroys replies on their way) -> dead.
//          A dead one is collected at the end of the turn, never inside its own call.
// Limits:  kUnsentBytesMax: not read beyond it, watches lag; kReadBytesPerTurn, kCommandsPerTurn.
// Owner:   Hub, by slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/command.h"
#include "core/ids.h"
#include "core/owned_command.h"
#include "core/session.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "node/node.h"
#include "transport/out_queue.h"
#include "transport/protocol.h"

namespace nunc {

class Hub;

class Connection final : public Loop::Handler {
 public:
  Connection(Hub& hub, Socket socket, std::uint32_t slot);
  ~Connection() override;

  // False: the loop has no room for it.
  bool Start(std::unique_ptr<Protocol> protocol);

  // For protocols.
  Hub& hub() { return hub_; }
  // May one more command run now? False: its turn is used up, or its replies are not being read.
  [[nodiscard]] bool MayRun() const;
  void Execute(const Command& command);
  // As in Executor.
  void Expect(std::span<const std::string_view> keys);
  // A part of a restore; its status comes like that of a command.
  void Import(BlockImported block);
  // Append to it, then call Sending().
  std::string& Out() { return out_.Bytes(); }
  void Sending();
  // Sends what is queued, then ends. No byte that comes later is looked at.
  void CloseAfterSending();
  // The protocol is replaced once its OnBytes has returned.
  void SwitchTo(std::unique_ptr<Protocol> protocol) { next_protocol_ = std::move(protocol); }
  // From now on changes are told, in that form.
  void Hear(WireForm form) { form_ = form; }
  void OpenSession(SessionKind kind, bool knows_ready = false);
  void CloseSession();
  [[nodiscard]] SessionId session() const { return session_; }
  [[nodiscard]] const SessionName& session_name() const { return session_name_; }
  [[nodiscard]] std::int64_t last_heard_us() const { return last_heard_us_; }
  [[nodiscard]] std::int64_t last_sent_us() const { return last_sent_us_; }
  // Heard of, or taken something that was sent.
  [[nodiscard]] std::int64_t last_active_us() const {
    return last_heard_us_ > last_sent_us_ ? last_heard_us_ : last_sent_us_;
  }
  [[nodiscard]] std::int64_t opened_us() const { return opened_us_; }
  // Something is to be sent, or was read and has not run or not been answered.
  [[nodiscard]] bool Busy() const { return !out_.empty() || HasUnrun() || AwaitsReplies(); }
  // Commands have run whose status has not come: it waits for the disk.
  [[nodiscard]] bool AwaitsReplies() const { return awaited_ > 0; }
  [[nodiscard]] bool sending_blocked() const { return blocked_; }

  // For the hub.
  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  [[nodiscard]] Protocol& protocol() { return *protocol_; }
  // A command's status has been handed to the protocol.
  void OnStatus();
  // Queues a change that was made at `commit_us` (0: long ago); the hub says when it is sent.
  void Deliver(Frames& frames, DatabaseId database, std::int64_t commit_us);
  void Flush();
  // Goes on with what its last turn left.
  void Resume();
  void OnTick(std::int64_t now_us);
  // The server stops: first nothing more is read, then, when all that was read has run, goodbye.
  void StopReading();
  [[nodiscard]] bool HasUnrun() const {
    return state_ == State::kOpen && (!input_.empty() || commands_pending_ || deferred_ != nullptr);
  }
  void SayGoodbye();
  [[nodiscard]] bool dead() const { return state_ == State::kDead; }
  void Die();
  // In the hub's lists already.
  bool in_fresh = false;
  bool in_backlog = false;
  bool in_resume_list = false;

  void OnReady(std::uint32_t events) override;

 private:
  enum class State : std::uint8_t { kOpen, kClosing, kLingering, kDead };

  [[nodiscard]] bool Waits() const {
    return AwaitsReplies() || deferred_ != nullptr || protocol_->Waits();
  }
  void ReadSome();
  void DiscardInput();
  bool Defers(const Command& command);
  void LookAgain(Pause pause);
  void Run(const Command& command);
  void RunDeferred();
  void Process(std::span<char> fresh);
  std::size_t Feed(std::span<char> input);
  void AfterProcessing();
  void Drained();
  void Lag();
  // False: what was sent to the peer has long not been acknowledged.
  bool PeerAcknowledges(std::int64_t now_us);
  void Account();
  void UpdateEvents();

  Hub& hub_;
  Socket socket_;
  Loop::Registration registration_;
  std::unique_ptr<Protocol> protocol_;
  std::unique_ptr<Protocol> next_protocol_;
  OutQueue out_;
  std::string input_;  // came, but its turn has not
  // Waits, for what Node::PauseBefore says; nothing behind it is run.
  std::unique_ptr<OwnedCommand> deferred_;
  std::int64_t deferred_us_ = 0;  // when that came
  SessionId session_{};
  SessionName session_name_{};
  std::int64_t opened_us_ = 0;
  std::int64_t last_heard_us_ = 0;
  std::int64_t last_sent_us_ = 0;
  std::int64_t end_by_us_ = 0;
  std::int64_t next_look_us_ = 0;  // at the peer
  std::size_t accounted_bytes_ = 0;
  std::size_t commands_left_ = 0;
  std::size_t awaited_ = 0;  // statuses
  std::uint64_t commands_turn_ = 0;
  std::int64_t oldest_commit_us_ = 0;  // of the changes that are queued; 0: there is none
  DatabaseId oldest_database_{};
  std::uint32_t slot_ = 0;
  std::uint32_t events_ = 0;
  WireForm form_ = WireForm::kNone;
  State state_ = State::kOpen;
  bool session_open_ = false;
  bool executing_ = false;
  bool commands_pending_ = false;  // the protocol holds read commands that have not run
  bool blocked_ = false;           // the socket took no more
  bool lagging_ = false;
  bool peer_ended_ = false;
  bool peer_owes_ = false;  // it may have something to acknowledge
  bool throttled_ = false;  // its changes have many watchers, who must be told first
  bool stopping_ = false;   // nothing more is read
};

}  // namespace nunc
