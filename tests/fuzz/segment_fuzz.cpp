// An op log that was damaged anywhere: a start gives the records that were written, up to some
// point, or refuses; a second start and a reader find the same.
//
// Input: one byte of switches; then either changes of a log that was written (three bytes each:
// where, and the new byte), or with switch 1 the bytes behind the header of a segment, with their
// checksums put right. Switch 2: everything counts as durable.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/little_endian.h"
#include "storage/faulty_disk_fixture.h"
#include "storage/oplog_fixture.h"
#include "storage/oplog_index.h"
#include "storage/oplog_reader.h"
#include "storage/record_fixture.h"
#include "storage/segment.h"

namespace {

constexpr std::size_t kRecords = 20;
constexpr std::size_t kChecksumAt = 8;

// The chain through whatever calls itself a record, as if it had been written so.
void Seal(std::string& bytes) {
  std::uint64_t chain = 0;
  std::size_t at = nunc::kSegmentHeaderBytes;
  while (bytes.size() - at >= nunc::kRecordHeaderBytes) {
    const std::size_t length = nunc::GetLittle<std::uint32_t>(bytes, at);
    if (length < nunc::kRecordHeaderBytes || length > bytes.size() - at) {
      return;
    }
    nunc::PutLittle(bytes.data() + at + kChecksumAt, std::uint64_t{0});
    chain = nunc::HashBytes(std::string_view(bytes).substr(at, length), chain);
    nunc::PutLittle(bytes.data() + at + kChecksumAt, chain);
    at += length;
  }
}

void WriteLog(nunc::FaultyDisk& disk) {
  const auto writer = nunc::Writer::Start(disk, nunc::kSmallLog);
  CHECK(writer.has_value() && (*writer)->AppendSynced(kRecords).has_value());
}

void Change(nunc::FaultyDisk& disk, std::string_view changes) {
  const auto files = disk.List();
  for (; changes.size() >= 3; changes.remove_prefix(3)) {
    const std::size_t where = nunc::GetLittle<std::uint16_t>(changes, 0);
    std::string& content = disk.Content((*files)[where % files->size()].name);
    if (!content.empty()) {
      content[where / files->size() % content.size()] = changes[2];
    }
  }
}

// All records from the beginning, as a reader gives them.
std::vector<std::string> Read(nunc::FaultyDisk& disk, const nunc::LogState& state) {
  std::vector<std::string> records;
  nunc::LogReader reader(
      disk, {.cluster = nunc::kSmallLog.cluster, .segments = state.segments, .index = state.index});
  CHECK(reader.SeekRevision({1}).has_value());
  while (true) {
    const auto record = reader.Next();
    CHECK(record.has_value());
    if (!record->has_value()) {
      return records;
    }
    records.push_back(nunc::Describe(nunc::Have(record).record));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string input(data + 1, data + size);
  const bool raw = (data[0] & 1) != 0;
  const std::uint64_t durable = (data[0] & 2) != 0 ? kRecords : 0;
  static_cast<void>(nunc::DecodeSegmentHeader(input));
  static_cast<void>(nunc::DecodeIndex(input, {1}));
  static_cast<void>(nunc::ParseLogFileName(input));

  nunc::FaultyDisk disk;
  if (raw) {
    const nunc::SegmentHeader header{.cluster = nunc::kSmallLog.cluster, .first = {1}};
    std::string segment = nunc::EncodeSegmentHeader(header) + input;
    Seal(segment);
    disk.Put(nunc::SegmentName({1}), segment);
  } else {
    WriteLog(disk);
    Change(disk, input);
  }
  const auto found = nunc::Find(disk, durable);
  if (!found) {
    CHECK(!found.error().detail.empty());
    return 0;
  }
  CHECK(found->records.size() >= durable);
  CHECK(raw || nunc::AreWritten(found->records, 1));
  CHECK(Read(disk, found->state) == found->records);
  disk.CutPower();
  const auto again = nunc::Find(disk, durable);
  CHECK(again.has_value() && again->records == found->records && !again->cut.has_value());
  return 0;
}
