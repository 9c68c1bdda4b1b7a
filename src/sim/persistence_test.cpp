// What the op log, snapshots and recovery do together, over a disk that can fail.
#include "node/persistence.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "sim/schedule.h"
#include "sim/sim_clock.h"
#include "sim/sim_device.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "sim/sim_worker.h"

namespace nunc {
namespace {

constexpr SessionId kSession{.slot = 0, .generation = 1};

// One process over the device, from its start to its end.
class Life {
 public:
  Life(SimDevice& device, std::uint64_t segment_bytes)
      : Life(device, PersistenceOptions{.segment_bytes = segment_bytes}) {}
  Life(SimDevice& device, const PersistenceOptions& options)
      : disk_(device, "data"), options_(options) {}

  Result<void> Start() {
    Result<Recovered> recovered =
        Recover(World(), options_.segment_bytes, node_.store(), [](const auto&) {});
    if (!recovered) {
      return tl::unexpected(recovered.error());
    }
    report_ = recovered->report;
    Result<std::unique_ptr<Persistence>> started =
        Persistence::Start(World(), node_, options_, std::move(*recovered));
    if (!started) {
      return tl::unexpected(started.error());
    }
    persistence_ = std::move(*started);
    node_.Step(SessionOpened{kSession}, output_);
    Run({.verb = Verb::kAuth, .name = "admin", .secret = "pwd"});
    return {};
  }

  // A turn with that command; what was answered in it.
  std::vector<Reply> Run(const Command& command) {
    replies_.clear();
    failure_ = Turn(&command);
    return replies_;
  }
  // Turns without a command, until an answer has come.
  std::vector<Reply> Await() {
    replies_.clear();
    for (int i = 0; i < 1'000 && replies_.empty() && failure_; ++i) {
      Pass(1'000);
    }
    return replies_;
  }
  // Nothing happens for so long; then when the loop is to be woken next, from now.
  std::int64_t NextAfter(std::int64_t us) {
    schedule_.RunUntil(schedule_.now_us() + us);
    Rest();
    return persistence_->next_us() - clock_.MonotonicUs();
  }
  // Then a turn without a command.
  void Pass(std::int64_t us) {
    schedule_.RunUntil(schedule_.now_us() + us);
    failure_ = Turn(nullptr);
  }
  // Turns without a command, for as long as work on the disk takes.
  void Rest() {
    for (int i = 0; i < 20 && failure_; ++i) {
      Pass(1'000);
    }
  }
  std::int64_t now_us() { return clock_.MonotonicUs(); }
  void SetSyncUs(std::int64_t us) {
    sync_.SetDelays({.before = {1, 1}, .duration = {us - 1, us - 1}});
  }
  // How long the loop is to do without sleep.
  std::int64_t PollUs() { return std::max(persistence_->poll_until_us(), now_us()) - now_us(); }
  // The answer's status is fine, at once or later.
  bool Does(const Command& command) {
    std::vector<Reply> replies = Run(command);
    while (replies.empty() || !replies.back().is_status()) {
      replies = Await();
      if (replies.empty()) {
        return false;
      }
    }
    return replies.back().kind == ReplyKind::kOk;
  }
  std::string Get(std::string_view key) {
    texts_.clear();
    Does({.verb = Verb::kGet, .key = key});
    return texts_.empty() ? "" : texts_.front();
  }

  [[nodiscard]] const Result<void>& failure() const { return failure_; }
  [[nodiscard]] const RecoveryReport& report() const { return report_; }
  Persistence& persistence() { return *persistence_; }
  Node& node() { return node_; }
  SimDisk& disk() { return disk_; }

 private:
  PersistenceWorld World() {
    return {.data = disk_,
            .log = disk_,
            .sync = sync_,
            .sync_beside = &sync_beside_,
            .bulk = bulk_,
            .clock = clock_,
            .random = random_};
  }
  void Take() {
    for (const auto& item : output_.items) {
      if (const auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
        replies_.push_back(*reply);
        if (reply->kind == ReplyKind::kValue || reply->kind == ReplyKind::kNoValue) {
          texts_.emplace_back(reply->text);
        }
      }
    }
  }
  Result<void> Turn(const Command* command) {
    const Now now{.mono_us = clock_.MonotonicUs(), .wall_us = clock_.WallUs()};
    node_.Step(TurnStarted{.now = now, .log_room = persistence_->log_room()}, output_);
    const Persistence::News& news = persistence_->Collect();
    if (news.failure) {
      return tl::unexpected(*news.failure);
    }
    if (news.durable > node_.gate().durable()) {
      node_.Step(LogSynced{news.durable}, output_);
      Take();
    }
    for (const OperationResult& result : news.results) {
      node_.Step(OperationEnded{&result}, output_);
      Take();
    }
    if (command != nullptr) {
      node_.Step(ClientCommand{.session = kSession, .command = command}, output_);
      Take();
    }
    node_.Step(TurnEnded{}, output_);
    return persistence_->EndTurn(now);
  }

  static constexpr SimWorker::Delays kDelays{.before = {10, 10}, .duration = {500, 500}};
  SimSchedule schedule_;
  SimClock clock_{schedule_, 1'700'000'000'000'000};
  SimRandom random_{5};
  SimDisk disk_;
  PersistenceOptions options_;
  SimWorker sync_{schedule_, kDelays, 1};
  SimWorker bulk_{schedule_, kDelays, 2};
  SimWorker sync_beside_{schedule_, kDelays, 3};
  Node node_{{.user = "admin",
              .password = "pwd",
              .address = "x",
              .hash_seed = 1,
              .value_bytes_max = 1 << 20,
              .has_log = true}};
  std::unique_ptr<Persistence> persistence_;
  RecoveryReport report_;
  Output output_;
  std::vector<Reply> replies_;
  std::vector<std::string> texts_;
  Result<void> failure_;
};

class PersistenceTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSegmentBytes = 16'384;

  static Command CreateDb(AckLevel level) {
    return {.verb = Verb::kCreateDb, .name = "db", .secret = "t", .level = level};
  }
  static Command Set(std::string_view key, std::string_view value) {
    return {.verb = Verb::kSet, .key = key, .value = value};
  }
  std::unique_ptr<Life> Begin() {
    auto life = std::make_unique<Life>(device_, kSegmentBytes);
    const Result<void> started = life->Start();
    EXPECT_TRUE(started) << (started ? "" : started.error().detail);
    return life;
  }
  std::unique_ptr<Life> BeginWithDatabase(AckLevel level) {
    auto life = Begin();
    EXPECT_TRUE(life->Does(CreateDb(level)));
    EXPECT_TRUE(life->Does(kUse));
    return life;
  }

  static constexpr Command kUse{.verb = Verb::kUseDb, .name = "db", .secret = "t"};
  static constexpr Command kSnapshot{.verb = Verb::kSnapshot};
  SimDevice device_;
  Prng prng_{7};
};

TEST_F(PersistenceTest, AtLevelDiskTheAnswerComesAfterTheSyncAndSurvivesAPowerCut) {
  {
    const auto life = BeginWithDatabase(AckLevel::kDisk);
    EXPECT_TRUE(life->Run(Set("k", "1")).empty());
    EXPECT_EQ(life->Await().size(), 1U);
    EXPECT_GE(life->persistence().log().durable(), life->persistence().log().written());
  }
  device_.Crash(prng_, Keep::kNothing, Keep::kNothing);
  const auto life = Begin();
  EXPECT_TRUE(life->Does(kUse));
  EXPECT_EQ(life->Get("k"), "1");
}

TEST_F(PersistenceTest, ASecondSyncBeginsWhenTheFirstTakesLong) {
  const auto life = BeginWithDatabase(AckLevel::kDisk);
  const OpLog& log = life->persistence().log();
  life->Rest();
  EXPECT_TRUE(life->Run(Set("k", "1")).empty());
  const Revision first = log.written();
  EXPECT_EQ(log.sync_begun(), first);
  life->Pass(499);
  EXPECT_TRUE(life->Run(Set("k", "2")).empty());
  EXPECT_EQ(log.sync_begun(), first);
  EXPECT_EQ(life->persistence().next_us(), life->now_us() + 1);
  life->Pass(1);
  EXPECT_LT(log.durable(), first);
  EXPECT_EQ(log.sync_begun(), log.written());
}

TEST_F(PersistenceTest, TheLoopStaysAwakeForAShortSyncThatAClientWaitsFor) {
  const auto life = BeginWithDatabase(AckLevel::kDisk);
  life->Rest();
  EXPECT_EQ(life->PollUs(), 0) << "there is no sync";
  const auto sync_takes = [&](std::int64_t us) {
    life->SetSyncUs(us);
    EXPECT_TRUE(life->Run(Set("k", "1")).empty());
    life->Pass(us);
    EXPECT_EQ(life->persistence().log().durable(), life->persistence().log().written());
    EXPECT_EQ(life->PollUs(), 0) << "it has ended";
  };
  sync_takes(300);
  EXPECT_TRUE(life->Run(Set("k", "2")).empty());
  EXPECT_EQ(life->PollUs(), 300);
  life->Pass(299);
  EXPECT_EQ(life->PollUs(), 1);
  life->Rest();

  sync_takes(301);
  EXPECT_TRUE(life->Run(Set("k", "2")).empty());
  EXPECT_EQ(life->PollUs(), 0) << "the one before took longer";
}

TEST_F(PersistenceTest, TheLoopSleepsThroughASyncThatNobodyWaitsForOrWhenToldTo) {
  const auto written = BeginWithDatabase(AckLevel::kWritten);
  written->SetSyncUs(200);
  for (const std::string_view value : {"1", "2"}) {
    EXPECT_EQ(written->Run(Set("k", value)).size(), 1U);
    written->Pass(60'000);  // a sync begins
    EXPECT_LT(written->persistence().log().durable(), written->persistence().log().sync_begun());
    EXPECT_EQ(written->PollUs(), 0);
    written->Rest();
  }
  SimDevice other;
  Life told(other, {.segment_bytes = kSegmentBytes, .polls_for_sync = false});
  ASSERT_TRUE(told.Start());
  told.SetSyncUs(200);
  EXPECT_TRUE(told.Does(CreateDb(AckLevel::kDisk)));
  EXPECT_TRUE(told.Does(kUse));
  EXPECT_TRUE(told.Does(Set("k", "1")));
  EXPECT_TRUE(told.Run(Set("k", "2")).empty());
  EXPECT_EQ(told.PollUs(), 0);
}

TEST_F(PersistenceTest, AtLevelWrittenTheAnswerComesAtOnceAndSurvivesAKill) {
  {
    const auto life = BeginWithDatabase(AckLevel::kWritten);
    EXPECT_EQ(life->Run(Set("k", "1")).size(), 1U);
  }
  device_.KillProcess();
  const auto life = Begin();
  EXPECT_TRUE(life->Does(kUse));
  EXPECT_EQ(life->Get("k"), "1");
}

TEST_F(PersistenceTest, AFailedSyncAnswersNobodyAndIsTheEnd) {
  const auto life = BeginWithDatabase(AckLevel::kDisk);
  device_.FailNextSync();
  EXPECT_TRUE(life->Run(Set("k", "1")).empty());
  EXPECT_TRUE(life->Await().empty());
  ASSERT_FALSE(life->failure());
  EXPECT_EQ(life->failure().error().fault, Fault::kIo);
}

TEST_F(PersistenceTest, AFullDiskRefusesWritesUntilThereIsSpace) {
  const auto life = BeginWithDatabase(AckLevel::kWritten);
  device_.SetCapacity(device_.UsedBytes());
  const std::string value(1'000, 'v');
  int stored = 0;
  while (stored < 100 && life->Does(Set("k" + std::to_string(stored), value))) {
    ++stored;
  }
  EXPECT_GT(stored, 0);
  EXPECT_LT(stored, 40);
  ASSERT_TRUE(life->failure());
  EXPECT_EQ(life->Get("k0"), value);
  device_.SetCapacity(device_.UsedBytes() + (1 << 20));
  for (int i = 0; i < 1'000 && !life->Does(Set("after", "1")); ++i) {
    life->Await();
  }
  EXPECT_EQ(life->Get("after"), "1");
}

TEST_F(PersistenceTest, ASnapshotIsAnsweredWhenItIsOnDisk) {
  const auto life = BeginWithDatabase(AckLevel::kWritten);
  EXPECT_TRUE(life->Does(Set("k", "1")));
  EXPECT_TRUE(life->Run(kSnapshot).empty());
  EXPECT_FALSE(life->Await().empty());
  const std::vector<SnapshotInfo> snapshots = *ListSnapshots(life->disk());
  ASSERT_EQ(snapshots.size(), 1U);
  EXPECT_TRUE(life->disk().HasDurable(snapshots[0].name));
  EXPECT_FALSE(life->disk().DurableContent(snapshots[0].name).empty());
}

TEST_F(PersistenceTest, TwoSnapshotsAreKeptAndTheLogTheyNeed) {
  {
    const auto life = BeginWithDatabase(AckLevel::kWritten);
    const std::string value(1'000, 'v');
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 40; ++i) {
        EXPECT_TRUE(life->Does(Set("k" + std::to_string(i), value + std::to_string(round))));
      }
      EXPECT_TRUE(life->Does(kSnapshot));
    }
    EXPECT_EQ(ListSnapshots(life->disk())->size(), 2U);
    const Revision first = life->persistence().log().Info().first;
    EXPECT_TRUE(life->Does({.verb = Verb::kOplog, .name = "clean", .value = "keep 0"}));
    const Revision after = life->persistence().log().Info().first;
    EXPECT_GT(after, first);
    EXPECT_LE(after.value, ListSnapshots(life->disk())->back().start.value + 1);
    ASSERT_TRUE(life->persistence().Finish());
  }
  device_.Crash(prng_, Keep::kNothing, Keep::kNothing);
  const auto life = Begin();
  EXPECT_FALSE(life->report().snapshot.empty());
  EXPECT_TRUE(life->Does(kUse));
  EXPECT_EQ(life->Get("k39"), std::string(1'000, 'v') + "3");
}

TEST_F(PersistenceTest, ADamagedSnapshotIsPassedOverForTheOlderOne) {
  std::string newest;
  {
    const auto life = BeginWithDatabase(AckLevel::kWritten);
    EXPECT_TRUE(life->Does(Set("k", "1")));
    EXPECT_TRUE(life->Does(kSnapshot));
    EXPECT_TRUE(life->Does(Set("k", "2")));
    EXPECT_TRUE(life->Does(kSnapshot));
    newest = ListSnapshots(life->disk())->front().name;
    life->disk().FlipBit(newest, life->disk().Content(newest).size() * 4);
  }
  device_.KillProcess();
  const auto life = Begin();
  EXPECT_NE(life->report().passed_over.find(newest), std::string::npos);
  EXPECT_NE(life->report().snapshot, newest);
  // It does not count as one of the two that are kept.
  EXPECT_EQ(ListSnapshots(life->disk())->size(), 1U);
  EXPECT_TRUE(life->disk().HasDurable("damaged-" + newest));
  EXPECT_TRUE(life->Does(kUse));
  EXPECT_EQ(life->Get("k"), "2");
}

// Between its start and its end a snapshot lacks what changed meanwhile: that is in the log alone.
TEST_F(PersistenceTest, ALogThatEndsBeforeTheSnapshotDoesIsDamage) {
  constexpr std::uint64_t kLargeSegmentBytes = 1 << 20;
  const std::string segment = SegmentName({1});
  {
    Life life(device_, kLargeSegmentBytes);
    ASSERT_TRUE(life.Start());
    EXPECT_TRUE(life.Does(CreateDb(AckLevel::kWritten)));
    EXPECT_TRUE(life.Does(kUse));
    for (int i = 0; i < 3'000; ++i) {  // more than one slice walks
      life.Run(Set("k" + std::to_string(i), "1"));
    }
    life.Run(kSnapshot);
    const std::string log = life.disk().Content(segment);
    const Revision start = life.persistence().log().written();
    life.Run(Set("k2999", "2"));
    EXPECT_FALSE(life.Await().empty());
    ASSERT_EQ(ListSnapshots(life.disk())->front().start, start);
    ASSERT_TRUE(life.persistence().Finish());
    life.disk().SetContent(segment, log);
    Result<std::unique_ptr<MetaFile>> meta = MetaFile::Load(life.disk());
    Meta lower = (*meta)->value();
    lower.durable = {1};
    ASSERT_TRUE((*meta)->Store(lower));
  }
  device_.KillProcess();
  Life life(device_, kLargeSegmentBytes);
  const Result<void> started = life.Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().fault, Fault::kDamaged);
}

TEST_F(PersistenceTest, EveryStartBeginsATerm) {
  std::vector<std::uint64_t> terms;
  for (int i = 0; i < 3; ++i) {
    const auto life = Begin();
    terms.push_back(life->node().end().term.value);
    device_.KillProcess();
  }
  EXPECT_GT(terms[1], terms[0]);
  EXPECT_GT(terms[2], terms[1]);
  EXPECT_GT(terms[0], 1'600'000'000U);
}

TEST_F(PersistenceTest, OplogSinceTellsWhatWasWritten) {
  const auto life = BeginWithDatabase(AckLevel::kWritten);
  EXPECT_TRUE(life->Does(Set("k", "1")));
  life->Run({.verb = Verb::kOplog, .name = "since", .value = "3 db"});
  const std::vector<Reply> replies = life->Await();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].row_count, 1U);
  life->Run({.verb = Verb::kOplog, .name = "since", .value = "1"});
  EXPECT_EQ(life->Await()[0].row_count, 3U);  // noop, database, set
}

TEST_F(PersistenceTest, OplogSinceEndsWithWhatWasThereWhenItWasAsked) {
  const auto life = BeginWithDatabase(AckLevel::kWritten);
  Output output;
  const Command since{.verb = Verb::kOplog, .name = "since", .value = "1"};
  life->node().Step(ClientCommand{.session = kSession, .command = &since}, output);
  life->Run(Set("k", "1"));  // in the same turn
  const std::vector<Reply> replies = life->Await();
  ASSERT_FALSE(replies.empty());
  EXPECT_EQ(replies[0].row_count, 2U);  // noop, database
}

TEST_F(PersistenceTest, OplogSinceIsAnsweredToAFewAtOnce) {
  const auto life = BeginWithDatabase(AckLevel::kWritten);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(life->Run({.verb = Verb::kOplog, .name = "since", .value = "1"}).empty());
  }
  life->Run({.verb = Verb::kOplog, .name = "since", .value = "1"});
  std::vector<ReplyKind> kinds;
  while (kinds.size() < 9) {
    for (const Reply& reply : life->Await()) {
      kinds.push_back(reply.kind);
    }
  }
  EXPECT_EQ(std::ranges::count(kinds, ReplyKind::kOk), 4);
  EXPECT_EQ(std::ranges::count(kinds, ReplyKind::kError), 1);
}

TEST_F(PersistenceTest, WhereNothingIsWrittenTheLoopSleepsThroughTheTimesOfSnapshots) {
  constexpr std::int64_t kHourUs = std::int64_t{3'600} * 1'000'000;
  const auto life = BeginWithDatabase(AckLevel::kWritten);
  EXPECT_GT(life->NextAfter(2 * kHourUs), 0) << "a snapshot of what was written";
  EXPECT_EQ(ListSnapshots(life->disk())->size(), 1U);
  EXPECT_GT(life->NextAfter(2 * kHourUs), 0) << "and nothing since";
  EXPECT_EQ(ListSnapshots(life->disk())->size(), 1U);
  EXPECT_TRUE(life->Does(Set("k", "1")));
  EXPECT_GT(life->NextAfter(kHourUs), 0);
  EXPECT_EQ(ListSnapshots(life->disk())->size(), 2U);
}

// Two snapshots need the log behind the older one, however much that is.
TEST_F(PersistenceTest, ALogThatCannotBecomeSmallerIsNotSnapshottedAtEachRecord) {
  Life life(device_, {.segment_bytes = kSegmentBytes, .log_bytes_max = kSegmentBytes});
  ASSERT_TRUE(life.Start());
  ASSERT_TRUE(life.Does(CreateDb(AckLevel::kWritten)));
  ASSERT_TRUE(life.Does(kUse));
  const std::string value(1'000, 'v');
  std::set<std::string> names;
  constexpr int kSets = 200;  // some twelve segments
  for (int i = 0; i < kSets; ++i) {
    ASSERT_TRUE(life.Does(Set("k", value)));
    life.Rest();
    const std::vector<SnapshotInfo> snapshots = *ListSnapshots(life.disk());
    for (const SnapshotInfo& snapshot : snapshots) {
      names.insert(snapshot.name);
    }
  }
  EXPECT_GE(names.size(), 5U);
  EXPECT_LE(names.size(), 20U);
}

}  // namespace
}  // namespace nunc
