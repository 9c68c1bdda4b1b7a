// Snapshots and backups written and read back; what the reader says of their order.
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/little_endian.h"
#include "storage/memory_file_fixture.h"
#include "storage/snapshot_fixture.h"

namespace nunc {
namespace {

void ExpectComesBack(const StoredSnapshot& snapshot) {
  for (const BlockCodec codec : {BlockCodec::kStored, BlockCodec::kZstd}) {
    const ReadBack back = ReadAll(FileBytes(snapshot, {.codec = codec}));
    ASSERT_TRUE(back.result) << back.result.error().detail;
    EXPECT_EQ(back.result->head, snapshot.head);
    EXPECT_EQ(back.result->end, EndOf(snapshot));
    EXPECT_TRUE(back.seen == snapshot);
  }
}

// `count` entries that fill many blocks.
StoredSnapshot LongSnapshot(std::size_t count) {
  StoredSnapshot snapshot = SmallSnapshot();
  snapshot.head.start.revision = {count + 10};
  for (std::size_t i = 0; i < count; ++i) {
    StoredDatabase& database = snapshot.databases[i % 2];
    database.entries.push_back({.key = "key" + std::to_string(i),
                                .value = std::string(i % 500, static_cast<char>(i)),
                                .version = static_cast<std::uint32_t>(i),
                                .revision = {i + 9}});
  }
  return snapshot;
}

std::string DetailOf(const StoredSnapshot& snapshot) {
  const ReadBack back = ReadAll(FileBytes(snapshot));
  return back.result ? "" : back.result.error().detail;
}

TEST(Snapshot, AnEmptyOneComesBack) {
  ExpectComesBack({});
}

TEST(Snapshot, OneOfEachKindComesBack) {
  ExpectComesBack(SmallSnapshot());
}

TEST(Snapshot, EveryLimitComesBack) {
  StoredSnapshot snapshot = SmallSnapshot();
  snapshot.head = {.kind = SnapshotKind::kBackup,
                   .cluster = {UINT64_MAX, UINT64_MAX},
                   .start = {.term = {UINT64_MAX},
                             .revision = {UINT64_MAX - 1},
                             .time_us = INT64_MAX - 1,
                             .chain = UINT64_MAX},
                   .highest_database = {UINT32_MAX},
                   .last_conflict = INT64_MIN,
                   .filter = std::string(kNameBytesMax, 'n')};
  std::string bytes;
  for (int c = 0; c < 256; ++c) {
    bytes += static_cast<char>(c);
  }
  snapshot.databases[1].name = std::string(kNameBytesMax, '\xff');
  snapshot.databases[1].id = {UINT32_MAX};
  snapshot.databases[1].horizon = {UINT64_MAX};
  snapshot.databases[1].entries = {
      {.key = bytes, .value = bytes, .version = UINT32_MAX, .in_conflict = true, .revision = {1}},
      {.key = std::string(kKeyBytesMax, 'k'),
       .value = std::string(std::size_t{16} << 20, 'v'),
       .revision = {UINT64_MAX - 1}},
      {.key = "",
       .removed = true,
       .in_conflict = true,
       .revision = {UINT64_MAX - 1},
       .removed_at_us = INT64_MIN}};
  snapshot.records = bytes;
  ExpectComesBack(snapshot);
}

TEST(Snapshot, ManyDatabasesComeBack) {
  StoredSnapshot snapshot;
  snapshot.head.start.revision = {5};
  for (std::uint32_t id = 1; id <= kDatabasesMax; ++id) {
    snapshot.databases.push_back({.id = {id}, .name = "db" + std::to_string(id)});
    if (id % 2 == 0) {
      snapshot.databases.back().entries = {{.key = "k", .value = "v", .revision = {id % 4 + 1}}};
    }
  }
  ExpectComesBack(snapshot);
}

TEST(Snapshot, ManyBlocksComeBackWithAndWithoutAWorker) {
  const StoredSnapshot snapshot = LongSnapshot(5'000);
  const std::string bytes = FileBytes(snapshot, {.codec = BlockCodec::kZstd, .block_bytes = 9'000});
  const ReadBack alone = ReadAll(bytes);
  ASSERT_TRUE(alone.result);
  EXPECT_TRUE(alone.seen == snapshot);
  EXPECT_GT(alone.result->blocks, 100U);
  EXPECT_EQ(alone.result->bytes, bytes.size());
  EXPECT_EQ(alone.result->tombstones, 1U);

  QueuedWorker worker;
  std::vector<SnapshotProgress> progress;
  const ReadBack ahead =
      ReadAll(bytes, {.ahead = &worker, .progress = [&](const auto& p) { progress.push_back(p); }});
  ASSERT_TRUE(ahead.result);
  EXPECT_TRUE(ahead.seen == snapshot);
  EXPECT_EQ(worker.most_waiting(), kBlocksAheadMax);
  EXPECT_EQ(worker.waiting(), 0U);
  ASSERT_EQ(progress.size(), alone.result->blocks - 1);
  EXPECT_EQ(progress.back().entries, alone.result->end.entries);
  EXPECT_LT(progress.front().bytes, progress.back().bytes);
}

TEST(Snapshot, ComesInPiecesOfAnySize) {
  const StoredSnapshot snapshot = SmallSnapshot();
  const std::string bytes = FileBytes(snapshot, {.block_bytes = 40});
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    const ReadBack back = ReadAll(bytes, {}, step);
    ASSERT_TRUE(back.result) << step;
    ASSERT_TRUE(back.seen == snapshot) << step;
  }
}

TEST(Snapshot, AVisitorThatStopsStopsTheJobsToo) {
  const std::string bytes = FileBytes(LongSnapshot(1'000), {.block_bytes = 1'000});
  MemorySource source(bytes);
  auto reader = SnapshotReader::Open(source, "the-file");
  ASSERT_TRUE(reader);
  KeepingVisitor visitor;
  visitor.entries_max = 50;
  QueuedWorker worker;
  const auto result = ReadSnapshot(*reader, visitor, {.ahead = &worker});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::kNoSpace);
  EXPECT_TRUE(result.error().detail.starts_with("the-file: block "));
  EXPECT_EQ(worker.waiting(), 0U);
}

TEST(Snapshot, AfterItsEndAReaderDoesNotTouchItsSource) {
  const std::string bytes = FileBytes({});
  MemorySource source(bytes);
  auto reader = SnapshotReader::Open(source, "the-file");
  ASSERT_TRUE(reader);
  SnapshotBlock block;
  ASSERT_TRUE(reader->Next(block));
  EXPECT_EQ(block.kind, BlockKind::kEnd);
  const auto next = reader->Next(block);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().detail, "the-file: no block follows");
}

TEST(Snapshot, ABackupHoldsTheRecordsBehindItsStart) {
  StoredSnapshot snapshot = SmallSnapshot();
  snapshot.head.kind = SnapshotKind::kBackup;
  snapshot.head.filter = "shop";
  snapshot.records = "records as they stand in the log";
  const ReadBack back = ReadAll(FileBytes(snapshot));
  ASSERT_TRUE(back.result) << back.result.error().detail;
  EXPECT_TRUE(back.seen == snapshot);
  EXPECT_EQ(back.result->record_bytes, snapshot.records.size());
}

TEST(Snapshot, ASnapshotHoldsNoRecords) {
  StoredSnapshot snapshot = SmallSnapshot();
  snapshot.records = "records";
  EXPECT_EQ(DetailOf(snapshot), "the-file: block 1 at offset 416: a snapshot holds no records");
}

TEST(Snapshot, EntriesDoNotStandBehindRecords) {
  StoredSnapshot snapshot = SmallSnapshot();
  snapshot.head.kind = SnapshotKind::kBackup;
  SnapshotEncoder encoder(snapshot.head);
  std::string bytes = encoder.head() + encoder.Block(BlockKind::kRecords, "records");
  bytes += encoder.Block(BlockKind::kEntries, RawBlocks(snapshot, kBlockTargetBytes)[0]);
  bytes += encoder.End(EndOf(snapshot));
  const ReadBack back = ReadAll(bytes);
  ASSERT_FALSE(back.result);
  EXPECT_EQ(back.result.error().detail,
            "the-file: block 1 at offset 167: entries stand behind records");
}

TEST(Snapshot, RevisionsAscendInADatabaseAndEndAtTheStart) {
  const std::string refusal =
      "the-file: block 0 at offset 128: an entry is not in the order of revisions";
  StoredSnapshot snapshot = SmallSnapshot();
  std::vector<StoredEntry>& entries = snapshot.databases[0].entries;
  entries[1].revision = entries[0].revision;  // of one transaction
  EXPECT_EQ(DetailOf(snapshot), "");
  entries[1].revision = {entries[0].revision.value - 1};
  EXPECT_EQ(DetailOf(snapshot), refusal);
  entries[1].revision = snapshot.head.start.revision;
  EXPECT_EQ(DetailOf(snapshot), "");
  entries[1].revision = {snapshot.head.start.revision.value + 1};
  EXPECT_EQ(DetailOf(snapshot), refusal);
  entries[0].revision = {0};
  EXPECT_EQ(DetailOf(snapshot), refusal);
}

TEST(Snapshot, ADatabaseIsThereOnce) {
  StoredSnapshot snapshot = SmallSnapshot();
  snapshot.databases[1].id = snapshot.databases[0].id;
  EXPECT_EQ(DetailOf(snapshot), "the-file: block 0 at offset 128: a database is there twice");
}

TEST(Snapshot, ADatabaseContinuesOnlyWhereItBegan) {
  const StoredSnapshot snapshot = SmallSnapshot();
  const std::vector<std::string> raw = RawBlocks(snapshot, 30);
  ASSERT_GT(raw.size(), 2U);
  SnapshotEncoder encoder(snapshot.head);
  const std::string bytes = encoder.head() + encoder.Block(BlockKind::kEntries, raw[1]);
  const ReadBack back = ReadAll(bytes);
  ASSERT_FALSE(back.result);
  EXPECT_EQ(back.result.error().detail,
            "the-file: block 0 at offset 128: a database continues that did not begin");
}

TEST(Snapshot, TheEndMustFitWhatCameBefore) {
  const StoredSnapshot snapshot = SmallSnapshot();
  const auto detail = [&](auto change) {
    SnapshotEnd end = EndOf(snapshot);
    change(end);
    SnapshotEncoder encoder(snapshot.head);
    std::string bytes = encoder.head();
    bytes += encoder.Block(BlockKind::kEntries, RawBlocks(snapshot, kBlockTargetBytes)[0]);
    const ReadBack back = ReadAll(bytes + encoder.End(end));
    return back.result ? "" : back.result.error().detail;
  };
  const std::string other =
      "the-file: block 1 at offset 332: the file does not hold what its end says";
  const std::string early = "the-file: block 1 at offset 332: it ends before its start";
  EXPECT_EQ(detail([](SnapshotEnd& /*end*/) {}), "");
  EXPECT_EQ(detail([](SnapshotEnd& end) { ++end.entries; }), other);
  EXPECT_EQ(detail([](SnapshotEnd& end) { --end.databases; }), other);
  EXPECT_EQ(detail([](SnapshotEnd& end) { end.revision.value -= 2; }), early);
  EXPECT_EQ(detail([](SnapshotEnd& end) { --end.term.value; }), early);
}

TEST(Snapshot, OfTooManyTermsTheOldestAreLeftOut) {
  SnapshotHead head;
  for (std::uint64_t term = 1; term <= kTermEndsMax + 1; ++term) {
    head.terms.push_back({.term = {term}, .last = {term}});
  }
  const std::string bytes = EncodeSnapshotHead(head);
  EXPECT_LE(bytes.size(), kSnapshotHeadBytesMax);
  const auto back = DecodeSnapshotHead(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->terms.size(), kTermEndsMax);
  EXPECT_EQ(back->terms.front().term.value, 2U);
  EXPECT_EQ(back->terms.back(), head.terms.back());
}

TEST(Snapshot, AFullSyncSaysWhatIsFinal) {
  const SnapshotHead head{.kind = SnapshotKind::kFullSync,
                          .terms = {{.term = {1}, .last = {2}}},
                          .members_at = {7},
                          .members = "m",
                          .committed = {UINT64_MAX - 1},
                          .filter = "f"};
  const std::string bytes = EncodeSnapshotHead(head);
  const Result<SnapshotHead> decoded = DecodeSnapshotHead(bytes);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().detail;
  EXPECT_EQ(*decoded, head);
  SnapshotHead backup = head;
  backup.kind = SnapshotKind::kBackup;
  EXPECT_EQ(EncodeSnapshotHead(backup).size() + sizeof(std::uint64_t), bytes.size());
}

TEST(Snapshot, NamesTheMembersOfItsCluster) {
  SnapshotHead head{.members_at = {7}, .members = std::string(kMembersBytesMax - 8, 'm')};
  head.filter = "db";
  const std::string bytes = EncodeSnapshotHead(head);
  const auto back = DecodeSnapshotHead(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, head);
}

TEST(Snapshot, MembersBeyondTheirLimitAreRefused) {
  std::string bytes = EncodeSnapshotHead({.members_at = {7}, .members = "m"});
  PutLittle(bytes.data() + 84, static_cast<std::uint32_t>(kMembersBytesMax + 1));
  PutLittle(bytes.data() + bytes.size() - 8,
            HashBytes(std::string_view(bytes).substr(0, bytes.size() - 8), 0));
  const auto back = DecodeSnapshotHead(bytes);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().detail, "the lengths of the head do not fit it");
}

TEST(Snapshot, TermsAscend) {
  const auto detail = [](std::vector<TermEnd> terms) {
    const auto back = DecodeSnapshotHead(EncodeSnapshotHead({.terms = std::move(terms)}));
    return back ? "" : back.error().detail;
  };
  const std::string refusal = "the table of terms is not in order";
  EXPECT_EQ(detail({{.term = {1}, .last = {4}}, {.term = {2}, .last = {4}}}), "");
  EXPECT_EQ(detail({{.term = {2}, .last = {4}}, {.term = {2}, .last = {5}}}), refusal);
  EXPECT_EQ(detail({{.term = {1}, .last = {4}}, {.term = {2}, .last = {3}}}), refusal);
}

// 16 bytes a line, as docs/formats-snapshot.md shows them.
std::string HexLines(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (at % 16 == 0) {
      text += {kDigits[at >> 8U & 15U], kDigits[at >> 4U & 15U], kDigits[at & 15U], ' '};
    }
    text += {' ', kDigits[byte >> 4U], kDigits[byte & 15U]};
    if (at % 16 == 15 || at + 1 == bytes.size()) text += '\n';
  }
  return text;
}

TEST(Snapshot, TheExampleOfTheDocumentIsWhatThisBuildWrites) {
  StoredSnapshot snapshot;
  snapshot.head = {.cluster = {0x1111111111111111, 0x2222222222222222},
                   .start = {.term = {1},
                             .revision = {2},
                             .time_us = 1'700'000'000'000'000,
                             .chain = 0x3333333333333333},
                   .highest_database = {1},
                   .terms = {{.term = {1}, .last = {2}}}};
  snapshot.databases = {
      {.id = {1}, .name = "shop", .entries = {{.key = "color", .value = "blue", .revision = {2}}}}};
  const std::ifstream file(NUNC_SOURCE_DIR "/docs/formats-snapshot.md");
  std::ostringstream text;
  text << file.rdbuf();
  const std::string shown = HexLines(FileBytes(snapshot));
  EXPECT_NE(text.str().find("```\n" + shown + "```\n"), std::string::npos)
      << "the document must show:\n"
      << shown;
}

}  // namespace
}  // namespace nunc
