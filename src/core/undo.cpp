#include "core/undo.h"

#include <algorithm>

#include "core/database.h"

namespace nunc {

Undo::Record::Record() = default;
Undo::Record::Record(Record&&) noexcept = default;
Undo::Record& Undo::Record::operator=(Record&&) noexcept = default;
Undo::Record::~Record() = default;

void Undo::Keep(Revision revision, std::size_t bytes_max) {
  keeps_ = true;
  bytes_max_ = bytes_max;
  Clear(revision);
}

void Undo::Clear(Revision revision) {
  records_.clear();
  bytes_ = 0;
  open_ = false;
  final_ = {};
  floor_ = revision;
}

void Undo::SetFinal(Revision revision) {
  final_ = std::max(final_, revision);
  while (!records_.empty() && records_.front().revision <= final_) {
    ForgetOldest();
  }
  open_ = open_ && !records_.empty();
}

void Undo::Begin(Revision revision) {
  if (!keeps_) {
    return;
  }
  while (bytes_ > bytes_max_) {
    ForgetOldest();
  }
  open_ = revision > final_;
  if (!open_) {
    floor_ = revision;
    return;
  }
  records_.emplace_back();
  records_.back().revision = revision;
  records_.back().bytes = sizeof(Record);
  bytes_ += sizeof(Record);
}

void Undo::ForgetOldest() {
  Record oldest = std::move(records_.front());
  records_.pop_front();
  bytes_ -= oldest.bytes;
  floor_ = oldest.revision;
  if (oldest.dropped != nullptr) {
    freed_.push_back(std::move(oldest.dropped));
  }
}

void Undo::Note(Was was) {
  Record& record = records_.back();
  const std::size_t bytes = sizeof(was) + was.key.size() + was.value.size();
  record.bytes += bytes;
  bytes_ += bytes;
  record.keys.push_back(std::move(was));
}

void Undo::NoteDropped(std::unique_ptr<Database> database) {
  Record& record = records_.back();
  record.bytes += database->bytes();
  bytes_ += database->bytes();
  record.dropped = std::move(database);
}

void Undo::NoteRetry(Retries::Was was) {
  Record& record = records_.back();
  const std::size_t versions = was.lost ? was.lost->versions.size() : 0;
  const std::size_t bytes = sizeof(was) + versions * sizeof(std::int64_t);
  record.bytes += bytes;
  bytes_ += bytes;
  record.retry = std::make_unique<Retries::Was>(std::move(was));
}

void Undo::NoteEnded(const Database& database, Entry& entry, const Lifetime& lifetime) {
  const auto found = std::ranges::find_if(
      records_, [&](const Record& record) { return record.dropped.get() == &database; });
  if (found == records_.end()) {
    return;
  }
  found->ended.emplace_back(&entry, lifetime);
  found->bytes += sizeof(found->ended.front());
  bytes_ += sizeof(found->ended.front());
}

Undo::Record Undo::TakeNewest() {
  Record newest = std::move(records_.back());
  records_.pop_back();
  bytes_ -= newest.bytes;
  open_ = false;
  return newest;
}

}  // namespace nunc
