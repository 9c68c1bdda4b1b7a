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
#include <functional>
#include <map>
#include <string>
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

  // A line each: what, of which database, and the figures.
  [[nodiscard]] std::vector<std::string> Lines(
      const std::function<std::string_view(DatabaseId)>& name_of) const;
  [[nodiscard]] std::size_t measured() const { return databases_.size(); }

 private:
  using Times = Histogram<4, 28>;  // up to 71 minutes
  struct Figures {
    Times sent;
    Times shown;
  };

  Figures* FiguresOf(DatabaseId database);
  static void AppendLines(const Figures& figures, std::string_view whose,
                          std::vector<std::string>& lines);

  Figures all_;
  std::map<DatabaseId, Figures> databases_;
  // Most changes are of the database that the one before was of.
  DatabaseId newest_{};
  Figures* newest_figures_ = nullptr;
};

}  // namespace nunc
