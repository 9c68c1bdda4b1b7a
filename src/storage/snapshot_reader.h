// Reads snapshot and backup files: from a disk, or from bytes as they arrive.
//
// Shape:   SnapshotReader gives the head, then verified raw blocks one by one. ReadSnapshot takes
//          an opened reader to its end, checks that the items are in order and complete, and tells
//          a visitor; with a worker the next blocks are read and decompressed meanwhile.
// Errors:  each `detail` begins with the name the caller gave, and says where in the file it is.
//          kInvalid: not a file of ours, a newer format. kDamaged: changed, cut, or not whole. Else
//          what the source or the visitor says. What a visitor was told before an error was right,
//          but not all.
// Limits:  kBlocksAheadMax + 1 blocks of at most kBlockRawBytesMax; memory is taken as bytes
//          arrive.
// Source:  docs/formats.md, "Snapshots and backups".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/disk.h"
#include "env/worker.h"
#include "storage/block.h"
#include "storage/snapshot_head.h"
#include "storage/snapshot_items.h"

namespace nunc {

inline constexpr std::size_t kBlocksAheadMax = 4;

class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Gives how many bytes there were: zero only at the end, perhaps fewer than asked for before it.
  virtual Result<std::size_t> Read(std::span<char> into) = 0;
};

// A file from its first byte on.
class FileSource : public ByteSource {
 public:
  explicit FileSource(File& file) : file_(file) {}

  Result<std::size_t> Read(std::span<char> into) override;

 private:
  File& file_;
  std::uint64_t offset_ = 0;
};

// Bytes in memory, which outlive it.
class BytesSource : public ByteSource {
 public:
  explicit BytesSource(std::string_view bytes) : left_(bytes) {}

  Result<std::size_t> Read(std::span<char> into) override;

 private:
  std::string_view left_;
};

struct SnapshotBlock {
  BlockKind kind{};
  std::uint64_t ordinal = 0;
  std::string raw{};
  std::uint64_t offset = 0;      // of its head in the file
  std::uint64_t bytes_read = 0;  // of the file, up to the end of this block
};

// Thread:  one at a time.
class SnapshotReader {
 public:
  // `name` is for messages. The source must outlive the reader.
  static Result<SnapshotReader> Open(ByteSource& source, std::string name);

  [[nodiscard]] const SnapshotHead& head() const { return head_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // Replaces `block`, using its memory again; its content is unspecified after an error. The end
  // block comes only where nothing follows it. After it, or an error, the source is not touched any
  // more.
  Result<void> Next(SnapshotBlock& block);

 private:
  SnapshotReader(ByteSource& source, std::string name);
  Result<void> ReadHead();
  Result<void> ReadBlock(SnapshotBlock& block);
  // Replaces `bytes` with the next `count`, or as many as there are.
  Result<void> ReadUpTo(std::size_t count, std::string& bytes);
  [[nodiscard]] tl::unexpected<Error> NotWhole() const;
  [[nodiscard]] tl::unexpected<Error> InBlock(const Error& error) const;

  ByteSource* source_;
  std::string name_;
  SnapshotHead head_;
  BlockPlace next_;
  std::string stored_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t offset_ = 0;  // of the block that is read
  bool at_end_ = false;
};

struct SnapshotProgress {
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
};

struct SnapshotReadOptions {
  Worker* ahead = nullptr;  // without one, blocks are read when they are needed
  std::function<void(const SnapshotProgress&)> progress{};  // after each block
};

struct SnapshotSummary {
  SnapshotHead head{};
  SnapshotEnd end{};
  std::uint64_t bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t tombstones = 0;    // among end.entries
  std::uint64_t record_bytes = 0;  // of the op log; what they are is the visitor's to check
};

// With a worker the reader is used by its jobs alone until this returns; all of them have ended
// then.
Result<SnapshotSummary> ReadSnapshot(SnapshotReader& reader, SnapshotVisitor& visitor,
                                     const SnapshotReadOptions& options = {});

// Reads all of it and keeps nothing.
Result<SnapshotSummary> VerifySnapshot(ByteSource& source, std::string name);

}  // namespace nunc
