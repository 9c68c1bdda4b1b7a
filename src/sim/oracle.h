// Judges a node from outside: what it has shown against what the medium holds.
//
// Shape:   told of every record as it is made, of every claim (this is durable, this has been
//          answered) and of every fall; keeps the history and the model of it over lives. A start
//          must give the state after some part of the history that has everything promised.
// Errors:  kDamaged: an invariant is violated, `detail` says which. Nothing else.
// Units:   microseconds of the schedule.
// Owner:   World. The disks must outlive it; it never calls them, so that it changes no trace.
// Source:  docs/cluster.md §17.1; docs/durability.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/ids.h"
#include "core/store.h"
#include "sim/model.h"
#include "sim/sim_disk.h"
#include "storage/record.h"

namespace nunc {

// The words of a check that has failed.
tl::unexpected<Error> Violated(std::string what);

class Oracle {
 public:
  Oracle(const SimDisk& data, const SimDisk& log) : data_(data), log_(log) {}

  // What is at most unsynced in a node that works: sync-interval and the sync itself.
  void SetUnsyncedMax(std::int64_t age_us) { unsynced_max_us_ = age_us; }

  // ---- a start
  // The folder was empty, so nothing of before counts; only while nothing has been promised.
  Result<void> OnFresh();
  // The store is loaded, up to there.
  Result<void> OnRecovered(const ChainEnd& end, const Store& store);
  // The new term has begun with a record that ends there. It may be on the medium from now on.
  Result<void> OnTermBegun(const ChainEnd& end);
  // All is on the medium: what Persistence::Start promises.
  Result<void> OnStarted();

  // ---- a life
  using Hear = std::function<void(const DecodedRecord& record, const Model& before)>;
  // Encoded records right behind the ones before. `hear` is asked before each is applied.
  Result<void> OnRecords(std::string_view encoded, std::int64_t now_us, const Hear& hear);
  // All records so far are with the operating system.
  void OnWritten() { written_ = newest(); }
  // Something that rests on it is seen, or the node says so: it must really be on the medium.
  Result<void> MustBeSynced(Revision revision, std::string_view who);
  // Seen by a client: it must be there after every fall from now on.
  void OnPromised(Revision revision) { promised_ = std::max(promised_, revision); }
  // After every call to the disk: what stands there under which name.
  Result<void> CheckFiles();
  // The store that lives is what its records say.
  [[nodiscard]] Result<void> CheckStore(const Store& store) const;

  // The process has ended; with the power what the medium does not have is gone too.
  void OnFall(bool power_cut, std::int64_t now_us);

  // A start over a damaged copy of the disk has given this; it must have all up to `mark`.
  [[nodiscard]] Result<void> CheckCopy(const ChainEnd& end, const Store& store,
                                       Revision mark) const;

  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] Revision newest() const;
  // Up to there the medium has been looked at.
  [[nodiscard]] Revision synced() const { return synced_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }

 private:
  struct Item {
    ChainEnd end;
    std::string bytes;  // empty: of a start that may have failed
    std::int64_t made_us = 0;
  };

  [[nodiscard]] const Item* Find(Revision revision) const;
  [[nodiscard]] Result<Model> ModelAt(const ChainEnd& end) const;
  Result<void> CheckPrefix(const ChainEnd& end) const;
  Result<void> FindPosition();
  Result<void> CheckMark();
  Result<void> CheckSnapshots(const std::vector<std::string>& names);
  Result<void> CheckNeeded(const std::vector<std::string>& names) const;

  const SimDisk& data_;
  const SimDisk& log_;
  std::int64_t unsynced_max_us_ = 0;

  Model base_;  // everything up to base_end_, which is on the medium
  ChainEnd base_end_;
  std::deque<Item> history_;  // behind it
  Model model_;               // of all
  Revision written_;
  Revision promised_;
  Revision kept_;   // what no fall may take
  Revision floor_;  // what the next start must have: more, where the machine went on
  Term newest_term_;
  std::uint64_t records_ = 0;

  // Up to where the medium has been compared, and where that is.
  Revision synced_;
  Revision segment_;
  std::uint64_t offset_ = 0;
  std::set<std::string> snapshots_;  // that have been read
  std::string meta_;                 // the same
};

}  // namespace nunc
