// The stream of a backup and what is made of it, over a disk and workers in memory.
#include "node/backup.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/prng.h"
#include "node/backup_file.h"
#include "node/persistence.h"
#include "sim/schedule.h"
#include "sim/sim_clock.h"
#include "sim/sim_device.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "sim/sim_worker.h"
#include "storage/meta.h"
#include "storage/record.h"
#include "storage/snapshot_reader.h"
#include "storage/snapshot_writer.h"

namespace nunc {
namespace {

using Content = std::map<std::string, std::string>;

Content ContentOf(const Store& store, std::string_view name) {
  Content content;
  const Database* database = store.Find(name);
  if (database == nullptr) {
    return content;
  }
  for (KeyOrder::Cursor at = database->Seek(""); !at.at_end(); at.Advance()) {
    // Counted anew by each server.
    if (at.entry()->key() == kConnectionsKey) {
      continue;
    }
    content[std::string(at.entry()->key())] =
        std::to_string(at.entry()->version()) + " " + std::string(at.entry()->value());
  }
  return content;
}

class BackupTest : public testing::Test {
 protected:
  static constexpr SessionId kSession{.slot = 0, .generation = 1};
  // Small, so that there are many: what cleaning keeps is whole segments.
  static constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 10;
  static constexpr std::uint64_t kLogBytesMax = std::uint64_t{4} << 20;
  using State = BodySource::State;

  void SetUp() override {
    Result<Recovered> recovered =
        Recover(world_, kSegmentBytes, node_.store(), [](const RecoveryProgress&) {});
    ASSERT_TRUE(recovered.has_value()) << recovered.error().detail;
    Result<std::unique_ptr<Persistence>> started =
        Persistence::Start(world_, node_,
                           {.segment_bytes = kSegmentBytes,
                            .keep = {.bytes = 1, .age_us = 1},
                            .log_bytes_max = kLogBytesMax},
                           std::move(*recovered));
    ASSERT_TRUE(started.has_value()) << started.error().detail;
    persistence_ = std::move(*started);
    node_.Step(SessionOpened{.session = kSession}, output_);
    Run({.verb = Verb::kAuth, .name = "a", .secret = "b"});
    for (const std::string_view name : {"shop", "other"}) {
      Run({.verb = Verb::kCreateDb, .name = name, .secret = name});
    }
    Use("shop");
  }

  void TearDown() override { persistence_.reset(); }

  void Run(const Command& command) {
    node_.Step(TurnStarted{.now = Now(), .log_room = persistence_->log_room()}, output_);
    node_.Step(ClientCommand{.session = kSession, .command = &command}, output_);
    for (const auto& item : output_.items) {
      const auto* reply = std::get_if<Reply>(&item);
      EXPECT_TRUE(reply == nullptr || reply->kind != ReplyKind::kError) << int(command.verb);
    }
  }
  void Use(std::string_view name) { Run({.verb = Verb::kUseDb, .name = name, .secret = name}); }
  void Set(const std::string& key, const std::string& value) {
    Run({.verb = Verb::kSet, .key = key, .value = value});
  }
  void Snapshot() {
    const std::size_t before = snapshots_;
    Run({.verb = Verb::kSnapshot});
    for (int i = 0; i < 1'000 && snapshots_ == before; ++i) {
      EndTurn();
    }
    ASSERT_EQ(snapshots_, before + 1);
  }
  [[nodiscard]] nunc::Now Now() {
    return {.mono_us = clock_.MonotonicUs(), .wall_us = clock_.WallUs()};
  }
  // Time goes on by a millisecond, and the workers with it.
  void EndTurn() {
    schedule_.RunUntil(schedule_.now_us() + 1'000);
    const Persistence::News& news = persistence_->Collect();
    ASSERT_FALSE(news.failure.has_value());
    snapshots_ += news.results.size();
    ASSERT_TRUE(persistence_->EndTurn(Now()).has_value());
  }
  DatabaseId IdOf(std::string_view name) { return node_.store().Find(name)->id(); }

  // The stream to its end, however it ends; `between` runs before each pull.
  std::pair<State, std::string> Drain(BodySource& body, const std::function<void(int)>& between) {
    std::string bytes;
    std::string piece;
    bool waits = false;
    body.OnMore([&] { waits = false; });
    for (int turn = 0; turn < 10'000; ++turn) {
      between(turn);
      EndTurn();
      if (waits) {
        continue;
      }
      const State state = body.Pull(piece);
      bytes += piece;
      waits = state == State::kWaiting;
      if (state == State::kEnd || state == State::kFailed) {
        return {state, bytes};
      }
    }
    ADD_FAILURE() << "the stream has no end";
    return {State::kFailed, bytes};
  }
  static void Nothing(int /*pull*/) {}
  std::string Whole(BodySource& body, const std::function<void(int)>& between = Nothing) {
    auto [state, bytes] = Drain(body, between);
    EXPECT_EQ(state, State::kEnd);
    return bytes;
  }

  static SnapshotSummary Load(std::string_view bytes, std::string_view only, Store& into) {
    BytesSource source(bytes);
    const Result<SnapshotSummary> loaded =
        LoadBackup(source, "backup", only, into, [](std::uint64_t) {});
    EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
    return loaded ? *loaded : SnapshotSummary{};
  }
  static Error Refusal(std::string_view bytes, std::string_view only = {}) {
    BytesSource source(bytes);
    Store store(9, "none");
    const Result<SnapshotSummary> loaded =
        LoadBackup(source, "backup", only, store, [](std::uint64_t) {});
    EXPECT_FALSE(loaded.has_value());
    return loaded ? Error{} : loaded.error();
  }

  SimSchedule schedule_;
  SimDevice device_;
  SimDisk disk_{device_, "data"};
  SimClock clock_{schedule_, 1'764'000'000'000'000};
  SimRandom random_{7};
  SimWorker sync_{schedule_, {.before = {1, 5}, .duration = {1, 5}}, 1};
  SimWorker bulk_{schedule_, {.before = {1, 5}, .duration = {1, 5}}, 2};
  PersistenceWorld world_{.data = disk_,
                          .log = disk_,
                          .sync = sync_,
                          .bulk = bulk_,
                          .clock = clock_,
                          .random = random_};
  Node node_{{.user = "a",
              .password = "b",
              .address = "x:1",
              .start_time_ms = 1,
              .hash_seed = 1,
              .value_bytes_max = std::size_t{8} << 20,
              .has_log = true}};
  Output output_;
  std::size_t snapshots_ = 0;
  std::unique_ptr<Persistence> persistence_;
};

TEST_F(BackupTest, HoldsTheStateAtItsEndWhateverChangesMeanwhile) {
  for (int i = 0; i < 5'000; ++i) {
    Set("key-" + std::to_string(i), std::string(200, 'x') + std::to_string(i));
    if (i % 100 == 0) {
      EndTurn();
    }
  }
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  ASSERT_NE(backup, nullptr);
  std::map<std::uint64_t, Content> states;
  const auto note = [&] {
    for (const std::string_view name : {"shop", "other", "$admin", "late"}) {
      for (auto& [key, value] : ContentOf(node_.store(), name)) {
        states[node_.end().revision.value][std::string(name) + "/" + key] = value;
      }
    }
  };
  const std::string bytes = Whole(*backup, [&](int turn) {
    if (turn == 1) {
      Run({.verb = Verb::kDropDb, .name = "other"});
      Run({.verb = Verb::kCreateDb, .name = "late", .secret = "late"});
    }
    if (turn < 50) {
      Set("key-" + std::to_string(turn * 97), "changed");
      Run({.verb = Verb::kRemove, .key = "key-4321"});
      Set("new", std::to_string(turn));
    }
    note();
  });
  Store store(9, "none");
  const SnapshotSummary summary = Load(bytes, {}, store);
  EXPECT_GT(summary.end.records, 0U);
  ASSERT_TRUE(states.contains(summary.end.revision.value));
  Content restored;
  for (const std::string_view name : {"shop", "other", "$admin", "late"}) {
    for (auto& [key, value] : ContentOf(store, name)) {
      restored[std::string(name) + "/" + key] = value;
    }
  }
  // The admin's own token follows from its password, and is in no file.
  for (Content* content : {&restored, &states[summary.end.revision.value]}) {
    content->erase("$admin/$$token");
  }
  EXPECT_EQ(restored, states[summary.end.revision.value]);
}

TEST_F(BackupTest, OfOneDatabaseHoldsThatOneAlone) {
  Set("a", "1");
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup(IdOf("shop"));
  const std::string bytes = Whole(*backup, [&](int turn) {
    if (turn == 0) {
      Set("b", "2");
      Use("other");
      Set("c", "3");
    }
  });
  Store store(9, "none");
  Load(bytes, {}, store);
  EXPECT_EQ(ContentOf(store, "shop"), ContentOf(node_.store(), "shop"));
  EXPECT_EQ(ContentOf(store, "shop").at("b"), "0 2");
  EXPECT_EQ(store.Find("other"), nullptr);
  EXPECT_EQ(ContentOf(store, "$admin").count("shop"), 1U);
  EXPECT_EQ(Refusal(bytes, "other").fault, Fault::kNotFound);
  EXPECT_EQ(Refusal(bytes, "$admin").fault, Fault::kInvalid);
}

TEST_F(BackupTest, OfADatabaseThatIsDroppedMeanwhileFails) {
  Set("a", "1");
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup(IdOf("other"));
  Run({.verb = Verb::kDropDb, .name = "other"});
  EXPECT_EQ(Drain(*backup, [](int) {}).first, State::kFailed);
}

TEST_F(BackupTest, OneIsSentAtATimeAndItsEndFreesTheNext) {
  std::unique_ptr<BodySource> first = persistence_->BeginBackup({});
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(persistence_->BeginBackup({}), nullptr);
  std::string begun;
  first->Pull(begun);
  first.reset();
  Set("a", "1");  // the walk's place in the store is gone with it
  EndTurn();
  const std::unique_ptr<BodySource> second = persistence_->BeginBackup({});
  ASSERT_NE(second, nullptr);
  Store store(9, "none");
  Load(Whole(*second), {}, store);
}

TEST_F(BackupTest, WhatIsNotPulledIsNotMade) {
  for (int i = 0; i < 40; ++i) {
    Set("key-" + std::to_string(i),
        std::string(std::size_t{256} << 10, static_cast<char>('a' + i)));
    EndTurn();
  }
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  std::string piece;
  for (int i = 0; i < 3; ++i) {
    backup->Pull(piece);
  }
  for (int i = 0; i < 100; ++i) {
    EndTurn();
  }
  EXPECT_GT(backup->BufferedBytes(), 0U);
  EXPECT_LE(backup->BufferedBytes(), std::size_t{4} * kBlockRawBytesMax);
  EXPECT_EQ(bulk_.pending(), 0U);
}

TEST_F(BackupTest, HoldsNothingThatAPowerCutCouldTake) {
  sync_.SetDelays({.before = {1'000'000, 1'000'000}, .duration = {1, 5}});
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  Set("a", "1");
  const Revision end = node_.end().revision;
  bool ended = false;
  const std::string bytes = Whole(*backup, [&](int) {
    ended = ended || persistence_->log().durable() >= end;
    if (!ended) {
      EXPECT_NE(persistence_->BeginBackup({}) == nullptr, ended) << "it is still being sent";
    }
  });
  EXPECT_TRUE(ended) << "it has waited for the disk";
  Store store(9, "none");
  Load(bytes, {}, store);
  EXPECT_EQ(ContentOf(store, "shop").at("a"), "0 1");
}

TEST_F(BackupTest, TheLogIsKeptForOneAsLongAsItMay) {
  Set("a", "1");
  Snapshot();
  Set("a", "2");
  Snapshot();
  const Revision start = node_.end().revision;
  std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  const auto first = [&] { return persistence_->log().Info().first; };
  const auto fill = [&](std::uint64_t bytes) {
    const std::uint64_t before = persistence_->log().Info().bytes;
    while (persistence_->log().Info().bytes < before + bytes) {
      Set("fill", std::string(10'000, 'f'));
      EndTurn();
    }
    Snapshot();
    Set("a", "more");
    Snapshot();
  };
  fill(4 * kSegmentBytes);
  EXPECT_LE(first(), Revision{start.value + 1}) << "what is behind its start is there";
  const Revision kept = first();
  // One that nobody takes any more holds nothing up.
  schedule_.RunUntil(schedule_.now_us() + kBackupUsMax);
  fill(4 * kSegmentBytes);
  EXPECT_GT(first(), kept);
  std::string piece;
  EXPECT_EQ(backup->Pull(piece), State::kFailed) << "and ends where it stands";
  EXPECT_EQ(piece, "");

  backup.reset();
  backup = persistence_->BeginBackup({});
  const Revision again = node_.end().revision;
  // Nor does one for which the log would grow beyond its limit.
  fill(kLogBytesMax);
  EXPECT_GT(first(), Revision{again.value + 1});
  EXPECT_EQ(Drain(*backup, [](int) {}).first, State::kFailed);
}

TEST_F(BackupTest, OneThatEndsInTimeIsWholeToTheLastMoment) {
  Set("a", "1");
  EndTurn();
  std::string piece;
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  const std::int64_t begun_us = clock_.MonotonicUs();
  schedule_.RunUntil(begun_us + kBackupUsMax - 1);
  EXPECT_NE(backup->Pull(piece), State::kFailed);
  EXPECT_NE(piece, "");
  schedule_.RunUntil(begun_us + kBackupUsMax);
  EXPECT_EQ(backup->Pull(piece), State::kFailed);
}

TEST_F(BackupTest, EveryCutAndFlipOfAFileIsRefused) {
  Set("a", "1");
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  const std::string bytes = Whole(*backup, [&](int turn) {
    if (turn == 0) {
      Set("b", "2");
    }
  });
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const Error cut = Refusal(bytes.substr(0, i));
    EXPECT_TRUE(cut.detail.starts_with("backup: ")) << cut.detail;
    EXPECT_TRUE(cut.detail.contains("not whole") || i < kSnapshotPrefixBytes) << cut.detail;
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    BytesSource source(flipped);
    const auto verified = VerifyBackup(source, "backup", [](std::uint64_t) {});
    ASSERT_FALSE(verified.has_value()) << i;
    constexpr std::size_t kMagicBytes = 8;  // without them it is no file of ours
    EXPECT_TRUE(i < kMagicBytes || verified.error().detail.contains(" offset ") ||
                verified.error().detail.contains("not whole: it ends after"))
        << verified.error().detail;
    Refusal(flipped);
  }
}

TEST_F(BackupTest, AFolderMadeOfItStartsWithTheSameStateAsANewHistory) {
  Set("a", "1");
  Set("a", "2");
  Run({.verb = Verb::kRemove, .key = "a"});
  Set("c", "3");
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  const std::string bytes = Whole(*backup);
  Store store(9, "none");
  const SnapshotSummary summary = Load(bytes, {}, store);
  SimDevice device;
  SimDisk data(device, "restored");
  SimDisk log(device, "restored-log");
  ASSERT_TRUE(WriteFolder({.data = data, .log = log, .clock = clock_, .random = random_}, store,
                          summary, kSegmentBytes)
                  .has_value());
  const PersistenceWorld world{
      .data = data, .log = log, .sync = sync_, .bulk = bulk_, .clock = clock_, .random = random_};
  Store started(11, "none");
  const Result<Recovered> recovered =
      Recover(world, kSegmentBytes, started, [](const RecoveryProgress&) {});
  ASSERT_TRUE(recovered.has_value()) << recovered.error().detail;
  EXPECT_EQ(ContentOf(started, "shop"), ContentOf(node_.store(), "shop"));
  EXPECT_EQ(started.revision(), summary.end.revision);
  EXPECT_EQ(started.Find("shop")->tombstones(), 1U);
  const Result<Meta> old = MetaFile::Read(disk_);
  ASSERT_TRUE(old.has_value());
  const Meta& fresh = recovered->meta->value();
  EXPECT_NE(fresh.cluster, old->cluster);
  EXPECT_NE(fresh.incarnation, old->incarnation);
  EXPECT_GT(fresh.term, summary.end.term) << "no token of the old history is one of this";
}

TEST_F(BackupTest, AFolderThatCouldNotBeWrittenIsNone) {
  Set("a", "1");
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  const std::string bytes = Whole(*backup);
  for (std::uint64_t call = 1;; ++call) {
    Store store(9, "none");
    const SnapshotSummary summary = Load(bytes, {}, store);
    SimDevice device;
    SimDisk disk(device, "restored");
    device.FailCall(call, Fault::kNoSpace);
    const Result<void> written =
        WriteFolder({.data = disk, .log = disk, .clock = clock_, .random = random_}, store, summary,
                    kSegmentBytes);
    if (written) {
      EXPECT_GT(call, 10U);
      break;
    }
    EXPECT_EQ(written.error().fault, Fault::kNoSpace) << call;
    // The meta file is last: without it no server starts where anything is, and with it all is.
    const bool startable = MetaFile::Read(disk).has_value() || disk.List()->empty();
    const PersistenceWorld world{.data = disk,
                                 .log = disk,
                                 .sync = sync_,
                                 .bulk = bulk_,
                                 .clock = clock_,
                                 .random = random_};
    Store started(11, "none");
    EXPECT_EQ(Recover(world, kSegmentBytes, started, [](const RecoveryProgress&) {}).has_value(),
              startable)
        << call;
  }
}

TEST_F(BackupTest, APartOfARestoreIsOneRecordAndTheLastOneOpensTheDatabase) {
  BlockBuilder builder;
  builder.Begin({.id = {5}, .name = "elsewhere", .level = AckLevel::kDisk, .arbiter_seen = true});
  builder.Add({.key = "k", .value = "v", .version = 7, .revision = {1}});
  builder.Add({.key = "gone", .removed = true, .revision = {2}});
  builder.Add({.key = "$conflicts_k_42", .value = "resolve 42 x", .revision = {3}});
  const std::string first = builder.Take();
  builder.Add({.key = "$$token", .value = "t", .version = 3, .revision = {4}});
  const std::string last = builder.Take();
  // What the node has made of it, in the log.
  const auto import = [&](const BlockImported& block) {
    node_.Step(TurnStarted{.now = Now(), .log_room = persistence_->log_room()}, output_);
    node_.Step(block, output_);
    EndTurn();
  };
  const std::uint64_t before = node_.end().revision.value;
  import({.session = kSession, .database = "copy", .block = first});
  EXPECT_EQ(node_.end().revision.value, before + 3) << "the database, the arbiter, the batch";
  const Database* copy = node_.store().Find("copy");
  ASSERT_NE(copy, nullptr);
  EXPECT_TRUE(copy->is_unfinished());
  import({.session = kSession, .database = "copy", .id = copy->id(), .block = last});
  EXPECT_FALSE(copy->is_unfinished());
  const Content content = ContentOf(node_.store(), "copy");
  EXPECT_EQ(content.at("k"), "7 v");
  EXPECT_EQ(content.at("$$token"), "3 t");
  EXPECT_FALSE(content.contains("gone"));
  EXPECT_TRUE(copy->Find("k")->in_conflict());
  for (int i = 0; i < 200; ++i) {
    EndTurn();  // a sync
  }
  // The same from the disk.
  persistence_.reset();
  Prng prng(1);
  device_.Crash(prng);
  Store store(3, "none");
  const Result<Recovered> recovered =
      Recover(world_, kSegmentBytes, store, [](const RecoveryProgress&) {});
  ASSERT_TRUE(recovered.has_value()) << recovered.error().detail;
  EXPECT_EQ(ContentOf(store, "copy"), content);
  EXPECT_EQ(store.Find("copy")->level(), AckLevel::kDisk);
  EXPECT_TRUE(store.Find("copy")->Find("k")->in_conflict());
}

// Files whose checksums are right, but which no server has sent.
TEST_F(BackupTest, WhatDoesNotHoldTogetherIsRefused) {
  struct File {
    SnapshotHead head{.kind = SnapshotKind::kBackup, .start = {.revision = {5}, .chain = 77}};
    std::vector<std::uint64_t> revisions{6, 7};
    std::size_t cut = 0;  // bytes of the last record
    SnapshotEnd end{.revision = {7}, .records = 2};
  };
  const auto refusal = [](const File& file) {
    SnapshotEncoder encoder(file.head);
    std::string bytes = encoder.head();
    std::string records;
    std::uint64_t chain = 77;
    for (const std::uint64_t revision : file.revisions) {
      AppendRecord(records, {.type = RecordType::kNoop, .revision = {revision}, .time_us = 1}, {1},
                   chain);
    }
    records.resize(records.size() - file.cut);
    bytes += encoder.Block(BlockKind::kRecords, records);
    bytes += encoder.End(file.end);
    BytesSource source(bytes);
    const auto verified = VerifyBackup(source, "backup", [](std::uint64_t) {});
    return verified ? std::string() : verified.error().detail;
  };
  EXPECT_EQ(refusal({}), "");
  const auto differs = [&](auto change) {
    File file;
    change(file);
    return refusal(file);
  };
  EXPECT_TRUE(differs([](File& file) {
                file.head.kind = SnapshotKind::kSnapshot;
              }).contains("not a backup"));
  EXPECT_TRUE(differs([](File& file) {
                file.head.highest_database = {kDatabaseIdMax + 1};
              }).contains("beyond their limit"));
  EXPECT_TRUE(
      differs([](File& file) { file.head.start.chain = 78; }).contains("block 0 at offset"));
  const std::string order = "not in the order of revisions";
  EXPECT_TRUE(differs([](File& file) { file.revisions = {6, 8}; }).contains(order));
  EXPECT_TRUE(differs([](File& file) { file.revisions = {7}; }).contains(order));
  EXPECT_TRUE(differs([](File& file) { file.cut = 8; }).contains("beyond its block"));
  const std::string missing = "does not hold the records";
  EXPECT_TRUE(differs([](File& file) { file.end.records = 3; }).contains(missing));
  EXPECT_TRUE(differs([](File& file) { file.end.revision = {8}; }).contains(missing));
  // Of one database there may be gaps, but no way back.
  const auto one = [](File& file) {
    file.head.filter = "shop";
    file.revisions = {6, 9};
    file.end.revision = {12};
  };
  EXPECT_EQ(differs(one), "");
  EXPECT_TRUE(differs([&](File& file) {
                one(file);
                file.revisions = {9, 6};
              }).contains(order));
}

}  // namespace
}  // namespace nunc
