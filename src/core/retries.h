// What came of the newest writes that clients may send again: the retry table.
//
// Shape:   by database and session, the results of its highest sequences. All of it follows from
//          the records that bear a session and a sequence, so every node has it, and a snapshot
//          tells it. What is forgotten is known to be so: of a session up to its floor; of whole
//          sessions up to a revision. A session that is not known here, but has begun behind that
//          revision (its name says so), has made no record; any other one may have.
// Units:   times in microseconds since 1970, of the records: no clock is asked.
// Limits:  kRetriesPerSessionMax, kRetriesMax, kRetryAgeUsMax: the oldest is forgotten.
// Owner:   Store; loop thread only.
// Source:  docs/cluster.md §7; docs/protocol.md (writes that are sent again).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "core/ids.h"
#include "core/record.h"

namespace nunc {

// What a record has said, and the answer that follows from it.
struct RetryResult {
  std::uint64_t sequence = 0;
  Revision revision{};
  std::uint32_t request = 0;             // NextRequestMark over its keys
  bool in_conflict = false;              // the write waits for an arbiter
  std::int64_t number = 0;               // what was stored, if that is one; the id of its conflict
  std::vector<std::int64_t> versions{};  // of its writes in order; -1: removed

  friend bool operator==(const RetryResult&, const RetryResult&) = default;
};

// One session's; as a snapshot has it, too.
struct RetryState {
  std::uint64_t session = 0;
  std::uint64_t floor = 0;  // what came of the sequences up to there is forgotten
  Revision newest{};        // of its records
  std::int64_t time_us = 0;
  std::vector<RetryResult> results{};  // by sequence

  [[nodiscard]] bool empty() const { return results.empty() && floor == 0; }
  friend bool operator==(const RetryState&, const RetryState&) = default;
};

// Tells one request from another by the keys that it writes or removes, which a record says too.
// Begins with 0.
std::uint32_t NextRequestMark(std::uint32_t before, std::string_view key, bool removes);

class Retries {
 public:
  explicit Retries(std::size_t results_max = kRetriesMax) : results_max_(results_max) {}

  enum class Known : std::uint8_t { kNew, kDone, kForgotten };
  struct Found {
    Known known = Known::kNew;
    const RetryState* session = nullptr;  // null: not known
    const RetryResult* result = nullptr;  // of kDone
  };
  // `newest`: of the records. A session that says it began behind that is of another history.
  [[nodiscard]] Found Find(DatabaseId database, const RetryName& name, Revision newest) const;

  // What it was before a record.
  struct Was {
    DatabaseId database{};
    RetryId id{};
    bool noted = true;
    bool began = false;  // the session, with that record
    std::uint64_t floor = 0;
    Revision newest{};
    std::int64_t time_us = 0;
    std::optional<RetryResult> lost{};  // what had its place, or was the lowest
  };
  // Of a record that bears one. Where its session is not known and does not begin with it, nothing
  // is noted: it was forgotten here and not where the record comes from, so it stays forgotten.
  Was Note(const Record& record);
  // The newest that has not been taken back. Sessions that are forgotten stay so.
  void TakeBack(const Was& was);
  // Nothing behind it has happened any more.
  void EndTakingBack(Revision newest) { forgotten_ = std::min(forgotten_, newest); }

  // False: it cannot be one's of this table.
  [[nodiscard]] bool Load(DatabaseId database, RetryState state);
  // Of a snapshot's end, wherever the records come that lie before it.
  void LoadForgotten(Revision revision) { forgotten_ = std::max(forgotten_, revision); }
  // All has been loaded. Of a session that was forgotten while the snapshot was written some
  // records may have come again, and not those before.
  void FinishLoading();
  void Clear();

  // The first one of a database with a number above that; null: none. Others may come and go
  // between two calls.
  [[nodiscard]] const RetryState* NextOf(DatabaseId database, std::uint64_t after_session) const;
  // Sessions that are not known any more have made their last record up to there.
  [[nodiscard]] Revision forgotten() const { return forgotten_; }
  [[nodiscard]] std::size_t results() const { return results_; }
  // Memory, as the store counts it.
  [[nodiscard]] std::size_t bytes() const;

 private:
  using Key = std::pair<DatabaseId, std::uint64_t>;
  using Sessions = std::map<Key, RetryState>;

  void Insert(RetryState& session, RetryResult result, Was& was);
  void ForgetLowest(RetryState& session, Was& was);
  void ForgetOld(std::int64_t now_us);
  void ForgetOldest();
  void ForgetWhatIsTooMuch();
  void Touch(const Key& key, RetryState& session, Revision newest, std::int64_t time_us);
  void Erase(Sessions::iterator session);

  std::size_t results_max_;
  std::size_t results_ = 0;  // writes of transactions one by one
  Sessions sessions_;
  std::set<std::pair<Revision, Key>> by_newest_;
  Revision forgotten_;
};

}  // namespace nunc
