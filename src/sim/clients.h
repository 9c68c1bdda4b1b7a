// Scripted clients: what they ask is drawn from a seed, what they are told is checked.
//
// Shape:   sessions of one node over its lives. Issue makes one command; OnOutput checks all that
//          a step gives out, in its order: replies belong to commands in their order, reads have
//          the value of the model, watchers get each change of their key in the order of the log,
//          and nothing is told before the medium has what it rests on.
// Errors:  kDamaged, as the oracle's.
// Owner:   World.
// Source:  docs/cluster.md §17.1, §17.5; docs/durability.md.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/result.h"
#include "core/command.h"
#include "core/command_table.h"
#include "core/output.h"
#include "sim/oracle.h"

namespace nunc {

// A command with the texts that it views.
struct Script {
  Verb verb = Verb::kPing;
  std::string name{};
  std::string key{};
  std::string user{};
  std::string secret{};
  std::string value{};
  std::optional<std::int64_t> version{};
  std::optional<std::int64_t> ttl_ms{};
  std::optional<std::int64_t> grace_ms{};
  std::int64_t amount = 1;
  ConflictId conflict{};
  Strategy strategy = Strategy::kNone;
  std::optional<AckLevel> level{};

  [[nodiscard]] Command ToCommand() const;
};

struct ClientLimits {
  std::size_t keys = 40;  // of each kind, in each database
  std::size_t value_bytes_max = 200;
};

class Clients {
 public:
  static constexpr std::uint32_t kSessions = 5;
  static constexpr std::string_view kUser = "admin";
  static constexpr std::string_view kPassword = "admin-pwd";

  Clients(Oracle& oracle, std::uint64_t seed, const ClientLimits& limits)
      : oracle_(&oracle), prng_(seed), limits_(limits) {}

  // All old sessions are gone, with what they waited for.
  void BeginLife();
  SessionId Open(std::uint32_t slot);
  void Close(std::uint32_t slot);
  [[nodiscard]] SessionId IdOf(std::uint32_t slot) const { return sessions_[slot].id; }
  // Another one for each session that ever was.
  [[nodiscard]] SessionName SessionNameOf(std::uint32_t slot) const {
    return {.high = (std::uint64_t{sessions_[slot].id.generation} << 8U) + slot, .low = 1};
  }

  // What a session does first, and later.
  static Script First();
  Script Next(std::uint32_t slot);
  // Before the step that runs it, and after.
  void Begin(std::uint32_t slot, const Script& script);
  void End(const Script& script);

  void OnRecord(const DecodedRecord& record, const Model& before);
  Result<void> OnOutput(const Output& output);
  // What has been checked leaves now: from now on it is promised.
  void Release();
  // Nothing is under way: each watcher has heard of everything.
  [[nodiscard]] Result<void> CheckAllHeard() const;
  [[nodiscard]] bool AnyWaits() const;
  [[nodiscard]] std::size_t WaitsFor(std::uint32_t slot) const {
    return sessions_[slot].pending.size();
  }
  [[nodiscard]] bool IsOpen(std::uint32_t slot) const { return sessions_[slot].open; }

  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t refused_full() const { return refused_full_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  struct Pending {
    Verb verb = Verb::kPing;
    Revision end{};       // of the node, behind the command
    bool writes = false;  // it has made records
    bool denied = false;  // for want of rights
    bool gated = false;   // of which one must be on the medium
    Revision rests_on{};
    std::optional<Reply> expected{};  // the data
    std::string text{};               // of it
    std::string name{};               // of the database it selects
  };
  // One change of one key, as watchers must hear it.
  struct KeyEvent {
    Revision revision{};
    bool removed = false;
    bool gated = false;
    std::string value{};
    std::int64_t version = 0;
  };
  using Place = std::pair<std::uint32_t, std::string>;
  struct Watch {
    Place place;
    // Which events may be the next one: several, where equal ones follow each other.
    std::set<std::size_t> next;
    std::size_t before = 0;  // events from before the watch need not come, and may come twice
    bool dropped = false;
    Revision dropped_at{};
    // It may not have been read for a while: what came then is not told, and the present value
    // again (watch_oracle.h holds against that what is told).
    bool withheld = false;
  };
  struct Session {
    SessionId id{};
    bool open = false;
    DatabaseId database{};
    std::deque<Pending> pending{};
    std::vector<Watch> watches{};
  };
  struct Promise {
    Revision revision{};
    bool gated = false;
  };

  [[nodiscard]] const ModelDatabase* Selected(const Session& session) const;
  std::string AnyKey();
  std::string AnyValue();
  Script Write(const ModelDatabase& database);
  Script Living(std::uint32_t slot);
  Script Read();
  Script Watching();
  Script Administer(const ModelDatabase& database);
  Script CreateDatabase();
  Script ResolveOne(const ModelDatabase& database);
  Script UseAny();
  Script OplogCommand();
  Script AnyRights();
  [[nodiscard]] bool IsDenied(const Session& session, const Script& script) const;
  void Expect(const Session& session, const Script& script);
  void Follow(Session& session, const Script& script);

  Result<void> OnReply(const Reply& reply);
  Result<void> OnStatus(Session& session, const Reply& reply);
  Result<void> OnChange(const Change& change, SessionId target);
  Result<void> OnKeyEvent(Watch& watch, const Change& change);
  Result<void> OnConflict(const Change& change, DatabaseId database);
  void AddEvent(const Place& place, KeyEvent event);
  void Withhold(DatabaseId database, const RecordItem& rights);
  void Hash(std::uint64_t number, std::string_view text);

  Oracle* oracle_;
  Prng prng_;
  ClientLimits limits_;
  std::vector<Session> sessions_ = std::vector<Session>(kSessions);
  std::map<Place, std::vector<KeyEvent>> events_;  // of this life
  std::vector<Promise> promises_;
  Session* running_ = nullptr;
  Pending now_;
  bool drops_next_ = false;  // a database, while a snapshot is taken
  std::uint64_t values_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t refused_full_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace nunc
