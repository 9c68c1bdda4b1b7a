// Goes through everything in the store up to a revision, in pieces, while the store changes.
//
// Shape:   Next tells a database, then its entries and tombstones in revision order, then what it
//          has in the retry table by session (where one is empty, there is nothing to keep), then
//          the next database. What changes meanwhile has moved beyond the revision and is left
//          out: who walks gets it from the log. A database that is dropped meanwhile is told
//          without the rest of its entries: records of it, up to its drop, stand in that log.
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
  using Item = std::variant<std::monostate, DatabaseState, EntryState, RetryState>;
  // monostate: that was all.
  Item Next();

 private:
  std::optional<RetryState> NextRetries();

  Store& store_;
  Revision up_to_;
  struct Planned {
    DatabaseState state;  // its name's view is empty
    std::string name;
  };
  std::vector<Planned> databases_;
  std::size_t position_ = 0;
  std::optional<RevisionWalk> walk_;            // of databases_[position_ - 1]
  std::optional<std::uint64_t> after_session_;  // of the same one: the last that was told
};

}  // namespace nunc
