#include "base/limits.h"
#include "core/executor.h"

namespace nunc {

void Executor::BeginCommand(const Session& session) {
  CloseRecord();
  needed_ = session.database == nullptr ? session.dropped : session.database->secure_revision();
}

// What is shown of several keys rests on all of them, and on what is not among them any more.
void Executor::NeedListing(const Database& database) {
  if (database.level() == AckLevel::kDisk) {
    Need(database.newest_revision());
  }
}

Store::Stamp Executor::NewRecord(const Record& record, Output& output) {
  record_stamp_ = store_.NextStamp(now_.wall_us);
  record_database_ = record.database;
  output.records.push_back({.record = record, .first_item = output.record_items.size()});
  output.records.back().record.revision = record_stamp_.revision;
  output.records.back().record.time_us = record_stamp_.time_us;
  return record_stamp_;
}

Store::Stamp Executor::RecordFor(const Database& database, Output& output) {
  if (record_database_ == database.id()) {
    return record_stamp_;
  }
  return NewRecord({.type = RecordType::kBatch, .database = database.id()}, output);
}

// Only now the items stay where they are, and it is known how many each record has.
void Executor::FinishCommand(Output& output) const {
  for (std::size_t i = 0; i < output.records.size(); ++i) {
    Output::Logged& logged = output.records[i];
    const std::size_t end = i + 1 < output.records.size() ? output.records[i + 1].first_item
                                                          : output.record_items.size();
    logged.record.items = std::span<const RecordItem>(output.record_items)
                              .subspan(logged.first_item, end - logged.first_item);
    if (logged.record.items.size() == 1) {
      logged.record.type = logged.record.items.front().type;
    }
  }
  for (auto& item : output.items) {
    if (auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
      reply->after = needed_;
    }
  }
}

std::optional<ErrorCode> Executor::CheckSpace(const Session& session, const Command& command,
                                              Effect effect) const {
  const std::size_t bytes =
      command.key.size() + command.value.size() + command.name.size() + command.secret.size();
  // A decision is written twice: in the key, and in the queue.
  const std::size_t times = command.verb == Verb::kResolve ? 2 : 1;
  if (!HasRoom(times * bytes + kRecordBytesAround)) {
    return ErrorCode::kDiskFull;
  }
  if (effect == Effect::kRemoves ||
      store_.bytes() + bytes + kRecordBytesAround <= options_.memory_bytes_max) {
    return std::nullopt;
  }
  // Near the limit what does not grow may still change.
  const Entry* existing =
      session.database == nullptr ? nullptr : session.database->Find(command.key);
  const bool grows = existing == nullptr || existing->value().size() < command.value.size();
  return grows ? std::optional(ErrorCode::kMemoryFull) : std::nullopt;
}

void Executor::Noop(Output& output) {
  // No conflict id of a former life returns: each was at most as late as the log.
  last_conflict_.value = std::max(last_conflict_.value, (store_.LogTimeUs(0) + 1) * 1000);
  NewRecord({.type = RecordType::kNoop}, output);
  CloseRecord();
}

void Executor::CreateDatabase(const DatabaseSpec& spec, Output& output) {
  const DatabaseId id = store_.NextDatabaseId();
  const Store::Stamp stamp =
      NewRecord({.type = RecordType::kCreateDatabase, .database = id, .spec = spec}, output);
  CloseRecord();
  store_.Add(id, spec, stamp);
  Need(stamp.revision);
  Database& admin = store_.admin();
  const Place listed = Locate(admin, spec.name);
  Announce(admin, listed.hash, Delivery::ChangeOf(*listed.existing), stamp.revision, output);
}

}  // namespace nunc
