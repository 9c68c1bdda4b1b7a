// What a watcher over NQL was told, change by change, whatever the cuts between reads.
//
// Shape:   Feed(bytes just read) calls back with each whole line. ChangeOf() reads one.
// Errors:  none; a line that tells of no change is nullopt.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nunc::bench {

class LineReader {
 public:
  void Feed(std::string_view bytes, const std::function<void(std::string_view)>& on_line);

 private:
  std::string rest_;
};

struct ToldChange {
  std::string_view key;
  std::string_view value;
};

// Of a line `changed-version KEY VERSION VALUE`, the second one of each change.
std::optional<ToldChange> ChangeOf(std::string_view line);

// The changes of a run go round its keys, so the newest of each key are the last `keys` of all.
// Whether `told` goes up and ends with exactly these.
bool EndsWithNewestOfEachKey(std::span<const std::uint64_t> told, std::uint64_t newest,
                             std::uint32_t keys);

}  // namespace nunc::bench
