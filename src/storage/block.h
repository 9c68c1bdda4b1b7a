// One block of a snapshot or backup file: a head that says what it is and where it belongs, then
// its bytes, compressed where that helps.
//
// Shape:   pure: bytes in, bytes out. A block knows its place (ordinal) and its file (the seed is
//          the checksum of the file's head), so that no block fits anywhere else.
// Errors:  kDamaged for every block that is not exactly what EncodeBlock made for this place.
// Limits:  kBlockRawBytesMax bounds what a block may hold and what decoding one may allocate.
// Thread:  any; EncodeBlock and DecodeBlock take most of the time of a snapshot and belong to a
//          worker.
// Source:  docs/formats.md, "Snapshots and backups"; zstd 1.5 (libzstd).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace nunc {

enum class BlockKind : std::uint8_t {
  kEntries = 1,  // databases and their entries (snapshot_items.h)
  kRecords = 2,  // whole records of the op log, as they stand there
  kEnd = 3,      // the last one: what the file must have held
};

enum class BlockCodec : std::uint8_t { kStored = 0, kZstd = 1 };

// Where a new block is begun: large enough to compress well, small enough to read four ahead.
inline constexpr std::size_t kBlockTargetBytes = std::size_t{256} << 10;
// The largest entry or op log record (16 MiB), with room for what stands around it.
inline constexpr std::size_t kBlockItemBytesMax = std::size_t{17} << 20;
inline constexpr std::size_t kBlockRawBytesMax = kBlockTargetBytes + kBlockItemBytesMax;

inline constexpr std::size_t kBlockHeadBytes = 32;

struct BlockPlace {
  std::uint64_t ordinal = 0;  // 0 for the first of a file
  std::uint64_t seed = 0;     // checksum of the file's head
};

struct BlockHead {
  BlockKind kind{};
  BlockCodec codec{};
  std::uint32_t raw_bytes = 0;
  std::uint32_t stored_bytes = 0;
  std::uint64_t checksum_of_fields = 0;  // seeds the checksum of the stored bytes
  std::uint64_t checksum = 0;
};

// `raw` has 1 to kBlockRawBytesMax bytes. With kZstd, bytes that do not shrink are stored.
std::string EncodeBlock(BlockKind kind, std::string_view raw, const BlockPlace& place,
                        BlockCodec codec = BlockCodec::kZstd);

// Of kBlockHeadBytes bytes. The lengths are within their limits, and the ordinal is the place's;
// nothing else may be believed before DecodeBlock.
Result<BlockHead> DecodeBlockHead(std::string_view bytes, const BlockPlace& place);

// Replaces `raw` with the raw bytes; its memory is used again. `stored` has head.stored_bytes
// bytes.
Result<void> DecodeBlock(const BlockHead& head, std::string_view stored, std::string& raw);

}  // namespace nunc
