// What is made of the content of a backup: any entries and records are loaded into a store, or
// brought into a node as parts of a restore, or refused. Files as such are snapshot_fuzz's.
//
// Input: one byte of switches (bit 0: parts of a restore; bit 1: of one database), two of the
// length of the entries, the entries, and then the records, each of its own bytes behind two of
// their length.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"
#include "node/backup_file.h"
#include "node/node.h"
#include "storage/record.h"
#include "storage/snapshot_reader.h"
#include "storage/snapshot_writer.h"

namespace {

constexpr std::uint64_t kStart = 1'000;
constexpr std::size_t kRevisionAt = 24;  // docs/formats.md, record

// Takes off the front what the two bytes before it say, or all there is.
std::string_view TakePart(std::string_view& bytes) {
  if (bytes.size() < 2) {
    return std::exchange(bytes, {});
  }
  const std::size_t length = static_cast<unsigned char>(bytes[0]) +
                             std::size_t{256} * static_cast<unsigned char>(bytes[1]);
  const std::string_view part = bytes.substr(2, length);
  bytes.remove_prefix(2 + part.size());
  return part;
}

// Counts what a file's end must say.
class CountingVisitor : public nunc::SnapshotVisitor {
 public:
  nunc::Result<void> OnDatabase(const nunc::DatabaseState& database) override {
    ++databases;
    name = database.name;
    return {};
  }
  nunc::Result<void> OnEntry(const nunc::EntryState& /*entry*/) override {
    ++entries;
    return {};
  }

  std::uint64_t entries = 0;
  std::uint32_t databases = 0;
  std::string name;
};

// The checksums of the records are not looked at where one database was backed up, so that they
// need not be right here.
void LoadFile(std::string_view entries, std::string_view records, bool one) {
  CountingVisitor counted;
  static_cast<void>(nunc::ForEachItem(entries, counted));
  nunc::SnapshotEncoder encoder({.kind = nunc::SnapshotKind::kBackup,
                                 .start = {.revision = {kStart}},
                                 .highest_database = {.value = 9},
                                 .filter = "shop"});
  std::string file = encoder.head();
  if (!entries.empty()) {
    file += encoder.Block(nunc::BlockKind::kEntries, entries);
  }
  std::uint64_t count = 0;
  std::string raw;
  while (!records.empty()) {
    const std::string_view record = TakePart(records);
    if (record.size() < nunc::kRecordHeaderBytes) {
      continue;
    }
    std::string placed(record);
    ++count;
    // Behind the one before, or none but the first would ever be looked at.
    const std::uint64_t revision = kStart + count;
    std::memcpy(placed.data() + kRevisionAt, &revision, sizeof revision);
    raw += placed;
  }
  if (!raw.empty()) {
    file += encoder.Block(nunc::BlockKind::kRecords, raw);
  }
  file += encoder.End({.revision = {UINT64_MAX},
                       .entries = counted.entries,
                       .records = count,
                       .databases = counted.databases});
  nunc::Store store(1, "none");
  nunc::BytesSource source(file);
  const auto loaded =
      nunc::LoadBackup(source, "input", one ? "shop" : "", store, [](std::uint64_t /*bytes*/) {});
  if (!loaded) {
    CHECK(loaded.error().detail.starts_with("input: "));
  }
}

void Import(std::string_view parts) {
  constexpr nunc::SessionId kSession{.slot = 0, .generation = 1};
  nunc::Node node({.user = "a",
                   .password = "b",
                   .address = "x:1",
                   .start_time_ms = 1,
                   .hash_seed = 1,
                   .value_bytes_max = 1'000,
                   .has_log = false});
  nunc::Output output;
  node.Step(nunc::SessionOpened{.session = kSession}, output);
  nunc::DatabaseId id;
  while (!parts.empty()) {
    const std::string_view block = TakePart(parts);
    node.Step(
        nunc::BlockImported{.session = kSession, .database = "copy", .id = id, .block = block},
        output);
    CHECK(!output.items.empty());
    const auto* reply = std::get_if<nunc::Reply>(&output.items.back());
    CHECK(reply != nullptr && reply->is_status());
    if (reply->kind == nunc::ReplyKind::kOk) {
      id = {.value = static_cast<std::uint32_t>(reply->number)};
    }
  }
  // What arbiters would do with the conflicts that are open now.
  if (nunc::Database* database = node.store().Find("copy"); database != nullptr) {
    for (const std::string& key : database->conflicts().OpenConflictKeys()) {
      CHECK(database->Find(key) != nullptr);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) {
    return 0;
  }
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1U) != 0) {
    Import(bytes);
    return 0;
  }
  const std::string_view entries = TakePart(bytes);
  LoadFile(entries, bytes, (data[0] & 2U) != 0);
  return 0;
}
