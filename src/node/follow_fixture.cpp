#include "node/follow_fixture.h"

#include <utility>
#include <variant>

#include "core/edit_fixture.h"

namespace nunc {
namespace {

std::string LineOf(const Reply& reply) {
  switch (reply.kind) {
    case ReplyKind::kOk:
      return "ok";
    case ReplyKind::kError:
      return "error " + std::to_string(static_cast<int>(reply.error)) +
             (reply.text.empty() ? "" : " " + std::string(reply.text));
    case ReplyKind::kValue:
    case ReplyKind::kValueVersion:
      return "value " + std::string(reply.text);
    case ReplyKind::kNoValue:
    case ReplyKind::kNoValueVersion:
      return "no value";
    default:
      return "reply " + std::to_string(static_cast<int>(reply.kind));
  }
}

std::string LineOf(const Change& change) {
  switch (change.kind) {
    case ChangeKind::kSet:
      return "set " + std::string(change.key) + " " + std::string(change.value) + " v" +
             std::to_string(change.version) + (change.more ? " +" : "");
    case ChangeKind::kRemoved:
      return "removed " + std::string(change.key) + (change.more ? " +" : "");
    case ChangeKind::kConflict:
      return "conflict " + std::string(change.value);
    case ChangeKind::kStarted:
      return "started " + std::string(change.key) + " " +
             std::string(change.value.substr(0, change.value.find(' ')));
    case ChangeKind::kReady:
      return "ready " + std::string(change.key);
    case ChangeKind::kGap:
      break;
  }
  return "gap " + std::string(change.key);
}

}  // namespace

ExecutorOptions FollowTest::Options(std::uint64_t hash_seed) {
  return {.user = "a",
          .password = "b",
          .address = "x:1",
          .start_time_ms = 1,
          .hash_seed = hash_seed,
          .value_bytes_max = 1'000,
          .make_edit = Appending::Make,
          .has_log = true};
}

FollowTest::FollowTest(bool forwards)
    : primary_(Options(1)), secondary_([forwards] {
        ExecutorOptions options = Options(2);
        options.forwards = forwards;
        return options;
      }()) {
  primary_.Step(TurnStarted{.now = now_}, output_);
  secondary_.Step(TurnStarted{.now = now_}, output_);
  secondary_.BeginFollowing({}, kCluster, {}, {});
  Step(RoleChanged{.role = NodeRole::kSecondary, .primary = "p:1"});
  primary_.BeginTerm({1}, {}, kCluster);
  primary_.Step(SessionOpened{.session = kWriter}, output_);
  Step(SessionOpened{.session = kReader});
  Step(SessionOpened{.session = kAdmin});
  Write({.verb = Verb::kAuth, .name = "a", .secret = "b"});
  Write({.verb = Verb::kCreateDb, .name = "db", .secret = "token", .strategy = Strategy::kArbiter});
  Write({.verb = Verb::kUseDb, .name = "db", .secret = "token"});
  Ship();
  Sync();
  Run(kAdmin, {.verb = Verb::kAuth, .name = "a", .secret = "b"});
  Run(kReader, {.verb = Verb::kUseDb, .name = "db", .secret = "token"});
  Run(kAdmin, {.verb = Verb::kUseDb, .name = "db", .secret = "token"});
  EndTurns();
  told_.clear();
}

void FollowTest::Write(const Command& command) {
  primary_.Step(ClientCommand{.session = kWriter, .command = &command}, output_);
  log_ += primary_.records();
  primary_.ClearRecords();
}

void FollowTest::Decide(std::string_view key, std::string_view value, std::int64_t version) {
  Write({.verb = Verb::kResolve,
         .name = "db",
         .key = key,
         .value = value,
         .version = version,
         .conflict = secondary_.store().Find("db")->conflicts().OpenOf(key).front()});
}

void FollowTest::Ship() {
  log_ += primary_.records();
  primary_.ClearRecords();
  Receive(std::string_view(log_).substr(shipped_));
  shipped_ = log_.size();
}

void FollowTest::Receive(std::string_view bytes) {
  Step(RecordsReceived{bytes});
}

void FollowTest::Sync() {
  Step(LogSynced{secondary_.end().revision});
}

void FollowTest::Step(const Input& input) {
  secondary_.Step(input, output_);
  kept_ += secondary_.records();
  secondary_.ClearRecords();
  for (const auto& item : output_.items) {
    if (const auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
      told_[reply->session.slot].push_back(LineOf(*reply));
      continue;
    }
    const auto& change = std::get<Change>(item);
    for (std::size_t i = 0; i < change.count; ++i) {
      told_[output_.targets[change.first + i].slot].push_back(LineOf(change));
    }
    if (change.kind == ChangeKind::kReady) {
      token_ = change.value;
    }
  }
}

FollowTest::Lines FollowTest::Run(SessionId session, const Command& command) {
  Step(ClientCommand{.session = session, .command = &command});
  return Take(session);
}

FollowTest::Lines FollowTest::Watch(std::string_view key, std::string_view since) {
  Run(kReader, {.verb = Verb::kWatch, .key = key, .since = since});
  EndTurns();
  return Take();
}

void FollowTest::EndTurns() {
  do {
    Step(TurnEnded{});
  } while (secondary_.has_work());
}

FollowTest::Lines FollowTest::Take(SessionId session) {
  return std::exchange(told_[session.slot], {});
}

std::string FollowTest::ValueOf(std::string_view key) {
  const Database* database = secondary_.store().Find("db");
  const Entry* entry = database == nullptr ? nullptr : database->Find(key);
  return entry == nullptr ? "-" : std::string(entry->value());
}

}  // namespace nunc
