#include "storage/segment.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/hash.h"
#include "base/little_endian.h"

namespace nunc {

namespace {

constexpr std::string_view kMagic = "NUNCLOG\n";
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kLengthAt = 12;
constexpr std::size_t kClusterAt = 16;
constexpr std::size_t kFirstAt = 32;
constexpr std::size_t kFirstTermAt = 40;
constexpr std::size_t kFirstTimeAt = 48;
constexpr std::size_t kPreviousAt = 56;
// In every version the header's last 8 bytes are the checksum of those before.
constexpr std::size_t kChecksumBytes = 8;
// Magic, version and length: in every version the same.
constexpr std::size_t kPrefixBytes = 16;

constexpr std::string_view kSegmentPrefix = "oplog-";
constexpr std::string_view kSparePrefix = "spare-";
constexpr std::string_view kIndexSuffix = ".idx";
constexpr std::string_view kUnfinishedSuffix = ".tmp";
constexpr std::string_view kRewoundPrefix = "rewound-";
constexpr std::size_t kRevisionDigits = 20;

std::optional<std::uint64_t> Number(std::string_view digits) {
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return std::nullopt;
  }
  return value;
}

bool TakeSuffix(std::string_view& name, std::string_view suffix) {
  const bool ends = name.ends_with(suffix);
  name.remove_suffix(ends ? suffix.size() : 0);
  return ends;
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  kMagic.copy(bytes.data(), kMagic.size());
  PutLittle(bytes.data() + kVersionAt, kSegmentVersion);
  PutLittle(bytes.data() + kLengthAt, static_cast<std::uint32_t>(kSegmentHeaderBytes));
  PutLittle(bytes.data() + kClusterAt, header.cluster[0]);
  PutLittle(bytes.data() + kClusterAt + 8, header.cluster[1]);
  PutLittle(bytes.data() + kFirstAt, header.first.value);
  PutLittle(bytes.data() + kFirstTermAt, header.first_term.value);
  PutLittle(bytes.data() + kFirstTimeAt, header.first_time_us);
  PutLittle(bytes.data() + kPreviousAt, header.previous_checksum);
  const std::size_t checked = kSegmentHeaderBytes - kChecksumBytes;
  PutLittle(bytes.data() + checked, HashBytes(std::string_view(bytes).substr(0, checked), 0));
  return bytes;
}

Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) {
    return Fail(Fault::kDamaged, "too short for a segment of the op log");
  }
  if (!bytes.starts_with(kMagic)) {
    return Fail(Fault::kDamaged, "not a segment of the op log");
  }
  const auto version = GetLittle<std::uint32_t>(bytes, kVersionAt);
  const std::size_t length = GetLittle<std::uint32_t>(bytes, kLengthAt);
  if (length < kPrefixBytes + kChecksumBytes || length > kSegmentHeaderBytesMax ||
      length > bytes.size()) {
    return Fail(Fault::kDamaged, "segment header: length " + std::to_string(length));
  }
  const std::size_t checked = length - kChecksumBytes;
  if (HashBytes(bytes.substr(0, checked), 0) != GetLittle<std::uint64_t>(bytes, checked)) {
    return Fail(Fault::kDamaged, "segment header: checksum");
  }
  if (version != kSegmentVersion || length != kSegmentHeaderBytes) {
    return Fail(Fault::kInvalid, "version " + std::to_string(version) +
                                     " of the op log format is not known to this program, which "
                                     "knows version " +
                                     std::to_string(kSegmentVersion));
  }
  return SegmentHeader{.cluster = {GetLittle<std::uint64_t>(bytes, kClusterAt),
                                   GetLittle<std::uint64_t>(bytes, kClusterAt + 8)},
                       .first = {GetLittle<std::uint64_t>(bytes, kFirstAt)},
                       .first_term = {GetLittle<std::uint64_t>(bytes, kFirstTermAt)},
                       .first_time_us = GetLittle<std::int64_t>(bytes, kFirstTimeAt),
                       .previous_checksum = GetLittle<std::uint64_t>(bytes, kPreviousAt)};
}

bool IsForeign(std::string_view bytes) {
  const std::string_view begin = bytes.substr(0, kMagic.size());
  return begin.size() == kMagic.size() && begin != kMagic &&
         begin.find_first_not_of('\0') != std::string_view::npos;
}

std::string SegmentName(Revision first) {
  const std::string digits = std::to_string(first.value);
  return std::string(kSegmentPrefix) + std::string(kRevisionDigits - digits.size(), '0') + digits;
}

std::string IndexName(Revision first) {
  return SegmentName(first) + std::string(kIndexSuffix);
}

std::string SpareName(std::uint64_t number) {
  return std::string(kSparePrefix) + std::to_string(number);
}

std::string RewoundName(Term by, Revision first) {
  return std::string(kRewoundPrefix) + std::to_string(by.value) + "-" + std::to_string(first.value);
}

std::string UnfinishedSpareName(std::uint64_t number) {
  return SpareName(number) + std::string(kUnfinishedSuffix);
}

std::optional<LogFileName> ParseLogFileName(std::string_view name) {
  if (name == kUnfinishedSegmentName) {
    return LogFileName{.kind = LogFileKind::kUnfinished};
  }
  LogFileName parsed;
  std::string_view digits = name;
  if (name.starts_with(kSegmentPrefix)) {
    parsed.kind = TakeSuffix(digits, kIndexSuffix) ? LogFileKind::kIndex : LogFileKind::kSegment;
    digits.remove_prefix(kSegmentPrefix.size());
    if (digits.size() != kRevisionDigits) {
      return std::nullopt;
    }
  } else if (name.starts_with(kSparePrefix)) {
    parsed.kind =
        TakeSuffix(digits, kUnfinishedSuffix) ? LogFileKind::kUnfinished : LogFileKind::kSpare;
    digits.remove_prefix(kSparePrefix.size());
  } else {
    return std::nullopt;
  }
  const auto number = Number(digits);
  if (!number.has_value()) {
    return std::nullopt;
  }
  parsed.number = *number;
  // Written another way, it is not the name that these functions give.
  const bool revision = parsed.kind == LogFileKind::kSegment || parsed.kind == LogFileKind::kIndex;
  if (revision ? *number == 0 : digits != std::to_string(*number)) {
    return std::nullopt;
  }
  return parsed;
}

}  // namespace nunc
