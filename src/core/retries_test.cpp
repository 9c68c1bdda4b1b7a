#include "core/retries.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/conflicts.h"

namespace nunc {
namespace {

class RetriesTest : public testing::Test {
 protected:
  using Known = Retries::Known;
  static constexpr DatabaseId kShop{2};
  static constexpr std::uint64_t kFirstBit = std::uint64_t{1} << 63U;

  // A record with the next revision, which sets one key.
  Retries::Was Note(std::uint64_t session, std::uint64_t sequence, std::string_view value = "1") {
    const RecordItem item{.type = RecordType::kSet, .key = "k", .value = value, .version = 7};
    return NoteItems(session, sequence, {item});
  }
  Retries::Was NoteItems(std::uint64_t session, std::uint64_t sequence,
                         const std::vector<RecordItem>& items) {
    const bool begins = Find(session, sequence).session == nullptr;
    ++revision_;
    return retries_.Note(
        {.type = RecordType::kBatch,
         .database = kShop,
         .revision = {revision_},
         .time_us = time_us_,
         .items = items,
         .retry = {.session = kFirstBit | session, .sequence = sequence, .begins = begins}});
  }
  [[nodiscard]] Retries::Found Find(std::uint64_t session, std::uint64_t sequence,
                                    std::uint64_t began = 0) const {
    return retries_.Find(kShop, {.session = {.high = session, .low = began}, .sequence = sequence},
                         Revision{revision_});
  }
  [[nodiscard]] Known KnownOf(std::uint64_t session, std::uint64_t sequence,
                              std::uint64_t began = 0) const {
    return Find(session, sequence, began).known;
  }
  [[nodiscard]] std::vector<RetryState> All() const {
    std::vector<RetryState> all;
    for (const RetryState* at = retries_.NextOf(kShop, 0); at != nullptr;
         at = retries_.NextOf(kShop, at->session)) {
      all.push_back(*at);
    }
    return all;
  }

  Retries retries_;
  std::uint64_t revision_ = 100;
  std::int64_t time_us_ = 1'000'000;
};

TEST_F(RetriesTest, WhatARecordSaysIsKnownUnderItsName) {
  EXPECT_EQ(KnownOf(1, 5), Known::kNew);
  Note(1, 5, "-42");
  const Retries::Found found = Find(1, 5);
  ASSERT_EQ(found.known, Known::kDone);
  EXPECT_EQ(found.result->revision, Revision{101});
  EXPECT_EQ(found.result->versions, std::vector<std::int64_t>{7});
  EXPECT_EQ(found.result->number, -42);
  EXPECT_EQ(found.result->request, NextRequestMark(0, "k", false));
  EXPECT_EQ(KnownOf(1, 4), Known::kNew);  // it may come later than the next one
  EXPECT_EQ(KnownOf(2, 5), Known::kNew);
  EXPECT_EQ(retries_.Find({3}, {.session = {.high = 1}, .sequence = 5}, {}).known, Known::kNew);
}

TEST_F(RetriesTest, ATransactionIsOneResultWithAllItsVersions) {
  NoteItems(1, 1,
            {{.type = RecordType::kSet, .key = "a", .value = "x", .version = 4},
             {.type = RecordType::kRemove, .key = "b"}});
  const Retries::Found found = Find(1, 1);
  ASSERT_EQ(found.known, Known::kDone);
  EXPECT_EQ(found.result->versions, (std::vector<std::int64_t>{4, -1}));
  EXPECT_EQ(found.result->request, NextRequestMark(NextRequestMark(0, "a", false), "b", true));
  EXPECT_NE(NextRequestMark(0, "a", false), NextRequestMark(0, "a", true));
  EXPECT_EQ(retries_.results(), 2U);
}

TEST_F(RetriesTest, AQueuedConflictIsKnownByItsId) {
  const std::string conflict = ConflictKey("k", {.value = 77});
  NoteItems(1, 1,
            {{.type = RecordType::kMark, .key = "k", .version = 3, .in_conflict = true},
             {.type = RecordType::kSet, .key = conflict, .value = "resolve ..."}});
  const Retries::Found found = Find(1, 1);
  ASSERT_EQ(found.known, Known::kDone);
  EXPECT_TRUE(found.result->in_conflict);
  EXPECT_EQ(found.result->number, 77);
  EXPECT_EQ(found.result->versions.size(), 1U);
}

TEST_F(RetriesTest, SoManyOfASessionAreKnownAndOneMoreForgetsTheLowest) {
  for (std::uint64_t sequence = 1; sequence <= kRetriesPerSessionMax; ++sequence) {
    Note(1, sequence);
  }
  EXPECT_EQ(KnownOf(1, 1), Known::kDone);
  Note(1, kRetriesPerSessionMax + 1);
  EXPECT_EQ(KnownOf(1, 1), Known::kForgotten);
  EXPECT_EQ(KnownOf(1, 2), Known::kDone);
  EXPECT_EQ(Find(1, 1).session->floor, 1U);
  EXPECT_EQ(retries_.results(), kRetriesPerSessionMax);
}

TEST_F(RetriesTest, WhatComesBelowTheWindowIsForgottenAtOnce) {
  for (std::uint64_t sequence = 2; sequence <= kRetriesPerSessionMax + 1; ++sequence) {
    Note(1, sequence);
  }
  Note(1, 1);
  EXPECT_EQ(KnownOf(1, 1), Known::kForgotten);
  EXPECT_EQ(KnownOf(1, 2), Known::kDone);
}

// It was forgotten here and not where the record was made: after a rewind, or where a snapshot has
// been loaded.
TEST_F(RetriesTest, ASessionThatIsNotKnownAndDoesNotBeginStaysForgotten) {
  Note(1, 1);
  const std::uint64_t began = revision_;
  const RecordItem item{.type = RecordType::kSet, .key = "k", .value = "1", .version = 7};
  const Retries::Was was = retries_.Note({.type = RecordType::kSet,
                                          .database = kShop,
                                          .revision = {++revision_},
                                          .time_us = time_us_,
                                          .items = {&item, 1},
                                          .retry = {.session = kFirstBit | 2, .sequence = 70}});
  EXPECT_EQ(KnownOf(2, 69, began), Known::kForgotten);
  EXPECT_EQ(KnownOf(2, 70, began), Known::kForgotten);
  EXPECT_EQ(KnownOf(1, 1), Known::kDone);
  retries_.TakeBack(was);
  EXPECT_EQ(All().size(), 1U);
}

TEST_F(RetriesTest, ASessionThatBeganBehindTheNewestRecordIsOfAnotherHistory) {
  EXPECT_EQ(KnownOf(1, 1, revision_), Known::kNew);
  EXPECT_EQ(KnownOf(1, 1, revision_ + 1), Known::kForgotten);
}

TEST_F(RetriesTest, AResultThatWasReplacedComesBack) {
  Note(1, 5, "1");
  const Retries::Was was = Note(1, 5, "2");
  EXPECT_EQ(Find(1, 5).result->number, 2);
  retries_.TakeBack(was);
  ASSERT_EQ(KnownOf(1, 5), Known::kDone);
  EXPECT_EQ(Find(1, 5).result->number, 1);
  EXPECT_EQ(retries_.results(), 1U);
}

TEST_F(RetriesTest, SoManySessionsWithoutResultsAreLoadedToo) {
  retries_ = Retries(2);
  for (std::uint64_t session = 1; session <= 3; ++session) {
    EXPECT_TRUE(retries_.Load(kShop, {.session = session, .floor = 1, .newest = {session}}));
  }
  EXPECT_EQ(All().size(), 2U);
}

TEST_F(RetriesTest, SoManyAreKnownInAllAndOneMoreForgetsTheSessionThatIsOldest) {
  retries_ = Retries(4);
  Note(1, 1);  // 101
  Note(2, 1);
  Note(3, 1);
  Note(1, 2);  // 104: the oldest is now the second one
  EXPECT_EQ(KnownOf(2, 1), Known::kDone);
  Note(4, 1);
  EXPECT_EQ(retries_.results(), 4U);
  EXPECT_EQ(retries_.forgotten(), Revision{102});
  EXPECT_EQ(KnownOf(2, 1), Known::kForgotten);
  EXPECT_EQ(KnownOf(1, 1), Known::kDone);
  EXPECT_EQ(KnownOf(3, 1), Known::kDone);
}

TEST_F(RetriesTest, WhoBeganBehindWhatIsForgottenIsNew) {
  retries_ = Retries(1);
  Note(1, 1);  // 101
  Note(2, 1);
  ASSERT_EQ(retries_.forgotten(), Revision{101});
  EXPECT_EQ(KnownOf(9, 1, 100), Known::kForgotten);
  EXPECT_EQ(KnownOf(9, 1, 101), Known::kNew);
}

TEST_F(RetriesTest, ASessionIsKnownForTheWholeOfItsAgeAndNoLonger) {
  Note(1, 1);
  time_us_ += kRetryAgeUsMax;
  Note(2, 1);
  EXPECT_EQ(KnownOf(1, 1), Known::kDone);
  time_us_ += 1;
  Note(2, 2);
  EXPECT_EQ(KnownOf(1, 1), Known::kForgotten);
}

TEST_F(RetriesTest, OneThatComesBackBehindItsAgeKnowsWhatItHasDone) {
  Note(1, 1);
  time_us_ += kRetryAgeUsMax + 1;
  Note(1, 2);
  EXPECT_EQ(KnownOf(1, 1), Known::kDone);
  EXPECT_EQ(retries_.forgotten(), Revision{});
}

TEST_F(RetriesTest, SoManySessionsAreForgottenAtOnceAndTheOthersWithTheNextRecord) {
  const std::uint64_t old = kRetrySessionsForgottenAtOnce + 1;
  for (std::uint64_t session = 1; session <= old; ++session) {
    Note(session, 1);
  }
  time_us_ += kRetryAgeUsMax + 1;
  Note(old + 1, 1);
  EXPECT_EQ(retries_.results(), 2U);
  EXPECT_EQ(KnownOf(old, 1), Known::kDone);
  Note(old + 1, 2);
  EXPECT_EQ(retries_.results(), 2U);
  EXPECT_EQ(KnownOf(old, 1), Known::kForgotten);
}

TEST_F(RetriesTest, WhatIsTakenBackNeverWas) {
  for (std::uint64_t sequence = 1; sequence <= kRetriesPerSessionMax; ++sequence) {
    Note(1, sequence);
  }
  const std::vector<RetryState> before = All();
  const Retries::Was second = Note(2, 1);
  const Retries::Was next = Note(1, kRetriesPerSessionMax + 1);
  EXPECT_EQ(KnownOf(1, 1), Known::kForgotten);
  retries_.TakeBack(next);
  retries_.TakeBack(second);
  retries_.EndTakingBack({revision_ - 2});
  EXPECT_EQ(All(), before);
  EXPECT_EQ(retries_.results(), kRetriesPerSessionMax);
  EXPECT_EQ(KnownOf(1, 1), Known::kDone);
  EXPECT_EQ(KnownOf(2, 1), Known::kNew);
}

TEST_F(RetriesTest, WhatIsForgottenStaysSoWhenItsRecordIsTakenBack) {
  retries_ = Retries(1);
  const Retries::Was first = Note(1, 1);
  const Retries::Was second = Note(2, 1);
  retries_.TakeBack(second);
  retries_.TakeBack(first);
  retries_.EndTakingBack({100});
  EXPECT_EQ(retries_.forgotten(), Revision{100});
  EXPECT_EQ(KnownOf(1, 1, 99), Known::kForgotten);
  EXPECT_EQ(KnownOf(1, 1, 100), Known::kNew);
}

TEST_F(RetriesTest, WhatIsLoadedIsWhatWasThere) {
  Note(1, 1);
  Note(2, 8);
  Note(1, 2);
  Retries loaded;
  for (const RetryState& state : All()) {
    EXPECT_TRUE(loaded.Load(kShop, state));
  }
  loaded.LoadForgotten({50});
  EXPECT_FALSE(loaded.Load(kShop, All().front())) << "a session twice";
  EXPECT_EQ(loaded.results(), retries_.results());
  EXPECT_EQ(loaded.bytes(), retries_.bytes());
  EXPECT_EQ(loaded.forgotten(), Revision{50});
  EXPECT_EQ(loaded.Find(kShop, {.session = {.high = 1}, .sequence = 2}, Revision{revision_}).known,
            Known::kDone);
  EXPECT_EQ(loaded.Find(kShop, {.session = {.high = 3}, .sequence = 2}, Revision{revision_}).known,
            Known::kForgotten);
  loaded.Clear();
  EXPECT_EQ(loaded.bytes(), 0U);
}

TEST_F(RetriesTest, OfASessionThatWasForgottenMeanwhileNothingIsLoaded) {
  for (const bool first : {true, false}) {
    retries_ = Retries();
    revision_ = 100;
    if (first) {
      retries_.LoadForgotten({102});
    }
    Note(1, 2);  // 101; that it has done another one before, nobody says
    Note(2, 1);  // 102
    Note(2, 2);
    retries_.LoadForgotten({102});
    retries_.FinishLoading();
    EXPECT_EQ(KnownOf(1, 1), Known::kForgotten);
    EXPECT_EQ(KnownOf(1, 2), Known::kForgotten);
    EXPECT_EQ(KnownOf(2, 1), Known::kDone);
    EXPECT_EQ(retries_.results(), 2U);
  }
}

TEST_F(RetriesTest, MemoryFollowsWhatIsThere) {
  EXPECT_EQ(retries_.bytes(), 0U);
  Note(1, 1);
  const std::size_t one = retries_.bytes();
  EXPECT_GT(one, sizeof(RetryState));
  Note(2, 1);
  EXPECT_EQ(retries_.bytes(), 2 * one);
}

}  // namespace
}  // namespace nunc
