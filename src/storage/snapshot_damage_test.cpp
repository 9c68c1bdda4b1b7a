// Files that are cut, changed, mixed up or of other programs: refused, and never a wrong value.
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "base/byte_fields.h"
#include "base/hash.h"
#include "storage/memory_file_fixture.h"
#include "storage/snapshot_fixture.h"

namespace nunc {
namespace {

constexpr std::size_t kMagicBytes = 8;

// Of head, two blocks of entries (or more), a block of records and the end.
StoredSnapshot Backup() {
  StoredSnapshot snapshot = SmallSnapshot();
  snapshot.head.kind = SnapshotKind::kBackup;
  snapshot.head.filter = "shop";
  snapshot.records = std::string(40, 'r') + "record";
  return snapshot;
}

void ExpectRefused(std::string_view bytes, const StoredSnapshot& whole, std::size_t where) {
  const ReadBack back = ReadAll(bytes);
  ASSERT_FALSE(back.result) << where;
  // A file that begins otherwise is not damaged but another program's.
  const Fault expected = where < kMagicBytes ? Fault::kInvalid : Fault::kDamaged;
  ASSERT_EQ(back.result.error().fault, expected) << where << back.result.error().detail;
  ASSERT_TRUE(back.result.error().detail.starts_with("the-file: ")) << where;
  ASSERT_TRUE(IsBeginningOf(back.seen, whole)) << where;
}

TEST(SnapshotDamage, OneCutAtAnyByteIsNotWhole) {
  const StoredSnapshot whole = Backup();
  for (const BlockCodec codec : {BlockCodec::kStored, BlockCodec::kZstd}) {
    const std::string bytes = FileBytes(whole, {.codec = codec, .block_bytes = 60});
    ASSERT_TRUE(ReadAll(bytes).result);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const ReadBack back = ReadAll(std::string_view(bytes).substr(0, length));
      ASSERT_FALSE(back.result) << length;
      ASSERT_EQ(back.result.error().fault, Fault::kDamaged) << length;
      ASSERT_NE(back.result.error().detail.find("not whole"), std::string::npos) << length;
      ASSERT_TRUE(IsBeginningOf(back.seen, whole)) << length;
    }
  }
}

TEST(SnapshotDamage, OneWithAnyBitFlippedIsRefused) {
  const StoredSnapshot whole = Backup();
  for (const BlockCodec codec : {BlockCodec::kStored, BlockCodec::kZstd}) {
    const std::string bytes = FileBytes(whole, {.codec = codec, .block_bytes = 60});
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string changed = bytes;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      ASSERT_NO_FATAL_FAILURE(ExpectRefused(changed, whole, bit / 8));
    }
  }
}

TEST(SnapshotDamage, BytesBehindTheEndAreRefused) {
  const ReadBack back = ReadAll(FileBytes(SmallSnapshot()) + '\0');
  ASSERT_FALSE(back.result);
  EXPECT_EQ(back.result.error().detail, "the-file: bytes follow its end, at offset 520");
}

// The blocks of a file, whose lengths are its own.
std::vector<std::string> SplitBlocks(const std::string& bytes, std::size_t head_bytes) {
  std::vector<std::string> blocks;
  for (std::size_t at = head_bytes; at < bytes.size();) {
    const std::size_t length =
        kBlockHeadBytes + byte_fields::Load<std::uint32_t>(bytes.data() + at + 12);
    blocks.push_back(bytes.substr(at, length));
    at += length;
  }
  return blocks;
}

TEST(SnapshotDamage, BlocksInAnotherOrderOrLeftOutAreRefused) {
  const StoredSnapshot whole = SmallSnapshot();
  const std::string bytes = FileBytes(whole, {.block_bytes = 60});
  const std::string head = EncodeSnapshotHead(whole.head);
  const std::vector<std::string> blocks = SplitBlocks(bytes, head.size());
  ASSERT_GE(blocks.size(), 3U);
  for (std::size_t first = 0; first < blocks.size(); ++first) {
    for (std::size_t second = first + 1; second < blocks.size(); ++second) {
      std::vector<std::string> mixed = blocks;
      std::swap(mixed[first], mixed[second]);
      std::string changed = head;
      for (const std::string& block : mixed) {
        changed += block;
      }
      ASSERT_NO_FATAL_FAILURE(ExpectRefused(changed, whole, head.size()));
    }
    std::string changed = head;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i != first) changed += blocks[i];
    }
    ASSERT_NO_FATAL_FAILURE(ExpectRefused(changed, whole, head.size()));
  }
}

TEST(SnapshotDamage, BlocksOfAnotherSnapshotAreRefused) {
  const StoredSnapshot whole = SmallSnapshot();
  StoredSnapshot other = whole;
  ++other.head.start.chain;  // the same place of another log, with the same entries
  const std::string bytes = FileBytes(whole, {.block_bytes = 60});
  const std::string head = EncodeSnapshotHead(whole.head);
  const std::vector<std::string> ours = SplitBlocks(bytes, head.size());
  const std::vector<std::string> theirs =
      SplitBlocks(FileBytes(other, {.block_bytes = 60}), head.size());
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t taken = 0; taken < ours.size(); ++taken) {
    std::string changed = head;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      changed += i == taken ? theirs[i] : ours[i];
    }
    ASSERT_NO_FATAL_FAILURE(ExpectRefused(changed, whole, head.size()));
  }
}

// A head that was changed and sealed again, as another program would have written it.
std::string WithHead(std::size_t at, std::uint32_t value) {
  std::string head = EncodeSnapshotHead(SmallSnapshot().head);
  byte_fields::Store(head.data() + at, value);
  const std::string_view covered = std::string_view(head).substr(0, head.size() - 8);
  byte_fields::Store(head.data() + covered.size(), HashBytes(covered, 0));
  return head;
}

TEST(SnapshotDamage, NewerFormatsAndUnknownKindsAreNamed) {
  const auto fails_with = [](std::size_t at, std::uint32_t value, std::string_view detail) {
    const ReadBack back = ReadAll(WithHead(at, value));
    ASSERT_FALSE(back.result);
    EXPECT_EQ(back.result.error().fault, Fault::kInvalid);
    EXPECT_EQ(back.result.error().detail, detail);
  };
  fails_with(8, 2, "the-file: its format is version 2; this program reads version 1");
  fails_with(8, 0, "the-file: its format is version 0; this program reads version 1");
  fails_with(16, 4, "the-file: its kind is unknown: 4");
  fails_with(16, 0, "the-file: its kind is unknown: 0");
}

TEST(SnapshotDamage, LengthsThatDoNotFitTheHeadAreRefused) {
  const auto detail = [](std::size_t at, std::uint32_t value) {
    const ReadBack back = ReadAll(WithHead(at, value));
    return back.result ? "" : back.result.error().detail;
  };
  EXPECT_EQ(detail(12, 95),
            "the-file: its head at offset 0: the length of the head is beyond its limits");
  EXPECT_EQ(detail(12, kSnapshotHeadBytesMax + 1),
            "the-file: its head at offset 0: the length of the head is beyond its limits");
  EXPECT_EQ(detail(20, 3), "the-file: its head at offset 0: the lengths of the head do not fit it");
  EXPECT_EQ(detail(20, UINT32_MAX),
            "the-file: its head at offset 0: the lengths of the head do not fit it");
  EXPECT_EQ(detail(16, 0x1'01),
            "the-file: its head at offset 0: the lengths of the head do not fit it");
}

TEST(SnapshotDamage, FilesOfOtherProgramsAreNamed) {
  for (const std::string bytes : {"#!/bin/sh\nexit 0\n", "NUNCSNAQ and more", "PK"}) {
    const ReadBack back = ReadAll(bytes);
    ASSERT_FALSE(back.result);
    EXPECT_EQ(back.result.error().fault, Fault::kInvalid);
    EXPECT_EQ(back.result.error().detail, "the-file: not a snapshot or backup of Nunc");
  }
}

TEST(SnapshotDamage, AnEndOfTheWrongLengthIsRefused) {
  const StoredSnapshot whole = SmallSnapshot();
  const std::string end = EncodeSnapshotEnd(EndOf(whole));
  EXPECT_TRUE(DecodeSnapshotEnd(end));
  EXPECT_FALSE(DecodeSnapshotEnd(end + '\0'));
  for (std::size_t length = 0; length < end.size(); ++length) {
    EXPECT_FALSE(DecodeSnapshotEnd(std::string_view(end).substr(0, length))) << length;
  }
}

// What is declared is not believed until it is there.
TEST(SnapshotDamage, MemoryFollowsTheBytesThatCame) {
  class CountingSource : public ByteSource {
   public:
    explicit CountingSource(std::string_view bytes) : bytes_(bytes) {}
    Result<std::size_t> Read(std::span<char> into) override {
      most_asked = std::max(most_asked, into.size());
      return bytes_.Read(into);
    }
    std::size_t most_asked = 0;

   private:
    MemorySource bytes_;
  };
  std::string bytes = FileBytes(SmallSnapshot());
  const std::size_t head_bytes = EncodeSnapshotHead(SmallSnapshot().head).size();
  for (const std::size_t at : {8U, 12U}) {
    byte_fields::Store(bytes.data() + head_bytes + at,
                       static_cast<std::uint32_t>(kBlockRawBytesMax));
  }
  CountingSource source(bytes);
  const auto result = VerifySnapshot(source, "the-file");
  ASSERT_FALSE(result);
  EXPECT_LE(source.most_asked, std::size_t{1} << 20);
}

}  // namespace
}  // namespace nunc
