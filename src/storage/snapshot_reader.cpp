#include "storage/snapshot_reader.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/planted.h"

namespace nunc {
namespace {

// What a length may claim is taken in steps of this, each after the one before has been filled.
constexpr std::size_t kReadStepBytes = std::size_t{1} << 20;

tl::unexpected<Error> Named(std::string_view name, const Error& error) {
  return Fail(error.fault, std::string(name) + ": " + error.detail);
}

tl::unexpected<Error> NamedBlock(std::string_view name, std::uint64_t ordinal, std::uint64_t offset,
                                 const Error& error) {
  return Fail(error.fault, std::string(name) + ": block " + std::to_string(ordinal) +
                               " at offset " + std::to_string(offset) + ": " + error.detail);
}

// The next blocks, read by jobs of the worker while the caller is busy with the present one.
class BlocksAhead {
 public:
  BlocksAhead(SnapshotReader& reader, Worker* worker) : reader_(reader), worker_(worker) {}
  BlocksAhead(const BlocksAhead&) = delete;
  BlocksAhead& operator=(const BlocksAhead&) = delete;
  // The jobs use the reader and this.
  ~BlocksAhead() {
    while (read_ < submitted_) {
      Collect();
    }
  }

  // Valid until the next call.
  Result<const SnapshotBlock*> Next() {
    Submit();
    while (read_ == taken_) {
      Collect();
    }
    const Slot& slot = slots_[taken_ % slots_.size()];
    ++taken_;
    if (!slot.read) return tl::unexpected(slot.read.error());
    return &slot.block;
  }

 private:
  struct Slot {
    SnapshotBlock block;
    Result<void> read;
  };

  // All slots but the one of the block that was given last are free, or being filled.
  void Submit() {
    const std::uint64_t wanted = taken_ + (worker_ == nullptr ? 1 : kBlocksAheadMax);
    for (; submitted_ < wanted; ++submitted_) {
      Slot& slot = slots_[submitted_ % slots_.size()];
      auto read = [this, &slot] { slot.read = reader_.Next(slot.block); };
      if (worker_ == nullptr) {
        read();
        ++read_;
      } else {
        worker_->Submit(read, [this] { ++read_; });
      }
    }
  }

  void Collect() { CHECK(worker_->Collect(Wait::kForOne) > 0); }

  SnapshotReader& reader_;
  Worker* worker_;
  std::array<Slot, kBlocksAheadMax + 1> slots_;
  std::uint64_t submitted_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t taken_ = 0;
};

// Checks the order of what it passes on, and counts it.
class OrderedVisitor : public SnapshotVisitor {
 public:
  OrderedVisitor(const SnapshotHead& head, SnapshotVisitor& visitor)
      : head_(head), visitor_(visitor) {}

  Result<void> OnDatabase(const DatabaseState& database) override {
    if (!seen_.insert(database.id).second) {
      return Fail(Fault::kDamaged, "a database is there twice");
    }
    current_ = database.id;
    newest_ = {};
    return visitor_.OnDatabase(database);
  }

  Result<void> OnContinued(const DatabaseState& database) override {
    if (database.id != current_) {
      return Fail(Fault::kDamaged, "a database continues that did not begin");
    }
    return visitor_.OnContinued(database);
  }

  Result<void> OnEntry(const EntryState& entry) override {
    // The keys of a transaction share its revision.
    if (entry.revision.value == 0 || entry.revision < newest_ ||
        entry.revision > head_.start.revision) {
      return Fail(Fault::kDamaged, "an entry is not in the order of revisions");
    }
    newest_ = entry.revision;
    ++entries_;
    if (entry.removed) ++tombstones_;
    return visitor_.OnEntry(entry);
  }

  // A result is never newer than its session.
  Result<void> OnRetries(const RetryState& retries) override {
    return retries.newest <= head_.start.revision
               ? visitor_.OnRetries(retries)
               : Fail(Fault::kDamaged, "a session's results are newer than its start");
  }

  void OnSoon(std::string_view key) override { visitor_.OnSoon(key); }

  Result<void> OnRecords(std::string_view records) override {
    if (head_.kind == SnapshotKind::kSnapshot) {
      return Fail(Fault::kDamaged, "a snapshot holds no records");
    }
    record_bytes_ += records.size();
    return visitor_.OnRecords(records);
  }

  [[nodiscard]] Result<void> CheckEnd(const SnapshotEnd& end) const {
    if (end.entries != entries_ || end.databases != seen_.size()) {
      return Fail(Fault::kDamaged, "the file does not hold what its end says");
    }
    if (end.revision < head_.start.revision || end.term < head_.start.term) {
      return Fail(Fault::kDamaged, "it ends before its start");
    }
    return {};
  }

  [[nodiscard]] std::uint64_t entries() const { return entries_; }
  [[nodiscard]] std::uint64_t tombstones() const { return tombstones_; }
  [[nodiscard]] std::uint64_t record_bytes() const { return record_bytes_; }

 private:
  const SnapshotHead& head_;
  SnapshotVisitor& visitor_;
  std::set<DatabaseId> seen_;
  DatabaseId current_{};
  Revision newest_{};
  std::uint64_t entries_ = 0;
  std::uint64_t tombstones_ = 0;
  std::uint64_t record_bytes_ = 0;
};

class NoVisitor : public SnapshotVisitor {
 public:
  Result<void> OnDatabase(const DatabaseState& /*database*/) override { return {}; }
  Result<void> OnEntry(const EntryState& /*entry*/) override { return {}; }
};

Result<void> VisitBlock(const SnapshotBlock& block, BlockKind before, OrderedVisitor& visitor) {
  if (block.kind == BlockKind::kRecords) return visitor.OnRecords(block.raw);
  if (before == BlockKind::kRecords) {
    return Fail(Fault::kDamaged, "entries stand behind records");
  }
  return ForEachItem(block.raw, visitor);
}

}  // namespace

Result<std::size_t> FileSource::Read(std::span<char> into) {
  auto count = file_.Read(offset_, into);
  if (count) offset_ += *count;
  return count;
}

Result<std::size_t> BytesSource::Read(std::span<char> into) {
  const std::size_t count = left_.copy(into.data(), into.size());
  left_.remove_prefix(count);
  return count;
}

SnapshotReader::SnapshotReader(ByteSource& source, std::string name)
    : source_(&source), name_(std::move(name)) {}

Result<SnapshotReader> SnapshotReader::Open(ByteSource& source, std::string name) {
  SnapshotReader reader(source, std::move(name));
  if (auto read = reader.ReadHead(); !read) return tl::unexpected(std::move(read.error()));
  return reader;
}

Result<void> SnapshotReader::ReadUpTo(std::size_t count, std::string& bytes) {
  std::size_t have = 0;
  bytes.clear();
  while (have < count) {
    if (have == bytes.size()) bytes.resize(std::min(count, have + kReadStepBytes));
    auto read = source_->Read(std::span(bytes).subspan(have));
    if (!read) return tl::unexpected(std::move(read.error()));
    if (*read == 0) break;
    have += *read;
  }
  bytes.resize(have);
  bytes_read_ += have;
  return {};
}

tl::unexpected<Error> SnapshotReader::NotWhole() const {
  return Named(name_, {.fault = Fault::kDamaged,
                       .detail = "not whole: it ends after " + std::to_string(bytes_read_) +
                                 " bytes, in or before block " + std::to_string(next_.ordinal)});
}

tl::unexpected<Error> SnapshotReader::InBlock(const Error& error) const {
  return NamedBlock(name_, next_.ordinal, offset_, error);
}

Result<void> SnapshotReader::ReadHead() {
  // A file of another program or version has no place that is wrong.
  const auto in_head = [this](const Error& error) {
    return Fail(error.fault,
                name_ + (error.fault == Fault::kDamaged ? ": its head at offset 0: " : ": ") +
                    error.detail);
  };
  std::string bytes;
  if (auto read = ReadUpTo(kSnapshotPrefixBytes, bytes); !read) return read;
  const auto length = SnapshotHeadBytes(bytes);
  if (!length) return in_head(length.error());
  std::string rest;
  if (auto read = ReadUpTo(*length - bytes.size(), rest); !read) return read;
  bytes += rest;
  if (bytes.size() < *length) return NotWhole();
  auto head = DecodeSnapshotHead(bytes);
  if (!head) return in_head(head.error());
  head_ = std::move(*head);
  next_.seed = SnapshotSeed(bytes);
  return {};
}

Result<void> SnapshotReader::Next(SnapshotBlock& block) {
  if (at_end_) return Named(name_, {.fault = Fault::kInvalid, .detail = "no block follows"});
  auto read = ReadBlock(block);
  at_end_ = !read || block.kind == BlockKind::kEnd;
  return read;
}

Result<void> SnapshotReader::ReadBlock(SnapshotBlock& block) {
  offset_ = bytes_read_;
  if (auto read = ReadUpTo(kBlockHeadBytes, stored_); !read) return read;
  if (stored_.size() < kBlockHeadBytes) return NotWhole();
  const auto head = DecodeBlockHead(stored_, next_);
  if (!head) return InBlock(head.error());
  if (auto read = ReadUpTo(head->stored_bytes, stored_); !read) return read;
  if (stored_.size() < head->stored_bytes) return NotWhole();
  if (const auto decoded = DecodeBlock(*head, stored_, block.raw); !decoded) {
    return InBlock(decoded.error());
  }
  block.kind = head->kind;
  block.ordinal = next_.ordinal;
  block.offset = offset_;
  block.bytes_read = bytes_read_;
  ++next_.ordinal;
  if (block.kind != BlockKind::kEnd) return {};
  if (auto read = ReadUpTo(1, stored_); !read) return read;
  if (stored_.empty()) return {};
  return Named(name_,
               {.fault = Fault::kDamaged,
                .detail = "bytes follow its end, at offset " + std::to_string(block.bytes_read)});
}

Result<SnapshotSummary> ReadSnapshot(SnapshotReader& reader, SnapshotVisitor& visitor,
                                     const SnapshotReadOptions& options) {
  OrderedVisitor ordered(reader.head(), visitor);
  BlocksAhead blocks(reader, options.ahead);
  BlockKind before = BlockKind::kEntries;
  while (true) {
    const auto next = blocks.Next();
    if (Planted(Bug::kSnapshotCutShort) && !next) return SnapshotSummary{.head = reader.head()};
    if (!next) return tl::unexpected(next.error());
    const SnapshotBlock& block = **next;
    if (block.kind == BlockKind::kEnd) {
      auto end = DecodeSnapshotEnd(block.raw);
      if (!end) return NamedBlock(reader.name(), block.ordinal, block.offset, end.error());
      if (const auto checked = ordered.CheckEnd(*end); !checked) {
        return NamedBlock(reader.name(), block.ordinal, block.offset, checked.error());
      }
      return SnapshotSummary{.head = reader.head(),
                             .end = std::move(*end),
                             .bytes = block.bytes_read,
                             .blocks = block.ordinal + 1,
                             .tombstones = ordered.tombstones(),
                             .record_bytes = ordered.record_bytes()};
    }
    if (const auto visited = VisitBlock(block, before, ordered); !visited) {
      return NamedBlock(reader.name(), block.ordinal, block.offset, visited.error());
    }
    before = block.kind;
    if (options.progress) {
      options.progress({.bytes = block.bytes_read, .entries = ordered.entries()});
    }
  }
}

Result<SnapshotSummary> VerifySnapshot(ByteSource& source, std::string name) {
  auto reader = SnapshotReader::Open(source, std::move(name));
  if (!reader) return tl::unexpected(std::move(reader.error()));
  NoVisitor nothing;
  return ReadSnapshot(*reader, nothing);
}

}  // namespace nunc
