// What the store must be after some records, kept the plainest way there is.
//
// Shape:   Apply in the order of the log; Difference says in words where a store is another one.
//          Knows nothing of how the store does it: two maps, and no code of core's but its names.
// Errors:  Apply: kDamaged, a record that does not fit those before it.
// Owner:   Oracle; copies are what a model was.
// Source:  docs/cluster.md §17.1; docs/formats.md (records).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/ids.h"
#include "core/record.h"
#include "core/store.h"

namespace nunc {

struct ModelEntry {
  std::string value{};
  std::uint32_t version = 0;
  bool in_conflict = false;
  bool removed = false;
  Lifetime lifetime{};
  Revision revision{};
  Revision removed_again{};  // newest removal that found nothing there
  Revision lived{};          // of the newest record about nothing but its lifetime
};

struct ModelDatabase {
  DatabaseId id{};
  std::string name{};
  Strategy strategy = Strategy::kNone;
  AckLevel level = AckLevel::kWritten;
  bool arbiter_seen = false;
  Revision newest{};  // of any key; what a listing rests on
  Revision secure{};  // of a `$$` key; what every answer rests on
  std::map<std::string, ModelEntry, std::less<>> entries{};

  // Null for a key that is not there, or removed.
  [[nodiscard]] const ModelEntry* Find(std::string_view key) const;
  // Must what is said of this key be on the medium before anyone hears of it?
  [[nodiscard]] bool IsGated(std::string_view key) const;
};

class Model {
 public:
  Model();

  Result<void> Apply(const Record& record);
  // Nothing when they are the same. Tombstones that the store has dropped are no difference where
  // its horizon says so.
  [[nodiscard]] std::optional<std::string> Difference(const Store& store) const;

  [[nodiscard]] const ModelDatabase* Find(std::string_view name) const;
  [[nodiscard]] const ModelDatabase* Find(DatabaseId id) const;
  // By id; the first one is `$admin`.
  [[nodiscard]] const std::map<std::uint32_t, ModelDatabase>& databases() const {
    return databases_;
  }
  // Whether anyone must wait for this record to be on the medium.
  [[nodiscard]] bool IsGated(const Record& record) const;

 private:
  void Create(const Record& record);
  static void ApplyItem(ModelDatabase& database, const RecordItem& item, Revision revision);

  std::map<std::uint32_t, ModelDatabase> databases_;
};

}  // namespace nunc
