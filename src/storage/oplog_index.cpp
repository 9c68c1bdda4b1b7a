#include "storage/oplog_index.h"

#include <algorithm>

#include "base/hash.h"
#include "base/little_endian.h"

namespace nunc {

namespace {

constexpr std::string_view kMagic = "NUNCIDX\n";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kCountAt = 12;
constexpr std::size_t kFirstAt = 16;
constexpr std::size_t kHeadBytes = 24;
constexpr std::size_t kEntryBytes = 32;
constexpr std::size_t kChecksumBytes = 8;

}  // namespace

void NoteInIndex(std::vector<IndexEntry>& index, std::uint64_t offset, const RecordHead& head,
                 std::uint64_t previous_checksum) {
  const std::uint64_t last = index.empty() ? 0 : index.back().offset;
  if (offset / kIndexStepBytes > last / kIndexStepBytes) {
    index.push_back({.revision = head.end.revision,
                     .time_us = head.end.time_us,
                     .offset = offset,
                     .previous_checksum = previous_checksum});
  }
}

const IndexEntry* FindRevision(std::span<const IndexEntry> index, Revision revision) {
  const auto after = std::ranges::upper_bound(index, revision, {}, &IndexEntry::revision);
  return after == index.begin() ? nullptr : &*(after - 1);
}

const IndexEntry* FindTime(std::span<const IndexEntry> index, std::int64_t time_us) {
  const auto after = std::ranges::lower_bound(index, time_us, {}, &IndexEntry::time_us);
  return after == index.begin() ? nullptr : &*(after - 1);
}

std::string EncodeIndex(Revision first, std::span<const IndexEntry> index) {
  std::string bytes(kHeadBytes + index.size() * kEntryBytes + kChecksumBytes, '\0');
  kMagic.copy(bytes.data(), kMagic.size());
  PutLittle(bytes.data() + kVersionAt, kVersion);
  PutLittle(bytes.data() + kCountAt, static_cast<std::uint32_t>(index.size()));
  PutLittle(bytes.data() + kFirstAt, first.value);
  char* at = bytes.data() + kHeadBytes;
  for (const IndexEntry& entry : index) {
    PutLittle(at, entry.revision.value);
    PutLittle(at + 8, entry.time_us);
    PutLittle(at + 16, entry.offset);
    PutLittle(at + 24, entry.previous_checksum);
    at += kEntryBytes;
  }
  const std::size_t checked = bytes.size() - kChecksumBytes;
  PutLittle(at, HashBytes(std::string_view(bytes).substr(0, checked), 0));
  return bytes;
}

Result<std::vector<IndexEntry>> DecodeIndex(std::string_view bytes, Revision first) {
  if (bytes.size() < kHeadBytes + kChecksumBytes || !bytes.starts_with(kMagic)) {
    return Fail(Fault::kDamaged, "not an index of the op log");
  }
  const std::size_t checked = bytes.size() - kChecksumBytes;
  if (HashBytes(bytes.substr(0, checked), 0) != GetLittle<std::uint64_t>(bytes, checked)) {
    return Fail(Fault::kDamaged, "index: checksum");
  }
  const std::size_t count = GetLittle<std::uint32_t>(bytes, kCountAt);
  if (GetLittle<std::uint32_t>(bytes, kVersionAt) != kVersion ||
      GetLittle<std::uint64_t>(bytes, kFirstAt) != first.value ||
      checked - kHeadBytes != count * kEntryBytes) {
    return Fail(Fault::kDamaged, "index: of another version or segment");
  }
  std::vector<IndexEntry> index;
  index.reserve(count);
  for (std::size_t at = kHeadBytes; at < checked; at += kEntryBytes) {
    index.push_back({.revision = {GetLittle<std::uint64_t>(bytes, at)},
                     .time_us = GetLittle<std::int64_t>(bytes, at + 8),
                     .offset = GetLittle<std::uint64_t>(bytes, at + 16),
                     .previous_checksum = GetLittle<std::uint64_t>(bytes, at + 24)});
    if (index.back().revision <= first) {
      return Fail(Fault::kDamaged, "index: an entry of another segment");
    }
  }
  return index;
}

}  // namespace nunc
