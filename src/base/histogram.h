// Counts times in buckets that grow with them, so that millions of samples cost no memory.
//
// Shape:   2^SubBits linear buckets for each power of two, so a bucket is 1/2^SubBits of its
// value
//          wide; Percentile gives the middle of its bucket.
// Units:   the caller's; values over kValueMax count as that.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace nunc {

template <unsigned SubBits, unsigned Powers>
class Histogram {
 public:
  static constexpr std::uint64_t kSubCount = std::uint64_t{1} << SubBits;
  static constexpr std::uint64_t kValueMax = (kSubCount << Powers) - 1;

  // A negative one counts as zero.
  void Add(std::int64_t sample) {
    const auto value =
        std::min(sample > 0 ? static_cast<std::uint64_t>(sample) : std::uint64_t{0}, kValueMax);
    ++buckets_[BucketOf(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }

  // The value that `fraction` (0 to 1) of the samples do not exceed; 0 when there are none.
  [[nodiscard]] double Percentile(double fraction) const {
    const auto rank = static_cast<std::uint64_t>(fraction * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank) {
        return std::min(MiddleOf(i), static_cast<double>(max_));
      }
    }
    return static_cast<double>(max_);
  }

 private:
  static std::size_t BucketOf(std::uint64_t value) {
    if (value < kSubCount) {
      return value;
    }
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - SubBits - 1;
    return (shift + 1) * kSubCount + ((value >> shift) - kSubCount);
  }

  static double MiddleOf(std::size_t bucket) {
    if (bucket < kSubCount) {
      return static_cast<double>(bucket);
    }
    const std::uint64_t shift = bucket / kSubCount - 1;
    const std::uint64_t low = (kSubCount + bucket % kSubCount) << shift;
    return static_cast<double>(low) + static_cast<double>(std::uint64_t{1} << shift) / 2.0;
  }

  std::array<std::uint64_t, (Powers + 1) * kSubCount> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace nunc
