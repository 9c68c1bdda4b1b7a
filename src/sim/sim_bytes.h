// The bytes of one file: as the process sees them, and as the medium holds them.
//
// Shape:   every change is seen at once and stays pending until Sync. A power cut keeps some of the
//          pending changes, sector by sector: a sector holds what it was after one of the changes
//          to it, as a write back of a page would leave it, and sectors do not wait for each other.
//          The length follows the changes in their order, apart from the bytes: a sector that was
//          not kept reads as what was there before, or as zeros.
// Units:   bytes; `sequence` orders the changes of a whole device.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"

namespace nunc {

inline constexpr std::uint64_t kSectorBytes = 512;

// What a power cut keeps of what was not synced.
enum class Keep : std::uint8_t {
  kNothing,
  kAll,
  kPrefix,  // what came before some point, the change at that point torn
  kAny,     // each sector, each name on its own
};

class SimBytes {
 public:
  void Write(std::uint64_t sequence, std::uint64_t offset, std::string_view bytes);
  // At least that long.
  void Extend(std::uint64_t sequence, std::uint64_t size);
  void Truncate(std::uint64_t sequence);

  void Sync();
  // A sync failed: what was pending is seen as before, and never reaches the medium.
  void ForgetPending();
  // `cut` is the first sequence that kPrefix does not keep as a whole.
  void Crash(Keep keep, std::uint64_t cut, Prng& prng);

  // For tests, of both views at once: rot on the medium, and a file made by hand.
  void FlipBit(std::uint64_t bit);
  void Replace(std::string_view bytes);

  [[nodiscard]] const std::string& seen() const { return seen_; }
  [[nodiscard]] const std::string& durable() const { return durable_; }
  void AddPending(std::vector<std::uint64_t>& sequences) const;

 private:
  enum class Kind : std::uint8_t { kWrite, kExtend, kTruncate };

  struct Change {
    Kind kind = Kind::kWrite;
    std::uint64_t sequence = 0;
    std::uint64_t offset = 0;
    std::uint64_t end = 0;  // the file has at least this length after it
    std::string bytes;
  };

  void Add(Change change);
  static void Apply(const Change& change, std::string& content);
  static void ApplySectors(const Change& change, std::uint64_t first, std::uint64_t end,
                           std::string& content);
  [[nodiscard]] std::string KeepPrefix(std::uint64_t cut, Prng& prng) const;
  [[nodiscard]] std::string KeepAny(Prng& prng) const;

  std::string seen_;
  std::string durable_;
  std::vector<Change> pending_;
};

}  // namespace nunc
