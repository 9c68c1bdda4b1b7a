#include "storage/oplog.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/planted.h"

namespace nunc {

namespace {

tl::unexpected<Error> FailedBefore() {
  return Fail(Fault::kIo, "the op log could not be written before");
}

}  // namespace

OpLog::OpLog(Disk& disk, const LogOptions& options, LogState state, Current current)
    : disk_(disk),
      options_(options),
      segments_(state.segments.begin(), state.segments.end()),
      file_(std::move(current.file)),
      beside_(std::move(current.beside)),
      end_(state.end),
      index_(std::move(state.index)),
      durable_(state.end.revision),
      spares_(std::move(state.spares)),
      next_spare_(state.next_spare) {}

Result<std::unique_ptr<OpLog>> OpLog::Open(Disk& disk, const LogOptions& options, LogState state) {
  CHECK(!state.segments.empty());
  CHECK(state.segments.back().last == state.end.revision);
  std::erase_if(state.spares,
                [&](const SpareFile& file) { return file.bytes != options.segment_bytes; });
  auto current = OpenCurrent(disk, SegmentName(state.segments.back().first));
  if (!current) {
    return tl::unexpected(std::move(current.error()));
  }
  return std::unique_ptr<OpLog>(new OpLog(disk, options, std::move(state), std::move(*current)));
}

Result<OpLog::Current> OpLog::OpenCurrent(Disk& disk, const std::string& name) {
  auto file = disk.Open(name, OpenMode::kReadWrite);
  if (!file) {
    return NamedError(disk, name, file.error());
  }
  auto beside = disk.Open(name, OpenMode::kReadWrite);
  if (!beside) {
    return NamedError(disk, name, beside.error());
  }
  return Current{.file = std::move(*file), .beside = std::move(*beside)};
}

void OpLog::SetCluster(const ClusterId& cluster) {
  CHECK(end_.revision.value == 0);
  options_.cluster = cluster;  // the first record brings the header with it
}

bool OpLog::HasRecords(const SegmentInfo& segment) const {
  return segment.last >= segment.first;
}

std::uint64_t OpLog::SegmentBytesFor(std::uint64_t record_bytes) const {
  return std::max(options_.segment_bytes, kSegmentHeaderBytes + record_bytes);
}

Result<void> OpLog::Append(std::string_view records) {
  if (failed_) {
    return FailedBefore();
  }
  if (records.empty()) {
    return {};
  }
  Divide(records);
  auto done = MakeRoom();
  if (!done) {
    failed_ = done.error().fault != Fault::kNoSpace;
    return done;
  }
  for (std::size_t i = 0; i < pieces_.size() && done; ++i) {
    if (!pieces_[i].records.empty()) {
      done = i == 0 ? WriteInCurrent(pieces_[i]) : WriteInNew(pieces_[i]);
    }
  }
  // Part of it may be in the file: what becomes of that the next start finds out.
  failed_ = !done.has_value();
  return done;
}

// The first piece is for the current segment and may be empty; each other one has a new segment.
void OpLog::Divide(std::string_view records) {
  pieces_.clear();
  pieces_.push_back({.before = end_, .after = end_});
  const SegmentInfo& current = segments_.back();
  // The first record of a segment always fits: the file is made as large as that needs.
  std::uint64_t left = current.file_bytes - std::min(current.file_bytes, current.used_bytes);
  bool empty = !HasRecords(current);
  std::size_t at = 0;
  std::size_t begin = 0;
  while (at < records.size()) {
    const RecordHead head = HeadOfRecord(records.substr(at));
    CHECK(head.end.revision.value == pieces_.back().after.revision.value + 1);
    if (head.bytes > left && !empty) {
      const ChainEnd before = pieces_.back().after;
      pieces_.push_back({.before = before, .after = before});
      begin = at;
      left = SegmentBytesFor(head.bytes) - kSegmentHeaderBytes;
    }
    Piece& piece = pieces_.back();
    if (begin == at) {
      piece.first = head;
    }
    at += head.bytes;
    left -= std::min<std::uint64_t>(left, head.bytes);
    empty = false;
    piece.records = records.substr(begin, at - begin);
    piece.after = head.end;
  }
}

// A spare for each new segment, before anything is written: so a full disk is found out in time.
Result<void> OpLog::MakeRoom() {
  SegmentInfo& current = segments_.back();
  const std::uint64_t needed = current.used_bytes + pieces_.front().records.size();
  if (needed > current.file_bytes) {
    auto reserved = file_->Reserve(needed);
    if (!reserved) {
      return reserved;
    }
    current.file_bytes = needed;
  }
  std::size_t ready = spares_.size();
  for (std::size_t i = 1; i < pieces_.size(); ++i) {
    const std::uint64_t bytes = SegmentBytesFor(pieces_[i].records.size());
    if (bytes == options_.segment_bytes && ready > 0) {
      --ready;
      continue;
    }
    auto reserved = Reserve(bytes);
    if (!reserved) {
      DropLargeSpares();
      return reserved;
    }
  }
  return {};
}

// Only the append that they were made for has a use for them.
void OpLog::DropLargeSpares() {
  std::erase_if(spares_, [this](const SpareFile& file) {
    const bool large = file.bytes != options_.segment_bytes;
    if (large) {
      // What stays is removed by the next start.
      static_cast<void>(disk_.Remove(SpareName(file.number)));
    }
    return large;
  });
}

Result<void> OpLog::Reserve(std::uint64_t bytes) {
  const std::uint64_t number = next_spare_++;
  const std::string name = SpareName(number);
  auto file = disk_.Open(name, OpenMode::kCreate);
  if (!file) {
    return Fail(file.error().fault, file.error().detail);
  }
  auto reserved = (*file)->Reserve(bytes);
  if (reserved) {
    spares_.push_back({.number = number, .bytes = bytes});
    return reserved;
  }
  file->reset();
  // What it took is given back; that it failed is what is told.
  static_cast<void>(disk_.Remove(name));
  return reserved;
}

Result<void> OpLog::WriteInCurrent(const Piece& piece) {
  SegmentInfo& current = segments_.back();
  if (HasRecords(current)) {
    auto written = file_->Write(current.used_bytes, piece.records);
    if (written) {
      NotePiece(piece);
    }
    return written;
  }
  // Its header was written when nobody knew the first record.
  current.first_time_us = piece.first.end.time_us;
  std::string bytes = EncodeSegmentHeader({.cluster = options_.cluster,
                                           .first = current.first,
                                           .first_term = piece.first.end.term,
                                           .first_time_us = current.first_time_us,
                                           .previous_checksum = piece.before.checksum});
  bytes += piece.records;
  bytes.append(std::min<std::uint64_t>(kEndMarkBytes, current.file_bytes - bytes.size()), '\0');
  auto written = file_->Write(0, bytes);
  if (written) {
    NotePiece(piece);
  }
  return written;
}

Result<void> OpLog::WriteInNew(const Piece& piece) {
  const std::uint64_t bytes = SegmentBytesFor(piece.records.size());
  const auto spare = std::ranges::find(spares_, bytes, &SpareFile::bytes);
  CHECK(spare != spares_.end());
  const Revision first = piece.first.end.revision;
  const std::string name = SegmentName(first);
  auto renamed = disk_.Rename(SpareName(spare->number), name);
  if (!renamed) {
    return renamed;
  }
  spares_.erase(spare);
  auto current = OpenCurrent(disk_, name);
  if (!current) {
    return tl::unexpected(std::move(current.error()));
  }
  unsynced_.push_back(std::exchange(file_, std::move(current->file)));
  beside_ = std::move(current->beside);
  sealed_.push_back({.first = segments_.back().first, .entries = std::exchange(index_, {})});
  folder_changed_ = true;
  segments_.push_back({.first = first,
                       .last = piece.before.revision,
                       .used_bytes = kSegmentHeaderBytes,
                       .file_bytes = bytes});
  return WriteInCurrent(piece);
}

void OpLog::NotePiece(const Piece& piece) {
  SegmentInfo& current = segments_.back();
  std::string_view rest = piece.records;
  std::uint64_t checksum = piece.before.checksum;
  while (!rest.empty()) {
    const RecordHead head = HeadOfRecord(rest);
    NoteInIndex(index_, current.used_bytes, head, checksum);
    checksum = head.end.checksum;
    current.used_bytes += head.bytes;
    rest.remove_prefix(head.bytes);
  }
  current.last = piece.after.revision;
  end_ = piece.after;
}

std::uint64_t OpLog::room() const {
  const SegmentInfo& current = segments_.back();
  const std::uint64_t left = current.file_bytes - std::min(current.file_bytes, current.used_bytes);
  // What is left may be too little for the next record; only a spare as a whole is sure. Of two,
  // the second may be needed for one record that just did not fit the first.
  const std::uint64_t spare = spares_.empty() ? 0 : options_.segment_bytes - kSegmentHeaderBytes;
  return std::max(left, spare);
}

std::size_t OpLog::FilesWaiting() const {
  return spares_.size() + cooling_.size() + cooling_in_sync_.size() + (spare_under_way_ ? 1 : 0);
}

bool OpLog::NeedsSpare() const {
  return !failed_ && FilesWaiting() == 0;
}

SpareWork OpLog::BeginSpare() {
  CHECK(!spare_under_way_);
  spare_under_way_ = true;
  return {disk_, next_spare_++, options_.segment_bytes};
}

void OpLog::OnSpare(const SpareWork& work, const Result<void>& result) {
  CHECK(spare_under_way_);
  spare_under_way_ = false;
  if (result) {
    spares_.push_back({.number = work.number(), .bytes = work.bytes()});
  } else {
    failed_ = failed_ || result.error().fault != Fault::kNoSpace;
  }
}

Result<void> OpLog::ReserveNow() {
  if (failed_) {
    return FailedBefore();
  }
  if (!spares_.empty()) {
    return {};
  }
  auto reserved = Reserve(options_.segment_bytes);
  failed_ = !reserved && reserved.error().fault != Fault::kNoSpace;
  return reserved;
}

bool OpLog::NeedsSync() const {
  if (failed_ || syncs_.size() == kSyncsMax) {
    return false;
  }
  if (!syncs_.empty() && (syncs_.back().alone || has_duties())) {
    return false;
  }
  return sync_begun() < written() || folder_changed_;
}

SyncWork OpLog::BeginSync() {
  CHECK(NeedsSync());
  const bool beside = !syncs_.empty() && !syncs_.front().beside;
  syncs_.push_back({.revision = written(), .beside = beside, .alone = has_duties()});
  SyncWork::Plan plan{.files = std::exchange(unsynced_, {}),
                      .folder = std::exchange(folder_changed_, false),
                      .indexes = std::exchange(sealed_, {}),
                      .revision = written()};
  plan.files.push_back(beside && !Planted(Bug::kSyncsShareFile) ? beside_ : file_);
  if (syncs_.back().alone) {
    cooling_in_sync_ = std::exchange(cooling_, {});
  }
  return {disk_, std::move(plan)};
}

void OpLog::OnSynced(Revision revision) {
  const auto ended = std::ranges::find(syncs_, revision, &UnderWay::revision);
  CHECK(ended != syncs_.end());
  ended->done = true;
  while (!syncs_.empty() && syncs_.front().done) {
    durable_ = syncs_.front().revision;
    if (syncs_.front().alone) {
      spares_.insert(spares_.end(), cooling_in_sync_.begin(), cooling_in_sync_.end());
      cooling_in_sync_.clear();
    }
    syncs_.pop_front();
  }
}

void OpLog::OnSyncFailed() {
  syncs_.clear();
  failed_ = true;
}

}  // namespace nunc
