// Keys that do not live for ever: until when, or with which session.
//
// Shape:   beside the entries, so that a plain key pays a flag and nothing else: what is known of
//          an entry by its address, which stays; all of them in the order in which they end; those
//          of each session.
// Units:   log time of the records says when a key ends, in microseconds since 1970; what is left
//          of it is counted down on the monotonic clock, so that a wall clock that jumps moves
//          nothing. The clock here is log time as it was when the term began, and runs on so.
// Owner:   Store, which outlives the databases; loop thread only.
// Source:  docs/cluster.md §7 (time and sessions); docs/language.md (keys that expire).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/entry.h"
#include "core/record.h"

namespace nunc {

class Database;

class Lifetimes {
 public:
  struct Item {
    Database* database = nullptr;
    Entry* entry = nullptr;
    Lifetime lifetime{};
    std::int64_t due_us = 0;   // on this clock, where it ends by time
    std::uint64_t number = 0;  // in the order in which they came to their owners
  };

  // What has been loaded ends by the log time of its records, which goes on from here.
  void Begin(std::int64_t mono_us, std::int64_t log_us) {
    stopped_ = false;
    skew_us_ = log_us - mono_us;
    SetNow(mono_us, log_us);
  }
  // Another node ends keys: until Begin nothing is counted down, and this clock is log time.
  void Stop();
  void SetNow(std::int64_t mono_us, std::int64_t log_us) {
    now_us_ = stopped_ ? log_us : mono_us + skew_us_;
    drift_us_ = now_us_ - log_us;
    put_off_ = false;
  }

  // Log time when the turn began: what ends so much later has exactly so much left.
  [[nodiscard]] std::int64_t log_now_us() const { return now_us_ - drift_us_; }

  // An empty one: for ever.
  void Set(Database& database, Entry& entry, const Lifetime& lifetime);
  [[nodiscard]] Lifetime Of(const Entry& entry) const;
  // How long the key still lives, rounded up, for what is there has not run out; -1: it does not
  // end by time.
  [[nodiscard]] std::int64_t LeftMs(const Entry& entry) const;

  // Of one session: how many, and the first behind a number; null: none.
  [[nodiscard]] std::size_t CountOf(std::uint64_t owner) const;
  [[nodiscard]] const Item* NextOf(std::uint64_t owner, std::uint64_t after_number) const;
  // The session is gone; all are but these.
  void EndOwner(std::uint64_t owner);
  void EndOwners(const std::set<std::uint64_t>& here);

  // One whose time has come, or whose session is gone while it has no time yet; null: none. It is
  // the same one until its lifetime has changed.
  const Item* Next();
  // They wait for another turn: the log has no room.
  void PutOff() { put_off_ = true; }
  // Next may have one.
  [[nodiscard]] bool has_work() const {
    return !put_off_ && !stopped_ && (!ended_.empty() || FirstDue() != nullptr);
  }
  // When the next time comes, on the monotonic clock; none: no turn must begin for that. What was
  // put off wakes nobody.
  [[nodiscard]] std::optional<std::int64_t> next_deadline_us() const;

 private:
  // Addresses say nothing about an order that every run has alike; the number does.
  using Due = std::pair<std::int64_t, std::uint64_t>;
  using Owned = std::map<std::uint64_t, Item*>;  // by number
  struct EndedOwner {
    std::uint64_t owner = 0;
    std::uint64_t after_number = 0;  // up to there its keys have their time
  };

  // Null: nothing is due.
  [[nodiscard]] const Item* FirstDue() const;
  void Link(Item& item);
  void Unlink(const Item& item);

  std::int64_t skew_us_ = 0;   // from the monotonic clock to this one
  std::int64_t drift_us_ = 0;  // from log time to this one
  std::int64_t now_us_ = 0;
  std::uint64_t last_number_ = 0;
  std::unordered_map<const Entry*, Item> by_entry_;
  std::map<Due, Item*> by_due_;
  std::map<std::uint64_t, Owned> by_owner_;
  std::deque<EndedOwner> ended_;  // each had keys when it ended
  bool put_off_ = false;
  bool stopped_ = false;
};

}  // namespace nunc
