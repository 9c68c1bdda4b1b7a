// Snapshot and backup files: any bytes are read to their end or refused, and items that were read
// are written as the same bytes.
//
// Input: one byte of switches, then either a whole file (bit 0 clear), or the raw bytes of a block
// (set), which a changed file would never get to, because its checksums stand before them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"
#include "storage/snapshot_reader.h"
#include "storage/snapshot_writer.h"

namespace {

class PieceSource : public nunc::ByteSource {
 public:
  PieceSource(std::string_view bytes, std::size_t step) : left_(bytes), step_(step) {}

  nunc::Result<std::size_t> Read(std::span<char> into) override {
    const std::size_t count = left_.copy(into.data(), std::min(into.size(), step_));
    left_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view left_;
  std::size_t step_;
};

// Builds the items again: a block of the same items has the same bytes.
class BuildingVisitor : public nunc::SnapshotVisitor {
 public:
  nunc::Result<void> OnDatabase(const nunc::DatabaseState& database) override {
    Flush();
    builder.Begin(database);
    return {};
  }

  nunc::Result<void> OnContinued(const nunc::DatabaseState& database) override {
    if (builder.databases() == 0) return nunc::Fail(nunc::Fault::kDamaged, "continued");
    as_read = false;
    return OnDatabase(database);
  }

  nunc::Result<void> OnEntry(const nunc::EntryState& entry) override {
    Flush();
    builder.Add(entry);
    return {};
  }

  nunc::Result<void> OnRetries(const nunc::RetryState& retries) override {
    Flush();
    builder.Add(retries);
    return {};
  }

  void Flush() {
    if (!builder.full()) return;
    builder.Reuse(builder.Take());
    as_read = false;
  }

  nunc::BlockBuilder builder;
  bool as_read = true;  // the builder holds one block of databases that begin
};

void ReadFile(std::string_view bytes, std::size_t step) {
  PieceSource source(bytes, step);
  auto reader = nunc::SnapshotReader::Open(source, "input");
  if (!reader) return;
  CHECK(nunc::EncodeSnapshotHead(reader->head()).size() <= bytes.size());
  BuildingVisitor visitor;
  const auto summary = nunc::ReadSnapshot(*reader, visitor);
  if (!summary) return;
  CHECK(summary->bytes == bytes.size());
  CHECK(summary->end.entries == visitor.builder.entries());
}

// Reads raw bytes as both kinds of blocks, and as a file that an encoder has sealed.
void ReadRaw(std::string_view raw, std::size_t step) {
  BuildingVisitor visitor;
  if (nunc::ForEachItem(raw, visitor) && visitor.as_read) CHECK(visitor.builder.Take() == raw);
  const auto end = nunc::DecodeSnapshotEnd(raw);
  if (end) CHECK(nunc::EncodeSnapshotEnd(*end) == raw);
  nunc::SnapshotEncoder encoder(
      {.kind = nunc::SnapshotKind::kBackup, .start = {.revision = {UINT64_MAX}}});
  std::string file = encoder.head() + encoder.Block(nunc::BlockKind::kEntries, raw);
  file += encoder.End({.revision = {UINT64_MAX},
                       .entries = visitor.builder.entries(),
                       .databases = visitor.builder.databases()});
  ReadFile(file, step);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = (data[0] & 2U) != 0 ? SIZE_MAX : 7;
  if ((data[0] & 1U) != 0) {
    ReadRaw(bytes, step);
  } else {
    ReadFile(bytes, step);
  }
  return 0;
}
