#include "core/delivery_times.h"

#include <cmath>

#include "base/limits.h"

namespace nunc {

DeliveryTimes::Figures* DeliveryTimes::FiguresOf(DatabaseId database) {
  if (newest_figures_ != nullptr && newest_ == database) {
    return newest_figures_;
  }
  auto found = databases_.find(database);
  if (found == databases_.end()) {
    if (database == DatabaseId{} || databases_.size() >= kMeasuredDatabasesMax) {
      return nullptr;
    }
    found = databases_.try_emplace(database).first;
  }
  newest_ = database;
  newest_figures_ = &found->second;
  return newest_figures_;
}

void DeliveryTimes::Sent(DatabaseId database, std::int64_t us) {
  all_.sent.Add(us);
  if (Figures* figures = FiguresOf(database); figures != nullptr) {
    figures->sent.Add(us);
  }
}

void DeliveryTimes::Shown(DatabaseId database, std::int64_t us) {
  if (us < 0 || us > kShownUsMax) {
    return;
  }
  all_.shown.Add(us);
  if (Figures* figures = FiguresOf(database); figures != nullptr) {
    figures->shown.Add(us);
  }
}

void DeliveryTimes::Forget(DatabaseId database) {
  databases_.erase(database);
  newest_figures_ = nullptr;
}

void DeliveryTimes::AppendSummaries(const Figures& figures, DatabaseId database,
                                    std::vector<Summary>& summaries) {
  const auto append = [&](std::string_view what, const Times& times) {
    if (times.count() == 0) {
      return;
    }
    const auto at = [&times](double fraction) {
      return static_cast<std::int64_t>(std::llround(times.Percentile(fraction)));
    };
    summaries.push_back({.what = what,
                         .database = database,
                         .count = times.count(),
                         .p50_us = at(0.5),
                         .p99_us = at(0.99),
                         .p999_us = at(0.999),
                         .max_us = static_cast<std::int64_t>(times.max())});
  };
  append("sent", figures.sent);
  append("shown", figures.shown);
}

std::vector<DeliveryTimes::Summary> DeliveryTimes::Summaries() const {
  std::vector<Summary> summaries;
  AppendSummaries(all_, {}, summaries);
  for (const auto& [id, figures] : databases_) {
    AppendSummaries(figures, id, summaries);
  }
  return summaries;
}

}  // namespace nunc
