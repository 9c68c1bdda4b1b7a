// Goes through everything in the store up to a revision, in pieces, while the store changes.
//
// Shape:   Next tells a database, then its entries and tombstones in revision order, then the next
//          database. What changes meanwhile has moved beyond the revision and is left out: who
//          walks gets it from the log. A database that is dropped meanwhile is told of, so
//          that the log's drop finds it, and ends.
//          The log's mark of a key that has come to wait for an arbiter has no value, so such keys
//          follow behind the others of their database, as of the revision.
// Owner:   whoever takes a snapshot; loop thread only. The store outlives it.
// Source:  docs/cluster.md §11.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/entry.h"
#include "core/ids.h"
#include "core/record.h"
#include "core/store.h"

namespace nunc {

class StoreWalk {
 public:
  // `only`: that database alone; zero: all there are now.
  StoreWalk(Store& store, Revision up_to, DatabaseId only = {});

  // Views are valid until the store changes.
  using Item = std::variant<std::monostate, DatabaseState, EntryState>;
  // monostate: that was all.
  Item Next();

 private:
  Store& store_;
  Revision up_to_;
  struct Told {
    DatabaseState state;  // as it was at the beginning; its name is `name`
    std::string name;
  };
  std::vector<Told> databases_;
  std::size_t position_ = 0;
  [[nodiscard]] EntryState StateOf(const Entry& entry) const;
  void NoteWaiting();
  const Entry* NextWaiting();

  std::optional<RevisionWalk> walk_;  // of databases_[position_ - 1]
  std::vector<std::string> waiting_;  // keys of it with open conflicts; the last one comes first
};

}  // namespace nunc
