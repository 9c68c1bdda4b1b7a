// Holds what a node does to keys by itself against how long they may live.
//
// Shape:   fed each record and told when a turn begins and a session ends; a term begins with what
//          the model of the log says. Answers with what is broken; empty: fine.
//            early  a key goes by itself before its time, or though its session is there
//            late   one is there still when a turn has begun behind its time
//            grace  a key whose session has ended is given another time than its grace
// Units:   microseconds; of the monotonic clock where they say when.
// Owner:   WatchWorld, World.
// Source:  docs/language.md (keys that expire); docs/cluster.md §7.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/ids.h"
#include "core/record.h"
#include "sim/model.h"

namespace nunc {

class LifetimeOracle {
 public:
  // All sessions of before have ended.
  void Begin(const Model& model, std::int64_t mono_us, std::int64_t log_us);
  void OnSessionEnded(std::uint64_t owner) { ended_.insert(owner); }

  enum class By : std::uint8_t { kClient, kNode };
  [[nodiscard]] std::string OnRecord(const Record& record, std::int64_t mono_us, By by);
  // One has begun; it had room for all that was to be done.
  [[nodiscard]] std::string OnTurn(std::int64_t mono_us);
  // Of the first that is to go; none: nothing is.
  [[nodiscard]] std::optional<std::int64_t> next_us() const;

 private:
  using Place = std::pair<std::uint32_t, std::string>;
  struct Life {
    Lifetime lifetime{};
    std::int64_t due_us = 0;
  };
  // Log time may be ahead of the wall clock by a microsecond for each record of a turn.
  static constexpr std::int64_t kSlackUs = 5'000;

  [[nodiscard]] std::string Judge(const Record& record, const RecordItem& item,
                                  std::int64_t mono_us) const;
  void Note(const Place& place, const Lifetime& lifetime, std::int64_t due_us);

  std::map<Place, Life> lives_;
  std::set<std::uint64_t> ended_;
};

}  // namespace nunc
