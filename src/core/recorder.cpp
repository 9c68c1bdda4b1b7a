#include "core/recorder.h"

#include <span>
#include <variant>

namespace nunc {

void Recorder::Begin(const Session& session) {
  Close();
  session_ = &session;
  retry_ = {};
  needed_ = session.database == nullptr ? session.dropped : session.database->secure_revision();
}

void Recorder::NeedListing(const Database& database) {
  if (WaitsForLog(database.level())) {
    Need(database.newest_revision());
  }
}

Store::Stamp Recorder::New(const Record& record, Output& output) {
  stamp_ = store_.NextStamp(now_.wall_us);
  database_ = record.database;
  if (session_ == nullptr) {
    recent_.Note(stamp_.revision, stamp_.time_us, Writer::kServer, {});
  } else {
    recent_.Note(stamp_.revision, stamp_.time_us, session_->writer(), session_->user);
  }
  output.records.push_back({.record = record, .first_item = output.record_items.size()});
  output.records.back().record.revision = stamp_.revision;
  output.records.back().record.time_us = stamp_.time_us;
  return stamp_;
}

void Recorder::NoteForeign(const Store::Stamp& stamp) {
  Close();
  stamp_ = stamp;
  recent_.Note(stamp.revision, stamp.time_us, Writer::kUnknown, {});
}

Store::Stamp Recorder::For(const Database& database, Output& output) {
  if (database_ == database.id()) {
    return stamp_;
  }
  return New({.type = RecordType::kBatch, .database = database.id()}, output);
}

// Only now the items stay where they are, and it is known how many each record has.
void Recorder::Finish(Output& output) {
  session_ = nullptr;
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
  if (retry_.session != 0 && !output.records.empty()) {
    output.records.back().record.retry = retry_;
    store_.NoteRetry(output.records.back().record);
  }
  for (auto& item : output.items) {
    if (auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
      reply->after = needed_;
    }
  }
}

}  // namespace nunc
