#include "sim/oracle.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/little_endian.h"
#include "storage/meta.h"
#include "storage/segment.h"
#include "storage/snapshot_names.h"
#include "storage/snapshot_reader.h"

namespace nunc {

tl::unexpected<Error> Violated(std::string what) {
  return Fail(Fault::kDamaged, std::move(what));
}

namespace {

std::string Number(std::uint64_t value) {
  return std::to_string(value);
}

// The length of the record that begins there; zero: none does.
std::uint64_t LengthAt(std::string_view bytes, std::uint64_t offset) {
  if (offset + kRecordHeaderBytes > bytes.size()) {
    return 0;
  }
  const auto length = GetLittle<std::uint32_t>(bytes, offset);
  return offset + length <= bytes.size() ? length : 0;
}

}  // namespace

Revision Oracle::newest() const {
  return history_.empty() ? base_end_.revision : history_.back().end.revision;
}

const Oracle::Item* Oracle::Find(Revision revision) const {
  return revision <= base_end_.revision || revision > newest()
             ? nullptr
             : &history_[revision.value - base_end_.revision.value - 1];
}

// ---- a start

Result<void> Oracle::OnFresh() {
  if (floor_.value > 0) {
    return Violated("the folder counts as new, but revision " + Number(floor_.value) +
                    " was promised");
  }
  base_ = Model();
  base_end_ = {};
  history_.clear();
  model_ = Model();
  newest_term_ = {};
  return {};
}

// Is this end one of the history?
Result<void> Oracle::CheckPrefix(const ChainEnd& end) const {
  const Item* item = Find(end.revision);
  const ChainEnd& expected = item == nullptr ? base_end_ : item->end;
  if (end.revision > newest()) {
    return Violated("revision " + Number(end.revision.value) + " was recovered, but the newest " +
                    "ever written is " + Number(newest().value));
  }
  if (end.revision == expected.revision && end != expected) {
    return Violated("revision " + Number(end.revision.value) + " is another record than written");
  }
  if (end.revision < base_end_.revision) {
    return Violated("revision " + Number(base_end_.revision.value) +
                    " was on the medium, and only " + Number(end.revision.value) +
                    " was recovered");
  }
  return {};
}

Result<Model> Oracle::ModelAt(const ChainEnd& end) const {
  Model model = base_;
  RecordDecoder decoder;
  for (const Item& item : history_) {
    if (item.end.revision > end.revision) {
      break;
    }
    if (item.bytes.empty()) {
      continue;  // begins a term, changes nothing
    }
    const auto decoded = decoder.DecodeChecked(item.bytes);
    if (!decoded) {
      return Violated("a record of the history cannot be read");
    }
    if (Result<void> applied = model.Apply(decoded->record); !applied) {
      return tl::unexpected(applied.error());
    }
  }
  return model;
}

Result<void> Oracle::OnRecovered(const ChainEnd& end, const Store& store) {
  if (Result<void> known = CheckPrefix(end); !known) {
    return known;
  }
  if (end.revision < floor_) {
    return Violated("revision " + Number(floor_.value) + " was promised, and only " +
                    Number(end.revision.value) + " was recovered");
  }
  Result<Model> model = ModelAt(end);
  if (!model) {
    return tl::unexpected(model.error());
  }
  if (const auto difference = model->Difference(store)) {
    return Violated("recovered at revision " + Number(end.revision.value) + ": " + *difference);
  }
  // What lies behind is given up for good.
  while (newest() > end.revision) {
    history_.pop_back();
  }
  model_ = std::move(*model);
  written_ = newest();
  return {};
}

Result<void> Oracle::OnTermBegun(const ChainEnd& end) {
  if (end.revision.value != newest().value + 1) {
    return Violated("the term begins with revision " + Number(end.revision.value) + " behind " +
                    Number(newest().value));
  }
  if (end.term <= newest_term_) {
    return Violated("term " + Number(end.term.value) + " begins after term " +
                    Number(newest_term_.value));
  }
  newest_term_ = end.term;
  history_.push_back({.end = end, .bytes = {}});
  ++records_;
  return {};
}

Result<void> Oracle::OnStarted() {
  base_ = model_;
  base_end_ = history_.empty() ? base_end_ : history_.back().end;
  history_.clear();
  written_ = promised_ = kept_ = floor_ = base_end_.revision;
  snapshots_.clear();
  meta_.clear();
  if (Result<void> found = FindPosition(); !found) {
    return found;
  }
  return CheckFiles();
}

// Goes through the records on the medium, by their lengths, and compares them with what the process
// sees: a start may not take for durable what only the memory of the system holds.
Result<void> Oracle::FindPosition() {
  synced_ = base_end_.revision;
  segment_ = {};
  for (const std::string& name : log_.Names()) {
    const auto parsed = ParseLogFileName(name);
    if (!parsed || parsed->kind != LogFileKind::kSegment || parsed->number > synced_.value + 1) {
      continue;
    }
    const std::string seen = log_.Content(name);
    const std::string synced = log_.DurableContent(name);
    segment_ = {parsed->number};
    offset_ = kSegmentHeaderBytes;
    for (std::uint64_t revision = parsed->number; revision <= synced_.value; ++revision) {
      const std::uint64_t length = LengthAt(seen, offset_);
      if (length == 0 || GetLittle<std::uint64_t>(seen, offset_ + 24) != revision) {
        break;
      }
      offset_ += length;
    }
    if (seen.substr(0, offset_) != synced.substr(0, offset_)) {
      return Violated("after a start " + name + " is not on the medium");
    }
  }
  return segment_.value > 0 ? Result<void>() : Violated("after a start there is no segment");
}

// ---- a life

Result<void> Oracle::OnRecords(std::string_view encoded, std::int64_t now_us, const Hear& hear) {
  RecordDecoder decoder;
  while (!encoded.empty()) {
    const ChainEnd before = history_.empty() ? base_end_ : history_.back().end;
    Result<std::optional<DecodedRecord>> decoded = decoder.Decode(encoded, before.checksum);
    if (!decoded) {
      return Violated("behind revision " + Number(before.revision.value) +
                      " comes no record: " + decoded.error().detail);
    }
    const std::optional<DecodedRecord> whole = *std::move(decoded);
    if (!whole) {
      return Violated("behind revision " + Number(before.revision.value) +
                      " comes no record: too short");
    }
    const DecodedRecord& record = *whole;
    if (record.record.revision.value != before.revision.value + 1 || record.term != before.term ||
        record.record.time_us <= before.time_us) {
      return Violated("revision " + Number(record.record.revision.value) + " of term " +
                      Number(record.term.value) + " does not follow " +
                      Number(before.revision.value) + " of term " + Number(before.term.value));
    }
    hear(record, model_);
    if (Result<void> applied = model_.Apply(record.record); !applied) {
      return applied;
    }
    history_.push_back({.end = HeadOfRecord(encoded).end,
                        .bytes = std::string(encoded.substr(0, record.bytes)),
                        .made_us = now_us});
    ++records_;
    encoded.remove_prefix(record.bytes);
  }
  return {};
}

Result<void> Oracle::MustBeSynced(Revision revision, std::string_view who) {
  const auto missing = [&](Revision at) {
    return Violated(std::string(who) + " rests on revision " + Number(revision.value) +
                    ", but revision " + Number(at.value) + " is not on the medium");
  };
  if (revision <= synced_) {
    return {};
  }
  if (revision > newest()) {
    return Violated(std::string(who) + " rests on a revision that nobody has written");
  }
  std::string content = log_.DurableContent(SegmentName(segment_));
  while (synced_ < revision) {
    const Revision next{synced_.value + 1};
    const std::string& bytes = Find(next)->bytes;
    if (content.compare(std::min<std::size_t>(offset_, content.size()), bytes.size(), bytes) != 0) {
      content = log_.DurableContent(SegmentName(next));
      segment_ = next;
      offset_ = kSegmentHeaderBytes;
      if (content.size() < offset_ || content.compare(offset_, bytes.size(), bytes) != 0) {
        return missing(next);
      }
    }
    offset_ += bytes.size();
    synced_ = next;
  }
  return {};
}

Result<void> Oracle::CheckStore(const Store& store) const {
  const auto difference = model_.Difference(store);
  return difference ? Violated("at revision " + Number(newest().value) + ": " + *difference)
                    : Result<void>();
}

// ---- files

Result<void> Oracle::CheckFiles() {
  if (Result<void> checked = CheckSnapshots(data_.Names()); !checked) {
    return checked;
  }
  if (Result<void> checked = CheckMark(); !checked) {
    return checked;
  }
  return CheckNeeded(log_.Names());
}

// One that has its name is whole on the medium, and so is the log up to its end.
Result<void> Oracle::CheckSnapshots(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!ParseSnapshotName(name) || !snapshots_.insert(name).second) {
      continue;
    }
    const std::string content = data_.SyncedContent(name);
    BytesSource source(content);
    const auto whole = VerifySnapshot(source, name);
    if (!whole) {
      return Violated("a snapshot that is not whole on the medium has its name: " +
                      whole.error().detail);
    }
    if (Result<void> synced = MustBeSynced(whole->end.revision, name); !synced) {
      return synced;
    }
  }
  std::erase_if(snapshots_,
                [&](const std::string& name) { return !std::ranges::binary_search(names, name); });
  return {};
}

// The next start would refuse a log that ends below the mark.
Result<void> Oracle::CheckMark() {
  std::string content = data_.SyncedContent(kMetaName);
  if (content == meta_) {
    return {};
  }
  meta_ = std::move(content);
  SimDevice device;
  SimDisk disk(device, "data");
  disk.SetContent(kMetaName, meta_);
  const auto meta = MetaFile::Load(disk);
  return meta ? MustBeSynced((*meta)->value().durable, "the durable mark")
              : Violated("a meta file that cannot be read: " + meta.error().detail);
}

// The log reaches back to what the older of the two newest snapshots has (a power cut may bring
// back more); without one, to its beginning.
Result<void> Oracle::CheckNeeded(const std::vector<std::string>& names) const {
  Revision start;
  if (!snapshots_.empty()) {
    const auto newest = std::prev(snapshots_.end());
    start = ParseSnapshotName(newest == snapshots_.begin() ? *newest : *std::prev(newest))
                .value_or(Revision{});
  }
  for (const std::string& name : names) {
    const auto parsed = ParseLogFileName(name);
    if (parsed && parsed->kind == LogFileKind::kSegment) {
      return parsed->number <= start.value + 1
                 ? Result<void>()
                 : Violated("the log begins with " + name +
                            ", but a snapshot that is kept was begun at " + Number(start.value));
    }
  }
  return Violated("there is no op log");
}

// ---- a fall

void Oracle::OnFall(bool power_cut, std::int64_t now_us) {
  kept_ = std::max({kept_, promised_, base_end_.revision, std::min(synced_, newest())});
  for (Item& item : history_) {
    const bool old = item.made_us > 0 && item.made_us < now_us - unsynced_max_us_;
    if (power_cut && old && item.end.revision <= written_) {
      kept_ = std::max(kept_, item.end.revision);
    }
    // After this nobody syncs it in time any more.
    item.made_us = 0;
  }
  if (power_cut) {
    written_ = kept_;
  }
  floor_ = std::max(kept_, written_);
}

Result<void> Oracle::CheckCopy(const ChainEnd& end, const Store& store, Revision mark) const {
  const Item* item = Find(end.revision);
  if (end.revision < mark) {
    return Violated("a damaged log was taken up to revision " + Number(end.revision.value) +
                    ", below the durable mark " + Number(mark.value));
  }
  if (end.revision < base_end_.revision) {
    return {};  // what was lost lies above the mark, and its model is not kept
  }
  if (end.revision > newest() || (item != nullptr && item->end != end)) {
    return Violated("a damaged log gave records that nobody has written");
  }
  const Result<Model> model = ModelAt(end);
  if (!model) {
    return tl::unexpected(model.error());
  }
  const auto difference = model->Difference(store);
  return difference ? Violated("from a damaged copy, at revision " + Number(end.revision.value) +
                               ": " + *difference)
                    : Result<void>();
}

}  // namespace nunc
