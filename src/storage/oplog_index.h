// Where in a segment a record is, to within 256 KiB: so that a search reads little.
//
// Shape:   one entry per kIndexStepBytes, for the first record that begins there or behind. Kept in
//          memory for the newest segment; beside each older one as a file that may be missing: then
//          the segment is read from its beginning.
//          An entry is a hint: what is read at its place has to pass the record's own checks.
// Errors:  kDamaged for a file that is not whole or not of this version.
// Source:  docs/formats.md (index).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/ids.h"
#include "storage/record.h"

namespace nunc {

inline constexpr std::uint64_t kIndexStepBytes = std::uint64_t{256} << 10;
inline constexpr std::uint64_t kIndexFileBytesMax = std::uint64_t{16} << 20;

struct IndexEntry {
  Revision revision{};  // of the record that begins at `offset`
  std::int64_t time_us = 0;
  std::uint64_t offset = 0;
  std::uint64_t previous_checksum = 0;
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

// Adds an entry for this record if it is due. `head` is the record's, `offset` where it begins.
void NoteInIndex(std::vector<IndexEntry>& index, std::uint64_t offset, const RecordHead& head,
                 std::uint64_t previous_checksum);

// The last entry at or before; none: the segment is read from its beginning.
const IndexEntry* FindRevision(std::span<const IndexEntry> index, Revision revision);
// The last entry before that time.
const IndexEntry* FindTime(std::span<const IndexEntry> index, std::int64_t time_us);

std::string EncodeIndex(Revision first, std::span<const IndexEntry> index);
// `first`: of the segment it stands beside.
Result<std::vector<IndexEntry>> DecodeIndex(std::string_view bytes, Revision first);

}  // namespace nunc
