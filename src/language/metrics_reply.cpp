#include "language/metrics_reply.h"

#include <cstdio>
#include <string_view>

#include "language/json.h"

namespace nunc {
namespace {

// As existing monitoring reads it: at least one digit behind the point.
void AppendDecimal(std::string& out, double number) {
  char text[40];
  const int length = std::snprintf(text, sizeof(text), "%.3f", number);
  std::string_view shown(text, static_cast<std::size_t>(length));
  while (shown.ends_with('0') && !shown.ends_with(".0")) {
    shown.remove_suffix(1);
  }
  out.append(shown);
}

}  // namespace

// There is no peer, so their figures are what they are: nothing.
void AppendMetricsText(std::string& out, const Counters& counters) {
  out += "metrics-state pending_ops: 0, op_log_file_size: " + std::to_string(counters.log_bytes) +
         ", op_log_count: " + std::to_string(counters.log_records) +
         ",replication_time_moving_avg: 0.0, get_query_time_moving_avg: ";
  AppendDecimal(out, counters.query_time_ms_average);
  out += "\n\n";
}

void AppendMetricsJson(std::string& out, const Counters& counters,
                       std::span<const Output::Row> rows) {
  out += "{\"commands\":" + std::to_string(counters.commands) + ",\"query_ms\":";
  AppendDecimal(out, counters.query_time_ms_average);
  out += ",\"oplog_bytes\":" + std::to_string(counters.log_bytes) +
         ",\"oplog_records\":" + std::to_string(counters.log_records) + ",\"delivery\":[";
  bool first = true;
  for (const Output::Row& row : rows) {
    if (row.detail.empty()) {
      out.append(",\"").append(row.name).append("\":");
    } else {
      out.append(first ? "" : "},").append("{\"what\":\"").append(row.name);
      out += "\",\"database\":";
      AppendJsonString(out, row.detail);
      out += ",\"count\":";
      first = false;
    }
    out += std::to_string(row.version);
  }
  out += first ? "]}" : "}]}";
}

}  // namespace nunc
