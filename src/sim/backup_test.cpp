// The stream of a backup and what is made of it, over a disk and workers in memory.
#include "node/backup.h"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "node/backup_file.h"
#include "node/folder_check.h"
#include "node/persistence.h"
#include "sim/schedule.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "sim/sim_worker.h"
#include "storage/snapshot_items.h"

namespace nunc {
namespace {

class BytesSource final : public ByteSource {
 public:
  explicit BytesSource(std::string_view bytes) : left_(bytes) {}

  Result<std::size_t> Read(std::span<char> into) override {
    const std::size_t count = left_.copy(into.data(), into.size());
    left_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view left_;
};

using Content = std::map<std::string, std::string>;

Content ContentOf(const Store& store, std::string_view name) {
  Content content;
  const Database* database = store.Find(name);
  if (database == nullptr) {
    return content;
  }
  for (KeyOrder::Cursor at = database->Seek(""); !at.at_end(); at.Advance()) {
    content[std::string(at.entry()->key())] =
        std::to_string(at.entry()->version()) + " " + std::string(at.entry()->value());
  }
  return content;
}

class BackupTest : public testing::Test {
 protected:
  static constexpr SessionId kSession{.slot = 0, .generation = 1};

  void SetUp() override {
    Result<Recovered> recovered =
        Recover(world_, kSegmentBytesMin, node_.store(), [](const RecoveryProgress&) {});
    ASSERT_TRUE(recovered.has_value()) << recovered.error().detail;
    Result<std::unique_ptr<Persistence>> started = Persistence::Start(
        world_, node_, {.segment_bytes = kSegmentBytesMin}, std::move(*recovered));
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
    node_.Step(ClientCommand{.session = kSession, .command = &command}, output_);
    ASSERT_FALSE(output_.items.empty());
    const Reply& reply = std::get<Reply>(output_.items.back());
    EXPECT_NE(reply.kind, ReplyKind::kError);
  }
  void Use(std::string_view name) { Run({.verb = Verb::kUseDb, .name = name, .secret = name}); }
  void Set(const std::string& key, const std::string& value) {
    Run({.verb = Verb::kSet, .key = key, .value = value});
  }
  void EndTurn() {
    ASSERT_FALSE(persistence_->Collect().failure.has_value());
    ASSERT_TRUE(persistence_->EndTurn({.mono_us = clock_.MonotonicUs(), .wall_us = clock_.WallUs()})
                    .has_value());
  }
  DatabaseId IdOf(std::string_view name) { return node_.store().Find(name)->id(); }

  // All of the stream; `between` runs before each pull.
  template <class Between>
  std::string Drain(BodySource& body, Between between) {
    std::string bytes;
    for (int turn = 0; turn < 100'000; ++turn) {
      between(turn);
      EndTurn();
      const BodySource::State state = body.Pull(bytes);
      if (state == BodySource::State::kEnd) {
        return bytes;
      }
      EXPECT_NE(state, BodySource::State::kFailed);
      if (state == BodySource::State::kWaiting) {
        bulk_.Collect(Wait::kForOne);
      }
    }
    ADD_FAILURE() << "the stream has no end";
    return bytes;
  }

  std::optional<SnapshotSummary> Load(std::string_view bytes, std::string_view only, Store& into) {
    BytesSource source(bytes);
    Result<SnapshotSummary> loaded = LoadBackup(source, "backup", only, into, [](std::uint64_t) {});
    EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
    return loaded ? std::optional(std::move(*loaded)) : std::nullopt;
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
  std::unique_ptr<Persistence> persistence_;
};

TEST_F(BackupTest, HoldsTheStateAtItsEndWhateverChangesMeanwhile) {
  for (int i = 0; i < 5'000; ++i) {
    Set("key-" + std::to_string(i), std::string(200, 'x') + std::to_string(i));
  }
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  ASSERT_NE(backup, nullptr);
  std::map<std::uint64_t, Content> states;
  const std::string bytes = Drain(*backup, [&](int turn) {
    states[node_.end().revision.value] = ContentOf(node_.store(), "shop");
    if (turn < 50) {
      Set("key-" + std::to_string(turn * 97), "changed");
      Run({.verb = Verb::kRemove, .key = "key-4321"});
      Set("new", std::to_string(turn));
    }
    states[node_.end().revision.value] = ContentOf(node_.store(), "shop");
  });
  Store store(9, "none");
  const std::optional<SnapshotSummary> summary = Load(bytes, {}, store);
  ASSERT_TRUE(summary.has_value());
  EXPECT_GT(summary->end.records, 0U);
  ASSERT_TRUE(states.contains(summary->end.revision.value));
  EXPECT_EQ(ContentOf(store, "shop"), states[summary->end.revision.value]);
}

TEST_F(BackupTest, OfOneDatabaseHoldsThatOneAlone) {
  Set("a", "1");
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup(IdOf("shop"));
  const std::string bytes = Drain(*backup, [&](int turn) {
    if (turn == 0) {
      Set("b", "2");
      Use("other");
      Set("c", "3");
    }
  });
  Store store(9, "none");
  ASSERT_TRUE(Load(bytes, {}, store).has_value());
  EXPECT_EQ(ContentOf(store, "shop"), ContentOf(node_.store(), "shop"));
  EXPECT_EQ(store.Find("other"), nullptr);
  EXPECT_EQ(ContentOf(store, "$admin").count("shop"), 1U);
  BytesSource source(bytes);
  Store again(9, "none");
  const Result<SnapshotSummary> other =
      LoadBackup(source, "backup", "other", again, [](std::uint64_t) {});
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().fault, Fault::kNotFound);
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
  EXPECT_TRUE(Load(Drain(*second, [](int) {}), {}, store).has_value());
}

TEST_F(BackupTest, WhatIsNotPulledIsNotMade) {
  for (int i = 0; i < 40; ++i) {
    Set("key-" + std::to_string(i),
        std::string(std::size_t{256} << 10, static_cast<char>('a' + i)));
  }
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  std::string bytes;
  for (int i = 0; i < 3; ++i) {
    backup->Pull(bytes);
  }
  for (int i = 0; i < 100; ++i) {
    bulk_.Collect(Wait::kForOne);
  }
  EXPECT_LE(backup->BufferedBytes(), std::size_t{4} * kBlockRawBytesMax);
  EXPECT_EQ(bulk_.pending(), 0U);
}

TEST_F(BackupTest, EveryCutAndFlipOfAFileIsRefused) {
  Set("a", "1");
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  const std::string bytes = Drain(*backup, [&](int turn) {
    if (turn == 0) {
      Set("b", "2");
    }
  });
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::string cut = bytes.substr(0, i);
    BytesSource cut_source(cut);
    EXPECT_FALSE(VerifyBackup(cut_source, "cut", [](std::uint64_t) {}).has_value()) << i;
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    BytesSource flipped_source(flipped);
    EXPECT_FALSE(VerifyBackup(flipped_source, "flipped", [](std::uint64_t) {}).has_value()) << i;
  }
}

TEST_F(BackupTest, AFolderMadeOfItStartsWithTheSameState) {
  Set("a", "1");
  Set("a", "2");
  EndTurn();
  const std::unique_ptr<BodySource> backup = persistence_->BeginBackup({});
  const std::string bytes = Drain(*backup, [](int) {});
  Store store(9, "none");
  const std::optional<SnapshotSummary> summary = Load(bytes, {}, store);
  ASSERT_TRUE(summary.has_value());
  SimDisk restored(device_, "restored");
  ASSERT_TRUE(WriteFolder({.disk = restored, .clock = clock_, .random = random_}, store, *summary,
                          kSegmentBytesMin)
                  .has_value());
  EXPECT_TRUE(CheckFolder(restored, restored, [](std::string_view) {}).has_value());
  const PersistenceWorld world{.data = restored,
                               .log = restored,
                               .sync = sync_,
                               .bulk = bulk_,
                               .clock = clock_,
                               .random = random_};
  Store started(11, "none");
  const Result<Recovered> recovered =
      Recover(world, kSegmentBytesMin, started, [](const RecoveryProgress&) {});
  ASSERT_TRUE(recovered.has_value()) << recovered.error().detail;
  EXPECT_EQ(ContentOf(started, "shop"), ContentOf(node_.store(), "shop"));
  EXPECT_EQ(started.revision(), summary->end.revision);
}

TEST_F(BackupTest, AnImportedBlockIsOneRecordAndKeepsVersions) {
  BlockBuilder builder;
  builder.Begin({.id = {5}, .name = "elsewhere", .arbiter_seen = true});
  builder.Add({.key = "k", .value = "v", .version = 7, .revision = {1}});
  builder.Add({.key = "gone", .removed = true, .revision = {2}});
  builder.Add({.key = "$conflicts_k_42", .value = "resolve 42 x", .revision = {3}});
  const std::string block = builder.Take();
  const BlockImported input{.session = kSession, .database = "shop", .block = block};
  const std::uint64_t before = node_.end().revision.value;
  node_.Step(input, output_);
  EXPECT_EQ(std::get<Reply>(output_.items.back()).kind, ReplyKind::kOk);
  EXPECT_EQ(node_.end().revision.value, before + 2) << "the arbiter and the batch";
  EndTurn();
  const Content content = ContentOf(node_.store(), "shop");
  EXPECT_EQ(content.at("k"), "7 v");
  EXPECT_FALSE(content.contains("gone"));
  EXPECT_TRUE(node_.store().Find("shop")->Find("k")->in_conflict());
  EXPECT_EQ(node_.store().Find("shop")->conflicts().OpenOf("k").size(), 1U);

  node_.Step(input, output_);
  EXPECT_EQ(std::get<Reply>(output_.items.back()).error, ErrorCode::kBadImport) << "it is there";
  for (const std::string_view bad :
       {std::string_view("garbage"), std::string_view(block).substr(1)}) {
    node_.Step(BlockImported{.session = kSession, .database = "other", .block = bad}, output_);
    EXPECT_EQ(std::get<Reply>(output_.items.back()).error, ErrorCode::kBadImport);
  }
  for (const std::string_view name : {"nobody", "$admin"}) {
    node_.Step(BlockImported{.session = kSession, .database = name, .block = block}, output_);
    EXPECT_EQ(std::get<Reply>(output_.items.back()).error, ErrorCode::kUnknownDatabase);
  }
}

}  // namespace
}  // namespace nunc
