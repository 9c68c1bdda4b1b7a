#include "storage/segment_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/little_endian.h"

namespace nunc {

namespace {

// In the header of a record (docs/formats.md).
constexpr std::size_t kRevisionAt = 24;

}  // namespace

SegmentReader::SegmentReader(std::unique_ptr<File> file, std::uint64_t offset, const ChainEnd& end,
                             std::size_t read_bytes)
    : file_(std::move(file)), offset_(offset), end_(end), read_bytes_(read_bytes) {}

Result<RecordRun> SegmentReader::Next(const SegmentLimit& limit) {
  RecordRun run;
  run.offset = offset_;
  std::string bytes = std::exchange(carry_, {});
  std::size_t at = 0;
  while (end_.revision < limit.last) {
    const std::string_view rest = std::string_view(bytes).substr(at);
    const auto decoded = decoder_.Decode(rest, end_.checksum);
    if (!decoded) {
      EndRun(run, rest, decoded.error().detail);
      break;
    }
    if (!decoded->has_value()) {
      if (at > 0) {
        break;
      }
      const auto more = ReadMore(bytes, limit);
      if (!more) {
        return Fail(more.error().fault, more.error().detail);
      }
      if (!*more) {
        EndRun(run, bytes, bytes.empty() ? "the file ends" : "the file ends within a record");
        break;
      }
      continue;
    }
    const RecordHead head = HeadOfRecord(rest);
    if (head.end.revision.value != end_.revision.value + 1) {
      EndRun(run, rest,
             "revision " + std::to_string(head.end.revision.value) + " where " +
                 std::to_string(end_.revision.value + 1) + " must stand");
      run.intact = true;
      break;
    }
    NoteInIndex(index_, run.offset + at, head, end_.checksum);
    end_ = head.end;
    at += head.bytes;
  }
  if (end_.revision >= limit.last) {
    run.state = RunState::kLast;
  }
  carry_ = bytes.substr(at);
  bytes.resize(at);
  offset_ += at;
  run.bytes = std::move(bytes);
  run.end = end_;
  return run;
}

// False at the end of what may be read.
Result<bool> SegmentReader::ReadMore(std::string& bytes, const SegmentLimit& limit) {
  const std::uint64_t from = offset_ + bytes.size();
  const std::size_t wanted = std::max(read_bytes_, decoder_.bytes_needed() - bytes.size());
  const std::uint64_t left = from < limit.bytes ? limit.bytes - from : 0;
  const std::size_t had = bytes.size();
  bytes.resize(had + static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left)));
  const auto read = file_->Read(from, std::span(bytes).subspan(had));
  if (!read) {
    return Fail(read.error().fault, read.error().detail);
  }
  bytes.resize(had + *read);
  return *read > 0;
}

// Only its own revision tells the beginning of a record from what a file held before.
void SegmentReader::EndRun(RecordRun& run, std::string_view rest, std::string why) const {
  run.state = RunState::kEnded;
  run.why = std::move(why);
  run.intact = decoder_.refused_intact();
  if (rest.size() >= kRecordHeaderBytes &&
      GetLittle<std::uint64_t>(rest, kRevisionAt) == end_.revision.value + 1) {
    run.torn_bytes = GetLittle<std::uint32_t>(rest, 0);
  }
}

}  // namespace nunc
