// One change of the store as the op log keeps it: results, never intentions.
//
// Shape:   a record is one revision: one key, several keys that changed as one, or a change of the
//          databases themselves. The executor says what it did in these words, and is told in the
//          same words what to do by recovery (later by replication).
// Owner:   all views belong to whoever made the record.
// Source:  docs/cluster.md §4; docs/formats.md has the bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/ids.h"

namespace nunc {

enum class RecordType : std::uint8_t {
  kSet = 1,
  kRemove = 2,
  kBatch = 3,
  kCreateDatabase = 4,
  kDropDatabase = 5,
  kNoop = 6,
  kConfig = 7,   // members of a cluster
  kMark = 8,     // a key waits for an arbiter; its value stays
  kArbiter = 9,  // an arbiter has registered: from now on conflicts are queued, not refused
  kExpire = 10,  // how long a key lives; its value stays
};

// What a write that names an older version than the stored one does.
enum class Strategy : std::uint8_t {
  kNone = 0,     // it is refused
  kNewer = 1,    // it wins, being the later one
  kArbiter = 2,  // a client decides (conflicts.h)
};

// What must have happened to a change before anyone may see it; fixed when a database is made.
enum class AckLevel : std::uint8_t {
  kWritten = 0,  // with the operating system
  kDisk = 1,     // synced
  kQuorum = 2,   // final: a majority of the voters has it synced; alone the same as kDisk
};

// Nobody sees a change at that level before the node's log has come so far (Node's LogSynced).
constexpr bool WaitsForLog(AckLevel level) {
  return level != AckLevel::kWritten;
}

// How long a key lives: for ever, until a time, or with a session and so much longer, which becomes
// a time when the session ends.
struct Lifetime {
  std::int64_t expires_us = 0;  // log time: since 1970; 0: not by time
  std::uint64_t owner = 0;      // the session; 0: none
  std::int64_t grace_us = 0;    // of a key with an owner

  [[nodiscard]] bool empty() const { return expires_us == 0 && owner == 0; }
  friend bool operator==(const Lifetime&, const Lifetime&) = default;
};

// No sum of a time up to here and a wall clock overflows. A decoder refuses others.
inline constexpr std::int64_t kExpiresUsMax = std::int64_t{1} << 60;

// What one key became. Of kSet, kRemove, kMark and kExpire.
struct RecordItem {
  RecordType type = RecordType::kSet;
  std::string_view key{};
  std::string_view value{};   // of kSet
  std::uint32_t version = 0;  // the key's after this record
  bool in_conflict = false;   // of kSet; a kMark always is
  Lifetime lifetime{};        // of kSet and kExpire
  Revision previous{};        // revision of the key before; zero: there was none
};

// Of kCreateDatabase.
struct DatabaseSpec {
  std::string_view name{};
  std::string_view token{};
  Strategy strategy = Strategy::kNone;
  AckLevel level = AckLevel::kWritten;
};

// Which write of a client's session a record is, so that it is known when it comes again. A session
// of 0: of none.
struct RetryId {
  std::uint64_t session = 0;   // SessionName::owner
  std::uint64_t sequence = 0;  // 1 and up, rising within the session
  bool begins = false;         // it is the first one of the session in that database

  friend bool operator==(const RetryId&, const RetryId&) = default;
};

struct Record {
  RecordType type = RecordType::kNoop;
  DatabaseId database{};  // of kCreateDatabase the new one's; zero where none is meant
  Revision revision{};
  std::int64_t time_us = 0;             // since 1970; later than that of any record before
  std::span<const RecordItem> items{};  // of those of one key: one; kBatch: all of it
  DatabaseSpec spec{};
  std::string_view members{};  // of kConfig: opaque here
  RetryId retry{};             // of those of keys
};

// What a snapshot or a backup says of one database, before its entries.
struct DatabaseState {
  DatabaseId id{};
  std::string_view name{};
  Strategy strategy = Strategy::kNone;
  AckLevel level = AckLevel::kWritten;
  bool arbiter_seen = false;
  Revision horizon{};  // newest revision of a dropped tombstone
};

// One entry or tombstone, as a snapshot has it: in revision order within its database.
struct EntryState {
  std::string_view key{};
  std::string_view value{};
  std::uint32_t version = 0;
  bool removed = false;
  bool in_conflict = false;
  Lifetime lifetime{};
  Revision revision{};
  std::int64_t removed_at_us = 0;  // of a removed one: the time of its record
};

}  // namespace nunc
