// Records of the op log from hostile bytes: what is accepted is written again byte for byte, and
// every shorter piece of it asks for more.
//
// Input: one byte of switches, then a record. Switch 1 puts its checksum right, which no search by
// chance would find.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/hash.h"
#include "base/little_endian.h"
#include "storage/record.h"

namespace {

constexpr std::uint64_t kChain = 5;
constexpr std::size_t kChecksumAt = 8;

// As if whoever made these bytes had written them.
void Seal(std::string& bytes) {
  if (bytes.size() < nunc::kRecordHeaderBytes) {
    return;
  }
  const std::size_t length = nunc::GetLittle<std::uint32_t>(bytes, 0);
  if (length < nunc::kRecordHeaderBytes || length > bytes.size()) {
    return;
  }
  nunc::PutLittle(bytes.data() + kChecksumAt, std::uint64_t{0});
  const std::uint64_t checksum = nunc::HashBytes(std::string_view(bytes).substr(0, length), kChain);
  nunc::PutLittle(bytes.data() + kChecksumAt, checksum);
}

void CheckAccepted(const nunc::DecodedRecord& decoded, std::string_view bytes) {
  const std::string_view record = bytes.substr(0, decoded.bytes);
  CHECK(nunc::HeadOfRecord(bytes).end.checksum == decoded.checksum);
  if (!decoded.quiet && decoded.record.members.empty()) {
    std::uint64_t chain = kChain;
    std::string again;
    nunc::AppendRecord(again, decoded.record, decoded.term, chain);
    CHECK(again == record);
    CHECK(chain == decoded.checksum);
    CHECK(nunc::EncodedBytes(decoded.record) == record.size());
  }
}

void CheckShorter(std::string_view record) {
  nunc::RecordDecoder decoder;
  for (std::size_t length = 0; length < record.size(); length += 1 + length / 16) {
    // One allocation of its own, so that a sanitizer sees a read past the end.
    const auto piece = std::make_unique<char[]>(length);
    record.copy(piece.get(), length);
    const auto decoded = decoder.Decode({piece.get(), length}, kChain);
    CHECK(decoded.has_value() && !decoded->has_value());
    CHECK(decoder.bytes_needed() > length && decoder.bytes_needed() <= record.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string bytes(data + 1, data + size);
  if ((data[0] & 1) != 0) {
    Seal(bytes);
  }
  nunc::RecordDecoder decoder;
  const auto decoded = decoder.Decode(bytes, kChain);
  if (!decoded) {
    CHECK(decoded.error().fault == nunc::Fault::kDamaged && !decoded.error().detail.empty());
    return 0;
  }
  const std::optional<nunc::DecodedRecord>& record = *decoded;
  if (record.has_value()) {
    CheckAccepted(*record, bytes);
    CheckShorter(std::string_view(bytes).substr(0, record->bytes));
  }
  return 0;
}
