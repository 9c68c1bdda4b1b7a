// One way through the revisions of a database, shared by all watches of patterns that go on from
// near places: back to the oldest of these places, and forward again.
//
// Shape:   an entry finds the watches that want it by its prefixes, so the cost follows the changes
//          and what is told of them, however many watches there are. One joins as long as the way
//          goes back. One that has left (CatchUp::walk) is passed over.
// Limits:  kWalkWatchesMax, those that have left included: then another one begins.
// Owner:   its watches. It holds a place in the order of revisions from Start on.
// Source:  docs/delivery.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "core/catch_up.h"
#include "core/database.h"
#include "core/entry.h"
#include "core/ids.h"
#include "core/pattern_watches.h"

namespace nunc {

class DeltaWalk {
 public:
  // Its watches are an admin's, or rest in between, all or none.
  DeltaWalk(Database& database, bool admin, bool every)
      : database_(database), admin_(admin), every_(every) {}

  // It may have gone when no watch is left.
  [[nodiscard]] Database& database() const { return database_; }

  [[nodiscard]] bool admin() const { return admin_; }
  [[nodiscard]] bool every() const { return every_; }
  [[nodiscard]] bool goes_back() const { return goes_back_; }
  [[nodiscard]] bool CanBeJoined() const { return goes_back_ && members_.size() < kWalkWatchesMax; }
  // All up to there has been told to all of them.
  [[nodiscard]] Revision passed() const { return passed_; }
  void Pass(Revision revision) { passed_ = std::max(passed_, revision); }
  // As of when it started: of those that rest, what is behind this is for their next time.
  [[nodiscard]] Revision upto() const { return upto_; }
  // As of the last look at what its watches may have missed.
  Revision horizon{};

  // While it can be joined.
  void Join(const std::shared_ptr<DeltaWalk>& self, const std::shared_ptr<PatternWatch>& watch);
  // It goes on later from where the walk is; nothing to one that is in none.
  static void Leave(CatchUp& catch_up);
  // Once; then nothing.
  void Start();
  // Goes back no more when it stands where all of them may begin.
  void GoBack();
  [[nodiscard]] const Entry* Peek() const { return walk_->Peek(); }
  const Entry* Next() { return walk_->Next(); }

  // Those that want the key and have not left.
  template <class Visit>
  void ForEachMatch(std::string_view key, const Visit& visit) const {
    for (const std::size_t length : lengths_) {
      if (length > key.size()) {
        return;
      }
      const auto found = by_prefix_.find(key.substr(0, length));
      for (std::size_t i = 0; found != by_prefix_.end() && i < found->second.size(); ++i) {
        if (const std::shared_ptr<PatternWatch> watch = At(found->second[i]); watch != nullptr) {
          visit(*watch);
        }
      }
    }
  }
  // The first that has not left, in the order in which they have joined; null: none is left.
  std::shared_ptr<PatternWatch> First();
  // All that have not.
  [[nodiscard]] std::vector<std::shared_ptr<PatternWatch>> All() const;

 private:
  // Null: that has left, or has joined again.
  [[nodiscard]] std::shared_ptr<PatternWatch> At(std::size_t member) const;

  Database& database_;
  bool admin_;
  bool every_;
  bool goes_back_ = true;
  Revision from_{UINT64_MAX};  // the oldest place
  Revision passed_;
  Revision upto_;
  std::optional<RevisionWalk> walk_;
  std::vector<std::weak_ptr<PatternWatch>> members_;
  std::size_t first_ = 0;  // all before it have left
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_prefix_;
  std::set<std::size_t> lengths_;  // of these prefixes
};

}  // namespace nunc
