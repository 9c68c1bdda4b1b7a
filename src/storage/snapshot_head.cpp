#include "storage/snapshot_head.h"

#include <span>
#include <utility>

#include "base/byte_fields.h"
#include "base/check.h"
#include "base/hash.h"

namespace nunc {
namespace {

using byte_fields::Append;
using byte_fields::Cursor;
using byte_fields::Load;

constexpr std::string_view kMagic = "NUNCSNAP";
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kLengthAt = 12;
constexpr std::size_t kChecksumBytes = sizeof(std::uint64_t);
constexpr std::size_t kTermBytes = 2 * sizeof(std::uint64_t);
constexpr std::size_t kHorizonBytes = sizeof(std::uint32_t) + sizeof(std::uint64_t);

tl::unexpected<Error> Damaged(std::string detail) {
  return Fail(Fault::kDamaged, std::move(detail));
}

// The fixed fields behind the prefix; the two lengths say what follows them.
struct FixedFields {
  std::uint8_t kind = 0;
  std::uint8_t filter_bytes = 0;
  std::uint16_t zero = 0;
  std::uint32_t terms = 0;
  std::uint32_t members_bytes = 0;
};

bool TakeFixedFields(Cursor& cursor, SnapshotHead& head, FixedFields& fixed) {
  return cursor.Take(fixed.kind) && cursor.Take(fixed.filter_bytes) && cursor.Take(fixed.zero) &&
         cursor.Take(fixed.terms) && cursor.Take(head.cluster[0]) && cursor.Take(head.cluster[1]) &&
         cursor.Take(head.start.term.value) && cursor.Take(head.start.revision.value) &&
         cursor.Take(head.start.time_us) && cursor.Take(head.start.chain) &&
         cursor.Take(head.last_conflict) && cursor.Take(head.highest_database.value) &&
         cursor.Take(fixed.members_bytes);
}

bool TakeTerms(Cursor& cursor, std::size_t count, std::vector<TermEnd>& terms) {
  terms.resize(count);
  TermEnd before;
  for (TermEnd& term : terms) {
    if (!cursor.Take(term.term.value) || !cursor.Take(term.last.value)) return false;
    if (term.term <= before.term || term.last < before.last) return false;
    before = term;
  }
  return true;
}

bool TakeMembers(Cursor& cursor, std::size_t bytes, SnapshotHead& head) {
  std::string_view members;
  if (bytes == 0) return true;
  if (bytes <= sizeof(std::uint64_t) || !cursor.Take(head.members_at.value) ||
      !cursor.TakeBytes(bytes - sizeof(std::uint64_t), members)) {
    return false;
  }
  head.members = members;
  return head.members_at.value > 0;
}

std::size_t CommittedBytes(SnapshotKind kind) {
  return kind == SnapshotKind::kFullSync ? sizeof(std::uint64_t) : 0;
}

std::size_t MembersBytes(const SnapshotHead& head) {
  return head.members.empty() ? 0 : sizeof(std::uint64_t) + head.members.size();
}

}  // namespace

std::string EncodeSnapshotHead(const SnapshotHead& head) {
  CHECK(head.filter.size() <= kNameBytesMax);
  std::span<const TermEnd> terms = head.terms;
  if (terms.size() > kTermEndsMax) terms = terms.last(kTermEndsMax);
  const std::size_t members = MembersBytes(head);
  CHECK(members <= kMembersBytesMax);
  const std::size_t length = kSnapshotHeadBytesMin + terms.size() * kTermBytes + members +
                             CommittedBytes(head.kind) + head.filter.size();
  std::string bytes;
  bytes.reserve(length);
  bytes += kMagic;
  Append(bytes, kSnapshotVersion);
  Append(bytes, static_cast<std::uint32_t>(length));
  Append(bytes, std::to_underlying(head.kind));
  Append(bytes, static_cast<std::uint8_t>(head.filter.size()));
  Append(bytes, std::uint16_t{0});
  Append(bytes, static_cast<std::uint32_t>(terms.size()));
  Append(bytes, head.cluster[0]);
  Append(bytes, head.cluster[1]);
  Append(bytes, head.start.term.value);
  Append(bytes, head.start.revision.value);
  Append(bytes, head.start.time_us);
  Append(bytes, head.start.chain);
  Append(bytes, head.last_conflict);
  Append(bytes, head.highest_database.value);
  Append(bytes, static_cast<std::uint32_t>(members));
  for (const TermEnd& term : terms) {
    Append(bytes, term.term.value);
    Append(bytes, term.last.value);
  }
  if (members > 0) {
    Append(bytes, head.members_at.value);
    bytes += head.members;
  }
  if (CommittedBytes(head.kind) > 0) {
    Append(bytes, head.committed.value);
  }
  bytes += head.filter;
  Append(bytes, HashBytes(bytes, 0));
  CHECK(bytes.size() == length);
  return bytes;
}

Result<std::size_t> SnapshotHeadBytes(std::string_view prefix) {
  if (prefix.substr(0, kMagic.size()) != kMagic.substr(0, prefix.size())) {
    return Fail(Fault::kInvalid, "not a snapshot or backup of Nunc");
  }
  if (prefix.size() < kSnapshotPrefixBytes) return Damaged("not whole: it ends in its head");
  const auto length = Load<std::uint32_t>(prefix.data() + kLengthAt);
  if (length < kSnapshotHeadBytesMin || length > kSnapshotHeadBytesMax) {
    return Damaged("the length of the head is beyond its limits");
  }
  return length;
}

std::uint64_t SnapshotSeed(std::string_view bytes) {
  return Load<std::uint64_t>(bytes.data() + bytes.size() - kChecksumBytes);
}

Result<SnapshotHead> DecodeSnapshotHead(std::string_view bytes) {
  CHECK(bytes.size() >= kSnapshotHeadBytesMin);
  const std::string_view covered = bytes.substr(0, bytes.size() - kChecksumBytes);
  // Before the version: a newer format has its checksum in the same place, and a version that is
  // merely damaged must not be taken for a newer one.
  if (HashBytes(covered, 0) != SnapshotSeed(bytes)) {
    return Damaged("the checksum of the head is wrong");
  }
  const auto version = Load<std::uint32_t>(bytes.data() + kVersionAt);
  if (version != kSnapshotVersion) {
    return Fail(Fault::kInvalid, "its format is version " + std::to_string(version) +
                                     "; this program reads version " +
                                     std::to_string(kSnapshotVersion));
  }
  SnapshotHead head;
  FixedFields fixed;
  Cursor cursor(covered.substr(kSnapshotPrefixBytes));
  if (!TakeFixedFields(cursor, head, fixed)) {
    return Damaged("the head is too short");
  }
  if (fixed.kind < std::to_underlying(SnapshotKind::kSnapshot) ||
      fixed.kind > std::to_underlying(SnapshotKind::kFullSync)) {
    return Fail(Fault::kInvalid, "its kind is unknown: " + std::to_string(fixed.kind));
  }
  head.kind = SnapshotKind{fixed.kind};
  if (fixed.filter_bytes > kNameBytesMax || fixed.terms > kTermEndsMax ||
      fixed.members_bytes > kMembersBytesMax ||
      cursor.left() != std::size_t{fixed.terms} * kTermBytes + fixed.members_bytes +
                           CommittedBytes(head.kind) + fixed.filter_bytes) {
    return Damaged("the lengths of the head do not fit it");
  }
  std::string_view filter;
  if (!TakeTerms(cursor, fixed.terms, head.terms)) {
    return Damaged("the table of terms is not in order");
  }
  const auto takes_committed = [&] {
    return CommittedBytes(head.kind) == 0 || cursor.Take(head.committed.value);
  };
  if (!TakeMembers(cursor, fixed.members_bytes, head) || !takes_committed() ||
      !cursor.TakeBytes(fixed.filter_bytes, filter)) {
    return Damaged("the members of the cluster are cut short");
  }
  head.filter = filter;
  return head;
}

std::string EncodeSnapshotEnd(const SnapshotEnd& end) {
  std::string raw;
  Append(raw, end.term.value);
  Append(raw, end.revision.value);
  Append(raw, end.time_us);
  Append(raw, end.entries);
  Append(raw, end.records);
  Append(raw, end.databases);
  Append(raw, static_cast<std::uint32_t>(end.horizons.size()));
  for (const SnapshotHorizon& horizon : end.horizons) {
    Append(raw, horizon.database.value);
    Append(raw, horizon.horizon.value);
  }
  return raw;
}

Result<SnapshotEnd> DecodeSnapshotEnd(std::string_view raw) {
  SnapshotEnd end;
  std::uint32_t horizons = 0;
  Cursor cursor(raw);
  const bool whole = cursor.Take(end.term.value) && cursor.Take(end.revision.value) &&
                     cursor.Take(end.time_us) && cursor.Take(end.entries) &&
                     cursor.Take(end.records) && cursor.Take(end.databases) &&
                     cursor.Take(horizons);
  if (!whole || cursor.left() != std::size_t{horizons} * kHorizonBytes) {
    return Damaged("the end block has the wrong length");
  }
  end.horizons.resize(horizons);
  for (SnapshotHorizon& horizon : end.horizons) {
    if (!cursor.Take(horizon.database.value) || !cursor.Take(horizon.horizon.value)) {
      return Damaged("the end block has the wrong length");
    }
  }
  return end;
}

}  // namespace nunc
