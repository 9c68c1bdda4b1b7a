#include "storage/oplog_recovery.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/planted.h"

namespace nunc {

namespace {

// How far ahead of a record that is visited others are expected.
constexpr std::size_t kExpectedRecords = 8;

std::string Number(std::uint64_t value) {
  return std::to_string(value);
}

// Where the record behind `start` is, or would be.
Result<std::size_t> FindBegin(const Disk& disk, std::span<const SegmentInfo> segments,
                              Revision start) {
  const auto after =
      std::ranges::upper_bound(segments, Revision{start.value + 1}, {}, &SegmentInfo::first);
  if (after == segments.begin()) {
    const std::string name = SegmentName(segments.front().first);
    return Fail(Fault::kDamaged, disk.PathOf(name) + ": the op log begins here, but revision " +
                                     Number(start.value + 1) + " is needed");
  }
  return static_cast<std::size_t>(after - segments.begin()) - 1;
}

// For searches by time. A header that cannot be read is a matter of who needs its records.
Result<void> ReadTimes(Disk& disk, const ClusterId& cluster, std::vector<SegmentInfo>& segments) {
  std::int64_t time_us = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string name = SegmentName(segments[i].first);
    auto file = disk.Open(name, OpenMode::kRead);
    if (!file) {
      return NamedError(disk, name, file.error());
    }
    const auto header = ReadSegmentHeader(**file, segments[i].first, cluster);
    if (!header && header.error().fault != Fault::kDamaged) {
      return NamedError(disk, name, header.error());
    }
    time_us = header ? header->first_time_us : time_us;
    segments[i].first_time_us = time_us;
    if (i + 1 < segments.size()) {
      segments[i].last = {segments[i + 1].first.value - 1};
    }
  }
  return {};
}

}  // namespace

LogScanner::LogScanner(Disk& disk, const ScanOptions& options, Worker* worker, LogFiles files,
                       std::size_t begin)
    : disk_(disk),
      options_(options),
      worker_(worker),
      files_(std::move(files)),
      ahead_(std::make_shared<Ahead>(
          Ahead{.walk = LogWalk(disk, options.log.cluster, options.start, files_.segments, begin),
                .chunk = {}})) {
  ReadAhead();
}

Result<std::unique_ptr<LogScanner>> LogScanner::Begin(Disk& disk, const ScanOptions& options,
                                                      Worker* worker) {
  auto files = ListLogFiles(disk);
  if (!files) {
    return Fail(files.error().fault, files.error().detail);
  }
  if (files->segments.empty()) {
    const Revision needed = std::max(options.durable, options.start.revision);
    return needed.value == 0 ? Fail(Fault::kNotFound, "there is no op log")
                             : Fail(Fault::kDamaged,
                                    disk.PathOf(SegmentName({options.start.revision.value + 1})) +
                                        ": the op log is missing, which was there up to "
                                        "revision " +
                                        Number(needed.value));
  }
  const auto begin = FindBegin(disk, files->segments, options.start.revision);
  if (!begin) {
    return Fail(begin.error().fault, begin.error().detail);
  }
  const auto times = ReadTimes(disk, options.log.cluster, files->segments);
  if (!times) {
    return Fail(times.error().fault, times.error().detail);
  }
  return std::unique_ptr<LogScanner>(
      new LogScanner(disk, options, worker, std::move(*files), *begin));
}

void LogScanner::ReadAhead() {
  ahead_->ready = worker_ == nullptr;
  if (worker_ == nullptr) {
    ahead_->chunk = ahead_->walk.Next();
    return;
  }
  // The scanner may be gone when they run.
  worker_->Submit([ahead = ahead_] { ahead->chunk = ahead->walk.Next(); },
                  [ahead = ahead_] { ahead->ready = true; });
}

Result<bool> LogScanner::Next(const Visit& visit, const Expect& expect) {
  while (!ahead_->ready) {
    CHECK(worker_->Collect(Wait::kForOne) > 0);
  }
  const Result<LogChunk> chunk = std::exchange(ahead_->chunk, {});
  if (!chunk) {
    return Fail(chunk.error().fault, chunk.error().detail);
  }
  if (chunk->more) {
    ReadAhead();
  }
  std::string_view rest = chunk->bytes;
  std::string_view ahead = expect ? rest : std::string_view{};
  for (std::size_t taken = 0, expected = 0; !rest.empty(); ++taken) {
    for (; expected < taken + kExpectedRecords && !ahead.empty(); ++expected) {
      expect(ahead);
      ahead.remove_prefix(HeadOfRecord(ahead).bytes);
    }
    const auto record = decoder_.DecodeChecked(rest);
    CHECK(record.has_value());
    const auto visited = visit(*record);
    if (!visited) {
      return Fail(visited.error().fault, visited.error().detail);
    }
    rest.remove_prefix(record->bytes);
  }
  if (chunk->more) {
    return true;
  }
  const auto judged = Judge();
  return judged ? Result<bool>(false) : Fail(judged.error().fault, judged.error().detail);
}

Result<void> LogScanner::Judge() {
  const WalkEnd& end = ahead_->walk.end();
  const std::string name = SegmentName(files_.segments[end.segment].first);
  const std::string where = disk_.PathOf(name) + ", offset " + Number(end.offset) + ": " + end.why;
  if (end.intact) {
    return Fail(Fault::kDamaged, where + ", in a record that was written so");
  }
  // A snapshot is only kept once the log has been on the disk beyond it.
  const Revision mark = std::max(options_.durable, options_.start.revision);
  if (end.end.revision < mark && !Planted(Bug::kTornBelowMark)) {
    return Fail(Fault::kDamaged, where + "; the last intact revision is " +
                                     Number(end.end.revision.value) + ", below the durable mark " +
                                     Number(mark.value));
  }
  return JudgeRemoved(end.segment + (end.header_bad ? 0 : 1));
}

// What stands behind the end of the log is removed: not what somebody else has put there.
Result<void> LogScanner::JudgeRemoved(std::size_t begin) {
  for (std::size_t i = begin; i < files_.segments.size(); ++i) {
    const std::string name = SegmentName(files_.segments[i].first);
    auto file = disk_.Open(name, OpenMode::kRead);
    if (!file) {
      return NamedError(disk_, name, file.error());
    }
    std::array<char, kSegmentHeaderBytes> head{};
    const auto bytes = (*file)->Read(0, head);
    if (!bytes) {
      return NamedError(disk_, name, bytes.error());
    }
    if (IsForeign({head.data(), *bytes})) {
      return Fail(Fault::kInvalid, disk_.PathOf(name) +
                                       ": has the name of a segment of the op log, and is none; "
                                       "move it out of the folder");
    }
  }
  return {};
}

Result<LogState> LogScanner::Settle() {
  LogWalk& walk = ahead_->walk;
  const WalkEnd& end = walk.end();
  files_.segments = walk.segments();
  const bool first = end.segment == walk.begin();
  const bool has_records =
      files_.segments[end.segment].last >= files_.segments[end.segment].first && !end.header_bad;
  // An empty segment is only kept where there is no other one to go on with.
  const std::size_t kept = end.segment + (has_records || first ? 1 : 0);
  NoteCut(end.segment + 1);
  for (std::size_t i = walk.begin(); i < kept; ++i) {
    const bool newest = i + 1 == kept;
    // After a clean stop the mark covers the newest one too, and nothing torn stands in it.
    const bool whole = !newest || (end.torn_bytes == 0 && !end.header_bad);
    if ((whole && files_.segments[i].last <= options_.durable) ||
        (Planted(Bug::kNoCopyAtStart) && !end.header_bad)) {
      continue;
    }
    const auto copied = newest && end.header_bad && first ? EmptySegment(i) : CopySegment(i);
    if (!copied) {
      return NamedError(disk_, SegmentName(files_.segments[i].first), copied.error());
    }
  }
  auto done = disk_.SyncFolder();
  if (done) {
    done = CleanUp(kept);
  }
  if (!done) {
    return Fail(done.error().fault, done.error().detail);
  }
  files_.segments.resize(kept);
  return LogState{.segments = std::move(files_.segments),
                  .end = end.end,
                  .index = walk.TakeIndex(kept - 1),
                  .spares = std::move(files_.spares),
                  .next_spare = files_.next_spare};
}

// `walked`: the segments up to the one in which the log ends.
void LogScanner::NoteCut(std::size_t walked) {
  const WalkEnd& end = ahead_->walk.end();
  const std::uint64_t torn = end.torn_bytes > 0 ? 1 : 0;
  if (torn == 0 && !end.header_bad && walked == files_.segments.size()) {
    return;
  }
  cut_ = CutTail{.file = disk_.PathOf(SegmentName(files_.segments[end.segment].first)),
                 .offset = end.offset,
                 .why = end.why};
  const std::uint64_t named = files_.segments.back().first.value - 1;
  cut_->records = std::max(torn, named - std::min(named, end.end.revision.value));
  cut_->bytes = end.header_bad ? files_.segments[end.segment].file_bytes : end.torn_bytes;
  for (std::size_t i = walked; i < files_.segments.size(); ++i) {
    cut_->bytes += files_.segments[i].file_bytes;
  }
}

Result<void> LogScanner::EmptySegment(std::size_t index) {
  const auto written = WriteEmptySegment(disk_, options_.log, ahead_->walk.end().end, files_);
  if (!written) {
    return Fail(written.error().fault, written.error().detail);
  }
  files_.segments[index] = *written;
  return {};
}

Result<void> LogScanner::CopySegment(std::size_t index) {
  SegmentInfo& segment = files_.segments[index];
  auto from = disk_.Open(SegmentName(segment.first), OpenMode::kRead);
  if (!from) {
    return Fail(from.error().fault, from.error().detail);
  }
  const auto header = ReadSegmentHeader(**from, segment.first, options_.log.cluster);
  if (!header) {
    return Fail(header.error().fault, header.error().detail);
  }
  auto to =
      OpenFreshSegment(disk_, std::max(options_.log.segment_bytes, segment.used_bytes), files_);
  if (!to) {
    return Fail(to.error().fault, to.error().detail);
  }
  auto written = (*to)->Write(0, EncodeSegmentHeader(*header));
  SegmentReader reader(
      std::move(*from), kSegmentHeaderBytes,
      {.revision = {segment.first.value - 1}, .checksum = header->previous_checksum},
      kScanReadBytes);
  for (RunState state = RunState::kMore; written && state != RunState::kLast;) {
    const auto run = reader.Next({.bytes = segment.used_bytes, .last = segment.last});
    if (!run) {
      return Fail(run.error().fault, run.error().detail);
    }
    if (run->state == RunState::kEnded) {
      return Fail(Fault::kDamaged, "it reads differently now: " + run->why);
    }
    state = run->state;
    written = (*to)->Write(run->offset, run->bytes);
  }
  if (!written) {
    return written;
  }
  const auto bytes = PublishSegment(disk_, **to, segment.used_bytes, segment.first);
  if (!bytes) {
    return Fail(bytes.error().fault, bytes.error().detail);
  }
  segment.file_bytes = *bytes;
  return {};
}

// What the log has left behind. Only now, when the copies are on the medium, may the segments that
// were cut off go; and they must be gone before anything is written in their place.
Result<void> LogScanner::CleanUp(std::size_t kept) {
  std::vector<std::string> remove = std::move(files_.unfinished);
  for (std::size_t i = kept; i < files_.segments.size(); ++i) {
    remove.push_back(SegmentName(files_.segments[i].first));
  }
  for (const Revision first : files_.indexes) {
    const auto segment = std::ranges::lower_bound(files_.segments, first, {}, &SegmentInfo::first);
    const auto place = static_cast<std::size_t>(segment - files_.segments.begin());
    if (place + 1 >= kept || segment->first != first) {
      remove.push_back(IndexName(first));
    }
  }
  std::vector<SpareFile> spares;
  for (const SpareFile& spare : files_.spares) {
    if (spare.bytes == options_.log.segment_bytes && spares.size() < kSparesMax) {
      spares.push_back(spare);
    } else {
      remove.push_back(SpareName(spare.number));
    }
  }
  files_.spares = std::move(spares);
  // The others are made anew, so that one that was lost or damaged is there again.
  for (std::size_t i = ahead_->walk.begin(); i + 1 < kept; ++i) {
    auto written = WriteIndexFile(disk_, files_.segments[i].first, ahead_->walk.TakeIndex(i));
    if (!written) {
      return written;
    }
  }
  for (const std::string& name : remove) {
    auto removed = RemoveIfThere(disk_, name);
    if (!removed) {
      return removed;
    }
  }
  return remove.empty() ? Result<void>() : disk_.SyncFolder();
}

Result<LogState> ScanLog(Disk& disk, const ScanOptions& options, const LogScanner::Visit& visit,
                         std::optional<CutTail>* cut) {
  auto scanner = LogScanner::Begin(disk, options, nullptr);
  if (!scanner) {
    return Fail(scanner.error().fault, std::move(scanner.error().detail));
  }
  for (bool more = true; more;) {
    const auto next = (*scanner)->Next(visit);
    if (!next) {
      return Fail(next.error().fault, next.error().detail);
    }
    more = *next;
  }
  auto state = (*scanner)->Settle();
  if (state && cut != nullptr) {
    *cut = (*scanner)->cut();
  }
  return state;
}

}  // namespace nunc
