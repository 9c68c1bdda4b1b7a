#include "storage/block.h"

#include <utility>

#include <zstd.h>

#include "base/byte_fields.h"
#include "base/check.h"
#include "base/hash.h"

namespace nunc {
namespace {

using byte_fields::Load;
using byte_fields::Store;

// "NBLK" as it stands in the file.
constexpr std::uint32_t kMagic = 0x4b'4c'42'4e;

// Level 1: a snapshot competes with the loop for the processor, and the disk is rarely the limit.
constexpr int kLevel = 1;

constexpr std::size_t kMagicAt = 0;
constexpr std::size_t kKindAt = 4;
constexpr std::size_t kCodecAt = 5;
constexpr std::size_t kZeroAt = 6;
constexpr std::size_t kRawAt = 8;
constexpr std::size_t kStoredAt = 12;
constexpr std::size_t kOrdinalAt = 16;
constexpr std::size_t kChecksumAt = 24;
static_assert(kChecksumAt + sizeof(std::uint64_t) == kBlockHeadBytes);

// Gives the bytes written, or zero where they would not be fewer than `raw`.
std::size_t Compress(std::string_view raw, char* into) {
  const std::size_t written = ZSTD_compress(into, raw.size() - 1, raw.data(), raw.size(), kLevel);
  return ZSTD_isError(written) != 0 ? 0 : written;
}

}  // namespace

std::string EncodeBlock(BlockKind kind, std::string_view raw, const BlockPlace& place,
                        BlockCodec codec) {
  CHECK(!raw.empty() && raw.size() <= kBlockRawBytesMax);
  std::string block(kBlockHeadBytes + raw.size(), '\0');
  char* const stored = block.data() + kBlockHeadBytes;
  std::size_t stored_bytes = codec == BlockCodec::kZstd ? Compress(raw, stored) : 0;
  if (stored_bytes == 0) {
    codec = BlockCodec::kStored;
    stored_bytes = raw.copy(stored, raw.size());
  }
  block.resize(kBlockHeadBytes + stored_bytes);
  char* const head = block.data();
  Store(head + kMagicAt, kMagic);
  Store(head + kKindAt, std::to_underlying(kind));
  Store(head + kCodecAt, std::to_underlying(codec));
  Store(head + kZeroAt, std::uint16_t{0});
  Store(head + kRawAt, static_cast<std::uint32_t>(raw.size()));
  Store(head + kStoredAt, static_cast<std::uint32_t>(stored_bytes));
  Store(head + kOrdinalAt, place.ordinal);
  const std::uint64_t of_fields = HashBytes({head, kChecksumAt}, place.seed);
  Store(head + kChecksumAt, HashBytes({head + kBlockHeadBytes, stored_bytes}, of_fields));
  return block;
}

Result<BlockHead> DecodeBlockHead(std::string_view bytes, const BlockPlace& place) {
  CHECK(bytes.size() == kBlockHeadBytes);
  const char* const head = bytes.data();
  if (Load<std::uint32_t>(head + kMagicAt) != kMagic) {
    return Fail(Fault::kDamaged, "no block begins here");
  }
  const BlockHead block{
      .kind = BlockKind{Load<std::uint8_t>(head + kKindAt)},
      .codec = BlockCodec{Load<std::uint8_t>(head + kCodecAt)},
      .raw_bytes = Load<std::uint32_t>(head + kRawAt),
      .stored_bytes = Load<std::uint32_t>(head + kStoredAt),
      .checksum_of_fields = HashBytes(bytes.substr(0, kChecksumAt), place.seed),
      .checksum = Load<std::uint64_t>(head + kChecksumAt),
  };
  if (block.raw_bytes == 0 || block.raw_bytes > kBlockRawBytesMax ||
      block.stored_bytes > block.raw_bytes) {
    return Fail(Fault::kDamaged, "a length is beyond its limit");
  }
  const auto ordinal = Load<std::uint64_t>(head + kOrdinalAt);
  if (ordinal != place.ordinal) {
    return Fail(Fault::kDamaged, "block " + std::to_string(ordinal) + " stands in its place");
  }
  return block;
}

Result<void> DecodeBlock(const BlockHead& head, std::string_view stored, std::string& raw) {
  CHECK(stored.size() == head.stored_bytes);
  if (HashBytes(stored, head.checksum_of_fields) != head.checksum) {
    return Fail(Fault::kDamaged,
                "the checksum is wrong: the bytes changed, or the block belongs "
                "to another file");
  }
  if (head.kind < BlockKind::kEntries || head.kind > BlockKind::kEnd) {
    return Fail(Fault::kDamaged, "the kind is unknown");
  }
  if (head.codec == BlockCodec::kStored && head.stored_bytes == head.raw_bytes) {
    raw = stored;
    return {};
  }
  if (head.codec != BlockCodec::kZstd) return Fail(Fault::kDamaged, "the codec is unknown");
  raw.resize(head.raw_bytes);
  // One call into a buffer of the declared length: what would give more is an error there.
  if (ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size()) != raw.size()) {
    return Fail(Fault::kDamaged, "it does not decompress to its declared length");
  }
  return {};
}

}  // namespace nunc
