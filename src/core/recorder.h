// The records of the running command, and what its replies rest on.
//
// Shape:   Begin, then what the command does: For gives the record that its changes of one database
//          share, New begins one of another kind; Need notes what a reply has shown. Finish ties
//          the items to their records and writes into each reply what it must wait for.
// Units:   room in bytes of records.
// Owner:   Executor; the store and the time are the executor's.
// Source:  docs/architecture.md §4.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/database.h"
#include "core/ids.h"
#include "core/output.h"
#include "core/recent_writes.h"
#include "core/session.h"
#include "core/store.h"

namespace nunc {

class Recorder {
 public:
  Recorder(Store& store, const Now& now) : store_(store), now_(now) {}

  void Begin(const Session& session);
  // What the node does by itself.
  void Begin() {
    Close();
    session_ = nullptr;
    needed_ = {};
    retry_ = {};
  }
  // The last record of the command bears it: that of its own write.
  void SetRetry(const RetryId& retry) { retry_ = retry; }
  void Finish(Output& output);

  // The stamp of the record that the command is making for `database`; begins it.
  Store::Stamp For(const Database& database, Output& output);
  Store::Stamp New(const Record& record, Output& output);
  // One of another node.
  void NoteForeign(const Store::Stamp& stamp);
  // What comes next is a record of its own.
  void Close() { database_ = {}; }
  // Of the newest record.
  [[nodiscard]] const Store::Stamp& stamp() const { return stamp_; }
  // Of the record that is being made; zero: none is.
  [[nodiscard]] Revision open() const {
    return database_ == DatabaseId{} ? Revision{} : stamp_.revision;
  }

  void Need(Revision revision) { needed_ = std::max(needed_, revision); }
  // What is shown of several keys rests on all of them, and on what is not among them any more.
  void NeedListing(const Database& database);

  [[nodiscard]] const RecentWrites& recent() const { return recent_; }

  // So many bytes of records are sure to find a place.
  void SetRoom(std::size_t bytes) { room_ = bytes; }
  [[nodiscard]] bool HasRoom(std::size_t bytes) const { return bytes <= room_; }

 private:
  Store& store_;
  const Now& now_;
  std::size_t room_ = SIZE_MAX;
  Revision needed_;                   // by what the running command has shown
  const Session* session_ = nullptr;  // whose command runs; null: the server's own doing
  RetryId retry_;
  RecentWrites recent_;
  DatabaseId database_{};  // whose record is being made; zero: nobody's
  Store::Stamp stamp_;
};

}  // namespace nunc
