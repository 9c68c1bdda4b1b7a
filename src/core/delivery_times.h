// How long changes take: from their commit to the kernel, and as far as a client says, to a screen.
//
// Shape:   two histograms for the server and two for each database that was measured.
// Units:   microseconds.
// Limits:  kMeasuredDatabasesMax; what is of one more counts for the server alone.
// Owner:   Node; the driver tells it what it has sent. Measured, so no part of what Step decides.
// Source:  docs/operations.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "base/histogram.h"
#include "core/ids.h"

namespace nunc {

class DeliveryTimes {
 public:
  // A write handed the kernel a change of that database, so long after its commit.
  void Sent(DatabaseId database, std::int64_t us);
  // A client has shown a change; one that says nonsense is passed over.
  void Shown(DatabaseId database, std::int64_t us);
  void Forget(DatabaseId database);

  struct Summary {
    std::string_view what;  // sent, shown
    DatabaseId database{};  // zero: of all
    std::uint64_t count = 0;
    std::int64_t p50_us = 0;
    std::int64_t p99_us = 0;
    std::int64_t p999_us = 0;
    std::int64_t max_us = 0;
  };
  // Of what there is any; those of all first.
  [[nodiscard]] std::vector<Summary> Summaries() const;
  [[nodiscard]] std::size_t measured() const { return databases_.size(); }

 private:
  using Times = Histogram<4, 28>;  // up to 71 minutes
  struct Figures {
    Times sent;
    Times shown;
  };

  Figures* FiguresOf(DatabaseId database);
  static void AppendSummaries(const Figures& figures, DatabaseId database,
                              std::vector<Summary>& summaries);

  Figures all_;
  std::map<DatabaseId, Figures> databases_;
  // Most changes are of the database that the one before was of.
  DatabaseId newest_{};
  Figures* newest_figures_ = nullptr;
};

}  // namespace nunc
