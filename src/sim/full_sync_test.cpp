// A state that comes from a primary as a file, and the folder that a start makes of it.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/prng.h"
#include "node/full_sync_file.h"
#include "node/full_sync_sender.h"
#include "node/persistence.h"
#include "sim/schedule.h"
#include "sim/sim_clock.h"
#include "sim/sim_device.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "sim/sim_worker.h"
#include "storage/snapshot_reader.h"

namespace nunc {
namespace {

constexpr std::string_view kKept = "rewound-00000000000000000001-00000000000000000001";

using Files = std::map<std::string, std::string>;

Files FilesOf(const SimDisk& disk) {
  Files files;
  for (const std::string& name : disk.Names()) {
    files[name] = disk.Content(name);
  }
  return files;
}

// Keys and values of the database, or nothing where there is none.
std::string StateOf(const Store& store) {
  std::string state;
  const Database* database = store.Find("shop");
  if (database == nullptr) {
    return state;
  }
  for (KeyOrder::Cursor at = database->Seek(""); !at.at_end(); at.Advance()) {
    if (at.entry()->key() != kConnectionsKey) {
      state.append(at.entry()->key()).append(" ").append(at.entry()->value()).append("\n");
    }
  }
  return state;
}

// A machine with a node of the cluster on it.
struct Host {
  static constexpr SessionId kSession{.slot = 0, .generation = 1};
  static constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 10;

  SimSchedule schedule;
  SimDevice device;
  SimDisk disk{device, "data"};
  SimWorker sync{schedule, {}, 1};
  SimWorker bulk{schedule, {}, 2};
  SimClock clock{schedule, 1'700'000'000'000'000};
  SimRandom random{3};
  std::unique_ptr<Node> node;
  std::unique_ptr<Persistence> persistence;
  Output output;

  ~Host() { persistence.reset(); }

  PersistenceWorld World() {
    return {
        .data = disk, .log = disk, .sync = sync, .bulk = bulk, .clock = clock, .random = random};
  }
  [[nodiscard]] Now At() { return {.mono_us = clock.MonotonicUs(), .wall_us = clock.WallUs()}; }

  void Take(const Files& files) {
    for (const auto& [name, bytes] : files) {
      disk.SetContent(name, bytes);
    }
  }
  Result<Recovered> Load() {
    persistence.reset();
    node = std::make_unique<Node>(ExecutorOptions{.user = "a",
                                                  .password = "b",
                                                  .address = {},
                                                  .hash_seed = 4,
                                                  .value_bytes_max = kValueBytesMaxDefault,
                                                  .has_log = true});
    node->store().KeepUndo(kUndoBytesMax);
    return Recover(World(), kSegmentBytes, node->store(), [](const RecoveryProgress&) {});
  }
  Result<void> Start() {
    Result<Recovered> recovered = Load();
    if (!recovered) {
      return tl::unexpected(recovered.error());
    }
    Membership membership{.id = {1}, .members = {}};
    membership.members = FirstMembers(recovered->meta->value(), {1}, {1}, "here");
    auto started = Persistence::StartMember(
        World(), *node, {.segment_bytes = kSegmentBytes, .keep = {.bytes = 1, .age_us = 1}},
        std::move(*recovered), membership);
    if (!started) {
      return tl::unexpected(started.error());
    }
    persistence = std::move(*started);
    return {};
  }
  void Lead() {
    node->Step(RoleChanged{.role = NodeRole::kPrimary, .term = {node->end().term.value + 1}},
               output);
    node->Step(SessionOpened{.session = kSession}, output);
    Run({.verb = Verb::kAuth, .name = "a", .secret = "b"});
    if (node->store().Find("shop") == nullptr) {
      Run({.verb = Verb::kCreateDb, .name = "shop", .secret = "shop"});
    }
    Run({.verb = Verb::kUseDb, .name = "shop", .secret = "shop"});
  }
  void Run(const Command& command) {
    node->Step(TurnStarted{.now = At(), .log_room = persistence->log_room()}, output);
    node->Step(ClientCommand{.session = kSession, .command = &command}, output);
    for (const auto& item : output.items) {
      const auto* reply = std::get_if<Reply>(&item);
      EXPECT_TRUE(reply == nullptr || reply->kind != ReplyKind::kError) << int(command.verb);
    }
  }
  void Set(const std::string& key, const std::string& value) {
    Run({.verb = Verb::kSet, .key = key, .value = value});
  }
  void EndTurn() {
    schedule.RunUntil(schedule.now_us() + 1'000);
    ASSERT_FALSE(persistence->Collect().failure.has_value());
    persistence->SetCommitted(persistence->log().durable());
    ASSERT_TRUE(persistence->EndTurn(At()).has_value());
  }
  void Turns(int count) {
    for (int i = 0; i < count; ++i) {
      EndTurn();
    }
  }
  std::string Stream(const std::function<void(int)>& between) {
    const std::unique_ptr<BodySource> body = persistence->BeginFullSync();
    std::string bytes;
    std::string piece;
    for (int turn = 0; turn < 10'000; ++turn) {
      between(turn);
      EndTurn();
      const BodySource::State state = body->Pull(piece);
      bytes += piece;
      if (state == BodySource::State::kEnd) {
        return bytes;
      }
      EXPECT_NE(state, BodySource::State::kFailed);
    }
    ADD_FAILURE() << "the stream has no end";
    return bytes;
  }
};

// A primary, the folder of one that was away since early on, and the file that it is sent.
class FullSyncTest : public testing::Test {
 protected:
  void SetUp() override { Make(20, 50); }

  void Make(int entries, std::size_t value_bytes) {
    primary_ = std::make_unique<Host>();
    ASSERT_TRUE(primary_->Start().has_value());
    primary_->Lead();
    Fill("old", 10, 50);
    primary_->Turns(100);
    ASSERT_TRUE(primary_->persistence->Finish().has_value());
    old_ = FilesOf(primary_->disk);
    old_[std::string(kKept)] = "what was taken back before";
    old_state_ = StateOf(primary_->node->store());
    old_meta_ = *MetaFile::Read(primary_->disk);
    Fill("new", entries, value_bytes);
    primary_->Run({.verb = Verb::kRemove, .key = "old-3"});
    primary_->Turns(100);  // all of it is final
    file_ = primary_->Stream([&](int turn) {
      if (turn == 0) {
        primary_->Set("meanwhile", std::to_string(turn));
      }
    });
    end_ = primary_->node->end();
    new_state_ = StateOf(primary_->node->store());
  }
  void Fill(const std::string& key, int entries, std::size_t value_bytes) {
    for (int i = 0; i < entries; ++i) {
      std::string value;
      while (value.size() < value_bytes) {
        value += static_cast<char>('a' + prng_.Below(26));
      }
      primary_->Set(key + "-" + std::to_string(i), value);
      primary_->EndTurn();
    }
  }
  [[nodiscard]] std::unique_ptr<Host> Secondary(const std::string& file) const {
    auto host = std::make_unique<Host>();
    host->Take(old_);
    host->disk.SetContent(kFullSyncName, file);
    return host;
  }
  // It is as if the file had never been there.
  void ExpectOld(const std::string& file, const std::string& what) const {
    const std::unique_ptr<Host> host = Secondary(file);
    const Result<Recovered> loaded = host->Load();
    ASSERT_TRUE(loaded.has_value()) << what << ": " << loaded.error().detail;
    EXPECT_EQ(StateOf(host->node->store()), old_state_) << what;
    EXPECT_FALSE(host->disk.Has(kFullSyncName)) << what;
  }
  void ChangeMeta(const std::function<void(Meta&)>& change) {
    Host host;
    host.Take(old_);
    const auto file = MetaFile::Load(host.disk);
    ASSERT_TRUE(file.has_value());
    Meta meta = (*file)->value();
    change(meta);
    ASSERT_TRUE((*file)->Store(meta).has_value());
    old_[std::string(kMetaName)] = host.disk.Content(kMetaName);
  }

  Prng prng_{5};
  std::unique_ptr<Host> primary_;
  Files old_;
  std::string old_state_;
  Meta old_meta_;
  std::string file_;
  ChainEnd end_;
  std::string new_state_;
};

TEST_F(FullSyncTest, TheFolderIsTheStateAndGoesOnBehindIt) {
  ChangeMeta([](Meta& meta) { meta.voted_for = 9; });
  const std::unique_ptr<Host> host = Secondary(file_);
  const Result<void> started = host->Start();
  ASSERT_TRUE(started.has_value()) << started.error().detail;
  EXPECT_EQ(StateOf(host->node->store()), new_state_);
  EXPECT_EQ(host->node->end(), end_);
  EXPECT_EQ(host->node->store().members(), primary_->node->store().members());
  const Meta& meta = host->persistence->meta();
  EXPECT_EQ(meta.durable, end_.revision);
  EXPECT_EQ(meta.term, old_meta_.term < end_.term ? end_.term : old_meta_.term);
  EXPECT_EQ(meta.voted_for, 9U);
  EXPECT_GT(meta.commit, old_meta_.commit) << "what was final when it began";
  EXPECT_LE(meta.commit, end_.revision);
  const auto own = *host->persistence->member_start(1);
  const auto sent = *primary_->persistence->member_start(1);
  EXPECT_TRUE(std::ranges::equal(own.terms.ends(), sent.terms.ends()));
  EXPECT_EQ(own.configs.size(), 1U);
  // The records that follow fit, and nothing before the state can be had back.
  primary_->Set("next", "1");
  const std::string next(primary_->node->records());
  host->node->Step(TurnStarted{.now = host->At(), .log_room = host->persistence->log_room()},
                   host->output);
  host->node->Step(RecordsReceived{.bytes = next}, host->output);
  EXPECT_FALSE(host->output.failure.has_value());
  EXPECT_EQ(host->node->end(), primary_->node->end());
  EXPECT_FALSE(host->node->MayRewind({end_.revision.value - 1}).has_value());
  EXPECT_TRUE(host->disk.Has(kKept));
  EXPECT_FALSE(host->disk.Has(kFullSyncName));
  EXPECT_TRUE(host->disk.Has(SnapshotName(end_.revision)));
  EXPECT_TRUE(host->disk.Has(SegmentName({end_.revision.value + 1})));
  EXPECT_FALSE(host->disk.Has(SegmentName({1})));
}

TEST_F(FullSyncTest, ANewNodeBeginsWithIt) {
  Host host;
  Store empty(1, "none");
  const Result<Recovered> fresh = Recover(
      host.World(), Host::kSegmentBytes, empty, [](const RecoveryProgress&) {}, FirstStart::kJoins);
  ASSERT_TRUE(fresh.has_value());
  host.disk.SetContent(kFullSyncName, file_);
  ASSERT_TRUE(host.Load().has_value());
  EXPECT_EQ(StateOf(host.node->store()), new_state_);
  EXPECT_EQ(MetaFile::Read(host.disk)->cluster, old_meta_.cluster);
}

TEST_F(FullSyncTest, AFileThatIsCutAnywhereIsRefused) {
  Make(40, 20'000);
  // Where its blocks end, besides.
  BytesSource source(file_);
  auto reader = SnapshotReader::Open(source, "it");
  ASSERT_TRUE(reader.has_value());
  std::vector<std::uint64_t> cuts{0, 1, 95};
  SnapshotBlock block;
  for (block.kind = BlockKind::kEntries; block.kind != BlockKind::kEnd;) {
    ASSERT_TRUE(reader->Next(block).has_value());
    cuts.insert(cuts.end(), {block.offset, block.offset + 1, block.bytes_read - 1});
  }
  EXPECT_GT(cuts.size(), 12U) << "several blocks";
  for (const std::uint64_t cut : cuts) {
    ExpectOld(file_.substr(0, cut), "cut at " + std::to_string(cut));
  }
}

TEST_F(FullSyncTest, AFileWithAWrongByteIsRefused) {
  for (std::size_t i = 0; i < 200; ++i) {
    std::string changed = file_;
    const std::size_t at = i < 120 ? i : prng_.Below(changed.size());
    changed[at] =
        static_cast<char>(static_cast<unsigned char>(changed[at]) ^ (1U << prng_.Below(8)));
    ExpectOld(changed, "byte " + std::to_string(at));
  }
  ExpectOld(file_ + "x", "a byte more");
}

TEST_F(FullSyncTest, WhatIsNoStateOfThisNodesFutureIsRefused) {
  ExpectOld(FilesOf(primary_->disk).begin()->second, "another file");
  const std::unique_ptr<BodySource> backup = primary_->persistence->BeginBackup({});
  std::string piece;
  std::string bytes;
  for (auto state = BodySource::State::kMore; state != BodySource::State::kEnd;) {
    primary_->EndTurn();
    state = backup->Pull(piece);
    bytes += piece;
  }
  ExpectOld(bytes, "a backup");
  const Files old = old_;
  ChangeMeta([&](Meta& meta) { meta.term = {end_.term.value + 1}; });
  ExpectOld(file_, "of a term that is over");
  old_ = old;
  ChangeMeta([](Meta& meta) { meta.cluster = {8, 9}; });
  const std::unique_ptr<Host> other = Secondary(file_);
  EXPECT_FALSE(other->Load().has_value());
  EXPECT_TRUE(other->disk.Has(SegmentName({1}))) << "of another cluster";
}

TEST_F(FullSyncTest, WhatEndsBeforeWhatIsFinalHereIsRefused) {
  const std::unique_ptr<Host> host = Secondary(file_);
  ASSERT_TRUE(host->Start().has_value());
  host->persistence.reset();
  const Meta installed = *MetaFile::Read(host->disk);
  {
    const auto file = MetaFile::Load(host->disk);
    Meta meta = installed;
    meta.commit = {end_.revision.value + 1};
    ASSERT_TRUE((*file)->Store(meta).has_value());
  }
  host->disk.SetContent(kFullSyncName, file_);
  const Files before = FilesOf(host->disk);
  ASSERT_TRUE(host->Load().has_value());
  EXPECT_EQ(host->disk.Content(SnapshotName(end_.revision)),
            before.at(SnapshotName(end_.revision)));
  EXPECT_EQ(MetaFile::Read(host->disk)->commit.value, end_.revision.value + 1);
}

// Each call of the installation fails, or is the last one before the power goes, whatever of it
// comes to the medium: the next start has the old state or the new one.
TEST_F(FullSyncTest, AStopAtAnyCallLeavesTheOldStateOrTheNewOne) {
  for (const bool cuts_power : {false, true}) {
    std::uint64_t calls = 0;
    for (bool ended = false; !ended;) {
      ++calls;
      const std::unique_ptr<Host> host = Secondary(file_);
      Prng prng(calls);
      if (cuts_power) {
        host->device.CrashAtCall(calls);
      } else {
        host->device.FailCall(calls, Fault::kIo);
      }
      const std::uint64_t last = host->device.calls() + calls;
      ended = host->Load().has_value() && host->device.calls() < last;
      if (ended) {
        break;
      }
      host->persistence.reset();
      host->device.Crash(prng);
      const Result<void> again = host->Start();
      ASSERT_TRUE(again.has_value()) << calls << ": " << again.error().detail;
      EXPECT_EQ(StateOf(host->node->store()), new_state_) << calls;
      EXPECT_EQ(host->node->end(), end_) << calls;
      EXPECT_FALSE(host->disk.Has(kFullSyncName)) << calls;
    }
    EXPECT_GT(calls, 30U);
  }
}

// ---- the other side

class FullSyncSenderTest : public FullSyncTest {
 protected:
  static constexpr NodeId kPeer{2};
  static constexpr NodeId kOther{4};

  void SetUp() override {
    Make(400, 8'000);  // more than a window
    sender_.emplace(FullSyncSender::World{.node = *primary_->node,
                                          .persistence = *primary_->persistence,
                                          .send =
                                              [this](NodeId to, const FullSync& sync) {
                                                sent_[to] += sync.bytes;
                                                begun_[to] +=
                                                    sync.part == FullSync::Part::kBegin ? 1 : 0;
                                                if (sync.part == FullSync::Part::kEnd) {
                                                  ends_[to] = sync.at;
                                                }
                                              },
                                          .ended = [this](NodeId to) { given_up_.push_back(to); }});
  }

  void Turn(std::int64_t us = 1'000) {
    primary_->schedule.RunUntil(primary_->schedule.now_us() + us);
    primary_->EndTurn();
    sender_->Turn(primary_->clock.MonotonicUs());
  }
  // Until nothing more comes by itself.
  void Turns() {
    for (int i = 0; i < 300; ++i) {
      Turn();
    }
  }

  std::map<NodeId, std::string> sent_;
  std::map<NodeId, int> begun_;
  std::map<NodeId, std::uint64_t> ends_;
  std::vector<NodeId> given_up_;
  std::optional<FullSyncSender> sender_;
};

TEST_F(FullSyncSenderTest, NoMoreThanTheWindowIsUnderWay) {
  sender_->Ask(kPeer);
  sender_->Ask(kPeer);
  Turns();
  EXPECT_EQ(begun_[kPeer], 1);
  EXPECT_EQ(sent_[kPeer].size(), kFullSyncWindowBytes);
  EXPECT_EQ(sender_->ProgressOf(kPeer)->bytes, kFullSyncWindowBytes);
  EXPECT_FALSE(sender_->TakeAck(kPeer, kFullSyncWindowBytes + 1)) << "it was never sent";
  EXPECT_TRUE(sender_->TakeAck(kPeer, 1));
  Turns();
  EXPECT_EQ(sent_[kPeer].size(), kFullSyncWindowBytes + 1);
  while (!ends_.contains(kPeer)) {
    ASSERT_TRUE(sender_->TakeAck(kPeer, sent_[kPeer].size()));
    Turns();
  }
  EXPECT_EQ(ends_[kPeer], sent_[kPeer].size());
  const std::unique_ptr<Host> host = Secondary(sent_[kPeer]);
  ASSERT_TRUE(host->Start().has_value());
  EXPECT_EQ(StateOf(host->node->store()), StateOf(primary_->node->store()));
  EXPECT_EQ(sender_->StartFor(kPeer), primary_->node->end().revision);
}

TEST_F(FullSyncSenderTest, WhoDoesNotAnswerGetsNoMoreAndTheOthersHaveTheirTurn) {
  sender_->Ask(kPeer);
  Turns();
  sender_->Ask(kOther);
  Turns();
  EXPECT_EQ(begun_[kOther], 0) << "one at a time";
  EXPECT_EQ(sender_->ProgressOf(kOther)->bytes, 0U);
  EXPECT_TRUE(given_up_.empty());
  Turn(kFullSyncSilentUs);
  EXPECT_EQ(given_up_, std::vector<NodeId>{kPeer});
  Turn(1'000'000);
  Turns();
  EXPECT_EQ(begun_[kOther], 1);
  sender_->Forget(kOther);
  EXPECT_FALSE(sender_->ProgressOf(kOther).has_value());
  EXPECT_EQ(given_up_.size(), 1U) << "its link is gone, and it begins anew with the next one";
}

TEST_F(FullSyncSenderTest, WhoHasAllAndDoesNotStartAnewIsTriedAgain) {
  sender_->Ask(kPeer);
  while (!ends_.contains(kPeer)) {
    Turns();
    ASSERT_TRUE(sender_->TakeAck(kPeer, sent_[kPeer].size()));
  }
  Turns();
  EXPECT_FALSE(sender_->ProgressOf(kPeer).has_value());
  EXPECT_TRUE(given_up_.empty());
  Turn(kFullSyncSilentUs);
  EXPECT_EQ(given_up_, std::vector<NodeId>{kPeer});
}

TEST_F(FullSyncSenderTest, ABackupMayRunBesideIt) {
  sender_->Ask(kPeer);
  Turns();
  const auto backup = primary_->persistence->BeginBackup({});
  EXPECT_NE(backup, nullptr);
  EXPECT_EQ(primary_->persistence->BeginBackup({}), nullptr);
  EXPECT_EQ(primary_->persistence->BeginFullSync(), nullptr);
}

TEST_F(FullSyncTest, TheLogIsKeptForMembersAsLongAsItMayBe) {
  const auto clean = [&] {
    primary_->Run({.verb = Verb::kSnapshot});
    primary_->Turns(300);
    primary_->Run({.verb = Verb::kSnapshot});
    primary_->Turns(300);
    return primary_->persistence->log().first().value;
  };
  primary_->persistence->SetNeeded({7});
  Fill("more", 40, 20'000);
  EXPECT_LE(clean(), 8U);
  primary_->persistence->SetNeeded({UINT64_MAX});
  Fill("more", 5, 20'000);
  EXPECT_GT(clean(), 8U);
}

}  // namespace
}  // namespace nunc
