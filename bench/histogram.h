// Counts latencies in buckets of at most 1 % width, so that millions of samples cost no memory.
//
// Shape:   128 linear buckets for each power of two; Percentile() returns the middle of its bucket.
// Units:   nanoseconds in; 0 to about 36 minutes (longer ones count as the longest).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace nunc::bench {

class Histogram {
 public:
  void Add(std::int64_t value_ns) {
    const std::uint64_t value = value_ns > 0 ? static_cast<std::uint64_t>(value_ns) : 0;
    ++buckets_[BucketOf(std::min(value, kValueMax))];
    ++count_;
    max_ = std::max(max_, value);
  }

  void Reset() { *this = Histogram(); }
  [[nodiscard]] std::uint64_t Count() const { return count_; }
  [[nodiscard]] double MaxUs() const { return static_cast<double>(max_) / 1000.0; }

  // The value that `fraction` (0 to 1) of the samples do not exceed, in microseconds; 0 when empty.
  [[nodiscard]] double PercentileUs(double fraction) const {
    const auto rank = static_cast<std::uint64_t>(fraction * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank) return std::min(MiddleOf(i), static_cast<double>(max_)) / 1000.0;
    }
    return MaxUs();
  }

 private:
  static constexpr unsigned kSubBits = 7;
  static constexpr std::uint64_t kSubCount = std::uint64_t{1} << kSubBits;
  static constexpr unsigned kPowers = 34;
  static constexpr std::uint64_t kValueMax = (kSubCount << kPowers) - 1;

  static std::size_t BucketOf(std::uint64_t value) {
    if (value < kSubCount) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return (shift + 1) * kSubCount + ((value >> shift) - kSubCount);
  }

  static double MiddleOf(std::size_t bucket) {
    if (bucket < kSubCount) return static_cast<double>(bucket);
    const std::uint64_t shift = bucket / kSubCount - 1;
    const std::uint64_t low = (kSubCount + bucket % kSubCount) << shift;
    return static_cast<double>(low) + static_cast<double>(std::uint64_t{1} << shift) / 2.0;
  }

  std::array<std::uint64_t, (kPowers + 1) * kSubCount> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace nunc::bench
