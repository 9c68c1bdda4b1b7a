// A part of a backup of one database, to be put into a database of this server.
//
// Shape:   the first part makes the database, with a token that opens nothing; it is finished with
//          the part that brings its `$$token`. Later parts name the id of what the first one has
//          made, so that two restores under one name do not mix.
// Owner:   all views belong to whoever made it.
// Source:  docs/backup.md.
#pragma once

#include <string_view>
#include <vector>

#include "core/record.h"

namespace nunc {

struct Imported {
  std::string_view name{};            // of the database here
  bool unreadable = false;            // the bytes were not such a part
  DatabaseId id{};                    // of a later part
  bool begins = false;                // the first part
  bool gives_up = false;              // no part follows: the database goes away
  DatabaseState state{};              // as it was in the backup
  std::vector<EntryState> entries{};  // no tombstones
};

}  // namespace nunc
