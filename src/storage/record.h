// The bytes of one record of the op log.
//
// Shape:   [64 bytes of header][session, sequence][expires][owner, grace][key][value][padding to 8
//          bytes]. Its checksum is seeded with that of the record before, so a record can only be
//          read behind the one it was written behind: one chain through all segments.
// Units:   bytes; times in microseconds since 1970.
// Errors:  kDamaged, and `detail` names what is wrong. Encoding cannot fail: whoever makes a record
//          has asked EncodedBytes whether it is too large.
// Limits:  kRecordBytesMax; a key has at most 65,535 bytes.
// Thread:  any; one decoder belongs to one of them.
// Source:  docs/formats.md (record); docs/cluster.md §4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/ids.h"
#include "core/record.h"

namespace nunc {

inline constexpr std::size_t kRecordHeaderBytes = 64;

// The newest record of a log, which the next one must follow. All zero: before the first one.
struct ChainEnd {
  Term term{};
  Revision revision{};
  std::int64_t time_us = 0;
  std::uint64_t checksum = 0;
  friend bool operator==(const ChainEnd&, const ChainEnd&) = default;
};

// How many bytes AppendRecord will add.
std::size_t EncodedBytes(const Record& record);

// `chain` is the checksum of the record before, and becomes that of this one.
void AppendRecord(std::string& out, const Record& record, Term term, std::uint64_t& chain);

// What the log itself needs to know of a record that has been checked before.
struct RecordHead {
  std::size_t bytes = 0;
  ChainEnd end;  // the log's, if it ended with this record
};

// `bytes` begins with a whole record that was made by AppendRecord or accepted by a decoder.
RecordHead HeadOfRecord(std::string_view bytes);

// What the first 8 bytes of a record say of its length: not to be trusted.
std::size_t RecordLength(std::string_view bytes);

// The key of a record of one key; empty: it is none. `bytes` begin with a record that has been
// checked.
struct RecordKey {
  DatabaseId database{};
  std::string_view key{};
};
RecordKey KeyOfRecord(std::string_view bytes);

// All views are into the bytes that were decoded, `record.items` into the decoder.
struct DecodedRecord {
  Record record;
  Term term{};
  std::uint64_t checksum = 0;
  std::size_t bytes = 0;
  bool quiet = false;  // nobody is told of it
};

class RecordDecoder {
 public:
  // The record that `bytes` begins with. Nothing when more bytes are needed: bytes_needed() says
  // how many in all, first for the header, then for the record.
  // The result is valid until the next call.
  Result<std::optional<DecodedRecord>> Decode(std::string_view bytes, std::uint64_t chain);
  // The same for bytes whose checksum has been found right before: all but the checksum is checked.
  Result<DecodedRecord> DecodeChecked(std::string_view bytes);

  [[nodiscard]] std::size_t bytes_needed() const { return bytes_needed_; }
  // Of a record that was refused: its checksum was right, so no disk has changed it. It is of a
  // newer version, or was written wrongly.
  [[nodiscard]] bool refused_intact() const { return refused_intact_; }

 private:
  Result<std::string_view> Whole(std::string_view bytes);
  Result<DecodedRecord> Fields(std::string_view bytes);
  Result<void> Content(DecodedRecord& decoded, std::string_view bytes, std::size_t at);
  Result<void> ItemList(std::string_view list);
  [[nodiscard]] std::uint64_t ChecksumOf(std::string_view bytes, std::uint64_t chain);

  std::vector<RecordItem> items_;
  std::string scratch_;
  std::size_t bytes_needed_ = 0;
  bool refused_intact_ = false;
};

}  // namespace nunc
