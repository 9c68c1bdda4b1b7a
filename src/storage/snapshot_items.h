// What a snapshot holds, in blocks: databases, their entries and what they have in the retry table.
//
// Shape:   BlockBuilder packs, ForEachItem unpacks. An item never straddles blocks, and each block
//          begins with the database it is about, so that a block can be read alone.
// Units:   bytes of raw blocks (block.h).
// Errors:  ForEachItem: kDamaged where the bytes are not what a BlockBuilder makes, or what the
//          visitor says. It has then told the visitor of what came before.
// Limits:  kBlockItemBytesMax for one entry.
// Source:  docs/formats.md, "Snapshots and backups".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/record.h"
#include "core/retries.h"
#include "storage/block.h"

namespace nunc {

// Hears what a file holds, in the order of the file. Views are valid during the call. An error
// ends the reading.
class SnapshotVisitor {
 public:
  SnapshotVisitor() = default;
  SnapshotVisitor(const SnapshotVisitor&) = delete;
  SnapshotVisitor& operator=(const SnapshotVisitor&) = delete;
  virtual ~SnapshotVisitor() = default;

  // A database begins; the entries that follow are its.
  virtual Result<void> OnDatabase(const DatabaseState& database) = 0;
  // A further block of the same database begins: of interest to who reads blocks out of order.
  virtual Result<void> OnContinued(const DatabaseState& database);
  virtual Result<void> OnEntry(const EntryState& entry) = 0;
  // Of the same database, behind its entries.
  virtual Result<void> OnRetries(const RetryState& retries);
  // The entry of that key comes soon: for who can get ready for it.
  virtual void OnSoon(std::string_view key);
  // Of a backup: whole op log records, one behind the other, after all entries.
  virtual Result<void> OnRecords(std::string_view records);
};

// Thread:  the loop's; an Add is two copies into a buffer.
class BlockBuilder {
 public:
  explicit BlockBuilder(std::size_t target_bytes = kBlockTargetBytes);

  // The entries added from now on are this database's. Keeps a copy. Not while full().
  void Begin(const DatabaseState& database);
  // In revision order, after a Begin, not while full(). Key and value together stay
  // kKeyBytesMax below kBlockItemBytesMax, which the limit of an op log record sees to.
  void Add(const EntryState& entry);
  // The same.
  void Add(const RetryState& retries);

  // Take it, for EncodeBlock.
  [[nodiscard]] bool full() const { return raw_.size() >= target_bytes_; }
  [[nodiscard]] bool empty() const { return raw_.empty(); }
  std::string Take();
  // Gives back the memory of a block that was taken.
  void Reuse(std::string&& buffer);

  [[nodiscard]] std::uint64_t entries() const { return entries_; }
  [[nodiscard]] std::uint32_t databases() const { return databases_; }

 private:
  void Continue();

  std::size_t target_bytes_;
  std::string raw_;
  std::string spare_;
  std::string continued_;  // the item that begins the next block of this database
  std::uint64_t entries_ = 0;
  std::uint32_t databases_ = 0;
};

Result<void> ForEachItem(std::string_view raw, SnapshotVisitor& visitor);

}  // namespace nunc
