// All client connections and the turn that serves them: the driver of the node.
//
// Shape:   Turn(): ready sockets -> commands -> Node::Step -> replies and shared frames into queues
//          -> one gathered write per connection. Sending goes in slices: replies and
//          changes with few watchers first, then the watchers of the others in turn, so that a
//          change with many watchers holds up nobody else.
// Limits:  connections, buffered bytes of all connections: HubLimits.
// Owner:   Server. Loop thread only.
// Source:  docs/architecture.md §3, §8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "language/json.h"
#include "language/nql_parse.h"
#include "language/nunc1_reply.h"
#include "language/nunc1_request.h"
#include "net/deflate.h"
#include "transport/connection.h"
#include "transport/hub_limits.h"
#include "transport/hub_world.h"

namespace nunc {

class Hub {
 public:
  Hub(HubWorld world, HubLimits limits, PageFinder pages);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  void Admit(Socket socket, Door door);
  // Waits for something to happen, at most until the next tick, and deals with it.
  // Errors: the disk has failed. Nothing of the turn has been answered, and nothing may be any
  // more.
  Result<void> Turn();
  // The end, in three steps: nothing more is read; Turn() while HasUnrun(), so that what was read
  // is answered and watchers hear of it; goodbye, and Turn() until idle().
  Result<void> StopReading();
  [[nodiscard]] bool HasUnrun() const;
  void SayGoodbye();
  [[nodiscard]] bool idle() const { return open_ == 0; }
  [[nodiscard]] std::size_t connections() const { return open_; }
  // Nobody is admitted any more when this is reached.
  [[nodiscard]] bool full() const { return open_ >= limits_.connections_max; }

  // For connections and protocols.
  Loop& loop() { return loop_; }
  [[nodiscard]] const HubLimits& limits() const { return limits_; }
  [[nodiscard]] std::int64_t now_us() const { return now_.mono_us; }
  [[nodiscard]] std::uint64_t turn() const { return turn_; }
  BufferPool& buffers() { return buffers_; }
  std::span<char> read_buffer() { return read_buffer_; }
  NqlParser& parser() { return parser_; }
  Nunc1Parser& json_parser() { return json_parser_; }
  Nunc1Writer& json_writer() { return json_writer_; }
  JsonReader& json_reader() { return json_reader_; }  // of values
  Random& random() { return random_; }
  Deflater& deflater() { return deflater_; }
  Inflater& inflater() { return inflater_; }
  std::string& scratch() { return scratch_; }        // of the deflater
  std::string& reply_text() { return reply_text_; }  // of one reply
  [[nodiscard]] std::optional<StaticPage> FindPage(std::string_view path) const;
  [[nodiscard]] bool stopping() const { return stopping_; }
  // `Sun, 06 Nov 1994 08:49:37 GMT`, of this turn.
  std::string_view HttpDate();

  // True: the change that the command made had many watchers.
  bool Execute(SessionId session, const Command& command);
  // As in Node.
  [[nodiscard]] Pause PauseBefore(SessionId session, const Command& command,
                                  std::int64_t asked_us) const {
    return node_.PauseBefore(session, command, asked_us);
  }
  // Its command waits for what nobody will tell it: it asks again in each turn.
  void LookAgainAt(const Connection& connection) { pausing_.push_back(connection.slot()); }
  void Expect(SessionId id, std::span<const std::string_view> keys) { node_.Expect(id, keys); }
  void Import(const BlockImported& block);
  [[nodiscard]] bool IsAdmin(std::string_view user, std::string_view password) const {
    return node_.IsAdmin(user, password);
  }
  // Of one database, or of everything. kInvalid: nothing is kept on disk, or $admin; kNotFound:
  // no such database; kUnavailable: another one is being sent.
  Result<std::unique_ptr<BodySource>> BeginBackup(std::string_view database);
  // How much a backup will be about, before it is compressed.
  [[nodiscard]] Revision session_start() const { return node_.session_start(); }
  [[nodiscard]] std::size_t store_bytes() const { return node_.store().bytes(); }
  // The time for commands of this turn is over: what is left waits.
  [[nodiscard]] bool turn_used_up() const { return turn_used_up_; }
  // So much is on its way to watchers that those who cause it must wait for the backlog.
  [[nodiscard]] bool fan_out_full() const { return fan_out_bytes_ >= kFanOutBytesMax; }
  // Nothing is run meanwhile: too much waits for the disk or could not be taken back, or the role
  // goes to another node.
  [[nodiscard]] bool halted() const;
  // What the node says outside its turn's own inputs.
  void Hear(const Output& output) { Route(output); }
  // For inputs that nobody hears of.
  void Step(const Input& input);
  void Drain(SessionId session);
  void NoteSent(DatabaseId database, std::int64_t commit_us);  // by the kernel
  SessionId NextSession(std::uint32_t slot);
  void FlushLater(Connection& connection);
  void ResumeNextTurn(Connection& connection);
  void Bury(const Connection& connection) { dead_.push_back(connection.slot()); }
  // False: `bytes` in place of `accounted` would be too much for all connections together.
  bool AccountBuffered(std::size_t accounted, std::size_t bytes);
  void ForgetBuffered(std::size_t accounted) { buffered_bytes_ -= accounted; }

 private:
  struct Slot {
    std::unique_ptr<Connection> connection;
    std::uint32_t generation = 0;
  };

  void StartTurn();
  Result<void> RunTurn();
  void MeasureTurn();
  Result<void> TakeNews();
  void Route(const Output& output);
  [[nodiscard]] std::int64_t CommitOf(const Change& change) const;  // 0: long ago
  void ResumeAll();
  void ResumePausing();
  void FlushAll();
  void FlushInBacklog(Connection& connection);
  void FlushFrom(std::deque<std::uint32_t>& list, bool Connection::*listed, std::int64_t until_us);
  void TickAll();
  void CollectDead();
  [[nodiscard]] std::int64_t WaitUs() const;
  bool PollForSync();
  Connection* Find(std::uint32_t slot);

  Loop& loop_;
  Node& node_;
  Persistence* persistence_;
  ClusterDriver* cluster_;
  PeerLinks* peers_;
  Random& random_;
  HubLimits limits_;
  PageFinder pages_;
  Now now_;
  std::uint64_t turn_ = 1;
  std::int64_t tick_interval_us_ = 0;
  std::int64_t next_tick_us_ = 0;
  std::int64_t next_node_tick_us_ = 0;
  bool stopping_ = false;
  bool turn_ended_ = false;
  bool turn_used_up_ = false;
  std::size_t turn_log_room_ = SIZE_MAX;
  // Something happened after the turn's end that its watchers must hear of: no waiting.
  bool told_too_late_ = false;

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::size_t open_ = 0;
  std::size_t buffered_bytes_ = 0;
  std::deque<std::uint32_t> fresh_;    // got something of its own to send this turn
  std::deque<std::uint32_t> backlog_;  // one of many that a change goes to, or left over
  std::deque<std::uint32_t> resume_;
  std::vector<std::uint32_t> dead_;
  std::vector<std::uint32_t> pausing_;

  BufferPool buffers_;
  std::vector<char> read_buffer_;
  NqlParser parser_;
  Nunc1Parser json_parser_;
  Nunc1Writer json_writer_;
  JsonReader json_reader_;
  Deflater deflater_;
  Inflater inflater_;
  std::string scratch_;
  std::string reply_text_;
  Frames frames_;
  Output output_;
  Output unheard_;
  std::string http_date_;
  std::int64_t http_date_s_ = -1;
  std::uint64_t commands_ = 0;      // of this turn
  std::uint64_t wide_changes_ = 0;  // with many watchers, ever
  std::size_t fan_out_bytes_ = 0;   // of those, since the backlog was empty
  Counters counters_;               // as last measured
  TurnTime last_turn_;
  std::int64_t cpu_look_us_ = 0;  // when cpu_us_ was read
  std::int64_t cpu_us_ = 0;       // of the loop
};

}  // namespace nunc
