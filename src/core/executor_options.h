// What an executor is told once, when it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "core/cluster_admin.h"
#include "core/command.h"
#include "core/record.h"

namespace nunc {

// What a record may need beyond keys, names and values of the command: fields, the keys and texts
// around a conflict, one decided before.
inline constexpr std::size_t kRecordBytesAround = kKeyBytesMax + 2'048;

struct ExecutorOptions {
  std::string user;
  std::string password;
  std::string address;             // as `cluster-state` names this node
  std::int64_t start_time_ms = 0;  // as `debug process-info` shows it
  std::uint64_t hash_seed = 0;
  std::size_t value_bytes_max = 0;
  AckLevel ack_default = AckLevel::kWritten;
  std::size_t memory_bytes_max = SIZE_MAX;  // of all entries; beyond it writes are refused
  std::size_t catch_up_entries_per_turn = kCatchUpEntriesPerTurn;
  std::size_t watches_ended_per_turn = kWatchesEndedPerTurn;
  std::size_t all_bytes_max = kAllBytesMax;
  ClusterAdmin* cluster = nullptr;       // null: the node is a member of none
  std::int64_t token_wait_us = 500'000;  // how long a command waits for what is not here yet
  bool forwards = false;                 // writes go to the primary, where another node is
  // Of ValueEdit::source; null: such commands cannot be run for other nodes.
  std::unique_ptr<ValueEdit> (*make_edit)(std::string_view source) = nullptr;
  bool has_log = false;  // false: nothing is kept, nothing can be waited for
};

}  // namespace nunc
