// One JSON object on one line: what a run of the generator prints.
#pragma once

#include <cstdint>
#include <ostream>
#include <sstream>
#include <string_view>

#include "histogram.h"

namespace nunc::bench {

class Report {
 public:
  void Add(std::string_view name, double value) { Name(name) << value; }
  void Add(std::string_view name, std::uint64_t value) { Name(name) << value; }
  // `json` is an array or object that is already text.
  void AddJson(std::string_view name, std::string_view json) { Name(name) << json; }
  void AddLatency(const Histogram& latency) {
    Add("samples", latency.Count());
    Add("p50_us", latency.PercentileUs(0.50));
    Add("p99_us", latency.PercentileUs(0.99));
    Add("p999_us", latency.PercentileUs(0.999));
    Add("max_us", latency.MaxUs());
  }
  [[nodiscard]] std::string Text() const { return "{" + out_.str() + "}"; }

 private:
  std::ostream& Name(std::string_view name) {
    if (out_.tellp() > 0) out_ << ", ";
    out_.precision(12);
    return out_ << '"' << name << "\": ";
  }

  std::ostringstream out_;
};

}  // namespace nunc::bench
