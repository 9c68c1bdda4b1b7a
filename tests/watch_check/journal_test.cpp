// That the check of journals sees what it is there for: bugs are planted in one that holds.
#include "journal.h"

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

constexpr DatabaseId kDatabase{.value = 2};

enum class Form : std::uint8_t { kText, kJson };

// What a watcher did or heard.
struct Step {
  enum class Kind : std::uint8_t { kWatch, kUnwatch, kCut, kStarted, kGap, kTold, kReady, kRest };
  Kind kind = Kind::kTold;
  std::string name{};  // the key or the pattern
  std::uint64_t revision = 0;
  std::string with{};   // of kStarted, and the policy of kWatch
  bool part = false;    // of what a `ready` closes
  bool timed = true;    // so is a transaction
  std::string value{};  // another one than there was
};

Step Watch(std::string name, std::uint64_t from, std::string policy = "latest") {
  return {.kind = Step::Kind::kWatch,
          .name = std::move(name),
          .revision = from,
          .with = std::move(policy)};
}
Step Started(std::string name, std::string with) {
  return {.kind = Step::Kind::kStarted, .name = std::move(name), .with = std::move(with)};
}
Step Live(std::string key, std::uint64_t revision) {
  return {.name = std::move(key), .revision = revision};
}
Step Unit(std::string key, std::uint64_t revision) {
  return {.name = std::move(key), .revision = revision, .part = true};
}
Step Part(std::string key, std::uint64_t revision) {
  return {.name = std::move(key), .revision = revision, .part = true, .timed = false};
}
Step Ready(std::string name, std::uint64_t revision) {
  return {.kind = Step::Kind::kReady, .name = std::move(name), .revision = revision};
}
Step Of(Step::Kind kind, std::string name = {}) {
  return {.kind = kind, .name = std::move(name)};
}

std::string TokenOf(std::uint64_t revision) {
  return revision == 0 ? "0" : "7." + std::to_string(revision) + ".0000abcd";
}

class JournalTest : public testing::TestWithParam<Form> {
 protected:
  // What happens in all of them: revisions 2 to 12.
  JournalTest() {
    log_.Add({.type = RecordType::kCreateDatabase,
              .database = kDatabase,
              .revision = {1},
              .spec = {.name = "db", .token = "t"}});
    Set("a/1", "x");
    Set("b", "y");
    Set("a/2", "x");
    Set("a/1", "z");
    Remove("a/2");
    Add({Item("a/1", "u", 2), Item("a/3", "u", 0)});
    Set("a/4", "x");
    Remove("a/1");
    Set("b", "z");
    Set("a/5", "x");
    Set("a/5", "w");
  }
  static RecordItem Item(std::string_view key, std::string_view value, std::uint32_t version) {
    return {.type = RecordType::kSet, .key = key, .value = value, .version = version};
  }
  void Add(const std::vector<RecordItem>& items) {
    log_.Add({.type = items.size() > 1 ? RecordType::kBatch : items[0].type,
              .database = kDatabase,
              .revision = {log_.newest().value + 1},
              .items = items});
  }
  void Set(std::string_view key, std::string_view value) {
    Add({Item(key, value, static_cast<std::uint32_t>(log_.newest().value))});
  }
  void Remove(std::string_view key) { Add({{.type = RecordType::kRemove, .key = key}}); }

  // One that holds, by the places that bugs are planted at.
  static std::vector<Step> Good() {
    return {Watch("a*", 0),         Started("a*", "snapshot"),
            Part("a/1", 2),         Part("a/2", 4),
            Ready("a*", 4),         Live("a/1", 5),
            Live("a/2", 6),         Unit("a/1", 7),
            Unit("a/3", 7),         Ready("a*", 7),
            Of(Step::Kind::kCut),   Watch("a*", 7),
            Started("a*", "delta"), Part("a/4", 8),
            Part("a/1", 9),         Ready("a*", 10),
            Live("a/5", 11),        Live("a/5", 12),
            Of(Step::Kind::kRest)};
  }
  static constexpr std::size_t kFirstLive = 5;
  static constexpr std::size_t kInUnit = 8;
  static constexpr std::size_t kUnitEnd = 9;
  static constexpr std::size_t kDelta = 12;
  static constexpr std::size_t kTombstone = 14;
  static constexpr std::size_t kResumed = 15;
  static constexpr std::size_t kLast = 17;

  // The first violation, without where it is; empty: none.
  std::string Check(const std::vector<Step>& steps, std::string_view before = {}) {
    std::stringstream lines;
    lines << before;
    for (const Step& step : steps) {
      lines << R"({"watcher":"w",)" << FieldsOf(step) << "}\n";
    }
    Journal journal;
    journal.Read(lines);
    const std::vector<std::string> violations = journal.Check(*log_.Find("db"), log_.newest());
    return violations.empty() ? "" : violations.front();
  }
  void ExpectBroken(const std::vector<Step>& steps, std::string_view what,
                    std::string_view before = {}) {
    const std::string broken = Check(steps, before);
    EXPECT_NE(broken.find(what), std::string::npos) << "'" << broken << "' is not " << what;
  }

 private:
  [[nodiscard]] std::string FieldsOf(const Step& step) {
    const std::string quoted = '"' + step.name + '"';
    switch (step.kind) {
      case Step::Kind::kWatch:
        return R"("watch":)" + quoted + R"(,"since":")" + TokenOf(step.revision) +
               R"(","policy":")" + step.with + '"';
      case Step::Kind::kUnwatch:
        return R"("unwatch":)" + quoted;
      case Step::Kind::kCut:
        return R"("cut":true)";
      case Step::Kind::kRest:
        return R"("rest":true)";
      default:
        break;
    }
    std::string told = GetParam() == Form::kText ? TextOf(step) : JsonOf(step);
    for (std::size_t at = 0; (at = told.find('"', at)) != std::string::npos; at += 2) {
      told.insert(at, 1, '\\');
    }
    return R"("told":")" + told + '"';
  }
  [[nodiscard]] std::string TextOf(const Step& step) {
    const std::string name = step.name.empty() ? "-" : step.name;
    switch (step.kind) {
      case Step::Kind::kStarted:
        return "started " + name + ' ' + step.with;
      case Step::Kind::kGap:
        return "gap " + name;
      case Step::Kind::kReady:
        return "ready " + name + ' ' + TokenOf(step.revision);
      default:
        break;
    }
    const WatchHistory::Past* past = log_.Find("db")->history.At(step.name, {step.revision});
    return !past->value ? "removed " + name
                        : "changed-version " + name + ' ' + std::to_string(past->version) + ' ' +
                              (step.value.empty() ? *past->value : step.value);
  }
  [[nodiscard]] std::string JsonOf(const Step& step) {
    const std::string watch = step.name.empty() ? "" : R"(,"watch":")" + step.name + '"';
    const std::string revision = R"(,"revision":)" + std::to_string(step.revision);
    switch (step.kind) {
      case Step::Kind::kStarted:
        return R"({"push":"started","with":")" + step.with + '"' + watch + '}';
      case Step::Kind::kGap:
        return R"({"push":"gap")" + watch + '}';
      case Step::Kind::kReady:
        return R"({"push":"ready","token":")" + TokenOf(step.revision) + '"' + watch + revision +
               '}';
      default:
        break;
    }
    const WatchHistory::Past* past = log_.Find("db")->history.At(step.name, {step.revision});
    const std::string common = R"(,"key":")" + step.name + '"' + revision +
                               (step.timed ? R"(,"at":1)" : "") +
                               (step.part ? R"(,"more":true})" : "}");
    return !past->value
               ? R"({"push":"removed")" + common
               : R"({"push":"set","text":")" + (step.value.empty() ? *past->value : step.value) +
                     R"(","version":)" + std::to_string(past->version) + common;
  }

 protected:
  OpLog log_;
};

std::vector<Step> Without(std::vector<Step> steps, std::size_t at) {
  steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(at));
  return steps;
}
std::vector<Step> With(std::vector<Step> steps, std::size_t at, Step step) {
  steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(at), std::move(step));
  return steps;
}

TEST_P(JournalTest, OneThatHoldsIsNotComplainedOf) {
  EXPECT_EQ(Check(Good()), "");
}

TEST_P(JournalTest, AKeyThatIsLeftOutIsMissed) {
  ExpectBroken(Without(Good(), kFirstLive), "line 6: a*: reliable");
  ExpectBroken(Without(Good(), kFirstLive - 2), "atomic");
  ExpectBroken(Without(Good(), kLast), "atomic");  // at rest
}

TEST_P(JournalTest, AChangeThatIsToldTwiceIsSeen) {
  ExpectBroken(With(Good(), kFirstLive + 1, Live("a/1", 5)), "unique");
  ExpectBroken(With(Good(), kLast + 1, Live("a/5", 12)), "unique");
}

TEST_P(JournalTest, WhatTheTokenStandsForIsNotToldAgain) {
  ExpectBroken(With(Good(), kDelta + 1, Part("a/3", 7)), "unique");
}

TEST_P(JournalTest, ChangesInAnotherOrderAreSeen) {
  std::vector<Step> steps = Good();
  std::swap(steps[kFirstLive], steps[kFirstLive + 1]);
  ExpectBroken(steps, "reliable (left out before)");
}

TEST_P(JournalTest, ATransactionThatIsToldInPartIsSeen) {
  ExpectBroken(Without(Good(), kInUnit), "atomic");
  ExpectBroken(With(Good(), kInUnit, Ready("a*", 7)), "atomic");
  std::vector<Step> steps = Good();
  steps.resize(kInUnit + 1);
  steps.push_back(Of(Step::Kind::kRest));
  ExpectBroken(steps, "a transaction is left open");
}

TEST_P(JournalTest, ABookmarkAheadOrBackIsSeen) {
  std::vector<Step> steps = Good();
  steps[kUnitEnd].revision = 8;
  ExpectBroken(steps, "atomic");
  steps[kUnitEnd].revision = 13;
  ExpectBroken(steps, "bookmarkable: 7.13.0000abcd is of what never happened");
  steps = Good();
  steps[kResumed].revision = 6;
  ExpectBroken(steps, "bookmarkable (goes back)");
}

TEST_P(JournalTest, WhatIsToldBehindAnUnwatchIsSeen) {
  ExpectBroken(With(Good(), kLast, Of(Step::Kind::kUnwatch, "a*")), "filter: nobody watches 'a/5'");
  ExpectBroken(With(Good(), kLast, Of(Step::Kind::kUnwatch, "b*")), "b* is not watched");
}

TEST_P(JournalTest, ARemovalThatIsForgottenWhileAwayIsMissed) {
  ExpectBroken(Without(Good(), kTombstone), "atomic");
}

TEST_P(JournalTest, AResumeFromAnotherTokenThanWasGivenIsSeen) {
  std::vector<Step> steps = Good();
  steps[kDelta - 1].revision = 8;
  steps = Without(steps, kTombstone);
  ExpectBroken(Without(steps, kDelta + 1), "atomic");
}

TEST_P(JournalTest, WhatNeverWasIsSeen) {
  std::vector<Step> steps = Good();
  steps[kFirstLive].value = "other";
  ExpectBroken(steps, "filter (never happened)");
  ExpectBroken(With(Good(), kLast, Live("b", 10)), "filter: nobody watches 'b'");
}

TEST_P(JournalTest, AGapIsForWatchesOfAllAndNeedsToBeTold) {
  ExpectBroken(With(Good(), kFirstLive, Of(Step::Kind::kGap, "a*")), "filter (a gap)");
  const std::vector<Step> steps{Watch("a*", 0, "all"),  Started("a*", "snapshot"),
                                Part("a/1", 2),         Part("a/2", 4),
                                Ready("a*", 4),         Of(Step::Kind::kGap, "a*"),
                                Started("a*", "delta"), Part("a/1", 5),
                                Ready("a*", 5),         Live("a/2", 6)};
  EXPECT_EQ(Check(steps), "");
  ExpectBroken(Without(steps, 5), "reliable (cut without a gap)");
}

TEST_P(JournalTest, ToRemoveWhatIsNotThereMayBeLeftOut) {
  Remove("a/1");
  Set("a/5", "v");
  Remove("a/1");
  EXPECT_EQ(Check({Watch("a*", 12, "every"), Started("a*", "current"), Ready("a*", 12),
                   Live("a/5", 14), Live("a/1", 15), Of(Step::Kind::kRest)}),
            "");
}

TEST_P(JournalTest, RightsAreThoseOfTheTime) {
  const std::string login = R"({"watcher":"w","login":{"user":"ann"}})"
                            "\n";
  Set("$$permission_$ann", "r a*");
  Set("a/3", "w");
  Set("$$permission_$ann", "r a/4,a/5");
  Set("a/3", "v");
  Set("a/5", "v");
  const std::vector<Step> before{Watch("a*", 0), Started("a*", "snapshot"), Part("a/3", 7),
                                 Part("a/4", 8), Part("a/5", 12),           Ready("a*", 13),
                                 Live("a/3", 14)};
  std::vector<Step> steps = before;
  steps.insert(steps.end(), {Started("a*", "rights"), Part("a/4", 8), Part("a/5", 12),
                             Ready("a*", 15), Live("a/5", 17), Of(Step::Kind::kRest)});
  EXPECT_EQ(Check(steps, login), "");
  ExpectBroken(With(before, 7, Live("a/3", 16)), "may not be read", login);
  ExpectBroken(With(steps, 8, Part("a/3", 14)), "may not be read", login);
  ExpectBroken(Without(steps, 9), "atomic", login);
}

TEST_P(JournalTest, WatchesThatOverlapAreToldTogether) {
  const std::vector<Step> steps{Watch("a*", 0),
                                Watch("a/1", 0),
                                Started("a*", "snapshot"),
                                Part("a/1", 2),
                                Part("a/2", 4),
                                Ready("a*", 4),
                                Started("a/1", "snapshot"),
                                Part("a/1", 2),
                                Ready("", 4),
                                Live("a/1", 5),
                                Live("a/2", 6)};
  if (GetParam() == Form::kText) {
    return ExpectBroken(steps, "the text protocol does not say which watch");
  }
  EXPECT_EQ(Check(steps), "");
  ExpectBroken(With(steps, 10, Live("a/1", 5)), "unique");
}

TEST_P(JournalTest, LinesThatSayNothingAreToldOf) {
  for (const std::string_view line :
       {R"({"watcher":"w"})", R"({"told":"gap a"})", "{", R"({"watcher":"w","told":"value 1"})",
        R"({"watcher":"w","told":"{\"push\":\"other\"}"})", R"({"watcher":"w","watch":"a"})",
        R"({"watcher":"w","told":"ready a* x"})",
        R"({"watcher":"w","told":"changed-version a x y"})",
        R"({"watcher":"w","watch":"a","since":"x"})"}) {
    EXPECT_NE(Check({}, std::string(line) + '\n').find("line 1: "), std::string::npos) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, JournalTest, testing::Values(Form::kText, Form::kJson),
                         [](const auto& form) {
                           return form.param == Form::kText ? "Text" : "Json";
                         });

}  // namespace
}  // namespace nunc
