// Keys that expire, and keys that live as long as their session.
#include <limits>
#include <string>

#include "base/limits.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

constexpr SessionName kAnn{.high = 0xA, .low = 1};
constexpr SessionName kBob{.high = 0xB, .low = 2};

class ExecutorLifetimeTest : public ExecutorTest {
 protected:
  static constexpr std::int64_t kStartUs = 1'000;

  void SetUp() override {
    MakeDatabase("db");
    session_ = Join();
    watcher_ = Join();
    Run(watcher_, ask::Watch("k"));
    Take(watcher_);
  }

  // A turn begins, so long after the start.
  Lines At(std::int64_t ms) {
    SetTime(kStartUs + ms * 1'000);
    EndKeys();
    return Take(watcher_);
  }
  std::string Ttl(std::string_view key) { return Ask(session_, ask::Ttl(key)); }
  std::string Get(std::string_view key) { return Ask(session_, ask::Get(key)); }
  const RecordItem& LastItem() const { return output_.record_items.back(); }
  Store& store() { return executor_.store(); }
  [[nodiscard]] std::size_t Memory() { return store().bytes(); }

  SessionId session_;
  SessionId watcher_;
};

TEST_F(ExecutorLifetimeTest, AKeyWithATimeToLiveIsRemovedThenAndNotBefore) {
  EXPECT_EQ(Run(session_, ask::PutFor("k", "v", 50)), kFine);
  EXPECT_EQ(Take(watcher_), Lines({"set k v 0"}));
  EXPECT_EQ(LastItem().type, RecordType::kSet);
  EXPECT_GT(LastItem().lifetime.expires_us, 0);
  EXPECT_EQ(Ttl("k"), "ttl 50");
  EXPECT_EQ(At(49), Lines());
  EXPECT_EQ(Ttl("k"), "ttl 1");
  SetTime(kStartUs + 49'001);
  EXPECT_EQ(Ttl("k"), "ttl 1");  // rounded up
  EXPECT_EQ(At(50), Lines({"removed k"}));
  ASSERT_EQ(output_.records.size(), 1U);
  EXPECT_EQ(output_.records.front().record.type, RecordType::kRemove);
  EXPECT_EQ(LastItem().key, "k");
  EXPECT_EQ(Get("k"), "no value");
  EXPECT_EQ(Ttl("k"), "no ttl");
  EXPECT_EQ(At(1'000), Lines());
}

TEST_F(ExecutorLifetimeTest, ExpireAndPersistChangeNothingElse) {
  Run(session_, ask::Set("k", "v"));
  Run(session_, ask::Set("j", "v"));
  const Revision revision = store().Find("db")->Find("k")->revision();
  Take(watcher_);
  EXPECT_EQ(Ttl("k"), "ttl -1");
  EXPECT_EQ(Run(session_, ask::Expire("k", 20)), kFine);
  ASSERT_EQ(output_.records.size(), 1U);
  EXPECT_EQ(output_.records.front().record.type, RecordType::kExpire);
  EXPECT_EQ(LastItem().previous, revision);
  EXPECT_EQ(Ttl("k"), "ttl 20");
  EXPECT_EQ(Run(session_, ask::Persist("k")), kFine);
  EXPECT_EQ(output_.records.size(), 1U);
  EXPECT_TRUE(LastItem().lifetime.empty());
  EXPECT_EQ(Ttl("k"), "ttl -1");
  EXPECT_EQ(Run(session_, ask::Persist("k")), kFine);
  EXPECT_TRUE(output_.records.empty());
  EXPECT_EQ(store().Find("db")->Find("k")->revision(), revision);
  EXPECT_EQ(Ask(session_, ask::GetSafe("k")), "value-version 0 v");
  // Nor does it move in the order of revisions.
  EXPECT_EQ(store().Find("db")->revision_order().newest()->key(), "j");
  EXPECT_EQ(At(100), Lines());
}

TEST_F(ExecutorLifetimeTest, AWriteMakesAKeyLiveForEverAndAnIncrementDoesNot) {
  const auto with_ttl = [this] { Run(session_, ask::PutFor("k", "1", 1'000)); };
  with_ttl();
  Run(session_, ask::Increment("k"));
  EXPECT_EQ(LastItem().lifetime, store().Find("db")->LifetimeOf(*store().Find("db")->Find("k")));
  EXPECT_EQ(Ttl("k"), "ttl 1000");
  Run(session_, ask::Set("k", "1"));
  EXPECT_TRUE(LastItem().lifetime.empty());
  EXPECT_EQ(Ttl("k"), "ttl -1");
  with_ttl();
  Run(session_, ask::SetSafe("k", 9, "1"));
  EXPECT_EQ(Ttl("k"), "ttl -1");
  with_ttl();
  Run(session_, ask::Put("k", "1"));
  EXPECT_EQ(Ttl("k"), "ttl -1");
  with_ttl();
  Run(session_, ask::Remove("k"));
  Run(session_, ask::Set("k", "1"));
  Take(watcher_);
  EXPECT_EQ(At(2'000), Lines());
}

TEST_F(ExecutorLifetimeTest, ALaterTimeReplacesTheEarlierOne) {
  Run(session_, ask::PutFor("k", "v", 10));
  Run(session_, ask::Expire("k", 30));
  Take(watcher_);
  EXPECT_EQ(At(20), Lines());
  Run(session_, ask::Expire("k", 5));
  EXPECT_EQ(At(26), Lines({"removed k"}));
}

TEST_F(ExecutorLifetimeTest, WhatCannotExpireIsNamed) {
  EXPECT_EQ(Run(session_, ask::Expire("none", 5)), ErrorCode::kKeyAbsent);
  EXPECT_EQ(error_number_, -1);
  EXPECT_EQ(Run(session_, ask::Persist("none")), ErrorCode::kKeyAbsent);
  EXPECT_EQ(Run(session_, ask::Expire("$connections", 5)), ErrorCode::kServerKey);
  EXPECT_EQ(Run(session_, ask::Expire("$conflicts_k_1", 5)), ErrorCode::kServerKey);
  EXPECT_EQ(Run(session_, ask::SetSession("$connections", "5")), ErrorCode::kServerKey);
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Run(admin, ask::Expire("$$token", 5)), ErrorCode::kSecureLifetime);
  EXPECT_EQ(error_text_, "$$token");
  EXPECT_EQ(Run(admin, ask::PutFor("$$user_ann", "x", 5)), ErrorCode::kSecureLifetime);
  EXPECT_EQ(Run(admin, ask::SetSession("$$user_ann", "x")), ErrorCode::kSecureLifetime);
  EXPECT_EQ(store().Find("db")->Find("$$user_ann"), nullptr);
}

TEST_F(ExecutorLifetimeTest, ATimeToLiveHasItsLimits) {
  Run(session_, ask::Set("k", "v"));
  EXPECT_EQ(Run(session_, ask::Expire("k", 1)), kFine);
  EXPECT_EQ(Run(session_, ask::Expire("k", kLifetimeMsMax)), kFine);
  EXPECT_EQ(Ttl("k"), "ttl " + std::to_string(kLifetimeMsMax));
  for (const std::int64_t bad :
       {std::int64_t{0}, std::int64_t{-1}, kLifetimeMsMax + 1,
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(Run(session_, ask::Expire("k", bad)), ErrorCode::kBadTtl);
    EXPECT_EQ(error_number_, bad);
    EXPECT_EQ(Run(session_, ask::PutFor("k", "w", bad)), ErrorCode::kBadTtl);
  }
  EXPECT_EQ(Get("k"), "value v");
  EXPECT_EQ(Run(session_, ask::SetSession("k", "v", kLifetimeMsMax)), kFine);
  EXPECT_EQ(Run(session_, ask::SetSession("k", "v", kLifetimeMsMax + 1)), ErrorCode::kBadGrace);
  EXPECT_EQ(Run(session_, ask::SetSession("k", "v", -1)), ErrorCode::kBadGrace);
}

TEST_F(ExecutorLifetimeTest, ItTakesThePermissionsOfReadingAndWriting) {
  const SessionId admin = JoinAdmin();
  Run(session_, ask::Set("k", "v"));
  Run(admin, ask::SetPermissions("all", "r *"));
  EXPECT_EQ(Run(session_, ask::Expire("k", 5)), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(session_, ask::Persist("k")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(session_, ask::SetSession("k", "v")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(session_, ask::Ttl("k")), kFine);
  Run(admin, ask::SetPermissions("all", "w *"));
  EXPECT_EQ(Run(session_, ask::Expire("k", 5)), kFine);
  EXPECT_EQ(Run(session_, ask::Ttl("k")), ErrorCode::kPermissionDenied);
}

TEST_F(ExecutorLifetimeTest, ATurnRemovesSoManyAndTheNextOneTheRest) {
  for (std::size_t i = 0; i <= kExpiriesPerTurn; ++i) {
    const std::string key = "many" + std::to_string(i);
    ASSERT_EQ(Run(session_, ask::PutFor(key, "v", 10)), kFine);
  }
  SetTime(1'000'000);
  EXPECT_TRUE(store().lifetimes().has_work());
  EndKeys();
  EXPECT_EQ(output_.records.size(), kExpiriesPerTurn);
  EXPECT_TRUE(store().lifetimes().has_work());
  EndKeys();
  EXPECT_EQ(output_.records.size(), 1U);
  EXPECT_FALSE(store().lifetimes().has_work());
}

TEST_F(ExecutorLifetimeTest, WithoutRoomInTheLogAKeyStaysAndWakesNobody) {
  Run(session_, ask::PutFor("k", "v", 10));
  Take(watcher_);
  executor_.SetLogRoom(kRecordBytesAround);  // the key has one byte more
  EXPECT_EQ(At(20), Lines());
  EXPECT_TRUE(output_.records.empty());
  EXPECT_EQ(Get("k"), "value v");
  EXPECT_EQ(Ttl("k"), "ttl 0");
  EXPECT_FALSE(store().lifetimes().has_work());
  EXPECT_EQ(store().lifetimes().next_deadline_us(), std::nullopt);
  executor_.SetLogRoom(kRecordBytesAround + 1);
  EXPECT_EQ(At(20), Lines({"removed k"}));
}

TEST_F(ExecutorLifetimeTest, TheDeadlineIsThatOfTheFirstKey) {
  EXPECT_EQ(store().lifetimes().next_deadline_us(), std::nullopt);
  Run(session_, ask::PutFor("late", "v", 50));
  Run(session_, ask::PutFor("k", "v", 20));
  const auto deadline_us = store().lifetimes().next_deadline_us();
  ASSERT_TRUE(deadline_us.has_value());
  EXPECT_GE(*deadline_us, kStartUs + 20'000);
  EXPECT_LT(*deadline_us, kStartUs + 21'000);
  Run(session_, ask::Persist("k"));
  Run(session_, ask::Remove("late"));
  EXPECT_EQ(store().lifetimes().next_deadline_us(), std::nullopt);
}

TEST_F(ExecutorLifetimeTest, AWallClockThatJumpsMovesNothing) {
  Run(session_, ask::PutFor("k", "v", 100));
  Take(watcher_);
  executor_.SetNow({.mono_us = kStartUs + 1'000, .wall_us = 3'600'000'000});
  EndKeys();
  EXPECT_EQ(Ttl("k"), "ttl 99");
  Run(session_, ask::PutFor("j", "v", 100));
  executor_.SetNow({.mono_us = kStartUs + 99'000, .wall_us = 5});
  EndKeys();
  EXPECT_EQ(Take(watcher_), Lines());
  EXPECT_EQ(Ttl("j"), "ttl 2");
  executor_.SetNow({.mono_us = kStartUs + 102'000, .wall_us = 5});
  EndKeys();
  EXPECT_EQ(Take(watcher_), Lines({"removed k"}));
  EXPECT_EQ(Get("j"), "no value");
}

TEST_F(ExecutorLifetimeTest, AKeyInConflictGoesWithItsConflicts) {
  MakeDatabase("arbitrated", Strategy::kArbiter);
  const SessionId arbiter = Join("arbitrated");
  const SessionId writer = Join("arbitrated");
  Run(arbiter, ask::Plain(Verb::kArbiter));
  Run(writer, ask::SetSafe("k", 5, "v"));
  Run(writer, ask::Expire("k", 10));
  EXPECT_EQ(Run(writer, ask::SetSafe("k", 1, "w")), ErrorCode::kConflictUnresolved);
  Run(writer, ask::PutFor("before", "v", 9));
  SetTime(1'000'000);
  EndKeys();
  EXPECT_EQ(Ask(writer, ask::Get("k")), "value v");  // behind another one it waits for a turn
  EndKeys();
  EXPECT_EQ(Ask(writer, ask::Get("k")), "no value");
  EXPECT_TRUE(store().Find("arbitrated")->conflicts().OpenConflictKeys().empty());
}

TEST_F(ExecutorLifetimeTest, WhatAnArbiterDecidesLivesForEver) {
  MakeDatabase("arbitrated", Strategy::kArbiter);
  const SessionId arbiter = Join("arbitrated");
  Run(arbiter, ask::Plain(Verb::kArbiter));
  Run(arbiter, ask::SetSafe("k", 5, "v"));
  Run(arbiter, ask::Expire("k", 10));
  Run(arbiter, ask::SetSafe("k", 1, "w"));
  const auto open = store().Find("arbitrated")->conflicts().OpenOf("k");
  EXPECT_EQ(Run(arbiter, ask::Resolve(open.front().value, "k", 6, "x", "arbitrated")), kFine);
  EXPECT_EQ(Ask(arbiter, ask::Ttl("k")), "ttl -1");
}

TEST_F(ExecutorLifetimeTest, KeysOfADroppedDatabaseAreNotRemovedOneByOne) {
  Run(session_, ask::PutFor("k", "v", 10));
  Run(JoinAdmin(), ask::Named(Verb::kDropDb, "db"));
  SetTime(1'000'000);
  EndKeys();
  EXPECT_TRUE(output_.records.empty());
  EXPECT_FALSE(store().lifetimes().has_work());
}

TEST_F(ExecutorLifetimeTest, ItsMemoryComesBack) {
  Run(session_, ask::Set("k", "v"));
  const std::size_t before = Memory();
  Run(session_, ask::Expire("k", 10));
  EXPECT_GT(Memory(), before);
  Run(session_, ask::Persist("k"));
  EXPECT_EQ(Memory(), before);
}

// ---- sessions

TEST_F(ExecutorLifetimeTest, AKeyGoesWithItsSession) {
  const SessionId ann = Join("db", kAnn);
  EXPECT_EQ(Run(ann, ask::SetSession("k", "ann")), kFine);
  EXPECT_EQ(LastItem().lifetime.owner, kAnn.owner());
  EXPECT_EQ(Take(watcher_), Lines({"set k ann 0"}));
  EXPECT_EQ(At(1'000'000), Lines());
  EXPECT_EQ(Ttl("k"), "ttl -1");
  Disconnect(ann);
  EXPECT_TRUE(store().lifetimes().has_work());
  EXPECT_EQ(At(1'000'000), Lines({"removed k"}));
  EXPECT_FALSE(store().lifetimes().has_work());
}

TEST_F(ExecutorLifetimeTest, OrSoMuchLater) {
  const SessionId ann = Join("db", kAnn);
  Run(ann, ask::SetSession("k", "ann", 100));
  Take(watcher_);
  Disconnect(ann);
  EXPECT_EQ(At(50), Lines());
  ASSERT_EQ(output_.records.size(), 1U);
  EXPECT_EQ(output_.records.front().record.type, RecordType::kExpire);
  EXPECT_EQ(LastItem().lifetime.owner, kAnn.owner());
  EXPECT_EQ(Ttl("k"), "ttl 100");
  EXPECT_EQ(At(149), Lines());
  EXPECT_EQ(At(151), Lines({"removed k"}));
}

TEST_F(ExecutorLifetimeTest, WhoComesBackWithinTheGraceHasItsKeysAgain) {
  const SessionId ann = Join("db", kAnn);
  Run(ann, ask::SetSession("k", "ann", 100));
  Disconnect(ann);
  At(10);
  const SessionId again = Join("db", kBob);
  const std::string name = FormatSessionName(kBob);
  EXPECT_EQ(Ask(again, ask::Hello(FormatSessionName(kAnn))), "hello " + name + " resumed");
  EXPECT_EQ(LastItem().type, RecordType::kExpire);
  EXPECT_EQ(LastItem().lifetime.owner, kBob.owner());
  EXPECT_EQ(Ask(again, ask::Hello(FormatSessionName(kAnn))), "hello " + name + " new");
  Take(watcher_);
  EXPECT_EQ(At(1'000), Lines());
  Disconnect(again);
  At(1'000);
  EXPECT_EQ(At(1'101), Lines({"removed k"}));
}

TEST_F(ExecutorLifetimeTest, AlsoBeforeTheEndOfTheFormerOneIsSeen) {
  const SessionId half_open = Join("db", kAnn);
  Run(half_open, ask::SetSession("k", "ann"));
  const SessionId again = Join("db", kBob);
  Run(again, ask::Hello(FormatSessionName(kAnn)));
  Take(watcher_);
  Disconnect(half_open);
  EXPECT_EQ(At(10), Lines());
  Disconnect(again);
  EXPECT_EQ(At(10), Lines({"removed k"}));
}

TEST_F(ExecutorLifetimeTest, HelloNamesWhatMayBeASession) {
  const SessionId ann = Connect(SessionKind::kConnection, kAnn);
  EXPECT_EQ(Ask(ann, ask::Hello("")), "hello " + FormatSessionName(kAnn) + " new");
  for (const char* bad :
       {"x", "-", "00000000000000000000000000000000", "0000000000000000000000000000000g",
        "0000000000000000000000000000000011"}) {
    EXPECT_EQ(Run(ann, ask::Hello(bad)), ErrorCode::kBadSession) << bad;
  }
  EXPECT_EQ(Ask(Connect(), ask::Hello("")), "hello - new");
}

TEST_F(ExecutorLifetimeTest, WhoWritesAKeyHasIt) {
  const SessionId ann = Join("db", kAnn);
  const SessionId bob = Join("db", kBob);
  Run(ann, ask::SetSession("k", "ann"));
  Run(bob, ask::SetSession("k", "bob"));
  Take(watcher_);
  Disconnect(ann);
  EXPECT_EQ(At(10), Lines());
  Run(session_, ask::Set("k", "everybody"));
  Take(watcher_);
  Disconnect(bob);
  EXPECT_EQ(At(10), Lines());
  EXPECT_EQ(Get("k"), "value everybody");
}

TEST_F(ExecutorLifetimeTest, ExpireAndPersistTakeAKeyFromItsSession) {
  const SessionId ann = Join("db", kAnn);
  Run(ann, ask::SetSession("k", "ann"));
  Run(session_, ask::Persist("k"));
  Run(ann, ask::SetSession("j", "ann"));
  Run(session_, ask::Expire("j", 50));
  Disconnect(ann);
  Take(watcher_);
  EXPECT_EQ(At(10), Lines());
  EXPECT_EQ(Get("k"), "value ann");
  EXPECT_EQ(Get("j"), "value ann");
  At(100);
  EXPECT_EQ(Get("j"), "no value");
}

TEST_F(ExecutorLifetimeTest, SessionsWithoutANameHaveKeysOfTheirOwn) {
  const SessionId one = Join();
  const SessionId two = Join();
  Run(one, ask::SetSession("j", "1"));
  Run(two, ask::SetSession("k", "2"));
  Take(watcher_);
  Disconnect(one);
  EXPECT_EQ(At(10), Lines());
  EXPECT_EQ(Get("j"), "no value");
  EXPECT_EQ(Get("k"), "value 2");
  Disconnect(two);
  EXPECT_EQ(At(10), Lines({"removed k"}));
}

TEST_F(ExecutorLifetimeTest, ASessionHasSoManyKeysAndNotOneMore) {
  const SessionId ann = Join("db", kAnn);
  for (std::size_t i = 0; i < kSessionKeysMax; ++i) {
    const std::string key = "many" + std::to_string(i);
    ASSERT_EQ(Run(ann, ask::SetSession(key, "v")), kFine);
  }
  EXPECT_EQ(Run(ann, ask::SetSession("one more", "v")), ErrorCode::kKeyCharacter);
  EXPECT_EQ(Run(ann, ask::SetSession("k", "v")), ErrorCode::kTooManySessionKeys);
  EXPECT_EQ(Run(ann, ask::SetSession("many0", "again")), kFine);
  Run(ann, ask::Set("many0", "plain"));
  EXPECT_EQ(Run(ann, ask::SetSession("k", "v")), kFine);

  const SessionId bob = Join("db", kBob);
  Run(bob, ask::SetSession("bob", "v"));
  EXPECT_EQ(Run(bob, ask::Hello(FormatSessionName(kAnn))), ErrorCode::kTooManySessionKeys);
  Run(bob, ask::Remove("bob"));
  EXPECT_EQ(Run(bob, ask::Hello(FormatSessionName(kAnn))), kFine);

  // Their end is worked off in slices.
  Disconnect(bob);
  for (std::size_t left = kSessionKeysMax; left > 0;) {
    EndKeys();
    const std::size_t now = std::min(left, kExpiriesPerTurn);
    ASSERT_EQ(output_.records.size(), now);
    left -= now;
  }
  EndKeys();
  EXPECT_TRUE(output_.records.empty());
}

TEST_F(ExecutorLifetimeTest, ATermBeginsWithoutTheSessionsOfBefore) {
  const SessionId ann = Join("db", kAnn);
  Run(ann, ask::SetSession("k", "ann"));
  Run(ann, ask::SetSession("later", "ann", 100));
  Take(watcher_);
  executor_.Follow({});
  Disconnect(ann);
  output_.Clear();
  executor_.BeginTerm(output_);
  EXPECT_EQ(At(0), Lines({"removed k"}));
  EXPECT_EQ(Ttl("later"), "ttl 100");
}

}  // namespace
}  // namespace nunc
