#include "node/recent_records.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "storage/record.h"

namespace nunc {

RecordBytes TakeRun(std::string_view records, Revision first, Revision last,
                    std::size_t bytes_max) {
  while (!records.empty() && HeadOfRecord(records).end.revision < first) {
    records.remove_prefix(HeadOfRecord(records).bytes);
  }
  RecordBytes run;
  std::size_t bytes = 0;
  while (bytes < records.size()) {
    const RecordHead head = HeadOfRecord(records.substr(bytes));
    const bool fits = run.count == 0 || bytes + head.bytes <= bytes_max;
    if (head.end.revision > last || !fits || (run.count > 0 && head.end.term != run.term)) {
      break;
    }
    bytes += head.bytes;
    ++run.count;
    run.term = head.end.term;
    run.last = head.end.revision;
  }
  run.bytes = records.substr(0, bytes);
  return run;
}

void RecentRecords::Append(std::string_view records) {
  while (!records.empty()) {
    const RecordHead head = HeadOfRecord(records);
    if (chunks_.empty() || chunks_.back().bytes.size() >= kChunkBytes) {
      chunks_.push_back({.first = head.end.revision});
    }
    chunks_.back().bytes.append(records.substr(0, head.bytes));
    chunks_.back().last = head.end.revision;
    bytes_ += head.bytes;
    records.remove_prefix(head.bytes);
  }
}

void RecentRecords::Trim() {
  while (bytes_ > kRecentRecordsBytesMax && chunks_.size() > 1) {
    bytes_ -= chunks_.front().bytes.size();
    chunks_.pop_front();
  }
}

void RecentRecords::CutTo(Revision last) {
  while (!chunks_.empty() && chunks_.back().last > last) {
    Chunk chunk = std::move(chunks_.back());
    chunks_.pop_back();
    bytes_ -= chunk.bytes.size();
    if (chunk.first <= last) {
      std::size_t kept = 0;
      while (HeadOfRecord(std::string_view(chunk.bytes).substr(kept)).end.revision <= last) {
        kept += HeadOfRecord(std::string_view(chunk.bytes).substr(kept)).bytes;
      }
      chunk.bytes.resize(kept);
      chunk.last = last;
      bytes_ += kept;
      chunks_.push_back(std::move(chunk));
    }
  }
}

std::optional<RecordBytes> RecentRecords::From(Revision first, Revision last,
                                               std::size_t bytes_max) const {
  const auto chunk = std::ranges::find_if(
      chunks_, [first](const Chunk& each) { return each.first <= first && first <= each.last; });
  if (chunk == chunks_.end()) {
    return std::nullopt;
  }
  return TakeRun(chunk->bytes, first, last, bytes_max);
}

}  // namespace nunc
