// Where in a database a key stands, and what it is to become.
//
// Owner:   views and pointers hold until the database changes.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/database.h"
#include "core/ids.h"

namespace nunc {

struct Place {
  Database& database;
  std::string_view key{};
  std::uint64_t hash = 0;
  Entry* existing = nullptr;
  Revision previous{};  // of the entry or tombstone there
};

struct NewValue {
  std::string_view value{};
  std::uint32_t version = 0;
  bool in_conflict = false;
  Lifetime lifetime{};
};

// What a write of a transaction is going to do.
struct PlannedWrite {
  Place place;
  NewValue fresh{};
  bool removes = false;
};

}  // namespace nunc
