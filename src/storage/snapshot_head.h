// The beginning and the end of a snapshot or backup file: what it is, of what, and that it is
// whole.
//
// Shape:   structs and their bytes. A fuzzy snapshot is exact only together with the log from its
//          start S to its end E; the head names S, the end block names E.
// Errors:  kInvalid: not a file of ours, or a newer format. kDamaged: everything else. `detail`
//          says what, without the file's name.
// Limits:  kTermEndsMax; kMembersBytesMax; the length of a head is known, and checked, after its
// first 16 bytes. Source:  docs/formats.md, "Snapshots and backups"; docs/cluster.md §11.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "core/ids.h"

namespace nunc {

inline constexpr std::uint32_t kSnapshotVersion = 1;
// A head with more leaves the oldest out: who was away for longer than that many terms cannot be
// told by their names where the logs part, and gets everything instead.
inline constexpr std::size_t kTermEndsMax = 65'536;

enum class SnapshotKind : std::uint8_t {
  kSnapshot = 1,  // entries alone; the log behind S stays where it is
  kBackup = 2,    // entries, and the records behind S
  kFullSync = 3,  // the same for another member of the cluster, which goes on behind E
};

// A place in the op log.
struct SnapshotPoint {
  Term term{};
  Revision revision{};
  std::int64_t time_us = 0;
  std::uint64_t chain = 0;  // checksum of that record, which seeds the next one's
  friend bool operator==(const SnapshotPoint&, const SnapshotPoint&) = default;
};

struct SnapshotHead {
  SnapshotKind kind = SnapshotKind::kSnapshot;
  std::array<std::uint64_t, 2> cluster{};
  SnapshotPoint start{};
  DatabaseId highest_database{};  // ever used, dropped ones too
  std::int64_t last_conflict = 0;
  std::vector<TermEnd> terms{};  // ascending, up to S
  Revision members_at{};         // of the newest CONFIG record up to S; zero: there is none
  std::string members{};         // what it says
  Revision committed{};          // of a full sync: all up to there was final when it began
  std::string filter{};          // name of the one database that is backed up; empty: all of them
  friend bool operator==(const SnapshotHead&, const SnapshotHead&) = default;
};

struct SnapshotHorizon {
  DatabaseId database{};
  Revision horizon{};
  friend bool operator==(const SnapshotHorizon&, const SnapshotHorizon&) = default;
};

struct SnapshotEnd {
  Term term{};
  Revision revision{};
  std::int64_t time_us = 0;
  std::uint64_t entries = 0;  // tombstones too
  std::uint64_t records = 0;
  std::uint32_t databases = 0;
  std::vector<SnapshotHorizon> horizons{};  // of every database at E
  friend bool operator==(const SnapshotEnd&, const SnapshotEnd&) = default;
};

// What of a head is the same in every version of the format: magic, version, length.
inline constexpr std::size_t kSnapshotPrefixBytes = 16;
inline constexpr std::size_t kSnapshotHeadBytesMin = 96;
inline constexpr std::size_t kSnapshotHeadBytesMax =
    kSnapshotHeadBytesMin + sizeof(std::uint64_t) * 2 * kTermEndsMax + kMembersBytesMax +
    sizeof(std::uint64_t) + kNameBytesMax;

// The last 8 bytes are the head's checksum. `head.filter` is empty or the name of a database.
std::string EncodeSnapshotHead(const SnapshotHead& head);
// How many bytes the head has, by its first ones: at most kSnapshotPrefixBytes of them are given,
// fewer where the file ends.
Result<std::size_t> SnapshotHeadBytes(std::string_view prefix);
Result<SnapshotHead> DecodeSnapshotHead(std::string_view bytes);
// Seed of the blocks of the file with this head; `bytes` are whole.
std::uint64_t SnapshotSeed(std::string_view bytes);

std::string EncodeSnapshotEnd(const SnapshotEnd& end);
Result<SnapshotEnd> DecodeSnapshotEnd(std::string_view raw);

}  // namespace nunc
