#include "journal.h"

#include <algorithm>
#include <istream>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/special_keys.h"
#include "core/token.h"

namespace nunc {
namespace {

using Json = nlohmann::json;
using Kind = JournalEntry::Kind;
constexpr Revision kNever{std::numeric_limits<std::uint64_t>::max()};

bool Overlap(const WatchedKeys& one, const WatchedKeys& other) {
  return one.Contain(other.prefix) || other.Contain(one.prefix);
}

// One watcher, over all its connections.
class Player {
 public:
  Player(LoggedDatabase& database, Revision newest, const std::vector<JournalEntry>& entries,
         Journal::Sums& sums)
      : database_(database), newest_(newest), entries_(entries), sums_(sums) {
    for (const JournalEntry& entry : entries) {
      if (entry.kind == Kind::kWatch) {
        patterns_.emplace(entry.pattern, WatchedKeys(entry.pattern));
      }
    }
  }

  // Of the first entry that does not hold; empty: all do.
  std::string Play() {
    for (at_ = 0; at_ < entries_.size(); ++at_) {
      if (const std::string broken = PlayOne(entries_[at_]); !broken.empty()) {
        return "line " + std::to_string(entries_[at_].line) + ": " + broken;
      }
    }
    return {};
  }

 private:
  struct Watched {
    WatchView view;
    // The revision that closes what is being told now.
    Revision closes_at = kNever;
    // For the text protocol, which tells no revisions: what has been told.
    Revision told_to{};
    Revision live_to{};
    std::map<std::string, Revision, std::less<>> told{};
  };

  std::string PlayOne(const JournalEntry& entry) {
    switch (entry.kind) {
      case Kind::kWatch:
        return Watch(entry);
      case Kind::kUnwatch: {
        const auto found = watches_.find(entry.pattern);
        if (found == watches_.end() || !found->second.view.watching()) {
          return "journal: " + entry.pattern + " is not watched";
        }
        found->second.view.Unwatch();
        return {};
      }
      case Kind::kCut:
        std::ranges::for_each(watches_, [](auto& watch) { watch.second.view.Unwatch(); });
        return {};
      case Kind::kLogin:
        reader_ = entry.reader;
        std::ranges::for_each(watches_,
                              [this](auto& watch) { watch.second.view.SetReader(reader_); });
        return {};
      case Kind::kTold:
        return Hear(entry.push);
      case Kind::kRest:
        break;
    }
    return Rest();
  }

  std::string Watch(const JournalEntry& entry) {
    const std::optional<Token> token = entry.since == "0" ? Token{} : ParseToken(entry.since);
    if (!token) {
      return "journal: a watch needs a token: '" + entry.since + "'";
    }
    ++sums_.watches;
    database_.history.SetAsOf(token->revision);
    watches_.erase(entry.pattern);
    Watched& watch =
        watches_.emplace(entry.pattern, Watched{.view = ViewOf(entry), .told_to = token->revision})
            .first->second;
    watch.view.ResumeFrom(entry.since, token->revision);
    return {};
  }

  // When an interval has passed is not in the journal: to arrive is not to be sent.
  [[nodiscard]] WatchView ViewOf(const JournalEntry& entry) const {
    const WatchedKeys& keys = patterns_.at(entry.pattern);
    const bool overlaps = std::ranges::any_of(patterns_, [&](const auto& other) {
      return other.first != entry.pattern && Overlap(other.second, keys);
    });
    return {database_.history, entry.pattern, reader_, overlaps, entry.policy};
  }

  std::string Hear(const Push& push) {
    if (push.says_the_same || push.key == kConnectionsKey) {
      return {};
    }
    const bool about_key = push.kind == ChangeKind::kSet || push.kind == ChangeKind::kRemoved;
    sums_.changes += about_key ? 1 : 0;
    sums_.readies += push.kind == ChangeKind::kReady ? 1 : 0;
    bool wanted = false;
    for (auto& [pattern, watch] : watches_) {
      if (!watch.view.Wants({.kind = push.kind, .key = push.key})) {
        continue;
      }
      wanted = true;
      if (const std::string broken = HearOf(watch, push); !broken.empty()) {
        return std::string(pattern).append(": ").append(broken);
      }
    }
    // What the gate held for one watch leaves also when that has ended.
    const bool held = push.kind == ChangeKind::kRemoved && push.revision == Revision{};
    return wanted || (held && !push.is_text) ? std::string()
                                             : "filter: nobody watches '" + push.key + "'";
  }

  std::string HearOf(Watched& watch, const Push& push) {
    Change change{.kind = push.kind,
                  .key = push.key,
                  .value = push.value,
                  .version = push.version,
                  .revision = push.revision,
                  .time_us = push.timed ? 1 : 0,
                  .more = push.more};
    switch (push.kind) {
      case ChangeKind::kStarted:
      case ChangeKind::kGap:
        if (push.value == kDropped) {
          watch.view.Unwatch();
          return {};
        }
        watch.closes_at = ClosesAt(watch.view);
        return watch.view.OnEvent(change);
      case ChangeKind::kReady:
        if (push.revision > newest_) {
          return "bookmarkable: " + push.value + " is of what never happened";
        }
        watch.told_to = std::max(watch.told_to, push.revision);
        database_.history.SetAsOf(push.revision);
        return watch.view.OnEvent(change);
      default:
        break;
    }
    if (push.is_text && watch.view.overlaps()) {
      return "journal: the text protocol does not say which watch is told " + push.key;
    }
    if (push.is_text) {
      FindRevision(watch, change);
    }
    const WatchHistory::Past* past = database_.history.At(push.key, change.revision);
    if (push.is_json && past != nullptr && past->value && SameJson(*past->value, push.value)) {
      change.value = *past->value;
    }
    watch.told[push.key] = change.revision;
    watch.live_to = watch.view.ready() ? change.revision : watch.live_to;
    database_.history.SetAsOf(watch.view.ready() ? change.revision : watch.closes_at);
    return watch.view.OnEvent(change);
  }

  // What the text does not say: which of the changes of the key that look so it was. Live, the
  // first that has not been told and is no older than what was told last (to remove what is not
  // there may be left out); in a part that a `ready` closes, the newest that was there then.
  void FindRevision(const Watched& watch, Change& change) const {
    const bool live = watch.view.ready();
    const bool removed = change.kind == ChangeKind::kRemoved;
    change.more = !live;
    if (!live && removed) {
      return;
    }
    const auto told = watch.told.find(change.key);
    const Revision told_to =
        std::max(watch.told_to, told == watch.told.end() ? Revision{} : told->second);
    change.revision = kNever;
    const std::vector<WatchHistory::Past>* pasts = database_.history.Of(change.key);
    for (std::size_t i = 0; pasts != nullptr && i < pasts->size(); ++i) {
      const WatchHistory::Past& past = (*pasts)[i];
      const bool looks_so =
          removed ? !past.value
                  : past.value && *past.value == change.value && past.version == change.version;
      if (!looks_so) {
        continue;
      }
      if (!live && past.revision > watch.closes_at && change.revision != kNever) {
        break;
      }
      change.revision = past.revision;
      if (live && past.revision > told_to && past.revision >= watch.live_to) {
        break;
      }
    }
    change.time_us = live ? 1 : 0;
    change.more = !live || database_.units.contains(change.revision);
  }

  // What is told from here on is as of then. Never: it was not told to its end.
  [[nodiscard]] Revision ClosesAt(const WatchView& view) const {
    for (std::size_t i = at_ + 1; i < entries_.size(); ++i) {
      const JournalEntry& entry = entries_[i];
      if (entry.kind == Kind::kCut ||
          (entry.kind != Kind::kTold && entry.pattern == view.pattern())) {
        break;
      }
      const bool about = entry.push.key == view.pattern() || entry.push.key.empty();
      if (entry.kind != Kind::kTold || !about) {
        continue;
      }
      if (entry.push.kind == ChangeKind::kReady) {
        return entry.push.revision;
      }
      if (entry.push.kind == ChangeKind::kStarted && entry.push.key == view.pattern()) {
        break;
      }
    }
    return kNever;
  }

  std::string Rest() {
    database_.history.SetAsOf(kNever);
    for (const auto& [pattern, watch] : watches_) {
      const std::string broken = watch.view.watching() ? watch.view.AtRest(newest_) : std::string();
      if (!broken.empty()) {
        return std::string(pattern).append(": ").append(broken);
      }
    }
    return {};
  }

  LoggedDatabase& database_;
  Revision newest_;
  const std::vector<JournalEntry>& entries_;
  Journal::Sums& sums_;
  std::size_t at_ = 0;
  Reader reader_;
  std::map<std::string, WatchedKeys> patterns_;
  std::map<std::string, Watched> watches_;
};

WatchPolicy PolicyNamed(const std::string& name) {
  if (name == "all") {
    return WatchPolicy::kAll;
  }
  return name == "every" ? WatchPolicy::kEvery : WatchPolicy::kLatest;
}

Result<JournalEntry> ParseEntry(const Json& line) {
  JournalEntry entry;
  if (line.contains("told")) {
    Result<Push> push = ParsePush(line["told"].get<std::string>());
    if (!push) {
      return tl::unexpected(push.error());
    }
    entry.push = *std::move(push);
  } else if (line.contains("watch")) {
    entry.kind = Kind::kWatch;
    entry.pattern = line["watch"].get<std::string>();
    entry.since = line.at("since").get<std::string>();
    entry.policy = PolicyNamed(line.value("policy", ""));
  } else if (line.contains("unwatch")) {
    entry.kind = Kind::kUnwatch;
    entry.pattern = line["unwatch"].get<std::string>();
  } else if (line.contains("login")) {
    entry.kind = Kind::kLogin;
    entry.reader = {.user = line["login"].value("user", ""),
                    .admin = line["login"].value("admin", false)};
  } else if (line.contains("cut")) {
    entry.kind = Kind::kCut;
  } else if (line.contains("rest")) {
    entry.kind = Kind::kRest;
  } else {
    return Fail(Fault::kInvalid, "not known");
  }
  return entry;
}

}  // namespace

void Journal::Read(std::istream& lines) {
  std::string text;
  for (std::size_t number = 1; std::getline(lines, text); ++number) {
    try {
      const Json line = Json::parse(text);
      Result<JournalEntry> entry = ParseEntry(line);
      if (!entry) {
        violations_.push_back("line " + std::to_string(number) + ": " + entry.error().detail);
        continue;
      }
      entry->line = number;
      watchers_[line.at("watcher").get<std::string>()].push_back(*std::move(entry));
    } catch (const Json::exception& error) {
      violations_.push_back("line " + std::to_string(number) + ": " + error.what());
    }
  }
}

std::vector<std::string> Journal::Check(LoggedDatabase& database, Revision newest) {
  sums_.watchers = watchers_.size();
  for (const auto& [name, entries] : watchers_) {
    if (const std::string broken = Player(database, newest, entries, sums_).Play();
        !broken.empty()) {
      violations_.push_back(std::string("watcher ").append(name).append(", ").append(broken));
    }
  }
  return std::exchange(violations_, {});
}

}  // namespace nunc
