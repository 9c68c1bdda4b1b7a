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

void DeliveryTimes::AppendLines(const Figures& figures, std::string_view whose,
                                std::vector<std::string>& lines) {
  const auto append = [&](std::string_view what, const Times& times) {
    if (times.count() == 0) {
      return;
    }
    const auto at = [&times](double fraction) {
      return std::to_string(std::llround(times.Percentile(fraction)));
    };
    lines.push_back(std::string(what) + ' ' + std::string(whose) + " count " +
                    std::to_string(times.count()) + " p50_us " + at(0.5) + " p99_us " + at(0.99) +
                    " p99.9_us " + at(0.999) + " max_us " + std::to_string(times.max()));
  };
  append("sent", figures.sent);
  append("shown", figures.shown);
}

std::vector<std::string> DeliveryTimes::Lines(
    const std::function<std::string_view(DatabaseId)>& name_of) const {
  std::vector<std::string> lines;
  AppendLines(all_, "*", lines);
  for (const auto& [id, figures] : databases_) {
    AppendLines(figures, name_of(id), lines);
  }
  return lines;
}

}  // namespace nunc
