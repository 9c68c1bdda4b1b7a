#include "core/executor_fixture.h"

namespace nunc {

namespace {

std::string EntriesIn(const Output& output) {
  std::string text;
  for (const Output::Row& row : output.rows) {
    text.append(", ").append(row.name).append(" " + std::to_string(row.version) + ' ');
    text.append(row.detail);
  }
  return text.empty() ? text : text.substr(1);
}

std::string RowsIn(const Output& output) {
  std::string rows;
  for (const Output::Row& row : output.rows) {
    rows.append(rows.empty() ? "" : ",").append(row.name);
    rows.append(row.detail.empty() ? "" : ":").append(row.detail);
  }
  return rows;
}

}  // namespace

ExecutorTest::Status ExecutorTest::Run(SessionId id, const Command& command) {
  output_.Clear();
  executor_.Execute(id, command, output_);
  Write();
  std::size_t statuses = 0;
  const Reply* status = nullptr;
  for (const auto& item : output_.items) {
    const Reply* reply = std::get_if<Reply>(&item);
    // What a watch begins with comes behind its status, replies do not.
    EXPECT_TRUE(reply == nullptr || status == nullptr);
    if (reply != nullptr && reply->is_status()) {
      status = reply;
      ++statuses;
    }
  }
  EXPECT_EQ(statuses, 1U) << "each command has exactly one status";
  if (status == nullptr) {
    return ErrorCode::kRejected;
  }
  EXPECT_EQ(status->session, id);
  error_text_ = status->text;
  error_number_ = status->number;
  return status->kind == ReplyKind::kOk ? kFine : Status(status->error);
}

void ExecutorTest::Write() {
  OnOutput();
  for (const auto& item : output_.items) {
    if (const Reply* reply = std::get_if<Reply>(&item); reply != nullptr) {
      told_[reply->session.slot].push_back(LineOf(*reply));
      continue;
    }
    const Change& change = std::get<Change>(item);
    EXPECT_TRUE(change.count > 0 || change.after > Revision{});
    // Only with its database a key goes from one that is none any more.
    EXPECT_TRUE(change.database != DatabaseId{} || change.kind == ChangeKind::kRemoved);
    for (std::size_t i = 0; i < change.count; ++i) {
      told_[output_.targets.at(change.first + i).slot].push_back(LineOf(change));
    }
  }
}

std::string ExecutorTest::LineOf(const Reply& reply) const {
  const std::string rows = RowsIn(output_);
  const std::string text(reply.text);
  const std::string number = std::to_string(reply.number);
  switch (reply.kind) {
    case ReplyKind::kOk:
      return "ok";
    case ReplyKind::kError:
      return "error";
    case ReplyKind::kValue:
      return "value " + text;
    case ReplyKind::kNoValue:
      return "no value";
    case ReplyKind::kValueVersion:
      return "value-version " + number + ' ' + text;
    case ReplyKind::kNoValueVersion:
      return "no value-version";
    case ReplyKind::kAuthValid:
      return "auth valid";
    case ReplyKind::kAuthInvalid:
      return "auth invalid";
    case ReplyKind::kDatabaseCreated:
      return "database created";
    case ReplyKind::kPut:
      return "put " + number;
    case ReplyKind::kTtl:
      return "ttl " + number;
    case ReplyKind::kNoTtl:
      return "no ttl";
    case ReplyKind::kHello:
      return "hello " + text + (reply.number == 0 ? " new" : " resumed");
    case ReplyKind::kQueued:
      return "queued";
    case ReplyKind::kExecuted:
      return "exec" + EntriesIn(output_);
    case ReplyKind::kEntries:
      return "values" + EntriesIn(output_);
    case ReplyKind::kScan:
      return "scan" + EntriesIn(output_) + (text.empty() ? " end" : " more " + text);
    case ReplyKind::kKeys:
      return "keys " + rows;
    case ReplyKind::kDatabases:
      return "databases " + rows;
    case ReplyKind::kConflicts:
      return "conflicts " + rows;
    case ReplyKind::kPendingOps:
      return "pending ops";
    case ReplyKind::kProcess:
      return "process " + number;
    case ReplyKind::kCommands:
      return "commands";
    case ReplyKind::kMetricsJson:
      return "metrics" + EntriesIn(output_);
    case ReplyKind::kMetrics:
      return "metrics " + std::to_string(output_.counters.commands);
    case ReplyKind::kCluster:
    case ReplyKind::kClusterJson:
      return "cluster" + EntriesIn(output_);
    case ReplyKind::kWhoami:
      return "whoami " + rows;
    case ReplyKind::kExplain:
      return "explain" + EntriesIn(output_);
    case ReplyKind::kLines:
      return "lines " + text + ' ' + rows;
    case ReplyKind::kPong:
      break;
  }
  return "pong";
}

std::string ExecutorTest::LineOf(const Change& change) {
  const std::string key(change.key);
  switch (change.kind) {
    case ChangeKind::kSet:
      return "set " + key + ' ' + std::string(change.value) + ' ' + std::to_string(change.version);
    case ChangeKind::kRemoved:
      return "removed " + key;
    case ChangeKind::kConflict:
      break;
    case ChangeKind::kStarted:
      return "started " + key + ' ' + std::string(change.value);
    case ChangeKind::kReady:
      return "ready " + key + ' ' + std::string(change.value);
    case ChangeKind::kGap:
      return "gap " + key;
  }
  return key + ": " + std::string(change.value);
}

}  // namespace nunc
