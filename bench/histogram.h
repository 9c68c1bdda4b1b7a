// Latencies of millions of samples, in buckets of at most 1 % width.
//
// Units:   nanoseconds in, microseconds out; 0 to about 36 minutes (longer ones count as the
//          longest).
#pragma once

#include <cstdint>

#include "base/histogram.h"

namespace nunc::bench {

class Histogram {
 public:
  void Add(std::int64_t value_ns) { ns_.Add(value_ns); }
  void Reset() { ns_ = {}; }
  [[nodiscard]] std::uint64_t Count() const { return ns_.count(); }
  [[nodiscard]] double MaxUs() const { return static_cast<double>(ns_.max()) / kNsPerUs; }
  // As nunc::Histogram's.
  [[nodiscard]] double PercentileUs(double fraction) const {
    return ns_.Percentile(fraction) / kNsPerUs;
  }

 private:
  static constexpr double kNsPerUs = 1000.0;
  nunc::Histogram<7, 34> ns_;
};

}  // namespace nunc::bench
